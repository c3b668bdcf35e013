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
	var all []bine.Slot
	for _, c := range step.Concurrency {
		key, err := expr.EvalText(ctx, c.Key, scope)
		if err != nil {
			return nil, err
		}
		all = append(all, bine.Slot{Name: bine.StepKeySlot(project, run.Pipeline, step.Name, key), Count: 1, Most: c.Limit})
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
