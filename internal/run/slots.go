package run

import (
	"context"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/workflows"
)

// slots says which places of pools and concurrency keys a step holds while it
// goes on, or the item that scope is for: by name, each once.
func (e *Engine) slots(ctx context.Context, project bine.ProjectName, run bine.Run, step dags.Step, scope expr.Scope) ([]bine.Slot, error) {
	keys, err := step.Keys(ctx, scope)
	if err != nil {
		return nil, err
	}
	var all []bine.Slot
	for _, c := range keys {
		all = append(all, bine.Slot{Name: bine.StepKeySlot(project, run.Pipeline, step.Name, c.Key), Count: 1, Most: c.Limit})
	}
	for name, n := range step.Pools {
		all = append(all, bine.Slot{Name: bine.PoolSlot(project, bine.PoolName(name)), Count: n})
	}
	return mergeSlots(all), nil
}

// mergeSlots gives each name once, with the most places and the least limit
// that are asked for under it.
func mergeSlots(all []bine.Slot) []bine.Slot {
	slices.SortFunc(all, func(a, b bine.Slot) int { return strings.Compare(a.Name, b.Name) })
	var merged []bine.Slot
	for _, s := range all {
		if n := len(merged); n > 0 && merged[n-1].Name == s.Name {
			merged[n-1].Count, merged[n-1].Most = max(merged[n-1].Count, s.Count), min(merged[n-1].Most, s.Most)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// priorityOf is that of a run, else of its pipeline.
func priorityOf(run bine.Run, dag dags.DAG) bine.Priority {
	if run.Priority != "" {
		return run.Priority
	}
	return dag.Priority
}

// turn asks for the slots of a step, or item, that is no process, under the
// lease with the number 0. One that needs none has its turn at once. Whoever
// ends the step gives them back, see giveBack. Asking again is harmless.
func (e *Engine) turn(ctx context.Context, r *resolution, step dags.Step) (granted bool, reason string, err error) {
	if len(step.Concurrency) == 0 && len(step.Pools) == 0 {
		return true, "", nil
	}
	slots, err := e.slots(ctx, r.in.Project, r.run, step, r.scope)
	if err != nil {
		return false, "", err
	}
	owner := stepOwner(r.in)
	grant, reason, err := e.ledger.Ask(ctx, lease.Request{
		Attempt: bine.NewAttemptID(owner, 0), Owner: owner, Slots: slots, Priority: priorityOf(r.run, r.dag),
		Workflow: workflows.TurnWorkflowID(r.in.Project, r.in.Run, r.in.Step, r.in.Item),
	})
	return grant.Host != "", reason, err
}

// turnCame says whether a step that asked for its turn has it now. One that
// does not wait any more, because it was given back, has to ask again: then
// granted is true, too, as it is to be resolved again.
func (e *Engine) turnCame(ctx context.Context, in activities.StepRef) (granted bool, reason string, err error) {
	return e.ledger.Standing(ctx, bine.NewAttemptID(stepOwner(in), 0))
}

// runTurn asks for what a run holds as long as it goes on: its concurrency keys
// and, unless a step of another run started it, a place in the project's quota
// of runs. Asking again is harmless; finishRun gives back.
func (e *Engine) runTurn(ctx context.Context, run bine.Run, dag dags.DAG) (granted bool, reason string, err error) {
	slots, err := e.runSlots(ctx, run, dag)
	if err != nil || len(slots) == 0 {
		return err == nil, "", err
	}
	owner := bine.Owner{Project: run.Project, Kind: bine.OwnerRun, Name: string(run.ID)}
	grant, reason, err := e.ledger.Ask(ctx, lease.Request{
		Attempt: bine.NewAttemptID(owner, 0), Owner: owner, Slots: slots, Priority: priorityOf(run, dag),
		Workflow: workflows.RunWorkflowID(run.Project, run.ID),
	})
	return grant.Host != "", reason, err
}

func (e *Engine) runSlots(ctx context.Context, run bine.Run, dag dags.DAG) ([]bine.Slot, error) {
	var all []bine.Slot
	if len(dag.Concurrency) > 0 {
		scope, err := dag.Scope(run.Project, run, nil)
		if err != nil {
			return nil, err
		}
		keys, err := dag.RunKeys(ctx, scope)
		if err != nil {
			return nil, err
		}
		for _, c := range keys {
			all = append(all, bine.Slot{Name: bine.RunKeySlot(run.Project, run.Pipeline, c.Key), Count: 1, Most: c.Limit})
		}
	}
	if run.Parent == nil { // else its parent would wait for it, and it for its parent
		quota, err := e.ledger.Quota(ctx, run.Project)
		if err != nil {
			return nil, err
		}
		if quota.Runs > 0 {
			all = append(all, bine.Slot{Name: bine.RunsSlot(run.Project), Count: 1})
		}
	}
	return mergeSlots(all), nil
}

// finishRun gives back all that a run that has ended, and its steps, have or
// ask for. Processes that still go on give theirs back when they end.
func (e *Engine) finishRun(ctx context.Context, in activities.RunRef) error {
	grants, err := e.ledger.ReleaseRun(ctx, in.Project, in.Run)
	if err != nil {
		return err
	}
	e.tell(ctx, grants)
	return nil
}

// stepOwner is who holds the slots of a step, an item or a batch.
func stepOwner(in activities.StepRef) bine.Owner {
	return bine.Owner{Project: in.Project, Kind: bine.OwnerRun, Name: string(in.Run), Step: in.Step, Item: in.Item}
}

// giveBack gives back the slots that a run, or a step that is no process, has
// or asks for. Who has none costs a look only.
func (e *Engine) giveBack(ctx context.Context, owner bine.Owner) error {
	grants, err := e.ledger.Release(ctx, bine.NewAttemptID(owner, 0))
	if err != nil {
		return err
	}
	e.tell(ctx, grants)
	return nil
}

// tell signals grants. One that is lost does no harm: who waits asks again.
func (e *Engine) tell(ctx context.Context, grants []lease.Grant) {
	if err := e.launcher.Granted(ctx, grants); err != nil {
		e.log.WarnContext(ctx, "a grant was not signalled; its workflow asks again by itself", "error", err)
	}
}
