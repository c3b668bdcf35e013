package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Statement is a statement with its arguments.
type Statement struct {
	Text string
	Args []any
}

// Packets reports whether a Write under ctx could be a Packet: the engine has to
// be a server, and ctx must carry no transaction.
func (db *DB) Packets(ctx context.Context) bool { return db.packets != nil && joinedTo(ctx, db) == nil }

// Packet runs statements in a transaction of their own, in one round trip, and
// says how many rows each has changed. One that fails undoes all. No statement
// sees what another answered but by variables and ROW_COUNT(). A transaction that
// lost a race is run again, as by Write.
func (db *DB) Packet(ctx context.Context, statements []Statement) ([]int64, error) {
	texts, args := make([]string, 0, len(statements)+2), []any{}
	texts = append(texts, "BEGIN")
	for _, s := range statements {
		texts, args = append(texts, s.Text), append(args, s.Args...)
	}
	text := strings.Join(append(texts, "COMMIT"), "; ")
	values, err := driverValues(args)
	if err != nil {
		return nil, err
	}
	for try := range tries {
		var rows []int64
		if rows, err = db.send(ctx, text, values); err == nil {
			if len(rows) != len(texts)+1 {
				return nil, fmt.Errorf("the MySQL server answered %d of %d statements", len(rows), len(texts)+1)
			}
			return rows[1 : len(rows)-1], nil
		}
		if !transient(err) {
			break
		}
		select {
		case <-time.After(time.Duration(1+rand.Int64N(4<<min(try, 7))) * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, db.Explain(err)
}

func driverValues(args []any) ([]driver.NamedValue, error) {
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, err
		}
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return values, nil
}

// send sends a packet and leaves no transaction open: a connection on which it
// cannot be told is closed.
func (db *DB) send(ctx context.Context, text string, values []driver.NamedValue) (rows []int64, err error) {
	conn, err := db.packets.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	closed := conn.Raw(func(raw any) error {
		execer := raw.(driver.ExecerContext)
		var result driver.Result
		if result, err = execer.ExecContext(ctx, text, values); err == nil {
			rows = result.(mysql.Result).AllRowsAffected()
			return nil
		}
		if _, answered := errors.AsType[*mysql.MySQLError](err); answered {
			if _, fault := execer.ExecContext(ctx, "ROLLBACK", nil); fault == nil {
				return nil
			}
		}
		return driver.ErrBadConn
	})
	if err == nil {
		err = closed
	}
	return rows, err
}
