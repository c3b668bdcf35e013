package lease

import (
	"database/sql"
	"errors"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// query is a query, and who takes its rows.
type query struct {
	database.Statement
	scan func(row scanner) error
}

// begin holds the ledger, and reads ahead what jobs will ask for: on a server,
// all at once.
func (t *tx) begin(jobs []*job) error {
	queries := []query{t.hold()}
	a := &ahead{tx: t, belongings: newBelongings()}
	if ids, back := idsOf(jobs); len(ids) > 1 || t.talk != nil && len(ids) > 0 {
		t.loaded = map[bine.AttemptID]*entry{}
		for _, id := range ids {
			t.loaded[id.(bine.AttemptID)] = nil
		}
		queries = append(queries, a.entries(ids)...)
		if len(back) > 0 {
			queries = append(queries, a.alone(back)) // a gang's is read when it comes: few are
		}
	}
	if err := t.ask(queries); err != nil {
		return err
	}
	if !t.isHeld {
		return sql.ErrNoRows
	}
	for _, e := range t.loaded {
		if e == nil {
			continue
		}
		slices.SortFunc(e.slots, slotOrder)
		if a.back[e.Attempt] && e.Host > NoHost && e.gang != e.Attempt {
			e.has = a.of(e)
		}
	}
	return nil
}

// ask asks queries, of which the first begins the transaction.
func (t *tx) ask(queries []query) error {
	if t.talk == nil {
		for _, q := range queries {
			if err := t.each(q.scan, q.Text, q.Args...); err != nil {
				return err
			}
		}
		return nil
	}
	var all []database.Statement
	for _, q := range queries {
		all = append(all, q.Statement)
	}
	rows, err := t.talk.Begin(t.ctx, all)
	if err != nil {
		return err
	}
	defer rows.Close()
	for i, q := range queries {
		if i > 0 && !rows.NextResultSet() {
			return errors.Join(rows.Err(), errors.New("the MySQL server has not answered all queries"))
		}
		if err := scanAll(rows, q.scan); err != nil {
			return err
		}
	}
	return rows.Close()
}

func scanAll(rows *sql.Rows, scan func(row scanner) error) error {
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// idsOf gives the attempts that jobs will ask of, and of which something is given
// back, each once.
func idsOf(jobs []*job) (ids, back []any) {
	known := map[bine.AttemptID]bool{"": true}
	for _, j := range jobs {
		if known[j.id] {
			continue
		}
		known[j.id] = true
		if ids = append(ids, j.id); j.back {
			back = append(back, j.id)
		}
	}
	return ids, back
}

// ahead is what is read ahead.
type ahead struct {
	*tx
	belongings
}

// entries reads requests with their slots.
func (a *ahead) entries(ids []any) []query {
	in := "(" + places(len(ids)) + ")"
	return []query{
		{database.Statement{Text: "SELECT " + entryColumns + " FROM leases l WHERE l.attempt IN " + in, Args: ids}, func(row scanner) error {
			e, err := scanEntry(row)
			if err == nil {
				a.loaded[e.Attempt] = e
			}
			return err
		}},
		{database.Statement{Text: "SELECT attempt, slot, count, most, held FROM lease_slots WHERE attempt IN " + in, Args: ids}, func(row scanner) error {
			var id bine.AttemptID
			var s slot
			err := row.Scan(&id, &s.Name, &s.Count, &s.Most, &s.held)
			if e := a.loaded[id]; e != nil {
				e.slots = append(e.slots, s)
			}
			return err
		}},
	}
}

// belongings are what attempts and their gangs were granted.
type belongings struct {
	back    map[bine.AttemptID]bool // those that were asked about
	devices map[bine.AttemptID][]hadDevice
	members map[bine.AttemptID][]had
}

func newBelongings() belongings {
	return belongings{map[bine.AttemptID]bool{}, map[bine.AttemptID][]hadDevice{}, map[bine.AttemptID][]had{}}
}

// of gives what an entry and its gang were granted.
func (b belongings) of(e *entry) []had {
	if e.gang == e.Attempt {
		return b.members[e.Attempt]
	}
	return []had{{attempt: e.Attempt, host: e.Host, amount: e.amount, devices: b.devices[e.Attempt]}}
}

// alone reads the devices of attempts themselves.
func (b belongings) alone(ids []any) query {
	for _, id := range ids {
		b.back[id.(bine.AttemptID)] = true
	}
	return query{database.Statement{Text: "SELECT g.attempt, g.device, g.milli, d.host FROM lease_grants g JOIN lease_devices d ON d.id = g.device WHERE g.ended_at IS NULL AND g.attempt IN (" + places(len(ids)) + ")", Args: ids},
		func(row scanner) error {
			var id bine.AttemptID
			var g hadDevice
			err := row.Scan(&id, &g.id, &g.milli, &g.host)
			b.devices[id] = append(b.devices[id], g)
			return err
		}}
}

// gangs reads what the processes of gangs have.
func (b belongings) gangs(ids []any) query {
	return query{database.Statement{Text: "SELECT l.gang, l.attempt, l.host, l.cpu_milli, l.memory, l.gpu_milli, COALESCE(g.device, ''), COALESCE(g.milli, 0), COALESCE(d.host, '') FROM leases l LEFT JOIN lease_grants g ON g.attempt = l.attempt AND g.ended_at IS NULL LEFT JOIN lease_devices d ON d.id = g.device WHERE l.gang IN (" + places(len(ids)) + ") ORDER BY l.gang, l.attempt", Args: ids},
		func(row scanner) error {
			var gang bine.AttemptID
			var h had
			var g hadDevice
			if err := row.Scan(&gang, &h.attempt, &h.host, &h.milli, &h.memory, &h.gpus, &g.id, &g.milli, &g.host); err != nil {
				return err
			}
			has := b.members[gang]
			if n := len(has); n == 0 || has[n-1].attempt != h.attempt {
				has = append(has, h)
			}
			if last := &has[len(has)-1]; g.id != "" {
				last.devices = append(last.devices, g)
			}
			b.members[gang] = has
			return nil
		}}
}

// having reads what was granted to an entry and its gang.
func (t *tx) having(e *entry) error {
	b, id := newBelongings(), []any{e.Attempt}
	q := b.alone(id)
	if e.gang == e.Attempt {
		q = b.gangs(id)
	}
	if e.gpus > 0 {
		if err := t.each(q.scan, q.Text, q.Args...); err != nil {
			return err
		}
	}
	e.has = b.of(e)
	return nil
}
