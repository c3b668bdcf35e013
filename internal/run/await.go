package run

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/store"
)

// Awaits is the part of the engine that knows what steps wait for.
type Awaits struct{ *Engine }

// How soon a wait is looked at again by itself, in seconds. Whatever ends one
// signals it, so most of these are for signals that were lost.
const (
	lookAgain   = 30.0  // at what nobody signals: files, addresses
	signalAgain = 120.0 // at what is signalled
	turnFirst   = 1.0   // at a turn, growing with the time that it takes
	turnLongest = 30.0
	soonest     = 0.2
	latest      = 86400.0 // at a time that is far
)

// waiting is a step that waits, while it is looked at.
type waiting struct {
	*resolution
	in   activities.AwaitInput
	row  bine.Step
	step dags.Step // evaluated
}

// Check looks once whether what a step waits for has come.
func (a Awaits) Check(ctx context.Context, in activities.AwaitInput) (activities.Awaited, error) {
	if in.Turn {
		return a.checkTurn(ctx, in.StepRef)
	}
	w, ended, err := a.look(ctx, in)
	if err != nil || ended.State != "" {
		return ended, err
	}
	switch action := w.step.Action.(type) {
	case dags.WaitAction:
		return a.wait(ctx, w, action)
	case dags.ApprovalAction:
		return a.approval(ctx, w, action)
	case dags.PipelineAction:
		return a.subRun(ctx, w, action.SubRun, bine.KindPipeline)
	case dags.JobAction:
		return a.subRun(ctx, w, action.SubRun, bine.KindJob)
	case dags.ImportAction:
		return a.transfer(ctx, w, bine.Transfer{Direction: bine.Import, Connector: action.Connector, Path: action.From, Files: action.To})
	case dags.ExportAction:
		return a.transfer(ctx, w, bine.Transfer{Direction: bine.Export, Connector: action.Connector, Path: action.To, Files: action.From})
	}
	return activities.Awaited{}, bine.Errorf(bine.Internal, "a step of kind %s waits for nothing", w.step.Kind())
}

// look reads the row of a step that waits and evaluates the step. ended is set
// where it has ended already.
func (a Awaits) look(ctx context.Context, in activities.AwaitInput) (w *waiting, ended activities.Awaited, err error) {
	row, err := a.store.Step(ctx, in.Project, stepRef(in.StepRef))
	if err != nil {
		return nil, ended, err
	}
	if row.State.Ended() {
		return nil, activities.Awaited{State: row.State, Reason: row.Reason}, nil
	}
	r, err := a.describe(ctx, in.StepRef)
	if err == nil && in.Item != "" {
		err = a.inItem(ctx, r)
	}
	if err != nil {
		return nil, ended, err
	}
	step, err := r.step.Evaluate(ctx, r.scope)
	return &waiting{resolution: r, in: in, row: row, step: step}, ended, err
}

func stepRef(in activities.StepRef) store.StepRef {
	return store.StepRef{Run: in.Run, Step: in.Step, Item: in.Item}
}

// checkTurn looks whether a step's turn has come: it has its slots, and nobody
// else is making the outputs that it would make.
func (a Awaits) checkTurn(ctx context.Context, in activities.StepRef) (activities.Awaited, error) {
	granted, reason, err := a.turnCame(ctx, in)
	if err != nil {
		return activities.Awaited{}, err
	}
	since := time.Now()
	row, err := a.store.Step(ctx, in.Project, stepRef(in)) // a batch may have none yet
	if err != nil && !bine.IsKind(err, bine.NotFound) {
		return activities.Awaited{}, err
	}
	if err == nil {
		if row.State.Ended() {
			return activities.Awaited{State: bine.Pending}, nil // which its resolution sees
		}
		since = row.CreatedAt
	}
	if granted {
		if reason, err = a.claimedBy(ctx, in, row); err != nil {
			return activities.Awaited{}, err
		}
		granted = reason == ""
	}
	if granted {
		return activities.Awaited{State: bine.Pending}, nil
	}
	again := min(turnLongest, max(turnFirst, time.Since(since).Seconds()/10))
	return activities.Awaited{State: bine.Waiting, Reason: reason, Again: again}, nil
}

// still writes down what a step waits for, where that has changed.
func (a Awaits) still(ctx context.Context, w *waiting, reason string, again float64) (activities.Awaited, error) {
	out := activities.Awaited{State: bine.Waiting, Reason: reason, Again: max(soonest, again)}
	if w.row.State == bine.Waiting && w.row.Reason == reason {
		return out, nil
	}
	return out, a.store.MoveStep(ctx, w.in.Project, stepRef(w.in.StepRef), unfinished(), bine.Waiting, reason)
}

// come ends a step whose wait is over.
func (a Awaits) come(ctx context.Context, w *waiting, values map[string]json.RawMessage) (activities.Awaited, error) {
	row := w.row
	row.State, row.Reason, row.Values = bine.Succeeded, "", values
	err := a.store.PutStep(ctx, w.in.Project, row, w.place)
	if err == nil {
		err = a.giveBack(ctx, stepOwner(w.in.StepRef))
	}
	return activities.Awaited{State: bine.Succeeded}, err
}

// refused ends a step whose wait can never come to a good end.
func (a Awaits) refused(ctx context.Context, w *waiting, reason string) (activities.Awaited, error) {
	err := a.store.FailStep(ctx, w.in.Project, stepRef(w.in.StepRef), reason)
	if err == nil {
		err = a.giveBack(ctx, stepOwner(w.in.StepRef))
	}
	return activities.Awaited{State: bine.Failed, Reason: reason}, err
}

// wait looks whether what a step of kind wait waits for is there.
func (a Awaits) wait(ctx context.Context, w *waiting, action dags.WaitAction) (activities.Awaited, error) {
	every := action.Every
	if every == 0 {
		every = lookAgain
	}
	switch {
	case action.For != "" || action.Until != "":
		return a.until(ctx, w, action)
	case action.File != "":
		return a.present(ctx, w, action.File, "file "+action.File, every)
	case action.Partition != "":
		return a.present(ctx, w, path.Join(action.Partition, "_SUCCESS"), "partition "+action.Partition, every)
	case action.HTTP != nil:
		return a.answered(ctx, w, *action.HTTP, every)
	}
	return a.otherRun(ctx, w, *action.Run, every)
}

// untilValue is under what the row of a step keeps until when it waits.
const untilValue = "until"

// until waits for a moment, which is fixed when the step is first looked at.
func (a Awaits) until(ctx context.Context, w *waiting, action dags.WaitAction) (activities.Awaited, error) {
	var at time.Time
	if kept, found := w.row.Values[untilValue]; found {
		if err := json.Unmarshal(kept, &at); err != nil {
			return activities.Awaited{}, fmt.Errorf("read until when %s waits: %w", w.in.Step, err)
		}
	} else {
		var err error
		if at, err = moment(action, time.Now()); err != nil {
			return a.refused(ctx, w, err.Error())
		}
		text, err := json.Marshal(at.UTC())
		if err != nil {
			return activities.Awaited{}, err
		}
		w.row.Values = map[string]json.RawMessage{untilValue: text}
		w.row.State, w.row.Reason = bine.Waiting, "waits until "+at.UTC().Format(time.RFC3339)
		if err := a.store.PutStep(ctx, w.in.Project, w.row, w.place); err != nil {
			return activities.Awaited{}, err
		}
	}
	if left := time.Until(at); left > 0 {
		return activities.Awaited{State: bine.Waiting, Reason: w.row.Reason, Again: min(latest, max(left.Seconds(), 0.001))}, nil
	}
	return a.come(ctx, w, w.row.Values)
}

func moment(action dags.WaitAction, now time.Time) (time.Time, error) {
	if action.For != "" {
		d, err := dags.ParseDuration(action.For)
		return now.Add(d), err
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(action.Until))
	if err != nil {
		return at, bine.Errorf(bine.Invalid, "%q is not a time: write it like 2026-01-31T06:00:00Z", action.Until)
	}
	return at, nil
}

// present waits for a file of the project.
func (a Awaits) present(ctx context.Context, w *waiting, name, what string, every float64) (activities.Awaited, error) {
	found, err := a.files.Exists(ctx, w.in.Project, name)
	switch {
	case bine.IsKind(err, bine.Invalid) || bine.IsKind(err, bine.Forbidden):
		return a.refused(ctx, w, err.Error())
	case err != nil:
		return activities.Awaited{}, err
	case found:
		return a.come(ctx, w, nil)
	}
	return a.still(ctx, w, "waits for "+what, every)
}

// answered waits for an answer over HTTP.
func (a Awaits) answered(ctx context.Context, w *waiting, r dags.Request, every float64) (activities.Awaited, error) {
	got, err := a.request(ctx, r, 0)
	switch {
	case err == nil:
		return a.come(ctx, w, nil)
	case got.Status == 0 && (bine.IsKind(err, bine.Forbidden) || bine.IsKind(err, bine.Invalid)): // it cannot be asked
		return a.refused(ctx, w, err.Error())
	}
	return a.still(ctx, w, fmt.Sprintf("waits for %s: %s", hostOf(r.URL), err), every)
}

// otherRun waits for a run of another pipeline that has succeeded.
func (a Awaits) otherRun(ctx context.Context, w *waiting, want dags.WaitRun, every float64) (activities.Awaited, error) {
	var tick, since *time.Time
	what := "a run of " + string(want.Pipeline)
	if want.Tick != "" && want.Tick != "null" {
		at, err := time.Parse(time.RFC3339, want.Tick)
		if err != nil {
			return a.refused(ctx, w, fmt.Sprintf("%q is not a time: give tick as 2026-01-31T06:00:00Z", want.Tick))
		}
		tick, what = &at, what+" for "+at.UTC().Format(time.RFC3339)
	}
	if want.Within > 0 {
		since = new(time.Now().Add(-activities.Seconds(want.Within)))
	}
	_, found, err := a.store.RunOfPipeline(ctx, w.in.Project, want.Pipeline, tick, since)
	if err != nil {
		return activities.Awaited{}, err
	}
	if found {
		return a.come(ctx, w, nil)
	}
	return a.still(ctx, w, "waits for "+what, every)
}

// Abandon gives up what a step waits for.
func (a Awaits) Abandon(ctx context.Context, in activities.AwaitInput) error {
	if err := a.giveBack(ctx, stepOwner(in.StepRef)); err != nil || in.Turn {
		return err
	}
	row, err := a.store.Step(ctx, in.Project, stepRef(in.StepRef))
	if bine.IsKind(err, bine.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := a.store.WithdrawApprovals(ctx, in.Project, stepRef(in.StepRef)); err != nil {
		return err
	}
	if row.SubRun != "" {
		return a.launcher.CancelRun(ctx, in.Project, row.SubRun)
	}
	id, err := transferOf(row)
	if err != nil || id == "" {
		return err
	}
	return a.stopTransfer(ctx, in.Project, id, in.Run)
}
