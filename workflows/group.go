package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
)

// RunGroupInput names some items of a fan-out, by their place in its list.
type RunGroupInput struct {
	activities.StepRef
	Step         plan.Step `json:"plan"`
	From         int       `json:"from"`
	Count        int       `json:"count"` // at most groupSize
	GraceSeconds float64   `json:"grace_seconds"`
}

// openItems is how many items of a group are in progress at once where the
// fan-out sets no limit: the SDK's local activities slow down beyond it.
const openItems = 100

// RunGroup runs some items of a fan-out, each identified by its key. How the
// items ended is in the ledger.
func RunGroup(ctx workflow.Context, in RunGroupInput) error {
	ctx = workflow.WithLocalActivityOptions(ctx, ledger)
	var keys []string
	list := activities.ListItemsInput{StepRef: in.StepRef, From: in.From, Count: in.Count}
	if err := workflow.ExecuteLocalActivity(ctx, runs.ListItems, list).Get(ctx, &keys); err != nil {
		return err
	}
	parallel := openItems
	if in.Step.MaxParallel > 0 {
		parallel = min(parallel, in.Step.MaxParallel)
	}
	window, wait := workflow.NewSemaphore(ctx, int64(parallel)), workflow.NewWaitGroup(ctx)
	for _, ref := range itemRefs(in, keys) {
		if window.Acquire(ctx, 1) != nil {
			break
		}
		wait.Add(1)
		workflow.GoNamed(ctx, ref.Item, func(ctx workflow.Context) {
			defer wait.Done()
			defer window.Release(1)
			doStep(ctx, ref, in.Step, in.GraceSeconds)
		})
	}
	wait.Wait(ctx)
	return ctx.Err()
}

// itemRefs names each item, or each batch of items by the first key in it.
func itemRefs(in RunGroupInput, keys []string) []activities.StepRef {
	var refs []activities.StepRef
	size := max(1, in.Step.Batch)
	for from := 0; from < len(keys); from += size {
		ref := in.StepRef
		if size == 1 {
			ref.Item = keys[from]
		} else {
			ref.Items = keys[from:min(from+size, len(keys))]
			ref.Item = "batch@" + keys[from]
		}
		refs = append(refs, ref)
	}
	return refs
}
