package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/store"
)

// Source reads what triggers of one kind listen to.
type Source interface {
	// Read gives what has happened since the trigger's position, oldest first,
	// some of it at a time.
	Read(ctx context.Context, v store.TriggerAt) (Reading, error)
}

// Reading is what a source has seen.
type Reading struct {
	Events []TriggerEvent
	// Position and Seen are what to remember when all events have been dealt with.
	Position string
	Seen     json.RawMessage
	Reason   string // why nothing can be read
}

// TriggerEvent is something that happened for which a run starts.
type TriggerEvent struct {
	What     string          // for people, and for Run.Trigger
	Data     json.RawMessage // what params see as event
	Position string          // behind it
}

// Triggers starts runs when something happens. Any number of them may run at
// once, in several processes: where a source has been read up to, and the run
// that an event starts, are written in one transaction, which only one of them can make.
type Triggers struct {
	*Engine
	sources map[bine.TriggerKind]Source
}

// NewTriggers makes the loop that reads the sources of triggers. files tells what changes in the file system.
func NewTriggers(e *Engine, files Feed) *Triggers {
	return &Triggers{Engine: e, sources: map[bine.TriggerKind]Source{
		bine.TriggerPipeline: runEnds{e.store}, bine.TriggerDataset: &datasets{feed: files, now: time.Now}, bine.TriggerTopic: noTopics{},
	}}
}

// readEvery is how often sources are read.
const readEvery = time.Second

// Run reads sources until ctx ends.
func (t *Triggers) Run(ctx context.Context) {
	ticker := time.NewTicker(readEvery)
	defer ticker.Stop()
	for {
		if err := t.Once(ctx); err != nil && ctx.Err() == nil {
			t.log.WarnContext(ctx, "triggers could not be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Once reads every source once. One that cannot be read does not keep others from it.
func (t *Triggers) Once(ctx context.Context) error {
	all, err := t.store.ActiveTriggers(ctx)
	if err != nil {
		return err
	}
	var faults []error
	for _, v := range all {
		if err := t.read(ctx, v); err != nil && !bine.IsKind(err, bine.Conflict) {
			faults = append(faults, fmt.Errorf("trigger %d of %s in %s: %w", v.Number, v.Pipeline, v.Project, err))
		}
	}
	return errors.Join(faults...)
}

func (t *Triggers) read(ctx context.Context, v store.TriggerAt) error {
	source, known := t.sources[v.Kind]
	if !known {
		return bine.Errorf(bine.Invalid, "nothing reads a %s", v.Kind)
	}
	r, err := source.Read(ctx, v)
	if err != nil {
		if ctx.Err() != nil || bine.IsKind(err, bine.Unavailable) {
			return err
		}
		return t.note(ctx, v, store.TriggerMove{Position: v.Position, Seen: v.Seen, Reason: err.Error()})
	}
	for _, event := range r.Events {
		if err := t.fire(ctx, &v, event); err != nil {
			return err
		}
	}
	reason := r.Reason
	if reason == "" && strings.Contains(v.Reason, nothingStarted) {
		reason = v.Reason // of the last event, until one starts a run
	}
	return t.note(ctx, v, store.TriggerMove{Position: r.Position, Seen: r.Seen, Reason: reason})
}

// note writes where a trigger stands, if that changes anything.
func (t *Triggers) note(ctx context.Context, v store.TriggerAt, m store.TriggerMove) error {
	if m.Position == v.Position && string(m.Seen) == string(v.Seen) && m.Reason == v.Reason {
		return nil
	}
	return t.store.MoveTrigger(ctx, v, m)
}

// fire starts the run of one event. One whose run cannot be is noted and passed over.
func (t *Triggers) fire(ctx context.Context, v *store.TriggerAt, event TriggerEvent) error {
	var run bine.Run
	moving := false
	move := store.TriggerMove{Position: event.Position}
	err := t.together(ctx, func(ctx context.Context) error {
		moving = false
		next, err := t.runOf(ctx, *v, event)
		if err != nil {
			return err
		}
		if run, _, err = t.store.AcceptRun(ctx, v.Project, next); err != nil {
			return err
		}
		moving = true
		move.Run = run.ID
		return t.store.MoveTrigger(ctx, *v, move)
	})
	if !moving && isRefusal(err) {
		run, move.Run = bine.Run{}, ""
		move.Reason = event.What + nothingStarted + err.Error()
		err = t.store.MoveTrigger(ctx, *v, move)
	}
	if err != nil {
		return err
	}
	v.Position, v.Seen, v.Reason = move.Position, nil, move.Reason
	if run.ID == "" {
		t.log.WarnContext(ctx, "a trigger started nothing", "pipeline", v.Pipeline, "project", v.Project, "reason", move.Reason)
		return nil
	}
	if err := t.launcher.StartRun(ctx, run); err != nil {
		t.log.WarnContext(ctx, "the run of a trigger was not started; the reconciler does it", "run", run.ID, "error", err)
	}
	return nil
}

// nothingStarted is in the reason of a trigger whose last event started no run.
const nothingStarted = " started nothing: "

// isRefusal says that trying again would end the same.
func isRefusal(err error) bool {
	return bine.IsKind(err, bine.Invalid) || bine.IsKind(err, bine.NotFound) || bine.IsKind(err, bine.Conflict)
}

func (t *Triggers) runOf(ctx context.Context, v store.TriggerAt, event TriggerEvent) (store.NewRun, error) {
	project, err := t.store.Project(ctx, v.Project)
	if err != nil {
		return store.NewRun{}, err
	}
	if project.State != bine.ProjectReady {
		return store.NewRun{}, bine.Errorf(bine.Conflict, "project %s is %s", v.Project, project.State)
	}
	version, err := t.store.PipelineVersion(ctx, v.Project, v.Pipeline, 0)
	if err != nil {
		return store.NewRun{}, err
	}
	dag, err := dags.Decode(version.DAG)
	if err != nil {
		return store.NewRun{}, err
	}
	given, err := dags.EvaluateParams(ctx, v.Params, event.Data)
	if err != nil {
		return store.NewRun{}, err
	}
	params, err := dag.ResolveParams(given)
	if err != nil {
		return store.NewRun{}, err
	}
	if err := t.checkChain(ctx, v.Project, event.What); err != nil {
		return store.NewRun{}, err
	}
	return store.NewRun{
		Pipeline: v.Pipeline, Version: version.Version, Params: params, Trigger: event.What, By: version.CreatedBy,
		Key: fmt.Sprintf("trigger/%s/%d/%s/%d", v.Pipeline, v.Number, bine.HashOf([]byte(v.Source + "\x00" + event.Position))[:16], version.Version),
	}, nil
}

// deepestChain is how many runs may have started each other by triggers.
const deepestChain = 20

// runTrigger begins Run.Trigger where the end of a run was the event.
const runTrigger = "run "

// checkChain refuses a run at the end of too long a chain of triggers: without
// that, pipelines that trigger each other never end.
func (t *Triggers) checkChain(ctx context.Context, project bine.ProjectName, what string) error {
	for range deepestChain {
		id, chained := strings.CutPrefix(what, runTrigger)
		if !chained {
			return nil
		}
		run, err := t.store.RunOnly(ctx, project, bine.RunID(id))
		if bine.IsKind(err, bine.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		what = run.Trigger
	}
	return bine.Errorf(bine.Conflict, "%d runs have started each other by triggers: the pipelines trigger each other in a circle", deepestChain)
}
