package launch_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/launch"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/workflows"
)

const grace = time.Minute

func reconcile(t *testing.T, f *fakeTemporal, rows *fakeRows, leases *fakeLeases) error {
	t.Helper()
	r := launch.NewReconciler(launch.New(f, rows, grace), rows, rows, slog.New(slog.DiscardHandler))
	if leases != nil {
		r.Reaping(leases)
	}
	return r.Once(t.Context(), 5*time.Second)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func run(id bine.RunID) bine.Run {
	return bine.Run{ID: id, Project: "p", Pipeline: "flights", Version: 1}
}

func TestARunThatWasAcceptedButNotStartedIsStarted(t *testing.T) {
	f, rows := newTemporal(), &fakeRows{runs: []bine.Run{run("flights-1")}}
	for range 2 {
		ok(t, reconcile(t, f, rows, nil))
	}
	same(t, "asked", f.calls, "start run_pipeline as p/run/flights-1")
	in, _ := f.inputs["p/run/flights-1"].(workflows.RunPipelineInput)
	if in.Run != "flights-1" || len(in.Plan.Steps) != 1 || in.GraceSeconds != 60 {
		t.Errorf("it was started with %+v", in)
	}
	same(t, "rows", rows.moves)
}

func TestARunWhoseWorkflowWasTerminatedIsFinished(t *testing.T) {
	f, rows := newTemporal(), &fakeRows{runs: []bine.Run{run("flights-1")}}
	f.is["p/run/flights-1"] = terminated
	ok(t, reconcile(t, f, rows, nil))
	same(t, "rows", rows.moves, "run flights-1 failed: its workflow was ended from outside: Terminated")
	for _, meanwhile := range []bine.Kind{bine.Conflict, bine.NotFound} {
		rows.finished = bine.Errorf(meanwhile, "it ended, or was removed")
		ok(t, reconcile(t, f, rows, nil))
	}
	rows.finished = bine.Errorf(bine.Unavailable, "the disk is full")
	if err := reconcile(t, f, rows, nil); !bine.IsKind(err, bine.Unavailable) {
		t.Errorf("got %v, want the fault", err)
	}
}

func TestRunsThatNobodyWaitsForAreCancelledAndNeverStarted(t *testing.T) {
	strays := []bine.Run{run("runs-1"), run("accepted-1"), run("killed-1")}
	for i := range strays {
		strays[i].Parent = &bine.StepPointer{Run: "all-1", Step: "sub"}
	}
	f, rows := newTemporal(), &fakeRows{runs: strays, strays: strays}
	f.is["p/run/runs-1"], f.is["p/run/killed-1"] = going, terminated
	ok(t, reconcile(t, f, rows, nil))
	same(t, "asked", f.calls, "cancel p/run/runs-1")
	same(t, "rows", rows.moves, "run accepted-1 cancelled: the step that started it has ended",
		"run killed-1 failed: its workflow was ended from outside: Terminated")
}

func TestTransfersThatHaveNotEndedAreStarted(t *testing.T) {
	f, rows := newTemporal(), &fakeRows{transfers: []bine.Transfer{{Project: "p", ID: "import-1"}, {Project: "p", ID: "import-2"}, {Project: "p", ID: "export-3"}}}
	f.is["p/transfer/import-1"], f.is["p/transfer/import-2"] = going, terminated
	ok(t, reconcile(t, f, rows, nil))
	same(t, "asked", f.calls, "start run_transfer as p/transfer/import-2", "start run_transfer as p/transfer/export-3")
}

func TestBackfillsThatHaveNotEndedAreStarted(t *testing.T) {
	f, rows := newTemporal(), &fakeRows{backfills: []bine.Backfill{{Project: "p", ID: "runs-b1"}, {Project: "p", ID: "new-b1"}, {Project: "p", ID: "killed-b1"}}}
	f.is["p/backfill/runs-b1"], f.is["p/backfill/killed-b1"] = going, terminated
	for range 2 {
		ok(t, reconcile(t, f, rows, nil))
	}
	same(t, "asked", f.calls, "start run_backfill as p/backfill/new-b1", "start run_backfill as p/backfill/killed-b1")
}

func TestMessagesAreSentOfRunsWhoseWorkflowCannot(t *testing.T) {
	f, rows := newTemporal(), &fakeRows{untold: []bine.Run{run("tells-1"), run("killed-1"), run("old-1")}}
	f.is["p/run/tells-1"], f.is["p/run/killed-1"] = going, terminated
	ok(t, reconcile(t, f, rows, nil))
	same(t, "rows", rows.moves, "told of run killed-1", "told of run old-1")
	if rows.withdrawn != 1 {
		t.Errorf("stray approvals were withdrawn %d times, want once", rows.withdrawn)
	}
}

func TestWhatCannotBeComparedDoesNotHideTheRest(t *testing.T) {
	broken := run("broken-1")
	broken.Pipeline = "broken"
	f, rows := newTemporal(), &fakeRows{runs: []bine.Run{broken, run("flights-1")}, projects: []bine.Project{{Name: "p", State: bine.ProjectDeleting}}}
	if err := reconcile(t, f, rows, nil); err == nil || !strings.Contains(err.Error(), "run broken-1 of p") {
		t.Errorf("got %v, want it to name the run", err)
	}
	same(t, "asked", f.calls, "start run_pipeline as p/run/flights-1", "start delete_project as p/delete")
}

func TestProjectsGoOnToBeMadeAndRemoved(t *testing.T) {
	f := newTemporal()
	rows := &fakeRows{environments: []bine.Environment{{Version: 2, State: bine.EnvironmentBuilding}, {Version: 1}}, projects: []bine.Project{
		{Name: "new", State: bine.ProjectProvisioning}, {Name: "old", State: bine.ProjectDeleting}, {Name: "bad", State: bine.ProjectFailed},
	}}
	f.is["new/provision"] = terminated // it is started again
	for range 2 {
		ok(t, reconcile(t, f, rows, nil))
	}
	same(t, "asked", f.calls, "start provision_project as new/provision", "start delete_project as old/delete")
	if in, _ := f.inputs["new/provision"].(workflows.ProvisionProjectInput); in.Environment != 2 {
		t.Errorf("the project is made with environment %d, want 2", in.Environment)
	}
}

func TestEnvironmentsThatAreNotBeingBuiltAre(t *testing.T) {
	old := time.Now().Add(-time.Minute)
	f := newTemporal()
	rows := &fakeRows{projects: []bine.Project{{Name: "p", State: bine.ProjectReady}}, environments: []bine.Environment{
		{Version: 5, State: bine.EnvironmentBuilding, CreatedAt: time.Now()}, {Version: 4, State: bine.EnvironmentBuilding, CreatedAt: old},
		{Version: 3, State: bine.EnvironmentBuilding, CreatedAt: old}, {Version: 2, State: bine.EnvironmentBuilding, CreatedAt: old}, {Version: 1, State: bine.EnvironmentReady},
	}}
	f.is["p/environment/3"], f.is["p/environment/2"] = terminated, going
	ok(t, reconcile(t, f, rows, nil))
	same(t, "asked", f.calls, "start build_environment as p/environment/4")
	same(t, "rows", rows.moves, "environment 3 failed: its workflow was ended from outside: Terminated")
}

func TestDeploymentsThatShouldRunAreStarted(t *testing.T) {
	old := time.Now().Add(-time.Minute)
	f := newTemporal()
	rows := &fakeRows{projects: []bine.Project{{Name: "p", State: bine.ProjectReady}}, deployments: []bine.Deployment{
		{Name: "lost", Version: 3, State: bine.DeploymentReady, UpdatedAt: old, Resources: bine.Resources{CPU: 2}},
		{Name: "runs", Version: 1, State: bine.DeploymentReady, UpdatedAt: old}, {Name: "stopped", State: bine.DeploymentStopped, UpdatedAt: old},
		{Name: "young", State: bine.DeploymentStarting, UpdatedAt: time.Now()},
	}}
	f.is["p/deployment/lost"], f.is["p/deployment/runs"] = terminated, going
	ok(t, reconcile(t, f, rows, nil))
	same(t, "asked", f.calls, "signal deploy with start of serve_deployment to p/deployment/lost: {Version:3 Resources:{CPU:2 Memory:0 GPUs:0 GPU:}}")
}

func TestResourcesThatNobodyHasAnyMoreAreGivenBack(t *testing.T) {
	owner := func(step bine.StepName) bine.Owner {
		return bine.Owner{Project: "p", Kind: bine.OwnerRun, Name: "flights-1", Step: step}
	}
	f := newTemporal()
	f.is["p/run/flights-1/runs"], f.is["p/run/flights-1/killed"], f.is["waiting"] = going, terminated, going
	rows := &fakeRows{attempts: map[bine.AttemptID]bine.Attempt{
		"runs":   {ID: "runs", Owner: owner("runs"), State: bine.Running},
		"killed": {ID: "killed", Owner: owner("killed"), State: bine.Running},
		"ended":  {ID: "ended", Owner: owner("runs"), State: bine.Succeeded},
	}}
	rows.runs = []bine.Run{run("flights-1")}
	f.is["p/run/flights-1"] = going
	waits, over := owner("light"), bine.Owner{Project: "p", Kind: bine.OwnerRun, Name: "flights-0"}
	leases := &fakeLeases{turns: []bine.Owner{waits, over}, held: []bine.AttemptID{"runs", "killed", "ended", "unknown"}, next: []lease.Grant{{Attempt: "next", Workflow: "waiting", Host: "h1"}, {Workflow: "gone"}}}
	ok(t, reconcile(t, f, rows, leases))
	var reaped []string
	for _, id := range leases.reaped {
		reaped = append(reaped, string(id))
	}
	same(t, "given back", reaped, string(bine.NewAttemptID(over, 0)), "killed", "ended", "unknown")
	same(t, "rows", rows.moves, "attempt killed lost")
	same(t, "asked", f.calls, "signal granted to waiting: {Attempt:next Host:h1}")
}

func TestNothingIsTakenForGoneWhileTemporalDoesNotAnswer(t *testing.T) {
	f := newTemporal()
	f.fault = serviceerror.NewUnavailable("no")
	rows := &fakeRows{runs: []bine.Run{run("flights-1")}, attempts: map[bine.AttemptID]bine.Attempt{"a": {State: bine.Running}}}
	leases := &fakeLeases{held: []bine.AttemptID{"a"}}
	if err := reconcile(t, f, rows, leases); !bine.IsKind(err, bine.Unavailable) {
		t.Errorf("got %v, want an error of kind unavailable", err)
	}
	if len(rows.moves) > 0 || len(leases.reaped) > 0 {
		t.Errorf("moved %v, gave back %v; want nothing", rows.moves, leases.reaped)
	}
}
