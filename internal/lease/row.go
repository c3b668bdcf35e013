package lease

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// view reads the ledger.
type view struct {
	q   database.Reader
	ctx context.Context
}

// scanner is a row that is read.
type scanner interface{ Scan(into ...any) error }

// row asks for one row.
func (v view) row(query string, args ...any) *sql.Row {
	return v.q.QueryRowContext(v.ctx, query, args...)
}

// each runs a query and hands its rows to scan.
func (v view) each(scan func(row scanner) error, query string, args ...any) error {
	found, err := v.q.QueryContext(v.ctx, query, args...)
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

// tx is one transaction that holds the ledger.
type tx struct {
	view
	tx    *sql.Tx
	now   int64
	last  int64    // place in the line, or turn, that was given last
	freed []string // slots that somebody who waits may have now
	seen  *picture // once it was looked at
}

// write runs f while nobody else changes the ledger.
func (l *Ledger) write(ctx context.Context, f func(t *tx) error) error {
	return l.db.Write(ctx, func(q *sql.Tx) error {
		inside := l.db.Inside(ctx)
		t := &tx{view: view{q, inside}, tx: q, now: database.Micros(time.Now())}
		if err := t.row("SELECT last FROM lease_ledger WHERE id = 1" + l.db.Dialect().ForUpdate()).Scan(&t.last); err != nil {
			return fmt.Errorf("hold the ledger: %w", err)
		}
		return f(t)
	})
}

func (t *tx) exec(query string, args ...any) (int64, error) {
	result, err := t.tx.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// entry is a request as it is written down.
type entry struct {
	Grant
	want
	project  bine.ProjectName
	owner    bine.Owner
	priority int // the less, the sooner
	place    int64
	line     string         // the slot that it waits for
	slots    []slot         // in their order
	gang     bine.AttemptID // of a process of a gang: the attempt of the first
	spots    []spot         // what it was just granted, where that has devices
	fresh    bool           // not written down yet
	was      string         // the line in which it is written down
}

// before reports whether e goes before another of its project.
func (e *entry) before(other *entry) bool {
	if e.priority != other.priority {
		return e.priority < other.priority
	}
	return e.place < other.place
}

const entryColumns = "l.attempt, l.workflow, l.host, l.cpu_milli, l.memory, l.gpu_milli, l.request, l.avoid, l.project, l.owner, l.priority, l.place, l.line, l.gang"

func scanEntry(row scanner) (*entry, error) {
	e := &entry{}
	var avoid text[[]bine.HostName]
	var owner text[bine.Owner]
	if err := row.Scan(&e.Attempt, &e.Workflow, &e.Host, &e.milli, &e.memory, &e.gpus, &e.request, &avoid, &e.project, &owner, &e.priority, &e.place, &e.line, &e.gang); err != nil {
		return nil, err
	}
	e.avoid, e.owner, e.was = avoid.V, owner.V, e.line
	return e, nil
}

// grant gives an entry its places.
func (e *entry) grant(spots []spot) {
	e.Host, e.spots = spots[0].host.name, spots
	for _, s := range spots[1:] {
		e.Others = append(e.Others, s.host.name)
	}
}

// find reads what an attempt has or asks for; nil is nothing.
func (t *tx) find(id bine.AttemptID) (*entry, error) { return t.one("l.attempt = ?", id) }

// one reads one request with its slots; nil is none.
func (t *tx) one(where string, args ...any) (*entry, error) {
	e, err := scanEntry(t.row("SELECT "+entryColumns+" FROM leases l WHERE "+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = t.each(func(row scanner) error {
		var s slot
		err := row.Scan(&s.Name, &s.Count, &s.Most, &s.held)
		e.slots = append(e.slots, s)
		return err
	}, "SELECT slot, count, most, held FROM lease_slots WHERE attempt = ?", e.Attempt)
	slices.SortFunc(e.slots, slotOrder)
	return e, err
}

// heads reads who stands first in the line for hosts, of each project. It looks
// at those alone, however many stand behind.
func (t *tx) heads() (list []*entry, err error) {
	var ids []any
	err = t.each(func(row scanner) error {
		var id bine.AttemptID
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, `WITH RECURSIVE waiting (project) AS (
	SELECT MIN(project) FROM leases WHERE host = '' AND line = ''
	UNION ALL
	SELECT (SELECT MIN(n.project) FROM leases n WHERE n.host = '' AND n.line = '' AND n.project > waiting.project) FROM waiting WHERE waiting.project IS NOT NULL
)
SELECT (SELECT h.attempt FROM leases h WHERE h.host = '' AND h.line = '' AND h.project = waiting.project ORDER BY h.priority, h.place LIMIT 1)
FROM waiting WHERE waiting.project IS NOT NULL`)
	for some := range slices.Chunk(ids, readAtOnce) {
		if err != nil {
			return nil, err
		}
		err = t.each(func(row scanner) error {
			e, err := scanEntry(row)
			list = append(list, e)
			return err
		}, "SELECT "+entryColumns+" FROM leases l WHERE l.attempt IN (?"+strings.Repeat(", ?", len(some)-1)+")", some...)
	}
	return list, err
}

// readAtOnce bounds what one query names.
const readAtOnce = 500

// count moves the counter of places and turns on.
func (t *tx) count() error {
	t.last++
	_, err := t.exec("UPDATE lease_ledger SET last = ? WHERE id = 1", t.last)
	return err
}

// newEntry is a request that is not written down yet, at the end of the line.
func (t *tx) newEntry(r Request) *entry {
	t.last++
	e := &entry{Grant: Grant{Attempt: r.Attempt, Workflow: r.Workflow}, want: wantOf(r), project: r.Owner.Project, owner: r.Owner, priority: -r.Priority.Rank(), place: t.last, fresh: true}
	for _, s := range r.Slots {
		e.slots = append(e.slots, slot{Slot: s})
	}
	slices.SortFunc(e.slots, slotOrder)
	return e
}

// save writes down what became of a request; r is read where it is new.
func (t *tx) save(e *entry, r Request) error {
	var granted *int64
	if e.Host != "" {
		granted = &t.now
	}
	if e.fresh {
		return t.insert(e, r, granted)
	}
	for _, s := range e.slots {
		if !s.held {
			continue
		}
		if _, err := t.exec("UPDATE lease_slots SET held = 1 WHERE attempt = ? AND slot = ? AND held = 0", e.Attempt, s.Name); err != nil {
			return err
		}
	}
	if e.Host == "" && e.line == e.was {
		return nil
	}
	if _, err := t.exec("UPDATE leases SET host = ?, line = ?, granted_at = ? WHERE attempt = ?", e.Host, e.line, granted, e.Attempt); err != nil {
		return err
	}
	return t.handAll(e)
}

func (t *tx) insert(e *entry, r Request, granted *int64) error {
	_, err := t.exec("INSERT INTO leases (attempt, place, host, cpu_milli, memory, gpu_milli, request, owner, workflow, avoid, asked_at, granted_at, project, name, priority, line) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		e.Attempt, e.place, e.Host, e.milli, e.memory, e.gpus, e.request, text[bine.Owner]{r.Owner}, e.Workflow, text[[]bine.HostName]{e.avoid}, t.now, granted, e.project, r.Owner.Name, e.priority, e.line)
	for _, s := range e.slots {
		if err == nil {
			_, err = t.exec("INSERT INTO lease_slots (attempt, slot, count, most, held) VALUES (?, ?, ?, ?, ?)", e.Attempt, s.Name, s.Count, s.Most, s.held)
		}
	}
	if err == nil {
		_, err = t.exec("UPDATE lease_ledger SET last = ? WHERE id = 1", t.last)
	}
	if err == nil {
		err = t.handAll(e)
	}
	return err
}

// remove takes a request out; what it held or stood in line for is free.
func (t *tx) remove(e *entry) error {
	for _, s := range e.slots {
		if s.held {
			t.freed = append(t.freed, s.Name)
		}
	}
	if e.line != "" {
		t.freed = append(t.freed, e.line)
	}
	if e.gpus > 0 && e.Host != "" {
		if err := t.disband(e.Attempt); err != nil {
			return err
		}
	}
	_, err := t.exec("DELETE FROM leases WHERE attempt = ?", e.Attempt)
	return err
}

// disband takes the devices of an attempt back, and all that its gang has.
func (t *tx) disband(attempt bine.AttemptID) error {
	all := []bine.AttemptID{attempt} // which a gang's first process is in too
	err := t.each(func(row scanner) error {
		var id bine.AttemptID
		err := row.Scan(&id)
		all = append(all, id)
		return err
	}, "SELECT attempt FROM leases WHERE gang = ? AND attempt <> ?", attempt, attempt)
	for _, id := range all {
		if err == nil {
			err = t.takeBack(id)
		}
	}
	if err == nil && len(all) > 1 {
		_, err = t.exec("DELETE FROM leases WHERE gang = ? AND attempt <> ?", attempt, attempt)
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
