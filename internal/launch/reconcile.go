package launch

import (
	"context"
	"log/slog"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/workflows"
)

// rows is the part of the store that the reconciler compares with Temporal.
type rows interface {
	UnfinishedRuns(ctx context.Context, before time.Time) ([]bine.Run, error)
	MoveRun(ctx context.Context, project bine.ProjectName, run bine.RunID, from []bine.State, to bine.State, reason string) error
	Projects(ctx context.Context, user bine.UserName) ([]bine.Project, error)
}

// Reconciler makes what the rows say and what runs in Temporal agree: what was
// accepted but not started is started, what ended behind the ledger's back
// (terminated by hand) ends there too.
type Reconciler struct {
	launcher *Launcher
	rows     rows
	log      *slog.Logger
}

// NewReconciler makes a reconciler.
func NewReconciler(l *Launcher, r rows, log *slog.Logger) *Reconciler {
	return &Reconciler{l, r, log}
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

// Once compares once everything that has been as it is for age.
func (r *Reconciler) Once(ctx context.Context, age time.Duration) error {
	runs, err := r.rows.UnfinishedRuns(ctx, time.Now().Add(-age))
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := r.run(ctx, run); err != nil {
			return err
		}
	}
	projects, err := r.rows.Projects(ctx, "")
	if err != nil {
		return err
	}
	for _, p := range projects {
		if err := r.project(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) run(ctx context.Context, run bine.Run) error {
	id := workflows.RunWorkflowID(run.Project, run.ID)
	state, status, err := r.launcher.WorkflowState(ctx, id)
	if err != nil || state == Open {
		return err
	}
	if state == Unknown {
		r.log.InfoContext(ctx, "starting a run that was accepted but not started", "run", run.ID, "project", run.Project)
		return r.launcher.StartRun(ctx, run)
	}
	r.log.WarnContext(ctx, "a run's workflow ended without its row", "run", run.ID, "project", run.Project, "status", status)
	from := []bine.State{bine.Pending, bine.Waiting, bine.Running}
	err = r.rows.MoveRun(ctx, run.Project, run.ID, from, bine.Failed, "its workflow was ended from outside: "+status)
	if bine.IsKind(err, bine.Conflict) { // it reached its end meanwhile
		return nil
	}
	return err
}

func (r *Reconciler) project(ctx context.Context, p bine.Project) error {
	switch p.State {
	case bine.ProjectProvisioning:
		return r.launcher.Provision(ctx, p.Name)
	case bine.ProjectDeleting:
		return r.launcher.DeleteProject(ctx, p.Name)
	default:
		return nil
	}
}
