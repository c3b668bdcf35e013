package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/workflows"
)

// hostActs plays the hosts: fault, where given, says what goes wrong with an activity.
func (w *world) hostActs(fault func(what string) error) {
	act := func(_ context.Context, what string) error {
		w.ledger.add(what)
		if fault == nil {
			return nil
		}
		return fault(what)
	}
	lock := activities.LockEnvironmentResult{Lock: "httpx==0.28.1", Python: "3.11.7"}
	w.OnActivity("LockEnvironment", mock.Anything, mock.Anything).Return(func(ctx context.Context, in activities.LockEnvironmentInput) (activities.LockEnvironmentResult, error) {
		return lock, act(ctx, "lock on a host")
	})
	w.OnActivity("InstallEnvironment", mock.Anything, mock.Anything).Return(func(ctx context.Context, in activities.EnvironmentInput) error {
		return act(ctx, "install "+in.Lock)
	})
	w.OnActivity("RemoveEnvironments", mock.Anything, mock.Anything).Return(func(ctx context.Context, _ activities.ProjectInput) error {
		return act(ctx, "remove environments")
	})
}

// only makes one activity fail.
func only(what string, err error) func(string) error {
	return func(is string) error {
		if is == what {
			return err
		}
		return nil
	}
}

// until makes the first calls of one activity fail.
func until(n int, what string, err error) func(string) error {
	calls := 0
	return func(is string) error {
		if is != what {
			return nil
		}
		if calls++; calls < n {
			return err
		}
		return nil
	}
}

func away() error { return temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil) }

func broken() error {
	return temporal.NewNonRetryableApplicationError("no version of htpx is there", string(bine.Invalid), nil)
}

func (w *world) oneHost() { w.projects.hosts = func() []bine.HostName { return []bine.HostName{"h1"} } }

func (w *world) provision(t *testing.T) {
	t.Helper()
	w.ExecuteWorkflow(workflows.ProvisionProjectName, workflows.ProvisionProjectInput{Project: "demo", Environment: 1})
	if err := w.GetWorkflowError(); err != nil {
		t.Errorf("the workflow ended with the error %v", err)
	}
}

func TestAProjectIsReadyWhenItsTreeAndEnvironmentAre(t *testing.T) {
	w := newWorld(t)
	w.oneHost()
	w.hostActs(nil)
	w.provision(t)
	story(t, w.ledger.all(), "project provisioning", "make tree", "environment building", "lock on a host", "lock httpx==0.28.1",
		"h1 installing", "install httpx==0.28.1", "h1 ready", "environment ready", "project ready")
}

func TestAProjectThatCannotBeMadeIsUndoneInReverse(t *testing.T) {
	w := newWorld(t)
	w.oneHost()
	w.hostActs(only("lock on a host", broken()))
	w.provision(t)
	why := ": no version of htpx is there"
	story(t, w.ledger.all(), "project provisioning", "make tree", "environment building", "lock on a host", "environment failed"+why,
		"remove environments", "remove tree", "project failed"+why)
}

func TestAProjectWhoseTreeCannotBeMadeHasNoEnvironmentToUndo(t *testing.T) {
	w := newWorld(t)
	w.hostActs(nil)
	w.projects.makeTree = bine.Errorf(bine.Invalid, "a file is in the way")
	w.provision(t)
	story(t, w.ledger.all(), "project provisioning", "make tree", "remove tree", "project failed: a file is in the way")
}

func TestACancelledProvisioningIsUndone(t *testing.T) {
	w := newWorld(t)
	w.oneHost()
	w.hostActs(nil)
	w.projects.hosts = func() []bine.HostName { return nil } // it waits for a host
	w.RegisterDelayedCallback(w.CancelWorkflow, time.Minute)
	w.provision(t)
	story(t, w.ledger.all(), "project provisioning", "make tree", "environment building", "environment failed: cancelled", "remove tree", "project failed: cancelled")
}

func TestAProjectThatIsReadyAlreadyIsNotUndone(t *testing.T) {
	w := newWorld(t)
	w.projects.move = func(bine.ProjectState) error { return bine.Errorf(bine.Conflict, "project demo is ready") }
	w.ExecuteWorkflow(workflows.ProvisionProjectName, workflows.ProvisionProjectInput{Project: "demo"})
	if err := w.GetWorkflowError(); activities.KindOf(err) != bine.Conflict {
		t.Errorf("the workflow ended with %v, want a conflict", err)
	}
	story(t, w.ledger.all())
}

func TestAProjectIsDeletedWhenEverythingInItHasStopped(t *testing.T) {
	w := newWorld(t)
	w.oneHost()
	w.hostActs(nil)
	w.projects.left = []int{3, 1}
	w.ExecuteWorkflow(workflows.DeleteProjectName, activities.ProjectInput{Project: "demo"})
	if err := w.GetWorkflowError(); err != nil {
		t.Error(err)
	}
	story(t, w.ledger.all(), "project deleting", "stop all", "stop all", "stop all", "remove environments", "remove tree", "delete rows")
}

func TestAProjectIsDeletedThoughAHostIsAway(t *testing.T) {
	w := newWorld(t)
	w.oneHost()
	w.hostActs(only("remove environments", away()))
	w.ExecuteWorkflow(workflows.DeleteProjectName, activities.ProjectInput{Project: "demo"})
	if err := w.GetWorkflowError(); err != nil {
		t.Error(err)
	}
	if !w.ledger.has("delete rows") {
		t.Errorf("what happened: %q, want the rows deleted", w.ledger.all())
	}
}

func TestADeletionThatWaitsForLongContinuesAsNew(t *testing.T) {
	w := newWorld(t)
	w.projects.left = []int{1, 1, 1}
	w.SetContinueAsNewSuggested(true)
	w.ExecuteWorkflow(workflows.DeleteProjectName, activities.ProjectInput{Project: "demo"})
	if err := w.GetWorkflowError(); !workflow.IsContinueAsNewError(err) {
		t.Errorf("the workflow ended with %v, want it to continue as new", err)
	}
	if w.ledger.has("remove tree") {
		t.Error("the tree was removed while something went on")
	}
}

func (w *world) build() error {
	w.ExecuteWorkflow(workflows.BuildEnvironmentName, activities.EnvironmentInput{Project: "demo", Version: 1})
	return w.GetWorkflowError()
}

func TestAnEnvironmentIsReadyThoughAHostIsAway(t *testing.T) {
	w := newWorld(t)
	w.hostActs(until(2, "install httpx==0.28.1", away()))
	if err := w.build(); err != nil {
		t.Error(err)
	}
	if !w.ledger.has("environment ready") || (!w.ledger.has("h1 away") && !w.ledger.has("h2 away")) {
		t.Errorf("what happened: %q, want it ready and one host away", w.ledger.all())
	}
}

func TestAnEnvironmentThatOneHostCannotInstallFailsAndSaysWhere(t *testing.T) {
	w := newWorld(t)
	w.oneHost()
	w.hostActs(only("install httpx==0.28.1", temporal.NewNonRetryableApplicationError("disk is full", string(bine.NoQuota), nil)))
	if err := w.build(); err == nil {
		t.Error("the workflow succeeded")
	}
	story(t, w.ledger.all(), "environment building", "lock on a host", "lock httpx==0.28.1", "h1 installing", "install httpx==0.28.1", "h1 disk is full",
		"environment failed: host h1: disk is full")
}

func TestAnInstallationWhoseHostFellSilentIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.oneHost()
	w.hostActs(until(4, "install httpx==0.28.1", temporal.NewHeartbeatTimeoutError()))
	if err := w.build(); err != nil || !w.ledger.has("environment ready") {
		t.Errorf("what happened: %q, %v; want it ready", w.ledger.all(), err)
	}
}

func TestAnEnvironmentWaitsForItsFirstHost(t *testing.T) {
	w := newWorld(t)
	w.hostActs(nil)
	up := false
	w.projects.hosts = func() []bine.HostName {
		if !up {
			return nil
		}
		return []bine.HostName{"h1"}
	}
	w.RegisterDelayedCallback(func() { up = true }, time.Hour)
	if err := w.build(); err != nil || !w.ledger.has("environment ready") {
		t.Errorf("what happened: %q, %v; want it ready", w.ledger.all(), err)
	}
}

func TestAnEnvironmentThatNoHostLocksIsTriedUntilOneAnswers(t *testing.T) {
	w := newWorld(t)
	w.hostActs(until(6, "lock on a host", away()))
	if err := w.build(); err != nil || !w.ledger.has("environment ready") {
		t.Errorf("what happened: %q, %v; want it ready", w.ledger.all(), err)
	}
}

func TestAnEnvironmentThatWasReadyKeepsItsLock(t *testing.T) {
	w := newWorld(t)
	w.oneHost()
	w.hostActs(nil)
	w.environments.is.State, w.environments.is.Lock = bine.EnvironmentReady, "httpx==0.1"
	if err := w.build(); err != nil {
		t.Error(err)
	}
	story(t, w.ledger.all(), "h1 installing", "install httpx==0.1", "h1 ready", "environment ready")
}
