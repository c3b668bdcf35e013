package trial_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/sweep/sample"
	"github.com/bine-ml/bine/internal/sweep/schedule"
	"github.com/bine-ml/bine/internal/sweep/space"
	"github.com/bine-ml/bine/internal/trial"
)

// world is a store with a run p-1 whose step train is a sweep.
type world struct {
	t     *testing.T
	store *store.Store
	ref   bine.SweepRef
}

func each(t *testing.T, check func(w *world)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		w := &world{t: t, store: store.New(db)}
		w.ok(w.store.CreateUser(t.Context(), bine.User{Name: "ann"}, "hash"))
		w.ok(w.store.CreateProject(t.Context(), bine.Project{Name: "p", CreatedBy: "ann"}))
		_, err := w.store.StorePipeline(t.Context(), "p", store.NewVersion{Name: "s", Kind: bine.KindPipeline, Hash: bine.HashOf(nil), Source: "s", DAG: json.RawMessage(`{"steps":[]}`), By: "ann"})
		w.ok(err)
		run, _, err := w.store.AcceptRun(t.Context(), "p", store.NewRun{Pipeline: "s", Params: json.RawMessage(`{}`), By: "ann"})
		w.ok(err)
		w.ref = bine.SweepRef{Project: "p", Run: run.ID, Step: "train"}
		w.ok(w.store.PutStep(t.Context(), "p", bine.Step{Run: run.ID, Name: "train", Kind: "python", State: bine.Running}, 0))
		check(w)
	})
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) settings(trials, parallel int) sweep.Settings {
	w.t.Helper()
	s, err := space.Parse([]byte(`{"x": {"min": 0.0, "max": 1.0}}`))
	w.ok(err)
	return sweep.Settings{
		Seed: 7, Space: s, Sampler: sample.Random, Schedule: schedule.Settings{Kind: schedule.ASHA, Min: 1, Max: 9, Eta: 3},
		Metrics: []sweep.Metric{{Name: "loss", Goal: sweep.Minimize}}, Trials: trials, Parallel: parallel,
	}
}

// open lists the segments that were begun and have no end in the log.
func (w *world) open() []bine.TrialSegment {
	w.t.Helper()
	decisions, err := w.store.SweepDecisions(w.t.Context(), w.ref, 0, 0, 1<<20)
	w.ok(err)
	events, err := w.store.SweepEvents(w.t.Context(), w.ref, 0, 1<<20)
	w.ok(err)
	ended := map[string]bool{}
	for _, e := range events {
		ended[e.Key] = true
	}
	var list []bine.TrialSegment
	for _, d := range decisions {
		var v sweep.Decision
		w.ok(json.Unmarshal(d.Body, &v))
		if v.Kind == sweep.Run && !ended[endOf(v.Trial, v.Job)] {
			list = append(list, bine.TrialSegment{Trial: v.Trial, Segment: v.Job, Budget: v.To})
		}
	}
	return list
}

func endOf(n, segment int) string { return "end/" + bine.SegmentKey(n, segment) }

// end tells a keeper how a segment ended: its loss is in its number.
func end(ctx context.Context, k *trial.Keeper, ref bine.SweepRef, s bine.TrialSegment) error {
	return k.Apply(ctx, ref, func(*sweep.Engine) ([]trial.Event, error) {
		event := sweep.Event{Kind: sweep.Done, Trial: s.Trial, Job: s.Segment, At: s.Budget, Metrics: map[string]sweep.Number{"loss": sweep.Number((s.Trial * 37) % 101)}}
		return []trial.Event{{Key: endOf(s.Trial, s.Segment), Event: event}}, nil
	})
}

// check compares what is written with what a replay of the events gives.
func (w *world) check() {
	w.t.Helper()
	ctx := w.t.Context()
	at, err := w.store.SweepAt(ctx, w.ref)
	w.ok(err)
	events, err := w.store.SweepEvents(ctx, w.ref, 0, 1<<20)
	w.ok(err)
	var log []sweep.Event
	for i, e := range events {
		var v sweep.Event
		w.ok(json.Unmarshal(e.Body, &v))
		log = append(log, v)
		if e.Seq != int64(i+1) {
			w.t.Errorf("event %d has the number %d", i+1, e.Seq)
		}
	}
	var settings sweep.Settings
	w.ok(json.Unmarshal(at.Settings, &settings))
	engine, want, err := sweep.Replay(settings, log, nil)
	w.ok(err)
	decisions, err := w.store.SweepDecisions(ctx, w.ref, 0, 0, 1<<20)
	w.ok(err)
	var got []sweep.Decision
	items := 0
	for _, d := range decisions {
		var v sweep.Decision
		w.ok(json.Unmarshal(d.Body, &v))
		got = append(got, v)
		if v.Kind == sweep.Run {
			items++
		}
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		w.t.Errorf("decisions are\n%s\na replay gives\n%s", a, b)
	}
	keys, err := w.store.ItemKeys(ctx, "p", w.ref.Run, "train", 0, 1<<20)
	w.ok(err)
	if len(keys) != items || at.Segments != items || at.Events != int64(len(events)) || at.Decisions != int64(len(got)) {
		w.t.Errorf("%d items, %+v; %d segments were begun by %d events and %d decisions", len(keys), at, items, len(events), len(got))
	}
	trials, err := w.store.SweepTrials(ctx, w.ref, "", store.TrialsByNumber, 0, 1<<20)
	w.ok(err)
	for i, t := range engine.Trials() {
		if r := trials[i]; r.Trial != t.Number || string(r.State) != string(t.State) || r.Segment != t.Job || r.Rung != t.Rung || (r.EndedAt != nil) != r.State.Ended() {
			w.t.Errorf("trial %d is kept as %+v; it is %+v", t.Number, r, t)
		}
	}
}

func TestALogDecidesTheSameWhoeverReadsIt(t *testing.T) {
	each(t, func(w *world) {
		k := trial.New(w.store)
		settings := w.settings(60, 5)
		w.ok(k.Create(t.Context(), w.ref, json.RawMessage(`{}`), settings))
		w.ok(k.Create(t.Context(), w.ref, json.RawMessage(`{}`), settings)) // again: nothing
		dice := rand.New(rand.NewPCG(1, 2))
		segments := 0
		for open := w.open(); len(open) > 0; open = w.open() {
			if len(open) > 5 {
				t.Fatalf("%d are open, 5 may be", len(open))
			}
			one := open[dice.IntN(len(open))]
			if dice.IntN(3) == 0 {
				k = trial.New(w.store) // as after a crash
			}
			w.ok(end(t.Context(), k, w.ref, one))
			w.ok(end(t.Context(), k, w.ref, one)) // again: nothing
			segments++
		}
		w.check()
		v, err := w.store.Sweep(t.Context(), w.ref)
		w.ok(err)
		if v.State != bine.SweepStopping || v.Best == nil || v.Trials[bine.TrialThrough] != 60 || segments <= 60 {
			t.Errorf("after %d segments the sweep is %+v, best %+v; want 60 trials through, more segments, and that it is over", segments, v, v.Best)
		}
		list, next, err := w.store.Sweeps(t.Context(), "p", "", 10)
		w.ok(err)
		if len(list) != 1 || next != "" || !reflect.DeepEqual(list[0], v) {
			t.Errorf("the list is %+v, %q", list, next)
		}
	})
}

// Two keepers in two processes: what one appends, the other does not overwrite.
func TestKeepersSideBySideLoseNothing(t *testing.T) {
	each(t, func(w *world) {
		keepers := []*trial.Keeper{trial.New(w.store), trial.New(w.store), trial.New(w.store)}
		w.ok(keepers[0].Create(t.Context(), w.ref, json.RawMessage(`{}`), w.settings(30, 9)))
		for open := w.open(); len(open) > 0; open = w.open() {
			var wait sync.WaitGroup
			for i, one := range slices.Concat(open, open) { // each is told of twice
				wait.Go(func() {
					if err := end(t.Context(), keepers[i%3], w.ref, one); err != nil {
						t.Error(err)
					}
				})
			}
			wait.Wait()
		}
		w.check()
	})
}

func TestWhatPeopleWantIsRefusedOrTakenOnce(t *testing.T) {
	each(t, func(w *world) {
		k := trial.New(w.store)
		w.ok(k.Create(t.Context(), w.ref, json.RawMessage(`{}`), w.settings(9, 2)))
		want := func(key string, v sweep.Event) error {
			return k.Apply(t.Context(), w.ref, func(*sweep.Engine) ([]trial.Event, error) { return []trial.Event{{Key: key, Event: v}}, nil })
		}
		if err := want("r", sweep.Event{Kind: sweep.Resume}); !bine.IsKind(err, bine.Conflict) {
			t.Errorf("a sweep that runs was resumed: %v", err)
		}
		for range 2 {
			w.ok(want("1", sweep.Event{Kind: sweep.Pause}))
		}
		w.ok(end(t.Context(), k, w.ref, w.open()[0]))
		if n := len(w.open()); n != 1 {
			t.Errorf("%d segments are open while it is paused, want 1", n)
		}
		w.ok(want("2", sweep.Event{Kind: sweep.Resume}))
		w.ok(want("3", sweep.Event{Kind: sweep.Parallel, Count: 4}))
		if n := len(w.open()); n != 4 {
			t.Errorf("%d segments are open, 4 may be", n)
		}
		w.ok(want("4", sweep.Event{Kind: sweep.Stop, Reason: "enough"}))
		v, err := w.store.Sweep(t.Context(), w.ref)
		w.ok(err)
		if v.State != bine.SweepStopping || v.Reason != "enough" || v.Parallel != 4 || v.Trials[bine.TrialStopping] != 4 {
			t.Errorf("it is %+v, want that it stops", v)
		}
		w.check()
		if err := want("5", sweep.Event{Kind: sweep.Add, Config: json.RawMessage(`{"y": 1}`)}); err == nil {
			t.Error(fmt.Errorf("a configuration was added to a sweep that stops"))
		}
	})
}

// A trial that is worse than the others at a rung is told to stop by the answer
// to its report, once and for all.
func TestAReportIsAnsweredAtOnce(t *testing.T) {
	each(t, func(w *world) {
		k := trial.New(w.store)
		s := w.settings(3, 3)
		s.Schedule = schedule.Settings{Kind: schedule.Stopping, Min: 1, Max: 9, Eta: 3}
		w.ok(k.Create(t.Context(), w.ref, json.RawMessage(`{}`), s))
		say := func(n int, at int64, loss float64) (bine.TrialAnswer, bool) {
			t.Helper()
			out, changed, err := k.Report(t.Context(), w.ref, n, 1, at, map[string]bine.Number{"loss": bine.Number(loss)})
			w.ok(err)
			return out, changed
		}
		if out, changed := say(1, 1, 0.1); out.Do != bine.Continue || out.Next != 3 || !changed {
			t.Errorf("the first trial is told %+v, want to go on and to report at 3", out)
		}
		if out, changed := say(1, 2, 0.1); out.Do != bine.Continue || changed {
			t.Errorf("a report between two rungs is answered %+v, and changed something: %v", out, changed)
		}
		say(2, 1, 0.2)
		for range 2 { // told again it is the same
			if out, _ := say(3, 1, 0.9); out.Do != bine.Stop || out.Reason == "" {
				t.Errorf("the worst is told %+v, want to stop", out)
			}
			k = trial.New(w.store)
		}
		if _, _, err := k.Report(t.Context(), w.ref, 3, 2, 1, nil); !bine.IsKind(err, bine.Fenced) {
			t.Errorf("a segment that is none was let report: %v", err)
		}
		w.check()
	})
}
