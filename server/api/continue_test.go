package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// broken gives a run whose second step failed.
func (w *world) broken() bine.Run {
	w.t.Helper()
	run := w.run("sven")
	for i, s := range []bine.Step{{Name: "ingest", Kind: "python", State: bine.Succeeded, Values: map[string]json.RawMessage{"rows": json.RawMessage("7")}},
		{Name: "say", Kind: "command", State: bine.Failed, Reason: "no"}} {
		s.Run = run.ID
		w.ok(w.store.PutStep(w.t.Context(), "demo", s, i))
	}
	w.ok(w.store.MoveRun(w.t.Context(), "demo", run.ID, []bine.State{bine.Pending}, bine.Failed, "step say failed"))
	return run
}

// whys gives what a plan says, one text for each step.
func whys(c bine.Continuation) []string {
	var all []string
	for _, s := range c.Steps {
		text := string(s.Step) + " keeps: "
		if s.Runs {
			text = string(s.Step) + " runs: "
		}
		all = append(all, text+s.Why)
	}
	return all
}

// edited stores the pipeline with another program.
func (w *world) edited(program string) bine.PipelineVersion {
	w.t.Helper()
	sven := w.as("sven")
	_, err := sven.PutArtifact(w.t.Context(), "demo", hashOf(program), strings.NewReader(program))
	w.ok(err)
	dir, err := sven.PutManifest(w.t.Context(), "demo", []bine.ArtifactEntry{{Path: "ingest.py", Hash: hashOf(program), Size: int64(len(program))}})
	w.ok(err)
	version, err := sven.StorePipeline(w.t.Context(), "demo", []byte(pipelineText), dir.Hash)
	w.ok(err)
	return version
}

func TestAContinuationSaysBeforehandWhatItDoes(t *testing.T) {
	w := newWorld(t)
	run, sven := w.broken(), w.as("sven")
	plan, err := sven.PlanContinuation(t.Context(), "demo", run.ID, client.Continue{})
	w.ok(err)
	same(t, "plan", whys(plan), []string{"ingest keeps: it succeeded, and nothing of it changed", "say runs: it failed"})
	plan, err = sven.PlanContinuation(t.Context(), "demo", run.ID, client.Continue{Params: map[string]json.RawMessage{"n": json.RawMessage("4")}})
	w.ok(err)
	same(t, "with another param", whys(plan), []string{"ingest runs: param n changed, which it reads", "say runs: it needs ingest, which runs again"})
	version := w.edited("print('bye')\n")
	plan, err = sven.PlanContinuation(t.Context(), "demo", run.ID, client.Continue{Version: version.Version})
	w.ok(err)
	same(t, "with other code", whys(plan)[0], "ingest runs: its file ingest.py changed")
	same(t, "the difference", plan.Diff, "--- flights/1/ingest.py\n+++ flights/2/ingest.py\n@@ -1 +1 @@\n-print('hello')\n+print('bye')\n")
	runs, err := sven.Runs(t.Context(), "demo", client.RunFilter{}, client.List{})
	w.ok(err)
	same(t, "runs", len(runs.Items), 1)
}

func TestARunIsContinued(t *testing.T) {
	w := newWorld(t)
	run, sven := w.broken(), w.as("sven")
	version := w.edited("print('bye')\n")
	body := client.Continue{From: []bine.StepName{"say"}, Version: version.Version, Params: map[string]json.RawMessage{"n": json.RawMessage("5")}, Key: "k"}
	next, err := sven.ContinueRun(t.Context(), "demo", run.ID, body)
	w.ok(err)
	same(t, "run", []any{next.Continues, next.From, next.Version, string(next.Params)}, []any{run.ID, []bine.StepName{"say"}, 2, `{"n":5}`})
	if !w.launched.made("run " + string(next.ID)) {
		t.Errorf("launched %v", w.launched.calls)
	}
	again, err := sven.ContinueRun(t.Context(), "demo", run.ID, body)
	w.ok(err)
	same(t, "asked twice", again.ID, next.ID)
}

func TestWhatCannotBeContinuedIsRefused(t *testing.T) {
	w := newWorld(t)
	run, sven := w.broken(), w.as("sven")
	going, err := sven.StartRun(t.Context(), "demo", "flights", client.NewRun{})
	w.ok(err)
	_, err = sven.ContinueRun(t.Context(), "demo", going.ID, client.Continue{})
	wants(t, "a run that goes on", err, bine.Conflict)
	_, err = sven.ContinueRun(t.Context(), "demo", run.ID, client.Continue{From: []bine.StepName{"nothing"}})
	wants(t, "a step that is not there", err, bine.Invalid)
	_, err = sven.ContinueRun(t.Context(), "demo", run.ID, client.Continue{Version: 9})
	wants(t, "a version that is not there", err, bine.NotFound)
	_, err = sven.ContinueRun(t.Context(), "demo", run.ID, client.Continue{Params: map[string]json.RawMessage{"n": json.RawMessage("99")}})
	wants(t, "a param that is too large", err, bine.Invalid)
	_, err = sven.ContinueRun(t.Context(), "demo", "flights-99", client.Continue{})
	wants(t, "a run that is not there", err, bine.NotFound)
	_, err = w.as("mallory").ContinueRun(t.Context(), "demo", run.ID, client.Continue{})
	wants(t, "a run of another project", err, bine.NotFound)
}

func TestNothingIsContinuedWhereEverythingIsKept(t *testing.T) {
	w := newWorld(t)
	run, sven := w.run("sven"), w.as("sven")
	for i, name := range []bine.StepName{"ingest", "say"} {
		w.ok(w.store.PutStep(t.Context(), "demo", bine.Step{Run: run.ID, Name: name, Kind: "python", State: bine.Succeeded}, i))
	}
	w.ok(w.store.MoveRun(t.Context(), "demo", run.ID, []bine.State{bine.Pending}, bine.Succeeded, ""))
	_, err := sven.ContinueRun(t.Context(), "demo", run.ID, client.Continue{})
	wants(t, "continuing it", err, bine.Conflict)
	retried, err := sven.RetryRun(t.Context(), "demo", run.ID)
	w.ok(err)
	same(t, "retrying it goes on from", retried.Continues, bine.RunID(""))
	next, err := sven.ContinueRun(t.Context(), "demo", run.ID, client.Continue{From: []bine.StepName{"say"}})
	w.ok(err)
	same(t, "from a step", next.Continues, run.ID)
}

func TestTwoRunsAreCompared(t *testing.T) {
	w := newWorld(t)
	left, sven := w.broken(), w.as("sven")
	w.edited("print('bye')\n")
	right, err := sven.StartRun(t.Context(), "demo", "flights", client.NewRun{Params: map[string]json.RawMessage{"n": json.RawMessage("5")}})
	w.ok(err)
	w.ok(w.store.PutStep(t.Context(), "demo", bine.Step{Run: right.ID, Name: "ingest", Kind: "python", State: bine.Cached, Values: map[string]json.RawMessage{"rows": json.RawMessage("8")}}, 0))
	out, err := sven.CompareRuns(t.Context(), "demo", left.ID, right.ID)
	w.ok(err)
	text, err := json.Marshal([]any{out.Params, out.Steps})
	w.ok(err)
	same(t, "params and steps", string(text), `[[{"name":"n","left":3,"right":5}],[`+
		`{"step":"ingest","left":"succeeded","right":"cached","seconds":[0,0],"values":[{"name":"rows","left":7,"right":8}]},{"step":"say","left":"failed","seconds":[0,0]}]]`)
	if !strings.Contains(out.Diff, "+print('bye')") {
		t.Errorf("the difference of the definitions is %q", out.Diff)
	}
	_, err = sven.CompareRuns(t.Context(), "demo", "flights-99", right.ID)
	wants(t, "a run that is not there", err, bine.NotFound)
}

func TestVersionsAreCompared(t *testing.T) {
	w := newWorld(t)
	w.run("sven")
	sven := w.as("sven")
	_, err := sven.StorePipeline(t.Context(), "demo", []byte(strings.Replace(pipelineText, "for tests", "for more tests", 1)), "")
	w.ok(err)
	for _, c := range [][2]int{{0, 0}, {1, 2}, {1, 0}} {
		out, err := sven.PipelineDiff(t.Context(), "demo", "flights", c[0], c[1])
		w.ok(err)
		same(t, "versions", []int{out.From, out.To}, []int{1, 2})
		if !strings.Contains(out.Diff, "-description: for tests\n+description: for more tests\n") {
			t.Errorf("difference = %q", out.Diff)
		}
	}
	out, err := sven.PipelineDiff(t.Context(), "demo", "flights", 1, 1)
	w.ok(err)
	same(t, "of one with itself", out.Diff, "")
	_, err = sven.PipelineDiff(t.Context(), "demo", "flights", 1, 9)
	wants(t, "a version that is not there", err, bine.NotFound)
}
