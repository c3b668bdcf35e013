package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
)

// RunGroupInput names some items of a fan-out, by their place in its list.
type RunGroupInput struct {
	activities.StepRef
	Step  plan.Step `json:"plan"`
	From  int       `json:"from"`
	Count int       `json:"count"` // at most GroupSize
	// Chain holds the steps that follow the items one by one. Per is 1 for those
	// that follow Step, and 1 more than their place in the chain for others, from 1.
	Chain        []plan.Step `json:"chain,omitempty"`
	GraceSeconds float64     `json:"grace_seconds"`
}

// openItems is how many items of a group are in progress at once where the
// fan-out sets no limit: the SDK's local activities slow down beyond it.
const openItems = 100

// fanOut does every item of a step, which is the first of chain; the others
// follow its items. It gives how each of them ended.
func fanOut(ctx workflow.Context, ref activities.StepRef, chain []plan.Step, grace float64) []activities.Outcome {
	limited := within(ctx, chain[0].Total)
	defer limited.cancel()
	refs := make([]activities.StepRef, len(chain))
	ends := make([]activities.Outcome, len(chain))
	open, items := 0, 0
	for k, step := range chain {
		refs[k] = ref
		refs[k].Step = step.Name
		if k > 0 && ends[0].State != "" && !ends[0].State.OK() {
			reason := fmt.Sprintf("step %s is %s", chain[0].Name, ends[0].State)
			ends[k] = settle(ctx, refs[k], activities.Outcome{State: bine.Skipped, Reason: reason})
			continue
		}
		todo, err := resolve(limited.ctx, refs[k])
		switch {
		case err != nil:
			ends[k] = settle(ctx, refs[k], limited.verdict(ended(ctx, err)))
		case todo.State.Ended():
			ends[k] = activities.Outcome{State: todo.State, Reason: todo.Reason}
		default:
			open++
		}
		items = max(items, todo.Items)
	}
	if open == 0 {
		return ends
	}
	runGroups(limited.ctx, ref, chain, items, grace)
	for k := range chain {
		if ends[k].State == "" {
			ends[k] = gather(ctx, limited, refs[k])
		}
	}
	return ends
}

// runGroups runs the items of a chain in groups.
func runGroups(ctx workflow.Context, ref activities.StepRef, chain []plan.Step, items int, grace float64) {
	groups := openGroups
	for _, step := range chain {
		if step.MaxParallel > 0 {
			groups = 1 // so that the limit holds over all items
		}
	}
	window, wait := workflow.NewSemaphore(ctx, int64(groups)), workflow.NewWaitGroup(ctx)
	size := groupOf(chain)
	for from := 0; from < items && ctx.Err() == nil; from += size {
		if window.Acquire(ctx, 1) != nil {
			break
		}
		in := RunGroupInput{StepRef: ref, Step: chain[0], From: from, Count: min(size, items-from), Chain: chain[1:], GraceSeconds: grace}
		id := GroupWorkflowID(ref.Project, ref.Run, ref.Step, from)
		future := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, child(id)), RunGroupName, in)
		wait.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wait.Done()
			defer window.Release(1)
			if err := future.Get(ctx, nil); err != nil && !temporal.IsCanceledError(err) {
				workflow.GetLogger(ctx).Error("group ended badly", "step", ref.Step, "error", err)
			}
		})
	}
	wait.Wait(ctx)
}

// gather sums the items of a fan-out up.
func gather(ctx workflow.Context, limited *limit, ref activities.StepRef) activities.Outcome {
	if limited.ctx.Err() != nil {
		return settle(ctx, ref, limited.verdict(activities.Outcome{State: bine.Cancelled, Reason: "cancelled"}))
	}
	var out activities.Outcome
	if err := workflow.ExecuteLocalActivity(about(ctx, ref), runs.GatherItems, ref).Get(ctx, &out); err != nil {
		return settle(ctx, ref, ended(ctx, err))
	}
	return out
}

// groupOf is how many items of a fan-out one group runs: whole batches only, as
// a batch is known by its first item, and the fewer the longer the chain is.
func groupOf(chain []plan.Step) int {
	batch := max(1, chain[0].Batch)
	return batch * max(1, GroupSize/batch/len(chain))
}

// RunGroup runs some items of a fan-out, each identified by its key, and what
// follows each of them. How the items ended is in the ledger.
func RunGroup(ctx workflow.Context, in RunGroupInput) error {
	ctx = workflow.WithLocalActivityOptions(ctx, ledger)
	var keys []string
	list := activities.ListItemsInput{StepRef: in.StepRef, From: in.From, Count: in.Count}
	if err := workflow.ExecuteLocalActivity(ctx, runs.ListItems, list).Get(ctx, &keys); err != nil {
		return err
	}
	g := newGroup(ctx, in)
	for _, ref := range itemRefs(in, keys) {
		if g.open.Acquire(ctx, 1) != nil {
			break
		}
		if g.windows[0].Acquire(ctx, 1) != nil {
			break
		}
		g.wait.Add(1)
		workflow.GoNamed(ctx, ref.Item, func(ctx workflow.Context) {
			defer g.wait.Done()
			defer g.open.Release(1)
			end := doStep(ctx, ref, in.Step, in.GraceSeconds)
			g.windows[0].Release(1)
			g.follow(ctx, ref, 1, end)
		})
	}
	g.wait.Wait(ctx)
	return ctx.Err()
}

// group is the state of a RunGroup.
type group struct {
	in      RunGroupInput
	open    workflow.Semaphore   // items in progress, with all that follows them
	windows []workflow.Semaphore // of each step of the chain
	wait    workflow.WaitGroup
}

func newGroup(ctx workflow.Context, in RunGroupInput) *group {
	g := &group{in: in, open: workflow.NewSemaphore(ctx, openItems), wait: workflow.NewWaitGroup(ctx)}
	for _, step := range append([]plan.Step{in.Step}, in.Chain...) {
		parallel := openItems
		if step.MaxParallel > 0 {
			parallel = min(parallel, step.MaxParallel)
		}
		g.windows = append(g.windows, workflow.NewSemaphore(ctx, int64(parallel)))
	}
	return g
}

// follow does what follows an item of the step at a place, which ended so.
func (g *group) follow(ctx workflow.Context, item activities.StepRef, place int, end activities.Outcome) {
	wait := workflow.NewWaitGroup(ctx)
	for k, step := range g.in.Chain {
		if step.Per != place {
			continue
		}
		ref := item
		ref.Step = step.Name
		wait.Add(1)
		workflow.GoNamed(ctx, string(step.Name)+"/"+ref.Item, func(ctx workflow.Context) {
			defer wait.Done()
			g.follow(ctx, ref, k+2, g.one(ctx, ref, k, end))
		})
	}
	wait.Wait(ctx)
}

// one does one item of a step of the chain, where the item that it follows has
// succeeded.
func (g *group) one(ctx workflow.Context, ref activities.StepRef, k int, before activities.Outcome) activities.Outcome {
	step := g.in.Chain[k]
	if !before.State.OK() {
		state := bine.Skipped
		if before.State == bine.Cancelled {
			state = bine.Cancelled
		}
		return settle(ctx, ref, activities.Outcome{State: state, Reason: fmt.Sprintf("the item that it follows is %s", before.State)})
	}
	if g.windows[k+1].Acquire(ctx, 1) != nil {
		return settle(ctx, ref, activities.Outcome{State: bine.Cancelled, Reason: "cancelled"})
	}
	defer g.windows[k+1].Release(1)
	return doStep(ctx, ref, step, g.in.GraceSeconds)
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
