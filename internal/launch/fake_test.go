package launch_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/lease"
)

// fakeTemporal knows workflows by id and how they stand, and notes what it is asked.
type fakeTemporal struct {
	client.Client
	is        map[string]enumspb.WorkflowExecutionStatus
	calls     []string
	inputs    map[string]any // of what was started or signalled, by id
	options   map[string]client.StartWorkflowOptions
	fault     error // of every call
	schedules map[string]client.ScheduleOptions
	changed   *client.Schedule
}

func newTemporal() *fakeTemporal {
	return &fakeTemporal{is: map[string]enumspb.WorkflowExecutionStatus{}, inputs: map[string]any{},
		options: map[string]client.StartWorkflowOptions{}, schedules: map[string]client.ScheduleOptions{}}
}

const (
	going      = enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	terminated = enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED
)

func (f *fakeTemporal) note(format string, args ...any) {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

func (f *fakeTemporal) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, name any, args ...any) (client.WorkflowRun, error) {
	if f.fault != nil {
		return nil, f.fault
	}
	if _, was := f.is[o.ID]; was && o.WorkflowIDReusePolicy == enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE {
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("started", "", "")
	}
	if f.is[o.ID] != going {
		f.note("start %v as %s", name, o.ID)
	}
	f.is[o.ID], f.inputs[o.ID], f.options[o.ID] = going, args[0], o
	return nil, nil
}

func (f *fakeTemporal) SignalWithStartWorkflow(_ context.Context, id, signal string, in any, o client.StartWorkflowOptions, name any, _ ...any) (client.WorkflowRun, error) {
	f.note("signal %s with start of %v to %s: %+v", signal, name, id, in)
	return nil, f.fault
}

func (f *fakeTemporal) SignalWorkflow(_ context.Context, id, _, signal string, in any) error {
	if f.fault != nil {
		return f.fault
	}
	if f.is[id] != going {
		return serviceerror.NewNotFound("gone")
	}
	f.note("signal %s to %s: %+v", signal, id, in)
	return nil
}

func (f *fakeTemporal) CancelWorkflow(_ context.Context, id, _ string) error {
	if f.fault != nil {
		return f.fault
	}
	if f.is[id] != going {
		return serviceerror.NewNotFound("gone")
	}
	f.note("cancel %s", id)
	return nil
}

func (f *fakeTemporal) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if f.fault != nil {
		return nil, f.fault
	}
	status, was := f.is[id]
	if !was {
		return nil, serviceerror.NewNotFound("gone")
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflow.WorkflowExecutionInfo{
		Execution: &common.WorkflowExecution{WorkflowId: id, RunId: "r"}, Status: status,
	}}, nil
}

func (f *fakeTemporal) ScheduleClient() client.ScheduleClient { return fakeSchedules{f: f} }

type fakeSchedules struct {
	client.ScheduleClient
	f *fakeTemporal
}

func (s fakeSchedules) Create(_ context.Context, o client.ScheduleOptions) (client.ScheduleHandle, error) {
	if s.f.fault != nil {
		return nil, s.f.fault
	}
	if _, there := s.f.schedules[o.ID]; there {
		return nil, temporal.ErrScheduleAlreadyRunning
	}
	s.f.schedules[o.ID] = o
	return nil, nil
}

func (s fakeSchedules) GetHandle(_ context.Context, id string) client.ScheduleHandle {
	return fakeSchedule{f: s.f, id: id}
}

type fakeSchedule struct {
	client.ScheduleHandle
	f  *fakeTemporal
	id string
}

func (s fakeSchedule) there() error {
	if _, there := s.f.schedules[s.id]; !there {
		return serviceerror.NewNotFound("gone")
	}
	return nil
}

func (s fakeSchedule) Update(_ context.Context, o client.ScheduleUpdateOptions) error {
	update, err := o.DoUpdate(client.ScheduleUpdateInput{})
	s.f.changed = update.Schedule
	return err
}

func (s fakeSchedule) Delete(context.Context) error {
	err := s.there()
	delete(s.f.schedules, s.id)
	return err
}

func (s fakeSchedule) Trigger(context.Context, client.ScheduleTriggerOptions) error { return s.there() }

func (s fakeSchedule) Describe(context.Context) (*client.ScheduleDescription, error) {
	state := &client.ScheduleState{Paused: s.f.schedules[s.id].Paused}
	next := []time.Time{time.Unix(3600, 0)}
	return &client.ScheduleDescription{Schedule: client.Schedule{State: state}, Info: client.ScheduleInfo{NextActionTimes: next}}, s.there()
}

// fakeRows is what the ledger says.
type fakeRows struct {
	runs         []bine.Run
	strays       []bine.Run
	untold       []bine.Run
	backfills    []bine.Backfill
	transfers    []bine.Transfer
	projects     []bine.Project
	environments []bine.Environment
	deployments  []bine.Deployment
	attempts     map[bine.AttemptID]bine.Attempt
	moves        []string
	finished     error // of Finish
	withdrawn    int   // how often
}

const dag = "name: flights\nsteps:\n  one: {command: [\"true\"]}\n"

func (f *fakeRows) PipelineVersion(_ context.Context, _ bine.ProjectName, name bine.PipelineName, _ int) (bine.PipelineVersion, error) {
	if name == "broken" {
		return bine.PipelineVersion{DAG: []byte("{")}, nil
	}
	d, err := dags.Parse([]byte(dag))
	return bine.PipelineVersion{DAG: d.JSON()}, err
}

func (f *fakeRows) Environments(context.Context, bine.ProjectName) ([]bine.Environment, error) {
	return f.environments, nil
}

func (f *fakeRows) Deployment(_ context.Context, _ bine.ProjectName, name bine.DeploymentName) (bine.Deployment, error) {
	for _, d := range f.deployments {
		if d.Name == name {
			return d, nil
		}
	}
	return bine.Deployment{}, bine.Errorf(bine.NotFound, "there is no deployment %q", string(name))
}

func (f *fakeRows) Deployments(context.Context, bine.ProjectName) ([]bine.Deployment, error) {
	return f.deployments, nil
}

func (f *fakeRows) UnfinishedRuns(context.Context, time.Time) ([]bine.Run, error) { return f.runs, nil }

func (f *fakeRows) StrayRuns(context.Context, time.Time) ([]bine.Run, error) { return f.strays, nil }

func (f *fakeRows) UntoldRuns(context.Context, time.Time) ([]bine.Run, error) { return f.untold, nil }

func (f *fakeRows) UnfinishedTransfers(context.Context, time.Time) ([]bine.Transfer, error) {
	return f.transfers, nil
}

func (f *fakeRows) UnfinishedBackfills(context.Context, time.Time) ([]bine.Backfill, error) {
	return f.backfills, nil
}

func (f *fakeRows) WithdrawStrayApprovals(context.Context, time.Time) (int64, error) {
	f.withdrawn++
	return 1, nil
}

func (f *fakeRows) Finish(_ context.Context, in activities.RunRef, end activities.Outcome) (activities.Finished, error) {
	f.moves = append(f.moves, fmt.Sprintf("run %s %s: %s", in.Run, end.State, end.Reason))
	return activities.Finished{Outcome: end}, f.finished
}

func (f *fakeRows) Notify(_ context.Context, in activities.RunRef) error {
	f.moves = append(f.moves, fmt.Sprintf("told of run %s", in.Run))
	return nil
}

func (f *fakeRows) Projects(context.Context, bine.UserName) ([]bine.Project, error) {
	return f.projects, nil
}

func (f *fakeRows) MoveEnvironment(_ context.Context, _ bine.ProjectName, version int, _ []bine.EnvironmentState, to bine.EnvironmentState, reason string) error {
	f.moves = append(f.moves, fmt.Sprintf("environment %d %s: %s", version, to, reason))
	return nil
}

func (f *fakeRows) Attempt(_ context.Context, id bine.AttemptID) (bine.Attempt, error) {
	a, found := f.attempts[id]
	if !found {
		return a, bine.Errorf(bine.NotFound, "there is no attempt %q", string(id))
	}
	return a, nil
}

func (f *fakeRows) EndAttempt(_ context.Context, id bine.AttemptID, r bine.AttemptResult) (bool, error) {
	f.moves = append(f.moves, fmt.Sprintf("attempt %s %s", id, r.State))
	return true, nil
}

func (f *fakeRows) Going(_ context.Context, o bine.Owner) (bool, error) {
	return slices.ContainsFunc(f.runs, func(r bine.Run) bool { return string(r.ID) == o.Name }), nil
}

// fakeLeases holds leases of attempts.
type fakeLeases struct {
	turns  []bine.Owner // of number 0
	held   []bine.AttemptID
	reaped []bine.AttemptID
	next   []lease.Grant
}

func (f *fakeLeases) Reap(_ context.Context, alive func(bine.Lease) bool) ([]lease.Grant, error) {
	for _, o := range f.turns {
		if id := bine.NewAttemptID(o, 0); !alive(bine.Lease{Attempt: id, Owner: o}) {
			f.reaped = append(f.reaped, id)
		}
	}
	for _, id := range f.held {
		if !alive(bine.Lease{Attempt: id}) {
			f.reaped = append(f.reaped, id)
		}
	}
	return f.next, nil
}

// same checks lines.
func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s:\n  %s\nwant:\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
