package place

import (
	"cmp"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

// demand is a task as the search for a place sees it.
type demand struct {
	gpu.Request
	milli       int // of each device
	cpu, memory int64
	avoid       []bine.HostName
	id          string
}

func newDemand(t Task) *demand {
	return &demand{Request: t.Request, milli: t.Request.Each(), cpu: t.CPU, memory: t.Memory, avoid: t.Avoid, id: t.ID}
}

// share gives CPU and memory that come with n of the devices, rounded up.
func (d *demand) share(n int) (cpu, memory int64) {
	if n >= d.Count {
		return d.cpu, d.memory
	}
	part := func(all int64) int64 { return (all*int64(n) + int64(d.Count) - 1) / int64(d.Count) }
	return part(d.cpu), part(d.memory)
}

// most says how many whole devices of a group a host has for the task, with the
// CPU and memory that come with them.
func (d *demand) most(s *state, g *group) int {
	n := 0
	for _, i := range g.devices {
		if s.free[i] == 1000 {
			n++
		}
	}
	n = min(n, d.Count)
	if d.cpu > 0 {
		n = int(min(int64(n), s.freeCPU*int64(d.Count)/d.cpu))
	}
	if d.memory > 0 {
		n = int(min(int64(n), s.freeMemory*int64(d.Count)/d.memory))
	}
	return n
}

// canUse says by a glance whether a host could take the task, or a part of it.
func (d *demand) canUse(h *Host) bool {
	least := d.least()
	if d.Hosts == 1 {
		least = d.Count
	}
	cpu, memory := d.share(least)
	if !h.Up || h.FreeCPU < cpu || h.FreeMemory < memory || d.avoids(h.Name) {
		return false
	}
	if d.Count == 0 {
		return true
	}
	n := 0
	for i := range h.Devices {
		v := &h.Devices[i]
		if v.Free >= d.milli && !v.Out && v.Profile == d.Profile && (d.Vendor == "" || d.Vendor == string(v.Vendor)) && d.FitsModel(v.Model) {
			n++
		}
	}
	return n >= least
}

// fits says whether the task may have devices of a group.
func (d *demand) fits(k *kind, g *group) bool {
	return g.profile == d.Profile && g.is(d.Traits) && k.has(d.Labels)
}

// rank counts the preferences that a group of a host meets.
func (d *demand) rank(k *kind, g *group) int {
	n, p := 0, d.Prefer
	if p.Vendor != "" && g != nil && p.Vendor == string(g.vendor) {
		n++
	}
	if len(p.Models) > 0 && g != nil && p.FitsModel(g.model) {
		n++
	}
	for key, value := range p.Labels {
		if have, known := k.labels[key]; known && (value == "" || have == value) {
			n++
		}
	}
	return n
}

func (d *demand) avoids(name bine.HostName) bool {
	return len(d.avoid) > 0 && slices.Contains(d.avoid, name)
}

// offer is the best that a host can do for n devices of a task.
type offer struct {
	fits  bool
	group int // of its devices; -1 if the task wants none
	rank  int // preferences met
	score int64
	cost  int   // of the devices to each other
	part  int   // the device that a fraction is of
	spare int64 // what stays free of the host
}

// closer compares offers that are as good by rank and score; 0 leaves it to the
// names of the hosts.
func (o *offer) closer(than *offer) int {
	return cmp.Or(than.cost-o.cost, cmp.Compare(than.spare, o.spare))
}

// better compares offers of one host.
func (o offer) better(than offer) int {
	switch {
	case o.rank != than.rank:
		return o.rank - than.rank
	case o.score > than.score:
		return 1
	case o.score < than.score:
		return -1
	default:
		return than.cost - o.cost
	}
}

// offer finds the best that a host in a state can do for all of a task.
func (e *engine) offer(s *state, d *demand) offer {
	o := e.ofHost(s, d)
	if o.fits {
		o.spare = e.spare(s, d)
	}
	return o
}

func (e *engine) ofHost(s *state, d *demand) offer {
	best := offer{}
	if d.cpu > s.freeCPU || d.memory > s.freeMemory {
		return best
	}
	if d.Count == 0 {
		if !s.has(d.Labels) {
			return best
		}
		return offer{fits: true, group: -1, rank: d.rank(s.kind, nil), score: e.score(change{before: s, cpu: d.cpu, memory: d.memory})}
	}
	for at := range s.groups {
		if g := &s.groups[at]; d.fits(s.kind, g) {
			if o := e.ofGroup(s, at, d); o.fits && (!best.fits || o.better(best) > 0) {
				best = o
			}
		}
	}
	return best
}

func (e *engine) ofGroup(s *state, at int, d *demand) offer {
	g := &s.groups[at]
	o := offer{group: at, rank: d.rank(s.kind, g)}
	if d.milli < 1000 {
		return e.ofPart(s, g, d, o)
	}
	p := s.pick(at, d.Count, d.Within == gpu.LevelLinks && d.Count > 1)
	if p.devices == nil {
		return o
	}
	if d.Prefer.Within == gpu.LevelLinks && (p.joined || d.Count == 1) {
		o.rank++
	}
	o.fits, o.cost = true, p.cost
	o.score = e.score(change{s, d.cpu, d.memory, p.devices, 1000})
	return o
}

// ofPart finds the device for a fraction: of those that score the same the one
// with the least free, then the first.
func (e *engine) ofPart(s *state, g *group, d *demand, o offer) offer {
	var tried [16]int // what devices with other numbers have free was tried
	seen := tried[:0]
	one := make([]int, 1)
	for _, i := range g.devices {
		if s.free[i] < d.milli || slices.Contains(seen, s.free[i]) {
			continue
		}
		seen = append(seen, s.free[i])
		one[0] = i
		score := e.score(change{s, d.cpu, d.memory, one, d.milli})
		if !o.fits || score > o.score || (score == o.score && s.free[i] < s.free[o.part]) {
			o.fits, o.score, o.part = true, score, i
		}
	}
	return o
}
