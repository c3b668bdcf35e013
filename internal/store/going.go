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
