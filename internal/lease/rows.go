package lease

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// rows are changes of leases and devices that were not sent yet: those of many
// requests are a few statements.
type rows struct {
	gone     []any // attempts whose leases end
	ended    []any // attempts whose grants end
	devices  map[bine.DeviceID]*moved
	order    []bine.DeviceID
	leases   []any // of each, leaseColumns
	grants   []any // of each, grantColumns
	anything bool
}

// moved is what becomes of a device.
type moved struct {
	delta int64 // of what is used of it
	times int64 // that it was granted
	was   int64 // its epoch before; -1: any
}

const (
	leaseColumns = "attempt, place, host, cpu_milli, memory, gpu_milli, request, owner, workflow, avoid, asked_at, granted_at, project, name, priority, line, gang, lasts, yields, kind"
	leaseCount   = 20
	grantColumns = "device, epoch, attempt, host, project, owner, milli, granted_at"
	grantCount   = 8
	mostRows     = 500 // of one statement
	fewDevices   = 8   // cost a server less one by one than in a table of their own
)

// add adds a lease of an attempt that is not written down yet.
func (r *rows) add(e *entry, attempt bine.AttemptID, has amount, host bine.HostName, granted *int64, now int64) {
	request, avoid := e.request, e.avoid
	if attempt != e.Attempt {
		request, avoid = "", nil
	}
	r.anything = true
	r.leases = append(r.leases, attempt, e.place, host, has.milli, has.memory, has.gpus, request, text[bine.Owner]{e.owner}, e.Workflow,
		text[[]bine.HostName]{avoid}, now, granted, e.project, e.owner.Name, e.priority, e.line, e.gangName(), e.lasts, e.yields, e.kind())
}

// remove ends a lease, and those of its gang.
func (r *rows) remove(e *entry) {
	r.anything = true
	r.gone = append(r.gone, e.Attempt)
	for _, h := range e.has {
		if h.attempt != e.Attempt {
			r.gone = append(r.gone, h.attempt)
		}
	}
}

// move changes what is used of a device.
func (r *rows) move(id bine.DeviceID, was, delta, times int64) {
	r.anything = true
	m := r.devices[id]
	if m == nil {
		if r.devices == nil {
			r.devices = map[bine.DeviceID]*moved{}
		}
		m = &moved{was: was}
		r.devices[id], r.order = m, append(r.order, id)
	}
	m.delta, m.times = m.delta+delta, m.times+times
}

// flush sends what was gathered.
func (t *tx) flush() error {
	if t.unsent != nil || !t.rows.anything {
		return t.unsent
	}
	r := t.rows
	t.rows, t.wrote = rows{}, true
	t.unsent = t.send(r)
	return t.unsent
}

func (t *tx) send(r rows) error {
	for some := range slices.Chunk(r.ended, mostRows) {
		if err := t.sendOne("UPDATE lease_grants SET ended_at = ? WHERE ended_at IS NULL AND attempt IN ("+places(len(some))+")", append([]any{t.now}, some...)); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(r.gone, mostRows) {
		if len(r.ended) > 0 {
			if err := t.remember(some); err != nil {
				return err
			}
		}
		if err := t.sendOne("DELETE FROM leases WHERE attempt IN ("+places(len(some))+")", some); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(r.order, mostRows) {
		if err := t.sendDevices(r, some); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(r.leases, mostRows*leaseCount) {
		if err := t.sendOne("INSERT INTO leases ("+leaseColumns+") VALUES "+tuples(len(some)/leaseCount, leaseCount), some); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(r.grants, mostRows*grantCount) {
		if err := t.sendOne("INSERT INTO lease_grants ("+grantColumns+") VALUES "+tuples(len(some)/grantCount, grantCount), some); err != nil {
			return err
		}
	}
	return nil
}

// sendOne sends a statement, or keeps it for the end of a talk that has come there.
func (t *tx) sendOne(text string, args []any) error {
	if t.end != nil {
		t.end = append(t.end, database.Statement{Text: text, Args: args})
		return nil
	}
	_, err := t.tx.ExecContext(t.ctx, text, args...)
	return err
}

// sendDevices changes what is used of devices. The epoch of each has to be as the
// picture has it, so that nobody else has granted it; that no more is used
// than there is, is a check of the database.
func (t *tx) sendDevices(r rows, ids []bine.DeviceID) error {
	var args []any
	for _, id := range ids {
		m := r.devices[id]
		args = append(args, string(id), m.was, m.delta, m.times)
	}
	query := "WITH v (id, was, delta, times) AS (VALUES " + tuples(len(ids), 4) + ") UPDATE lease_devices SET used = used + v.delta, epoch = epoch + v.times FROM v WHERE lease_devices.id = v.id AND (v.was < 0 OR epoch = v.was)"
	if t.l.db.Dialect() == database.MySQL {
		query = "UPDATE (SELECT ? AS id, ? AS was, ? AS delta, ? AS times" + strings.Repeat(" UNION ALL SELECT ?, ?, ?, ?", len(ids)-1) +
			") v STRAIGHT_JOIN lease_devices d ON d.id = v.id AND (v.was < 0 OR d.epoch = v.was) SET d.used = d.used + v.delta, d.epoch = d.epoch + v.times"
	}
	if t.end != nil && len(ids) <= fewDevices {
		for _, id := range ids {
			m := r.devices[id]
			statement, args := "UPDATE lease_devices SET used = used + ?, epoch = epoch + ? WHERE id = ?", []any{m.delta, m.times, id}
			if m.was >= 0 {
				statement, args = statement+" AND epoch = ?", append(args, m.was)
			}
			t.end = append(t.end, database.Statement{Text: statement, Args: args}, same(1))
		}
		return nil
	}
	if t.end != nil {
		t.end = append(t.end, database.Statement{Text: query, Args: args}, same(len(ids)))
		return nil
	}
	result, err := t.tx.ExecContext(t.ctx, query, args...)
	if t.l.db.IsCheck(err) {
		return t.foreign(err)
	}
	if err != nil {
		return fmt.Errorf("hand over devices: %w", err)
	}
	n, err := result.RowsAffected()
	if err == nil && n < int64(len(ids)) {
		return t.foreign(fmt.Errorf("%d of %d", len(ids)-int(n), len(ids)))
	}
	return err
}

// same notes in a talk whether the statement before it has found so many rows.
func same(n int) database.Statement {
	return database.Statement{Text: "SET @bine_same = IF(ROW_COUNT() = ?, @bine_same, 0)", Args: []any{n}}
}

// tuples are the places of so many rows.
func tuples(rows, columns int) string {
	one := "(" + places(columns) + ")"
	return one + strings.Repeat(", "+one, rows-1)
}

// places are those of n parameters.
func places(n int) string { return "?" + strings.Repeat(", ?", n-1) }
