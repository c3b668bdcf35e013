package store

import (
	"context"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// What the reconciler asks for: rows of all projects that may not agree with
// what runs, or with each other.

// UnfinishedBackfills gives the backfills of all projects that were accepted
// before a time and have not ended, oldest first. Their slots are not counted.
func (s *Store) UnfinishedBackfills(ctx context.Context, before time.Time) ([]bine.Backfill, error) {
	args := append(values([]bine.BackfillState{bine.BackfillRunning, bine.BackfillPaused, bine.BackfillCancelling}), database.Micros(before))
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT "+backfillColumns+" FROM backfills WHERE state IN (?, ?, ?) AND created_at < ? ORDER BY created_at, project, name", args...)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var all []bine.Backfill
	for found.Next() {
		b, _, err := scanBackfill(found)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, s.db.Explain(found.Err())
}

// stray is the condition that the step which started a run goes on no more, nor
// did at a time: it, or its run, has ended or was removed.
const stray = `(NOT EXISTS (SELECT 1 FROM runs p WHERE p.project = runs.project AND p.name = runs.parent_run AND (p.ended_at IS NULL OR p.ended_at >= ?))
	OR NOT EXISTS (SELECT 1 FROM steps s WHERE s.project = runs.project AND s.run = runs.parent_run AND s.name = runs.parent_step AND s.item = runs.parent_item AND (s.ended_at IS NULL OR s.ended_at >= ?)))`

// StrayRuns gives the runs of all projects that have not ended although the
// step that started them had before a time, oldest first: nobody waits for them.
func (s *Store) StrayRuns(ctx context.Context, before time.Time) ([]bine.Run, error) {
	at := database.Micros(before)
	found, err := s.queryRuns(ctx, "parent_run <> '' AND state IN "+in(len(open))+" AND "+stray+" ORDER BY seq", append(values(open), at, at)...)
	return runsOf(found), err
}

// WithdrawStrayApprovals ends the approvals of all projects that still wait
// although their step, or its run, had ended before a time. It gives how many
// they were.
func (s *Store) WithdrawStrayApprovals(ctx context.Context, before time.Time) (n int64, err error) {
	at := database.Micros(before)
	all, err := s.queryApprovals(ctx, `a.state = ? AND (r.ended_at < ? OR EXISTS (
		SELECT 1 FROM steps s WHERE s.project = a.project AND s.run = a.run AND s.item = a.item AND s.name = a.step AND s.ended_at < ?))`, bine.ApprovalWaiting, at, at)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	err = s.write(ctx, func(t *tx) error {
		n = 0
		for _, a := range all {
			met, err := t.withdraw(a)
			if err != nil {
				return err
			}
			n += met
		}
		return nil
	})
	return n, err
}

// UntoldRuns gives the runs of all projects that ended before a time and have
// messages that were not sent, oldest first.
func (s *Store) UntoldRuns(ctx context.Context, before time.Time) ([]bine.Run, error) {
	found, err := s.queryRuns(ctx, "ended_at < ? AND (project, name) IN (SELECT project, run FROM notices WHERE state = ?) ORDER BY seq", database.Micros(before), bine.Pending)
	return runsOf(found), err
}

func runsOf(rows []runRow) []bine.Run {
	runs := make([]bine.Run, len(rows))
	for i, r := range rows {
		runs[i] = r.Run
	}
	return runs
}
