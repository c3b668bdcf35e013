package place

import (
	"slices"

	"github.com/bine-ml/bine"
)

// Cluster is a snapshot that follows what is granted and given back, with an
// index over hosts that are in the same state: it decides as Place does, but in
// microseconds. It is not for several goroutines at once.
type Cluster struct {
	*engine
	records  []Host // by number, as they were given
	numbers  map[bine.HostName]int
	class    []*class // of each host; nil of one that is not up
	classes  map[string]*class
	alive    []*class // those that have hosts
	hidden   []bool   // hosts that nothing is placed on
	hiding   bool     // whether any is
	types    map[typeKey]int
	flavours [][]string // of each type
	buffer   []candidate
	good     []*class
	key      []byte
}

// class is the hosts that are in one state.
type class struct {
	state
	hosts   []int // by number, that is by name
	at      int   // in alive; -1 without hosts
	answers []answer
}

// answer is what hosts of a class can do for a type of task.
type answer struct {
	known, parts bool
	offer        offer
	caps         []capacity // known if parts is set
}

// typeKey tells apart tasks that want different things.
type typeKey struct {
	count, milli, hosts, per int
	cpu, memory              int64
	vendor, profile, within  string
	more                     string // of traits and preferences
	uneven                   bool
}

// The bounds of what is remembered; beyond, all of it is forgotten.
const (
	mostTypes   = 1024
	mostClasses = 8192
)

// NewCluster makes one for a policy.
func NewCluster(s Snapshot, p Policy) *Cluster {
	c := &Cluster{engine: newEngine(p), numbers: map[bine.HostName]int{}}
	c.hosts(s, nil)
	c.records = make([]Host, len(c.all))
	for i, h := range c.all {
		c.numbers[h.name] = i
	}
	for _, h := range s.Hosts {
		h.Devices = slices.Clone(h.Devices)
		c.records[c.numbers[h.Name]] = h
	}
	c.class, c.hidden = make([]*class, len(c.all)), make([]bool, len(c.all))
	c.forget()
	return c
}

// forget empties what is remembered of types and classes.
func (c *Cluster) forget() {
	c.types, c.flavours = map[typeKey]int{}, nil
	c.classes, c.alive = map[string]*class{}, nil
	clear(c.class)
	for i := range c.all {
		c.sort(i)
	}
}

// Policy gives what places are chosen by.
func (c *Cluster) Policy() Policy { return c.policy }

// Place finds the place for a task as the function of that name does.
func (c *Cluster) Place(t Task) (Placement, error) {
	d := newDemand(t)
	return c.place(&indexed{c, c.typeOf(d)}, d)
}

// Grant takes a place. The error is one of kind Conflict, and nothing is taken,
// if some of it is not free.
func (c *Cluster) Grant(p Placement) error { return c.change(p, 1) }

// Release gives a place back. The error is one of kind Conflict, and nothing is
// given back, if some of it is not taken.
func (c *Cluster) Release(p Placement) error { return c.change(p, -1) }

// Free says whether a place could be taken now.
func (c *Cluster) Free(p Placement) bool {
	for _, s := range p.Shares {
		i, known := c.numbers[s.Host]
		if !known || !c.all[i].up {
			return false
		}
		for _, part := range s.Devices {
			if at := slices.Index(c.all[i].ids, part.Device); at < 0 || c.all[i].free[at] < part.Milli {
				return false
			}
		}
	}
	if c.Grant(p) != nil {
		return false
	}
	return c.Release(p) == nil
}

// Clone gives another one with the same picture.
func (c *Cluster) Clone() *Cluster { return NewCluster(c.Snapshot(), c.policy) }

// change takes or gives back what a placement says.
func (c *Cluster) change(p Placement, sign int) error {
	for done, s := range p.Shares {
		if err := c.apply(s, sign); err != nil {
			for _, undo := range p.Shares[:done] {
				if e := c.apply(undo, -sign); e != nil {
					return e
				}
			}
			return err
		}
	}
	return nil
}

// apply takes or gives back a share, or does nothing and says why.
func (c *Cluster) apply(s Share, sign int) error {
	i, known := c.numbers[s.Host]
	if !known {
		return bine.Errorf(bine.Conflict, "host %s is not known", s.Host)
	}
	h := c.all[i]
	cpu, memory := h.freeCPU-int64(sign)*s.CPU, h.freeMemory-int64(sign)*s.Memory
	if cpu < 0 || memory < 0 || cpu > h.cpu || memory > h.memory {
		return bine.Errorf(bine.Conflict, "host %s has not as much CPU or memory as that", s.Host)
	}
	for n, part := range s.Devices {
		at := slices.Index(h.ids, part.Device)
		held := 0
		if at >= 0 {
			held = h.held[at] + sign*part.Milli
		}
		if at < 0 || held < 0 || held > 1000 {
			for _, undo := range s.Devices[:n] {
				h.hold(slices.Index(h.ids, undo.Device), -sign*undo.Milli)
			}
			return bine.Errorf(bine.Conflict, "device %s of host %s is not %s", part.Device, s.Host, map[int]string{1: "free", -1: "taken"}[sign])
		}
		h.hold(at, sign*part.Milli)
	}
	h.freeCPU, h.freeMemory = cpu, memory
	c.sort(i)
	return nil
}

// hold notes that somebody has more of a device, or less.
func (h *host) hold(at, milli int) {
	h.held[at] += milli
	if h.free[at] = 0; !h.out[at] {
		h.free[at] = 1000 - h.held[at]
	}
}

// Update says what of a host is free now: whether it takes work, and of each of
// its devices, in their order, the thousandths that are free and whether it
// takes none. A host that is made otherwise than before needs Set instead; one
// that is not known, or has not so many devices, is an error of kind Conflict.
func (c *Cluster) Update(name bine.HostName, up bool, cpu, memory int64, free []int, out []bool) error {
	i, known := c.numbers[name]
	if !known || len(free) != len(c.all[i].ids) || len(out) != len(free) {
		return bine.Errorf(bine.Conflict, "host %s is not known with %d devices", name, len(free))
	}
	h, r := c.all[i], &c.records[i]
	h.up, h.freeCPU, h.freeMemory, r.Up = up, cpu, memory, up
	for at := range free {
		h.out[at], r.Devices[at].Out = out[at], out[at]
		h.held[at] = 1000 - free[at]
		h.hold(at, 0)
	}
	c.sort(i)
	return nil
}

// Hide keeps a host from being chosen until Show, or until hosts are added or
// removed. One that is not known is no error.
func (c *Cluster) Hide(name bine.HostName) {
	if i, known := c.numbers[name]; known {
		c.hidden[i], c.hiding = true, true
	}
}

// Show lets all hosts be chosen again.
func (c *Cluster) Show() {
	if c.hiding {
		clear(c.hidden)
		c.hiding = false
	}
}

// Set puts a host in the place of the one of that name, or adds it.
func (c *Cluster) Set(h Host) {
	if i, known := c.numbers[h.Name]; known && c.records[i].Rack == h.Rack && c.records[i].Block == h.Block && c.all[i].kind == c.kinds[kindKey(h)] {
		h.Devices = slices.Clone(h.Devices)
		c.all[i], c.records[i] = c.host(h), h
		c.sort(i)
		return
	}
	s := c.Snapshot()
	s.Hosts = append(slices.DeleteFunc(s.Hosts, func(o Host) bool { return o.Name == h.Name }), h)
	*c = *NewCluster(s, c.policy)
}

// Remove forgets a host.
func (c *Cluster) Remove(name bine.HostName) {
	s := c.Snapshot()
	s.Hosts = slices.DeleteFunc(s.Hosts, func(o Host) bool { return o.Name == name })
	*c = *NewCluster(s, c.policy)
}

// Hosts gives the hosts as they were said to be: what is free of them is told
// by Snapshot. They are not to be changed.
func (c *Cluster) Hosts() []Host { return c.records }

// Snapshot gives the picture as it is now.
func (c *Cluster) Snapshot() Snapshot {
	s := Snapshot{Hosts: slices.Clone(c.records)}
	for i, h := range c.all {
		r := &s.Hosts[i]
		r.FreeCPU, r.FreeMemory, r.Devices = h.freeCPU, h.freeMemory, slices.Clone(r.Devices)
		for j := range r.Devices {
			r.Devices[j].Free = 1000 - h.held[j]
		}
	}
	return s
}
