package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// SetRunDeadline keeps when a run is late, where that is not known yet.
func (s *Store) SetRunDeadline(ctx context.Context, project bine.ProjectName, run bine.RunID, at time.Time) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE runs SET deadline_at = ? WHERE project = ? AND name = ? AND deadline_at IS NULL", database.Micros(at), project, run)
		return err
	})
}

// RunBefore gives the newest run of the pipeline of a run that ended before
// that one began; found is false where there is none.
func (s *Store) RunBefore(ctx context.Context, run bine.Run) (before bine.Run, found bool, err error) {
	runs, err := s.queryRuns(ctx, "project = ? AND pipeline = ? AND number < ? AND ended_at IS NOT NULL ORDER BY seq DESC LIMIT 1", run.Project, run.Pipeline, run.Number)
	if err != nil || len(runs) == 0 {
		return bine.Run{}, false, err
	}
	return runs[0].Run, true, nil
}

// SetRunLate marks a run that has not ended at its deadline; marked is false
// where it has, or was marked before.
func (s *Store) SetRunLate(ctx context.Context, project bine.ProjectName, run bine.RunID) (marked bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE runs SET late = 1 WHERE project = ? AND name = ? AND late = 0 AND ended_at IS NULL", project, run)
		if marked = n > 0; marked {
			t.event(project, objectRun, string(run), "late")
		}
		return err
	})
	return marked, err
}

// SetSubRun keeps on a step's row which run it has started. A step that has
// ended starts none: that is NotFound.
func (s *Store) SetSubRun(ctx context.Context, project bine.ProjectName, ref StepRef, run bine.RunID) error {
	return s.write(ctx, func(t *tx) error {
		return t.change(ref.String(), "UPDATE steps SET sub_run = ?"+isStep+" AND ended_at IS NULL", append([]any{run}, ref.args(project)...)...)
	})
}

// RunOfPipeline gives the newest run of a pipeline that succeeded: for a
// planned time where tick is set, and not before since where that is set.
func (s *Store) RunOfPipeline(ctx context.Context, project bine.ProjectName, pipeline bine.PipelineName, tick, since *time.Time) (run bine.Run, found bool, err error) {
	where, args := "project = ? AND pipeline = ? AND state = ?", []any{project, pipeline, bine.Succeeded}
	if tick != nil {
		where, args = where+" AND tick = ?", append(args, database.Micros(*tick))
	}
	if since != nil {
		where, args = where+" AND ended_at >= ?", append(args, database.Micros(*since))
	}
	runs, err := s.queryRuns(ctx, where+" ORDER BY seq DESC LIMIT 1", args...)
	if err != nil || len(runs) == 0 {
		return bine.Run{}, false, err
	}
	return runs[0].Run, true, nil
}

// EndRun moves a run that has not ended to its end, with what it gives.
func (s *Store) EndRun(ctx context.Context, project bine.ProjectName, id bine.RunID, to bine.State, reason string, outputs map[string]json.RawMessage) error {
	return s.write(ctx, func(t *tx) error {
		if len(outputs) > 0 {
			if _, err := t.exec("UPDATE runs SET outputs = ? WHERE project = ? AND name = ? AND ended_at IS NULL", docOf(outputs), project, id); err != nil {
				return err
			}
		}
		return t.moveRun(project, id, open, to, reason)
	})
}
