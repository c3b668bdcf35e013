// Package recording_test executes every workflow on a real server, with engines
// that only pretend. The histories are kept in workflows/testdata/history, where the
// tests of package workflows replay them; each is to ask for what its newest
// recording asks for, so that no workflow changes without one. What is not there is
// recorded when asked:
//
//	go test ./workflows/recording -record
//
// What is there is never recorded anew: the change of a workflow gets a recording
// of another name, by which it is called here from then on.
//
// Payloads are not sealed in them, so that they can be read.
package recording_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
	"github.com/bine-ml/bine/internal/temporal"
	"github.com/bine-ml/bine/internal/temporal/embedded"
	"github.com/bine-ml/bine/workflows"
)

var record = flag.Bool("record", false, "record histories that are not there yet")

const directory = "../testdata/history"

// grace is short, so that a host that is gone is found out soon.
const grace = 2

// stage is a server with workers, on which workflows are executed.
type stage struct {
	client.Client
	host *host
}

func newStage(t *testing.T) *stage {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	c, err := client.DialContext(t.Context(), client.Options{
		HostPort: server.Address(), Namespace: server.Namespace(), Identity: "worker", Logger: log.NewStructuredLogger(quiet),
		ConnectionOptions: client.ConnectionOptions{TLS: server.TLS()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	e := newEngine()
	s := &stage{Client: c, host: &host{engine: e, client: c, servers: map[string][]byte{}}}
	control := worker.New(c, activities.ControlQueue, temporal.WorkerOptions(temporal.ControlWorker))
	workflows.Register(control)
	for _, group := range []any{
		activities.NewRuns(e), activities.NewAttempts(attempts{e}), activities.NewTicks(e), activities.NewProjects(projects{e}),
		activities.NewEnvironments(environments{e}), activities.NewDeployments(deployments{e}), activities.NewAwaits(e), activities.NewBackfills(e), activities.NewTransfers(transferring{e}), activities.NewSweeps(searching{e}),
	} {
		control.RegisterActivity(group)
	}
	agent := worker.New(c, activities.HostQueue("h1"), temporal.WorkerOptions(temporal.HostWorker))
	agent.RegisterActivity(activities.NewHost(s.host))
	for _, w := range []worker.Worker{control, agent} {
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Stop)
	}
	return s
}

// start starts a workflow; what it answers waits for its end.
func (s *stage) start(t *testing.T, id, name string, in any) (wait func() error) {
	t.Helper()
	run, err := s.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: activities.ControlQueue}, name, in)
	if err != nil {
		t.Fatal(err)
	}
	return func() error { return run.Get(t.Context(), nil) }
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keep compares the newest execution of a workflow with its recording, or
// records it where there is none. A recording stays as it is: it has to replay
// for ever.
func (s *stage) keep(t *testing.T, id, file string) {
	t.Helper()
	history, err := temporal.History(t.Context(), s, id, "")
	must(t, err)
	path := filepath.Join(directory, file+".json")
	switch recorded, err := os.ReadFile(path); {
	case err == nil:
		compare(t, file, recorded, history)
	case !errors.Is(err, os.ErrNotExist):
		t.Fatal(err)
	case !*record:
		t.Errorf("%s is not recorded: make record", file)
	default:
		write(t, path, history)
	}
}

var readable = map[string]any{common.EnablePayloadShorthandMetadataKey: true}

func write(t *testing.T, path string, history *historypb.History) {
	t.Helper()
	text, err := temporalproto.CustomJSONMarshalOptions{Indent: " ", Metadata: readable}.Marshal(history)
	must(t, err)
	if name, err := os.Hostname(); err == nil { // in the names of the workers' own queues
		text = bytes.ReplaceAll(text, []byte(name+":"), []byte("worker:"))
	}
	must(t, os.MkdirAll(directory, 0o755))
	must(t, os.WriteFile(path, append(text, '\n'), 0o644))
	t.Logf("%s: %d events", path, len(history.GetEvents()))
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !holds() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("still not: %s", what)
		}
	}
}

func TestEveryWorkflowDoesWhatIsRecorded(t *testing.T) {
	s := newStage(t)
	for name, f := range map[string]func(*testing.T, *stage){
		"Runs": runs, "CancelledRun": cancelledRun, "Jobs": jobs, "Deployment": deployment,
		"Phases": phases, "Limits": limits, "Chain": chains, "Waits": waits, "Backfill": backfill, "Transfers": transfers, "Sweeps": searches,
		"Projects": provisioning, "Environments": building, "Tick": tick,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); f(t, s) })
	}
}

func runOf(run bine.RunID, steps ...plan.Step) workflows.RunPipelineInput {
	return workflows.RunPipelineInput{RunRef: activities.RunRef{Project: "demo", Run: run}, Plan: plan.Plan{Steps: steps}, GraceSeconds: grace}
}

func process(name bine.StepName, needs ...int) plan.Step {
	return plan.Step{Name: name, Kind: "python", Process: true, Needs: needs}
}

// runs is a pipeline in which everything happens that can happen to a step.
func runs(t *testing.T, s *stage) {
	bad := process("bad", 0)
	bad.Retry = plan.Retry{Attempts: 2, Backoff: 0.1}
	fan := process("fan", 0)
	fan.Foreach, fan.MaxParallel = true, 2
	in := runOf("mixed-1", process("ingest"), process("unwanted"), process("known"), bad, process("after_bad", 3), fan,
		plan.Step{Name: "tell", Kind: "notify", Needs: []int{5}, Retry: plan.Retry{Attempts: 2, Backoff: 0.1}}, process("after_unwanted", 1))
	must(t, s.start(t, "demo/run/mixed-1", workflows.RunPipelineName, in)())
	s.keep(t, "demo/run/mixed-1", "run_pipeline-mixed")
	s.keep(t, "demo/run/mixed-1/ingest", "run_job-succeeded")
	s.keep(t, "demo/run/mixed-1/bad", "run_job-failed_twice")
	s.keep(t, "demo/run/mixed-1/fan@0", "run_group-items")

	fan.Batch = 2
	fan.Needs = nil
	must(t, s.start(t, "demo/run/batch-1", workflows.RunPipelineName, runOf("batch-1", fan))())
	s.keep(t, "demo/run/batch-1", "run_pipeline-batches")
	s.keep(t, "demo/run/batch-1/fan@0", "run_group-batches")
}

// open waits until an execution has an activity of a name in progress.
func (s *stage) open(t *testing.T, id, activity string) {
	t.Helper()
	until(t, activity+" of "+id+" goes on", func() bool {
		about, err := s.DescribeWorkflowExecution(t.Context(), id, "")
		if err != nil {
			return false
		}
		for _, a := range about.GetPendingActivities() {
			if a.GetActivityType().GetName() == activity && a.GetLastStartedTime() != nil {
				return true
			}
		}
		return false
	})
}

func cancelledRun(t *testing.T, s *stage) {
	fan := plan.Step{Name: "slow", Kind: "python", Process: true}
	wait := s.start(t, "demo/run/cancelled-1", workflows.RunPipelineName, runOf("cancelled-1", fan, process("after", 0)))
	s.open(t, "demo/run/cancelled-1/slow", "RunProcess")
	must(t, s.CancelWorkflow(t.Context(), "demo/run/cancelled-1", ""))
	must(t, wait())
	s.keep(t, "demo/run/cancelled-1", "run_pipeline-cancelled")
	s.keep(t, "demo/run/cancelled-1/slow", "run_job-cancelled")
}

// jobs are processes whose hosts and resources are not there at first.
func jobs(t *testing.T, s *stage) {
	in := func(step bine.StepName) workflows.RunJobInput {
		return workflows.RunJobInput{Owner: bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "jobs-1", Step: step}, GraceSeconds: grace}
	}
	must(t, s.start(t, "demo/run/jobs-1/lost", workflows.RunJobName, in("lost"))())
	s.keep(t, "demo/run/jobs-1/lost", "run_job-lost")
	must(t, s.start(t, "demo/run/jobs-1/huge", workflows.RunJobName, in("huge"))())
	s.keep(t, "demo/run/jobs-1/huge", "run_job-refused")

	wait := s.start(t, "demo/run/jobs-1/waits", workflows.RunJobName, in("waits"))
	s.rests(t, "demo/run/jobs-1/waits")
	must(t, s.SignalWorkflow(t.Context(), "demo/run/jobs-1/waits", "", workflows.GrantedSignal, workflows.GrantedInput{Host: "h1"}))
	must(t, wait())
	s.keep(t, "demo/run/jobs-1/waits", "run_job-waited")
}

// deployment is served, updated, restarted, updated to what does not start, and stopped.
func deployment(t *testing.T, s *stage) {
	const id = "demo/deployment/delay"
	ctx := t.Context()
	wait := s.start(t, id, workflows.ServeDeploymentName, workflows.ServeDeploymentInput{Project: "demo", Name: "delay", GraceSeconds: grace})
	about, err := s.DescribeWorkflowExecution(ctx, id, "")
	must(t, err)
	execution := about.GetWorkflowExecutionInfo().GetExecution().GetRunId()[:8]
	ready := func(n string) {
		t.Helper()
		generation := execution + "-" + n
		until(t, "server "+generation+" runs", func() bool { return s.host.running(generation) })
		must(t, s.SignalWorkflow(ctx, id, "", workflows.ReadySignal, workflows.ReadyInput{Generation: generation}))
	}
	deploy := func(version int) {
		t.Helper()
		must(t, s.SignalWorkflow(ctx, id, "", workflows.DeploySignal, workflows.DeployInput{Version: version, Resources: bine.Resources{CPU: 0.5, Memory: 512 << 20}}))
	}
	deploy(1)
	ready("1")
	deploy(2)
	ready("2")
	for range 3 { // as often as its job tries, so that the deployment has to
		until(t, "the server of version 2 runs", func() bool { return s.host.running(execution + "-2") })
		must(t, s.host.kill(ctx, execution+"-2"))
	}
	ready("3")
	deploy(3)
	until(t, "version 3 was given up", func() bool { return s.saw(t, id, "MoveDeployment", "did not get ready") })
	must(t, s.SignalWorkflow(ctx, id, "", workflows.StopSignal, workflows.StopInput{}))
	must(t, wait())
	s.keep(t, id, "serve_deployment-updated")

	forgotten := s.start(t, "demo/deployment/unused", workflows.ServeDeploymentName, workflows.ServeDeploymentInput{Project: "demo", Name: "unused", GraceSeconds: grace})
	must(t, s.SignalWorkflow(ctx, "demo/deployment/unused", "", workflows.StopSignal, workflows.StopInput{Forget: true}))
	must(t, forgotten())
	s.keep(t, "demo/deployment/unused", "serve_deployment-forgotten")
}

// saw says whether an activity was scheduled with an input that has some text.
func (s *stage) saw(t *testing.T, id, activity, text string) bool {
	t.Helper()
	history, err := temporal.History(t.Context(), s, id, "")
	must(t, err)
	for _, e := range history.GetEvents() {
		a := e.GetActivityTaskScheduledEventAttributes()
		for _, p := range a.GetInput().GetPayloads() {
			if a.GetActivityType().GetName() == activity && bytes.Contains(p.GetData(), []byte(text)) {
				return true
			}
		}
	}
	return false
}

func provisioning(t *testing.T, s *stage) {
	for project, file := range map[bine.ProjectName]string{"demo": "provision_project-ready", "wrong": "provision_project-undone"} {
		id := workflows.ProvisionWorkflowID(project)
		must(t, s.start(t, id, workflows.ProvisionProjectName, workflows.ProvisionProjectInput{Project: project, Environment: 1})())
		s.keep(t, id, file)
	}
	id := workflows.DeleteWorkflowID("demo")
	must(t, s.start(t, id, workflows.DeleteProjectName, activities.ProjectInput{Project: "demo"})())
	s.keep(t, id, "delete_project-deleted")
}

func building(t *testing.T, s *stage) {
	for project, file := range map[bine.ProjectName]string{"demo": "build_environment-ready", "wrong": "build_environment-failed"} {
		id := workflows.EnvironmentWorkflowID(project, 2)
		err := s.start(t, id, workflows.BuildEnvironmentName, activities.EnvironmentInput{Project: project, Version: 2})()
		if (err == nil) != (project == "demo") {
			t.Errorf("the environment of %s ended with %v", project, err)
		}
		s.keep(t, id, file)
	}
}

// tick is started by a schedule, as it is in earnest.
func tick(t *testing.T, s *stage) {
	ctx := t.Context()
	id := workflows.ScheduleID("demo", "nightly")
	handle, err := s.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: id, Spec: client.ScheduleSpec{CronExpressions: []string{"0 6 1 1 *"}}, TriggerImmediately: true,
		Action: &client.ScheduleWorkflowAction{ID: id + "/tick", Workflow: workflows.TickName, TaskQueue: activities.ControlQueue,
			Args: []any{workflows.TickWorkflowInput{Project: "demo", Schedule: "nightly", GraceSeconds: grace}}},
	})
	must(t, err)
	var started string
	until(t, "the schedule was triggered", func() bool {
		about, err := handle.Describe(ctx)
		if err != nil || len(about.Info.RecentActions) == 0 {
			return false
		}
		started = about.Info.RecentActions[0].StartWorkflowResult.WorkflowID
		return true
	})
	must(t, s.GetWorkflow(ctx, started, "").Get(ctx, nil))
	s.keep(t, started, "tick-ran")
	s.keep(t, "demo/run/nightly-1", "run_pipeline-ticked")
}
