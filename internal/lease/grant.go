package lease

import (
	"github.com/bine-ml/bine"
)

// had is what an attempt was granted: a process of its own, or one of a gang.
type had struct {
	attempt bine.AttemptID
	host    bine.HostName
	amount
	devices []hadDevice
}

// hadDevice is what it was granted of a device, and the host that has that now.
type hadDevice struct {
	id    bine.DeviceID
	milli int64
	host  bine.HostName
}

// give notes on the picture what an entry was granted.
func (t *tx) give(p *picture, e *entry) {
	p.board.confirm(e.spots)
	p.began(e, t.now)
	t.undo = append(t.undo, func() { p.runs = nil })
	for _, s := range e.spots {
		p.give(e.project, s, 1, true)
		t.undo = append(t.undo, func() { p.give(e.project, s, -1, false) })
	}
}

// handAll writes down what an entry was granted: its devices, and those of its
// gang that have processes on other hosts, as leases of their own.
func (t *tx) handAll(e *entry) error {
	if e.Host > NoHost {
		t.unreserve(e.Attempt)
	}
	for rank, s := range e.spots {
		id := e.Attempt.Member(rank)
		t.account(e.project, s.amount, 1)
		t.touch(s.host.name)
		if rank > 0 {
			member := *e
			member.line = ""
			t.rows.add(&member, id, s.amount, s.host.name, &t.now, t.now)
		}
		t.hand(e, id, s.shares)
	}
	e.spots = nil
	return nil
}

// hand writes down that an attempt has shares of devices. Each grant has an
// epoch of its own; that nobody else moved a device's epoch is made sure of.
func (t *tx) hand(e *entry, attempt bine.AttemptID, shares []share) {
	for _, s := range shares {
		d := s.device
		t.rows.move(d.ID, d.epoch, s.milli, 1)
		d.epoch++
		t.undo = append(t.undo, func() { d.epoch-- })
		t.rows.grants = append(t.rows.grants, d.ID, d.epoch, attempt, d.host, e.project, text[bine.Owner]{e.owner}, s.milli, t.now)
	}
}

// takeBack ends what an attempt was granted.
func (t *tx) takeBack(project bine.ProjectName, h had) {
	t.touch(h.host)
	t.account(project, h.amount, -1)
	p := t.known()
	s := spot{amount: h.amount}
	if p != nil {
		s.host = p.board.byName[h.host]
	}
	if len(h.devices) > 0 {
		t.rows.ended = append(t.rows.ended, h.attempt)
	}
	for _, g := range h.devices {
		if t.touch(g.host); s.host == nil {
			t.reread(g.host)
		}
		was := int64(-1)
		if p != nil && !p.stale[g.host] {
			if d := p.board.devices[g.id]; d != nil {
				was, s.shares = d.epoch, append(s.shares, share{d, g.milli})
			}
		}
		t.rows.move(g.id, was, -g.milli, 0)
	}
	if p != nil {
		p.give(project, s, -1, false)
		t.undo = append(t.undo, func() { p.give(project, s, 1, false) })
	}
}

// having reads what was granted to some entries and their gangs.
func (t *tx) having(entries []*entry) error {
	byID, byGang := map[bine.AttemptID]*entry{}, map[bine.AttemptID]*entry{}
	var alone, gangs []any
	for _, e := range entries {
		switch {
		case e.gang == e.Attempt:
			byGang[e.Attempt], gangs = e, append(gangs, e.Attempt)
		case e.gpus > 0:
			byID[e.Attempt], alone = e, append(alone, e.Attempt)
			fallthrough
		default:
			e.has = []had{{attempt: e.Attempt, host: e.Host, amount: e.amount}}
		}
	}
	for some := range chunks(alone) {
		err := t.each(func(row scanner) error {
			var id bine.AttemptID
			var g hadDevice
			err := row.Scan(&id, &g.id, &g.milli, &g.host)
			byID[id].has[0].devices = append(byID[id].has[0].devices, g)
			return err
		}, "SELECT g.attempt, g.device, g.milli, d.host FROM lease_grants g JOIN lease_devices d ON d.id = g.device WHERE g.ended_at IS NULL AND g.attempt IN ("+places(len(some))+")", some...)
		if err != nil {
			return err
		}
	}
	for some := range chunks(gangs) {
		err := t.each(func(row scanner) error {
			var gang bine.AttemptID
			var h had
			var g hadDevice
			if err := row.Scan(&gang, &h.attempt, &h.host, &h.milli, &h.memory, &h.gpus, &g.id, &g.milli, &g.host); err != nil {
				return err
			}
			has := byGang[gang].has
			if n := len(has); n == 0 || has[n-1].attempt != h.attempt {
				has = append(has, h)
			}
			last := &has[len(has)-1]
			if last.devices = append(last.devices, g); g.id == "" {
				last.devices = nil
			}
			byGang[gang].has = has
			return nil
		}, "SELECT l.gang, l.attempt, l.host, l.cpu_milli, l.memory, l.gpu_milli, COALESCE(g.device, ''), COALESCE(g.milli, 0), COALESCE(d.host, '') FROM leases l LEFT JOIN lease_grants g ON g.attempt = l.attempt AND g.ended_at IS NULL LEFT JOIN lease_devices d ON d.id = g.device WHERE l.gang IN ("+places(len(some))+") ORDER BY l.gang, l.attempt", some...)
		if err != nil {
			return err
		}
	}
	return nil
}
