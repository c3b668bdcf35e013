package run

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/trial"
)

// Sweeps is the part of the engine that keeps the searches of steps.
type Sweeps struct{ *Engine }

// ordersAtOnce is how many decisions one answer to a workflow has at most.
const ordersAtOnce = 100

// Advance adds to the log of a sweep what ended, and answers what was decided.
func (e Sweeps) Advance(ctx context.Context, in activities.AdvanceSweepInput) (activities.SweepAdvanced, error) {
	ref, out := sweepRef(in.StepRef), activities.SweepAdvanced{After: in.After}
	var ends []segmentEnd
	for _, told := range in.Ended {
		end, err := e.endSegment(ctx, in.StepRef, told)
		if err != nil {
			return out, err
		}
		ends = append(ends, end)
	}
	err := e.sweeps.Apply(ctx, ref, func(engine *sweep.Engine) ([]trial.Event, error) {
		var events []trial.Event
		if _, over := engine.Over(); in.Cancel && !over {
			events = append(events, trial.Event{Key: "cancel", Event: sweep.Event{Kind: sweep.Stop, Reason: "cancelled"}})
		}
		return append(events, endEvents(engine, ends, in.Cancel)...), nil
	})
	if err != nil {
		return out, err
	}
	if err := e.orders(ctx, in, &out); err != nil || out.More {
		return out, err
	}
	return out, e.over(ctx, in, &out)
}

// segmentEnd is how a segment ended, and what its row has of it.
type segmentEnd struct {
	trial, segment int
	budget         int64
	end            activities.Outcome
	row            bine.Step
}

// endSegment ends the row of a segment, where its process did not.
func (e Sweeps) endSegment(ctx context.Context, step activities.StepRef, told activities.SegmentEnd) (segmentEnd, error) {
	out := segmentEnd{end: told.End}
	var err error
	if out.trial, out.segment, err = bine.ParseSegment(told.Key); err != nil {
		return out, err
	}
	step.Item = told.Key
	if told.End.State != bine.Succeeded {
		if _, err := e.Settle(ctx, step, told.End); err != nil {
			return out, err
		}
	}
	out.row, err = e.store.Item(ctx, step.Project, step.Run, step.Step, told.Key)
	if err != nil {
		return out, err
	}
	var s bine.TrialSegment
	if err := json.Unmarshal(out.row.With, &s); err != nil {
		return out, fmt.Errorf("read segment %s of %s: %w", told.Key, step.Step, err)
	}
	out.budget = s.Budget
	return out, nil
}

// endEvents says what the ends of segments mean where the sweep stands.
func endEvents(engine *sweep.Engine, ends []segmentEnd, cancel bool) []trial.Event {
	var events []trial.Event
	trials := engine.Trials()
	for _, s := range ends {
		v := sweep.Event{Trial: s.trial, Job: s.segment}
		var drop []string
		stopping := s.trial <= len(trials) && trials[s.trial-1].State == sweep.TrialStopping
		switch {
		case s.end.State == bine.Succeeded:
			v.Kind, v.At, v.Metrics = sweep.Done, s.budget, numbers(s.row)
			if _, left := s.row.Artifacts[bine.CheckpointName]; left && s.segment > 1 {
				drop = []string{bine.SegmentKey(s.trial, s.segment-1)}
			}
		case stopping || cancel:
			v.Kind = sweep.Stopped
		case s.end.Failure == bine.FailureConfig:
			v.Kind, v.Reason = sweep.Invalid, s.end.Reason
		default:
			v.Kind, v.Reason = sweep.Failed, s.end.Reason
		}
		if stopping && v.Kind == sweep.Done {
			v.Kind, v.At, v.Metrics = sweep.Stopped, 0, nil // its reports say how far it got
		}
		events = append(events, trial.Event{Key: "end/" + bine.SegmentKey(s.trial, s.segment), Event: v, Drop: drop})
	}
	return events
}

// numbers gives the metrics of a segment: those that it logged, and its outputs
// that are numbers.
func numbers(row bine.Step) map[string]sweep.Number {
	all := map[string]sweep.Number{}
	for name, raw := range row.Values {
		var n float64
		if json.Unmarshal(raw, &n) == nil {
			all[name] = sweep.Number(n)
		}
	}
	for name, n := range row.Metrics {
		all[name] = sweep.Number(n)
	}
	return all
}

// orders adds what the workflow has to do to its answer.
func (e Sweeps) orders(ctx context.Context, in activities.AdvanceSweepInput, out *activities.SweepAdvanced) error {
	decisions, err := e.store.SweepDecisions(ctx, sweepRef(in.StepRef), 0, in.After, ordersAtOnce)
	if err != nil {
		return err
	}
	for _, d := range decisions {
		out.After = d.Seq
		kind := sweep.DecisionKind(d.Kind)
		if kind != sweep.Run && kind != sweep.StopJob {
			continue
		}
		var v sweep.Decision
		if err := json.Unmarshal(d.Body, &v); err != nil {
			return fmt.Errorf("read decision %d of %s: %w", d.Seq, in.Step, err)
		}
		key := bine.SegmentKey(v.Trial, v.Job)
		if kind == sweep.StopJob {
			told, err := e.told(ctx, in.StepRef, d.Event, v)
			if err != nil {
				return err
			}
			if told {
				continue
			}
			out.Orders = append(out.Orders, activities.SweepOrder{Stop: key})
			continue
		}
		begin, err := e.ready(ctx, in, key)
		if err != nil {
			return err
		}
		if begin {
			out.Orders = append(out.Orders, activities.SweepOrder{Begin: key})
		}
	}
	if len(decisions) < ordersAtOnce {
		newest, err := e.store.SweepAt(ctx, sweepRef(in.StepRef))
		out.More = err == nil && newest.Decisions > out.After
		return err
	}
	out.More = true
	return nil
}

// told reports whether a process that is to stop was told so by the answer to
// its own report: then it ends by itself, with what it still has to write.
func (e Sweeps) told(ctx context.Context, in activities.StepRef, event int64, d sweep.Decision) (bool, error) {
	events, err := e.store.SweepEvents(ctx, sweepRef(in), event-1, 1)
	if err != nil || len(events) == 0 {
		return false, err
	}
	var v sweep.Event
	if err := json.Unmarshal(events[0].Body, &v); err != nil {
		return false, fmt.Errorf("read event %d of %s: %w", event, in.Step, err)
	}
	return v.Kind == sweep.Report && v.Trial == d.Trial && v.Job == d.Job, nil
}

// ready resolves a segment that is to begin. One that can't be resolved has
// failed with that; one that has ended, as after a crash, does not begin again.
func (e Sweeps) ready(ctx context.Context, in activities.AdvanceSweepInput, key string) (begin bool, err error) {
	item := in.StepRef
	item.Item = key
	if in.Cancel {
		row, err := e.store.Item(ctx, in.Project, in.Run, in.Step, key)
		return err == nil && !row.State.Ended(), err
	}
	todo, err := e.Resolve(ctx, item)
	switch {
	case err == nil:
		return todo.State == bine.Pending, nil
	case ctx.Err() != nil || bine.IsKind(err, bine.Internal) || bine.IsKind(err, bine.Unavailable):
		return false, err
	}
	end, err := e.endSegment(ctx, in.StepRef, activities.SegmentEnd{Key: key, End: activities.Outcome{State: bine.Failed, Failure: bine.FailureError, Reason: err.Error()}})
	if err != nil {
		return false, err
	}
	return false, e.sweeps.Apply(ctx, sweepRef(in.StepRef), func(engine *sweep.Engine) ([]trial.Event, error) {
		return endEvents(engine, []segmentEnd{end}, false), nil
	})
}

// over ends the sweep and its step when the search is over.
func (e Sweeps) over(ctx context.Context, in activities.AdvanceSweepInput, out *activities.SweepAdvanced) error {
	var why string
	var done bool
	var at store.SweepAt
	var best []*sweep.Trial
	err := e.sweeps.Look(ctx, sweepRef(in.StepRef), func(engine *sweep.Engine, is store.SweepAt) error {
		why, done = engine.Over()
		at, best = is, ranked(engine)
		return nil
	})
	if err != nil || !done {
		return err
	}
	end := activities.Outcome{State: bine.Succeeded}
	switch given, err := e.givenUp(ctx, at); {
	case err != nil:
		return err
	case in.Cancel || at.State == bine.SweepCancelled:
		end = activities.Outcome{State: bine.Cancelled, Failure: bine.FailureCancelled, Reason: "cancelled"}
	case given:
		end = activities.Outcome{State: bine.Failed, Failure: bine.FailureError, Reason: why}
	default:
		end, err = e.giveBest(ctx, in.StepRef, at, best, why)
		if err != nil {
			return err
		}
	}
	out.End = &end
	return e.store.EndSweep(ctx, at.SweepRef, bine.SweepState(end.State), end.Reason)
}

// ranked lists the trials that may be the best, the best first.
func ranked(engine *sweep.Engine) []*sweep.Trial {
	if best := engine.Best(); best != nil {
		one := *best
		return []*sweep.Trial{&one}
	}
	return nil
}

// givenUp reports whether more trials of a sweep failed than may.
func (e Sweeps) givenUp(ctx context.Context, at store.SweepAt) (bool, error) {
	var settings sweep.Settings
	if err := json.Unmarshal(at.Settings, &settings); err != nil {
		return false, fmt.Errorf("read the settings of sweep %s: %w", at.SweepRef, err)
	}
	if settings.MaxFailed == nil {
		return false, nil
	}
	most := *settings.MaxFailed
	events, err := e.store.SweepEvents(ctx, at.SweepRef, 0, int(at.Events))
	if err != nil {
		return false, err
	}
	failed := 0
	for _, event := range events {
		var v sweep.Event
		if err := json.Unmarshal(event.Body, &v); err != nil {
			return false, err
		}
		if v.Kind == sweep.Failed {
			failed++
		}
		if v.Kind == sweep.Extend {
			most += v.Allow
		}
	}
	return failed > most, nil
}

// giveBest makes the outputs of the best trial those of the step.
func (e Sweeps) giveBest(ctx context.Context, in activities.StepRef, at store.SweepAt, best []*sweep.Trial, why string) (activities.Outcome, error) {
	for _, t := range best {
		for n := t.Job; n > 0; n-- {
			item, err := e.store.Item(ctx, in.Project, in.Run, in.Step, bine.SegmentKey(t.Number, n))
			if err != nil {
				return activities.Outcome{}, err
			}
			if item.State == bine.Succeeded {
				return activities.Outcome{State: bine.Succeeded}, e.succeed(ctx, in, at, t, item)
			}
		}
	}
	return activities.Outcome{State: bine.Failed, Failure: bine.FailureError, Reason: fmt.Sprintf("no trial gave %s: %s", at.Metric, why)}, nil
}

func (e Sweeps) succeed(ctx context.Context, in activities.StepRef, at store.SweepAt, t *sweep.Trial, item bine.Step) error {
	r, err := e.describe(ctx, in)
	if err != nil {
		return err
	}
	row, err := e.store.Step(ctx, in.Project, store.StepRef{Run: in.Run, Step: in.Step})
	if err != nil || row.State.Ended() {
		return err
	}
	value, err := json.Marshal(float64(t.Metrics[at.Metric]))
	if err != nil {
		return err
	}
	row.State, row.Reason, row.Values = bine.Succeeded, "", map[string]json.RawMessage{}
	maps.Copy(row.Values, item.Values)
	row.Values["best_trial"], row.Values["best_value"], row.Values["best_config"] = json.RawMessage(fmt.Sprint(t.Number)), value, t.Config
	row.Artifacts = maps.Clone(item.Artifacts)
	delete(row.Artifacts, bine.CheckpointName)
	row.Metrics, row.Items = item.Metrics, at.Segments
	return e.together(ctx, func(ctx context.Context) error {
		if err := e.store.PutStep(ctx, in.Project, row, r.place); err != nil {
			return err
		}
		return e.store.EndSweep(ctx, at.SweepRef, bine.SweepSucceeded, "")
	})
}
