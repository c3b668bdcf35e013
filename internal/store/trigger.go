package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/bine-ml/bine"
)

// TriggerAt is a trigger with its project, and what a source remembers of it.
type TriggerAt struct {
	bine.Trigger
	Project bine.ProjectName
	Seen    json.RawMessage
}

const triggerColumns = "project, pipeline, number, kind, source, ends, settle, params, paused, position, seen, fired_at, last_run, reason"

func (s *Store) queryTriggers(ctx context.Context, where string, args ...any) ([]TriggerAt, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT "+triggerColumns+" FROM triggers WHERE "+where+" ORDER BY project, pipeline, number", args...)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var list []TriggerAt
	for found.Next() {
		var v TriggerAt
		var params, seen raw
		var fired *int64
		if err := found.Scan(&v.Project, &v.Pipeline, &v.Number, &v.Kind, &v.Source, &v.On, &v.Settle, &params, &v.Paused, &v.Position, &seen, &fired, &v.LastRun, &v.Reason); err != nil {
			return nil, err
		}
		v.Params, v.Seen, v.FiredAt = params.V, seen.V, maybe(fired)
		list = append(list, v)
	}
	return list, found.Err()
}

// ActiveTriggers gives the triggers of all projects that are not paused.
func (s *Store) ActiveTriggers(ctx context.Context) ([]TriggerAt, error) {
	return s.queryTriggers(ctx, "paused = 0")
}

// Triggers gives the triggers of a project by pipeline and number; an empty
// pipeline is all.
func (s *Store) Triggers(ctx context.Context, project bine.ProjectName, pipeline bine.PipelineName) ([]bine.Trigger, error) {
	where, args := "project = ?", []any{project}
	if pipeline != "" {
		where, args = where+" AND pipeline = ?", append(args, pipeline)
	}
	found, err := s.queryTriggers(ctx, where, args...)
	list := make([]bine.Trigger, len(found))
	for i, v := range found {
		list[i] = v.Trigger
	}
	return list, err
}

// putTriggers makes the triggers of a pipeline those of its newest version. One
// with the kind and source of an old one goes on where that was, and stays paused.
func (t *tx) putTriggers(project bine.ProjectName, pipeline bine.PipelineName, list []bine.Trigger) error {
	type place struct {
		paused         bool
		position, last string
		fired          *int64
	}
	old := map[string][]place{}
	found, err := t.QueryContext(t.ctx, "SELECT kind, source, paused, position, last_run, fired_at FROM triggers WHERE project = ? AND pipeline = ? ORDER BY number", project, pipeline)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var kind, source string
		var p place
		if err := found.Scan(&kind, &source, &p.paused, &p.position, &p.last, &p.fired); err != nil {
			return err
		}
		old[kind+" "+source] = append(old[kind+" "+source], p)
	}
	if err := found.Err(); err != nil {
		return err
	}
	_ = found.Close() // before the next statement; a second time is no error
	if len(old) > 0 {
		if _, err := t.exec("DELETE FROM triggers WHERE project = ? AND pipeline = ?", project, pipeline); err != nil {
			return err
		}
	}
	for i, v := range list {
		var p place
		if key := string(v.Kind) + " " + v.Source; len(old[key]) > 0 {
			p, old[key] = old[key][0], old[key][1:]
		} else if p.position, err = t.start(project, v.Kind); err != nil {
			return err
		}
		if _, err := t.exec("INSERT INTO triggers ("+triggerColumns+") VALUES "+in(14), project, pipeline, i+1, v.Kind, v.Source, v.On, v.Settle,
			raw{v.Params}, p.paused, p.position, nil, p.fired, p.last, ""); err != nil {
			return err
		}
	}
	return nil
}

// SinceTime begins the position of a trigger whose source has not been looked at
// yet: the microseconds since 1970 from which on it listens follow.
const SinceTime = "since "

// start is the position of a trigger that listens from now on.
func (t *tx) start(project bine.ProjectName, kind bine.TriggerKind) (string, error) {
	if kind != bine.TriggerPipeline {
		return SinceTime + fmt.Sprint(t.now), nil
	}
	var last int64
	err := t.row("SELECT COALESCE(MAX(last), 0) FROM event_counters WHERE project = ?", project).Scan(&last)
	return fmt.Sprint(last), err
}

// PauseTrigger lets a trigger start nothing, or go on with what happens from now on.
func (s *Store) PauseTrigger(ctx context.Context, project bine.ProjectName, pipeline bine.PipelineName, number int, paused bool) error {
	what := fmt.Sprintf("trigger %d of pipeline %q", number, string(pipeline))
	return s.write(ctx, func(t *tx) error {
		var was bool
		var kind bine.TriggerKind
		if err := t.row("SELECT paused, kind FROM triggers WHERE project = ? AND pipeline = ? AND number = ?"+t.db.Dialect().ForUpdate(), project, pipeline, number).Scan(&was, &kind); err != nil {
			return forDomain(err, what)
		}
		if was == paused {
			return nil
		}
		position, err := t.start(project, kind)
		if err != nil {
			return err
		}
		return t.change(what, "UPDATE triggers SET paused = ?, position = ?, seen = NULL, reason = '' WHERE project = ? AND pipeline = ? AND number = ?", paused, position, project, pipeline, number)
	})
}

// TriggerMove is what becomes of a trigger when its source has been read.
type TriggerMove struct {
	Position string
	Seen     json.RawMessage
	Run      bine.RunID // that it started; empty for none
	Reason   string     // why it could not
}

// MoveTrigger writes how far the source of a trigger has been read, unless
// another did so before or it was paused or replaced: then it is a Conflict.
// Within database.Together with AcceptRun, each event starts one run.
func (s *Store) MoveTrigger(ctx context.Context, v TriggerAt, m TriggerMove) error {
	return s.write(ctx, func(t *tx) error {
		set, args := "position = ?, seen = ?, reason = ?", []any{m.Position, raw{m.Seen}, m.Reason}
		if m.Run != "" {
			set, args = set+", last_run = ?, fired_at = ?", append(args, m.Run, t.now)
		}
		args = append(args, v.Project, v.Pipeline, v.Number, v.Kind, v.Source, v.Position)
		seen := " AND seen IS NULL"
		if len(v.Seen) > 0 {
			seen, args = " AND seen = ?", append(args, raw{v.Seen})
		}
		n, err := t.exec("UPDATE triggers SET "+set+" WHERE project = ? AND pipeline = ? AND number = ? AND kind = ? AND source = ? AND position = ? AND paused = 0"+seen, args...)
		if err == nil && n == 0 && !m.stays(v) {
			err = bine.Errorf(bine.Conflict, "trigger %d of pipeline %q was moved by another", v.Number, string(v.Pipeline))
		}
		return err
	})
}

// stays says that nothing changes: MySQL counts such rows as not met.
func (m TriggerMove) stays(v TriggerAt) bool {
	return m.Run == "" && m.Position == v.Position && string(m.Seen) == string(v.Seen) && m.Reason == v.Reason
}

// EndedRuns gives the ends of the runs of a project after an event, in
// order; last is the event up to which was looked, limit events further at most.
func (s *Store) EndedRuns(ctx context.Context, project bine.ProjectName, after int64, limit int) (runs []bine.Event, last int64, err error) {
	events, err := s.Events(ctx, project, after, limit)
	last = after
	for _, e := range events {
		last = e.ID
		if e.Object == objectRun && bine.State(e.State).Ended() {
			runs = append(runs, e)
		}
	}
	return runs, last, err
}
