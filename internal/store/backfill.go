package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

const backfillColumns = "project, name, number, pipeline, version, mode, direction, most, from_at, to_at, cron, time_zone, param, params, state, reason, created_by, created_at, ended_at"

func scanBackfill(row interface{ Scan(...any) error }) (b bine.Backfill, number int64, err error) {
	var params raw
	var created int64
	var from, to, ended *int64
	err = row.Scan(&b.Project, &b.ID, &number, &b.Pipeline, &b.Version, &b.Mode, &b.Order, &b.Cap, &from, &to, &b.Cron, &b.TimeZone, &b.Param, &params,
		&b.State, &b.Reason, &b.CreatedBy, &created, &ended)
	b.Params, b.CreatedAt = params.V, database.Time(created)
	b.From, b.To, b.EndedAt = maybe(from), maybe(to), maybe(ended)
	return b, number, err
}

// AcceptBackfill makes a backfill of the newest version of its pipeline, or of
// the one it names, with its slots in the order in which they are to be run.
// A key that was used for the pipeline before answers the backfill of then,
// with created false; for another pipeline it is a Conflict.
func (s *Store) AcceptBackfill(ctx context.Context, b bine.Backfill, slots []bine.BackfillSlot, key string) (made bine.Backfill, created bool, err error) {
	if len(key) > longestKey {
		return made, false, bine.Errorf(bine.Invalid, "the idempotency key is %d characters long; at most %d are allowed", len(key), longestKey)
	}
	for range 2 { // once more when another request with the key came in between
		err = s.write(ctx, func(t *tx) (err error) {
			made, created, err = t.acceptBackfill(b, slots, key)
			return err
		})
		if !s.db.IsDuplicate(err) {
			break
		}
	}
	if err != nil {
		return made, false, forDomain(err, named("backfill of pipeline", b.Pipeline))
	}
	made, err = s.Backfill(ctx, made.Project, made.ID)
	return made, created, err
}

func (t *tx) acceptBackfill(b bine.Backfill, slots []bine.BackfillSlot, key string) (bine.Backfill, bool, error) {
	if key != "" {
		old, _, err := scanBackfill(t.row("SELECT "+backfillColumns+" FROM backfills WHERE project = ? AND request = ?", b.Project, key))
		if err == nil && old.Pipeline != b.Pipeline {
			err = bine.Errorf(bine.Conflict, "the idempotency key %q was used for backfill %q of another pipeline: use a new key", key, string(old.ID))
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return old, false, err
		}
	}
	pin := bine.Run{Project: b.Project, Pipeline: b.Pipeline, Version: b.Version}
	if err := t.pinVersion(&pin); err != nil {
		return b, false, err
	}
	number, err := t.backfillNumber(b.Project, b.Pipeline)
	if err != nil {
		return b, false, err
	}
	b.ID, b.Version, b.State = bine.NewBackfillID(b.Pipeline, number), pin.Version, bine.BackfillRunning
	_, err = t.exec("INSERT INTO backfills ("+backfillColumns+", request) VALUES "+in(20), b.Project, b.ID, number, b.Pipeline, b.Version, b.Mode, b.Order, b.Cap,
		micros(b.From), micros(b.To), b.Cron, b.TimeZone, b.Param, raw{b.Params}, b.State, "", b.CreatedBy, t.now, nil, orNull(key))
	if err != nil {
		return b, false, err
	}
	t.event(b.Project, objectBackfill, string(b.ID), string(b.State))
	return b, true, t.putSlots(b.Project, b.ID, slots)
}

// backfillNumber gives the next number of a pipeline's backfills.
func (t *tx) backfillNumber(project bine.ProjectName, pipeline bine.PipelineName) (number int, err error) {
	n, err := t.exec("UPDATE backfill_numbers SET last = last + 1 WHERE project = ? AND pipeline = ?", project, pipeline)
	if err == nil && n == 0 {
		_, err = t.exec("INSERT INTO backfill_numbers (project, pipeline, last) VALUES (?, ?, 1)", project, pipeline)
	}
	if err != nil {
		return 0, err
	}
	return number, t.row("SELECT last FROM backfill_numbers WHERE project = ? AND pipeline = ?", project, pipeline).Scan(&number)
}

// slotsAtOnce is how many slots one statement inserts.
const slotsAtOnce = 500

func (t *tx) putSlots(project bine.ProjectName, id bine.BackfillID, slots []bine.BackfillSlot) error {
	for start := 0; start < len(slots); start += slotsAtOnce {
		part := slots[start:min(start+slotsAtOnce, len(slots))]
		args := make([]any, 0, 8*len(part))
		for i, v := range part {
			args = append(args, project, id, start+i, v.Key, micros(v.Tick), v.State, v.Run, v.Reason)
		}
		rows := strings.TrimSuffix(strings.Repeat(in(8)+", ", len(part)), ", ")
		if _, err := t.exec("INSERT INTO backfill_slots (project, backfill, position, slot, tick, state, run, reason) VALUES "+rows, args...); err != nil {
			return err
		}
	}
	return nil
}

// Backfill gives a backfill, with the number of its slots in each state.
func (s *Store) Backfill(ctx context.Context, project bine.ProjectName, id bine.BackfillID) (bine.Backfill, error) {
	b, _, err := scanBackfill(s.db.Reader(ctx).QueryRowContext(ctx, "SELECT "+backfillColumns+" FROM backfills WHERE project = ? AND name = ?", project, id))
	if err != nil {
		return b, forDomain(s.db.Explain(err), named("backfill", id))
	}
	list := []bine.Backfill{b}
	err = s.countSlots(ctx, list)
	return list[0], err
}

// BackfillOfKey gives the backfill that a request with the same key made, if one did.
func (s *Store) BackfillOfKey(ctx context.Context, project bine.ProjectName, key string) (bine.Backfill, bool, error) {
	if key == "" {
		return bine.Backfill{}, false, nil
	}
	b, _, err := scanBackfill(s.db.Reader(ctx).QueryRowContext(ctx, "SELECT "+backfillColumns+" FROM backfills WHERE project = ? AND request = ?", project, key))
	if errors.Is(err, sql.ErrNoRows) {
		return bine.Backfill{}, false, nil
	}
	list := []bine.Backfill{b}
	if err == nil {
		err = s.countSlots(ctx, list)
	}
	return list[0], err == nil, s.db.Explain(err)
}

// Backfills gives backfills of a project, newest first; an empty pipeline is
// all of them. after is the next of the page before, empty for the first.
func (s *Store) Backfills(ctx context.Context, project bine.ProjectName, pipeline bine.PipelineName, after string, limit int) (list []bine.Backfill, next string, err error) {
	where, args := "project = ?", []any{project}
	if pipeline != "" {
		where, args = where+" AND pipeline = ?", append(args, pipeline)
	}
	if after != "" {
		at, id, found := strings.Cut(after, "/")
		created, err := strconv.ParseInt(at, 10, 64)
		if err != nil || !found {
			return nil, "", bine.Errorf(bine.Invalid, "%q is no place in the list of backfills: use what the page before gave as next", after)
		}
		where, args = where+" AND (created_at < ? OR (created_at = ? AND name < ?))", append(args, created, created, id)
	}
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT "+backfillColumns+" FROM backfills WHERE "+where+" ORDER BY created_at DESC, name DESC LIMIT ?", append(args, limit+1)...)
	if err != nil {
		return nil, "", s.db.Explain(err)
	}
	defer found.Close()
	for found.Next() {
		b, _, err := scanBackfill(found)
		if err != nil {
			return nil, "", err
		}
		list = append(list, b)
	}
	if err := found.Err(); err != nil {
		return nil, "", s.db.Explain(err)
	}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next = fmt.Sprintf("%d/%s", database.Micros(last.CreatedAt), last.ID)
	}
	return list, next, s.countSlots(ctx, list)
}

// countSlots fills in how many slots of backfills are in each state.
func (s *Store) countSlots(ctx context.Context, list []bine.Backfill) error {
	for i, b := range list {
		counts := map[bine.State]int{}
		if err := s.slotCounts(ctx, b.Project, b.ID, counts); err != nil {
			return err
		}
		going, err := s.GoingSlots(ctx, b.Project, b.ID)
		if err != nil {
			return err
		}
		for _, g := range going {
			counts[bine.Running]--
			counts[g.State]++
		}
		if counts[bine.Running] <= 0 {
			delete(counts, bine.Running)
		}
		list[i].Slots = counts
	}
	return nil
}

func (s *Store) slotCounts(ctx context.Context, project bine.ProjectName, id bine.BackfillID, counts map[bine.State]int) error {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT state, COUNT(*) FROM backfill_slots WHERE project = ? AND backfill = ? GROUP BY state", project, id)
	if err != nil {
		return s.db.Explain(err)
	}
	defer found.Close()
	for found.Next() {
		var state bine.State
		var n int
		if err := found.Scan(&state, &n); err != nil {
			return err
		}
		counts[state] = n
	}
	return found.Err()
}

// MoveBackfill changes the state of a backfill that is in one of from.
func (s *Store) MoveBackfill(ctx context.Context, project bine.ProjectName, id bine.BackfillID, from []bine.BackfillState, to bine.BackfillState, reason string) error {
	return s.write(ctx, func(t *tx) error {
		set, args := "state = ?, reason = ?", []any{to, reason}
		if to.Ended() {
			set, args = set+", ended_at = ?", append(args, t.now)
		}
		args = append(append(args, project, id), values(from)...)
		n, err := t.exec("UPDATE backfills SET "+set+" WHERE project = ? AND name = ? AND state IN "+in(len(from)), args...)
		if err != nil {
			return err
		}
		changed, err := moved(n, named("backfill", id), to, func() (is bine.BackfillState, err error) {
			return is, t.row("SELECT state FROM backfills WHERE project = ? AND name = ?", project, id).Scan(&is)
		})
		if changed {
			t.event(project, objectBackfill, string(id), string(to))
		}
		return err
	})
}
