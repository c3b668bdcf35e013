package database

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"time"
)

// tries bounds how often a transaction that lost a race is run again.
const tries = 20

// Write runs f in one transaction and returns when it is on disk; f's error
// undoes it and is returned. f uses only tx and must be repeatable: a
// transaction that lost a race, or whose neighbour in a shared commit failed,
// is run again. On SQLite writers take turns, and those that wait share one
// commit; on MySQL transactions are READ COMMITTED. Within Together, f joins
// that transaction.
func (db *DB) Write(ctx context.Context, f func(tx *sql.Tx) error) error {
	if j := joinedTo(ctx, db); j != nil {
		return j.run(f)
	}
	var err error
	for try := range tries {
		if err = ctx.Err(); err != nil {
			return err
		}
		if db.queue != nil {
			err = db.queue.do(ctx, db.write, f)
		} else {
			err = once(ctx, db.write, f)
		}
		if err == nil || !transient(err) {
			break
		}
		pause := time.Duration(1+rand.Int64N(4<<min(try, 7))) * time.Millisecond
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return db.Explain(err)
}

// once runs f in a transaction of its own.
func once(ctx context.Context, pool *sql.DB, f func(tx *sql.Tx) error) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit, or a panic of f, this is right too
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// Inside is the context for the statements of a transaction. A cancel would
// undo, on SQLite, all that share its commit, so there it takes effect before
// the transaction and after it only.
func (db *DB) Inside(ctx context.Context) context.Context {
	if db.dialect == SQLite {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// Reader answers queries.
type Reader interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Reader reads: within Together from its transaction, so that it sees what was
// written there, else from the pool.
func (db *DB) Reader(ctx context.Context) Reader {
	if j := joinedTo(ctx, db); j != nil {
		return j.tx
	}
	return db.read
}

// joined is a transaction that several Writes share.
type joined struct {
	db    *DB
	tx    *sql.Tx
	after []func()
	fault error // of the first Write that failed
}

type joinedKey struct{}

func joinedTo(ctx context.Context, db *DB) *joined {
	if j, ok := ctx.Value(joinedKey{}).(*joined); ok && j.db == db {
		return j
	}
	return nil
}

// Joined reports whether ctx is that of a transaction of Together.
func (db *DB) Joined(ctx context.Context) bool { return joinedTo(ctx, db) != nil }

func (j *joined) run(f func(tx *sql.Tx) error) error {
	if j.fault == nil {
		j.fault = f(j.tx)
	}
	return j.fault
}

// Together makes every Write under the context that it gives f part of one
// transaction: all of them stand, or none. It saves commits on paths that
// write in several packages. f has to be short and repeatable, waits for
// nothing outside the database, and calls with the context it gets: a Write
// with another would wait for this one for ever. A Write that fails undoes
// everything, even if f goes on.
func (db *DB) Together(ctx context.Context, f func(ctx context.Context) error) error {
	if joinedTo(ctx, db) != nil {
		return f(ctx)
	}
	var j *joined
	err := db.Write(ctx, func(tx *sql.Tx) error {
		j = &joined{db: db, tx: tx}
		if err := f(context.WithValue(ctx, joinedKey{}, j)); err != nil {
			return err
		}
		return j.fault
	})
	if err != nil {
		return err
	}
	for _, f := range j.after {
		f()
	}
	return nil
}

// OnCommit runs f after a Write that was successful: now, or within Together
// when its transaction is committed.
func (db *DB) OnCommit(ctx context.Context, f func()) {
	if j := joinedTo(ctx, db); j != nil {
		j.after = append(j.after, f)
		return
	}
	f()
}

// View begins a transaction that reads: whatever is written meanwhile, it sees
// the database as it was at its first query. Whoever begins it ends it, by
// Rollback. As long as it lasts, SQLite's log grows by what is written, and MySQL
// keeps what was there before.
func (db *DB) View(ctx context.Context) (*sql.Tx, error) {
	if db.dialect == SQLite {
		tx, err := db.read.BeginTx(ctx, nil)
		return tx, db.Explain(err)
	}
	tx, err := db.read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	return tx, db.Explain(err)
}
