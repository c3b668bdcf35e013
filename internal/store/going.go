package store

import (
	"context"
	"strings"

	"github.com/bine-ml/bine"
)

// Going reports whether a run, a step, an item or a batch has not ended, so that
// it may hold slots. What is not there, or whose run has ended, has.
func (s *Store) Going(ctx context.Context, owner bine.Owner) (bool, error) {
	run, err := s.RunOnly(ctx, owner.Project, bine.RunID(owner.Name))
	if err == nil && !run.State.Ended() && owner.Step != "" && !strings.HasPrefix(owner.Item, batchPrefix) {
		var row bine.Step
		row, err = s.Step(ctx, owner.Project, refOf(owner))
		run.State = row.State
	}
	if bine.IsKind(err, bine.NotFound) {
		return false, nil
	}
	return err == nil && !run.State.Ended(), err
}

// GoingRuns gives the runs of a project that run now, without those that a step
// of another run started.
func (s *Store) GoingRuns(ctx context.Context, project bine.ProjectName) ([]bine.RunID, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT name FROM runs WHERE project = ? AND state = ? AND parent_run = '' ORDER BY seq", project, bine.Running)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var list []bine.RunID
	for found.Next() {
		var run bine.RunID
		if err := found.Scan(&run); err != nil {
			return nil, err
		}
		list = append(list, run)
	}
	return list, found.Err()
}
