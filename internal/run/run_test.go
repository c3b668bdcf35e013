package run_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
)

const notified = `name: n
steps:
  one: {command: ["true"]}
  two: {command: ["true"], foreach: {items: [a, b, c]}, needs: [one]}
notify:
  - {on: failure, webhook: "http://failed"}
  - {on: success, webhook: "http://done"}
`

func TestARunBeginsOnce(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(notified))
	before, err := w.store.Run(w.ctx(), "p", ref.Run)
	w.ok(err)
	begun, err := w.engine.Begin(w.ctx(), ref.RunRef)
	w.ok(err)
	w.is("begun again", begun, activities.Begun{State: bine.Running})
	after, err := w.store.Run(w.ctx(), "p", ref.Run)
	w.ok(err)
	w.is("run", after, before)
	w.is("steps", after.Steps, map[bine.State]int{bine.Pending: 2})
	end := activities.Outcome{State: bine.Failed, Reason: "no"}
	_, err = w.engine.Finish(w.ctx(), ref.RunRef, end)
	w.ok(err)
	begun, err = w.engine.Begin(w.ctx(), ref.RunRef)
	w.ok(err)
	w.is("begun after its end", begun, activities.Begun{State: bine.Failed})
}

func TestARunThatFinishesEndsWhatItLeavesOpen(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(notified))
	w.succeed(at(ref, "one"), nil)
	w.resolve(at(ref, "two"))
	w.resolve(at(ref, "two", "b"))
	cancelled := activities.Outcome{State: bine.Cancelled, Reason: "cancelled"}
	for range 2 {
		out, err := w.engine.Finish(w.ctx(), ref.RunRef, cancelled)
		w.ok(err)
		w.is("finished", out, activities.Finished{Outcome: cancelled, Notify: true})
	}
	out, err := w.engine.Finish(w.ctx(), ref.RunRef, activities.Outcome{State: bine.Succeeded})
	w.ok(err)
	w.is("finished otherwise", out.Outcome, cancelled)
	w.is("one", w.row(at(ref, "one")).State, bine.Succeeded)
	w.is("two", w.row(at(ref, "two")).State, bine.Cancelled)
	states, err := w.store.ItemStates(w.ctx(), "p", ref.Run, "two")
	w.ok(err)
	w.is("items", states, map[bine.State]int{bine.Cancelled: 3})
}

func TestThoseWhoWantToHearOfAnEndAreTold(t *testing.T) {
	w := newWorld(t)
	name := w.pipeline(notified)
	for _, c := range []struct {
		end  activities.Outcome
		want string
	}{
		{activities.Outcome{State: bine.Succeeded}, `http://done {"text":"p: run n-1 succeeded","event":"success","link":"http://bine/projects/p/runs/n-1",`},
		{activities.Outcome{State: bine.Failed, Reason: "step one: no"}, `http://failed {"text":"p: run n-2 failed: step one: no","event":"failure","link":"http://bine/projects/p/runs/n-2",`},
	} {
		ref := w.begin(name)
		w.poster.posts = nil
		_, err := w.engine.Finish(w.ctx(), ref.RunRef, c.end)
		w.ok(err)
		w.ok(w.engine.Notify(w.ctx(), ref.RunRef))
		if got := strings.Join(w.poster.posts, "\n"); !strings.HasPrefix(got, c.want) || len(w.poster.posts) != 1 || !strings.Contains(got, string(c.end.State)) || !strings.Contains(got, c.end.Reason) {
			t.Errorf("posted %s, want %s", got, c.want)
		}
	}
}

func TestAStepThatHasEndedKeepsItsEnd(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(notified))
	w.succeed(at(ref, "one"), nil)
	out, err := w.engine.Settle(w.ctx(), at(ref, "one"), activities.Outcome{State: bine.Cancelled, Reason: "late"})
	w.ok(err)
	w.is("settled", out, activities.Outcome{State: bine.Succeeded})
	w.resolve(at(ref, "two"))
	failed := activities.Outcome{State: bine.Failed, Failure: bine.FailureMemory, Reason: "killed"}
	for range 2 {
		out, err = w.engine.Settle(w.ctx(), at(ref, "two", "a"), failed)
		w.ok(err)
		w.is("settled", []any{out.State, out.Reason}, []any{bine.Failed, "killed"})
	}
	w.is("row", w.row(at(ref, "two", "a")).Reason, "killed")
}

func TestAFanOutIsSummedUpWithTheFirstReason(t *testing.T) {
	w := newWorld(t)
	ref := w.begin(w.pipeline(notified))
	w.resolve(at(ref, "two"))
	w.succeed(at(ref, "two", "a"), nil)
	for _, key := range []string{"c", "b"} {
		w.resolve(at(ref, "two", key))
		_, err := w.engine.Settle(w.ctx(), at(ref, "two", key), activities.Outcome{State: bine.Failed, Reason: "no " + key})
		w.ok(err)
	}
	want := activities.Outcome{State: bine.Failed, Reason: "2 of 3 items did not succeed; b: no b"}
	for range 2 {
		out, err := w.engine.Gather(w.ctx(), at(ref, "two"))
		w.ok(err)
		w.is("gathered", out, want)
	}
	w.is("row", w.row(at(ref, "two")).Reason, want.Reason)
}

func TestATickMakesOneRun(t *testing.T) {
	w := newWorld(t)
	w.pipeline("name: nightly\nparams: {day: {type: int, default: 1}}\nsteps:\n  one: {values: {d: \"${{ params.day }}\"}}\n")
	w.ok(w.store.PutSchedule(w.ctx(), "p", bine.Schedule{Name: "every", Pipeline: "nightly", Params: []byte(`{"day":4}`), CreatedBy: "ann"}))
	at := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	in := activities.TickInput{Project: "p", Schedule: "every", At: at.UnixMicro()}
	first, err := w.engine.Accept(w.ctx(), in)
	w.ok(err)
	again, err := w.engine.Accept(w.ctx(), in)
	w.ok(err)
	w.is("accepted again", again, first)
	run, err := w.store.Run(w.ctx(), "p", first.Run)
	w.ok(err)
	w.is("run", []any{run.ID, string(run.Params), run.Schedule, *run.Tick, run.StartedBy, len(first.Plan.Steps)}, []any{bine.RunID("nightly-1"), `{"day":4}`, bine.ScheduleName("every"), at, bine.UserName("ann"), 1})
	in.At++
	next, err := w.engine.Accept(w.ctx(), in)
	w.ok(err)
	w.is("next", next.Run, bine.RunID("nightly-2"))
	w.ok(w.store.PutSchedule(w.ctx(), "p", bine.Schedule{Name: "wrong", Pipeline: "nightly", Params: []byte(`{"dya":4}`), CreatedBy: "ann"}))
	_, err = w.engine.Accept(w.ctx(), activities.TickInput{Project: "p", Schedule: "wrong", At: 1})
	w.kind("a param that is none", err, bine.Invalid, "dya")
	_, err = w.engine.Accept(w.ctx(), activities.TickInput{Project: "p", Schedule: "none", At: 1})
	w.kind("a schedule that is none", err, bine.NotFound, "none")
}

func TestAProjectStopsAllThatIsInIt(t *testing.T) {
	w := newWorld(t)
	p := w.projects()
	name := w.pipeline(notified)
	ref := w.begin(name)
	w.ok(w.store.PutSchedule(w.ctx(), "p", bine.Schedule{Name: "every", Pipeline: name, CreatedBy: "ann"}))
	_, err := w.store.PutDeployment(w.ctx(), "p", bine.Deployment{Name: "delay", Model: "delay", Version: 1})
	w.ok(err)
	_, err = w.store.CreateEnvironment(w.ctx(), "p", bine.Environment{CreatedBy: "ann"})
	w.ok(err)
	w.launcher.going = true
	left, err := p.StopAll(w.ctx(), "p")
	w.ok(err)
	w.is("left", left, 3)
	w.is("asked", w.launcher.calls, []string{"delete schedule every", "cancel n-1", "stop building 1", "stop delay true"})
	w.launcher.going = false // a build without a workflow keeps nobody waiting
	w.ok(w.store.MoveRun(w.ctx(), "p", ref.Run, []bine.State{bine.Running}, bine.Cancelled, ""))
	w.ok(w.deployments().Forget(w.ctx(), "p", "delay"))
	w.ok(w.deployments().Move(w.ctx(), "p", "delay", bine.DeploymentStopped, "")) // which is gone
	left, err = p.StopAll(w.ctx(), "p")
	w.ok(err)
	w.is("left then", left, 0)
	for range 2 {
		w.ok(p.Delete(w.ctx(), "p"))
	}
}

func TestAProjectMovesOnlyForward(t *testing.T) {
	w := newWorld(t)
	p := w.projects()
	w.ok(p.Move(w.ctx(), "p", bine.ProjectProvisioning, ""))
	for range 2 {
		w.ok(p.Move(w.ctx(), "p", bine.ProjectReady, ""))
	}
	w.kind("to be made again", p.Move(w.ctx(), "p", bine.ProjectProvisioning, ""), bine.Conflict, "ready")
	w.kind("to fail", p.Move(w.ctx(), "p", bine.ProjectFailed, "no"), bine.Conflict, "ready")
	w.ok(p.Move(w.ctx(), "p", bine.ProjectDeleting, ""))
	w.kind("back", p.Move(w.ctx(), "p", bine.ProjectReady, ""), bine.Conflict, "deleting")
}

func TestAnEnvironmentThatFailedIsBuiltAgain(t *testing.T) {
	w := newWorld(t)
	e := w.environments()
	_, err := w.store.CreateEnvironment(w.ctx(), "p", bine.Environment{CreatedBy: "ann"})
	w.ok(err)
	for _, to := range []bine.EnvironmentState{bine.EnvironmentBuilding, bine.EnvironmentFailed, bine.EnvironmentBuilding, bine.EnvironmentReady, bine.EnvironmentReady} {
		w.ok(e.Move(w.ctx(), "p", 1, to, ""))
	}
	w.kind("one that is ready", e.Move(w.ctx(), "p", 1, bine.EnvironmentFailed, ""), bine.Conflict, "ready")
	w.ok(e.SetLock(w.ctx(), "p", 1, activities.LockEnvironmentResult{Lock: "l", Python: "3.11"}))
	w.ok(e.SetHost(w.ctx(), "p", 1, "h1", "ready"))
	env, err := e.Get(w.ctx(), "p", 1)
	w.ok(err)
	w.is("environment", fmt.Sprint(env.Lock, env.Python, env.Hosts, env.Current), "l3.11map[h1:ready] true")
}

func TestAttemptsOfARunThatIsGoneAreRefused(t *testing.T) {
	w := newWorld(t)
	_, err := w.attempts.Start(w.ctx(), activities.StartAttemptInput{Owner: bine.Owner{Project: "p", Kind: bine.OwnerRun, Name: "none-1", Step: "a"}, Number: 1})
	w.kind("start", err, bine.NotFound, "")
	out, err := w.attempts.End(w.ctx(), "none", activities.Outcome{State: bine.Failed})
	w.ok(err)
	w.is("end", out.State, bine.Failed)
	_, err = w.engine.Resolve(w.ctx(), activities.StepRef{RunRef: activities.RunRef{Project: "p", Run: "none-1"}, Step: "a"})
	w.kind("resolve", err, bine.NotFound, "")
}
