package api_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/store"
)

func TestCheckingAPipeline(t *testing.T) {
	w := newWorld(t)
	sven := w.as("sven")
	good, err := sven.CheckPipeline(t.Context(), "demo", []byte(pipelineText))
	w.ok(err)
	same(t, "what is found", []any{good.Name, good.Files, len(good.Faults)}, []any{"flights", "[ingest.py]", 0})
	bad, err := sven.CheckPipeline(t.Context(), "demo", []byte("name: x\nstesp: {}\n"))
	w.ok(err)
	if len(bad.Faults) == 0 || bad.Faults[0].Line == 0 || bad.DAG != nil {
		t.Errorf("CheckPipeline of a bad text = %+v, want faults with their lines", bad)
	}
}

func TestStoringPipelines(t *testing.T) {
	w := newWorld(t)
	sven := w.as("sven")
	_, err := sven.StorePipeline(t.Context(), "demo", []byte(pipelineText), "")
	fault, ok := errors.AsType[*bine.Error](err)
	if !ok || fault.Kind != bine.Invalid || !strings.Contains(fault.Message, "ingest.py") || fault.Details[0].Location != "steps.ingest.python" {
		t.Fatalf("without its code StorePipeline = %+v, want the missing file and its step", fault)
	}
	_, err = sven.StorePipeline(t.Context(), "demo", []byte(pipelineText), hashOf("elsewhere"))
	wants(t, "code that is not stored", err, bine.Invalid)
	code := w.code(sven)
	first, err := sven.StorePipeline(t.Context(), "demo", []byte(pipelineText), code)
	w.ok(err)
	again, err := sven.StorePipeline(t.Context(), "demo", []byte(pipelineText), "")
	w.ok(err)
	same(t, "stored unchanged, the version", []any{again.Version, again.Code}, []any{first.Version, code})
	second, err := sven.StorePipeline(t.Context(), "demo", first.DAG, code)
	w.ok(err)
	same(t, "the same as JSON, the version", second.Version, 1)
	changed, err := sven.StorePipeline(t.Context(), "demo", []byte(strings.Replace(pipelineText, "default: 3", "default: 4", 1)), "")
	w.ok(err)
	same(t, "changed, the version", changed.Version, 2)
	_, err = sven.StorePipeline(t.Context(), "demo", []byte("name: x\nsteps: 3\n"), "")
	fault, _ = errors.AsType[*bine.Error](err)
	if fault == nil || fault.Kind != bine.Invalid || len(fault.Details) == 0 || fault.Details[0].Line == 0 {
		t.Errorf("a faulty text answers %+v, want Invalid with lines", fault)
	}

	all, err := sven.Pipelines(t.Context(), "demo")
	w.ok(err)
	same(t, "Pipelines", []any{len(all), all[0].Name, all[0].Latest}, []any{1, "flights", 2})
	one, err := sven.Pipeline(t.Context(), "demo", "flights")
	w.ok(err)
	same(t, "Pipeline", one.Description, "for tests")
	versions, err := sven.PipelineVersions(t.Context(), "demo", "flights")
	w.ok(err)
	same(t, "PipelineVersions", []any{len(versions), versions[0].Version}, []any{2, 2})
	newest, err := sven.PipelineVersion(t.Context(), "demo", "flights", 0)
	w.ok(err)
	same(t, "the newest version", newest.Version, 2)
	_, err = sven.Job(t.Context(), "demo", "flights")
	wants(t, "a pipeline asked for as a job", err, bine.NotFound)
	w.ok(w.as("olga").DeletePipeline(t.Context(), "demo", "flights"))
	_, err = sven.Pipeline(t.Context(), "demo", "flights")
	wants(t, "a deleted pipeline", err, bine.NotFound)
}

func TestStartingARun(t *testing.T) {
	w := newWorld(t)
	sven := w.as("sven")
	run := w.run("sven")
	same(t, "the run", []any{run.ID, run.State, string(run.Params), run.StartedBy}, []any{"flights-1", "pending", `{"n":3}`, "sven"})
	if !w.launched.made("run flights-1") {
		t.Errorf("launched %v", w.launched.calls)
	}
	params := map[string]json.RawMessage{"n": json.RawMessage("7")}
	first, err := sven.StartRun(t.Context(), "demo", "flights", client.NewRun{Params: params, Key: "cell-1"})
	w.ok(err)
	again, err := sven.StartRun(t.Context(), "demo", "flights", client.NewRun{Params: params, Key: "cell-1"})
	w.ok(err)
	same(t, "the same key", []any{again.ID, string(again.Params)}, []any{first.ID, `{"n":7}`})
	key := w.key("sven", bine.Key{Scopes: []bine.Scope{bine.ScopeRun}})
	byHeader := w.raw("POST", "/api/v1/projects/demo/pipelines/flights/runs", key, strings.NewReader(`{}`), "Content-Type", "application/json", "Idempotency-Key", "cell-1")
	if byHeader.status != 201 || !strings.Contains(byHeader.body, `"id":"flights-2"`) {
		t.Errorf("the key as a header answers %d %s", byHeader.status, byHeader.body)
	}
	_, err = sven.StartRun(t.Context(), "demo", "flights", client.NewRun{Params: map[string]json.RawMessage{"n": json.RawMessage(`99`), "m": json.RawMessage("1")}})
	fault, _ := errors.AsType[*bine.Error](err)
	if fault == nil || fault.Kind != bine.Invalid || len(fault.Details) != 2 {
		t.Errorf("bad params answer %+v, want two faults", fault)
	}
	_, err = sven.StartRun(t.Context(), "demo", "nothing", client.NewRun{})
	wants(t, "a pipeline that is not there", err, bine.NotFound)
	_, err = sven.StartRun(t.Context(), "demo", "flights", client.NewRun{Version: 9})
	wants(t, "a version that is not there", err, bine.NotFound)

	page, err := sven.Runs(t.Context(), "demo", client.RunFilter{Pipeline: "flights", State: bine.Pending}, client.List{Limit: 1})
	w.ok(err)
	rest, err := sven.Runs(t.Context(), "demo", client.RunFilter{}, client.List{After: page.Next})
	w.ok(err)
	same(t, "the pages", []any{page.Items[0].ID, len(rest.Items), rest.Items[0].ID, rest.Next}, []any{"flights-2", 1, "flights-1", ""})
}

func TestAKeyAnswersItsRunThoughThePipelineChanged(t *testing.T) {
	w := newWorld(t)
	sven := w.as("sven")
	w.run("sven")
	body := client.NewRun{Params: map[string]json.RawMessage{"n": json.RawMessage("7")}, Key: "cell-1"}
	first, err := sven.StartRun(t.Context(), "demo", "flights", body)
	w.ok(err)
	_, err = sven.StorePipeline(t.Context(), "demo", []byte(strings.ReplaceAll(strings.Replace(pipelineText, "  n:", "  m:", 1), "params.n", "params.m")), "")
	w.ok(err)
	again, err := sven.StartRun(t.Context(), "demo", "flights", body)
	w.ok(err)
	same(t, "the same key", []any{again.ID, again.Version, string(again.Params)}, []any{first.ID, 1, `{"n":7}`})
	body.Key = "cell-2"
	_, err = sven.StartRun(t.Context(), "demo", "flights", body)
	wants(t, "a new key with the old params", err, bine.Invalid)
	_, err = sven.StoreJob(t.Context(), "demo", client.NewJob{Name: "clean", Python: "print(1)\n"})
	w.ok(err)
	_, err = sven.StartExecution(t.Context(), "demo", "clean", client.NewRun{Key: "cell-1"})
	wants(t, "the key of another pipeline", err, bine.Conflict)
}

func TestCancellingRetryingAndDeletingRuns(t *testing.T) {
	w := newWorld(t)
	sven := w.as("sven")
	run := w.run("sven")
	_, err := sven.RetryRun(t.Context(), "demo", run.ID)
	wants(t, "retrying a run that goes on", err, bine.Conflict)
	w.launched.calls = nil
	_, err = sven.CancelRun(t.Context(), "demo", run.ID)
	w.ok(err)
	same(t, "cancelling a run whose workflow may never have started", w.launched.calls, []string{"run flights-1", "cancel flights-1"})
	wants(t, "deleting a run that goes on", w.as("olga").DeleteRun(t.Context(), "demo", run.ID), bine.Conflict)
	w.ok(w.store.MoveRun(t.Context(), "demo", run.ID, []bine.State{bine.Pending}, bine.Cancelled, ""))
	retry, err := sven.RetryRun(t.Context(), "demo", run.ID)
	w.ok(err)
	again, err := sven.RetryRun(t.Context(), "demo", run.ID)
	w.ok(err)
	same(t, "asked twice, the retry", []any{again.ID, again.Continues}, []any{retry.ID, run.ID})
	ended, err := sven.Run(t.Context(), "demo", run.ID)
	w.ok(err)
	same(t, "the first run", ended.State, bine.Cancelled)
	w.ok(w.as("olga").DeleteRun(t.Context(), "demo", run.ID))
	_, err = sven.Run(t.Context(), "demo", run.ID)
	wants(t, "a deleted run", err, bine.NotFound)
}

func TestOneItemOfAFanOut(t *testing.T) {
	w := newWorld(t)
	run := w.run("sven")
	w.ok(w.store.PutStep(t.Context(), "demo", bine.Step{Run: run.ID, Name: "ingest", Kind: "python", State: bine.Running}, 0))
	w.ok(w.store.PutItems(t.Context(), "demo", run.ID, "ingest", []store.Item{{Key: "depth=3,lr=0.1@a+b"}, {Key: "2026-01-01"}}))
	item, err := w.as("sven").Item(t.Context(), "demo", run.ID, "ingest", "depth=3,lr=0.1@a+b")
	w.ok(err)
	same(t, "Item", []any{item.Item, item.State}, []any{"depth=3,lr=0.1@a+b", "pending"})
	_, err = w.as("sven").Item(t.Context(), "demo", run.ID, "ingest", "none")
	wants(t, "an item that is not there", err, bine.NotFound)
	_, err = w.as("mallory").Item(t.Context(), "demo", run.ID, "ingest", "2026-01-01")
	wants(t, "an item of another project", err, bine.NotFound)
	steps, err := w.as("sven").Steps(t.Context(), "demo", run.ID)
	w.ok(err)
	same(t, "the fan-out", []any{steps[0].Items, steps[0].ItemStates}, []any{2, map[bine.State]int{bine.Pending: 2}})
}

func TestRunsOfASchedule(t *testing.T) {
	w := newWorld(t)
	w.run("sven")
	_, _, err := w.store.AcceptRun(t.Context(), "demo", store.NewRun{Pipeline: "flights", Schedule: "nightly", By: "sven"})
	w.ok(err)
	page, err := w.as("sven").Runs(t.Context(), "demo", client.RunFilter{Schedule: "nightly"}, client.List{})
	w.ok(err)
	if len(page.Items) != 1 || page.Items[0].ID != "flights-2" {
		t.Errorf("runs of the schedule nightly = %+v, want flights-2 alone", page.Items)
	}
}

func TestJobs(t *testing.T) {
	w := newWorld(t)
	sven := w.as("sven")
	v, err := sven.StoreJob(t.Context(), "demo", client.NewJob{Name: "clean", Python: "print(1)\n", Params: json.RawMessage(`{"days":{"type":"int","default":7}}`), Timeout: 60})
	w.ok(err)
	if !strings.Contains(string(v.DAG), `"days":"${{ params.days }}"`) {
		t.Errorf("the stored job is %s, want its params among the step's parameters", v.DAG)
	}
	for name, bad := range map[string]client.NewJob{
		"nothing to run": {Name: "x"}, "two things to run": {Name: "x", Python: "a\n", Command: []string{"b"}},
		"bad params": {Name: "x", Python: "a\n", Params: json.RawMessage(`{"n":{"typ":"int"}}`)}, "a bad name": {Name: "X y", Python: "a\n"},
	} {
		_, err := sven.StoreJob(t.Context(), "demo", bad)
		wants(t, "a job with "+name, err, bine.Invalid)
	}
	all, err := sven.Jobs(t.Context(), "demo")
	w.ok(err)
	same(t, "Jobs", []any{len(all), all[0].Kind}, []any{1, "job"})
	run, err := sven.StartExecution(t.Context(), "demo", "clean", client.NewRun{Params: map[string]json.RawMessage{"days": json.RawMessage("1")}})
	w.ok(err)
	same(t, "the execution", []any{run.ID, run.Kind, string(run.Params)}, []any{"clean-1", "job", `{"days":1}`})
	one, err := sven.Job(t.Context(), "demo", "clean")
	w.ok(err)
	same(t, "runs of the job", one.Runs, 1)
	wants(t, "deleting a job at work", w.as("olga").DeleteJob(t.Context(), "demo", "clean"), bine.Conflict)
	w.ok(w.store.MoveRun(t.Context(), "demo", run.ID, []bine.State{bine.Pending}, bine.Failed, ""))
	w.ok(w.as("olga").DeleteJob(t.Context(), "demo", "clean"))
}

func TestSchedules(t *testing.T) {
	w := newWorld(t)
	sven, olga := w.as("sven"), w.as("olga")
	w.run("sven")
	s, err := olga.SetSchedule(t.Context(), "demo", "nightly", client.NewSchedule{Pipeline: "flights", Cron: "0 2 * * *", Params: json.RawMessage(`{"n":5}`)})
	w.ok(err)
	same(t, "SetSchedule", []any{s.TimeZone, s.Overlap, s.CatchUp, len(s.Next), s.CreatedBy}, []any{"UTC", "skip", 3600, 1, "olga"})
	if !w.launched.made("schedule nightly 0 2 * * *") {
		t.Errorf("launched %v", w.launched.calls)
	}
	for name, bad := range map[string]client.NewSchedule{
		"a bad cron": {Pipeline: "flights", Cron: "often"}, "a bad zone": {Pipeline: "flights", Cron: "@daily", TimeZone: "Mars/Base"},
		"bad params": {Pipeline: "flights", Cron: "@daily", Params: json.RawMessage(`{"n":99}`)},
	} {
		_, err := olga.SetSchedule(t.Context(), "demo", "bad", bad)
		wants(t, name, err, bine.Invalid)
	}
	_, err = sven.SetSchedule(t.Context(), "demo", "nightly", client.NewSchedule{Pipeline: "flights", Cron: "@daily"})
	wants(t, "changing somebody else's schedule", err, bine.Forbidden)
	wants(t, "deleting somebody else's schedule", sven.DeleteSchedule(t.Context(), "demo", "nightly"), bine.Forbidden)
	_, err = sven.SetSchedule(t.Context(), "demo", "mine", client.NewSchedule{Pipeline: "flights", Cron: "@daily"})
	w.ok(err)
	all, err := sven.Schedules(t.Context(), "demo")
	w.ok(err)
	same(t, "number of schedules", len(all), 2)
	one, err := sven.Schedule(t.Context(), "demo", "mine")
	w.ok(err)
	same(t, "Schedule", one.Cron, "@daily")
	w.ok(sven.TriggerSchedule(t.Context(), "demo", "nightly"))
	w.ok(olga.DeleteSchedule(t.Context(), "demo", "nightly"))
	if !w.launched.made("trigger nightly") || !w.launched.made("unschedule nightly") {
		t.Errorf("launched %v", w.launched.calls)
	}
}

func TestAScheduleInAPipelineIsSet(t *testing.T) {
	w := newWorld(t)
	sven := w.as("sven")
	text := "name: ticking\nschedule: {cron: '0 * * * *'}\nsteps:\n  a: {command: [echo, hi]}\n"
	_, err := sven.StorePipeline(t.Context(), "demo", []byte(text), "")
	w.ok(err)
	s, err := sven.Schedule(t.Context(), "demo", "ticking")
	w.ok(err)
	same(t, "the schedule", []any{s.Pipeline, s.Cron}, []any{"ticking", "0 * * * *"})
}
