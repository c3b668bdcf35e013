package lease

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// tx is one transaction that holds the ledger.
type tx struct {
	*sql.Tx
	ctx  context.Context
	now  int64
	last int64 // place in the line that was given last
}

// write runs f while nobody else changes the ledger.
func (l *Ledger) write(ctx context.Context, f func(t *tx) error) error {
	return l.db.Write(ctx, func(q *sql.Tx) error {
		t := &tx{Tx: q, ctx: l.db.Inside(ctx), now: database.Micros(time.Now())}
		if err := q.QueryRowContext(t.ctx, "SELECT last FROM lease_ledger WHERE id = 1"+l.db.Dialect().ForUpdate()).Scan(&t.last); err != nil {
			return fmt.Errorf("hold the ledger: %w", err)
		}
		return f(t)
	})
}

func (t *tx) exec(query string, args ...any) (int64, error) {
	result, err := t.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// each runs a query and hands its rows to scan.
func (t *tx) each(scan func(row *sql.Rows) error, query string, args ...any) error {
	found, err := t.QueryContext(t.ctx, query, args...)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		if err := scan(found); err != nil {
			return err
		}
	}
	return found.Err()
}

// lease reads what an attempt has: its host into g; waits is set where it is in line.
func (t *tx) lease(attempt bine.AttemptID, g *Grant) (waits bool, err error) {
	err = t.QueryRowContext(t.ctx, "SELECT host FROM leases WHERE attempt = ?", attempt).Scan(&g.Host)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil && g.Host == "", err
}

// board reads what hosts have, and what of it is free.
func (t *tx) board() (*board, error) {
	b, byName := &board{}, map[bine.HostName]*host{}
	err := t.each(func(row *sql.Rows) error {
		h := &host{}
		if err := row.Scan(&h.name, &h.up, &h.capacity.milli, &h.capacity.memory, &h.capacity.gpus); err != nil {
			return err
		}
		h.free = h.capacity
		b.hosts = append(b.hosts, h)
		byName[h.name] = h
		return nil
	}, "SELECT host, up, cpu_milli, memory, gpus FROM lease_hosts ORDER BY host")
	if err != nil {
		return nil, err
	}
	return b, t.each(func(row *sql.Rows) error {
		var name bine.HostName
		var used amount
		if err := row.Scan(&name, &used.milli, &used.memory, &used.gpus); err != nil {
			return err
		}
		if h := byName[name]; h != nil {
			h.free = h.free.minus(used)
		}
		return nil
	}, "SELECT host, SUM(cpu_milli), SUM(memory), SUM(gpus) FROM leases WHERE host > '' GROUP BY host")
}

// waiting is a request in line.
type waiting struct {
	Grant
	want
	place int64
}

// How much of the line is read at first, and at most at a time: mostly the
// first few keep every host.
const (
	lineFirst  = 8
	lineAtOnce = 256
)

// line reads those that wait after a place.
func (t *tx) line(after int64, count int) (list []waiting, err error) {
	err = t.each(func(row *sql.Rows) error {
		var w waiting
		var avoid text[[]bine.HostName]
		if err := row.Scan(&w.place, &w.Attempt, &w.Workflow, &w.milli, &w.memory, &w.gpus, &avoid); err != nil {
			return err
		}
		w.avoid = avoid.V
		list = append(list, w)
		return nil
	}, "SELECT place, attempt, workflow, cpu_milli, memory, gpus, avoid FROM leases WHERE host = '' AND place > ? ORDER BY place LIMIT ?", after, count)
	return list, err
}

// walk puts those that wait to the board, oldest first, until nobody else can
// be granted anything. With take it writes the grants down; without, those
// that wait only keep their hosts: a change has granted what could be.
func (t *tx) walk(b *board, take bool) (grants []Grant, err error) {
	after := int64(0)
	for count := lineFirst; !b.full(); count = min(count*4, lineAtOnce) {
		list, err := t.line(after, count)
		if err != nil {
			return grants, err
		}
		for _, w := range list {
			if after = w.place; b.full() {
				break
			}
			host, ok := b.place(w.want)
			if !ok || !take {
				continue
			}
			if _, err := t.exec("UPDATE leases SET host = ?, granted_at = ? WHERE attempt = ?", host, t.now, w.Attempt); err != nil {
				return nil, err
			}
			w.Host = host
			grants = append(grants, w.Grant)
		}
		if len(list) < count {
			break
		}
	}
	return grants, nil
}

// grant gives those that wait what fits now.
func (t *tx) grant(b *board) ([]Grant, error) { return t.walk(b, true) }

// insert writes a request down, granted where host is not empty.
func (t *tx) insert(r Request, w want, host bine.HostName) error {
	var granted *int64
	if host != "" {
		granted = &t.now
	}
	_, err := t.exec("INSERT INTO leases (attempt, place, host, cpu_milli, memory, gpus, owner, workflow, avoid, asked_at, granted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		r.Attempt, t.last+1, host, w.milli, w.memory, w.gpus, text[bine.Owner]{r.Owner}, r.Workflow, text[[]bine.HostName]{r.Avoid}, t.now, granted)
	if err == nil {
		_, err = t.exec("UPDATE lease_ledger SET last = ? WHERE id = 1", t.last+1)
	}
	return err
}

// text keeps a value as JSON in a column.
type text[T any] struct{ V T }

// Value gives what is written.
func (c text[T]) Value() (driver.Value, error) {
	b, err := json.Marshal(c.V)
	return string(b), err
}

// Scan takes what was read.
func (c *text[T]) Scan(column any) error {
	switch v := column.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(v), &c.V)
	case []byte:
		return json.Unmarshal(v, &c.V)
	}
	return fmt.Errorf("a JSON column holds a %T", column)
}
