package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
)

// RunBackfill moves a backfill on until it has ended: whenever one of its runs
// has ended or somebody has changed it, and every few minutes. Its runs are not
// its children, so it can continue as new at any time.
func RunBackfill(ctx workflow.Context, in activities.BackfillRef) (bine.BackfillState, error) {
	for {
		var now activities.Advanced
		if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, look), backfills.AdvanceBackfill, in).Get(ctx, &now); err != nil {
			return "", err
		}
		if now.State.Ended() {
			return now.State, nil
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return "", workflow.NewContinueAsNewError(ctx, RunBackfillName, in)
		}
		if err := rest(ctx, max(shortestRest, activities.Seconds(now.Again))); err != nil {
			return "", err
		}
	}
}
