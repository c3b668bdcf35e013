package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// StepRef names a step of a run, one item of a fan-out, or a batch of items.
type StepRef struct {
	Run  bine.RunID
	Step bine.StepName
	Item string
}

func (r StepRef) String() string {
	name := "step " + string(r.Run) + "/" + string(r.Step)
	if r.Item != "" {
		name += "/" + r.Item
	}
	return name
}

// batchPrefix begins the key of a batch of items, which is no item itself.
const batchPrefix = "batch@"

// isStep is the condition for one row.
const isStep = " WHERE project = ? AND run = ? AND item = ? AND name = ?"

func (r StepRef) args(project bine.ProjectName) []any {
	return []any{project, r.Run, r.Item, r.Step}
}

const stepColumns = "run, name, item, kind, state, reason, attempts, items, item_states, settings, inputs, outputs, artifacts, metrics, cache_key, cached_from, cache_note, sub_run, environment, created_at, started_at, ended_at"

func scanStep(row interface{ Scan(...any) error }) (bine.Step, error) {
	var st bine.Step
	var states doc[map[bine.State]int]
	var with raw
	var inputs, artifacts doc[map[string]bine.ArtifactRef]
	var outputs doc[map[string]json.RawMessage]
	var metrics doc[map[string]float64]
	var key, note *string
	var created int64
	var started, ended *int64
	err := row.Scan(&st.Run, &st.Name, &st.Item, &st.Kind, &st.State, &st.Reason, &st.Attempts, &st.Items, &states, &with, &inputs, &outputs,
		&artifacts, &metrics, &key, &st.CachedFrom, &note, &st.SubRun, &st.Environment, &created, &started, &ended)
	st.ItemStates, st.With, st.Inputs, st.Values, st.Artifacts, st.Metrics = states.V, with.V, inputs.V, outputs.V, artifacts.V, metrics.V
	st.CacheKey, st.CacheNote, st.CreatedAt, st.StartedAt, st.EndedAt = text[bine.Hash](key), text[string](note), database.Time(created), maybe(started), maybe(ended)
	return st, err
}

func (s *Store) querySteps(ctx context.Context, where string, args ...any) ([]bine.Step, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT "+stepColumns+" FROM steps WHERE "+where, args...)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var list []bine.Step
	for found.Next() {
		st, err := scanStep(found)
		if err != nil {
			return nil, err
		}
		list = append(list, st)
	}
	return list, found.Err()
}

// PutStep writes the row of a step, item or batch as it stands. position is
// the step's place in the graph; items keep the place that PutItems gave them.
// A row that has ended keeps what it says, unless it is put in the same state.
// Attempts are counted by StartAttempt and left alone here.
func (s *Store) PutStep(ctx context.Context, project bine.ProjectName, st bine.Step, position int) error {
	return s.write(ctx, func(t *tx) error { return t.putStep(project, st, position) })
}

func (t *tx) putStep(project bine.ProjectName, st bine.Step, position int) error {
	ref := StepRef{st.Run, st.Name, st.Item}
	if strings.HasPrefix(st.Item, batchPrefix) {
		position = -1
	}
	started, ended := micros(st.StartedAt), micros(st.EndedAt)
	if ended == nil && st.State.Ended() {
		ended = &t.now
	}
	if started == nil && st.State == bine.Running {
		started = &t.now
	}
	var is bine.State
	err := t.row("SELECT state FROM steps"+isStep+t.db.Dialect().ForUpdate(), ref.args(project)...).Scan(&is)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		_, err = t.exec("INSERT INTO steps (project, position, "+stepColumns+") VALUES "+in(24), project, position,
			st.Run, st.Name, st.Item, st.Kind, st.State, st.Reason, st.Attempts, st.Items, docOf(st.ItemStates), raw{st.With}, docOf(st.Inputs), docOf(st.Values),
			docOf(st.Artifacts), docOf(st.Metrics), orNull(st.CacheKey), st.CachedFrom, orNull(st.CacheNote), st.SubRun, st.Environment, orNow(st.CreatedAt, t.now), started, ended)
		if t.db.IsForeign(err) {
			return missing(named("run", st.Run))
		}
	case err != nil:
		return err
	case is.Ended() && is != st.State:
		return nil
	default:
		_, err = t.exec(`UPDATE steps SET kind = ?, state = ?, reason = ?, items = ?, item_states = ?, settings = ?, inputs = ?, outputs = ?,
			artifacts = ?, metrics = ?, cache_key = ?, cached_from = ?, cache_note = ?, sub_run = ?, environment = ?, started_at = COALESCE(?, started_at), ended_at = ?`+isStep,
			append([]any{st.Kind, st.State, st.Reason, st.Items, docOf(st.ItemStates), raw{st.With}, docOf(st.Inputs), docOf(st.Values),
				docOf(st.Artifacts), docOf(st.Metrics), orNull(st.CacheKey), st.CachedFrom, orNull(st.CacheNote), st.SubRun, st.Environment, started, ended}, ref.args(project)...)...)
	}
	if err == nil && is != st.State {
		t.stepEvent(project, ref, st.State)
	}
	return err
}

// stepEvent leaves word of a step; items are summed up in theirs.
func (t *tx) stepEvent(project bine.ProjectName, ref StepRef, state bine.State) {
	if ref.Item == "" {
		t.event(project, objectStep, string(ref.Run)+"/"+string(ref.Step), string(state))
	}
}

// MoveStep changes the state of a step, item or batch that is in one of from.
func (s *Store) MoveStep(ctx context.Context, project bine.ProjectName, ref StepRef, from []bine.State, to bine.State, reason string) error {
	return s.write(ctx, func(t *tx) error { return t.moveStep(project, ref, from, to, reason) })
}

func (t *tx) moveStep(project bine.ProjectName, ref StepRef, from []bine.State, to bine.State, reason string) error {
	set, args := moveTo(to, reason, t.now)
	args = append(append(args, ref.args(project)...), values(from)...)
	n, err := t.exec("UPDATE steps SET "+set+isStep+" AND state IN "+in(len(from)), args...)
	if err != nil {
		return err
	}
	changed, err := moved(n, ref.String(), to, func() (is bine.State, err error) {
		return is, t.row("SELECT state FROM steps"+isStep, ref.args(project)...).Scan(&is)
	})
	if changed {
		t.stepEvent(project, ref, to)
	}
	return err
}

// open are the states that something can leave.
var open = []bine.State{bine.Pending, bine.Waiting, bine.Running}

// FailStep ends a step, item or batch that has not ended, as failed.
func (s *Store) FailStep(ctx context.Context, project bine.ProjectName, ref StepRef, reason string) error {
	return s.MoveStep(ctx, project, ref, open, bine.Failed, reason)
}

// EndSteps ends every step, item and batch of a run that has not ended, and
// gives how many they were.
func (s *Store) EndSteps(ctx context.Context, project bine.ProjectName, run bine.RunID, to bine.State, reason string) (n int64, err error) {
	err = s.write(ctx, func(t *tx) error {
		steps, err := t.openSteps(project, run)
		if err != nil {
			return err
		}
		set, args := moveTo(to, reason, t.now)
		args = append(append(args, project, run), values(open)...)
		if n, err = t.exec("UPDATE steps SET "+set+" WHERE project = ? AND run = ? AND state IN "+in(len(open)), args...); err != nil {
			return err
		}
		for _, name := range steps {
			t.stepEvent(project, StepRef{Run: run, Step: name}, to)
		}
		return nil
	})
	return n, err
}

// openSteps gives the steps of a run that have not ended, without items.
func (t *tx) openSteps(project bine.ProjectName, run bine.RunID) (names []bine.StepName, err error) {
	found, err := t.QueryContext(t.ctx, "SELECT name FROM steps WHERE project = ? AND run = ? AND item = '' AND state IN "+in(len(open))+" ORDER BY position"+t.db.Dialect().ForUpdate(),
		append([]any{project, run}, values(open)...)...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var name bine.StepName
		if err := found.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, found.Err()
}

// Step gives a step, or an item of a fan-out.
func (s *Store) Step(ctx context.Context, project bine.ProjectName, ref StepRef) (bine.Step, error) {
	st, err := scanStep(s.db.Reader(ctx).QueryRowContext(ctx, "SELECT "+stepColumns+" FROM steps"+isStep, ref.args(project)...))
	return st, forDomain(s.db.Explain(err), ref.String())
}

// Steps gives the steps of a run in the order of its graph, without items; a
// fan-out says how many of its items are in which state now.
func (s *Store) Steps(ctx context.Context, project bine.ProjectName, run bine.RunID) ([]bine.Step, error) {
	steps, err := s.querySteps(ctx, "project = ? AND run = ? AND item = '' ORDER BY position, name", project, run)
	if err != nil {
		return nil, err
	}
	return steps, s.countItems(ctx, project, run, steps)
}

// SetProcess keeps what a step, item or batch will run, on its row.
func (s *Store) SetProcess(ctx context.Context, project bine.ProjectName, ref StepRef, p bine.Process) error {
	return s.write(ctx, func(t *tx) error {
		return t.change(ref.String(), "UPDATE steps SET process = ?"+isStep, append([]any{docOf(p)}, ref.args(project)...)...)
	})
}

// Process gives what a step, item or batch runs; NotFound where it runs nothing.
func (s *Store) Process(ctx context.Context, project bine.ProjectName, ref StepRef) (bine.Process, error) {
	var p doc[*bine.Process]
	err := s.db.Reader(ctx).QueryRowContext(ctx, "SELECT process FROM steps"+isStep, ref.args(project)...).Scan(&p)
	if err != nil {
		return bine.Process{}, forDomain(s.db.Explain(err), ref.String())
	}
	if p.V == nil {
		return bine.Process{}, missing("process of " + ref.String())
	}
	return *p.V, nil
}
