package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// A slot's row says Pending until a run is accepted for it, Running until that
// run's end has been seen, and then how it ended. Who reads one that is Running
// gets the state of its run.

// SlotAt is a slot with its place in the order of its backfill, from 0.
type SlotAt struct {
	bine.BackfillSlot
	Position int
	// Gone says that the run of the slot was removed.
	Gone bool
}

const slotColumns = "s.position, s.slot, s.tick, COALESCE(r.state, s.state), s.run, COALESCE(r.reason, s.reason), CASE WHEN s.state = 'running' AND r.name IS NULL THEN 1 ELSE 0 END"

// slotsFrom joins slots that are Running with their runs.
const slotsFrom = " FROM backfill_slots s LEFT JOIN runs r ON s.state = 'running' AND r.project = s.project AND r.name = s.run WHERE s.project = ? AND s.backfill = ?"

func (s *Store) querySlots(ctx context.Context, project bine.ProjectName, id bine.BackfillID, where string, args ...any) ([]SlotAt, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT "+slotColumns+slotsFrom+where, append([]any{project, id}, args...)...)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var slots []SlotAt
	for found.Next() {
		var v SlotAt
		var tick *int64
		if err := found.Scan(&v.Position, &v.Key, &tick, &v.State, &v.Run, &v.Reason, &v.Gone); err != nil {
			return nil, err
		}
		v.Tick = maybe(tick)
		slots = append(slots, v)
	}
	return slots, found.Err()
}

// BackfillSlots gives slots of a backfill in its order. after is the next of
// the page before, empty for the first.
func (s *Store) BackfillSlots(ctx context.Context, project bine.ProjectName, id bine.BackfillID, after string, limit int) (slots []bine.BackfillSlot, next string, err error) {
	from := -1
	if after != "" {
		if from, err = strconv.Atoi(after); err != nil {
			return nil, "", bine.Errorf(bine.Invalid, "%q is no place in the list of slots: use what the page before gave as next", after)
		}
	}
	found, err := s.querySlots(ctx, project, id, " AND s.position > ? ORDER BY s.position LIMIT ?", from, limit+1)
	if err != nil {
		return nil, "", err
	}
	if len(found) > limit {
		found = found[:limit]
		next = strconv.Itoa(found[limit-1].Position)
	}
	for _, v := range found {
		slots = append(slots, v.BackfillSlot)
	}
	return slots, next, nil
}

// GoingSlots gives the slots of a backfill whose runs have been accepted and
// whose end has not been seen, each as its run stands.
func (s *Store) GoingSlots(ctx context.Context, project bine.ProjectName, id bine.BackfillID) ([]SlotAt, error) {
	return s.querySlots(ctx, project, id, " AND s.state = 'running' ORDER BY s.position")
}

// NextSlot gives the slot that a backfill is to run next. found is false while
// it is not running, has as many runs as it may, or has none left. The answer
// holds until the end of the transaction: it is for use within
// database.Together, before TakeSlot.
func (s *Store) NextSlot(ctx context.Context, project bine.ProjectName, id bine.BackfillID) (slot SlotAt, found bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		var state bine.BackfillState
		var most, going int
		if err := t.row("SELECT state, most FROM backfills WHERE project = ? AND name = ?"+s.db.Dialect().ForUpdate(), project, id).Scan(&state, &most); err != nil {
			return forDomain(err, named("backfill", id))
		}
		if err := t.row("SELECT COUNT(*) FROM backfill_slots WHERE project = ? AND backfill = ? AND state = ?", project, id, bine.Running).Scan(&going); err != nil {
			return err
		}
		if state != bine.BackfillRunning || going >= most {
			return nil
		}
		slot, found, err = t.pendingSlot(project, id)
		return err
	})
	return slot, found, err
}

func (t *tx) pendingSlot(project bine.ProjectName, id bine.BackfillID) (v SlotAt, found bool, err error) {
	var tick *int64
	v.State = bine.Pending
	err = t.row("SELECT position, slot, tick FROM backfill_slots WHERE project = ? AND backfill = ? AND state = ? ORDER BY position LIMIT 1", project, id, v.State).Scan(&v.Position, &v.Key, &tick)
	if errors.Is(err, sql.ErrNoRows) {
		return v, false, nil
	}
	v.Tick = maybe(tick)
	return v, err == nil, err
}

// TakeSlot writes down that a run was accepted for a slot, which has none yet.
func (s *Store) TakeSlot(ctx context.Context, project bine.ProjectName, id bine.BackfillID, position int, run bine.RunID) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE backfill_slots SET state = ?, run = ? WHERE project = ? AND backfill = ? AND position = ? AND state = ?", bine.Running, run, project, id, position, bine.Pending)
		if err == nil && n == 0 {
			err = bine.Errorf(bine.Conflict, "slot %d of backfill %q has a run already, or will get none", position, string(id))
		}
		return err
	})
}

// EndSlot writes down how a slot ended, unless it did before.
func (s *Store) EndSlot(ctx context.Context, project bine.ProjectName, id bine.BackfillID, position int, to bine.State, reason string) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE backfill_slots SET state = ?, reason = ? WHERE project = ? AND backfill = ? AND position = ? AND state IN (?, ?)", to, reason, project, id, position, bine.Pending, bine.Running)
		if n > 0 {
			t.event(project, objectBackfill, string(id), string(bine.BackfillRunning))
		}
		return err
	})
}

// EndPendingSlots ends the slots of a backfill that no run was accepted for.
func (s *Store) EndPendingSlots(ctx context.Context, project bine.ProjectName, id bine.BackfillID, to bine.State, reason string) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE backfill_slots SET state = ?, reason = ? WHERE project = ? AND backfill = ? AND state = ?", to, reason, project, id, bine.Pending)
		return err
	})
}

// PastRun is a run as far as a backfill has to know it.
type PastRun struct {
	Run    bine.RunID
	State  bine.State
	Tick   *time.Time
	Params json.RawMessage
}

// PastRuns gives the runs of a pipeline, oldest first: those whose tick is from
// a time on and before another, without params; or, where to is zero, all.
func (s *Store) PastRuns(ctx context.Context, project bine.ProjectName, pipeline bine.PipelineName, from, to time.Time) ([]PastRun, error) {
	query, args := "SELECT name, state, tick, params FROM runs WHERE project = ? AND pipeline = ? ORDER BY seq", []any{project, pipeline}
	if !to.IsZero() {
		query = "SELECT name, state, tick, NULL FROM runs WHERE project = ? AND pipeline = ? AND tick >= ? AND tick < ? ORDER BY seq"
		args = append(args, database.Micros(from), database.Micros(to))
	}
	found, err := s.db.Reader(ctx).QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var runs []PastRun
	for found.Next() {
		var r PastRun
		var tick *int64
		var params raw
		if err := found.Scan(&r.Run, &r.State, &tick, &params); err != nil {
			return nil, err
		}
		r.Tick, r.Params = maybe(tick), params.V
		runs = append(runs, r)
	}
	return runs, found.Err()
}
