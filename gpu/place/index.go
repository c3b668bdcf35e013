package place

import (
	"encoding/binary"
	"slices"
	"strings"
)

// sort puts a host into the class of its state.
func (c *Cluster) sort(i int) {
	h := c.all[i]
	to := (*class)(nil)
	if h.up {
		to = c.classOf(h)
	}
	from := c.class[i]
	if from == to {
		return
	}
	if from != nil {
		c.leave(from, i)
	}
	if c.class[i] = to; to != nil {
		c.enter(to, i)
	}
}

// classOf finds the class of a state, or makes it.
func (c *Cluster) classOf(h *host) *class {
	b := binary.AppendUvarint(c.key[:0], uint64(h.number))
	b = binary.AppendVarint(b, h.freeCPU)
	b = binary.AppendVarint(b, h.freeMemory)
	for _, milli := range h.free {
		b = binary.AppendVarint(b, int64(milli))
	}
	c.key = b
	if known := c.classes[string(b)]; known != nil {
		return known
	}
	if len(c.classes) >= mostClasses+len(c.all) {
		for key, k := range c.classes {
			if k.at < 0 {
				delete(c.classes, key)
			}
		}
	}
	made := &class{state: h.state, at: -1}
	made.free = slices.Clone(h.free)
	c.classes[string(b)] = made
	return made
}

func (c *Cluster) enter(k *class, i int) {
	if k.at < 0 {
		k.at = len(c.alive)
		c.alive = append(c.alive, k)
	}
	at, _ := slices.BinarySearch(k.hosts, i)
	k.hosts = slices.Insert(k.hosts, at, i)
}

func (c *Cluster) leave(k *class, i int) {
	at, _ := slices.BinarySearch(k.hosts, i)
	if k.hosts = slices.Delete(k.hosts, at, at+1); len(k.hosts) > 0 {
		return
	}
	last := c.alive[len(c.alive)-1]
	c.alive[k.at], last.at = last, k.at
	c.alive, k.at = c.alive[:len(c.alive)-1], -1
}

// typeOf gives the number of what a task wants.
func (c *Cluster) typeOf(d *demand) int {
	key := typeKey{count: d.Count, milli: d.milli, hosts: d.Hosts, per: d.PerHost, cpu: d.cpu, memory: d.memory,
		vendor: d.Vendor, profile: d.Profile, within: string(d.Within), uneven: d.Uneven}
	switch {
	case len(d.Labels) > 0 || d.Prefer.Within != "" || !d.Prefer.Zero():
		key.more = d.Traits.String() + "\x00" + d.Prefer.String()
	case len(d.Models) == 1:
		key.more = d.Models[0]
	case len(d.Models) > 1:
		key.more = strings.Join(d.Models, "|")
	}
	if n, known := c.types[key]; known {
		return n
	}
	if len(c.types) >= mostTypes {
		c.forget()
	}
	n := len(c.types)
	c.types[key], c.flavours = n, append(c.flavours, nil)
	return n
}

// answer gives what is remembered of a type, or room for it.
func (k *class) answer(typ int) *answer {
	if typ >= len(k.answers) {
		k.answers = append(k.answers, make([]answer, typ+1-len(k.answers))...)
	}
	return &k.answers[typ]
}

// indexed is the view that looks at every state once.
type indexed struct {
	*Cluster
	typ int
}

func (v *indexed) best(d *demand) (*host, offer) {
	if v.policy.Name == Random {
		return v.any(d)
	}
	top := leader{tolerance: v.policy.tolerance()}
	good := v.good[:0] // as good as the best so far
	for _, k := range v.alive {
		o := v.offers(k, d)
		if o.fits && (!top.seen || top.near(o)) && (len(d.avoid) == 0 || v.first(k, d) >= 0) {
			top.see(o)
			good = append(good, k)
		}
	}
	v.good = good
	found, best := -1, (*offer)(nil)
	for _, k := range good {
		o := &k.answer(v.typ).offer
		if !top.near(o) {
			continue
		}
		better := 1
		if found >= 0 {
			better = o.closer(best)
		}
		if better < 0 {
			continue
		}
		if first := v.first(k, d); better > 0 || first < found {
			found, best = first, o
		}
	}
	if found < 0 {
		return nil, offer{}
	}
	return v.all[found], *best
}

// offers gives what hosts of a class offer, which is remembered.
func (v *indexed) offers(k *class, d *demand) *offer {
	a := k.answer(v.typ)
	if !a.known {
		a.known, a.offer = true, v.offer(&k.state, d)
	}
	return &a.offer
}

// any leaves the choice to chance.
func (v *indexed) any(d *demand) (*host, offer) {
	found, best := -1, offer{}
	var least uint64
	for _, k := range v.alive {
		if o := v.offers(k, d); o.fits && (found < 0 || o.rank >= best.rank) {
			found, best, least = v.chosen(k, d, *o, found, best, least)
		}
	}
	if found < 0 {
		return nil, offer{}
	}
	return v.all[found], best
}

// chosen takes a host of a class instead of the one found, if chance has it so.
func (v *indexed) chosen(k *class, d *demand, o offer, found int, best offer, least uint64) (int, offer, uint64) {
	for _, i := range k.hosts {
		if v.passes(d, i) {
			continue
		}
		if x := v.chance(d, v.all[i].name); found < 0 || o.rank > best.rank || x < least {
			found, best, least = i, o, x
		}
	}
	return found, best, least
}

// first gives the first host of a class that the task does not avoid.
func (v *indexed) first(k *class, d *demand) int {
	for _, i := range k.hosts {
		if !v.passes(d, i) {
			return i
		}
	}
	return -1
}

// passes reports whether a host is not to be chosen.
func (v *indexed) passes(d *demand, i int) bool { return v.hidden[i] || d.avoids(v.all[i].name) }

func (v *indexed) candidates(d *demand, least int) ([]candidate, []string) {
	some := v.buffer[:0]
	flavours := &v.flavours[v.typ]
	for _, k := range v.alive {
		a := k.answer(v.typ)
		if !a.parts {
			a.parts, a.caps = true, capsOf(&k.state, d, flavours)
		}
		for _, o := range a.caps {
			if o.most < least {
				continue
			}
			for _, i := range k.hosts {
				if !v.passes(d, i) {
					some = append(some, candidate{i, o})
				}
			}
		}
	}
	v.buffer = some
	return some, *flavours
}
