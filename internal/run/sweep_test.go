package run_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/run"
	"github.com/bine-ml/bine/internal/sweep"
	tr "github.com/bine-ml/bine/internal/trial"
)

// searches is a sweep as its workflow drives it.
type searches struct {
	*world
	run.Sweeps
	ref   activities.StepRef
	after int64
	open  []string
	end   *activities.Outcome
}

const searchYAML = `
name: s
params: {most: {type: int, default: 9}}
steps:
  train:
    command: ["code/train"]
    sweep:
      metric: {name: loss, goal: minimize}
      parameters: {x: {min: 0.0, max: 1.0}}
      early_terminate: {min_iter: 1, max_iter: "${{ params.most }}", eta: 3}
      run_cap: 9
      parallel: 2
      seed: 4
    with: {rows: 100}
    env: {X: "${{ item.config.x }}"}
    outputs: {model: artifact}
  after:
    command: ["code/after"]
    inputs: {model: train.model}
    with: {x: "${{ steps.train.best_config.x }}", trial: "${{ steps.train.best_trial }}", loss: "${{ steps.train.best_value }}"}
`

func search(w *world, yaml string, code ...string) *searches {
	w.t.Helper()
	ref := at(w.begin(w.pipeline(yaml, code...)), "train")
	return &searches{world: w, Sweeps: run.Sweeps{Engine: w.engine}, ref: ref}
}

// tell advances the sweep, twice as after a crash.
func (s *searches) tell(ended ...activities.SegmentEnd) {
	s.t.Helper()
	in := activities.AdvanceSweepInput{StepRef: s.ref, After: s.after, Ended: ended}
	first, err := s.Advance(s.ctx(), in)
	s.ok(err)
	again, err := s.Advance(s.ctx(), in)
	s.ok(err)
	s.is("advanced again", again, first)
	s.after, s.end = first.After, first.End
	for _, order := range first.Orders {
		if order.Begin != "" {
			s.open = append(s.open, order.Begin)
		}
	}
	if first.More {
		s.tell()
	}
}

// done lets a segment that is open succeed.
func (s *searches) done(key string, loss float64) {
	s.t.Helper()
	artifacts := map[string]bine.ArtifactRef{"model": s.files.put(map[string]string{"of": key}), bine.CheckpointName: s.files.put(map[string]string{"weights": key})}
	s.report(at(s.ref, "train", key), bine.AttemptResult{State: bine.Succeeded, Artifacts: artifacts, Metrics: []bine.Metric{{Name: "loss", Value: bine.Number(loss)}}})
	s.ended(key, activities.Outcome{State: bine.Succeeded})
}

func (s *searches) ended(key string, end activities.Outcome) {
	s.t.Helper()
	i := slices.Index(s.open, key)
	if i < 0 {
		s.t.Fatalf("segment %s is not open, those are %v", key, s.open)
	}
	s.open = slices.Delete(s.open, i, i+1)
	s.tell(activities.SegmentEnd{Key: key, End: end})
}

func TestASweepGivesTheOutputsOfItsBestTrial(t *testing.T) {
	onEach(t, func(w *world) {
		s := search(w, searchYAML)
		w.is("resolved", w.resolve(s.ref), activities.Resolved{State: bine.Pending})
		s.tell()
		w.is("open", s.open, []string{"1.1", "2.1"})
		p := w.process(at(s.ref, "train", "1.1"))
		w.is("its outputs", p.Outputs, map[string]string{"model": "artifact"})
		var with struct{ Rows, X float64 }
		w.ok(json.Unmarshal(p.With, &with))
		if with.Rows != 100 || with.X <= 0 || p.Env["X"] != fmt.Sprint(with.X) || p.Segment == nil || p.Segment.Budget != 1 || p.Segment.Metric != "loss" || p.Resume != nil {
			t.Errorf("the process is %+v with %s, want the trial's configuration and its budget", p, p.With)
		}
		for s.end == nil {
			key := s.open[0]
			n, segment, err := bine.ParseSegment(key)
			w.ok(err)
			p := w.process(at(s.ref, "train", key))
			if (p.Resume != nil) != (segment > 1) {
				t.Errorf("segment %s resumes from %v", key, p.Resume)
			}
			if segment > 1 {
				before := w.row(at(s.ref, "train", bine.SegmentKey(n, segment-1)))
				w.is("resumes from", *p.Resume, before.Artifacts[bine.CheckpointName])
			}
			s.done(key, float64((n*5)%9)+1/float64(p.Segment.Budget))
		}
		w.is("the end", *s.end, activities.Outcome{State: bine.Succeeded})
		row := w.row(s.ref)
		sweep, err := w.store.Sweep(w.ctx(), bine.SweepRef{Project: "p", Run: s.ref.Run, Step: "train"})
		w.ok(err)
		best := w.row(at(s.ref, "train", bine.SegmentKey(sweep.Best.Trial, 3)))
		w.is("the step's model", row.Artifacts, map[string]bine.ArtifactRef{"model": best.Artifacts["model"]})
		w.is("the best trial", []any{string(row.Values["best_trial"]), sweep.Best.Trial, sweep.State, row.Items}, []any{"9", 9, bine.SweepSucceeded, 13})
		next := at(s.ref, "after")
		w.is("the next step", w.resolve(next).State, bine.Pending)
		if with := string(w.process(next).With); !strings.Contains(with, `"trial":9`) || !strings.Contains(with, `"x":`+string(mustField(w, sweep.Best.Config, "x"))) {
			t.Errorf("the next step gets %s, want what the best trial was", with)
		}
		for _, item := range got(w.store.ItemKeys(w.ctx(), "p", s.ref.Run, "train", 0, 100)) {
			row := w.row(at(s.ref, "train", item))
			if _, left := row.Artifacts[bine.CheckpointName]; left {
				t.Errorf("segment %s still has a checkpoint that nobody can go on from", item)
			}
		}
	})
}

func mustField(w *world, object json.RawMessage, name string) json.RawMessage {
	w.t.Helper()
	all := map[string]json.RawMessage{}
	w.ok(json.Unmarshal(object, &all))
	return all[name]
}

func got[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestATrialThatCannotBeIsReplacedAndOneThatFailsCounts(t *testing.T) {
	w := newWorld(t)
	s := search(w, strings.Replace(searchYAML, "seed: 4", "max_failed: 1", 1))
	w.resolve(s.ref)
	s.tell()
	s.ended("1.1", activities.Outcome{State: bine.Failed, Failure: bine.FailureConfig, Reason: "x is wrong"})
	s.ended("2.1", activities.Outcome{State: bine.Failed, Failure: bine.FailureError, Reason: "exit code 1"})
	w.is("the row of one that failed", w.row(at(s.ref, "train", "2.1")).Reason, "exit code 1")
	w.is("goes on", len(s.open), 2)
	s.ended("3.1", activities.Outcome{State: bine.Failed, Failure: bine.FailureError, Reason: "exit code 1"})
	w.is("nothing more begins", s.open, []string{"4.1"})
	s.ended("4.1", activities.Outcome{State: bine.Cancelled, Failure: bine.FailureCancelled})
	if s.end == nil || s.end.State != bine.Failed || !strings.Contains(s.end.Reason, "2 trials failed") {
		t.Errorf("it ended as %+v, want given up", s.end)
	}
	sweep, err := w.store.Sweep(w.ctx(), bine.SweepRef{Project: "p", Run: s.ref.Run, Step: "train"})
	w.ok(err)
	w.is("its trials", sweep.Trials, map[bine.TrialState]int{bine.TrialInvalid: 1, bine.TrialFailed: 2, bine.TrialStopped: 1})
	w.is("its state", sweep.State, bine.SweepFailed)
}

func TestASearchIsReadFromAFileOfTheCode(t *testing.T) {
	w := newWorld(t)
	code := w.files.put(map[string]string{"search.yaml": `
program: train.py
method: grid
metric: {name: loss}
parameters:
  x: {values: [1, 2]}
`, "bad.yaml": "metric: {name: loss}\nparameters: [\n", "odd.yaml": "metric: {name: loss}\nparametres: {}\n"})
	w.files.blobs[bine.HashOf([]byte("code"))] = w.files.blobs[code.Hash]
	yaml := "name: s\nsteps:\n  train:\n    command: [\"code/train\"]\n    sweep: FILE\n"
	for file, text := range map[string]string{"bad.yaml": "bad.yaml", "odd.yaml": "a sweep needs parameters", "none.yaml": "no file none.yaml"} {
		s := search(w, strings.Replace(yaml, "FILE", file, 1), "code")
		_, err := w.engine.Resolve(w.ctx(), s.ref)
		w.kind(file, err, bine.Invalid, text)
	}
	s := search(w, strings.Replace(yaml, "FILE", "search.yaml", 1), "code")
	w.resolve(s.ref)
	s.tell()
	w.is("open", s.open, []string{"1.1"})
	var with struct{ X int }
	w.ok(json.Unmarshal(w.process(at(s.ref, "train", "1.1")).With, &with))
	w.is("x", with.X, 1)
}

// A process that was told to stop by the answer to its report ends by itself.
func TestATrialThatWasToldToStopIsNotEnded(t *testing.T) {
	w := newWorld(t)
	s := search(w, strings.Replace(searchYAML, "min_iter", "type: asha_stopping, min_iter", 1))
	w.resolve(s.ref)
	s.tell()
	ref := bine.SweepRef{Project: "p", Run: s.ref.Run, Step: "train"}
	k := tr.New(w.store)
	for n, loss := range map[int]bine.Number{1: 0.1, 2: 0.1} {
		_, _, err := k.Report(w.ctx(), ref, n, 1, 1, map[string]bine.Number{"loss": loss})
		w.ok(err)
	}
	s.ended("2.1", activities.Outcome{State: bine.Failed, Failure: bine.FailureError, Reason: "exit code 1"})
	answer, _, err := k.Report(w.ctx(), ref, 3, 1, 1, map[string]bine.Number{"loss": 5})
	w.ok(err)
	w.is("the answer", answer.Do, bine.Stop)
	out, err := s.Advance(w.ctx(), activities.AdvanceSweepInput{StepRef: s.ref, After: s.after})
	w.ok(err)
	w.is("orders", len(out.Orders), 0)
	s.done("3.1", 5)
	trial := got(w.store.SweepTrial(w.ctx(), ref, 3))
	w.is("trial 3", []any{trial.State, trial.Resource, *trial.Value}, []any{bine.TrialStopped, int64(1), 5.0})

	change := func(*sweep.Engine) ([]tr.Event, error) {
		return []tr.Event{{Key: "x", Event: sweep.Event{Kind: sweep.Stop}}}, nil
	}
	w.ok(k.Apply(w.ctx(), ref, change))
	out, err = s.Advance(w.ctx(), activities.AdvanceSweepInput{StepRef: s.ref, After: s.after})
	w.ok(err)
	w.is("orders after a stop", fmt.Sprint(out.Orders), "[{ 1.1} { 4.1}]")
}
