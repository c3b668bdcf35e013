package launch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/workflows"
)

// rows is the part of the store that the reconciler compares with Temporal.
type rows interface {
	UnfinishedRuns(ctx context.Context, before time.Time) ([]bine.Run, error)
	StrayRuns(ctx context.Context, before time.Time) ([]bine.Run, error)
	UntoldRuns(ctx context.Context, before time.Time) ([]bine.Run, error)
	UnfinishedBackfills(ctx context.Context, before time.Time) ([]bine.Backfill, error)
	UnfinishedTransfers(ctx context.Context, before time.Time) ([]bine.Transfer, error)
	WithdrawStrayApprovals(ctx context.Context, before time.Time) (int64, error)
	Projects(ctx context.Context, user bine.UserName) ([]bine.Project, error)
	Environments(ctx context.Context, project bine.ProjectName) ([]bine.Environment, error)
	MoveEnvironment(ctx context.Context, project bine.ProjectName, version int, from []bine.EnvironmentState, to bine.EnvironmentState, reason string) error
	Deployments(ctx context.Context, project bine.ProjectName) ([]bine.Deployment, error)
	Attempt(ctx context.Context, id bine.AttemptID) (bine.Attempt, error)
	EndAttempt(ctx context.Context, id bine.AttemptID, r bine.AttemptResult) (bool, error)
	Going(ctx context.Context, owner bine.Owner) (bool, error)
}

// reaper is the part of the ledger of resources that gives back what nobody has any more.
type reaper interface {
	Reap(ctx context.Context, alive func(bine.Lease) bool) ([]lease.Grant, error)
}

// finisher is the part of the engine of runs that ends one, with all that hangs
// on it, and sends the messages about it. Both are harmless when made again.
type finisher interface {
	Finish(ctx context.Context, in activities.RunRef, end activities.Outcome) (activities.Finished, error)
	Notify(ctx context.Context, in activities.RunRef) error
}

// Reconciler makes what the rows say and what runs in Temporal agree: what was
// accepted but not started is started, what ended behind the ledger's back
// (terminated by hand) ends there too, and gives back its resources. What only
// made sense for something that has ended, ends: runs that its steps started,
// and questions that they asked.
type Reconciler struct {
	launcher *Launcher
	rows     rows
	finisher finisher
	reaper   reaper // nil: leases are left alone
	log      *slog.Logger
}

// NewReconciler makes a reconciler.
func NewReconciler(l *Launcher, r rows, f finisher, log *slog.Logger) *Reconciler {
	return &Reconciler{launcher: l, rows: r, finisher: f, log: log}
}

// Reaping makes the reconciler give back the resources of attempts that have ended.
func (r *Reconciler) Reaping(ledger reaper) *Reconciler {
	r.reaper = ledger
	return r
}

const (
	reconcileEvery = 15 * time.Second
	// settleTime is how old a row must be before it is looked at: younger ones
	// are being started by whoever accepted them.
	settleTime = 5 * time.Second
)

// Run reconciles until ctx ends: at once, for what a crash left, and then every
// few seconds.
func (r *Reconciler) Run(ctx context.Context) {
	ticker := time.NewTicker(reconcileEvery)
	defer ticker.Stop()
	age := time.Duration(0)
	for {
		if err := r.Once(ctx, age); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "rows and workflows could not be compared", "error", err)
		}
		age = settleTime
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Once compares once everything that has been as it is for age. What it cannot
// compare does not keep it from the rest.
func (r *Reconciler) Once(ctx context.Context, age time.Duration) error {
	before := time.Now().Add(-age)
	faults := []error{r.runs(ctx, before), r.backfills(ctx, before), r.transfers(ctx, before), about(r.withdraw(ctx, before), "approvals"), r.tell(ctx, before)}
	projects, err := r.rows.Projects(ctx, "")
	faults = append(faults, err)
	for _, p := range projects {
		faults = append(faults, about(r.project(ctx, p, before), "project %s", p.Name))
	}
	return errors.Join(append(faults, about(r.reap(ctx), "leases"))...)
}

func about(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// fromOutside says why something ended whose workflow closed without it.
func fromOutside(status string) string { return "its workflow was ended from outside: " + status }

func (r *Reconciler) project(ctx context.Context, p bine.Project, before time.Time) error {
	switch p.State {
	case bine.ProjectProvisioning: // which builds its environment too
		return r.launcher.Provision(ctx, p.Name)
	case bine.ProjectDeleting:
		return r.launcher.DeleteProject(ctx, p.Name)
	case bine.ProjectReady:
		return errors.Join(r.environments(ctx, p.Name, before), r.deployments(ctx, p.Name, before))
	default:
		return nil
	}
}

func (r *Reconciler) environments(ctx context.Context, project bine.ProjectName, before time.Time) error {
	versions, err := r.rows.Environments(ctx, project)
	faults := []error{err}
	for _, v := range versions {
		if v.State == bine.EnvironmentBuilding && v.CreatedAt.Before(before) {
			faults = append(faults, about(r.environment(ctx, project, v.Version), "environment %d", v.Version))
		}
	}
	return errors.Join(faults...)
}

func (r *Reconciler) environment(ctx context.Context, project bine.ProjectName, version int) error {
	state, status, err := r.launcher.WorkflowState(ctx, workflows.EnvironmentWorkflowID(project, version))
	if err != nil || state == Open {
		return err
	}
	if state == Unknown {
		return r.launcher.BuildEnvironment(ctx, project, version)
	}
	from := []bine.EnvironmentState{bine.EnvironmentBuilding}
	err = r.rows.MoveEnvironment(ctx, project, version, from, bine.EnvironmentFailed, fromOutside(status))
	if bine.IsKind(err, bine.Conflict) { // it became ready meanwhile
		return nil
	}
	return err
}

func (r *Reconciler) deployments(ctx context.Context, project bine.ProjectName, before time.Time) error {
	all, err := r.rows.Deployments(ctx, project)
	faults := []error{err}
	for _, d := range all {
		live := d.State == bine.DeploymentStarting || d.State == bine.DeploymentUpdating || d.State == bine.DeploymentReady
		if live && d.UpdatedAt.Before(before) {
			faults = append(faults, about(r.deployment(ctx, project, d), "deployment %s", d.Name))
		}
	}
	return errors.Join(faults...)
}

// deployment starts what should be answering and has no workflow.
func (r *Reconciler) deployment(ctx context.Context, project bine.ProjectName, d bine.Deployment) error {
	state, _, err := r.launcher.WorkflowState(ctx, workflows.DeploymentWorkflowID(project, d.Name))
	if err != nil || state == Open {
		return err
	}
	r.log.InfoContext(ctx, "starting a deployment that should run", "deployment", d.Name, "project", project)
	return r.launcher.Deploy(ctx, project, d.Name, d.Version)
}

// reap gives back the resources of attempts that have ended, or whose workflow
// did without them.
func (r *Reconciler) reap(ctx context.Context) error {
	if r.reaper == nil {
		return nil
	}
	var faults []error
	grants, err := r.reaper.Reap(ctx, func(l bine.Lease) bool {
		alive, err := r.alive(ctx, l)
		faults = append(faults, err)
		return alive || err != nil
	})
	return errors.Join(append(faults, err, r.launcher.Granted(ctx, grants))...)
}

func (r *Reconciler) alive(ctx context.Context, l bine.Lease) (bool, error) {
	id := l.Attempt
	if id == bine.NewAttemptID(l.Owner, 0) { // slots of a run, or of a step that is no process
		return r.rows.Going(ctx, l.Owner)
	}
	a, err := r.rows.Attempt(ctx, id)
	if bine.IsKind(err, bine.NotFound) {
		return false, nil
	}
	if err != nil || a.State.Ended() && len(l.Hosts) == 0 { // of a gang, others may go on
		return false, err
	}
	state, status, err := r.launcher.WorkflowState(ctx, workflows.OwnerWorkflowID(a.Owner))
	if err != nil || state != Closed {
		return true, err
	}
	r.log.WarnContext(ctx, "an attempt's workflow ended without it", "attempt", id, "status", status)
	_, err = r.rows.EndAttempt(ctx, id, bine.AttemptResult{State: bine.Lost, Failure: bine.FailureLost, Reason: fromOutside(status)})
	if bine.IsKind(err, bine.Fenced) {
		err = nil
	}
	return false, err
}
