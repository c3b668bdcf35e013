package run

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/internal/store"
)

// logLimit is how much output of one attempt is kept.
const logLimit = 64 << 20

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
	runs, err := r.step.Runs(ctx, r.scope)
	if err != nil {
		return activities.Resolved{}, err
	}
	if !runs {
		return e.settled(ctx, r, bine.Skipped, "its condition is false: "+r.step.When)
	}
	if r.step.Foreach != nil {
		return e.resolveFanOut(ctx, r)
	}
	return e.resolveStep(ctx, r)
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
	place := slices.IndexFunc(dag.Steps, func(s dags.Step) bool { return s.Name == in.Step })
	r := &resolution{in: in, run: run, dag: dag, code: def.code, step: step, place: place}
	rows, err := e.rows(ctx, in, dag, step.References())
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

// resolveFanOut evaluates the list of a fan-out and writes its items.
func (e *Engine) resolveFanOut(ctx context.Context, r *resolution) (activities.Resolved, error) {
	list, err := r.step.Items(ctx, r.scope)
	if err != nil {
		return activities.Resolved{}, err
	}
	items := make([]store.Item, len(list))
	for i, item := range list {
		items[i] = store.Item{Key: item.Key, With: item.Value}
	}
	row := r.row(bine.Running)
	row.Items, row.StartedAt = len(items), r.began
	return activities.Resolved{State: bine.Pending, Items: len(items)}, e.together(ctx, func(ctx context.Context) error {
		if err := e.store.PutStep(ctx, r.in.Project, row, r.place); err != nil {
			return err
		}
		return e.store.PutItems(ctx, r.in.Project, r.in.Run, r.in.Step, items)
	})
}

// resolveItem resolves one item of a fan-out.
func (e *Engine) resolveItem(ctx context.Context, r *resolution) (activities.Resolved, error) {
	item, err := e.store.Item(ctx, r.in.Project, r.in.Run, r.in.Step, r.in.Item)
	if err != nil {
		return activities.Resolved{}, err
	}
	r.item, r.scope = item.With, r.scope.WithItem(item.Item, item.With)
	return e.resolveStep(ctx, r)
}

// resolveStep resolves a step or item: from the cache, at once, or as a process.
func (e *Engine) resolveStep(ctx context.Context, r *resolution) (activities.Resolved, error) {
	step, err := r.step.Evaluate(ctx, r.scope)
	if err != nil {
		return activities.Resolved{}, err
	}
	if values, ok := step.Action.(dags.ValuesAction); ok {
		row := r.row(bine.Succeeded)
		row.Values, row.With = values, r.item
		return activities.Resolved{State: bine.Succeeded}, e.store.PutStep(ctx, r.in.Project, row, r.place)
	}
	row := r.row(bine.Pending)
	row.With = step.With
	if r.item != nil {
		row.With = r.item // what is evaluated for the item is on its process
	}
	if row.Inputs, err = e.inputs(ctx, r, step.Inputs); err != nil {
		return activities.Resolved{}, err
	}
	if !step.Process() {
		row.State, row.StartedAt = bine.Running, r.began // PerformStep follows at once
		return activities.Resolved{State: bine.Pending}, e.store.PutStep(ctx, r.in.Project, row, r.place)
	}
	process, err := r.process(step, row.Inputs)
	if err != nil {
		return activities.Resolved{}, err
	}
	row.Environment = process.Environment
	if !step.NoCache {
		if row.CacheKey, err = e.cacheKey(ctx, r.in.Project, process); err != nil {
			return activities.Resolved{}, err
		}
	}
	if cached, err := e.fromCache(ctx, r, &row); err != nil || cached {
		return activities.Resolved{State: row.State}, err
	}
	return activities.Resolved{State: bine.Pending}, e.together(ctx, func(ctx context.Context) error {
		if err := e.store.PutStep(ctx, r.in.Project, row, r.place); err != nil {
			return err
		}
		return e.store.SetProcess(ctx, r.in.Project, store.StepRef{Run: r.in.Run, Step: r.in.Step, Item: r.in.Item}, process)
	})
}

// fromCache takes the outputs of an earlier step that did the same.
func (e *Engine) fromCache(ctx context.Context, r *resolution, row *bine.Step) (bool, error) {
	if row.CacheKey == "" || r.run.NoCache {
		return false, nil
	}
	earlier, found, err := e.store.CacheLookup(ctx, r.in.Project, row.CacheKey)
	if err != nil || !found {
		return false, err
	}
	row.State, row.Values, row.Artifacts, row.Metrics = bine.Cached, earlier.Values, earlier.Artifacts, earlier.Metrics
	row.CachedFrom = earlier.Run
	if earlier.CachedFrom != "" {
		row.CachedFrom = earlier.CachedFrom
	}
	return true, e.store.PutStep(ctx, r.in.Project, *row, r.place)
}

// inputs finds the artifacts that a step takes.
func (e *Engine) inputs(ctx context.Context, r *resolution, refs map[string]dags.Ref) (map[string]bine.ArtifactRef, error) {
	out := map[string]bine.ArtifactRef{}
	for name, ref := range refs {
		artifact, err := e.artifact(ctx, r, ref)
		if err != nil {
			return nil, err
		}
		out[name] = artifact
	}
	return out, nil
}

// artifact finds an output; of a fan-out, the directory of that output of every item.
func (e *Engine) artifact(ctx context.Context, r *resolution, ref dags.Ref) (bine.ArtifactRef, error) {
	in := r.in
	row, err := e.store.Step(ctx, in.Project, store.StepRef{Run: in.Run, Step: ref.Step})
	if err != nil {
		return bine.ArtifactRef{}, err
	}
	if artifact, found := row.Artifacts[ref.Output]; found {
		return artifact, nil
	}
	if from, _ := r.dag.Step(ref.Step); from.Foreach == nil {
		return bine.ArtifactRef{}, bine.Errorf(bine.NotFound, "step %s gave no output %s", ref.Step, ref.Output)
	}
	all := bine.ArtifactRef{Kind: bine.ArtifactDir, Parts: map[string]bine.ArtifactRef{}}
	var sums []string
	for item, err := range e.store.ItemOutputs(ctx, in.Project, in.Run, ref.Step) {
		if err != nil {
			return all, err
		}
		part, found := item.Artifacts[ref.Output]
		if !found {
			continue
		}
		all.Parts[item.Item] = part
		all.Size += part.Size
		sums = append(sums, item.Item+" "+string(part.Hash))
	}
	slices.Sort(sums)
	all.Hash = bine.HashOf([]byte(strings.Join(sums, "\n")))
	return all, nil
}

// process says what an agent has to start.
func (r *resolution) process(step dags.Step, inputs map[string]bine.ArtifactRef) (bine.Process, error) {
	p := bine.Process{
		Owner: bine.Owner{Project: r.in.Project, Kind: bine.OwnerRun, Name: string(r.in.Run), Step: r.in.Step, Item: r.in.Item},
		Env:   step.Env, With: step.With, Inputs: inputs, Outputs: map[string]string{}, Code: r.code,
		Resources: step.Resources, Timeout: step.Timeout, LogLimit: logLimit, Environment: step.Environment,
	}
	for name, t := range step.AllOutputs() {
		p.Outputs[name] = string(t)
	}
	switch action := step.Action.(type) {
	case dags.PythonAction:
		p.Python = action.Program
		if p.Environment == 0 {
			p.Environment = r.in.Environment
		}
	case dags.CommandAction:
		p.Command = action.Argv()
		if p.Environment == 0 {
			p.Environment = r.in.Environment
		}
	default:
		return p, bine.Errorf(bine.Internal, "step %s of kind %s is no process", step.Name, step.Kind())
	}
	return p, nil
}

// resolveBatch resolves the items of a batch. Items that the cache holds, or
// that have ended, are left out of its process; see batch.
func (e *Engine) resolveBatch(ctx context.Context, r *resolution) (activities.Resolved, error) {
	state := bine.Cached
	for _, key := range r.in.Items {
		one := *r
		one.in.Item, one.in.Items = key, nil
		row, err := e.store.Step(ctx, r.in.Project, store.StepRef{Run: r.in.Run, Step: r.in.Step, Item: key})
		if err == nil && row.State.Ended() {
			continue
		}
		out, err := e.resolveItem(ctx, &one)
		if err != nil {
			return out, err
		}
		if !out.State.Ended() {
			state = bine.Pending
		}
	}
	return activities.Resolved{State: state}, nil
}
