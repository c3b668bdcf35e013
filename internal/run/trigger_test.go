package run_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/run"
	"github.com/bine-ml/bine/internal/store"
)

// triggered stores a pipeline with its triggers.
func (w *world) triggered(yaml string) bine.PipelineName {
	w.t.Helper()
	dag, err := dags.Parse([]byte(yaml))
	w.ok(err)
	var list []bine.Trigger
	for _, t := range dag.Triggers {
		list = append(list, bine.Trigger{Kind: t.Kind(), Source: t.Source(), On: t.On, Settle: t.Settle, Params: t.Params})
	}
	_, err = w.store.StorePipeline(w.ctx(), "p", store.NewVersion{Name: dag.Name, Kind: bine.KindPipeline, Hash: dag.Hash(""), Source: yaml, DAG: dag.JSON(), Triggers: list, By: "ann"})
	w.ok(err)
	return dag.Name
}

const ingest = "name: ingest\nparams: {shop: {type: string, default: a}}\nsteps:\n  one: {values: {d: 1}}\n"

const report = `name: report
params: {from: {type: string, default: ""}, state: {type: string, default: ""}}
triggers:
  - {pipeline: ingest, params: {from: "${{ event.run }}", state: "${{ event.state }}"}}
  - {pipeline: ingest, on: failed, params: {from: "${{ event.params.shop }}"}}
steps:
  one: {values: {d: 1}}
`

// ready makes the project one that takes work.
func (w *world) ready() {
	w.t.Helper()
	w.ok(w.store.MoveProject(w.ctx(), "p", []bine.ProjectState{bine.ProjectProvisioning}, bine.ProjectReady, ""))
}

// ended accepts a run and ends it.
func (w *world) ended(name bine.PipelineName, to bine.State) bine.RunID {
	w.t.Helper()
	r, _, err := w.store.AcceptRun(w.ctx(), "p", store.NewRun{Pipeline: name, Params: []byte(`{"shop":"b"}`), By: "ann"})
	w.ok(err)
	w.endRun(r.ID, to)
	return r.ID
}

// runsOf lists the runs of a pipeline, oldest first, as "params by trigger".
func (w *world) runsOf(name bine.PipelineName) []string {
	w.t.Helper()
	runs, _, err := w.store.Runs(w.ctx(), "p", store.RunFilter{Pipeline: name}, "", 1000)
	w.ok(err)
	var out []string
	for i := len(runs) - 1; i >= 0; i-- {
		out = append(out, string(runs[i].Params)+" by "+runs[i].Trigger)
	}
	return out
}

func (w *world) triggers() []bine.Trigger {
	w.t.Helper()
	list, err := w.store.Triggers(w.ctx(), "p", "")
	w.ok(err)
	return list
}

func TestTheEndOfARunTriggersOthersOnce(t *testing.T) {
	w := newWorld(t)
	w.ready()
	w.triggered(ingest)
	w.ended("ingest", bine.Succeeded) // before anybody listens
	w.triggered(report)
	w.ended("ingest", bine.Succeeded)
	w.ended("ingest", bine.Failed)
	w.ended("ingest", bine.Cancelled)
	loop := run.NewTriggers(w.engine, nil)
	for range 3 {
		w.ok(loop.Once(w.ctx()))
	}
	w.is("runs", w.runsOf("report"), []string{`{"from":"ingest-2","state":"succeeded"} by run ingest-2`, `{"from":"b","state":""} by run ingest-3`})
	w.is("asked", w.launcher.calls, []string{"start run report-1", "start run report-2"})
	w.is("last run", w.triggers()[0].LastRun, bine.RunID("report-1"))
}

func TestManyWorkersTriggerOneRunForEachEvent(t *testing.T) {
	w := newWorld(t)
	w.ready()
	w.triggered(ingest)
	w.triggered(report)
	const n = 25
	for range n {
		w.ended("ingest", bine.Succeeded)
	}
	var wait sync.WaitGroup
	loops := make([]*run.Triggers, 4)
	for i := range loops {
		loops[i] = run.NewTriggers(w.engine, nil)
	}
	for _, loop := range loops {
		wait.Go(func() {
			for range 30 {
				if err := loop.Once(w.ctx()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	seen := map[string]bool{}
	for _, r := range w.runsOf("report") {
		seen[r] = true
	}
	w.is("runs", []int{len(seen), len(w.runsOf("report"))}, []int{n, n})
}

func TestAnEventWhoseParamsDoNotFitIsNotedAndPassed(t *testing.T) {
	w := newWorld(t)
	w.ready()
	w.triggered(ingest)
	w.triggered("name: report\nparams: {n: {type: int}}\ntriggers: [{pipeline: ingest, params: {n: \"${{ event.params.shop }}\"}}]\nsteps:\n  one: {values: {d: 1}}\n")
	w.ended("ingest", bine.Succeeded)
	loop := run.NewTriggers(w.engine, nil)
	for range 2 {
		w.ok(loop.Once(w.ctx()))
	}
	w.is("runs", len(w.runsOf("report")), 0)
	if reason := w.triggers()[0].Reason; !strings.HasPrefix(reason, "run ingest-1 started nothing: ") || !strings.Contains(reason, "n") {
		t.Errorf("the trigger says %q", reason)
	}
}

func TestPipelinesThatTriggerEachOtherAreStopped(t *testing.T) {
	w := newWorld(t)
	w.ready()
	w.triggered("name: ping\ntriggers: [{pipeline: pong}]\nsteps:\n  one: {values: {d: 1}}\n")
	w.triggered("name: pong\ntriggers: [{pipeline: ping}]\nsteps:\n  one: {values: {d: 1}}\n")
	w.ended("ping", bine.Succeeded)
	loop := run.NewTriggers(w.engine, nil)
	for range 60 {
		w.ok(loop.Once(w.ctx()))
		for _, name := range []bine.PipelineName{"ping", "pong"} {
			runs, _, err := w.store.Runs(w.ctx(), "p", store.RunFilter{Pipeline: name, State: bine.Pending}, "", 10)
			w.ok(err)
			for _, r := range runs {
				w.endRun(r.ID, bine.Succeeded)
			}
		}
	}
	if n := len(w.runsOf("ping")) + len(w.runsOf("pong")); n != 20 {
		t.Errorf("%d runs, want 20", n)
	}
	reasons := w.triggers()[0].Reason + w.triggers()[1].Reason
	if !strings.Contains(reasons, "in a circle") {
		t.Errorf("the triggers say %q", reasons)
	}
}

func TestAPausedTriggerForgetsWhatHappensMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.ready()
	w.triggered(ingest)
	w.triggered(report)
	loop := run.NewTriggers(w.engine, nil)
	w.ok(w.store.PauseTrigger(w.ctx(), "p", "report", 1, true))
	w.ended("ingest", bine.Succeeded)
	w.ok(loop.Once(w.ctx()))
	w.ok(w.store.PauseTrigger(w.ctx(), "p", "report", 1, false))
	w.ended("ingest", bine.Succeeded)
	w.ok(loop.Once(w.ctx()))
	w.is("runs", w.runsOf("report"), []string{`{"from":"ingest-2","state":"succeeded"} by run ingest-2`})
}

func TestATopicSaysWhyItIsNotRead(t *testing.T) {
	w := newWorld(t)
	w.triggered("name: report\ntriggers: [{topic: orders}]\nsteps:\n  one: {values: {d: 1}}\n")
	w.ok(run.NewTriggers(w.engine, nil).Once(w.ctx()))
	w.is("reason", w.triggers()[0].Reason, "topics are not read: no Kafka broker is configured")
}

func TestAChangedDatasetStartsARunWhenItIsQuiet(t *testing.T) {
	w := newWorld(t)
	w.ready()
	tree := dfs.New(databasetest.SQLite(t), new(mem.Store), dfs.Options{})
	t.Cleanup(func() { w.ok(tree.Close()) })
	w.ok(tree.MakeProjectTree(w.ctx(), "p"))
	put := func(name, text string) {
		t.Helper()
		_, err := tree.Create(w.ctx(), dfs.Platform(), "/Projects/p/Resources/raw/"+name, strings.NewReader(text), dfs.CreateOptions{Overwrite: true, Parents: true})
		w.ok(err)
	}
	put("a.csv", "1")
	w.triggered("name: report\nparams: {paths: {type: list}}\ntriggers: [{dataset: Resources/raw, settle: 1s, params: {paths: \"${{ event.paths }}\"}}]\nsteps:\n  one: {values: {d: 1}}\n")
	// A loop of its own for each look, as after a restart: it looks at once.
	look := func() { t.Helper(); w.ok(run.NewTriggers(w.engine, tree).Once(w.ctx())) }
	until := func(what string, n int) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); len(w.runsOf("report")) < n; <-time.After(20 * time.Millisecond) {
			if look(); time.Now().After(deadline) {
				t.Fatalf("%s: %v", what, w.triggers())
			}
		}
	}
	look()
	look()
	w.is("what is there already", len(w.runsOf("report")), 0)
	put("a.csv", "2")
	look()
	w.is("before it is quiet", len(w.runsOf("report")), 0)
	until("a changed file", 1)
	w.is("run", w.runsOf("report")[0], `{"paths":["Resources/raw/a.csv"]} by dataset Resources/raw`)
	look()
	w.is("looked again", len(w.runsOf("report")), 1)
	put("deep/b.csv", "3")
	until("a new file", 2)
	w.ok(tree.Remove(w.ctx(), dfs.Platform(), "/Projects/p/Resources/raw/deep", dfs.RemoveOptions{Recursive: true}))
	until("removed, so that it is as it was once", 3)
	for range 2 {
		w.ok(w.store.PauseTrigger(w.ctx(), "p", "report", 1, !w.triggers()[0].Paused))
	}
	put("early/c.csv", "4")
	until("a file that came before the first look", 4)
}

func TestADatasetWhoseChangesAreForgottenCountsAsChanged(t *testing.T) {
	w := newWorld(t)
	w.ready()
	tree := dfs.New(databasetest.SQLite(t), new(mem.Store), dfs.Options{Changes: time.Nanosecond})
	t.Cleanup(func() { w.ok(tree.Close()) })
	w.ok(tree.MakeProjectTree(w.ctx(), "p"))
	w.triggered("name: report\ntriggers: [{dataset: Resources/raw, settle: 1ms}]\nsteps:\n  one: {values: {d: 1}}\n")
	look := func() { t.Helper(); w.ok(run.NewTriggers(w.engine, tree).Once(w.ctx())) }
	for range 600 { // more than the position stays behind
		w.ok(tree.SetXattr(w.ctx(), dfs.Platform(), "/Projects/p/Resources", "n", nil))
	}
	look()
	w.is("nothing changed there", len(w.runsOf("report")), 0)
	_, err := tree.Create(w.ctx(), dfs.Platform(), "/Projects/p/Resources/raw", strings.NewReader("x"), dfs.CreateOptions{})
	w.ok(err)
	_, err = tree.Reclaim(w.ctx(), 10_000)
	w.ok(err)
	for range 2 {
		look()
		<-time.After(5 * time.Millisecond)
	}
	look()
	w.is("runs", len(w.runsOf("report")), 1)
}

func TestTheLoopOfTriggersEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { run.NewTriggers(w.engine, nil).Run(ctx); close(done) }()
	cancel()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("it goes on")
	}
}
