package launch

import (
	"context"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/workflows"
)

// StartBackfill starts the workflow of a backfill that was accepted, unless it
// runs. One that was ended from outside starts again: the rows say how far it is.
func (l *Launcher) StartBackfill(ctx context.Context, project bine.ProjectName, id bine.BackfillID) error {
	in := activities.BackfillRef{Project: project, Backfill: id}
	return l.start(ctx, project, workflows.BackfillWorkflowID(project, id), workflows.RunBackfillName, false, in)
}
