package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// SweepChange is what some events make of a sweep.
type SweepChange struct {
	Events    []bine.SweepEvent
	Decisions []bine.SweepDecision
	Trials    []bine.SweepTrial // those that are others now
	Items     []Item            // segments that begin
	// Dropped are segments whose checkpoints nobody goes on from any more.
	Dropped  []string
	State    bine.SweepState
	Reason   string
	Parallel int
	Best     *bine.BestTrial
	Mark     string          // of all events, with these
	Snapshot json.RawMessage // state of the engine after them; none keeps the one before
}

// NewSweepEvents gives those keys of events that a sweep has not.
func (s *Store) NewSweepEvents(ctx context.Context, ref bine.SweepRef, keys []string) ([]string, error) {
	no, err := s.sweepNo(ctx, ref)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for some := range slices.Chunk(keys, putAtOnce) {
		found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT name FROM sweep_events WHERE sweep = ? AND name IN "+in(len(some)), append([]any{no}, values(some)...)...)
		if err != nil {
			return nil, s.db.Explain(err)
		}
		for found.Next() {
			var key string
			if err := found.Scan(&key); err != nil {
				found.Close()
				return nil, err
			}
			known[key] = true
		}
		if err := found.Close(); err != nil {
			return nil, s.db.Explain(err)
		}
	}
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return known[key] }), nil
}

// AppendSweep adds to the log of a sweep that stands where at says, in one
// transaction with all that follows. Where it stands elsewhere by now nothing
// is changed: that is Fenced.
func (s *Store) AppendSweep(ctx context.Context, at SweepAt, c SweepChange) error {
	return s.write(ctx, func(t *tx) error {
		set := "state = ?, reason = ?, parallel = ?, best = ?, revision = ?, decisions = ?, segments = ?, mark = ?"
		revision := at.Events + int64(len(c.Events))
		args := []any{c.State, c.Reason, c.Parallel, docOf(c.Best), revision, at.Decisions + int64(len(c.Decisions)), at.Segments + len(c.Items), c.Mark}
		if c.Snapshot != nil {
			set, args = set+", snapshot = ?, snapped = ?", append(args, raw{c.Snapshot}, revision)
		}
		if c.State.Ended() {
			set, args = set+", ended_at = COALESCE(ended_at, ?)", append(args, t.now)
		}
		n, err := t.exec("UPDATE sweeps SET "+set+" WHERE no = ? AND revision = ? AND mark = ?", append(args, at.no, at.Events, at.Mark)...)
		if err != nil {
			return err
		}
		if n == 0 {
			return bine.Errorf(bine.Fenced, "sweep %s went on meanwhile", at.SweepRef)
		}
		if err := t.putSweepLog(at, c); err != nil {
			return err
		}
		if err := t.putTrials(at, c.Trials); err != nil {
			return err
		}
		if err := t.addSegments(at, c.Items); err != nil {
			return err
		}
		if err := t.dropCheckpoints(at, c.Dropped); err != nil {
			return err
		}
		if c.State != at.State || len(c.Trials) > 0 {
			t.event(at.Project, objectSweep, at.SweepRef.String(), string(c.State))
		}
		return nil
	})
}

func (t *tx) putSweepLog(at SweepAt, c SweepChange) error {
	for some := range slices.Chunk(c.Events, putAtOnce) {
		var args []any
		for _, e := range some {
			args = append(args, at.no, e.Seq, e.Key, orNow(e.At, t.now), raw{e.Body})
		}
		if _, err := t.exec("INSERT INTO sweep_events (sweep, seq, name, at, body) VALUES "+rows(len(some), 5), args...); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(c.Decisions, putAtOnce) {
		var args []any
		for _, d := range some {
			args = append(args, at.no, d.Seq, d.Event, orNow(d.At, t.now), d.Kind, d.Trial, raw{d.Body})
		}
		if _, err := t.exec("INSERT INTO sweep_decisions (sweep, seq, event, at, kind, trial, body) VALUES "+rows(len(some), 7), args...); err != nil {
			return err
		}
	}
	return nil
}

const trialColumns = "trial, state, reason, config, bracket, rung, resource, value, segment, started_at, ended_at"

// putTrials writes trials as they are now; when they began stays, and the last
// reason where there is no other.
func (t *tx) putTrials(at SweepAt, trials []bine.SweepTrial) error {
	set, from := " ON CONFLICT (sweep, trial) DO UPDATE SET ", "%[1]s = excluded.%[1]s"
	if t.db.Dialect() != database.SQLite {
		set, from = " ON DUPLICATE KEY UPDATE ", "%[1]s = VALUES(%[1]s)"
	}
	for _, column := range []string{"state", "bracket", "rung", "resource", "value", "segment", "ended_at"} {
		set += fmt.Sprintf(from, column) + ", "
	}
	if t.db.Dialect() == database.SQLite {
		set += "reason = CASE WHEN excluded.reason = '' THEN reason ELSE excluded.reason END"
	} else {
		set += "reason = CASE WHEN VALUES(reason) = '' THEN reason ELSE VALUES(reason) END"
	}
	for some := range slices.Chunk(trials, putAtOnce) {
		args := []any{}
		for _, v := range some {
			args = append(args, at.no, v.Trial, v.State, v.Reason, raw{v.Config}, v.Bracket, v.Rung, v.Resource, v.Value, v.Segment, orNow(v.StartedAt, t.now), micros(v.EndedAt))
		}
		if _, err := t.exec("INSERT INTO sweep_trials (sweep, "+trialColumns+") VALUES "+rows(len(some), 12)+set, args...); err != nil {
			return err
		}
	}
	return nil
}

// addSegments makes the items of segments that begin, after those that are there.
func (t *tx) addSegments(at SweepAt, items []Item) error {
	if len(items) == 0 {
		return nil
	}
	step := StepRef{Run: at.Run, Step: at.Step}
	var kind string
	var environment int
	if err := t.row("SELECT kind, environment FROM steps"+isStep, step.args(at.Project)...).Scan(&kind, &environment); err != nil {
		return forDomain(err, step.String())
	}
	position := at.Segments
	for some := range slices.Chunk(items, putAtOnce) {
		var args []any
		for _, item := range some {
			args = append(args, at.Project, at.Run, item.Key, at.Step, position, kind, bine.Pending, "", 0, 0, raw{item.With}, "", environment, t.now)
			position++
		}
		if _, err := t.exec("INSERT INTO steps (project, run, item, name, position, kind, state, reason, attempts, items, settings, cached_from, environment, created_at) VALUES "+rows(len(some), 14), args...); err != nil {
			return err
		}
	}
	return t.change(step.String(), "UPDATE steps SET items = ?"+isStep, append([]any{position}, step.args(at.Project)...)...)
}

// dropCheckpoints forgets what segments left to go on from.
func (t *tx) dropCheckpoints(at SweepAt, keys []string) error {
	for _, key := range keys {
		ref := StepRef{Run: at.Run, Step: at.Step, Item: key}
		var artifacts doc[map[string]bine.ArtifactRef]
		if err := t.row("SELECT artifacts FROM steps"+isStep, ref.args(at.Project)...).Scan(&artifacts); err != nil {
			return forDomain(err, ref.String())
		}
		if _, left := artifacts.V[bine.CheckpointName]; !left {
			continue
		}
		delete(artifacts.V, bine.CheckpointName)
		if _, err := t.exec("UPDATE steps SET artifacts = ?"+isStep, append([]any{docOf(artifacts.V)}, ref.args(at.Project)...)...); err != nil {
			return err
		}
	}
	return nil
}

// EndSweep ends a sweep that has not ended, and forgets all that its segments
// left to go on from.
func (s *Store) EndSweep(ctx context.Context, ref bine.SweepRef, to bine.SweepState, reason string) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE sweeps SET state = ?, reason = CASE WHEN ? = '' THEN reason ELSE ? END, ended_at = ?"+isSweep+" AND ended_at IS NULL",
			append([]any{to, reason, reason, t.now}, sweepArgs(ref)...)...)
		if err != nil || n == 0 {
			return err
		}
		t.event(ref.Project, objectSweep, ref.String(), string(to))
		found, err := t.QueryContext(t.ctx, "SELECT item FROM steps WHERE "+isItem+" AND artifacts LIKE ?", ref.Project, ref.Run, ref.Step, `%"`+bine.CheckpointName+`"%`)
		if err != nil {
			return err
		}
		var keys []string
		for found.Next() {
			var key string
			if err := found.Scan(&key); err != nil {
				return errors.Join(err, found.Close())
			}
			keys = append(keys, key)
		}
		if err := errors.Join(found.Err(), found.Close()); err != nil {
			return err
		}
		return t.dropCheckpoints(SweepAt{Sweep: bine.Sweep{SweepRef: ref}}, keys)
	})
}
