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
	spots    []spot         // what it was just granted
	has      []had          // what was granted to it and its gang, where that is read already
	fresh    bool           // not written down yet
	was      string         // the line in which it is written down
	lasts    int64          // microseconds after which it gives back at the latest; 0 is not known
	yields   bool           // gives back before others
}

// before reports whether e goes before another of its project.
func (e *entry) before(other *entry) bool {
	if e.priority != other.priority {
		return e.priority < other.priority
	}
	return e.place < other.place
}

const entryColumns = "l.attempt, l.workflow, l.host, l.cpu_milli, l.memory, l.gpu_milli, l.request, l.avoid, l.project, l.owner, l.priority, l.place, l.line, l.gang, l.lasts, l.yields"

func scanEntry(row scanner) (*entry, error) {
	e := &entry{}
	var avoid text[[]bine.HostName]
	var owner text[bine.Owner]
	if err := row.Scan(&e.Attempt, &e.Workflow, &e.Host, &e.milli, &e.memory, &e.gpus, &e.request, &avoid, &e.project, &owner, &e.priority, &e.place, &e.line, &e.gang, &e.lasts, &e.yields); err != nil {
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
func (t *tx) find(id bine.AttemptID) (*entry, error) {
	if e, known := t.loaded[id]; known {
		delete(t.loaded, id)
		return e, nil
	}
	return t.one("l.attempt = ?", id)
}

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

// kind is what a request waits for that waits for a host: 1 is accelerators, 0
// cores and memory alone. Each has a line of its own.
func (w want) kind() int {
	if w.gpus > 0 {
		return 1
	}
	return 0
}

// heads reads who stands first in the lines for hosts, where anybody waits.
func (t *tx) heads() ([]*entry, error) {
	p := t.known()
	if p != nil && !p.waits {
		return nil, nil
	}
	list, err := t.firsts()
	if err == nil && p != nil {
		p.waits = len(list) > 0
	}
	return list, err
}

// firsts reads who stands first in the lines for hosts, of each project. It looks
// at those alone, however many stand behind.
func (v view) firsts() (list []*entry, err error) {
	var ids []any
	err = v.each(func(row scanner) error {
		var id bine.AttemptID
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, `WITH RECURSIVE waiting (kind, project) AS (
	SELECT k.kind, (SELECT MIN(f.project) FROM leases f WHERE f.host = '' AND f.line = '' AND f.kind = k.kind) FROM (SELECT 0 AS kind UNION ALL SELECT 1) k
	UNION ALL
	SELECT waiting.kind, (SELECT MIN(n.project) FROM leases n WHERE n.host = '' AND n.line = '' AND n.kind = waiting.kind AND n.project > waiting.project) FROM waiting WHERE waiting.project IS NOT NULL
)
SELECT (SELECT h.attempt FROM leases h WHERE h.host = '' AND h.line = '' AND h.kind = waiting.kind AND h.project = waiting.project ORDER BY h.priority, h.place LIMIT 1)
FROM waiting WHERE waiting.project IS NOT NULL`)
	for some := range slices.Chunk(ids, readAtOnce) {
		if err != nil {
			return nil, err
		}
		err = v.each(func(row scanner) error {
			e, err := scanEntry(row)
			list = append(list, e)
			return err
		}, "SELECT "+entryColumns+" FROM leases l WHERE l.attempt IN (?"+strings.Repeat(", ?", len(some)-1)+")", some...)
	}
	return list, err
}

// readAtOnce bounds what one query names.
const readAtOnce = 500

// newEntry is a request that is not written down yet, at the end of the line.
func (t *tx) newEntry(r Request) *entry {
	t.last++
	e := &entry{Grant: Grant{Attempt: r.Attempt, Workflow: r.Workflow}, want: wantOf(r), project: r.Owner.Project, owner: r.Owner, priority: -r.Priority.Rank(), place: t.last, fresh: true, lasts: lasts(r), yields: r.Yields}
	for _, s := range r.Slots {
		e.slots = append(e.slots, slot{Slot: s})
	}
	slices.SortFunc(e.slots, slotOrder)
	return e
}

// save writes down what became of a request; r is read where it is new.
func (t *tx) save(e *entry, r Request) error {
	delete(t.loaded, e.Attempt)
	if e.Host == "" && e.line == "" && t.l.seen != nil {
		t.l.seen.waits = true
	}
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
	if _, err := t.exec("UPDATE leases SET host = ?, line = ?, granted_at = ?, cpu_milli = ?, memory = ?, gpu_milli = ?, gang = ? WHERE attempt = ?",
		e.Host, e.line, granted, e.first().milli, e.first().memory, e.first().gpus, e.gangName(), e.Attempt); err != nil {
		return err
	}
	return t.handAll(e)
}

// first is what the process of an entry has or is to have; of a gang, the first one.
func (e *entry) first() amount {
	if len(e.spots) > 0 {
		return e.spots[0].amount
	}
	return e.amount
}

// gangName names the gang of an entry that was just granted.
func (e *entry) gangName() bine.AttemptID {
	if len(e.spots) > 1 {
		return e.Attempt
	}
	return e.gang
}

func (t *tx) insert(e *entry, r Request, granted *int64) error {
	e.owner = r.Owner
	t.rows.add(e, e.Attempt, e.first(), e.Host, granted, t.now)
	for _, s := range e.slots {
		if _, err := t.exec("INSERT INTO lease_slots (attempt, slot, count, most, held) VALUES (?, ?, ?, ?, ?)", e.Attempt, s.Name, s.Count, s.Most, s.held); err != nil {
			return err
		}
	}
	return t.handAll(e)
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
	delete(t.loaded, e.Attempt)
	t.unreserve(e.Attempt)
	if p := t.l.seen; p != nil && e.Host > NoHost {
		delete(p.runs, e.Attempt)
		t.undo = append(t.undo, func() { p.runs = nil })
	}
	if e.Host > NoHost && e.has == nil {
		if err := t.having(e); err != nil {
			return err
		}
	}
	for _, h := range e.has {
		if err := t.linger(&h); err != nil {
			return err
		}
		t.takeBack(e.project, h)
	}
	t.rows.remove(e)
	return nil
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
