package run

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/dags/plan"
	"github.com/bine-ml/bine/internal/store"
)

// resolution is what is known of a step while it is being resolved.
type resolution struct {
	in    activities.StepRef
	run   bine.Run
	dag   dags.DAG
	code  bine.Hash
	step  dags.Step
	place int // of the step in the definition
	scope expr.Scope
	began *time.Time      // where it was resolved before and is running
	item  json.RawMessage // of a fan-out's item: what the list held; its row keeps that
}

// Resolve finds out what is left to do for a step, an item or a batch of items.
func (e *Engine) Resolve(ctx context.Context, in activities.StepRef) (activities.Resolved, error) {
	ref := store.StepRef{Run: in.Run, Step: in.Step, Item: in.Item}
	var began *time.Time
	if len(in.Items) == 0 {
		row, err := e.store.Step(ctx, in.Project, ref)
		if err == nil && row.State.Ended() {
			return activities.Resolved{State: row.State, Items: row.Items, Reason: row.Reason}, nil
		}
		if err != nil && !bine.IsKind(err, bine.NotFound) {
			return activities.Resolved{}, err
		}
		began = row.StartedAt
	}
	r, err := e.describe(ctx, in)
	if err != nil {
		return activities.Resolved{}, err
	}
	r.began = began
	switch {
	case len(in.Items) > 0:
		return e.resolveBatch(ctx, r)
	case in.Item != "":
		return e.resolveItem(ctx, r)
	}
	reason, err := e.notChosen(ctx, r)
	if err == nil && reason == "" {
		reason, err = r.condition(ctx)
	}
	if err != nil {
		return activities.Resolved{}, err
	}
	if reason != "" {
		return e.settled(ctx, r, bine.Skipped, reason)
	}
	if r.step.Foreach != nil {
		return e.resolveFanOut(ctx, r)
	}
	if r.step.Sweep != nil {
		return e.resolveSweep(ctx, r)
	}
	return e.resolveStep(ctx, r)
}

// condition says why a step does not run by its own condition; empty where it does.
func (r *resolution) condition(ctx context.Context) (string, error) {
	runs, err := r.step.Runs(ctx, r.scope)
	if err != nil || runs {
		return "", err
	}
	return "its condition is false: " + r.step.When, nil
}

// notChosen says which branch passed a step by; empty where one chose it, or
// none had to. A branch that did not succeed decides nothing.
func (e *Engine) notChosen(ctx context.Context, r *resolution) (string, error) {
	reason := ""
	for _, name := range r.dag.ChosenBy(r.in.Step) {
		row, err := e.store.Step(ctx, r.in.Project, store.StepRef{Run: r.in.Run, Step: name})
		if err != nil {
			return "", err
		}
		if !row.State.OK() {
			continue
		}
		var chosen []string
		if err := json.Unmarshal(row.Values["chosen"], &chosen); err != nil {
			return "", fmt.Errorf("read what branch %s chose: %w", name, err)
		}
		if slices.Contains(chosen, string(r.in.Step)) {
			return "", nil
		}
		if reason == "" {
			reason = fmt.Sprintf("branch %s chose %s", name, cmp.Or(strings.Join(chosen, ", "), "nothing"))
		}
	}
	return reason, nil
}

// describe gathers what the expressions of a step may read.
func (e *Engine) describe(ctx context.Context, in activities.StepRef) (*resolution, error) {
	run, err := e.store.RunOnly(ctx, in.Project, in.Run)
	if err != nil {
		return nil, err
	}
	def, err := e.definition(ctx, run)
	if err != nil {
		return nil, err
	}
	dag := def.DAG
	step, found := dag.Step(in.Step)
	if !found {
		return nil, bine.Errorf(bine.NotFound, "run %s has no step %s", in.Run, in.Step)
	}
	if step.Phase != plan.Main && in.SoFar.State != "" {
		run.State, run.Reason = in.SoFar.State, in.SoFar.Reason
	}
	place := slices.IndexFunc(dag.Steps, func(s dags.Step) bool { return s.Name == in.Step })
	r := &resolution{in: in, run: run, dag: dag, code: def.code, step: step, place: place}
	chain := dag.Chain(in.Step) // of those it sees one item each, see inItem
	reads := step
	reads.Inputs = nil // which no expression sees
	names := slices.DeleteFunc(reads.References(), func(n bine.StepName) bool { return slices.Contains(chain, n) })
	rows, err := e.rows(ctx, in, dag, names)
	if err != nil {
		return nil, err
	}
	r.scope, err = dag.Scope(in.Project, run, rows)
	return r, err
}

// rows gives the rows of steps, and of their items.
func (e *Engine) rows(ctx context.Context, in activities.StepRef, dag dags.DAG, names []bine.StepName) ([]bine.Step, error) {
	var all []bine.Step
	for _, name := range names {
		row, err := e.store.Step(ctx, in.Project, store.StepRef{Run: in.Run, Step: name})
		if err != nil {
			return nil, err
		}
		all = append(all, row)
		if step, _ := dag.Step(name); step.Foreach == nil {
			continue
		}
		for item, err := range e.store.ItemOutputs(ctx, in.Project, in.Run, name) {
			if err != nil {
				return nil, err
			}
			all = append(all, item)
		}
	}
	return all, nil
}

// settled writes a step that needs nothing to be done.
func (e *Engine) settled(ctx context.Context, r *resolution, state bine.State, reason string) (activities.Resolved, error) {
	row := r.row(state)
	row.Reason = reason
	return activities.Resolved{State: state, Reason: reason}, e.store.PutStep(ctx, r.in.Project, row, r.place)
}

// row is the row of the step, or of the item, in a state.
func (r *resolution) row(state bine.State) bine.Step {
	return bine.Step{Run: r.in.Run, Name: r.in.Step, Item: r.in.Item, Kind: r.step.Kind(), State: state}
}

// resolveStep resolves a step or item: from the cache, at once, as a process,
// or as what the workflow does next.
func (e *Engine) resolveStep(ctx context.Context, r *resolution) (activities.Resolved, error) {
	switch action := r.step.Action.(type) {
	case dags.BranchAction:
		chosen, err := action.Choose(ctx, r.scope)
		if err != nil {
			return activities.Resolved{}, bine.Errorf(bine.KindOf(err), "steps.%s.%w", r.in.Step, err)
		}
		list, err := json.Marshal(append([]bine.StepName{}, chosen...))
		if err != nil {
			return activities.Resolved{}, err
		}
		return e.given(ctx, r, map[string]json.RawMessage{"chosen": list})
	case dags.ValuesAction:
		step, err := r.step.Evaluate(ctx, r.scope)
		if err != nil {
			return activities.Resolved{}, err
		}
		return e.given(ctx, r, step.Action.(dags.ValuesAction))
	}
	if r.step.Process() {
		ready, err := e.prepare(ctx, r)
		if err != nil {
			return activities.Resolved{}, err
		}
		return e.put(ctx, ready)
	}
	return e.resolveLight(ctx, r)
}

// given writes a step that is done by resolving it.
func (e *Engine) given(ctx context.Context, r *resolution, values map[string]json.RawMessage) (activities.Resolved, error) {
	row := r.row(bine.Succeeded)
	row.Values, row.With = values, r.item
	return activities.Resolved{State: bine.Succeeded}, e.store.PutStep(ctx, r.in.Project, row, r.place)
}

// resolveLight resolves a step that is no process, when it has its turn: the
// workflow performs it at once, or waits for what it waits for.
func (e *Engine) resolveLight(ctx context.Context, r *resolution) (activities.Resolved, error) {
	step, err := r.step.Evaluate(ctx, r.scope)
	if err != nil {
		return activities.Resolved{}, err
	}
	row := r.row(bine.Running)
	row.With, row.StartedAt = withOf(step), r.began
	if r.item != nil {
		row.With = r.item
	}
	if row.Inputs, err = e.inputs(ctx, r, step.Inputs); err != nil {
		return activities.Resolved{}, err
	}
	var out activities.Resolved
	err = e.together(ctx, func(ctx context.Context) error {
		granted, reason, err := e.turn(ctx, r, r.step)
		if err != nil {
			return err
		}
		if out = (activities.Resolved{State: bine.Pending}); !granted {
			row.State, row.Reason, row.StartedAt = bine.Waiting, reason, nil
			out = activities.Resolved{State: bine.Waiting, Reason: reason}
		}
		return e.store.PutStep(ctx, r.in.Project, row, r.place)
	})
	return out, err
}

// withOf gives what the row of a step shows as its parameters.
func withOf(step dags.Step) json.RawMessage {
	switch action := step.Action.(type) {
	case dags.PipelineAction:
		return action.Params
	case dags.JobAction:
		return action.Params
	}
	return step.With
}
