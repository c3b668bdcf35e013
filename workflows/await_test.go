package workflows_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/workflows"
)

// await runs AwaitStep for step ask, and gives how it ended and how long it took.
func (w *world) await(t *testing.T) (activities.Outcome, time.Duration) {
	t.Helper()
	began := w.Now()
	w.ExecuteWorkflow(workflows.AwaitStepName, activities.AwaitInput{StepRef: activities.StepRef{RunRef: activities.RunRef{Project: "demo", Run: "p-1"}, Step: "ask"}})
	var out activities.Outcome
	if err := w.GetWorkflowResult(&out); err != nil {
		t.Fatalf("it ended with the error %v", err)
	}
	return out, w.Now().Sub(began)
}

// comes lets what is waited for come at a look; the others ask for a long rest.
func (w *world) comes(look int) {
	w.awaits.check = func(_ activities.AwaitInput, n int) (activities.Awaited, error) {
		if n < look {
			return activities.Awaited{State: bine.Waiting, Again: 3600, Notify: n == 1}, nil
		}
		return activities.Awaited{State: bine.Failed, Reason: "rejected by ann"}, nil
	}
}

func TestAStepThatWaitsLooksAgainByItselfAndWhenItIsWoken(t *testing.T) {
	w := newWorld(t)
	w.comes(3)
	out, took := w.await(t)
	if out.State != bine.Failed || out.Reason != "rejected by ann" || took < 2*time.Hour || w.runs.notified != 1 {
		t.Errorf("it is %+v after %s, and %d messages were sent; want rejected after two hours, and one", out, took, w.runs.notified)
	}
	for _, signal := range []string{workflows.WakeSignal, workflows.GrantedSignal} {
		w = newWorld(t)
		w.comes(2)
		w.RegisterDelayedCallback(func() { w.SignalWorkflow(signal, nil) }, time.Minute)
		if _, took := w.await(t); took > 2*time.Minute || w.awaits.looks != 2 {
			t.Errorf("woken by %s, it took %s and %d looks", signal, took, w.awaits.looks)
		}
	}
}

func TestManySignalsAreOneLook(t *testing.T) {
	w := newWorld(t)
	w.comes(2)
	w.RegisterDelayedCallback(func() {
		for range 50 {
			w.SignalWorkflow(workflows.WakeSignal, nil)
		}
	}, time.Minute)
	if _, took := w.await(t); took > 2*time.Minute || w.awaits.looks != 2 {
		t.Errorf("it took %s and %d looks, want a minute and 2", took, w.awaits.looks)
	}
}

func TestAWaitThatAsksForNoRestDoesNotSpin(t *testing.T) {
	w := newWorld(t)
	w.awaits.check = func(_ activities.AwaitInput, n int) (activities.Awaited, error) {
		if n < 6 {
			return activities.Awaited{State: bine.Waiting}, nil
		}
		return activities.Awaited{State: bine.Succeeded}, nil
	}
	if _, took := w.await(t); took < time.Second {
		t.Errorf("five rests took %s", took)
	}
}

func TestWhatAStepWaitsForIsGivenUpWhenItIsCancelledOrCannotCome(t *testing.T) {
	for name, c := range map[string]struct {
		answer activities.Awaited
		fault  error
		want   activities.Outcome
	}{
		"cancelled": {activities.Awaited{State: bine.Waiting, Again: 3600}, nil, activities.Outcome{State: bine.Cancelled, Failure: bine.FailureCancelled, Reason: "cancelled"}},
		"impossible": {activities.Awaited{}, bine.Errorf(bine.Invalid, "the step waits for nothing"),
			activities.Outcome{State: bine.Failed, Failure: bine.FailureError, Reason: "the step waits for nothing"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.awaits.check = func(activities.AwaitInput, int) (activities.Awaited, error) { return c.answer, c.fault }
			w.RegisterDelayedCallback(w.CancelWorkflow, time.Minute)
			if out, _ := w.await(t); out != c.want || len(w.awaits.abandoned) != 1 {
				t.Errorf("it is %+v and gave up %v, want %+v and once", out, w.awaits.abandoned, c.want)
			}
		})
	}
}

func TestAFaultOfTheLedgerIsWaitedOut(t *testing.T) {
	w := newWorld(t)
	w.awaits.check = func(_ activities.AwaitInput, n int) (activities.Awaited, error) {
		if n < 4 {
			return activities.Awaited{}, errors.New("the disk is full")
		}
		return activities.Awaited{State: bine.Succeeded}, nil
	}
	if out, _ := w.await(t); out.State != bine.Succeeded || len(w.awaits.abandoned) > 0 {
		t.Errorf("it is %+v and gave up %v", out, w.awaits.abandoned)
	}
}

func TestALongWaitContinuesAsNewWithWhatItWaitsFor(t *testing.T) {
	w := newWorld(t)
	w.comes(100)
	w.SetContinueAsNewSuggested(true)
	w.ExecuteWorkflow(workflows.AwaitStepName, activities.AwaitInput{StepRef: activities.StepRef{Step: "ask", Item: "a"}, Turn: true})
	again, ok := errors.AsType[*workflow.ContinueAsNewError](w.GetWorkflowError())
	if !ok {
		t.Fatalf("it ended with %v", w.GetWorkflowError())
	}
	var next activities.AwaitInput
	decode(t, again, &next)
	if next.Step != "ask" || next.Item != "a" || !next.Turn || len(w.awaits.abandoned) > 0 || w.runs.notified != 1 {
		t.Errorf("it goes on with %+v, gave up %v, told %d times", next, w.awaits.abandoned, w.runs.notified)
	}
}

func TestAStepIsResolvedAgainWhenItsTurnHasCome(t *testing.T) {
	w := newWorld(t)
	w.awaits.check = func(in activities.AwaitInput, look int) (activities.Awaited, error) {
		switch {
		case !in.Turn || in.Workflow != "demo/run/p-1/train~turn":
			return activities.Awaited{}, bine.Errorf(bine.Invalid, "waits as %+v", in)
		case look < 3:
			return activities.Awaited{State: bine.Waiting, Again: 60}, nil
		}
		w.ends(map[string]bine.State{"train": bine.Cached})
		return activities.Awaited{State: bine.Pending}, nil
	}
	w.ends(map[string]bine.State{"train": bine.Waiting})
	if out := w.run(t, light("train")); out.State != bine.Succeeded || !slices.Equal(w.runs.order, []string{"train", "train"}) {
		t.Errorf("run is %+v, resolved %v, want succeeded after two", out, w.runs.order)
	}
}

func TestAStepWhoseTurnCannotComeFails(t *testing.T) {
	w := newWorld(t)
	w.awaits.check = func(activities.AwaitInput, int) (activities.Awaited, error) {
		return activities.Awaited{}, bine.Errorf(bine.NotFound, "there is no pool db")
	}
	w.ends(map[string]bine.State{"train": bine.Waiting})
	out := w.run(t, light("train"))
	if out.State != bine.Failed || w.runs.settled["train"].State != bine.Failed {
		t.Errorf("run is %+v, and the ledger has %+v of the step, want both failed", out, w.runs.settled)
	}
}

func TestAFanOutWhoseTurnDoesNotComeInTimeFailsByThat(t *testing.T) {
	w := newWorld(t)
	w.awaits.check = func(activities.AwaitInput, int) (activities.Awaited, error) {
		return activities.Awaited{State: bine.Waiting, Again: 3600}, nil
	}
	w.ends(map[string]bine.State{"fan": bine.Waiting, "one": bine.Waiting})
	fan, one := light("fan"), light("one")
	fan.Foreach, fan.Total, one.Total = true, 60, 60
	if out := w.run(t, fan, one); out.State != bine.Failed {
		t.Errorf("run is %+v, want failed", out)
	}
	for _, step := range []string{"fan", "one"} {
		if got := w.runs.settled[step]; got.State != bine.Failed || got.Failure != bine.FailureTimeout {
			t.Errorf("%s is %+v in the ledger, want failed by its time", step, got)
		}
	}
}

func TestItemsWaitEachForTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.runs.keys = []string{"a", "b"}
	w.runs.resolved["ask"] = activities.Resolved{State: bine.Pending, Items: 2}
	w.does("ask/a", "ask/b")
	waited := map[string]bool{}
	w.awaits.check = func(in activities.AwaitInput, _ int) (activities.Awaited, error) {
		waited[in.Workflow] = true
		return activities.Awaited{State: bine.Succeeded}, nil
	}
	ask := waits("ask")
	ask.Foreach = true
	if out := w.run(t, ask); out.State != bine.Succeeded || !waited["demo/run/p-1/ask/a"] || !waited["demo/run/p-1/ask/b"] {
		t.Errorf("run is %+v, waited as %v", out, waited)
	}
}

func (w *world) backfill(t *testing.T) (state bine.BackfillState, took time.Duration, err error) {
	t.Helper()
	began := w.Now()
	w.ExecuteWorkflow(workflows.RunBackfillName, activities.BackfillRef{Project: "demo", Backfill: "p-b1"})
	if err = w.GetWorkflowError(); err == nil {
		err = w.GetWorkflowResult(&state)
	}
	return state, w.Now().Sub(began), err
}

func TestABackfillIsMovedOnUntilItHasEnded(t *testing.T) {
	w := newWorld(t)
	on := activities.Advanced{State: bine.BackfillRunning, Again: 120}
	w.backfills.answers = []activities.Advanced{on, {State: bine.BackfillPaused, Again: 120}, on, {State: bine.BackfillCancelling, Again: 5}, {State: bine.BackfillCancelled}}
	w.RegisterDelayedCallback(func() { w.SignalWorkflow(workflows.WakeSignal, nil) }, time.Minute)
	state, took, err := w.backfill(t)
	if err != nil || state != bine.BackfillCancelled || w.backfills.looks != 5 || took < 5*time.Minute || took > 6*time.Minute {
		t.Errorf("it is %s after %s and %d looks, %v; want cancelled after 1 + 2 + 2 minutes", state, took, w.backfills.looks, err)
	}
}

func TestALongBackfillContinuesAsNew(t *testing.T) {
	w := newWorld(t)
	w.backfills.answers = []activities.Advanced{{State: bine.BackfillRunning, Again: 120}}
	w.SetContinueAsNewSuggested(true)
	_, _, err := w.backfill(t)
	again, ok := errors.AsType[*workflow.ContinueAsNewError](err)
	if !ok {
		t.Fatalf("it ended with %v", err)
	}
	var next activities.BackfillRef
	decode(t, again, &next)
	if next != (activities.BackfillRef{Project: "demo", Backfill: "p-b1"}) {
		t.Errorf("it goes on with %+v", next)
	}
}

func TestABackfillThatCannotGoOnSaysSo(t *testing.T) {
	w := newWorld(t)
	w.backfills.fault = bine.Errorf(bine.NotFound, "there is no backfill %q", "p-b1")
	if state, _, err := w.backfill(t); err == nil || w.backfills.looks != 1 {
		t.Errorf("it is %q after %d looks, want its fault after one", state, w.backfills.looks)
	}
}
