// Package store keeps the metadata of the platform: what exists, and where it
// stands. It knows root types only; rows and gorm stay inside.
//
// Every method answers errors of kind bine.NotFound, Conflict, Fenced and so
// on where a caller can act on them. States move by compare-and-set, so a
// repeated call is harmless; moving to the state a thing is in already is no
// error. A change of state and its event are one transaction, and Watch wakes
// after its commit. Several calls become one transaction, and one commit,
// under the context of database.Together.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// Store keeps the metadata of the platform in one database.
type Store struct {
	db  *database.DB
	hub *hub
	// points answers what every request asks.
	points *database.Prepared
	// reports gathers what tracked runs report.
	reports reports
}

// New makes a store on db.
func New(db *database.DB) *Store {
	return &Store{db: db, hub: newHub(db), points: database.NewPrepared(db)}
}

// read is gorm for reading.
func (s *Store) read(ctx context.Context) *gorm.DB { return s.db.Gorm(ctx) }

// point is for reading by the key of a row, by a prepared statement where ctx
// carries no transaction.
func (s *Store) point(ctx context.Context) database.Reader {
	if r := s.db.Reader(ctx); r != database.Reader(s.db.Read()) {
		return r
	}
	return s.points
}

// tx is one transaction, with the events that it is to leave.
type tx struct {
	*sql.Tx
	ctx    context.Context
	db     *database.DB
	now    int64
	events []bine.Event
}

// write runs f in one transaction, with its events, and wakes who watches.
func (s *Store) write(ctx context.Context, f func(t *tx) error) error {
	var events []bine.Event
	err := s.db.Write(ctx, func(q *sql.Tx) error {
		t := &tx{Tx: q, ctx: s.db.Inside(ctx), db: s.db, now: database.Micros(time.Now())}
		if err := t.fence(ctx); err != nil {
			return err
		}
		if err := f(t); err != nil {
			return err
		}
		events = t.events
		return t.putEvents()
	})
	if err == nil && len(events) > 0 {
		s.db.OnCommit(ctx, func() { s.hub.wake(events) })
	}
	return err
}

// gorm is gorm within the transaction.
func (t *tx) gorm() *gorm.DB { return t.db.GormTx(t.ctx, t.Tx) }

// exec changes rows and gives how many it met.
func (t *tx) exec(query string, args ...any) (int64, error) {
	result, err := t.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// row asks for one row.
func (t *tx) row(query string, args ...any) *sql.Row { return t.QueryRowContext(t.ctx, query, args...) }

// change is exec for one row that has to be there; what is left out of what it
// is says the error.
func (t *tx) change(what, query string, args ...any) error {
	n, err := t.exec(query, args...)
	if err == nil && n == 0 {
		return missing(what)
	}
	return forDomain(err, what)
}

func missing(what string) error { return bine.Errorf(bine.NotFound, "there is no %s", what) }

// forDomain gives an error of the database the meaning it has for what was
// being looked at. A kind that an error has already stays.
func forDomain(err error, what string) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, gorm.ErrRecordNotFound) {
		return missing(what)
	}
	if _, ok := errors.AsType[*bine.Error](err); ok {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// named is how a thing is called in messages.
func named[T ~string](noun string, name T) string { return fmt.Sprintf("%s %q", noun, string(name)) }

// in gives the part of a condition that lists n values.
func in(n int) string { return "(?" + strings.Repeat(", ?", n-1) + ")" }

// values makes arguments of values.
func values[T ~string](list []T) []any {
	args := make([]any, len(list))
	for i, v := range list {
		args[i] = string(v)
	}
	return args
}

// moved gives the answer to a compare-and-set that met n rows. Where it met
// none, is tells the state the thing is in.
func moved[S ~string](n int64, what string, to S, is func() (S, error)) (changed bool, err error) {
	if n > 0 {
		return true, nil
	}
	state, err := is()
	if err != nil {
		return false, forDomain(err, what)
	}
	if state == to {
		return false, nil
	}
	return false, bine.Errorf(bine.Conflict, "%s is %s and cannot become %s now", what, state, to)
}

// numbered is how a version of a thing is called in messages.
func numbered(what string, version int) string { return fmt.Sprintf("version %d of %s", version, what) }
