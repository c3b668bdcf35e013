package place

import (
	"hash/fnv"
	"math"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

// Policy says which of the hosts that fit is the best one.
type Policy struct {
	Name    PolicyName
	Typical []Typical // what fgd measures fragmentation by; without any it is best fit
	Seed    uint64    // of random
}

// PolicyName is a way to compare hosts.
type PolicyName string

// The policies.
const (
	// FGD takes the host where expected fragmentation grows the least: the
	// share of free devices that typical tasks could not use. After "Beware of
	// Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient
	// Descent", USENIX ATC 2023. For clusters that are shared and well used.
	FGD PolicyName = "fgd"
	// BestFit takes the host with the least left over, CPU and devices together.
	BestFit PolicyName = "bestfit"
	// DotProduct takes the host whose free resources point the least in the
	// direction of the task.
	DotProduct PolicyName = "dotproduct"
	// Packing fills devices in use first, then hosts in use, then idle ones.
	Packing PolicyName = "packing"
	// Random takes any, by a hash of the task's id. To compare with.
	Random PolicyName = "random"
)

// Policies lists the names.
func Policies() []PolicyName { return []PolicyName{FGD, BestFit, DotProduct, Packing, Random} }

// Typical is a task that comes often.
type Typical struct {
	Task   Task
	Weight float64 // its share of all that come
}

// Check says whether there is such a policy.
func (n PolicyName) Check() error {
	for _, known := range Policies() {
		if n == known {
			return nil
		}
	}
	return bine.Errorf(bine.Invalid, "%q is no policy of placement; there are %v", string(n), Policies())
}

// change is what a share of a task would do to a host.
type change struct {
	before  *state
	cpu     int64 // that it takes
	memory  int64
	devices []int // positions
	milli   int   // of each
}

// after writes what is free of the devices then.
func (c change) after(into []int) []int {
	into = append(into[:0], c.before.free...)
	for _, i := range c.devices {
		into[i] -= c.milli
	}
	return into
}

// score weighs a change: more is better. before is what fragmentation of the
// host is, where the policy asks for it.
func (e *engine) score(c change) int64 {
	switch {
	case e.policy.Name == FGD && len(e.policy.Typical) > 0:
		e.scratch = c.after(e.scratch)
		grown := c.before.fragmentation(c.before.freeCPU-c.cpu, e.scratch) - c.before.fragmentation(c.before.freeCPU, c.before.free)
		return int64(math.Round(-grown * fine))
	case e.policy.Name == Random:
		return 0
	case e.policy.Name == DotProduct:
		free, asked := e.weights(c)
		return -int64(free[0]*asked[0] + free[1]*asked[1])
	case e.policy.Name == Packing:
		return e.packing(c)
	default:
		free, asked := e.weights(c)
		return -int64(free[0] - asked[0] + free[1] - asked[1])
	}
}

// What the scores of FGD are in, and which of them are as good as the best: with
// exact ones hosts that differ by nothing but noise are taken by turns, and free
// devices end up scattered. Of hosts as good as the best the fullest is taken.
const (
	fine    = 1000 // parts of a thousandth of a device
	near    = 20   // thousandths of a device
	spareOf = 0.1  // what CPU that stays free counts beside devices that do
)

// tolerance is by how much a score may be below the best and count as good.
func (p Policy) tolerance() int64 {
	if p.Name == FGD && len(p.Typical) > 0 {
		return near * fine
	}
	return 0
}

// spare weighs what stays free of a host, where that decides between scores that
// are as good.
func (e *engine) spare(s *state, d *demand) int64 {
	if e.policy.tolerance() == 0 {
		return 0
	}
	free, _ := e.weights(change{before: s})
	return int64(fine*free[1] + fine*spareOf*(free[0]-float64(d.cpu)*e.perCPU))
}

// weights gives CPU and devices, free and asked for, in the same measure:
// thousandths of a device.
func (e *engine) weights(c change) (free, asked [2]float64) {
	free[0], asked[0] = float64(c.before.freeCPU)*e.perCPU, float64(c.cpu)*e.perCPU
	for _, milli := range c.before.free {
		free[1] += float64(milli)
	}
	asked[1] = float64(len(c.devices) * c.milli)
	return free, asked
}

func (e *engine) packing(c change) int64 {
	free, busy := 0, false
	for _, milli := range c.before.free {
		free += milli
		busy = busy || milli < 1000
	}
	tier := int64(1)
	switch {
	case c.milli < 1000 && len(c.devices) == 1 && c.before.free[c.devices[0]] < 1000:
		return 3_000_000 - int64(c.before.free[c.devices[0]])
	case busy || c.before.freeCPU < c.before.cpu:
		tier = 2
	}
	return tier*1_000_000 - int64(free)
}

// chance orders hosts for policy random.
func (e *engine) chance(d *demand, name bine.HostName) uint64 {
	h := fnv.New64a()
	var seed [8]byte
	for i := range seed {
		seed[i] = byte(e.policy.Seed >> (8 * i))
	}
	h.Write(seed[:])
	h.Write([]byte(d.id))
	h.Write([]byte{0})
	h.Write([]byte(name))
	x := h.Sum64() // the last bytes hardly reach the upper bits: mix
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}

// fragGroup is typical tasks that ask a host for the same of its devices.
type fragGroup struct {
	devices  []int
	n, milli int
	cpus     []int64   // that they ask for, ascending
	weights  []float64 // of all that ask for as much or less
}

// fragmentation is how many thousandths of free devices of a host of the kind
// typical tasks are expected not to be able to use.
func (k *kind) fragmentation(cpu int64, free []int) float64 {
	total, usable := 0, 0.0
	for _, milli := range free {
		total += milli
	}
	for i := range k.frag {
		g := &k.frag[i]
		weight := 0.0
		for at := len(g.cpus) - 1; at >= 0; at-- {
			if g.cpus[at] <= cpu {
				weight = g.weights[at]
				break
			}
		}
		if weight == 0 {
			continue
		}
		sum, fit := 0, 0
		for _, d := range g.devices {
			if free[d] >= g.milli {
				sum += free[d]
				fit++
			}
		}
		if fit >= g.n {
			usable += weight * float64(sum)
		}
	}
	return float64(total) - usable
}

// typical tells a kind what the tasks of a policy ask of its devices.
func (k *kind) typical(tasks []Typical) {
	total := 0.0
	for _, t := range tasks {
		total += t.Weight
	}
	for _, t := range tasks {
		r := t.Task.Request
		n := r.Count
		if r.Hosts > 0 {
			n = (r.Count + r.Hosts - 1) / r.Hosts
		}
		devices := k.fitting(r)
		if n == 0 || len(devices) < n || t.Weight <= 0 {
			continue
		}
		cpu := t.Task.CPU * int64(n) / int64(r.Count)
		k.addTypical(fragGroup{devices: devices, n: n, milli: r.Each()}, cpu, t.Weight/total)
	}
}

// fitting lists the devices of the kind that a request may get.
func (k *kind) fitting(r gpu.Request) (devices []int) {
	for _, g := range k.groups {
		if g.profile == r.Profile && g.is(r.Traits) && k.has(r.Labels) {
			devices = append(devices, g.devices...)
		}
	}
	return devices
}

func (k *kind) addTypical(want fragGroup, cpu int64, weight float64) {
	at := -1
	for i, g := range k.frag {
		if g.n == want.n && g.milli == want.milli && slices.Equal(g.devices, want.devices) {
			at = i
		}
	}
	if at < 0 {
		at = len(k.frag)
		k.frag = append(k.frag, want)
	}
	g := &k.frag[at]
	place, found := slices.BinarySearch(g.cpus, cpu)
	if !found {
		below := 0.0
		if place > 0 {
			below = g.weights[place-1]
		}
		g.cpus, g.weights = slices.Insert(g.cpus, place, cpu), slices.Insert(g.weights, place, below)
	}
	for i := place; i < len(g.weights); i++ {
		g.weights[i] += weight
	}
}

// Fragmentation is how many thousandths of free devices typical tasks are
// expected not to be able to use.
func Fragmentation(s Snapshot, tasks []Typical) float64 {
	e := newEngine(Policy{Typical: tasks})
	e.hosts(s, nil)
	sum := 0.0
	for _, h := range e.all {
		if h.up {
			sum += h.fragmentation(h.freeCPU, h.free)
		}
	}
	return sum
}
