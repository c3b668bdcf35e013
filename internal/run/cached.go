package run

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/store"
)

// prepared is a process that is known, before anything of it is written.
type prepared struct {
	*resolution
	row     bine.Step
	process bine.Process
	key     bine.Hash // empty where the cache is off
	note    string    // why the cache is off
}

// prepare evaluates a step or item that is a process.
func (e *Engine) prepare(ctx context.Context, r *resolution) (*prepared, error) {
	step, err := r.step.Evaluate(ctx, r.scope)
	if err != nil {
		return nil, err
	}
	p := &prepared{resolution: r, row: r.row(bine.Pending)}
	p.row.With = step.With
	if r.item != nil {
		p.row.With = r.item // what is evaluated for the item is on its process
	}
	if p.row.Inputs, err = e.inputs(ctx, r, step.Inputs); err != nil {
		return nil, err
	}
	if p.process, err = e.process(ctx, r, step, p.row.Inputs); err != nil {
		return nil, err
	}
	p.row.Environment = p.process.Environment
	if p.note = offNote(step); p.note == "" {
		p.key, err = e.cacheKey(ctx, r.in.Project, p.process, step.Cache)
	}
	return p, err
}

// offNote says why a step uses no cache.
func offNote(step dags.Step) string {
	if step.NoCache {
		return "cache is off"
	}
	if step.Sweep != nil {
		return "cache is off: it is a trial of a sweep"
	}
	if action, ok := step.Action.(dags.SQLAction); ok && len(action.Files) > 0 {
		return "cache is off: it reads files of the project, which may change at any time"
	}
	return ""
}

// reads reports whether outputs of earlier runs may be taken.
func (p *prepared) reads() bool {
	return p.key != "" && p.step.Reads() && !p.run.NoCache && !p.chosen()
}

// ref names the row.
func (p *prepared) ref() store.StepRef {
	return store.StepRef{Run: p.in.Run, Step: p.in.Step, Item: p.in.Item}
}

// put writes a process that is to run, or takes its outputs from the cache, or
// lets it wait for another step that is making them.
func (e *Engine) put(ctx context.Context, p *prepared) (activities.Resolved, error) {
	if err := e.explain(ctx, p); err != nil {
		return activities.Resolved{}, err
	}
	var out activities.Resolved
	err := e.together(ctx, func(ctx context.Context) (err error) {
		out, err = e.putIn(ctx, p)
		return err
	})
	return out, err
}

// putIn is put within a transaction, so that the look into the cache and the
// claim are one: of two that need the same, one runs.
func (e *Engine) putIn(ctx context.Context, p *prepared) (activities.Resolved, error) {
	row, project := p.row, p.in.Project
	if p.key != "" {
		by, mine, err := e.claim(ctx, p)
		if err != nil {
			return activities.Resolved{}, err
		}
		if by.Run != "" && !mine && p.reads() {
			row.State, row.CacheKey, row.Reason = bine.Waiting, p.key, making(by)
			row.CacheNote = ""
			return activities.Resolved{State: bine.Waiting, Reason: row.Reason}, e.store.PutStep(ctx, project, row, p.place)
		}
		hit, err := e.hit(ctx, p, &row)
		if err != nil {
			return activities.Resolved{}, err
		}
		if hit {
			if mine {
				err = e.store.ReleaseClaims(ctx, project, p.ref())
			}
			return activities.Resolved{State: bine.Cached}, errors.Join(err, e.store.PutStep(ctx, project, row, p.place))
		}
		if p.step.Writes() {
			row.CacheKey = p.key
		}
	}
	if err := e.store.PutStep(ctx, project, row, p.place); err != nil {
		return activities.Resolved{}, err
	}
	return activities.Resolved{State: bine.Pending}, e.store.SetProcess(ctx, project, p.ref(), p.process)
}

// hit takes the outputs of an earlier step that did the same.
func (e *Engine) hit(ctx context.Context, p *prepared, row *bine.Step) (bool, error) {
	if !p.reads() {
		return false, nil
	}
	earlier, found, err := e.store.CacheLookup(ctx, p.in.Project, p.key)
	if err != nil || !found || p.expired(earlier) {
		return false, err
	}
	row.State, row.Values, row.Artifacts, row.Metrics = bine.Cached, earlier.Values, earlier.Artifacts, earlier.Metrics
	row.CacheKey, row.CachedFrom = p.key, cmp.Or(earlier.CachedFrom, earlier.Run)
	row.CacheNote = "the same as " + nameOf(store.StepRef{Run: earlier.Run, Step: earlier.Name, Item: earlier.Item})
	return true, nil
}

// expired reports whether what a step gave is older than the cache may be.
func (p *prepared) expired(earlier bine.Step) bool {
	return p.step.Cache.Expires > 0 && earlier.EndedAt != nil && time.Since(*earlier.EndedAt) > activities.Seconds(p.step.Cache.Expires)
}

// explain notes why nothing is taken from the cache; where something is, that
// is noted then.
func (e *Engine) explain(ctx context.Context, p *prepared) error {
	switch {
	case p.note != "":
		p.row.CacheNote = p.note
		return nil
	case p.run.NoCache:
		p.row.CacheNote = "the run was started without cache"
		return nil
	case p.chosen():
		p.row.CacheNote = "it was chosen to run again"
		return nil
	case !p.step.Reads():
		p.row.CacheNote = "the cache is written only"
		return nil
	}
	earlier, found, err := e.store.CacheLookup(ctx, p.in.Project, p.key)
	if err != nil {
		return err
	}
	if found {
		p.row.CacheNote = fmt.Sprintf("%s did the same, but longer ago than %s", nameOf(store.StepRef{Run: earlier.Run, Step: earlier.Name, Item: earlier.Item}), activities.Seconds(p.step.Cache.Expires))
		return nil
	}
	p.row.CacheNote, err = e.missed(ctx, p)
	return err
}

// missed compares a process with that of the same step in the newest run before.
func (e *Engine) missed(ctx context.Context, p *prepared) (string, error) {
	row, was, found, err := e.store.Earlier(ctx, p.in.Project, p.run.Pipeline, p.ref())
	if err != nil {
		return "", err
	}
	if !found {
		return "no step of this project had the same key", nil
	}
	name := nameOf(store.StepRef{Run: row.Run, Step: row.Name, Item: row.Item})
	changed, err := e.changes(ctx, p, was)
	switch {
	case err != nil:
		return "", err
	case len(changed) > 0:
		return fmt.Sprintf("it differs from %s: %s", name, strings.Join(changed, ", ")), nil
	case row.State == bine.Succeeded && row.CacheKey == "":
		return fmt.Sprintf("%s did the same, but left nothing in the cache", name), nil
	case !row.State.Ended():
		return fmt.Sprintf("%s does the same, and has not ended", name), nil
	case row.State.OK():
		return fmt.Sprintf("%s did the same with other settings of the cache", name), nil
	}
	return fmt.Sprintf("%s did the same, and is %s", name, row.State), nil
}

// changes lists what counts for the key and is another in an earlier process.
func (e *Engine) changes(ctx context.Context, p *prepared, was bine.Process) ([]string, error) {
	is, cache := p.process, p.step.Cache
	var changed []string
	note := func(what string, same bool) {
		if !same && !cache.Ignores(what) {
			changed = append(changed, strings.Replace(strings.Replace(what, "inputs.", "input ", 1), ".", " ", 1))
		}
	}
	note("code", is.Code == was.Code)
	note("program", is.Python == was.Python && slices.Equal(is.Command, was.Command))
	note("outputs", maps.Equal(is.Outputs, was.Outputs))
	note("item", bytes.Equal(is.Item, was.Item))
	inputs, earlier := inputsOf(is), inputsOf(was)
	for _, name := range either(inputs, earlier) {
		note("inputs."+name, inputs[name] == earlier[name])
	}
	for _, name := range either(is.Env, was.Env) {
		note("env."+name, is.Env[name] == was.Env[name])
	}
	with, err := entriesOf(is.With)
	if err != nil {
		return nil, err
	}
	before, err := entriesOf(was.With)
	if err != nil {
		return nil, err
	}
	for _, name := range either(with, before) {
		note("with."+name, bytes.Equal(with[name], before[name]))
	}
	if is.Environment != was.Environment {
		lock, err := e.lockOf(ctx, p.in.Project, is.Environment)
		if err != nil {
			return nil, err
		}
		old, err := e.lockOf(ctx, p.in.Project, was.Environment)
		if err != nil && !bine.IsKind(err, bine.NotFound) {
			return nil, err
		}
		note("environment", lock == old)
	}
	return changed, nil
}

// either lists the names that one of two maps has, in order.
func either[V any](a, b map[string]V) []string {
	names := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
	slices.Sort(names)
	return slices.Compact(names)
}
