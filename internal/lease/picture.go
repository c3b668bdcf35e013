package lease

import (
	"cmp"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
)

// picture is how the ledger stands. The ledger keeps one between transactions:
// each of its transactions changes it as it changes the rows, and looks whether
// the rows are still those that it is a picture of.
type picture struct {
	board  *board
	held   map[bine.ProjectName]holding
	quotas map[bine.ProjectName]quota
	runs   map[bine.AttemptID]*queue.Running // who holds something; nil: that is to be read

	mark                           // of the rows that it shows
	base    int64                  // a version of it that is surely committed
	touched map[bine.HostName]bool // hosts that were changed here since
	stale   map[bine.HostName]bool // hosts that are to be read again
	unsure  bool                   // whether quotas are to be read again
	waits   bool                   // whether anybody may wait for a host
	read    time.Time              // when all of it was read
}

// mark tells states of the rows apart: no two have the same.
type mark struct{ version, stamp int64 }

// keptFor bounds how long a picture is followed without reading all of it. What
// is changed in the database by nobody of the ledger is seen then at the latest.
const keptFor = time.Minute

// known is the picture that the ledger keeps, if it shows the rows as they are
// but for stale hosts.
func (t *tx) known() *picture {
	if p := t.l.seen; p != nil && p.mark == t.mark {
		return p
	}
	return nil
}

// picture gives how the ledger stands: what was kept, with what has changed since.
func (t *tx) picture() (*picture, error) {
	p := t.l.seen
	if p == nil || p.base > t.version {
		return t.readAll()
	}
	if p.mark != t.mark {
		if err := t.catchUp(p); err != nil {
			return nil, err
		}
	}
	if len(p.stale) > 0 {
		if err := t.refresh(p); err != nil {
			return nil, err
		}
	}
	if p.unsure {
		t.tainted = t.tainted || t.wrote
		var err error
		if p.quotas, err = t.quotas(); err != nil {
			return nil, err
		}
		p.unsure = false
	}
	return p, nil
}

// readAll makes the picture from all rows.
func (t *tx) readAll() (*picture, error) {
	t.l.seen = nil
	p, err := t.look()
	if err == nil {
		p.board.policy, err = t.countKinds()
	}
	if err != nil {
		return nil, err
	}
	p.mark, p.waits, p.read = t.mark, true, time.Now()
	p.touched, p.stale = map[bine.HostName]bool{}, map[bine.HostName]bool{}
	if !t.joined {
		p.base = t.version
	}
	t.l.seen, t.readAnew, t.tainted = p, true, t.tainted || t.wrote
	return p, nil
}

// catchUp finds the hosts that others have changed since the picture was right,
// or that were changed here and may have been undone.
func (t *tx) catchUp(p *picture) error {
	err := t.each(func(row scanner) error {
		var name bine.HostName
		err := row.Scan(&name)
		p.stale[name] = true
		return err
	}, "SELECT host FROM lease_hosts WHERE changed > ?", p.base)
	if err != nil {
		return err
	}
	for name := range p.touched {
		p.stale[name] = true
	}
	if !t.joined {
		p.base, p.touched = t.version, map[bine.HostName]bool{}
	}
	for name := range t.touched {
		p.stale[name] = true
	}
	p.mark, p.unsure, p.waits, p.runs = t.mark, true, true, nil
	t.tainted = t.tainted || t.wrote
	return nil
}

// refresh reads the hosts again that are stale.
func (t *tx) refresh(p *picture) error {
	if err := t.flush(); err != nil {
		return err
	}
	t.tainted = t.tainted || t.wrote
	names := make([]any, 0, len(p.stale))
	for name := range p.stale {
		names = append(names, name)
		for project, h := range p.heldOf(name) {
			p.hold(project, h, -1)
		}
	}
	for len(names) > 0 {
		some := names[:min(len(names), readAtOnce)]
		names = names[len(some):]
		part, _, err := t.board(p.board, "IN ("+places(len(some))+")", some...)
		if err != nil {
			t.l.seen = nil
			return err
		}
		for _, h := range part.hosts {
			p.board.put(h)
			for project, one := range h.by {
				p.hold(project, one, 1)
			}
		}
	}
	clear(p.stale)
	return nil
}

func (p *picture) heldOf(name bine.HostName) map[bine.ProjectName]holding {
	if h := p.board.byName[name]; h != nil {
		return h.by
	}
	return nil
}

// hold notes that a project holds more, or with sign -1 less.
func (p *picture) hold(project bine.ProjectName, h holding, sign int64) {
	p.held[project] = p.held[project].times(h, sign)
}

// times adds another holding, or with sign -1 takes it away.
func (h holding) times(o holding, sign int64) holding {
	return holding{amount{h.milli + sign*o.milli, h.memory + sign*o.memory, h.gpus + sign*o.gpus}, h.steps + int(sign)*o.steps}
}

// give notes on the picture that a project has a spot, or with sign -1 that it
// has given it back; what was placed on the board is taken from it already.
func (p *picture) give(project bine.ProjectName, s spot, sign int64, placed bool) {
	one := holding{s.amount, 1}
	p.hold(project, one, sign)
	if s.host == nil {
		return
	}
	s.host.by[project] = s.host.by[project].times(one, sign)
	if !placed {
		p.board.take(s, sign)
	}
}

// look reads how the ledger stands.
func (v view) look() (p *picture, err error) {
	p = &picture{}
	if p.board, p.held, err = v.board(nil, "<> ''"); err != nil {
		return nil, err
	}
	p.quotas, err = v.quotas()
	return p, err
}

// board reads what some hosts have, what of it is free, and what projects hold
// there. What is known of their devices is not read again.
func (v view) board(known *board, hosts string, args ...any) (*board, map[bine.ProjectName]holding, error) {
	b, held := &board{policy: place.Policy{Name: place.FGD}, byName: map[bine.HostName]*host{}, devices: map[bine.DeviceID]*device{}}, map[bine.ProjectName]holding{}
	err := v.each(func(row scanner) error {
		h := &host{by: map[bine.ProjectName]holding{}}
		var labels text[[]string]
		if err := row.Scan(&h.name, &h.up, &h.cordoned, &h.capacity.milli, &h.capacity.memory, &labels); err != nil {
			return err
		}
		h.free, h.labels = h.capacity, labels.V
		b.hosts = append(b.hosts, h)
		b.byName[h.name] = h
		return nil
	}, "SELECT host, up, cordoned, cpu_milli, memory, labels FROM lease_hosts WHERE host "+hosts+" ORDER BY host", args...)
	if err != nil {
		return nil, nil, err
	}
	devices, err := v.devicesAs(known, "WHERE host "+hosts, args...)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range devices {
		b.devices[d.ID] = d
		b.probation += d.onProbation()
		if h := b.byName[d.host]; h != nil {
			h.add(d)
		}
	}
	return b, held, v.each(func(row scanner) error {
		var name bine.HostName
		var project bine.ProjectName
		var used holding
		if err := row.Scan(&name, &project, &used.steps, &used.milli, &used.memory, &used.gpus); err != nil {
			return err
		}
		if h := b.byName[name]; h != nil {
			h.free.milli, h.free.memory = h.free.milli-used.milli, h.free.memory-used.memory
			h.by[project] = used
		}
		held[project] = held[project].plus(used.amount, used.steps)
		return nil
	}, "SELECT host, project, COUNT(*), SUM(cpu_milli), SUM(memory), SUM(gpu_milli) FROM leases WHERE host "+hosts+" AND host > ? GROUP BY host, project", append(args, NoHost)...)
}

// byName orders hosts.
func byName(a, b *host) int { return cmp.Compare(a.name, b.name) }
