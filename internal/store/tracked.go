package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// trackedState is where a tracked run stands at a time (one argument): a step's
// state is that of its row, and what runs and is silent for longer than it said
// is lost.
const trackedState = "CASE WHEN s.state IS NOT NULL THEN s.state WHEN r.state = 'running' AND r.patience > 0 AND r.heard_at + r.patience < ? THEN 'lost' ELSE r.state END"

const (
	trackedColumns = "r.no, r.id, r.experiment, r.name, r.kind, r.run, r.step, r.item, " + trackedState + ", r.reason, r.fence, r.patience, r.heard_at, r.removed, r.inputs, r.created_by, r.started_at, COALESCE(s.ended_at, r.ended_at)"
	trackedFrom    = " FROM tracked_runs r LEFT JOIN steps s ON s.project = r.project AND s.run = r.run AND s.item = r.item AND s.name = r.step"
)

type trackedRow struct {
	bine.TrackedRun
	no int64
}

func scanTracked(row interface{ Scan(...any) error }) (trackedRow, error) {
	var r trackedRow
	var run *string
	var inputs doc[[]bine.TrackedInput]
	var patience, heard, started int64
	var ended *int64
	err := row.Scan(&r.no, &r.ID, &r.Experiment, &r.Name, &r.Kind, &run, &r.Step, &r.Item, &r.State, &r.Reason, &r.Fence, &patience, &heard, &r.Removed, &inputs, &r.CreatedBy, &started, &ended)
	r.Run, r.Inputs, r.Patience = text[bine.RunID](run), inputs.V, time.Duration(patience*1000).Seconds()
	r.HeardAt, r.StartedAt, r.EndedAt = database.Time(heard), database.Time(started), maybe(ended)
	return r, err
}

// StartTracked makes a tracked run. One that is there under its id is answered
// as it is, so that starting it again is harmless. An experiment that is not
// there or removed is refused.
func (s *Store) StartTracked(ctx context.Context, project bine.ProjectName, r bine.TrackedRun) (bine.TrackedRun, error) {
	if err := r.ID.Check(); err != nil {
		return r, err
	}
	if err := checkText("tracked run", r.Name, maxName); err != nil {
		return r, err
	}
	err := s.write(ctx, func(t *tx) error {
		n := 0
		if err := t.row("SELECT COUNT(*) FROM tracked_runs WHERE project = ? AND id = ?", project, r.ID).Scan(&n); err != nil || n > 0 {
			return err
		}
		if r.Experiment == 0 {
			if err := t.ensureDefault(project, r.CreatedBy); err != nil {
				return err
			}
		}
		removed := 0
		err := t.row("SELECT removed FROM experiments WHERE project = ? AND id = ?", project, r.Experiment).Scan(&removed)
		if errors.Is(err, sql.ErrNoRows) {
			return bine.Errorf(bine.NotFound, "project %s has no experiment %d", project, r.Experiment)
		}
		if err == nil && removed > 0 {
			err = bine.Errorf(bine.Conflict, "experiment %d was removed: restore it first", r.Experiment)
		}
		if err != nil {
			return err
		}
		return t.insertTracked(project, r)
	})
	if err != nil {
		return r, forDomain(err, named("project", project))
	}
	return s.Tracked(ctx, project, r.ID)
}

func (t *tx) insertTracked(project bine.ProjectName, r bine.TrackedRun) error {
	var run *string
	if r.Run != "" {
		run = new(string(r.Run))
	}
	_, err := t.exec(t.insertMissing()+` INTO tracked_runs (project, id, experiment, name, kind, run, step, item, state, reason, verdict, fence, patience, heard_at, removed, inputs, created_by, started_at)
		VALUES `+in(18), project, r.ID, r.Experiment, r.Name, r.Kind, run, r.Step, r.Item, r.State, r.Reason, "", r.Fence, int64(r.Patience*1e6), t.now, 0, docOf(r.Inputs), r.CreatedBy, orNow(r.StartedAt, t.now))
	return err
}

// trackStep makes the tracked run of a step or item, in the experiment that is
// called like the pipeline, where there is none.
func (t *tx) trackStep(o bine.Owner) (bine.TrackedID, error) {
	id, n := bine.TrackedIDOf(o), 0
	if err := t.row("SELECT COUNT(*) FROM tracked_runs WHERE project = ? AND id = ?", o.Project, id).Scan(&n); err != nil || n > 0 {
		return id, err
	}
	var pipeline string
	var by bine.UserName
	if err := t.row("SELECT pipeline, started_by FROM runs WHERE project = ? AND name = ?", o.Project, o.Name).Scan(&pipeline, &by); err != nil {
		return id, err
	}
	experiment, err := t.experimentNamed(o.Project, pipeline, by)
	if err != nil {
		return id, err
	}
	name := o.Name + "/" + string(o.Step)
	if o.Item != "" {
		name += "/" + o.Item
	}
	return id, t.insertTracked(o.Project, bine.TrackedRun{ID: id, Experiment: experiment, Name: cut(name, maxName), Kind: bine.TrackedStep, State: bine.Running,
		Run: bine.RunID(o.Name), Step: o.Step, Item: o.Item, CreatedBy: by})
}

// cut gives at most n bytes of text, and no half of a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}

// TrackStep gives the tracked run of the step or item that an attempt belongs
// to, and makes it where there is none.
func (s *Store) TrackStep(ctx context.Context, attempt bine.AttemptID) (bine.TrackedRun, error) {
	a, err := s.Attempt(ctx, attempt)
	if err != nil {
		return bine.TrackedRun{}, err
	}
	if a.Owner.Kind != bine.OwnerRun {
		return bine.TrackedRun{}, bine.Errorf(bine.Invalid, "attempt %s is of no step", attempt)
	}
	var id bine.TrackedID
	if err := s.write(ctx, func(t *tx) (err error) { id, err = t.trackStep(a.Owner); return err }); err != nil {
		return bine.TrackedRun{}, forDomain(err, named("run", a.Owner.Name))
	}
	return s.Tracked(ctx, a.Owner.Project, id)
}

// Tracked gives a tracked run with its params, tags and metrics.
func (s *Store) Tracked(ctx context.Context, project bine.ProjectName, id bine.TrackedID) (bine.TrackedRun, error) {
	row, err := scanTracked(s.db.Reader(ctx).QueryRowContext(ctx, "SELECT "+trackedColumns+trackedFrom+" WHERE r.project = ? AND r.id = ?", database.Micros(time.Now()), project, id))
	if err != nil {
		return row.TrackedRun, forDomain(s.db.Explain(err), named("tracked run", id))
	}
	list := []trackedRow{row}
	err = s.fillTracked(ctx, list)
	return list[0].TrackedRun, err
}

// fillTracked reads params, tags and metrics of tracked runs.
func (s *Store) fillTracked(ctx context.Context, list []trackedRow) error {
	at := map[int64]*bine.TrackedRun{}
	for i := range list {
		at[list[i].no] = &list[i].TrackedRun
	}
	for some := range slices.Chunk(list, putAtOnce) {
		args := make([]any, len(some))
		for i, r := range some {
			args[i] = r.no
		}
		if err := s.fillPairs(ctx, "tracked_params", args, func(no int64) *map[string]string { return &at[no].Params }); err != nil {
			return err
		}
		if err := s.fillPairs(ctx, "tracked_tags", args, func(no int64) *map[string]string { return &at[no].Tags }); err != nil {
			return err
		}
		if err := s.fillLatest(ctx, args, at); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) fillPairs(ctx context.Context, table string, nos []any, of func(no int64) *map[string]string) error {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT tracked, name, value FROM "+table+" WHERE tracked IN "+in(len(nos)), nos...)
	if err != nil {
		return s.db.Explain(err)
	}
	defer found.Close()
	for found.Next() {
		var no int64
		var name, value string
		if err := found.Scan(&no, &name, &value); err != nil {
			return err
		}
		m := of(no)
		if *m == nil {
			*m = map[string]string{}
		}
		(*m)[name] = value
	}
	return found.Err()
}

func (s *Store) fillLatest(ctx context.Context, nos []any, at map[int64]*bine.TrackedRun) error {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT tracked, name, last, last_step, last_at, low, high, points FROM tracked_series WHERE tracked IN "+in(len(nos)), nos...)
	if err != nil {
		return s.db.Explain(err)
	}
	defer found.Close()
	for found.Next() {
		var no, lastAt int64
		var name string
		var l bine.Latest
		var last, low, high *float64
		if err := found.Scan(&no, &name, &last, &l.Step, &lastAt, &low, &high, &l.Points); err != nil {
			return err
		}
		l.Last, l.Min, l.Max, l.At = fromColumn(last), fromColumn(low), fromColumn(high), database.Time(lastAt)
		if at[no].Metrics == nil {
			at[no].Metrics = map[string]bine.Latest{}
		}
		at[no].Metrics[name] = l
	}
	return found.Err()
}

// toColumn is how a number is kept where it is compared: not a number is NULL,
// and infinite ones, which MySQL cannot keep, are the largest.
func toColumn(n bine.Number) *float64 {
	f := float64(n)
	switch {
	case math.IsNaN(f):
		return nil
	case math.IsInf(f, 1):
		f = math.MaxFloat64
	case math.IsInf(f, -1):
		f = -math.MaxFloat64
	}
	return &f
}

func fromColumn(f *float64) bine.Number {
	switch {
	case f == nil:
		return bine.Number(math.NaN())
	case math.Abs(*f) == math.MaxFloat64:
		return bine.Number(math.Inf(int(math.Copysign(1, *f))))
	}
	return bine.Number(*f)
}

// TrackedChange is what to change of a tracked run; nil and empty stay.
type TrackedChange struct {
	Name     *string
	State    bine.State // of one that is no step's: running, succeeded, failed, cancelled
	Reason   *string
	EndedAt  *time.Time
	Removed  *bool
	Patience *time.Duration
	Order    *bine.Order // what it is told when it reports next
	Claim    bool        // raises the fence: whoever reports with the old one was replaced
	Without  []string    // tags that are removed
}

// ChangeTracked changes a tracked run. The state of a step's cannot be set: it
// is the step's.
func (s *Store) ChangeTracked(ctx context.Context, project bine.ProjectName, id bine.TrackedID, c TrackedChange) (bine.TrackedRun, error) {
	err := s.write(ctx, func(t *tx) error {
		var no int64
		var kind bine.TrackedKind
		if err := t.row("SELECT no, kind FROM tracked_runs WHERE project = ? AND id = ?"+t.db.Dialect().ForUpdate(), project, id).Scan(&no, &kind); err != nil {
			return err
		}
		if c.Claim && kind == bine.TrackedStep {
			return bine.Errorf(bine.Invalid, "tracked run %s is of a step, which its newest attempt reports for: it cannot be claimed", id)
		}
		set, args := []string{"heard_at = heard_at"}, []any{}
		put := func(text string, v ...any) { set, args = append(set, text), append(args, v...) }
		if c.Name != nil {
			if err := checkText("tracked run", *c.Name, maxName); err != nil {
				return err
			}
			put("name = ?", *c.Name)
		}
		if c.State != "" && kind != bine.TrackedStep {
			put("state = ?", c.State)
			put("heard_at = ?", t.now)
			if c.State.Ended() {
				ended := &t.now
				if c.EndedAt != nil {
					ended = micros(c.EndedAt)
				}
				put("ended_at = ?", *ended)
			} else {
				put("ended_at = NULL")
			}
		}
		if c.Reason != nil {
			put("reason = ?", *c.Reason)
		}
		if c.Removed != nil {
			put("removed = ?", *c.Removed)
		}
		if c.Patience != nil {
			put("patience = ?", c.Patience.Microseconds())
		}
		if c.Order != nil {
			put("verdict = ?", *c.Order)
		}
		if c.Claim {
			put("fence = fence + 1")
			put("heard_at = ?", t.now)
		}
		if _, err := t.exec("UPDATE tracked_runs SET "+strings.Join(set, ", ")+" WHERE no = ?", append(args, no)...); err != nil {
			return err
		}
		for _, name := range c.Without {
			if _, err := t.exec("DELETE FROM tracked_tags WHERE tracked = ? AND name = ?", no, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return bine.TrackedRun{}, forDomain(err, named("tracked run", id))
	}
	return s.Tracked(ctx, project, id)
}
