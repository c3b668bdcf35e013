package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
)

// ProgressQuery asks a RunTransfer how far it was when it last looked.
const ProgressQuery = "progress"

// RunTransfer copies between a connector and the project's files until that has
// come to its end. Each activity copies for some minutes and keeps its place in
// the rows, so that the history stays short however many files there are.
func RunTransfer(ctx workflow.Context, in activities.TransferRef) (bine.TransferState, error) {
	var now activities.Moved
	if err := workflow.SetQueryHandler(ctx, ProgressQuery, func() (activities.Moved, error) { return now, nil }); err != nil {
		return "", err
	}
	for {
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, moving), transfers.MoveTransfer, in).Get(ctx, &now)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if err != nil {
			given := activities.GaveUp{TransferRef: in, Reason: activities.Message(err)}
			if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, quick), transfers.GiveUpTransfer, given).Get(ctx, &now); err != nil {
				return "", err
			}
		}
		if now.State.Ended() {
			return now.State, nil
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return "", workflow.NewContinueAsNewError(ctx, RunTransferName, in)
		}
	}
}
