package workflows_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/workflows"
)

// serving is a world whose model servers are played by life.
type serving struct {
	*world
	*notes
	// life says how long after its start a server is ready (never where it is
	// 0), and how long after that it dies by itself (never where that is 0).
	life func(version, start int) (ready, dies time.Duration)
}

func newServing(t *testing.T, life func(version, start int) (ready, dies time.Duration)) *serving {
	t.Helper()
	s, starts := &serving{life: life}, 0
	job := func(ctx workflow.Context, in workflows.RunJobInput) (activities.Outcome, error) {
		starts++
		_, version, err := in.Owner.Server()
		if err != nil {
			return activities.Outcome{}, err
		}
		return s.play(ctx, in.Owner.Item, version, starts), nil
	}
	s.world = newWorldOf(t, func(r worker.WorkflowRegistry) { workflows.Register(instead{r, workflows.RunJobName, job}) })
	s.notes = s.ledger
	s.SetTestTimeout(time.Minute)
	return s
}

func (s *serving) play(ctx workflow.Context, generation string, version, start int) activities.Outcome {
	name := fmt.Sprintf("v%d#%d", version, start)
	s.add(name + " starts")
	ready, dies := s.life(version, start)
	if ready == 0 {
		ready, dies = time.Minute, -1
	}
	end := activities.Outcome{State: bine.Failed, Failure: bine.FailureError, Reason: "exit code 1"}
	if workflow.Sleep(ctx, ready) == nil && dies >= 0 {
		s.add(name + " ready")
		//workflowcheck:ignore the test environment is not replayed
		s.SignalWorkflow(workflows.ReadySignal, workflows.ReadyInput{Generation: generation})
		if dies == 0 {
			dies = 1000 * time.Hour
		}
		_ = workflow.Sleep(ctx, dies)
	}
	if ctx.Err() != nil {
		end = activities.Outcome{State: bine.Cancelled}
		clean, done := workflow.NewDisconnectedContext(ctx)
		defer done()
		_ = workflow.Sleep(clean, 5*time.Second) // a server takes its time to stop
		s.add(name + " stopped")
		return end
	}
	s.add(name + " died")
	return end
}

func (s *serving) at(d time.Duration, signal string, in any) {
	s.RegisterDelayedCallback(func() { s.SignalWorkflow(signal, in) }, d)
}

func (s *serving) deploy(d time.Duration, version int) {
	s.at(d, workflows.DeploySignal, workflows.DeployInput{Version: version})
}

func (s *serving) stop(d time.Duration, forget bool) {
	s.at(d, workflows.StopSignal, workflows.StopInput{Forget: forget})
}

func (s *serving) serve(t *testing.T) []string {
	t.Helper()
	s.ExecuteWorkflow(workflows.ServeDeploymentName, workflows.ServeDeploymentInput{Project: "demo", Name: "delay", GraceSeconds: 60})
	if err := s.GetWorkflowError(); err != nil {
		t.Errorf("the workflow ended with the error %v", err)
	}
	return s.all()
}

// story checks what happened, in order.
func story(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("what happened:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func alwaysReady(int, int) (time.Duration, time.Duration) { return 10 * time.Second, 0 }

func TestADeploymentServesUntilItIsStopped(t *testing.T) {
	s := newServing(t, alwaysReady)
	s.deploy(0, 1)
	s.stop(time.Hour, false)
	story(t, s.serve(t), "deployment starting", "v1#1 starts", "v1#1 ready", "v1#1 stopped", "deployment stopped")
}

func TestADeploymentThatIsForgottenIsRemovedWhenItsServerHasStopped(t *testing.T) {
	s := newServing(t, alwaysReady)
	s.deploy(0, 1)
	s.stop(time.Hour, true)
	s.stop(time.Hour, false)
	story(t, s.serve(t), "deployment starting", "v1#1 starts", "v1#1 ready", "v1#1 stopped", "deployment forgotten")
}

func TestANewVersionStartsBesideTheOldOne(t *testing.T) {
	s := newServing(t, alwaysReady)
	s.deploy(0, 1)
	s.deploy(time.Hour, 2)
	s.stop(2*time.Hour, false)
	story(t, s.serve(t), "deployment starting", "v1#1 starts", "v1#1 ready",
		"deployment updating", "v2#2 starts", "v2#2 ready", "v1#1 stopped", "v2#2 stopped", "deployment stopped")
}

func TestANewVersionThatFailsLeavesTheOldOne(t *testing.T) {
	s := newServing(t, func(version, _ int) (time.Duration, time.Duration) {
		if version == 2 {
			return 0, 0
		}
		return 10 * time.Second, 0
	})
	s.deploy(0, 1)
	s.deploy(time.Hour, 2)
	s.deploy(2*time.Hour, 2) // tried again, because it is asked for again
	s.stop(3*time.Hour, false)
	failed := "deployment ready: version 2 did not get ready: exit code 1"
	story(t, s.serve(t), "deployment starting", "v1#1 starts", "v1#1 ready",
		"deployment updating", "v2#2 starts", "v2#2 died", failed,
		"deployment updating", "v2#3 starts", "v2#3 died", failed, "v1#1 stopped", "deployment stopped")
}

func TestAFirstVersionThatFailsFailsTheDeployment(t *testing.T) {
	s := newServing(t, func(int, int) (time.Duration, time.Duration) { return 0, 0 })
	s.deploy(0, 1)
	story(t, s.serve(t), "deployment starting", "v1#1 starts", "v1#1 died", "deployment failed: exit code 1")
}

func TestTheSameVersionAgainChangesNothing(t *testing.T) {
	s := newServing(t, alwaysReady)
	for _, at := range []time.Duration{0, time.Second, time.Hour} {
		s.deploy(at, 1)
	}
	s.stop(2*time.Hour, false)
	story(t, s.serve(t), "deployment starting", "v1#1 starts", "v1#1 ready", "v1#1 stopped", "deployment stopped")
}

func TestTheSameVersionWithOtherResourcesGetsAServer(t *testing.T) {
	s := newServing(t, alwaysReady)
	s.deploy(0, 1)
	s.at(time.Hour, workflows.DeploySignal, workflows.DeployInput{Version: 1, Resources: bine.Resources{CPU: 2}})
	s.stop(2*time.Hour, false)
	story(t, s.serve(t), "deployment starting", "v1#1 starts", "v1#1 ready",
		"deployment updating", "v1#2 starts", "v1#2 ready", "v1#1 stopped", "v1#2 stopped", "deployment stopped")
}

func TestAServerThatDiesIsStartedAgainForEver(t *testing.T) {
	var at []time.Duration
	s := newServing(t, nil)
	began := s.Now()
	s.life = func(_, start int) (time.Duration, time.Duration) {
		at = append(at, s.Now().Sub(began))
		if start == 3 {
			return 0, 0 // does not get ready this time: it was before, so it is tried again
		}
		return time.Second, 10 * time.Second
	}
	s.deploy(0, 1)
	s.stop(30*time.Minute, false)
	got := s.serve(t)
	if !slices.Contains(got, "v1#3 died") || !slices.Contains(got, "v1#20 starts") || slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, "deployment failed") }) {
		t.Errorf("what happened:\n  %s", strings.Join(got, "\n  "))
	}
	if first, late := at[1]-at[0], at[12]-at[11]; first > 15*time.Second || late < time.Minute {
		t.Errorf("it was started again after %v, later after %v; want soon at first, then not more often than every minute", first, late)
	}
}

func TestABackOffBeginsAnewAfterAServerThatStayed(t *testing.T) {
	var at []time.Duration
	s := newServing(t, nil)
	began := s.Now()
	s.life = func(_, start int) (time.Duration, time.Duration) {
		at = append(at, s.Now().Sub(began))
		return time.Second, time.Hour
	}
	s.deploy(0, 1)
	s.stop(12*time.Hour, false)
	s.serve(t)
	for i := range at[1:] {
		if gap := at[i+1] - at[i]; gap > time.Hour+5*time.Second {
			t.Errorf("start %d came %v after the one before, want soon after the hour", i+2, gap)
		}
	}
}

func TestADeploymentThatIsAskedForAgainWhileItStopsServesOn(t *testing.T) {
	s := newServing(t, alwaysReady)
	s.deploy(0, 1)
	s.stop(time.Hour, true)
	s.deploy(time.Hour+2*time.Second, 2) // the server takes five seconds to stop
	s.stop(2*time.Hour, false)
	story(t, s.serve(t), "deployment starting", "v1#1 starts", "v1#1 ready", "v1#1 stopped",
		"deployment starting", "v2#2 starts", "v2#2 ready", "v2#2 stopped", "deployment stopped")
}

func TestADeploymentThatIsStoppedBeforeItBeganEnds(t *testing.T) {
	s := newServing(t, alwaysReady)
	s.deploy(0, 1)
	s.stop(0, false)
	got := s.serve(t)
	if got[len(got)-1] != "deployment stopped" || len(got) > 4 {
		t.Errorf("what happened: %q, want it stopped once", got)
	}
}

func TestAVersionThatFallsBackIsReadyAgainWhenItsServerIs(t *testing.T) {
	s := newServing(t, func(version, start int) (time.Duration, time.Duration) {
		switch {
		case version == 2:
			return 0, 0
		case start == 1:
			return time.Second, 30*time.Minute + 30*time.Second // dies while version 2 is tried
		}
		return time.Second, 0
	})
	s.deploy(0, 1)
	s.deploy(30*time.Minute, 2)
	s.stop(time.Hour, false)
	why := ": version 2 did not get ready: exit code 1"
	story(t, s.serve(t), "deployment starting", "v1#1 starts", "v1#1 ready", "deployment updating", "v2#2 starts", "v1#1 died", "v2#2 died",
		"deployment starting"+why, "v1#3 starts", "v1#3 ready", "deployment ready"+why, "v1#3 stopped", "deployment stopped")
}

func TestACancelledDeploymentStopsItsServers(t *testing.T) {
	s := newServing(t, alwaysReady)
	s.deploy(0, 1)
	s.RegisterDelayedCallback(s.CancelWorkflow, time.Hour)
	story(t, s.serve(t), "deployment starting", "v1#1 starts", "v1#1 ready", "v1#1 stopped", "deployment stopped")
}

func TestADeploymentContinuesAsNewOnlyWhileNoServerRuns(t *testing.T) {
	s := newServing(t, func(int, int) (time.Duration, time.Duration) { return time.Second, time.Hour })
	s.deploy(0, 7)
	s.RegisterDelayedCallback(func() { s.SetContinueAsNewSuggested(true) }, time.Minute)
	s.ExecuteWorkflow(workflows.ServeDeploymentName, workflows.ServeDeploymentInput{Project: "demo", Name: "delay"})
	again, ok := errors.AsType[*workflow.ContinueAsNewError](s.GetWorkflowError())
	if !ok {
		t.Fatalf("the workflow ended with %v, want it to continue as new", s.GetWorkflowError())
	}
	if got := s.all(); got[len(got)-1] != "v7#1 died" {
		t.Errorf("before, %q happened last, want that its server died", got[len(got)-1])
	}
	var in workflows.ServeDeploymentInput
	decode(t, again, &in)
	if in.Going == nil || in.Going.Version != 7 || in.Name != "delay" {
		t.Fatalf("it continues with %+v, want version 7 going", in)
	}
	next := newServing(t, alwaysReady)
	next.stop(time.Hour, false)
	next.ExecuteWorkflow(workflows.ServeDeploymentName, in)
	story(t, next.all(), "deployment starting", "v7#1 starts", "v7#1 ready", "v7#1 stopped", "deployment stopped")
}
