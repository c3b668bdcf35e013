// Package launch starts, signals and cancels workflows: the one place where an
// object of the ledger meets the workflow behind it. Every call is harmless
// when made again; a workflow that runs already is left alone.
package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/workflows"
)

// ledger is the part of the store that says what a workflow is to do.
type ledger interface {
	PipelineVersion(ctx context.Context, project bine.ProjectName, name bine.PipelineName, version int) (bine.PipelineVersion, error)
	Environments(ctx context.Context, project bine.ProjectName) ([]bine.Environment, error)
	Deployment(ctx context.Context, project bine.ProjectName, name bine.DeploymentName) (bine.Deployment, error)
}

// Launcher starts workflows.
type Launcher struct {
	temporal client.Client
	ledger   ledger
	grace    time.Duration
}

// New makes a launcher. grace is how long a process outlives the last sign of
// its agent; workflows carry it, so that a change of the setting meets new ones only.
func New(c client.Client, l ledger, grace time.Duration) *Launcher {
	return &Launcher{temporal: c, ledger: l, grace: grace}
}

// start starts a workflow of a project under an id, unless it runs or, where
// once is set, has ever run.
func (l *Launcher) start(ctx context.Context, project bine.ProjectName, id, name string, once bool, input any) error {
	return l.startAs(ctx, workflows.Share(project, ""), id, name, once, input)
}

// startAs is start for a workflow that is queued as share says.
func (l *Launcher) startAs(ctx context.Context, share temporal.Priority, id, name string, once bool, input any) error {
	reuse := enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	if once {
		reuse = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	}
	options := client.StartWorkflowOptions{
		ID: id, TaskQueue: activities.ControlQueue, EnableEagerStart: true, Priority: share,
		WorkflowIDReusePolicy: reuse, WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}
	_, err := l.temporal.ExecuteWorkflow(ctx, options, name, input)
	if _, there := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); there {
		return nil
	}
	return unavailable(err, "start %s", id)
}

// unavailable gives an error of Temporal the kind that callers act on.
func unavailable(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[*serviceerror.InvalidArgument](err); ok {
		return bine.Errorf(bine.Invalid, "%s: %w", fmt.Sprintf(format, args...), wrong)
	}
	return bine.Errorf(bine.Unavailable, "%s: the workflow engine does not answer: %w", fmt.Sprintf(format, args...), err)
}

// dag gives the definition that a run executes.
func (l *Launcher) dag(ctx context.Context, run bine.Run) (dags.DAG, error) {
	version, err := l.ledger.PipelineVersion(ctx, run.Project, run.Pipeline, run.Version)
	if err != nil {
		return dags.DAG{}, err
	}
	dag, err := dags.Decode(version.DAG)
	if err != nil {
		return dags.DAG{}, fmt.Errorf("decode %s version %d: %w", run.Pipeline, run.Version, err)
	}
	return dag, nil
}

// StartRun starts the workflow of a run that was accepted.
func (l *Launcher) StartRun(ctx context.Context, run bine.Run) error {
	dag, err := l.dag(ctx, run)
	if err != nil {
		return err
	}
	ref := activities.RunRef{Project: run.Project, Run: run.ID}
	in := workflows.RunPipelineInput{RunRef: ref, Plan: dag.Plan(), GraceSeconds: l.grace.Seconds()}
	share := workflows.Share(run.Project, cmp.Or(run.Priority, dag.Priority))
	return l.startAs(ctx, share, workflows.RunWorkflowID(run.Project, run.ID), workflows.RunPipelineName, true, in)
}

// cancel asks a workflow to end; one that has ended or never was is no error.
func (l *Launcher) cancel(ctx context.Context, id string) error {
	err := l.temporal.CancelWorkflow(ctx, id, "")
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return nil
	}
	return unavailable(err, "cancel %s", id)
}

// CancelRun asks a run to end.
func (l *Launcher) CancelRun(ctx context.Context, project bine.ProjectName, run bine.RunID) error {
	return l.cancel(ctx, workflows.RunWorkflowID(project, run))
}

// Provision starts to make a project whose row, and whose first environment's
// row where it has one, are there.
func (l *Launcher) Provision(ctx context.Context, project bine.ProjectName) error {
	versions, err := l.ledger.Environments(ctx, project)
	if err != nil {
		return err
	}
	in := workflows.ProvisionProjectInput{Project: project}
	if len(versions) > 0 {
		in.Environment = versions[0].Version // the newest
	}
	return l.start(ctx, project, workflows.ProvisionWorkflowID(project), workflows.ProvisionProjectName, false, in)
}

// DeleteProject starts to remove a project.
func (l *Launcher) DeleteProject(ctx context.Context, project bine.ProjectName) error {
	return l.start(ctx, project, workflows.DeleteWorkflowID(project), workflows.DeleteProjectName, false, activities.ProjectInput{Project: project})
}

// BuildEnvironment starts to build a version of an environment whose row is there.
func (l *Launcher) BuildEnvironment(ctx context.Context, project bine.ProjectName, version int) error {
	in := activities.EnvironmentInput{Project: project, Version: version}
	return l.start(ctx, project, workflows.EnvironmentWorkflowID(project, version), workflows.BuildEnvironmentName, true, in)
}

// StopBuilding asks the build of an environment to end, and says whether it is
// still going on.
func (l *Launcher) StopBuilding(ctx context.Context, project bine.ProjectName, version int) (going bool, err error) {
	id := workflows.EnvironmentWorkflowID(project, version)
	if err := l.cancel(ctx, id); err != nil {
		return false, err
	}
	state, _, err := l.WorkflowState(ctx, id)
	return state == Open, err
}

// Deploy asks a deployment to serve a version with the resources that its row
// names, starting it where it does not run.
func (l *Launcher) Deploy(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, version int) error {
	row, err := l.ledger.Deployment(ctx, project, name)
	if err != nil {
		return err
	}
	id := workflows.DeploymentWorkflowID(project, name)
	options := client.StartWorkflowOptions{ID: id, TaskQueue: activities.ControlQueue, Priority: workflows.Share(project, ""), WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE}
	in := workflows.ServeDeploymentInput{Project: project, Name: name, GraceSeconds: l.grace.Seconds()}
	_, err = l.temporal.SignalWithStartWorkflow(ctx, id, workflows.DeploySignal, workflows.DeployInput{Version: version, Resources: row.Resources}, options, workflows.ServeDeploymentName, in)
	return unavailable(err, "deploy %s", name)
}

// StopDeployment ends a deployment; with forget its definition too.
func (l *Launcher) StopDeployment(ctx context.Context, project bine.ProjectName, name bine.DeploymentName, forget bool) error {
	id := workflows.DeploymentWorkflowID(project, name)
	options := client.StartWorkflowOptions{ID: id, TaskQueue: activities.ControlQueue, Priority: workflows.Share(project, ""), WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE}
	in := workflows.ServeDeploymentInput{Project: project, Name: name, GraceSeconds: l.grace.Seconds()}
	_, err := l.temporal.SignalWithStartWorkflow(ctx, id, workflows.StopSignal, workflows.StopInput{Forget: forget}, options, workflows.ServeDeploymentName, in)
	return unavailable(err, "stop %s", name)
}

// Granted tells waiting attempts where their resources are. A signal that is
// lost does no harm: the workflow asks again every few minutes.
func (l *Launcher) Granted(ctx context.Context, grants []lease.Grant) error {
	var faults []error
	for _, g := range grants {
		faults = append(faults, l.signal(ctx, g.Workflow, workflows.GrantedSignal, workflows.GrantedInput{Attempt: g.Attempt, Host: g.Host}))
	}
	return errors.Join(faults...)
}

// Wake tells a workflow that waits to look again; one that has ended needs none.
func (l *Launcher) Wake(ctx context.Context, workflow string) error {
	return l.signal(ctx, workflow, workflows.WakeSignal, nil)
}

// Ready tells a deployment that a model server answers.
func (l *Launcher) Ready(ctx context.Context, owner bine.Owner) error {
	name, _, err := owner.Server()
	if err != nil {
		return err
	}
	return l.signal(ctx, workflows.DeploymentWorkflowID(owner.Project, name), workflows.ReadySignal, workflows.ReadyInput{Generation: owner.Item})
}

// signal sends a signal; a workflow that has ended needs none.
func (l *Launcher) signal(ctx context.Context, id, name string, input any) error {
	err := l.temporal.SignalWorkflow(ctx, id, "", name, input)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return nil
	}
	return unavailable(err, "signal %s", id)
}

// State is how a workflow stands.
type State string

// The states of a workflow as far as the reconciler cares.
const (
	Unknown State = "unknown" // never started, or past its retention
	Open    State = "open"
	Closed  State = "closed"
)

// WorkflowState says how the workflow with an id stands.
func (l *Launcher) WorkflowState(ctx context.Context, id string) (State, string, error) {
	about, err := l.temporal.DescribeWorkflowExecution(ctx, id, "")
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return Unknown, "", nil
	}
	if err != nil {
		return "", "", unavailable(err, "describe %s", id)
	}
	status := about.GetWorkflowExecutionInfo().GetStatus()
	if status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING || status == enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW {
		return Open, "", nil
	}
	return Closed, status.String(), nil
}
