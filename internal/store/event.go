package store

import (
	"context"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// The objects that events speak of.
const (
	objectRun         = "run"
	objectStep        = "step"
	objectDeployment  = "deployment"
	objectEnvironment = "environment"
	objectProject     = "project"
	objectBackfill    = "backfill"
	objectTransfer    = "transfer"
	objectApproval    = "approval"
)

// event leaves word that something is in another state now.
func (t *tx) event(project bine.ProjectName, object, name, state string) {
	t.events = append(t.events, bine.Event{Project: project, Object: object, Name: name, State: state})
}

// putEvents writes the events of a transaction, as its last act: the counter
// of a project is held until the end, so events become visible in order.
func (t *tx) putEvents() error {
	for i := 0; i < len(t.events); {
		project, j := t.events[i].Project, i+1
		for j < len(t.events) && t.events[j].Project == project {
			j++
		}
		if err := t.putEventsOf(project, t.events[i:j]); err != nil {
			return err
		}
		i = j
	}
	return nil
}

func (t *tx) putEventsOf(project bine.ProjectName, events []bine.Event) error {
	n, err := t.exec("UPDATE event_counters SET last = last + ? WHERE project = ?", len(events), project)
	if err == nil && n == 0 {
		_, err = t.exec("INSERT INTO event_counters (project, last) VALUES (?, ?)", project, len(events))
	}
	if err != nil {
		return err
	}
	if len(events) == 1 {
		_, err := t.exec("INSERT INTO events (project, id, at, object, name, state) SELECT project, last, ?, ?, ?, ? FROM event_counters WHERE project = ?",
			t.now, events[0].Object, events[0].Name, events[0].State, project)
		return err
	}
	var last int64
	if err := t.row("SELECT last FROM event_counters WHERE project = ?", project).Scan(&last); err != nil {
		return err
	}
	for len(events) > 0 {
		some := events[:min(len(events), 100)]
		var args []any
		for i, e := range some {
			args = append(args, project, last-int64(len(events)-1-i), t.now, e.Object, e.Name, e.State)
		}
		if _, err := t.exec("INSERT INTO events (project, id, at, object, name, state) VALUES "+rows(len(some), 6), args...); err != nil {
			return err
		}
		events = events[len(some):]
	}
	return nil
}

// rows gives the placeholders of n rows of some columns.
func rows(n, columns int) string {
	return strings.TrimSuffix(strings.Repeat(in(columns)+", ", n), ", ")
}

// Events gives the events of a project after the one with the id, oldest first.
func (s *Store) Events(ctx context.Context, project bine.ProjectName, after int64, limit int) ([]bine.Event, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT id, at, object, name, state FROM events WHERE project = ? AND id > ? ORDER BY id LIMIT ?", project, after, limit)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var events []bine.Event
	for found.Next() {
		e, at := bine.Event{Project: project}, int64(0)
		if err := found.Scan(&e.ID, &at, &e.Object, &e.Name, &e.State); err != nil {
			return nil, err
		}
		e.At = database.Time(at)
		events = append(events, e)
	}
	return events, found.Err()
}

// LastEvent gives the id of the newest event of a project; 0 is none.
func (s *Store) LastEvent(ctx context.Context, project bine.ProjectName) (int64, error) {
	var last int64
	err := s.db.Reader(ctx).QueryRowContext(ctx, "SELECT COALESCE(MAX(last), 0) FROM event_counters WHERE project = ?", project).Scan(&last)
	return last, s.db.Explain(err)
}

// PruneEvents forgets the events before a time and gives how many they were.
func (s *Store) PruneEvents(ctx context.Context, before time.Time) (int64, error) {
	var n int64
	err := s.write(ctx, func(t *tx) (err error) {
		n, err = t.exec("DELETE FROM events WHERE at < ?", database.Micros(before))
		return err
	})
	return n, err
}

// Watch gives a channel that receives soon after an event of the project: at
// once for those of this process, within half a second for those of another.
// Several events may wake it once. stop ends it.
func (s *Store) Watch(project bine.ProjectName) (woken <-chan struct{}, stop func()) {
	return s.hub.watch(project)
}
