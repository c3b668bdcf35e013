package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

const objectSweep = "sweep"

// SweepAt is a sweep with the place in its log at which it stands.
type SweepAt struct {
	bine.Sweep
	Settings json.RawMessage // what the engine was made with
	Mark     string          // hash of all events so far
	Segments int             // how many items its step has
	no       int64
}

const sweepColumns = "no, project, run, step, state, reason, spec, settings, seed, metric, goal, parallel, best, revision, decisions, segments, mark, created_at, ended_at"

const isSweep = " WHERE project = ? AND run = ? AND step = ?"

func sweepArgs(r bine.SweepRef) []any { return []any{r.Project, r.Run, r.Step} }

func sweepName(r bine.SweepRef) string { return named("sweep", r.String()) }

func scanSweep(row interface{ Scan(...any) error }) (s SweepAt, err error) {
	var spec, settings raw
	var best doc[*bine.BestTrial]
	var created int64
	var ended *int64
	err = row.Scan(&s.no, &s.Project, &s.Run, &s.Step, &s.State, &s.Reason, &spec, &settings, &s.Seed, &s.Metric, &s.Goal, &s.Parallel, &best, &s.Events, &s.Decisions, &s.Segments, &s.Mark, &created, &ended)
	s.Spec, s.Settings, s.Best, s.CreatedAt, s.EndedAt = spec.V, settings.V, best.V, database.Time(created), maybe(ended)
	return s, err
}

// PutSweep makes a sweep that has no events yet. One that is there stays.
func (s *Store) PutSweep(ctx context.Context, v bine.Sweep, settings json.RawMessage) error {
	return s.write(ctx, func(t *tx) error {
		var no int64
		err := t.row("SELECT no FROM sweeps"+isSweep, sweepArgs(v.SweepRef)...).Scan(&no)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err = t.exec("INSERT INTO sweeps (project, run, step, state, reason, spec, settings, seed, metric, goal, parallel, revision, decisions, segments, mark, snapped, created_at) VALUES "+in(17),
			v.Project, v.Run, v.Step, v.State, "", raw{v.Spec}, raw{settings}, v.Seed, v.Metric, v.Goal, v.Parallel, 0, 0, 0, "", 0, t.now)
		if t.db.IsForeign(err) {
			return missing(named("run", v.Run))
		}
		if err == nil {
			t.event(v.Project, objectSweep, v.String(), string(v.State))
		}
		return err
	})
}

// Sweep gives a sweep with how many of its trials are in each state.
func (s *Store) Sweep(ctx context.Context, ref bine.SweepRef) (bine.Sweep, error) {
	at, err := s.SweepAt(ctx, ref)
	if err != nil {
		return at.Sweep, err
	}
	all := []SweepAt{at}
	err = s.countTrials(ctx, all)
	return all[0].Sweep, err
}

// SweepAt gives a sweep and the place at which it stands, without its trials.
func (s *Store) SweepAt(ctx context.Context, ref bine.SweepRef) (SweepAt, error) {
	at, err := scanSweep(s.point(ctx).QueryRowContext(ctx, "SELECT "+sweepColumns+" FROM sweeps"+isSweep, sweepArgs(ref)...))
	return at, forDomain(s.db.Explain(err), sweepName(ref))
}

// Sweeps gives sweeps of a project, newest first. after is the next of the page
// before, empty for the first.
func (s *Store) Sweeps(ctx context.Context, project bine.ProjectName, after string, limit int) (list []bine.Sweep, next string, err error) {
	where, args := " WHERE project = ?", []any{project}
	if after != "" {
		no, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			return nil, "", bine.Errorf(bine.Invalid, "%q is no place in the list of sweeps: use what the page before gave as next", after)
		}
		where, args = where+" AND no < ?", append(args, no)
	}
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT "+sweepColumns+" FROM sweeps"+where+" ORDER BY no DESC LIMIT ?", append(args, limit+1)...)
	if err != nil {
		return nil, "", s.db.Explain(err)
	}
	defer found.Close()
	var all []SweepAt
	for found.Next() {
		at, err := scanSweep(found)
		if err != nil {
			return nil, "", err
		}
		all = append(all, at)
	}
	if err := found.Err(); err != nil {
		return nil, "", s.db.Explain(err)
	}
	if len(all) > limit {
		all = all[:limit]
		next = strconv.FormatInt(all[limit-1].no, 10)
	}
	if err := s.countTrials(ctx, all); err != nil {
		return nil, "", err
	}
	for _, at := range all {
		list = append(list, at.Sweep)
	}
	return list, next, nil
}

// countTrials fills in how many trials are in each state.
func (s *Store) countTrials(ctx context.Context, all []SweepAt) error {
	if len(all) == 0 {
		return nil
	}
	args := make([]any, len(all))
	for i, at := range all {
		args[i] = at.no
	}
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT sweep, state, COUNT(*) FROM sweep_trials WHERE sweep IN "+in(len(all))+" GROUP BY sweep, state", args...)
	if err != nil {
		return s.db.Explain(err)
	}
	defer found.Close()
	for found.Next() {
		var no int64
		var state bine.TrialState
		var n int
		if err := found.Scan(&no, &state, &n); err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(at SweepAt) bool { return at.no == no })
		if all[i].Trials == nil {
			all[i].Trials = map[bine.TrialState]int{}
		}
		all[i].Trials[state] = n
	}
	return s.db.Explain(found.Err())
}

// SweepSnapshot gives the last state of a sweep's engine that was kept, and the
// event after which it was; 0 where none was.
func (s *Store) SweepSnapshot(ctx context.Context, ref bine.SweepRef) (state json.RawMessage, event int64, err error) {
	var snapshot raw
	err = s.db.Reader(ctx).QueryRowContext(ctx, "SELECT snapshot, snapped FROM sweeps"+isSweep, sweepArgs(ref)...).Scan(&snapshot, &event)
	return snapshot.V, event, forDomain(s.db.Explain(err), sweepName(ref))
}

// sweepNo finds the number under which what belongs to a sweep is kept.
func (s *Store) sweepNo(ctx context.Context, ref bine.SweepRef) (no int64, err error) {
	err = s.point(ctx).QueryRowContext(ctx, "SELECT no FROM sweeps"+isSweep, sweepArgs(ref)...).Scan(&no)
	return no, forDomain(s.db.Explain(err), sweepName(ref))
}

// SweepEvents gives the events of a sweep after the one of a number, in order.
func (s *Store) SweepEvents(ctx context.Context, ref bine.SweepRef, after int64, limit int) ([]bine.SweepEvent, error) {
	no, err := s.sweepNo(ctx, ref)
	if err != nil {
		return nil, err
	}
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT seq, name, at, body FROM sweep_events WHERE sweep = ? AND seq > ? ORDER BY seq LIMIT ?", no, after, limit)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var list []bine.SweepEvent
	for found.Next() {
		var e bine.SweepEvent
		var at int64
		var body raw
		if err := found.Scan(&e.Seq, &e.Key, &at, &body); err != nil {
			return nil, err
		}
		e.At, e.Body = database.Time(at), body.V
		list = append(list, e)
	}
	return list, s.db.Explain(found.Err())
}

// SweepDecisions gives the decisions of a sweep after the one of a number, in
// order; of one trial only where that is not 0.
func (s *Store) SweepDecisions(ctx context.Context, ref bine.SweepRef, trial int, after int64, limit int) ([]bine.SweepDecision, error) {
	no, err := s.sweepNo(ctx, ref)
	if err != nil {
		return nil, err
	}
	where, args := "sweep = ? AND seq > ?", []any{no, after}
	if trial != 0 {
		where, args = where+" AND trial = ?", append(args, trial)
	}
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT seq, event, at, kind, trial, body FROM sweep_decisions WHERE "+where+" ORDER BY seq LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var list []bine.SweepDecision
	for found.Next() {
		var d bine.SweepDecision
		var at int64
		var body raw
		if err := found.Scan(&d.Seq, &d.Event, &at, &d.Kind, &d.Trial, &body); err != nil {
			return nil, err
		}
		d.At, d.Body = database.Time(at), body.V
		list = append(list, d)
	}
	return list, s.db.Explain(found.Err())
}
