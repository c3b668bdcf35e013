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
	if k, is := kindOf(e.want); is {
		t.kinds = append(t.kinds, k)
	}
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
