package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"math/rand/v2"
	"strings"
	"time"
)

// Talk is a transaction on a MySQL server that says several statements at once.
// It begins by Begin and ends by Commit; between them, and behind them, single statements are
// what they are in any transaction.
type Talk struct {
	*sql.Conn
	ended *bool
}

// Talk runs f with a connection, where Packets says that this can be. f begins and
// commits; where it fails, or does not commit, all is undone. It must be repeatable: one
// that lost a race is run again, as by Write.
func (db *DB) Talk(ctx context.Context, f func(t Talk) error) error {
	var err error
	for try := range tries {
		if err = ctx.Err(); err != nil {
			return err
		}
		if err = db.talk(ctx, f); err == nil || !transient(err) {
			break
		}
		select {
		case <-time.After(time.Duration(1+rand.Int64N(4<<min(try, 7))) * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return db.Explain(err)
}

// talk runs f once, and leaves no transaction open: a connection on which it
// cannot be ended is closed.
func (db *DB) talk(ctx context.Context, f func(t Talk) error) (err error) {
	conn, err := db.packets.Conn(ctx)
	if err != nil {
		return err
	}
	ended := false
	defer func() { // also of a panic
		if !ended {
			if _, fault := conn.ExecContext(ctx, "ROLLBACK"); fault != nil {
				_ = conn.Raw(func(any) error { return driver.ErrBadConn })
			}
		}
		_ = conn.Close()
	}()
	return f(Talk{conn, &ended})
}

// Begin begins the transaction and asks for rows: of each query, in its order,
// those are a set (sql.Rows.NextResultSet).
func (t Talk) Begin(ctx context.Context, queries []Statement) (*sql.Rows, error) {
	text, args := joinStatements("BEGIN", queries, "")
	return t.QueryContext(ctx, text, args...)
}

// Commit runs statements and commits. If one fails, those behind it are not run,
// and nothing is committed.
func (t Talk) Commit(ctx context.Context, statements []Statement) error {
	text, args := joinStatements("", statements, "COMMIT")
	_, err := t.ExecContext(ctx, text, args...)
	*t.ended = err == nil
	return err
}

func joinStatements(first string, statements []Statement, last string) (string, []any) {
	var texts []string
	var args []any
	for _, s := range append(append([]Statement{{Text: first}}, statements...), Statement{Text: last}) {
		if s.Text != "" {
			texts, args = append(texts, s.Text), append(args, s.Args...)
		}
	}
	return strings.Join(texts, "; "), args
}
