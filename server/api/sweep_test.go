package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/sweep/spec"
	"github.com/bine-ml/bine/internal/trial"
)

// search makes a sweep of the step say of a run.
func (w *world) search() bine.SweepRef {
	w.t.Helper()
	run := w.run("sven")
	ref := bine.SweepRef{Project: "demo", Run: run.ID, Step: "say"}
	w.ok(w.store.PutStep(w.t.Context(), "demo", bine.Step{Run: run.ID, Name: "say", Kind: "command", State: bine.Running}, 0))
	text := `{"metric": {"name": "loss"}, "parameters": {"x": {"values": [1, 2, 3]}}, "run_cap": 9, "parallel": 2}`
	file, err := spec.Parse([]byte(text))
	w.ok(err)
	w.ok(trial.New(w.store).Create(w.t.Context(), ref, json.RawMessage(text), file.Settings))
	return ref
}

func TestASweepIsLookedAtAndChanged(t *testing.T) {
	w := newWorld(t)
	ref, sven, ctx := w.search(), w.as("sven"), t.Context()
	list, err := sven.Sweeps(ctx, "demo", client.List{})
	w.ok(err)
	s, err := sven.Sweep(ctx, ref)
	w.ok(err)
	same(t, "sweep", []any{len(list.Items), s.State, s.Metric, s.Goal, s.Parallel, s.Trials}, []any{1, "running", "loss", "minimize", 2, map[bine.TrialState]int{bine.TrialRunning: 2}})
	trials, err := sven.Trials(ctx, ref, bine.TrialRunning, true, client.List{Limit: 1})
	w.ok(err)
	same(t, "the first page of trials", []any{len(trials.Items), trials.Items[0].Trial, trials.Next}, []any{1, 1, "1"})
	trials, err = sven.Trials(ctx, ref, "", false, client.List{After: trials.Next})
	w.ok(err)
	same(t, "the next", []any{len(trials.Items), trials.Items[0].Trial, trials.Next}, []any{1, 2, ""})

	for range 2 { // the same request is one change
		s, err = sven.ChangeSweep(ctx, ref, client.SweepChange{Do: "parallel", Parallel: 3, Key: "more"})
		w.ok(err)
	}
	same(t, "more at once", []any{s.Parallel, s.Events, s.Trials[bine.TrialRunning]}, []any{3, int64(2), 3})
	if !w.launched.made("wake demo/run/" + string(ref.Run) + "/say") {
		t.Error("its workflow was not woken")
	}
	s, err = sven.ChangeSweep(ctx, ref, client.SweepChange{Do: "pause"})
	w.ok(err)
	same(t, "paused", []any{s.State, s.Reason}, []any{"paused", "paused by sven"})
	for name, c := range map[string]struct {
		change client.SweepChange
		kind   bine.Kind
	}{
		"paused again":                     {client.SweepChange{Do: "pause"}, bine.Conflict},
		"extended by nothing":              {client.SweepChange{Do: "extend"}, bine.Invalid},
		"none at once":                     {client.SweepChange{Do: "parallel"}, bine.Invalid},
		"too many at once":                 {client.SweepChange{Do: "parallel", Parallel: 5000}, bine.Invalid},
		"a configuration that is no JSON":  {client.SweepChange{Do: "add"}, bine.Invalid},
		"a configuration of another space": {client.SweepChange{Do: "add", Config: json.RawMessage(`{"y": 1}`)}, bine.Invalid},
	} {
		if _, err := sven.ChangeSweep(ctx, ref, c.change); !bine.IsKind(err, c.kind) {
			t.Errorf("%s: %v, want an error of kind %s", name, err, c.kind)
		}
	}
	_, err = sven.ChangeSweep(ctx, ref, client.SweepChange{Do: "add", Config: json.RawMessage(`{"x": 2}`)})
	w.ok(err)
	_, err = sven.ChangeSweep(ctx, ref, client.SweepChange{Do: "stop"})
	w.ok(err)
	decisions, err := sven.SweepDecisions(ctx, ref, 1, client.List{})
	w.ok(err)
	var kinds []string
	for _, d := range decisions.Items {
		kinds = append(kinds, d.Kind)
	}
	same(t, "what was decided about trial 1", strings.Join(kinds, " "), "run stop")
	events, err := sven.SweepEvents(ctx, ref, client.List{})
	w.ok(err)
	same(t, "events", len(events.Items), 5)
	if got := w.recorded("change-sweep"); len(got) < 4 {
		t.Errorf("the audit log has %v, want every change", got)
	}
	w.ok(w.store.EndSweep(ctx, ref, bine.SweepSucceeded, ""))
	if _, err := sven.ChangeSweep(ctx, ref, client.SweepChange{Do: "extend", Trials: 5}); !bine.IsKind(err, bine.Conflict) {
		t.Errorf("one that has ended was extended: %v", err)
	}
}
