package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// CacheLookup gives the newest step or item of the project that succeeded under
// a cache key and whose run is still there.
func (s *Store) CacheLookup(ctx context.Context, project bine.ProjectName, key bine.Hash) (bine.Step, bool, error) {
	st, err := scanStep(s.db.Reader(ctx).QueryRowContext(ctx, "SELECT "+stepColumns+" FROM steps WHERE project = ? AND cache_key = ? AND state = ? ORDER BY ended_at DESC LIMIT 1",
		project, key, bine.Succeeded))
	if errors.Is(err, sql.ErrNoRows) {
		return bine.Step{}, false, nil
	}
	return st, err == nil, s.db.Explain(err)
}

// ClaimCache makes a step or item the one that makes the outputs of a cache
// key. Where another that has not ended is doing so already, it is answered with
// mine false. A claim whose holder, or whose holder's run, has ended is taken over.
func (s *Store) ClaimCache(ctx context.Context, project bine.ProjectName, key bine.Hash, me StepRef) (by StepRef, mine bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		ignore := " ON CONFLICT DO NOTHING"
		if t.db.Dialect() != database.SQLite {
			ignore = " ON DUPLICATE KEY UPDATE cache_key = cache_key"
		}
		if _, err := t.exec("INSERT INTO cache_claims (project, cache_key, run, step, item, claimed_at) VALUES "+in(6)+ignore, project, key, me.Run, me.Step, me.Item, t.now); err != nil {
			return err
		}
		if err := t.row("SELECT run, step, item FROM cache_claims WHERE project = ? AND cache_key = ?"+t.db.Dialect().ForUpdate(), project, key).Scan(&by.Run, &by.Step, &by.Item); err != nil {
			return err
		}
		if by == me {
			mine = true
			return nil
		}
		goes, err := live(t.ctx, t, project, by)
		if mine = !goes; err != nil || goes {
			return err
		}
		_, err = t.exec("UPDATE cache_claims SET run = ?, step = ?, item = ?, claimed_at = ? WHERE project = ? AND cache_key = ?", me.Run, me.Step, me.Item, t.now, project, key)
		return err
	})
	return by, mine, forDomain(err, "cache key "+string(key))
}

// CacheClaim tells who else makes the outputs of a cache key now; found is
// false where nobody does.
func (s *Store) CacheClaim(ctx context.Context, project bine.ProjectName, key bine.Hash, me StepRef) (by StepRef, found bool, err error) {
	from := s.db.Reader(ctx)
	err = from.QueryRowContext(ctx, "SELECT run, step, item FROM cache_claims WHERE project = ? AND cache_key = ?", project, key).Scan(&by.Run, &by.Step, &by.Item)
	if errors.Is(err, sql.ErrNoRows) || err == nil && by == me {
		return by, false, nil
	}
	if err == nil {
		found, err = live(ctx, from, project, by)
	}
	return by, found, s.db.Explain(err)
}

// live reports whether a step or item, and its run, have not ended.
func live(ctx context.Context, from database.Reader, project bine.ProjectName, ref StepRef) (bool, error) {
	var step, run bine.State
	err := from.QueryRowContext(ctx, "SELECT s.state, r.state FROM steps s JOIN runs r ON r.project = s.project AND r.name = s.run WHERE s.project = ? AND s.run = ? AND s.item = ? AND s.name = ?",
		ref.args(project)...).Scan(&step, &run)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil && !step.Ended() && !run.Ended(), err
}

// ReleaseClaims gives up what steps of a run claim: of one step or item, or of
// all of them where ref names the run only.
func (s *Store) ReleaseClaims(ctx context.Context, project bine.ProjectName, ref StepRef) error {
	return s.write(ctx, func(t *tx) error {
		where, args := "project = ? AND run = ?", []any{project, ref.Run}
		if ref.Step != "" {
			where, args = where+" AND step = ? AND item = ?", append(args, ref.Step, ref.Item)
		}
		_, err := t.exec("DELETE FROM cache_claims WHERE "+where, args...)
		return err
	})
}

// nearRuns is how many runs Earlier looks at.
const nearRuns = 10

// Earlier gives the newest process of the same step, or item, of another run of
// the pipeline, with its row; of the newest runs only.
func (s *Store) Earlier(ctx context.Context, project bine.ProjectName, pipeline bine.PipelineName, me StepRef) (st bine.Step, p bine.Process, found bool, err error) {
	runs, err := s.queryRuns(ctx, fmt.Sprintf("project = ? AND pipeline = ? AND name <> ? ORDER BY seq DESC LIMIT %d", nearRuns), project, pipeline, me.Run)
	if err != nil {
		return st, p, false, err
	}
	for _, run := range runs {
		ref := StepRef{run.ID, me.Step, me.Item}
		p, err = s.Process(ctx, project, ref)
		if bine.IsKind(err, bine.NotFound) {
			continue
		}
		if err == nil {
			st, err = s.Step(ctx, project, ref)
		}
		return st, p, err == nil, err
	}
	return st, p, false, nil
}
