package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

const attemptColumns = "id, project, kind, owner, step, item, number, state, failure, reason, exit_code, host, resources, used, log_size, created_at, started_at, ended_at"

func scanAttempt(row interface{ Scan(...any) error }, more ...any) (bine.Attempt, error) {
	var a bine.Attempt
	var resources doc[bine.Resources]
	var used doc[*bine.Usage]
	var created int64
	var started, ended *int64
	err := row.Scan(append([]any{&a.ID, &a.Owner.Project, &a.Owner.Kind, &a.Owner.Name, &a.Owner.Step, &a.Owner.Item, &a.Number, &a.State, &a.Failure, &a.Reason, &a.ExitCode,
		&a.Host, &resources, &used, &a.LogSize, &created, &started, &ended}, more...)...)
	a.Resources, a.Usage = resources.V, used.V
	a.CreatedAt, a.StartedAt, a.EndedAt = database.Time(created), maybe(started), maybe(ended)
	return a, err
}

// isOwner is the condition for the attempts of one owner.
const isOwner = "project = ? AND kind = ? AND owner = ? AND step = ? AND item = ?"

func ownerArgs(o bine.Owner) []any { return []any{o.Project, o.Kind, o.Name, o.Step, o.Item} }

// refOf is the row of steps that an owner of kind run stands for.
func refOf(o bine.Owner) StepRef { return StepRef{bine.RunID(o.Name), o.Step, o.Item} }

// StartAttempt makes the n-th attempt of a process, which waits for its
// resources, and counts it on the row of its step. One that is there is
// answered as it is; one that a newer attempt has replaced is Fenced.
func (s *Store) StartAttempt(ctx context.Context, owner bine.Owner, number int, p bine.Process) (bine.Attempt, error) {
	var a bine.Attempt
	err := s.write(ctx, func(t *tx) (err error) {
		a, err = t.startAttempt(owner, number, p)
		return err
	})
	return a, forDomain(err, "attempt of "+owner.Name)
}

func (t *tx) startAttempt(owner bine.Owner, number int, p bine.Process) (bine.Attempt, error) {
	id := bine.NewAttemptID(owner, number)
	var newest int // held, so that its end and the start of the next do not cross
	err := t.row("SELECT number FROM attempts WHERE "+isOwner+" ORDER BY number DESC LIMIT 1"+t.db.Dialect().ForUpdate(), ownerArgs(owner)...).Scan(&newest)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return bine.Attempt{}, err
	}
	if newest >= number {
		a, err := scanAttempt(t.row("SELECT "+attemptColumns+" FROM attempts WHERE id = ?", id))
		if errors.Is(err, sql.ErrNoRows) {
			return a, bine.Errorf(bine.Fenced, "attempt %d of %s was replaced by attempt %d", number, owner.Name, newest)
		}
		return a, err
	}
	p.Owner = owner
	a, err := t.insertAttempt(id, number, p)
	if err == nil && owner.Kind == bine.OwnerRun {
		_, err = t.exec("UPDATE steps SET attempts = ?"+isStep, append([]any{number}, refOf(owner).args(owner.Project)...)...)
	}
	return a, err
}

// StartMember makes the attempt of another process of a gang, under an id of its
// own. One that is there is left as it is.
func (s *Store) StartMember(ctx context.Context, id bine.AttemptID, number int, p bine.Process) error {
	err := s.write(ctx, func(t *tx) error {
		n := 0
		if err := t.row("SELECT COUNT(*) FROM attempts WHERE id = ?", id).Scan(&n); err != nil || n > 0 {
			return err
		}
		_, err := t.insertAttempt(id, number, p)
		return err
	})
	return forDomain(err, "attempt of "+p.Owner.Name)
}

// insertAttempt writes the row of an attempt that waits for its resources.
func (t *tx) insertAttempt(id bine.AttemptID, number int, p bine.Process) (bine.Attempt, error) {
	o := p.Owner
	a := bine.Attempt{ID: id, Owner: o, Number: number, State: bine.Waiting, Resources: p.Resources, CreatedAt: database.Time(t.now)}
	var run *string
	if o.Kind == bine.OwnerRun {
		run = &o.Name
	}
	_, err := t.exec("INSERT INTO attempts (id, project, kind, owner, step, item, number, run, state, failure, reason, host, resources, log_size, process, created_at) VALUES "+in(16),
		id, o.Project, o.Kind, o.Name, o.Step, o.Item, number, run, a.State, "", "", "", docOf(p.Resources), 0, docOf(p), t.now)
	if t.db.IsForeign(err) {
		err = bine.Errorf(bine.NotFound, "there is no %s %q in project %q", o.Kind, o.Name, string(o.Project))
	}
	return a, err
}

// Attempt gives an attempt.
func (s *Store) Attempt(ctx context.Context, id bine.AttemptID) (bine.Attempt, error) {
	a, err := scanAttempt(s.db.Reader(ctx).QueryRowContext(ctx, "SELECT "+attemptColumns+" FROM attempts WHERE id = ?", id))
	return a, forDomain(s.db.Explain(err), named("attempt", id))
}

// Attempts gives the attempts of an owner, oldest first.
func (s *Store) Attempts(ctx context.Context, owner bine.Owner) ([]bine.Attempt, error) {
	return s.queryAttempts(ctx, isOwner+" ORDER BY number", ownerArgs(owner)...)
}

// CurrentAttempts gives the attempts on a host that have not ended.
func (s *Store) CurrentAttempts(ctx context.Context, host bine.HostName) ([]bine.Attempt, error) {
	return s.queryAttempts(ctx, "host = ? AND ended_at IS NULL ORDER BY created_at, id", host)
}

func (s *Store) queryAttempts(ctx context.Context, where string, args ...any) ([]bine.Attempt, error) {
	found, err := s.db.Reader(ctx).QueryContext(ctx, "SELECT "+attemptColumns+" FROM attempts WHERE "+where, args...)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	defer found.Close()
	var list []bine.Attempt
	for found.Next() {
		a, err := scanAttempt(found)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, found.Err()
}

// AttemptProcess gives what an attempt runs.
func (s *Store) AttemptProcess(ctx context.Context, id bine.AttemptID) (bine.Process, error) {
	var p doc[bine.Process]
	err := s.db.Reader(ctx).QueryRowContext(ctx, "SELECT process FROM attempts WHERE id = ?", id).Scan(&p)
	return p.V, forDomain(s.db.Explain(err), named("attempt", id))
}

// AttemptHost notes where an attempt has its resources: it is pending there. An
// attempt that has begun or ended is left as it is.
func (s *Store) AttemptHost(ctx context.Context, id bine.AttemptID, host bine.HostName) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE attempts SET host = ?, state = ? WHERE id = ? AND state IN (?, ?)", host, bine.Pending, id, bine.Waiting, bine.Pending)
		if err != nil || n > 0 {
			return err
		}
		return forDomain(t.row("SELECT 1 FROM attempts WHERE id = ?", id).Scan(&n), named("attempt", id))
	})
}

// AttemptStarted notes that the process of an attempt began on a host, and
// moves its step, item or batch, which has not ended, to running. One that
// runs already keeps its time; one that has ended, or is not the newest of its owner, is Fenced.
func (s *Store) AttemptStarted(ctx context.Context, id bine.AttemptID, host bine.HostName, at time.Time) error {
	return s.write(ctx, func(t *tx) error {
		a, process, err := t.lockAttempt(id)
		if err != nil {
			return err
		}
		if a.State.Ended() {
			return bine.Errorf(bine.Fenced, "attempt %q is %s already", string(id), a.State)
		}
		if err := t.newest(a); err != nil {
			return err
		}
		if a.State == bine.Running {
			return nil
		}
		if _, err := t.exec("UPDATE attempts SET state = ?, host = ?, started_at = ? WHERE id = ?", bine.Running, host, database.Micros(at), id); err != nil {
			return err
		}
		return t.stepStarted(a, process, database.Micros(at))
	})
}

// stepStarted moves what an attempt is for to running.
func (t *tx) stepStarted(a bine.Attempt, process doc[bine.Process], at int64) error {
	if a.Owner.Kind != bine.OwnerRun {
		return nil
	}
	ref := refOf(a.Owner)
	items := []string{ref.Item}
	if strings.HasPrefix(ref.Item, batchPrefix) {
		for _, item := range process.V.Batch {
			items = append(items, item.Key)
		}
	}
	for some := range slices.Chunk(items, putAtOnce) {
		args := append([]any{bine.Running, at, a.Owner.Project, ref.Run, ref.Step, bine.Pending, bine.Waiting}, values(some)...)
		n, err := t.exec("UPDATE steps SET state = ?, reason = '', started_at = COALESCE(started_at, ?) WHERE project = ? AND run = ? AND name = ? AND state IN (?, ?) AND item IN "+in(len(some)), args...)
		if err != nil {
			return err
		}
		if n > 0 {
			t.stepEvent(a.Owner.Project, ref, bine.Running)
		}
	}
	return nil
}

// lockAttempt reads an attempt that nobody else changes until the transaction ends.
func (t *tx) lockAttempt(id bine.AttemptID) (bine.Attempt, doc[bine.Process], error) {
	var process doc[bine.Process]
	a, err := scanAttempt(t.row("SELECT "+attemptColumns+", process FROM attempts WHERE id = ?"+t.db.Dialect().ForUpdate(), id), &process)
	return a, process, forDomain(err, named("attempt", id))
}

// newest is Fenced when a newer attempt of the same owner was started.
func (t *tx) newest(a bine.Attempt) error {
	var number int
	if err := t.row("SELECT MAX(number) FROM attempts WHERE "+isOwner, ownerArgs(a.Owner)...).Scan(&number); err != nil {
		return err
	}
	if number > a.Number {
		return bine.Errorf(bine.Fenced, "attempt %d of %s was replaced by attempt %d", a.Number, a.Owner.Name, number)
	}
	return nil
}

// SetLogSize notes how much of an attempt's log is kept; it never shrinks.
func (s *Store) SetLogSize(ctx context.Context, id bine.AttemptID, size int64) error {
	return s.write(ctx, func(t *tx) error {
		return t.change(named("attempt", id), "UPDATE attempts SET log_size = CASE WHEN log_size < ? THEN ? ELSE log_size END WHERE id = ?", size, size, id)
	})
}
