package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
	"github.com/bine-ml/bine/workflows"
)

// fakeRuns is a run engine in memory: what is in it decides how steps go.
type fakeRuns struct {
	mu       sync.Mutex
	resolved map[string]activities.Resolved // by step, or step/item
	keys     []string
	settled  map[string]activities.Outcome
	order    []string // steps and items in the order in which they were resolved
	end      activities.Outcome
	resolve  func(ref activities.StepRef) // called before an answer is looked up
	perform  func(ref activities.StepRef) (activities.Outcome, error)
	begin    func() activities.Begun // nil begins at once
	soFar    map[string]activities.Outcome
	late     int // how often it was marked
	notified int
}

func newFakeRuns() *fakeRuns {
	return &fakeRuns{resolved: map[string]activities.Resolved{}, settled: map[string]activities.Outcome{}, soFar: map[string]activities.Outcome{}}
}

func name(ref activities.StepRef) string {
	if ref.Item == "" {
		return string(ref.Step)
	}
	return string(ref.Step) + "/" + ref.Item
}

func (f *fakeRuns) Begin(context.Context, activities.RunRef) (activities.Begun, error) {
	if f.begin != nil {
		return f.begin(), nil
	}
	return activities.Begun{State: bine.Running, Environment: 3}, nil
}

func (f *fakeRuns) Finish(_ context.Context, _ activities.RunRef, end activities.Outcome) (activities.Finished, error) {
	f.end = end
	return activities.Finished{Outcome: end}, nil
}

func (f *fakeRuns) Notify(context.Context, activities.RunRef) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notified++
	return nil
}

func (f *fakeRuns) Resolve(_ context.Context, in activities.StepRef) (activities.Resolved, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.order = append(f.order, name(in))
	f.soFar[name(in)] = in.SoFar
	if f.resolve != nil {
		f.resolve(in)
	}
	if r, found := f.resolved[name(in)]; found {
		return r, nil
	}
	return activities.Resolved{State: bine.Succeeded}, nil
}

func (f *fakeRuns) ItemKeys(_ context.Context, _ activities.StepRef, from, count int) ([]string, error) {
	return f.keys[from : from+count], nil
}

func (f *fakeRuns) Settle(_ context.Context, in activities.StepRef, end activities.Outcome) (activities.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settled[name(in)] = end
	return end, nil
}

func (f *fakeRuns) Gather(context.Context, activities.StepRef) (activities.Outcome, error) {
	return activities.Outcome{State: bine.Succeeded}, nil
}

func (f *fakeRuns) Perform(_ context.Context, in activities.StepRef) (activities.Outcome, error) {
	return f.perform(in)
}

// fakeAttempts grants every attempt host h1, unless told otherwise.
type fakeAttempts struct {
	mu      sync.Mutex
	started []int
	ended   []activities.Outcome
	avoid   [][]bine.HostName
	grant   func(in activities.StartAttemptInput) activities.Granted
}

func (f *fakeAttempts) Start(_ context.Context, in activities.StartAttemptInput) (activities.Granted, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started = append(f.started, in.Number)
	f.avoid = append(f.avoid, in.Avoid)
	if f.grant != nil {
		return f.grant(in), nil
	}
	return activities.Granted{Attempt: bine.NewAttemptID(in.Owner, in.Number), Host: "h1"}, nil
}

func (f *fakeAttempts) End(_ context.Context, _ bine.AttemptID, end activities.Outcome) (activities.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = append(f.ended, end)
	return end, nil
}

// world is a test environment with all workflows and the fakes registered.
type world struct {
	*testsuite.TestWorkflowEnvironment
	runs         *fakeRuns
	attempts     *fakeAttempts
	projects     *fakeProjects
	environments *fakeEnvironments
	ticks        *fakeTicks
	awaits       *fakeAwaits
	backfills    *fakeBackfills
	sweeps       *fakeSweeps
	ledger       *notes // of projects, environments and deployments together
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, workflows.Register)
}

// instead registers f in the place of one workflow.
type instead struct {
	worker.WorkflowRegistry
	name string
	f    any
}

func (r instead) RegisterWorkflowWithOptions(f any, o workflow.RegisterOptions) {
	if o.Name == r.name {
		f = r.f
	}
	r.WorkflowRegistry.RegisterWorkflowWithOptions(f, o)
}

func newWorldOf(t *testing.T, register func(worker.WorkflowRegistry)) *world {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	ledger := &notes{}
	w := &world{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), runs: newFakeRuns(), attempts: &fakeAttempts{}, ledger: ledger,
		projects:     &fakeProjects{notes: ledger, hosts: func() []bine.HostName { return []bine.HostName{"h1", "h2"} }},
		environments: &fakeEnvironments{notes: ledger, is: bine.Environment{Version: 1, State: bine.EnvironmentBuilding, Requires: []string{"httpx"}}},
		ticks:        &fakeTicks{}, awaits: &fakeAwaits{}, backfills: &fakeBackfills{}, sweeps: &fakeSweeps{parallel: 2, trials: 4},
	}
	register(w)
	w.RegisterActivity(activities.NewRuns(w.runs))
	w.RegisterActivity(activities.NewAttempts(w.attempts))
	w.RegisterActivity(activities.NewHost(nil))
	w.RegisterActivity(activities.NewProjects(w.projects))
	w.RegisterActivity(activities.NewEnvironments(w.environments))
	w.RegisterActivity(activities.NewDeployments(&fakeDeployments{ledger}))
	w.RegisterActivity(activities.NewTicks(w.ticks))
	w.RegisterActivity(activities.NewAwaits(w.awaits))
	w.RegisterActivity(activities.NewBackfills(w.backfills))
	w.RegisterActivity(activities.NewSweeps(w.sweeps))
	return w
}

// decode reads what a workflow continues as new with.
func decode(t *testing.T, again *workflow.ContinueAsNewError, in any) {
	t.Helper()
	if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, in); err != nil {
		t.Fatal(err)
	}
}

func (w *world) run(t *testing.T, steps ...plan.Step) activities.Outcome {
	t.Helper()
	return w.runPlan(t, plan.Plan{Steps: steps})
}

func (w *world) runPlan(t *testing.T, p plan.Plan) activities.Outcome {
	t.Helper()
	in := workflows.RunPipelineInput{RunRef: activities.RunRef{Project: "demo", Run: "p-1"}, Plan: p, GraceSeconds: 60}
	w.ExecuteWorkflow(workflows.RunPipelineName, in)
	var out activities.Outcome
	if err := w.GetWorkflowResult(&out); err != nil {
		t.Fatalf("run ended with the error %v", err)
	}
	return out
}

func TestRunPipelineStartsAStepWhenItsLastNeedHasEnded(t *testing.T) {
	w := newWorld(t)
	out := w.run(t, plan.Step{Name: "a"}, plan.Step{Name: "b", Needs: []int{0}}, plan.Step{Name: "c", Needs: []int{0}}, plan.Step{Name: "d", Needs: []int{1, 2}})
	if out.State != bine.Succeeded {
		t.Errorf("run is %+v, want succeeded", out)
	}
	if got := w.runs.order; len(got) != 4 || got[0] != "a" || got[3] != "d" {
		t.Errorf("steps were resolved in the order %v, want a first and d last", got)
	}
}

func TestRunPipelineSkipsWhatDependsOnAFailureAndNothingElse(t *testing.T) {
	w := newWorld(t)
	w.runs.resolved["a"] = activities.Resolved{State: bine.Failed, Reason: "no such column"}
	out := w.run(t, plan.Step{Name: "a"}, plan.Step{Name: "b", Needs: []int{0}}, plan.Step{Name: "c"}, plan.Step{Name: "d", Needs: []int{1}})
	if out.State != bine.Failed || out.Reason != "step a: no such column" {
		t.Errorf("run is %+v, want failed by step a", out)
	}
	if !slices.Contains(w.runs.order, "c") || slices.Contains(w.runs.order, "b") {
		t.Errorf("resolved %v, want c but not b", w.runs.order)
	}
	if got := w.runs.settled["d"]; got.State != bine.Skipped || got.Reason != "step b is skipped" {
		t.Errorf("d is %+v, want skipped because of b", got)
	}
}

func TestRunPipelineRunsEveryItemOfAFanOutByKey(t *testing.T) {
	w := newWorld(t)
	for i := range 1200 {
		w.runs.keys = append(w.runs.keys, fmt.Sprintf("k%d", i))
	}
	w.runs.resolved["train"] = activities.Resolved{State: bine.Pending, Items: 1200}
	out := w.run(t, plan.Step{Name: "train", Foreach: true}, plan.Step{Name: "after", Needs: []int{0}})
	if out.State != bine.Succeeded {
		t.Fatalf("run is %+v, want succeeded", out)
	}
	seen := map[string]int{}
	for _, n := range w.runs.order {
		seen[n]++
	}
	for _, key := range w.runs.keys {
		if seen["train/"+key] != 1 {
			t.Fatalf("item %s was resolved %d times, want once", key, seen["train/"+key])
		}
	}
}

func TestALightStepIsPerformedAsOftenAsItsRetrySays(t *testing.T) {
	w := newWorld(t)
	tries := 0
	w.runs.resolved["tell"] = activities.Resolved{State: bine.Pending}
	w.runs.perform = func(activities.StepRef) (activities.Outcome, error) {
		if tries++; tries < 3 {
			return activities.Outcome{}, errors.New("no answer")
		}
		return activities.Outcome{State: bine.Succeeded}, nil
	}
	out := w.run(t, plan.Step{Name: "tell", Kind: "notify", Retry: plan.Retry{Attempts: 3}})
	if out.State != bine.Succeeded || tries != 3 {
		t.Errorf("run is %+v after %d tries, want succeeded after 3", out, tries)
	}
}

func TestAnErrorThatCannotGoBetterIsNotTriedAgain(t *testing.T) {
	w := newWorld(t)
	tries := 0
	w.runs.resolved["register"] = activities.Resolved{State: bine.Pending}
	w.runs.perform = func(activities.StepRef) (activities.Outcome, error) {
		tries++
		return activities.Outcome{}, bine.Errorf(bine.Invalid, "that is no model")
	}
	out := w.run(t, plan.Step{Name: "register", Kind: "model", Retry: plan.Retry{Attempts: 5}})
	if out.State != bine.Failed || out.Reason != "step register: that is no model" || tries != 1 {
		t.Errorf("run is %+v after %d tries, want failed after 1", out, tries)
	}
}

func TestACancelledRunIsCancelledInTheLedgerToo(t *testing.T) {
	w := newWorld(t)
	w.runs.resolved["slow"] = activities.Resolved{State: bine.Pending}
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).After(time.Hour).Return(activities.RunProcessResult{State: bine.Succeeded}, nil)
	stopped := false
	w.OnActivity("StopProcess", mock.Anything, mock.Anything).Return(func(context.Context, activities.StopProcessInput) error {
		stopped = true
		return nil
	})
	w.RegisterDelayedCallback(w.CancelWorkflow, time.Minute)
	out := w.run(t, plan.Step{Name: "slow", Kind: "python", Process: true}, plan.Step{Name: "after", Needs: []int{0}})
	if out.State != bine.Cancelled || w.runs.end.State != bine.Cancelled {
		t.Errorf("run is %+v, in the ledger %+v, want cancelled", out, w.runs.end)
	}
	if !stopped {
		t.Error("the process was not stopped")
	}
}

func job(w *world, retry plan.Retry) activities.Outcome {
	owner := bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "p-1", Step: "train"}
	w.ExecuteWorkflow(workflows.RunJobName, workflows.RunJobInput{Owner: owner, Retry: retry, GraceSeconds: 60})
	var out activities.Outcome
	if err := w.GetWorkflowResult(&out); err != nil {
		return activities.Outcome{Reason: err.Error()}
	}
	return out
}

func TestRunJobTriesAgainAsItsRetrySays(t *testing.T) {
	w := newWorld(t)
	failed := activities.RunProcessResult{State: bine.Failed, Failure: bine.FailureError, Reason: "exit code 1"}
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(failed, nil)
	out := job(w, plan.Retry{Attempts: 3, Backoff: 10})
	if out.State != bine.Failed || !slices.Equal(w.attempts.started, []int{1, 2, 3}) {
		t.Errorf("job is %+v after attempts %v, want failed after 1 2 3", out, w.attempts.started)
	}
}

func TestRunJobDoesNotCountAnInterruptedAttempt(t *testing.T) {
	w := newWorld(t)
	n := 0
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(func(context.Context, activities.RunProcessInput) (activities.RunProcessResult, error) {
		if n++; n <= 2 {
			return activities.RunProcessResult{State: bine.Lost, Failure: bine.FailureInterrupted}, nil
		}
		return activities.RunProcessResult{State: bine.Succeeded}, nil
	})
	if out := job(w, plan.Retry{}); out.State != bine.Succeeded || n != 3 {
		t.Errorf("job is %+v after %d attempts, want succeeded after 3", out, n)
	}
}

func TestAHostThatFallsSilentIsAskedAgainUnderTheSameAttempt(t *testing.T) {
	w := newWorld(t)
	var asked []bine.AttemptID
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.RunProcessInput) (activities.RunProcessResult, error) {
		if asked = append(asked, in.Attempt); len(asked) == 1 {
			return activities.RunProcessResult{}, temporal.NewHeartbeatTimeoutError()
		}
		return activities.RunProcessResult{State: bine.Succeeded}, nil
	})
	out := job(w, plan.Retry{})
	if out.State != bine.Succeeded || len(asked) != 2 || asked[0] != asked[1] {
		t.Errorf("job is %+v, asked for %v, want the same attempt twice", out, asked)
	}
}

func TestAHostThatDoesNotComeBackIsAvoidedByTheNextAttempt(t *testing.T) {
	w := newWorld(t)
	n := 0
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(func(context.Context, activities.RunProcessInput) (activities.RunProcessResult, error) {
		if n++; n == 1 {
			return activities.RunProcessResult{}, temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
		}
		return activities.RunProcessResult{State: bine.Succeeded}, nil
	})
	out := job(w, plan.Retry{})
	if out.State != bine.Succeeded || len(w.attempts.avoid) != 2 {
		t.Fatalf("job is %+v after %d attempts, want succeeded after 2", out, len(w.attempts.avoid))
	}
	if len(w.attempts.ended) != 1 || w.attempts.ended[0].Failure != bine.FailureLost {
		t.Errorf("the first attempt ended as %+v, want lost", w.attempts.ended)
	}
}

func TestAnAttemptWaitsForItsResourcesWithoutAWorker(t *testing.T) {
	w := newWorld(t)
	free := false
	w.attempts.grant = func(in activities.StartAttemptInput) activities.Granted {
		g := activities.Granted{Attempt: bine.NewAttemptID(in.Owner, in.Number)}
		if free {
			g.Host = "h2"
		}
		return g
	}
	w.RegisterDelayedCallback(func() {
		free = true
		w.SignalWorkflow(workflows.GrantedSignal, workflows.GrantedInput{Host: "h2"})
	}, time.Minute)
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(activities.RunProcessResult{State: bine.Succeeded}, nil)
	if out := job(w, plan.Retry{}); out.State != bine.Succeeded {
		t.Errorf("job is %+v, want succeeded", out)
	}
}

func TestAGrantWhoseSignalWasLostIsFound(t *testing.T) {
	w := newWorld(t)
	asked := 0
	w.attempts.grant = func(in activities.StartAttemptInput) activities.Granted {
		g := activities.Granted{Attempt: bine.NewAttemptID(in.Owner, in.Number)}
		if asked++; asked == 3 {
			g.Host = "h2"
		}
		return g
	}
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(activities.RunProcessResult{State: bine.Succeeded}, nil)
	if out := job(w, plan.Retry{}); out.State != bine.Succeeded || asked != 3 {
		t.Errorf("job is %+v after asking %d times, want succeeded after 3", out, asked)
	}
}

func TestARequestThatNoHostCanEverMeetFailsAtOnce(t *testing.T) {
	w := newWorld(t)
	w.attempts.grant = func(in activities.StartAttemptInput) activities.Granted {
		return activities.Granted{Attempt: bine.NewAttemptID(in.Owner, in.Number), Refused: "no host has 64 cores"}
	}
	out := job(w, plan.Retry{Attempts: 5})
	if out.State != bine.Failed || out.Reason != "no host has 64 cores" || len(w.attempts.started) != 1 {
		t.Errorf("job is %+v after %d attempts, want refused after 1", out, len(w.attempts.started))
	}
}

func (f *fakeRuns) Late(context.Context, activities.RunRef) (activities.Finished, error) {
	f.late++
	return activities.Finished{Outcome: activities.Outcome{State: bine.Running}, Notify: true}, nil
}
