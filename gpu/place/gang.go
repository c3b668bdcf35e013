package place

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/bine-ml/bine/gpu"
)

// capacity is what a host in a state can do for a part of a task.
type capacity struct {
	most    int   // devices, with the CPU and memory that come with them
	flavour int32 // devices of one task have one flavour
	group   int16
	rank    int16
}

// candidate is a host, by its number, that can take a part of a task.
type candidate struct {
	number int
	cap    capacity
}

// capsOf gives what a host can do, for each group of its devices that fits.
func capsOf(s *state, d *demand, flavours *[]string) []capacity {
	var all []capacity
	for at := range s.groups {
		g := &s.groups[at]
		if !d.fits(s.kind, g) || (d.Within == gpu.LevelLinks && g.fabric == "") {
			continue
		}
		most := d.most(s, g)
		if most == 0 {
			continue
		}
		name := flavourOf(d, s.kind, g)
		flavour := slices.Index(*flavours, name)
		if flavour < 0 {
			flavour = len(*flavours)
			*flavours = append(*flavours, name)
		}
		all = append(all, capacity{most, int32(flavour), int16(at), int16(d.rank(s.kind, g))})
	}
	return all
}

// flavourOf names what all devices of a task must have in common: the model,
// the values of labels that were asked for without one, and within the vendor's
// links the fabric.
func flavourOf(d *demand, k *kind, g *group) string {
	parts := []string{string(g.vendor), g.model}
	for _, key := range slices.Sorted(maps.Keys(d.Labels)) {
		if d.Labels[key] == "" {
			parts = append(parts, k.labels[key])
		}
	}
	if d.Within == gpu.LevelLinks {
		parts = append(parts, g.fabric)
	}
	return strings.Join(parts, "\x00")
}

// level is where all hosts of a gang are.
type level int

const (
	inRack level = iota
	inBlock
	inCluster
)

// gang finds a place on several hosts, all or nothing: the one that meets the
// most preferences, then the tightest, then the one that leaves the least.
func (e *engine) gang(v view, d *demand) (Placement, error) {
	all, flavours := v.candidates(d, d.least())
	most := int16(0)
	for _, c := range all {
		most = max(most, c.cap.rank)
	}
	for rank := most; rank >= 0; rank-- {
		best := gathering{}
		for f := range flavours {
			some := all
			if most > 0 || len(flavours) > 1 {
				some = slices.DeleteFunc(slices.Clone(all), func(c candidate) bool { return c.cap.flavour != int32(f) || c.cap.rank < rank })
			}
			g := e.tightest(some, d)
			g.flavour = flavours[f]
			if g.hosts != nil && (best.hosts == nil || g.before(best)) {
				best = g
			}
		}
		if best.hosts != nil {
			return e.together(best, d), nil
		}
	}
	return Placement{}, ErrNone
}

// gathering is hosts that can take a task together.
type gathering struct {
	hosts   []candidate
	level   level
	waste   int // what they have beyond the need
	flavour string
}

func (g gathering) before(o gathering) bool {
	return cmp.Or(cmp.Compare(g.level, o.level), cmp.Compare(g.waste, o.waste), strings.Compare(g.flavour, o.flavour)) < 0
}

// tightest looks in racks, then in blocks, then in all of the cluster; of racks
// and of blocks it takes the one that has the least more than the task needs.
func (e *engine) tightest(all []candidate, d *demand) gathering {
	for _, l := range []level{inRack, inBlock} {
		if at := e.smallest(all, d, l, d.units()); at >= 0 {
			some := e.within(all, l, at)
			return gathering{hosts: some, level: l, waste: d.sum(some) - d.units()}
		}
		if (l == inRack && d.Within == gpu.LevelRack) || (l == inBlock && d.Within == gpu.LevelBlock) {
			return gathering{}
		}
	}
	if !d.enough(all) {
		return gathering{}
	}
	return gathering{hosts: all, level: inCluster, waste: d.sum(all) - d.units()}
}

// least is how many devices a host must have to be of use.
func (d *demand) least() int {
	if d.Hosts > 1 && !d.Uneven {
		return d.PerHost
	}
	return 1
}

// even says whether each host gets the same, so that hosts are counted, not devices.
func (d *demand) even() bool { return d.Hosts > 0 && !d.Uneven }

// units is how many the task needs of what hosts are counted by.
func (d *demand) units() int {
	if d.even() {
		return d.Hosts
	}
	return d.Count
}

func (d *demand) unitsOf(c candidate) int {
	if d.even() {
		return 1
	}
	return c.cap.most
}

func (d *demand) sum(some []candidate) int {
	n := 0
	for _, c := range some {
		n += d.unitsOf(c)
	}
	return n
}

// enough says whether some hosts can take all of the task.
func (d *demand) enough(some []candidate) bool {
	if !d.Uneven {
		return d.sum(some) >= d.units()
	}
	if len(some) < d.Hosts {
		return false
	}
	return d.sum(byMost(some)[:d.Hosts]) >= d.Count
}

// byMost orders hosts by what they can take, the most first.
func byMost(some []candidate) []candidate {
	sorted := slices.Clone(some)
	slices.SortFunc(sorted, func(a, b candidate) int {
		if a.cap.most != b.cap.most {
			return b.cap.most - a.cap.most
		}
		return a.number - b.number
	})
	return sorted
}

// byLeast orders them by what they can take, the least first.
func byLeast(some []candidate) []candidate {
	sorted := slices.Clone(some)
	slices.SortFunc(sorted, func(a, b candidate) int {
		if a.cap.most != b.cap.most {
			return a.cap.most - b.cap.most
		}
		return a.number - b.number
	})
	return sorted
}

// domain gives the number of the rack or block of a candidate; -1 is none.
func (e *engine) domain(c candidate, l level) int {
	if l == inRack {
		return e.all[c.number].rack
	}
	return e.all[c.number].block
}

// within gives the candidates of a rack or block.
func (e *engine) within(all []candidate, l level, at int) []candidate {
	n := 0
	for i := range all {
		if e.domain(all[i], l) == at {
			n++
		}
	}
	some := make([]candidate, 0, n)
	for i := range all {
		if e.domain(all[i], l) == at {
			some = append(some, all[i])
		}
	}
	return some
}

// sums counts the units of racks or blocks; those of none are behind the last.
// The answer holds until the next one.
func (e *engine) sums(all []candidate, d *demand, l level) []int {
	n := len(e.racks)
	if l == inBlock {
		n = len(e.blocks)
	}
	if cap(e.counts) <= n {
		e.counts = make([]int, n+1)
	}
	sums := e.counts[:n+1]
	clear(sums)
	for i := range all {
		at := e.domain(all[i], l)
		if at < 0 {
			at = n
		}
		sums[at] += d.unitsOf(all[i])
	}
	return sums
}

// smallest gives the number of the rack or block that has the least of those
// that have enough; -1 if none has.
func (e *engine) smallest(all []candidate, d *demand, l level, units int) int {
	sums := e.sums(all, d, l)
	best := -1
	for at, n := range sums[:len(sums)-1] {
		if n >= units && (best < 0 || n < sums[best]) && (!d.Uneven || d.enough(e.within(all, l, at))) {
			best = at
		}
	}
	return best
}

// assigned is what a host of a gang gets.
type assigned struct {
	candidate
	n int // devices
}

// take chooses hosts for units of the task from some that have enough: in as
// few racks as it can, and as few blocks.
func (e *engine) take(some []candidate, units int, d *demand, l level) []assigned {
	if d.Uneven {
		return d.unevenly(some)
	}
	if l == inRack {
		return d.fewest(some, units)
	}
	l--
	var all []assigned
	for units > 0 {
		at := e.smallest(some, d, l, units)
		if at < 0 {
			sums := e.sums(some, d, l)
			if at = 0; len(sums) > 1 || sums[0] > 0 {
				at = slices.Index(sums, slices.Max(sums))
			}
			if at == len(sums)-1 {
				at = -1
			}
		}
		here := e.within(some, l, at)
		n := min(units, d.sum(here))
		all, units = append(all, e.take(here, n, d, l)...), units-n
		some = slices.DeleteFunc(slices.Clone(some), func(c candidate) bool { return e.domain(c, l) == at })
	}
	return all
}

// fewest takes hosts: where each gets the same, those that have the least to
// spare; else as few as can take it, the last with the least to spare.
func (d *demand) fewest(some []candidate, units int) (all []assigned) {
	if d.even() {
		all = make([]assigned, units)
		for i, c := range byLeast(some)[:units] {
			all[i] = assigned{c, d.PerHost}
		}
		return all
	}
	sorted := byMost(some)
	for at := 0; units > 0; at++ {
		if sorted[at].cap.most >= units {
			last := at
			for last+1 < len(sorted) && sorted[last+1].cap.most >= units && sorted[last+1].cap.most < sorted[at].cap.most {
				last++
			}
			for last > at && sorted[last-1].cap.most == sorted[last].cap.most {
				last--
			}
			return append(all, assigned{sorted[last], units})
		}
		all, units = append(all, assigned{sorted[at], sorted[at].cap.most}), units-sorted[at].cap.most
	}
	return all
}

// unevenly fills the hosts that can take the most, but leaves one device at
// least for each.
func (d *demand) unevenly(some []candidate) (all []assigned) {
	units := d.Count
	for i, c := range byMost(some)[:d.Hosts] {
		n := min(c.cap.most, units-(d.Hosts-1-i))
		all, units = append(all, assigned{c, n}), units-n
	}
	return all
}

// together makes the placement of a gang.
func (e *engine) together(g gathering, d *demand) Placement {
	chosen := e.take(g.hosts, d.units(), d, g.level)
	slices.SortFunc(chosen, func(a, b assigned) int { return a.number - b.number })
	parts := make([]Part, 0, d.Count)
	p := Placement{Shares: make([]Share, len(chosen)), Choice: Choice{Policy: e.policy.Name, Level: g.level.name(), Spare: g.waste}}
	if d.even() {
		p.Choice.Spare *= d.PerHost
	}
	cpu, memory := d.cpu, d.memory
	for i, a := range chosen {
		h := e.all[a.number]
		c, m := d.share(a.n)
		c, m = min(c, cpu), min(m, memory) // shares are rounded up, so the last gets what is left
		cpu, memory = cpu-c, memory-m
		from := len(parts)
		for _, device := range h.pick(int(a.cap.group), a.n, false).devices {
			parts = append(parts, Part{h.ids[device], 1000})
		}
		p.Shares[i] = Share{Host: h.name, CPU: c, Memory: m, Devices: parts[from:len(parts):len(parts)]}
	}
	return p
}

func (l level) name() gpu.Level { return []gpu.Level{gpu.LevelRack, gpu.LevelBlock, ""}[l] }
