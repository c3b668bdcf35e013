package earnest_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/launch"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/internal/temporal"
	"github.com/bine-ml/bine/workflows"
)

// busyRuns is an engine whose light steps are not done before its gate opens.
type busyRuns struct {
	activities.RunEngine
	gate  chan struct{}
	mu    sync.Mutex
	order []bine.ProjectName // in which steps were done
}

func (b *busyRuns) Begin(context.Context, activities.RunRef) (activities.Begun, error) {
	return activities.Begun{State: bine.Running}, nil
}

func (b *busyRuns) Resolve(context.Context, activities.StepRef) (activities.Resolved, error) {
	return activities.Resolved{State: bine.Pending}, nil
}

func (b *busyRuns) Perform(ctx context.Context, in activities.StepRef) (activities.Outcome, error) {
	select {
	case <-b.gate:
	case <-ctx.Done():
		return activities.Outcome{}, ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.order = append(b.order, in.Project)
	return activities.Outcome{State: bine.Succeeded}, nil
}

func (b *busyRuns) Finish(_ context.Context, _ activities.RunRef, end activities.Outcome) (activities.Finished, error) {
	return activities.Finished{Outcome: end}, nil
}

func (b *busyRuns) done() []bine.ProjectName {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.order)
}

// wideRows has pipelines of as many light steps as their version says.
type wideRows struct{ *store.Store }

func (w *wideRows) PipelineVersion(_ context.Context, _ bine.ProjectName, _ bine.PipelineName, steps int) (bine.PipelineVersion, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "name: wide\nsteps:\n")
	for i := range steps {
		fmt.Fprintf(&text, "  s%d: {values: {n: 1}}\n", i)
	}
	d, err := dags.Parse([]byte(text.String()))
	return bine.PipelineVersion{DAG: d.JSON()}, err
}

func TestAProjectWithMuchQueuedDoesNotDelayAnothersFirstStep(t *testing.T) {
	runs, wide := 2, 400
	if os.Getenv("BINE_E2E_LONG") != "" {
		runs = 25
	}
	c, _ := dial(t, t.TempDir())
	busy := &busyRuns{gate: make(chan struct{})}
	options := temporal.WorkerOptions(temporal.ControlWorker)
	options.MaxConcurrentActivityExecutionSize = 2
	work(t, c, options, activities.NewRuns(busy))
	l := launch.New(c, &wideRows{}, grace)
	queued := func(project bine.ProjectName, run bine.RunID, steps int) {
		t.Helper()
		ok(t, l.StartRun(t.Context(), bine.Run{Project: project, ID: run, Pipeline: "wide", Version: steps, Priority: priorityOf(project)}))
		until(t, fmt.Sprintf("steps of %s are queued", run), func() bool {
			about, err := c.DescribeWorkflowExecution(t.Context(), workflows.RunWorkflowID(project, run), "")
			return err == nil && len(about.GetPendingActivities()) == steps
		})
	}
	for n := range runs {
		queued("greedy", bine.NewRunID("wide", n+1), wide)
	}
	queued("modest", "wide-1", 1)
	close(busy.gate)
	until(t, "the modest project's step was done", func() bool { return slices.Contains(busy.done(), "modest") })
	if before := slices.Index(busy.done(), "modest"); before > 12 {
		t.Errorf("%d of %d steps that were queued before went first, want at most a dozen", before, runs*wide)
	} else {
		t.Logf("%d of %d steps that were queued before went first", before, runs*wide)
	}
}

// priorityOf makes the greedy project call everything urgent.
func priorityOf(project bine.ProjectName) bine.Priority {
	if project == "greedy" {
		return bine.PriorityHigh
	}
	return ""
}
