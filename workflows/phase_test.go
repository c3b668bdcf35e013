package workflows_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
	"github.com/bine-ml/bine/workflows"
)

// light is a step that is done where its worker is.
func light(name bine.StepName, needs ...int) plan.Step {
	return plan.Step{Name: name, Kind: "notify", Needs: needs}
}

func in(phase plan.Phase, s plan.Step) plan.Step {
	s.Phase = phase
	return s
}

// waits is a step that waits for something outside.
func waits(name bine.StepName, needs ...int) plan.Step {
	return plan.Step{Name: name, Kind: "approval", Waits: true, Needs: needs}
}

// ends lets steps end as their names say.
func (w *world) ends(states map[string]bine.State) {
	for name, state := range states {
		w.runs.resolved[name] = activities.Resolved{State: state, Reason: "as told"}
	}
}

// does lets a step be pending, so that it is really done.
func (w *world) does(names ...string) {
	for _, name := range names {
		w.runs.resolved[name] = activities.Resolved{State: bine.Pending}
	}
}

func (w *world) resolved(name string) bool { return slices.Contains(w.runs.order, name) }

func TestAStepRunsWhenItsJoinRuleAllowsIt(t *testing.T) {
	const ok, bad, out, kept = bine.Succeeded, bine.Failed, bine.Skipped, bine.Cached
	for _, c := range []struct {
		join plan.Join
		a, b bine.State
		runs bool
		why  string
	}{
		{plan.AllSucceeded, ok, kept, true, ""},
		{plan.AllSucceeded, ok, bad, false, "step b is failed"},
		{plan.AllSucceeded, out, ok, false, "step a is skipped"},
		{plan.AllDone, bad, out, true, ""},
		{plan.AnySucceeded, bad, ok, true, ""},
		{plan.AnySucceeded, kept, out, true, ""},
		{plan.AnySucceeded, bad, out, false, "none of the steps that it needs has succeeded"},
		{plan.NoneFailed, ok, out, true, ""},
		{plan.NoneFailed, out, out, true, ""},
		{plan.NoneFailed, ok, bad, false, "step b is failed"},
	} {
		t.Run(string(c.join)+"-"+string(c.a)+"-"+string(c.b), func(t *testing.T) {
			w := newWorld(t)
			w.ends(map[string]bine.State{"a": c.a, "b": c.b})
			joined := light("joined", 0, 1)
			joined.Join = c.join
			w.run(t, light("a"), light("b"), joined)
			if w.resolved("joined") != c.runs || w.runs.settled["joined"].Reason != c.why {
				t.Errorf("it ran: %v, and was settled as %+v; want %v, and %q", w.resolved("joined"), w.runs.settled["joined"], c.runs, c.why)
			}
		})
	}
}

func TestAnySucceededDoesNotWaitForTheOthers(t *testing.T) {
	w := newWorld(t)
	w.does("slow")
	w.awaits.check = func(activities.AwaitInput, int) (activities.Awaited, error) {
		if !w.resolved("joined") {
			return activities.Awaited{State: bine.Waiting, Again: 60}, nil
		}
		return activities.Awaited{State: bine.Succeeded}, nil
	}
	joined := light("joined", 0, 1)
	joined.Join = plan.AnySucceeded
	if out := w.run(t, waits("slow"), light("quick"), joined); out.State != bine.Succeeded {
		t.Errorf("run is %+v, want succeeded", out)
	}
	if n := slices.Index(w.runs.order, "joined"); n != 2 || slices.Contains(w.runs.order[n+1:], "joined") {
		t.Errorf("resolved %v, want joined once, as soon as quick had ended", w.runs.order)
	}
}

func TestWhatRunsAtTheEndFollowsFromHowTheRunStands(t *testing.T) {
	steps := []plan.Step{light("main"), in(plan.OnFailure, light("blame")), in(plan.Finally, light("clean"))}
	for name, c := range map[string]struct {
		ends   map[string]bine.State
		want   bine.State
		blames bool
		soFar  bine.State // that clean sees
	}{
		"all well":            {nil, bine.Succeeded, false, bine.Succeeded},
		"main failed":         {map[string]bine.State{"main": bine.Failed}, bine.Failed, true, bine.Failed},
		"blaming failed too":  {map[string]bine.State{"main": bine.Failed, "blame": bine.Failed}, bine.Failed, true, bine.Failed},
		"only the end failed": {map[string]bine.State{"clean": bine.Failed}, bine.Failed, false, bine.Succeeded},
		"nothing to do":       {map[string]bine.State{"main": bine.Skipped}, bine.Succeeded, false, bine.Succeeded},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ends(c.ends)
			out := w.run(t, steps...)
			if out.State != c.want || w.runs.end.State != c.want {
				t.Errorf("run is %+v, in the ledger %+v, want %s", out, w.runs.end, c.want)
			}
			if w.resolved("blame") != c.blames || !w.resolved("clean") || w.runs.soFar["clean"].State != c.soFar {
				t.Errorf("resolved %v, clean knew %+v", w.runs.order, w.runs.soFar["clean"])
			}
			if left := w.runs.settled["blame"]; !c.blames && (left.State != bine.Skipped || left.Reason != "the run did not fail") {
				t.Errorf("blame is %+v, want skipped", left)
			}
		})
	}
}

func TestACancelledRunCleansUpAndIsCancelledAllTheSame(t *testing.T) {
	w := newWorld(t)
	w.does("slow", "clean")
	w.awaits.check = func(activities.AwaitInput, int) (activities.Awaited, error) {
		return activities.Awaited{State: bine.Waiting, Again: 3600}, nil
	}
	cleaned := false
	w.runs.perform = func(ref activities.StepRef) (activities.Outcome, error) {
		cleaned = ref.Step == "clean" && ref.SoFar.State == bine.Cancelled
		return activities.Outcome{State: bine.Succeeded}, nil
	}
	w.RegisterDelayedCallback(w.CancelWorkflow, time.Minute)
	out := w.run(t, waits("slow"), light("after", 0), in(plan.OnFailure, light("blame")), in(plan.Finally, light("clean")))
	if out.State != bine.Cancelled || !cleaned || w.resolved("blame") || w.resolved("after") {
		t.Errorf("run is %+v, cleaned %v, resolved %v", out, cleaned, w.runs.order)
	}
	if !slices.Equal(w.awaits.abandoned, []string{"demo/run/p-1/slow"}) || w.runs.settled["slow"].State != bine.Cancelled {
		t.Errorf("gave up %v, slow is %+v", w.awaits.abandoned, w.runs.settled["slow"])
	}
}

func TestARunThatTakesTooLongFailsAndCleansUp(t *testing.T) {
	w := newWorld(t)
	w.does("slow")
	w.awaits.check = func(activities.AwaitInput, int) (activities.Awaited, error) {
		return activities.Awaited{State: bine.Waiting, Again: 3600}, nil
	}
	out := w.runPlan(t, plan.Plan{Timeout: 600, Steps: []plan.Step{waits("slow"), light("after", 0), in(plan.OnFailure, light("blame")), in(plan.Finally, light("clean"))}})
	if out.State != bine.Failed || out.Failure != bine.FailureTimeout || out.Reason != "it took longer than 10m0s" {
		t.Errorf("run is %+v, want failed after 10 minutes", out)
	}
	if !w.resolved("blame") || !w.resolved("clean") || w.resolved("after") || len(w.awaits.abandoned) != 1 {
		t.Errorf("resolved %v, gave up %v", w.runs.order, w.awaits.abandoned)
	}
}

func TestAStepThatTakesTooLongInAllFailsAlone(t *testing.T) {
	w := newWorld(t)
	w.does("slow")
	w.awaits.check = func(activities.AwaitInput, int) (activities.Awaited, error) {
		return activities.Awaited{State: bine.Waiting, Again: 3600}, nil
	}
	slow := waits("slow")
	slow.Total = 90
	out := w.run(t, slow, light("other"))
	if out.State != bine.Failed || !w.resolved("other") {
		t.Errorf("run is %+v, resolved %v", out, w.runs.order)
	}
	if got := w.runs.settled["slow"]; got.Failure != bine.FailureTimeout || got.Reason != "it took longer than 1m30s in all" {
		t.Errorf("slow is %+v, want failed by its time", got)
	}
}

func TestARunIsMarkedLateOnceAndGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		late  int
	}{"before its end": {time.Minute, 1}, "after its end": {time.Hour, 0}, "before its begin": {-time.Hour, 1}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.does("slow")
			w.awaits.check = func(_ activities.AwaitInput, look int) (activities.Awaited, error) {
				if look == 1 {
					return activities.Awaited{State: bine.Waiting, Again: 600}, nil
				}
				return activities.Awaited{State: bine.Succeeded}, nil
			}
			w.runs.begin = func() activities.Begun {
				return activities.Begun{State: bine.Running, DeadlineAt: w.Now().Add(c.after).UnixMicro()}
			}
			if out := w.run(t, waits("slow")); out.State != bine.Succeeded || w.runs.late != c.late || w.runs.notified != c.late {
				t.Errorf("run is %+v, marked %d times, told %d times; want %d", out, w.runs.late, w.runs.notified, c.late)
			}
		})
	}
}

func TestARunWaitsForItsTurnWithoutLosingIt(t *testing.T) {
	w := newWorld(t)
	asked := 0
	w.runs.begin = func() activities.Begun {
		if asked++; asked < 4 {
			return activities.Begun{State: bine.Waiting, Reason: "at most one"}
		}
		return activities.Begun{State: bine.Running}
	}
	began := w.Now()
	w.RegisterDelayedCallback(func() { w.SignalWorkflow(workflows.GrantedSignal, nil) }, time.Second)
	w.RegisterDelayedCallback(func() { w.SignalWorkflow(workflows.WakeSignal, nil) }, 2*time.Second)
	if out := w.run(t, light("a")); out.State != bine.Succeeded || asked != 4 {
		t.Errorf("run is %+v after asking %d times, want succeeded after 4", out, asked)
	}
	if took := w.Now().Sub(began); took < 2*time.Minute || took > 3*time.Minute { // the last signal was lost
		t.Errorf("it took %s, want two minutes after the second signal", took)
	}
}

func TestARunThatWaitsForLongContinuesAsNew(t *testing.T) {
	w := newWorld(t)
	w.runs.begin = func() activities.Begun { return activities.Begun{State: bine.Waiting} }
	w.SetContinueAsNewSuggested(true)
	in := workflows.RunPipelineInput{RunRef: activities.RunRef{Project: "demo", Run: "p-1"}, Plan: plan.Plan{Steps: []plan.Step{light("a")}}, GraceSeconds: 60}
	w.ExecuteWorkflow(workflows.RunPipelineName, in)
	again, ok := errors.AsType[*workflow.ContinueAsNewError](w.GetWorkflowError())
	if !ok {
		t.Fatalf("it ended with %v", w.GetWorkflowError())
	}
	var next workflows.RunPipelineInput
	decode(t, again, &next)
	if next.Run != "p-1" || len(next.Plan.Steps) != 1 || next.GraceSeconds != 60 || w.resolved("a") {
		t.Errorf("it goes on with %+v", next)
	}
}

func TestARunThatIsCancelledBeforeItsTurnIsFinished(t *testing.T) {
	w := newWorld(t)
	w.runs.begin = func() activities.Begun { return activities.Begun{State: bine.Waiting} }
	w.RegisterDelayedCallback(w.CancelWorkflow, time.Minute)
	if out := w.run(t, light("a"), in(plan.Finally, light("clean"))); out.State != bine.Cancelled || w.runs.end.State != bine.Cancelled || len(w.runs.order) > 0 {
		t.Errorf("run is %+v, in the ledger %+v, resolved %v", out, w.runs.end, w.runs.order)
	}
}

func TestARunThatHasEndedIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.runs.begin = func() activities.Begun { return activities.Begun{State: bine.Cancelled} }
	if out := w.run(t, light("a")); out.State != bine.Cancelled || len(w.runs.order) > 0 || w.runs.end.State != "" {
		t.Errorf("run is %+v, finished as %+v, resolved %v", out, w.runs.end, w.runs.order)
	}
}
