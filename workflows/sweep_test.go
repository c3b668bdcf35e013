package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
	"github.com/bine-ml/bine/workflows"
)

// fakeSweeps is a search in memory: of some trials, some at a time, the first
// one goes on once, with a second segment.
type fakeSweeps struct {
	mu        sync.Mutex
	parallel  int
	trials    int
	begun     int
	log       []activities.SweepOrder
	ended     map[string]activities.Outcome
	doubts    []string // segments that were told of twice
	cancelled bool
	fault     error
	stop      string // segment that is stopped as soon as another ends
}

func (f *fakeSweeps) Advance(_ context.Context, in activities.AdvanceSweepInput) (activities.SweepAdvanced, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault != nil && !in.Cancel {
		return activities.SweepAdvanced{}, f.fault
	}
	if f.ended == nil {
		f.ended = map[string]activities.Outcome{}
	}
	f.cancelled = f.cancelled || in.Cancel
	for _, end := range in.Ended {
		if _, known := f.ended[end.Key]; known {
			f.doubts = append(f.doubts, end.Key)
		}
		f.ended[end.Key] = end.End
		if end.Key == "1.1" {
			f.log = append(f.log, activities.SweepOrder{Begin: "1.2"})
		}
		if f.stop != "" && f.ended[f.stop].State == "" {
			f.log = append(f.log, activities.SweepOrder{Stop: f.stop})
		}
	}
	for !f.cancelled && f.begun < f.trials && f.open() < f.parallel {
		f.begun++
		f.log = append(f.log, activities.SweepOrder{Begin: bine.SegmentKey(f.begun, 1)})
	}
	out := activities.SweepAdvanced{Orders: slices.Clone(f.log[in.After:]), After: int64(len(f.log))}
	if f.open() == 0 {
		out.End = &activities.Outcome{State: bine.Succeeded}
	}
	return out, nil
}

func (f *fakeSweeps) open() int {
	begun := 0
	for _, order := range f.log {
		if order.Begin != "" {
			begun++
		}
	}
	return begun - len(f.ended)
}

func (f *fakeSweeps) keys() []string {
	var keys []string
	for key := range f.ended {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// search runs a pipeline of one step that is a sweep.
func (w *world) search(t *testing.T) activities.Outcome {
	t.Helper()
	w.runs.resolved["train"] = activities.Resolved{State: bine.Pending}
	return w.run(t, plan.Step{Name: "train", Kind: "python", Process: true, Sweep: true})
}

func TestASweepBeginsWhatIsDecidedAndTellsHowItEnded(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	open, most := 0, 0
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.RunProcessInput) (activities.RunProcessResult, error) {
		mu.Lock()
		if open++; open > most {
			most = open
		}
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		open--
		mu.Unlock()
		if in.Owner.Item == "2.1" {
			return activities.RunProcessResult{State: bine.Failed, Failure: bine.FailureConfig, Reason: "no"}, nil
		}
		return activities.RunProcessResult{State: bine.Succeeded}, nil
	})
	if out := w.search(t); out.State != bine.Succeeded {
		t.Errorf("the run is %+v, want succeeded", out)
	}
	if got := w.sweeps.keys(); fmt.Sprint(got) != "[1.1 1.2 2.1 3.1 4.1]" || len(w.sweeps.doubts) > 0 || most > 3 {
		t.Errorf("segments %v ended, %v twice, %d at once; want four trials, the first with two, each once", got, w.sweeps.doubts, most)
	}
	if end := w.sweeps.ended["2.1"]; end.State != bine.Failed || end.Failure != bine.FailureConfig {
		t.Errorf("segment 2.1 is told of as %+v, want that its configuration can't be", end)
	}
	if _, settled := w.runs.settled["train"]; settled {
		t.Error("a sweep that succeeded was settled by the workflow: its log does that")
	}
}

func TestASweepThatIsCancelledEndsItsProcessesAndTellsOfThem(t *testing.T) {
	w := newWorld(t)
	stopped := endless(w)
	w.RegisterDelayedCallback(w.CancelWorkflow, 20*time.Millisecond) // activities take real time
	out := w.search(t)
	if out.State != bine.Cancelled || w.runs.settled["train"].State != bine.Cancelled {
		t.Errorf("the run is %+v and its step %+v, want cancelled", out, w.runs.settled["train"])
	}
	if got := w.sweeps.keys(); fmt.Sprint(got) != "[1.1 1.2 2.1]" || !w.sweeps.cancelled || *stopped != 2 {
		t.Errorf("segments %v ended and %d processes were stopped, want both that were begun, and 1.2, which never was", got, *stopped)
	}
}

// endless lets processes run until they are cancelled, and counts those that
// were stopped.
func endless(w *world) (stopped *int) {
	stopped = new(int)
	var mu sync.Mutex
	w.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(func(ctx context.Context, _ activities.RunProcessInput) (activities.RunProcessResult, error) {
		<-ctx.Done()
		return activities.RunProcessResult{}, ctx.Err()
	})
	w.OnActivity("StopProcess", mock.Anything, mock.Anything).Return(func(context.Context, activities.StopProcessInput) error {
		mu.Lock()
		defer mu.Unlock()
		*stopped++
		return nil
	})
	return stopped
}

func TestALogThatCannotBeKeptEndsTheSweepAndItsProcesses(t *testing.T) {
	w := newWorld(t)
	w.sweeps.fault = bine.Errorf(bine.Invalid, "the file search.yaml is no sweep")
	out := w.search(t)
	if out.State != bine.Failed || !strings.Contains(out.Reason, "search.yaml") || w.runs.settled["train"].State != bine.Failed {
		t.Errorf("the run is %+v and its step %+v, want failed because of the file", out, w.runs.settled["train"])
	}
}

// A sweep that goes on as a new execution leaves its processes alone, and hears
// of their ends there.
func TestASweepContinuesAsNewWithoutEndingItsProcesses(t *testing.T) {
	var reports []string
	begun := 0
	job := func(ctx workflow.Context, in workflows.RunJobInput) (activities.Outcome, error) {
		begun++
		reports = append(reports, in.Report)
		return activities.Outcome{}, workflow.Sleep(ctx, time.Hour)
	}
	w := newWorldOf(t, func(r worker.WorkflowRegistry) { workflows.Register(instead{r, workflows.RunJobName, job}) })
	w.SetContinueAsNewSuggested(true)
	in := workflows.RunSweepInput{StepRef: activities.StepRef{RunRef: activities.RunRef{Project: "demo", Run: "p-1"}, Step: "train"}}
	w.ExecuteWorkflow(workflows.RunSweepName, in)
	again, ok := errors.AsType[*workflow.ContinueAsNewError](w.GetWorkflowError())
	if !ok {
		t.Fatalf("it ended with %v, want that it continues as new", w.GetWorkflowError())
	}
	decode(t, again, &in)
	if fmt.Sprint(in.From.Open) != "[1.1 2.1]" || in.From.After != 2 || begun != 2 || reports[0] == "" {
		t.Fatalf("it goes on with %+v after %d processes that tell %v, want both open after two decisions", in.From, begun, reports)
	}

	next := newWorldOf(t, workflows.Register)
	next.sweeps.log, next.sweeps.begun, next.sweeps.ended = w.sweeps.log, w.sweeps.begun, w.sweeps.ended
	next.OnActivity("RunProcess", mock.Anything, mock.Anything).Return(activities.RunProcessResult{State: bine.Succeeded}, nil)
	for _, key := range []string{"1.1", "2.1", "2.1"} { // told twice, heard once
		next.RegisterDelayedCallback(func() {
			next.SignalWorkflow(workflows.SegmentSignal, activities.SegmentEnd{Key: key, End: activities.Outcome{State: bine.Succeeded}})
		}, time.Minute)
	}
	next.ExecuteWorkflow(workflows.RunSweepName, in)
	var out activities.Outcome
	if err := next.GetWorkflowResult(&out); err != nil || out.State != bine.Succeeded {
		t.Errorf("it ended as %+v, %v; want succeeded", out, err)
	}
	if got := next.sweeps.keys(); fmt.Sprint(got) != "[1.1 1.2 2.1 3.1 4.1]" || len(next.sweeps.doubts) > 0 {
		t.Errorf("segments %v ended, %v twice; want each once", got, next.sweeps.doubts)
	}
}
