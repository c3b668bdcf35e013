package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
)

// chain is a fan-out load, whose items score follows, which label follows.
func chain() []plan.Step {
	load, score, label := light("load"), light("score", 0), light("label", 1)
	load.Foreach, score.Foreach, label.Foreach = true, true, true
	score.Per, label.Per = 1, 2
	return []plan.Step{load, score, label, light("all", 2)}
}

// items lets the steps of a chain have items.
func (w *world) items(n int, steps ...string) {
	for i := range n {
		w.runs.keys = append(w.runs.keys, fmt.Sprintf("k%d", i))
	}
	for _, step := range steps {
		w.runs.resolved[step] = activities.Resolved{State: bine.Pending, Items: n}
	}
}

func TestEachItemIsFollowedWithoutWaitingForTheOthers(t *testing.T) {
	w := newWorld(t)
	w.items(3, "load", "score", "label")
	w.does("load/k1")
	w.runs.perform = func(activities.StepRef) (activities.Outcome, error) { // as slow as the others' ends
		if !w.resolved("label/k0") || !w.resolved("label/k2") {
			return activities.Outcome{}, errors.New("the others are not done yet")
		}
		return activities.Outcome{State: bine.Succeeded}, nil
	}
	steps := chain()
	steps[0].Retry = plan.Retry{Attempts: 20, Backoff: 10}
	out := w.run(t, steps...)
	if out.State != bine.Succeeded || !w.resolved("label/k1") || w.runs.order[len(w.runs.order)-1] != "all" {
		t.Errorf("run is %+v, resolved %v", out, w.runs.order)
	}
	seen := map[string]int{}
	for _, n := range w.runs.order {
		if seen[n]++; seen[n] > 1 {
			t.Errorf("%s was resolved twice", n)
		}
	}
}

func TestWhatFollowsAnItemEndsWithIt(t *testing.T) {
	for state, want := range map[bine.State]bine.State{bine.Failed: bine.Skipped, bine.Skipped: bine.Skipped, bine.Cached: ""} {
		t.Run(string(state), func(t *testing.T) {
			w := newWorld(t)
			w.items(2, "load", "score", "label")
			w.ends(map[string]bine.State{"load/k0": state})
			w.run(t, chain()...)
			for _, follower := range []string{"score/k0", "label/k0"} {
				if got := w.runs.settled[follower]; got.State != want || w.resolved(follower) != (want == "") {
					t.Errorf("%s is %+v, resolved: %v; want %q", follower, got, w.resolved(follower), want)
				}
			}
			if !w.resolved("score/k1") || !w.resolved("label/k1") {
				t.Errorf("resolved %v, want all of k1", w.runs.order)
			}
		})
	}
}

func TestAChainEndsWithItsFirstStep(t *testing.T) {
	for state, reason := range map[bine.State]string{bine.Failed: "step load is failed", bine.Skipped: "step load is skipped"} {
		w := newWorld(t)
		w.ends(map[string]bine.State{"load": state})
		w.run(t, chain()...)
		for _, step := range []string{"score", "label"} {
			if got := w.runs.settled[step]; got.State != bine.Skipped || got.Reason != reason {
				t.Errorf("after a load that is %s, %s is %+v, want skipped", state, step, got)
			}
		}
	}
}

func TestAFollowersLimitHoldsOverAllItems(t *testing.T) {
	const n, most = 400, 3 // three groups
	w := newWorld(t)
	w.items(n, "load", "score", "label")
	open, widest, done := 0, 0, 0
	w.runs.resolve = func(ref activities.StepRef) {
		if ref.Step == "score" && ref.Item != "" {
			open++
			widest = max(widest, open)
		}
		if ref.Step == "label" && ref.Item != "" {
			open--
			done++
		}
	}
	steps := chain()
	steps[1].MaxParallel = most
	if out := w.run(t, steps...); out.State != bine.Succeeded || done != n {
		t.Errorf("run is %+v after %d of %d items", out, done, n)
	}
	if widest > 2*most { // those that have ended but whose follower has not begun count here
		t.Errorf("%d items of score at once, want at most %d", widest, most)
	}
}

func TestGroupsShrinkWithTheirChain(t *testing.T) {
	w := newWorld(t)
	w.items(400, "load", "score", "label")
	groups := map[string]bool{}
	w.SetOnChildWorkflowStartedListener(func(info *workflow.Info, _ workflow.Context, _ converter.EncodedValues) {
		if strings.Contains(info.WorkflowExecution.ID, "@") {
			groups[info.WorkflowExecution.ID] = true
		}
	})
	w.run(t, chain()...)
	if len(groups) != 3 || !groups["demo/run/p-1/load@166"] { // 500 steps of items, over three steps
		t.Errorf("there were %d groups, want 3 of 166 items at most: %v", len(groups), groups)
	}
}

func TestACancelledChainLeavesNothingOpen(t *testing.T) {
	w := newWorld(t)
	w.items(2, "load", "score", "label")
	w.does("score/k0", "score/k1")
	w.awaits.check = func(activities.AwaitInput, int) (activities.Awaited, error) {
		return activities.Awaited{State: bine.Waiting, Again: 3600}, nil
	}
	w.RegisterDelayedCallback(w.CancelWorkflow, time.Minute)
	steps := chain()
	steps[1].Waits = true
	if out := w.run(t, steps...); out.State != bine.Cancelled {
		t.Errorf("run is %+v, want cancelled", out)
	}
	for _, step := range []string{"score/k0", "score/k1", "label/k0", "label/k1", "score", "label", "load"} {
		if got := w.runs.settled[step]; got.State != bine.Cancelled {
			t.Errorf("%s is %+v, want cancelled", step, got)
		}
	}
	if slices.Sort(w.awaits.abandoned); len(w.awaits.abandoned) != 2 {
		t.Errorf("gave up %v, want both items", w.awaits.abandoned)
	}
}

// fails lets RunProcess fail by these, in order, and then succeed.
func (w *world) fails(with ...bine.Failure) (tries *int) {
	tries = new(int)
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(func(context.Context, activities.RunProcessInput) (activities.RunProcessResult, error) {
		if *tries++; *tries <= len(with) {
			return activities.RunProcessResult{State: bine.Failed, Failure: with[*tries-1], Reason: string(with[*tries-1])}, nil
		}
		return activities.RunProcessResult{State: bine.Succeeded}, nil
	})
	return tries
}

func TestEachRuleOfARetryCountsItsOwnFailures(t *testing.T) {
	const memory, fault, output = bine.FailureMemory, bine.FailureError, bine.FailureOutput
	retry := plan.Retry{Attempts: 2, On: []bine.Failure{memory}, Or: []plan.Retry{{Attempts: 3, On: []bine.Failure{fault}}}}
	for name, c := range map[string]struct {
		fails []bine.Failure
		tries int
		want  bine.State
	}{
		"each within its own":   {[]bine.Failure{memory, fault, fault}, 4, bine.Succeeded},
		"the first used up":     {[]bine.Failure{memory, fault, memory}, 3, bine.Failed},
		"the second used up":    {[]bine.Failure{fault, fault, fault}, 3, bine.Failed},
		"none names it":         {[]bine.Failure{output}, 1, bine.Failed},
		"lost does not count":   {[]bine.Failure{memory, bine.FailureInterrupted, bine.FailureInterrupted, fault}, 5, bine.Succeeded},
		"refused is for good":   {[]bine.Failure{bine.FailureRefused}, 1, bine.Failed},
		"all went well at once": {nil, 1, bine.Succeeded},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tries := w.fails(c.fails...)
			if out := job(w, retry); out.State != c.want || *tries != c.tries {
				t.Errorf("job is %+v after %d attempts, want %s after %d", out, *tries, c.want, c.tries)
			}
		})
	}
}

func TestNoAttemptBeginsAfterTheTimeOfItsRule(t *testing.T) {
	w := newWorld(t)
	failures := slices.Repeat([]bine.Failure{bine.FailureError}, 100)
	tries := w.fails(failures...)
	began := w.Now()
	out := job(w, plan.Retry{Attempts: 100, Backoff: 60, Within: 300})
	if took := w.Now().Sub(began); out.State != bine.Failed || *tries != 6 || took > 5*time.Minute {
		t.Errorf("job is %+v after %d attempts in %s, want failed after 6 in 5 minutes", out, *tries, took)
	}
}

func TestALightStepKeepsTheRulesToo(t *testing.T) {
	w := newWorld(t)
	w.does("tell")
	tries := 0
	w.runs.perform = func(activities.StepRef) (activities.Outcome, error) {
		tries++
		return activities.Outcome{}, errors.New("no answer")
	}
	tell := light("tell")
	tell.Retry = plan.Retry{Attempts: 9, On: []bine.Failure{bine.FailureTimeout}, Or: []plan.Retry{{Attempts: 4, Backoff: 100, Within: 250}}}
	if out := w.run(t, tell); out.State != bine.Failed || tries != 3 {
		t.Errorf("run is %+v after %d tries, want failed after 3: the fourth would begin after 300 s", out, tries)
	}
}
