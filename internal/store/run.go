package store

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// RunFilter narrows a list of runs; what is empty takes all.
type RunFilter struct {
	Pipeline bine.PipelineName
	State    bine.State
	Kind     bine.PipelineKind
	Schedule bine.ScheduleName
	Backfill bine.BackfillID
}

// runRow is a run with its place among all runs.
type runRow struct {
	bine.Run
	seq int64
}

const runColumns = "seq, project, name, pipeline, kind, version, hash, number, state, reason, params, no_cache, retry_of, redo, parent_run, parent_step, parent_item, backfill, triggered_by, " +
	"priority, deadline_at, late, outputs, schedule, tick, started_by, created_at, started_at, ended_at"

func scanRun(row interface{ Scan(...any) error }) (r runRow, err error) {
	var params raw
	var from doc[[]bine.StepName]
	var outputs doc[map[string]json.RawMessage]
	var parent bine.StepPointer
	var created int64
	var deadline, tick, started, ended *int64
	err = row.Scan(&r.seq, &r.Project, &r.ID, &r.Pipeline, &r.Kind, &r.Version, &r.Hash, &r.Number, &r.State, &r.Reason, &params, &r.NoCache,
		&r.Continues, &from, &parent.Run, &parent.Step, &parent.Item, &r.Backfill, &r.Trigger,
		&r.Priority, &deadline, &r.Late, &outputs, &r.Schedule, &tick, &r.StartedBy, &created, &started, &ended)
	r.Params, r.From, r.Outputs, r.CreatedAt = params.V, from.V, outputs.V, database.Time(created)
	if parent.Run != "" {
		r.Parent = &parent
	}
	r.DeadlineAt, r.Tick, r.StartedAt, r.EndedAt = maybe(deadline), maybe(tick), maybe(started), maybe(ended)
	return r, err
}

// queryRuns gives the runs that meet a condition.
func (s *Store) queryRuns(ctx context.Context, where string, args ...any) ([]runRow, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT "+runColumns+" FROM runs WHERE "+where, args...)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var runs []runRow
	for found.Next() {
		run, err := scanRun(found)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, found.Err()
}

// Run gives a run, with the number of its steps in each state.
func (s *Store) Run(ctx context.Context, project bine.ProjectName, id bine.RunID) (bine.Run, error) {
	run, err := s.RunOnly(ctx, project, id)
	if err != nil {
		return run, err
	}
	runs := []bine.Run{run}
	err = s.countSteps(ctx, project, runs)
	return runs[0], err
}

// RunOnly gives a run without the number of its steps, whose cost grows with them.
func (s *Store) RunOnly(ctx context.Context, project bine.ProjectName, id bine.RunID) (bine.Run, error) {
	row, err := scanRun(s.db.Reader(ctx).QueryRowContext(ctx, "SELECT "+runColumns+" FROM runs WHERE project = ? AND name = ?", project, id))
	return row.Run, forDomain(s.db.Explain(err), named("run", id))
}

// Runs gives runs of a project, newest first, with the number of their steps in
// each state. after is the next of the page before, empty for the first; an
// empty next says that there are no more.
func (s *Store) Runs(ctx context.Context, project bine.ProjectName, f RunFilter, after string, limit int) (runs []bine.Run, next string, err error) {
	where, args := "project = ?", []any{project}
	narrow := func(condition string, value any) { where, args = where+" AND "+condition, append(args, value) }
	if f.Pipeline != "" {
		narrow("pipeline = ?", f.Pipeline)
	}
	if f.State != "" {
		narrow("state = ?", f.State)
	}
	if f.Kind != "" {
		narrow("kind = ?", f.Kind)
	}
	if f.Schedule != "" {
		narrow("schedule = ?", f.Schedule)
	}
	if f.Backfill != "" {
		narrow("backfill = ?", f.Backfill)
	}
	if after != "" {
		seq, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			return nil, "", bine.Errorf(bine.Invalid, "%q is no place in the list of runs: use what the page before gave as next", after)
		}
		narrow("seq < ?", seq)
	}
	found, err := s.queryRuns(ctx, where+" ORDER BY seq DESC LIMIT ?", append(args, limit+1)...)
	if err != nil {
		return nil, "", err
	}
	if len(found) > limit {
		found = found[:limit]
		next = strconv.FormatInt(found[limit-1].seq, 10)
	}
	for _, r := range found {
		runs = append(runs, r.Run)
	}
	return runs, next, s.countSteps(ctx, project, runs)
}

// countSteps fills in the number of steps in each state.
func (s *Store) countSteps(ctx context.Context, project bine.ProjectName, runs []bine.Run) error {
	if len(runs) == 0 {
		return nil
	}
	place, args := map[bine.RunID]int{}, []any{project}
	for i, r := range runs {
		place[r.ID] = i
		args = append(args, r.ID)
	}
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT run, state, COUNT(*) FROM steps WHERE project = ? AND run IN "+in(len(runs))+" AND item = '' GROUP BY run, state", args...)
	if err != nil {
		return s.db.Explain(err)
	}
	defer found.Close()
	for found.Next() {
		var id bine.RunID
		var state bine.State
		var n int
		if err := found.Scan(&id, &state, &n); err != nil {
			return err
		}
		run := &runs[place[id]]
		if run.Steps == nil {
			run.Steps = map[bine.State]int{}
		}
		run.Steps[state] = n
	}
	return found.Err()
}

// MoveRun changes the state of a run that is in one of from.
func (s *Store) MoveRun(ctx context.Context, project bine.ProjectName, id bine.RunID, from []bine.State, to bine.State, reason string) error {
	return s.write(ctx, func(t *tx) error { return t.moveRun(project, id, from, to, reason) })
}

func (t *tx) moveRun(project bine.ProjectName, id bine.RunID, from []bine.State, to bine.State, reason string) error {
	set, args := moveTo(to, reason, t.now)
	args = append(append(args, project, id), values(from)...)
	n, err := t.exec("UPDATE runs SET "+set+" WHERE project = ? AND name = ? AND state IN "+in(len(from)), args...)
	if err != nil {
		return err
	}
	changed, err := moved(n, named("run", id), to, func() (is bine.State, err error) {
		return is, t.row("SELECT state FROM runs WHERE project = ? AND name = ?", project, id).Scan(&is)
	})
	if changed {
		t.event(project, objectRun, string(id), string(to))
	}
	return err
}

// moveTo gives what a move sets: the state, its reason, and the time at which
// it began to run or ended.
func moveTo(to bine.State, reason string, now int64) (set string, args []any) {
	switch {
	case to == bine.Running:
		return "state = ?, reason = ?, started_at = COALESCE(started_at, ?)", []any{to, reason, now}
	case to.Ended():
		return "state = ?, reason = ?, ended_at = ?", []any{to, reason, now}
	}
	return "state = ?, reason = ?", []any{to, reason}
}

// DeleteRun removes a run that has ended, with all that is kept of it.
func (s *Store) DeleteRun(ctx context.Context, project bine.ProjectName, id bine.RunID) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("DELETE FROM runs WHERE project = ? AND name = ? AND ended_at IS NOT NULL", project, id)
		if err != nil || n > 0 {
			return err
		}
		var state bine.State
		if err := t.row("SELECT state FROM runs WHERE project = ? AND name = ?", project, id).Scan(&state); err != nil {
			return forDomain(err, named("run", id))
		}
		return bine.Errorf(bine.Conflict, "run %q is %s: cancel it first", string(id), state)
	})
}

// PruneRuns removes the oldest runs of a pipeline that have ended, so that
// keep runs are left, and gives those it removed.
func (s *Store) PruneRuns(ctx context.Context, project bine.ProjectName, pipeline bine.PipelineName, keep int) (removed []bine.RunID, err error) {
	runs, err := s.queryRuns(ctx, "project = ? AND pipeline = ? ORDER BY seq DESC", project, pipeline)
	if err != nil {
		return nil, err
	}
	for _, r := range runs[min(keep, len(runs)):] {
		if !r.State.Ended() {
			continue
		}
		if err := s.DeleteRun(ctx, project, r.ID); err != nil && !bine.IsKind(err, bine.NotFound) {
			return removed, err
		}
		removed = append(removed, r.ID)
	}
	return removed, nil
}

// UnfinishedRuns gives the runs of all projects that were accepted before a
// time and have not ended, oldest first.
func (s *Store) UnfinishedRuns(ctx context.Context, before time.Time) ([]bine.Run, error) {
	found, err := s.queryRuns(ctx, "state IN (?, ?, ?) AND created_at < ? ORDER BY seq", bine.Pending, bine.Waiting, bine.Running, database.Micros(before))
	runs := make([]bine.Run, len(found))
	for i, r := range found {
		runs[i] = r.Run
	}
	return runs, err
}
