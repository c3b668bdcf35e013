package run_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/run"
	"github.com/bine-ml/bine/internal/store"
)

func (w *world) projects() run.Projects         { return run.Projects{Engine: w.engine} }
func (w *world) environments() run.Environments { return run.Environments{Engine: w.engine} }
func (w *world) deployments() run.Deployments   { return run.Deployments{Engine: w.engine} }

const two = `name: two
steps:
  one: {command: [a], resources: {cpu: 2}}
  two: {command: [b], resources: {cpu: 2}}
  huge: {command: [c], resources: {cpu: 64}}
`

func (w *world) end(id bine.AttemptID, state bine.State, failure bine.Failure) activities.Outcome {
	w.t.Helper()
	in := activities.Outcome{State: state, Failure: failure, Reason: string(failure)}
	first, err := w.attempts.End(w.ctx(), id, in)
	w.ok(err)
	again, err := w.attempts.End(w.ctx(), id, in)
	w.ok(err)
	w.is("ended again", again, first)
	return first
}

func (w *world) leases() int {
	w.t.Helper()
	all, err := w.ledger.Leases(w.ctx())
	w.ok(err)
	return len(all)
}

func TestAnAttemptThatWaitsSaysForWhatAndIsToldWhenItIsGranted(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(two))
	w.resolve(at(ref, "one"))
	w.resolve(at(ref, "two"))
	first := w.ask(ownerOf(at(ref, "one")), 1)
	w.is("first", first.Host, bine.HostName("h1"))
	second := w.ask(ownerOf(at(ref, "two")), 1)
	w.is("second", second.Host, bine.HostName(""))
	row := w.row(at(ref, "two"))
	w.is("row", []any{row.State, row.Reason, row.Attempts}, []any{bine.Waiting, "waits for 2 cores, 512 MiB of memory to become free", 1})
	w.end(first.Attempt, bine.Failed, bine.FailureError)
	w.is("signalled", w.launcher.granted, []lease.Grant{{Attempt: second.Attempt, Workflow: "w/two-1/two", Host: "h1"}})
	w.is("asked then", w.ask(ownerOf(at(ref, "two")), 1).Host, bine.HostName("h1"))
}

func TestAnAttemptThatNoHostCanEverRunIsRefusedAndCanBeEnded(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(two))
	w.resolve(at(ref, "huge"))
	granted := w.ask(ownerOf(at(ref, "huge")), 1)
	if granted.Refused == "" || granted.Host != "" {
		t.Fatalf("granted %+v, want it refused", granted)
	}
	w.is("ended", w.end(granted.Attempt, bine.Failed, bine.FailureRefused).State, bine.Failed)
	w.is("leases", w.leases(), 0)
}

func TestACancelledAttemptGivesUpItsPlaceInTheLine(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(two))
	w.resolve(at(ref, "one"))
	w.resolve(at(ref, "two"))
	w.ask(ownerOf(at(ref, "one")), 1)
	waiting := w.ask(ownerOf(at(ref, "two")), 1)
	w.is("leases", w.leases(), 2)
	w.end(waiting.Attempt, bine.Cancelled, bine.FailureCancelled)
	w.is("leases", w.leases(), 1)
}

func TestWhatTheHostReportedFirstStands(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(two))
	w.resolve(at(ref, "one"))
	granted := w.ask(ownerOf(at(ref, "one")), 1)
	_, err := w.store.EndAttempt(w.ctx(), granted.Attempt, bine.AttemptResult{State: bine.Succeeded}) // and then the server crashed
	w.ok(err)
	w.is("ended", w.end(granted.Attempt, bine.Lost, bine.FailureLost), activities.Outcome{State: bine.Succeeded})
	w.is("leases", w.leases(), 0)
}

func TestAnAttemptThatWasReplacedIsRefused(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(two))
	w.resolve(at(ref, "one"))
	first := w.ask(ownerOf(at(ref, "one")), 1)
	w.end(first.Attempt, bine.Lost, bine.FailureLost)
	w.ask(ownerOf(at(ref, "one")), 2)
	_, err := w.store.EndAttempt(w.ctx(), first.Attempt, bine.AttemptResult{State: bine.Succeeded})
	w.kind("its report", err, bine.Fenced, "")
	w.is("row", w.row(at(ref, "one")).Attempts, 2)
}

func TestAModelServerIsRoutedUntilItsAttemptEnds(t *testing.T) {
	w := newWorld(t)
	_, err := w.store.RegisterModel(w.ctx(), "p", bine.ModelVersion{Model: "delay", Environment: 3, Artifact: bine.ArtifactRef{Hash: "h", Kind: bine.ArtifactDir}}, "k")
	w.ok(err)
	_, err = w.store.PutDeployment(w.ctx(), "p", bine.Deployment{Name: "delay", Model: "delay", Version: 1})
	w.ok(err)
	owner := bine.ServerOwner("p", "delay", 1, "g-1")
	granted := w.ask(owner, 1)
	p, err := w.store.AttemptProcess(w.ctx(), granted.Attempt)
	w.ok(err)
	if p.Serve == nil || p.Serve.Version != 1 || p.Environment != 3 || p.Inputs["model"].Hash != "h" || p.Resources.CPU == 0 {
		t.Errorf("process is %+v, want a server of version 1", p)
	}
	w.ok(w.store.SetServing(w.ctx(), "p", "delay", store.Route{Attempt: granted.Attempt, Version: 1, Address: "h1:1"}))
	w.end(granted.Attempt, bine.Failed, bine.FailureMemory)
	_, answers, err := w.store.Route(w.ctx(), "p", "delay")
	w.ok(err)
	w.is("routed", answers, false)
	d, err := w.store.Deployment(w.ctx(), "p", "delay")
	w.ok(err)
	w.is("deployment", d.State, bine.DeploymentStarting)

	other := w.ask(bine.ServerOwner("p", "delay", 1, "g-2"), 1)
	w.ok(w.store.SetServing(w.ctx(), "p", "delay", store.Route{Attempt: other.Attempt, Version: 1, Address: "h1:2"}))
	w.end(granted.Attempt, bine.Failed, bine.FailureMemory) // once more, late
	_, answers, err = w.store.Route(w.ctx(), "p", "delay")
	w.ok(err)
	w.is("the next one is routed", answers, true)
}
