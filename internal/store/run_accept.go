package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// NewRun is a run to be accepted.
type NewRun struct {
	Pipeline   bine.PipelineName
	Version    int             // 0 is the newest
	Params     json.RawMessage // every parameter with its value
	Key        string          // idempotency key; empty is none
	NoCache    bool
	Continues  bine.RunID        // the run that it goes on from
	From       []bine.StepName   // of a continuation: the steps that are to run again
	Parent     *bine.StepPointer // the step that starts it
	Backfill   bine.BackfillID
	Trigger    string // what started it
	Priority   bine.Priority
	DeadlineAt *time.Time
	Schedule   bine.ScheduleName
	Tick       *time.Time
	By         bine.UserName
}

// longestKey bounds idempotency keys, in characters.
const longestKey = 200

// AcceptRun makes the row of a run and gives it the next number of its
// pipeline. A key that was used in the project answers the run of then,
// with created false; for another pipeline it is a Conflict.
func (s *Store) AcceptRun(ctx context.Context, project bine.ProjectName, v NewRun) (run bine.Run, created bool, err error) {
	if len(v.Key) > longestKey {
		return run, false, bine.Errorf(bine.Invalid, "the idempotency key is %d characters long; at most %d are allowed", len(v.Key), longestKey)
	}
	for range 2 { // once more when another request with the key came in between
		err = s.write(ctx, func(t *tx) (err error) {
			run, created, err = t.acceptRun(project, v)
			return err
		})
		if !s.db.IsDuplicate(err) {
			break
		}
	}
	return run, created, forDomain(err, named("run of pipeline", v.Pipeline))
}

func (t *tx) acceptRun(project bine.ProjectName, v NewRun) (bine.Run, bool, error) {
	if run, ok, err := runOfKey(t.ctx, t, project, v.Pipeline, v.Key); ok || err != nil {
		return run, false, err
	}
	run := bine.Run{Project: project, Pipeline: v.Pipeline, Version: v.Version, State: bine.Pending, Params: v.Params, NoCache: v.NoCache,
		Continues: v.Continues, From: v.From, Parent: v.Parent, Backfill: v.Backfill, Trigger: v.Trigger, Priority: v.Priority, DeadlineAt: v.DeadlineAt,
		Schedule: v.Schedule, Tick: v.Tick, StartedBy: v.By, CreatedAt: database.Time(t.now)}
	if err := t.pinVersion(&run); err != nil {
		return run, false, err
	}
	if _, err := t.exec("UPDATE run_numbers SET last = last + 1 WHERE project = ? AND pipeline = ?", project, v.Pipeline); err != nil {
		return run, false, err
	}
	if err := t.row("SELECT last FROM run_numbers WHERE project = ? AND pipeline = ?", project, v.Pipeline).Scan(&run.Number); err != nil {
		return run, false, err
	}
	run.ID = bine.NewRunID(v.Pipeline, run.Number)
	var parent bine.StepPointer
	if run.Parent != nil {
		parent = *run.Parent
	}
	_, err := t.exec("INSERT INTO runs ("+strings.TrimPrefix(runColumns, "seq, ")+") VALUES "+in(28),
		project, run.ID, run.Pipeline, run.Kind, run.Version, run.Hash, run.Number, run.State, "", raw{run.Params}, run.NoCache,
		run.Continues, docOf(run.From), parent.Run, parent.Step, parent.Item, run.Backfill, run.Trigger,
		run.Priority, micros(run.DeadlineAt), false, nil, run.Schedule, micros(run.Tick), run.StartedBy, t.now, nil, nil)
	if err != nil {
		return run, false, err
	}
	if v.Key != "" {
		if _, err := t.exec("INSERT INTO idempotency (project, request, run, created_at) VALUES (?, ?, ?, ?)", project, v.Key, run.ID, t.now); err != nil {
			return run, false, err
		}
	}
	t.event(project, objectRun, string(run.ID), string(run.State))
	return run, true, nil
}

// RunOfKey gives the run of a pipeline that a request with the same idempotency
// key made, if one did; a run of another pipeline is a Conflict.
func (s *Store) RunOfKey(ctx context.Context, project bine.ProjectName, pipeline bine.PipelineName, key string) (bine.Run, bool, error) {
	run, found, err := runOfKey(ctx, s.db.Reader(ctx), project, pipeline, key)
	return run, found, s.db.Explain(err)
}

func runOfKey(ctx context.Context, from database.Reader, project bine.ProjectName, pipeline bine.PipelineName, key string) (bine.Run, bool, error) {
	if key == "" {
		return bine.Run{}, false, nil
	}
	row, err := scanRun(from.QueryRowContext(ctx, "SELECT "+runColumns+" FROM runs WHERE project = ? AND name = (SELECT run FROM idempotency WHERE project = ? AND request = ?)", project, project, key))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return bine.Run{}, false, nil
	case err == nil && row.Pipeline != pipeline:
		return bine.Run{}, false, bine.Errorf(bine.Conflict, "the idempotency key %q was used for run %q of another pipeline: use a new key", key, string(row.ID))
	}
	return row.Run, err == nil, err
}

// pinVersion fills in the version that a run executes. The pipeline cannot be
// deleted until the transaction ends, because the run refers to it.
func (t *tx) pinVersion(run *bine.Run) error {
	what := named("pipeline", run.Pipeline)
	var latest int
	if err := t.row("SELECT kind, latest FROM pipelines WHERE project = ? AND name = ?", run.Project, run.Pipeline).Scan(&run.Kind, &latest); err != nil {
		return forDomain(err, what)
	}
	if run.Version == 0 {
		run.Version = latest
	}
	err := t.row("SELECT hash FROM pipeline_versions WHERE project = ? AND pipeline = ? AND version = ?", run.Project, run.Pipeline, run.Version).Scan(&run.Hash)
	return forDomain(err, numbered(what, run.Version))
}
