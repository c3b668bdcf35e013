package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
	"github.com/bine-ml/bine/workflows"
)

func TestOnlyTheFailuresThatARetryNamesAreTriedAgain(t *testing.T) {
	for failure, tries := range map[bine.Failure]int{
		bine.FailureMemory: 3, bine.FailureError: 1, bine.FailureTimeout: 1, bine.FailureCancelled: 1,
	} {
		t.Run(string(failure), func(t *testing.T) {
			w := newWorld(t)
			w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(activities.RunProcessResult{State: bine.Failed, Failure: failure}, nil)
			out := job(w, plan.Retry{Attempts: 3, On: []bine.Failure{bine.FailureMemory}})
			if len(w.attempts.started) != tries || out.Failure != failure {
				t.Errorf("job is %+v after %d attempts, want %d", out, len(w.attempts.started), tries)
			}
		})
	}
}

func TestAnAttemptThatIsLostTooOftenFailsItsStep(t *testing.T) {
	w := newWorld(t)
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(activities.RunProcessResult{State: bine.Lost, Failure: bine.FailureLost, Reason: "gone"}, nil)
	out := job(w, plan.Retry{})
	if out.State != bine.Failed || out.Reason != "gone" || len(w.attempts.started) != 101 {
		t.Errorf("job is %+v after %d attempts, want failed after 101", out, len(w.attempts.started))
	}
}

func TestAnAgentThatIsAboutToEndCostsNoAttempt(t *testing.T) {
	for name, fault := range map[string]error{
		"the agent says so":    temporal.NewApplicationError("the agent of host h1 is about to end", string(bine.Unavailable)),
		"its worker stops":     temporal.NewApplicationError("the worker stopped", "interrupted"),
		"it falls silent":      temporal.NewHeartbeatTimeoutError(),
		"it says nothing ever": temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, nil),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			calls := 0
			w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(func(context.Context, activities.RunProcessInput) (activities.RunProcessResult, error) {
				if calls++; calls < 4 {
					return activities.RunProcessResult{}, fault
				}
				return activities.RunProcessResult{State: bine.Succeeded}, nil
			})
			if out := job(w, plan.Retry{}); out.State != bine.Succeeded || len(w.attempts.started) != 1 || calls != 4 {
				t.Errorf("job is %+v after %d attempts and %d calls, want one attempt and 4 calls", out, len(w.attempts.started), calls)
			}
		})
	}
}

func TestAHostThatCannotTakeAProcessFailsItsSetup(t *testing.T) {
	w := newWorld(t)
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(activities.RunProcessResult{}, errors.New("no space left on device"))
	out := job(w, plan.Retry{Attempts: 2, On: []bine.Failure{bine.FailureSetup}})
	if out.Failure != bine.FailureSetup || len(w.attempts.started) != 2 {
		t.Errorf("job is %+v after %d attempts, want a failure of the setup after 2", out, len(w.attempts.started))
	}
}

func TestACancelWhileWaitingGivesThePlaceInTheLineBack(t *testing.T) {
	w := newWorld(t)
	w.attempts.grant = func(in activities.StartAttemptInput) activities.Granted {
		return activities.Granted{Attempt: bine.NewAttemptID(in.Owner, in.Number)}
	}
	w.RegisterDelayedCallback(w.CancelWorkflow, time.Minute)
	out := job(w, plan.Retry{Attempts: 3})
	if out.State != bine.Cancelled || len(w.attempts.ended) != 1 || w.attempts.ended[0].State != bine.Cancelled {
		t.Errorf("job is %+v, attempts ended as %+v; want one, cancelled", out, w.attempts.ended)
	}
}

func TestACancelBetweenTwoAttemptsEndsTheJob(t *testing.T) {
	w := newWorld(t)
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(activities.RunProcessResult{State: bine.Failed, Failure: bine.FailureError}, nil)
	w.RegisterDelayedCallback(w.CancelWorkflow, time.Minute)
	if out := job(w, plan.Retry{Attempts: 3, Backoff: 3600}); out.State != bine.Cancelled || len(w.attempts.started) != 1 {
		t.Errorf("job is %+v after %d attempts, want cancelled after 1", out, len(w.attempts.started))
	}
}

func TestAWaitThatIsLongContinuesAsNewWithItsCounts(t *testing.T) {
	w := newWorld(t)
	w.attempts.grant = func(in activities.StartAttemptInput) activities.Granted {
		g := activities.Granted{Attempt: bine.NewAttemptID(in.Owner, in.Number)}
		if in.Number == 1 {
			g.Host = "h1"
		}
		return g
	}
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(activities.RunProcessResult{State: bine.Failed, Failure: bine.FailureError}, nil)
	w.RegisterDelayedCallback(func() { w.SetContinueAsNewSuggested(true) }, time.Hour)
	owner := bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "p-1", Step: "train"}
	w.ExecuteWorkflow(workflows.RunJobName, workflows.RunJobInput{Owner: owner, Retry: plan.Retry{Attempts: 2}, GraceSeconds: 60})
	again, ok := errors.AsType[*workflow.ContinueAsNewError](w.GetWorkflowError())
	if !ok {
		t.Fatalf("the workflow ended with %v, want it to continue as new", w.GetWorkflowError())
	}
	if len(w.attempts.ended) != 1 {
		t.Errorf("attempts ended as %+v, want the second one to keep its place", w.attempts.ended)
	}
	var in workflows.RunJobInput
	decode(t, again, &in)
	next := newWorld(t)
	next.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(activities.RunProcessResult{State: bine.Failed, Failure: bine.FailureError}, nil)
	next.ExecuteWorkflow(workflows.RunJobName, in)
	if !slices.Equal(next.attempts.started, []int{2}) {
		t.Errorf("it went on with the attempts %v, want the second only, as two were allowed", next.attempts.started)
	}
}

func TestTheEndOfAModelServerIsWrittenHoweverItEnded(t *testing.T) {
	w := newWorld(t)
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(activities.RunProcessResult{State: bine.Succeeded}, nil)
	w.ExecuteWorkflow(workflows.RunJobName, workflows.RunJobInput{Owner: bine.ServerOwner("demo", "delay", 1, "a-1")})
	if len(w.attempts.ended) != 1 || w.attempts.ended[0].State != bine.Succeeded {
		t.Errorf("attempts ended as %+v, want one, succeeded, so that its route is given back", w.attempts.ended)
	}
}

func TestALightStepOutlivesItsWorker(t *testing.T) {
	for name, fault := range map[string]error{
		"killed":  temporal.NewHeartbeatTimeoutError(),
		"stopped": temporal.NewApplicationError("the worker stopped", "interrupted"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.runs.resolved["deploy"] = activities.Resolved{State: bine.Pending}
			tries := 0
			w.OnActivity("PerformStep", mock.Anything, mock.Anything).Return(func(context.Context, activities.StepRef) (activities.Outcome, error) {
				if tries++; tries < 5 {
					return activities.Outcome{}, fault
				}
				return activities.Outcome{State: bine.Succeeded}, nil
			})
			if out := w.run(t, plan.Step{Name: "deploy", Kind: "deploy"}); out.State != bine.Succeeded {
				t.Errorf("run is %+v after %d tries, want succeeded", out, tries)
			}
		})
	}
}

func TestALightStepThatTakesTooLongFails(t *testing.T) {
	w := newWorld(t)
	w.runs.resolved["deploy"] = activities.Resolved{State: bine.Pending}
	w.OnActivity("PerformStep", mock.Anything, mock.Anything).Return(activities.Outcome{}, temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, nil))
	out := w.run(t, plan.Step{Name: "deploy", Kind: "deploy", Timeout: 60})
	if out.State != bine.Failed || out.Reason != "step deploy: it took longer than it may" {
		t.Errorf("run is %+v, want failed by its time-out", out)
	}
}

// group runs a fan-out of n items whose processes take a minute, and answers
// how many ran at most at once, and the items or batches that ran.
func group(t *testing.T, n int, step plan.Step) (most int, ran [][]string) {
	t.Helper()
	var mu sync.Mutex
	open := 0
	job := func(ctx workflow.Context, _ workflows.RunJobInput) (activities.Outcome, error) {
		mu.Lock()
		open++
		most = max(most, open)
		mu.Unlock()
		err := workflow.Sleep(ctx, time.Minute)
		mu.Lock()
		open--
		mu.Unlock()
		return activities.Outcome{State: bine.Succeeded}, err
	}
	w := newWorldOf(t, func(r worker.WorkflowRegistry) { workflows.Register(instead{r, workflows.RunJobName, job}) })
	w.SetTestTimeout(time.Minute)
	for i := range n {
		w.runs.keys = append(w.runs.keys, fmt.Sprintf("k%d", i))
	}
	w.runs.resolved[string(step.Name)] = activities.Resolved{State: bine.Pending, Items: n}
	w.runs.resolve = func(in activities.StepRef) {
		if in.Item == "" {
			return
		}
		items := in.Items
		if items == nil {
			items = []string{in.Item}
		}
		ran = append(ran, items)
		w.runs.resolved[name(in)] = activities.Resolved{State: bine.Pending}
	}
	if out := w.run(t, step); out.State != bine.Succeeded {
		t.Errorf("run is %+v, want succeeded", out)
	}
	return most, ran
}

func TestAFanOutNeverRunsMoreItemsAtOnceThanItMay(t *testing.T) {
	most, ran := group(t, 620, plan.Step{Name: "train", Process: true, Foreach: true, MaxParallel: 3})
	if most != 3 || len(ran) != 620 {
		t.Errorf("%d of %d items ran at once, want 3 of 620", most, len(ran))
	}
}

func TestBatchesHoldEveryItemOnce(t *testing.T) {
	for batch, parallel := range map[int]int{7: 2, 300: 0, 600: 4, 2000: 1} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			most, ran := group(t, 1300, plan.Step{Name: "train", Process: true, Foreach: true, Batch: batch, MaxParallel: parallel})
			if parallel > 0 && most > parallel {
				t.Errorf("%d batches ran at once, want %d", most, parallel)
			}
			seen := map[string]bool{}
			short := 0
			for _, items := range ran {
				if len(items) < batch {
					short++ // a batch is known by its first item and its size: only the last may be short
				}
				for _, key := range items {
					if seen[key] {
						t.Errorf("item %s is in two batches", key)
					}
					seen[key] = true
				}
			}
			if len(seen) != 1300 || short > 1 {
				t.Errorf("%d items are in batches, %d of which are short; want 1300 and one", len(seen), short)
			}
		})
	}
}

func TestACancelledFanOutStartsNoFurtherItems(t *testing.T) {
	w := newWorld(t)
	w.runs.keys = []string{"a", "b", "c"}
	w.runs.resolved["train"] = activities.Resolved{State: bine.Pending, Items: 3}
	for _, key := range w.runs.keys {
		w.runs.resolved["train/"+key] = activities.Resolved{State: bine.Pending}
	}
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).After(time.Hour).Return(activities.RunProcessResult{State: bine.Succeeded}, nil)
	w.OnActivity("StopProcess", mock.Anything, mock.Anything).Return(nil)
	w.RegisterDelayedCallback(w.CancelWorkflow, time.Minute)
	out := w.run(t, plan.Step{Name: "train", Process: true, Foreach: true, MaxParallel: 1})
	if out.State != bine.Cancelled || slices.Contains(w.runs.order, "train/b") || w.runs.settled["train"].State != bine.Cancelled {
		t.Errorf("run is %+v, resolved %v, settled %+v; want cancelled after item a", out, w.runs.order, w.runs.settled)
	}
}

func tick(t *testing.T, w *world) error {
	t.Helper()
	w.ticks.plan = activities.Accepted{RunRef: activities.RunRef{Project: "demo", Run: "nightly-1"}, Plan: plan.Plan{Steps: []plan.Step{{Name: "a"}}}}
	w.ExecuteWorkflow(workflows.TickName, workflows.TickWorkflowInput{Project: "demo", Schedule: "nightly", GraceSeconds: 60})
	return w.GetWorkflowError()
}

func TestATickRunsTheRunOfItsPlannedTime(t *testing.T) {
	w := newWorld(t)
	planned := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	key := temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")
	if err := w.SetTypedSearchAttributesOnStart(temporal.NewSearchAttributes(key.ValueSet(planned))); err != nil {
		t.Fatal(err)
	}
	if err := tick(t, w); err != nil {
		t.Error(err)
	}
	if !slices.Equal(w.ticks.at, []int64{planned.UnixMicro()}) || !slices.Equal(w.runs.order, []string{"a"}) {
		t.Errorf("accepted %v and ran %v, want %v and step a", w.ticks.at, w.runs.order, planned.UnixMicro())
	}
}

func TestATickWithoutAPlannedTimeIsOfNow(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC)
	w.SetStartTime(now)
	if err := tick(t, w); err != nil || len(w.ticks.at) != 1 || w.ticks.at[0] != now.UnixMicro() {
		t.Errorf("accepted %v, %v; want %v", w.ticks.at, err, now.UnixMicro())
	}
}

func TestATickWhoseRunFailsIsDone(t *testing.T) {
	w := newWorld(t)
	w.runs.resolved["a"] = activities.Resolved{State: bine.Failed, Reason: "no"}
	if err := tick(t, w); err != nil {
		t.Errorf("the tick ended with %v; how its run went is the run's", err)
	}
}

func TestEveryWorkflowHasAPinnedName(t *testing.T) {
	var names recorder
	workflows.Register(&names)
	slices.Sort(names.names)
	want := []string{"await_step", "build_environment", "delete_project", "provision_project", "run_backfill", "run_group", "run_job", "run_pipeline", "run_sweep", "run_transfer", "serve_deployment", "tick"}
	if !slices.Equal(names.names, want) {
		t.Errorf("registered are %v, want %v: names are in stored histories and may be added, never changed", names.names, want)
	}
}

// recorder is a registry that notes the names.
type recorder struct {
	worker.WorkflowRegistry
	names []string
}

func (r *recorder) RegisterWorkflowWithOptions(_ any, o workflow.RegisterOptions) {
	r.names = append(r.names, o.Name)
}

func TestEverythingRegistersOnOneWorkerWithoutAClash(t *testing.T) {
	c, err := client.NewLazyClient(client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w := worker.New(c, activities.ControlQueue, worker.Options{})
	workflows.Register(w) // panics where two have one name
	for _, group := range []any{
		activities.NewRuns(nil), activities.NewAttempts(nil), activities.NewHost(nil), activities.NewProjects(nil),
		activities.NewEnvironments(nil), activities.NewDeployments(nil), activities.NewTicks(nil),
	} {
		w.RegisterActivity(group)
	}
}
