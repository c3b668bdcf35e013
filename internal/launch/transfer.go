package launch

import (
	"context"
	"errors"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/workflows"
)

// StartTransfer starts the workflow of a transfer that was accepted, unless it
// runs. One that was ended from outside starts again: the rows say how far it is.
func (l *Launcher) StartTransfer(ctx context.Context, project bine.ProjectName, id bine.TransferID) error {
	in := activities.TransferRef{Project: project, Transfer: id}
	return l.start(ctx, project, workflows.TransferWorkflowID(project, id), workflows.RunTransferName, false, in)
}

// transfers starts the workflows of transfers that have none. They find in the
// rows how far they are.
func (r *Reconciler) transfers(ctx context.Context, before time.Time) error {
	all, err := r.rows.UnfinishedTransfers(ctx, before)
	faults := []error{about(err, "transfers")}
	for _, t := range all {
		faults = append(faults, about(r.transfer(ctx, t), "transfer %s of %s", t.ID, t.Project))
	}
	return errors.Join(faults...)
}

func (r *Reconciler) transfer(ctx context.Context, t bine.Transfer) error {
	state, status, err := r.launcher.WorkflowState(ctx, workflows.TransferWorkflowID(t.Project, t.ID))
	if err != nil || state == Open {
		return err
	}
	r.log.WarnContext(ctx, "starting a transfer that has not ended and does not run", "transfer", t.ID, "project", t.Project, "status", status)
	return r.launcher.StartTransfer(ctx, t.Project, t.ID)
}
