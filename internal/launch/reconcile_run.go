package launch

import (
	"context"
	"errors"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/workflows"
)

func refOf(run bine.Run) activities.RunRef {
	return activities.RunRef{Project: run.Project, Run: run.ID}
}

// runs compares the runs that have not ended.
func (r *Reconciler) runs(ctx context.Context, before time.Time) error {
	strays, err := r.rows.StrayRuns(ctx, before)
	faults := []error{about(err, "runs that nobody waits for")}
	astray := map[activities.RunRef]bool{}
	for _, run := range strays {
		astray[refOf(run)] = true
		faults = append(faults, about(r.stray(ctx, run), "run %s of %s", run.ID, run.Project))
	}
	runs, err := r.rows.UnfinishedRuns(ctx, before)
	faults = append(faults, err)
	for _, run := range runs {
		if !astray[refOf(run)] {
			faults = append(faults, about(r.run(ctx, run), "run %s of %s", run.ID, run.Project))
		}
	}
	return errors.Join(faults...)
}

func (r *Reconciler) run(ctx context.Context, run bine.Run) error {
	state, status, err := r.launcher.WorkflowState(ctx, workflows.RunWorkflowID(run.Project, run.ID))
	switch {
	case err != nil || state == Open:
		return err
	case state == Unknown:
		r.log.InfoContext(ctx, "starting a run that was accepted but not started", "run", run.ID, "project", run.Project)
		return r.launcher.StartRun(ctx, run)
	}
	return r.end(ctx, run, status)
}

// end ends a run in the ledger whose workflow ended without that.
func (r *Reconciler) end(ctx context.Context, run bine.Run, status string) error {
	r.log.WarnContext(ctx, "a run's workflow ended without its row", "run", run.ID, "project", run.Project, "status", status)
	return r.finish(ctx, run, activities.Outcome{State: bine.Failed, Reason: fromOutside(status)})
}

// finish ends a run in the ledger. One that has ended meanwhile keeps its end.
func (r *Reconciler) finish(ctx context.Context, run bine.Run, end activities.Outcome) error {
	_, err := r.finisher.Finish(ctx, refOf(run), end)
	if bine.IsKind(err, bine.Conflict) || bine.IsKind(err, bine.NotFound) {
		return nil
	}
	return err
}

// stray cancels a run whose step has ended: nobody waits for it any more.
func (r *Reconciler) stray(ctx context.Context, run bine.Run) error {
	state, status, err := r.launcher.WorkflowState(ctx, workflows.RunWorkflowID(run.Project, run.ID))
	if err != nil {
		return err
	}
	switch state {
	case Open:
		r.log.InfoContext(ctx, "cancelling a run whose step has ended", "run", run.ID, "project", run.Project, "of", run.Parent.Run)
		return r.launcher.CancelRun(ctx, run.Project, run.ID)
	case Unknown: // who would start it now finds that it has ended
		return r.finish(ctx, run, activities.Outcome{State: bine.Cancelled, Reason: "the step that started it has ended"})
	}
	return r.end(ctx, run, status)
}

// backfills starts the workflows of backfills that have none. They find in the
// rows how far they are.
func (r *Reconciler) backfills(ctx context.Context, before time.Time) error {
	all, err := r.rows.UnfinishedBackfills(ctx, before)
	faults := []error{about(err, "backfills")}
	for _, b := range all {
		faults = append(faults, about(r.backfill(ctx, b), "backfill %s of %s", b.ID, b.Project))
	}
	return errors.Join(faults...)
}

func (r *Reconciler) backfill(ctx context.Context, b bine.Backfill) error {
	state, status, err := r.launcher.WorkflowState(ctx, workflows.BackfillWorkflowID(b.Project, b.ID))
	if err != nil || state == Open {
		return err
	}
	r.log.WarnContext(ctx, "starting a backfill that has not ended and does not run", "backfill", b.ID, "project", b.Project, "status", status)
	return r.launcher.StartBackfill(ctx, b.Project, b.ID)
}

// withdraw ends the questions of steps that have ended.
func (r *Reconciler) withdraw(ctx context.Context, before time.Time) error {
	n, err := r.rows.WithdrawStrayApprovals(ctx, before)
	if n > 0 {
		r.log.WarnContext(ctx, "approvals were withdrawn whose steps have ended", "approvals", n)
	}
	return err
}

// tellWithin bounds the sending of the messages about one run.
const tellWithin = 30 * time.Second

// tell sends what is left in the outbox of runs whose workflow cannot any more.
func (r *Reconciler) tell(ctx context.Context, before time.Time) error {
	untold, err := r.rows.UntoldRuns(ctx, before)
	faults := []error{about(err, "messages")}
	for _, run := range untold {
		faults = append(faults, about(r.tellOf(ctx, run), "messages about run %s of %s", run.ID, run.Project))
	}
	return errors.Join(faults...)
}

func (r *Reconciler) tellOf(ctx context.Context, run bine.Run) error {
	state, _, err := r.launcher.WorkflowState(ctx, workflows.RunWorkflowID(run.Project, run.ID))
	if err != nil || state == Open {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	return r.finisher.Notify(ctx, refOf(run))
}
