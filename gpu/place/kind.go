package place

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

// kind is what hosts have in common that are alike: all that does not change
// while tasks come and go, but for their names and where they stand.
type kind struct {
	number  int // tells it apart from the others of an engine
	labels  map[string]string
	cpu     int64
	memory  int64
	devices int
	groups  []group
	cost    [][]int  // of using two devices together; smaller is closer
	joined  [][]bool // by the vendor's own links
	picks   map[pickKey]pick
	frag    []fragGroup
}

// group is devices of a host that are alike.
type group struct {
	vendor  bine.Vendor
	model   string
	profile string
	fabric  string // that all of them are on, if there is one
	devices []int  // positions in the host, ascending
	flat    bool   // any two are as close as any other two
}

// state is what is free of a host of a kind.
type state struct {
	*kind
	freeCPU, freeMemory int64
	free                []int // thousandths of each device; 0 of one that takes no work
}

// host is one of a snapshot.
type host struct {
	name        bine.HostName
	up          bool
	rack, block int // numbers of names in order; -1 is none
	ids         []bine.DeviceID
	out         []bool
	held        []int // thousandths of each device that somebody has
	state
}

// kindKey tells kinds apart.
func kindKey(h Host) string {
	var b []byte
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	for _, n := range []int64{h.CPU, h.Memory, int64(len(h.Labels))} {
		b = binary.AppendVarint(b, n)
	}
	for _, key := range slices.Sorted(maps.Keys(h.Labels)) {
		text(key)
		text(h.Labels[key])
	}
	for i, d := range h.Devices {
		for _, s := range []string{string(d.Vendor), d.Model, d.Profile, d.Fabric} {
			text(s)
		}
		sibling := slices.IndexFunc(h.Devices[:i+1], func(o Device) bool { return o.Parent == d.Parent })
		b = binary.AppendVarint(b, int64(d.NUMA))
		b = binary.AppendVarint(b, int64(sibling))
		b = binary.AppendVarint(b, int64(len(d.Links)))
		next := 0
		for _, l := range d.Links {
			next = position(h.Devices, l.To, next)
			b = binary.AppendVarint(b, int64(next))
			text(string(l.Kind))
			b = binary.AppendVarint(b, int64(l.Count))
		}
	}
	return string(b)
}

// position finds a device, at first behind another one, where links mostly lead
// to next; -1 if it is not there.
func position(devices []Device, id bine.DeviceID, behind int) int {
	for i := behind + 1; i < len(devices); i++ {
		if devices[i].ID == id {
			return i
		}
	}
	return slices.IndexFunc(devices, func(d Device) bool { return d.ID == id })
}

func positions(h Host) map[bine.DeviceID]int {
	all := make(map[bine.DeviceID]int, len(h.Devices))
	for i, d := range h.Devices {
		all[d.ID] = i
	}
	return all
}

func newKind(h Host) *kind {
	k := &kind{labels: h.Labels, cpu: h.CPU, memory: h.Memory, devices: len(h.Devices), picks: map[pickKey]pick{}}
	for i, d := range h.Devices {
		at := slices.IndexFunc(k.groups, func(g group) bool {
			return g.vendor == d.Vendor && g.model == d.Model && g.profile == d.Profile
		})
		if at < 0 {
			at = len(k.groups)
			k.groups = append(k.groups, group{vendor: d.Vendor, model: d.Model, profile: d.Profile, fabric: d.Fabric})
		}
		if k.groups[at].fabric != d.Fabric {
			k.groups[at].fabric = ""
		}
		k.groups[at].devices = append(k.groups[at].devices, i)
	}
	k.measure(h)
	for i := range k.groups {
		k.groups[i].flat = k.isFlat(k.groups[i].devices)
	}
	return k
}

// measure fills in how close devices are.
func (k *kind) measure(h Host) {
	n := len(h.Devices)
	k.cost, k.joined = make([][]int, n), make([][]bool, n)
	for i := range n {
		k.cost[i], k.joined[i] = make([]int, n), make([]bool, n)
	}
	place := positions(h)
	links := make(map[[2]int]bine.DeviceLink)
	for i, d := range h.Devices {
		for _, l := range d.Links {
			if j, known := place[l.To]; known {
				links[[2]int{i, j}], links[[2]int{j, i}] = l, l
			}
		}
	}
	for i := range n {
		for j := range n {
			if i != j {
				l := links[[2]int{i, j}]
				k.cost[i][j] = pairCost(h.Devices[i].Device, h.Devices[j].Device, l)
				k.joined[i][j] = l.Kind == bine.LinkNVLink || l.Kind == bine.LinkXGMI ||
					(h.Devices[i].Fabric != "" && h.Devices[i].Fabric == h.Devices[j].Fabric)
			}
		}
	}
}

// pairCost weighs how far apart two devices of a host are, after the allocator
// of AMD's device plugin: the link, then the NUMA node, then the card.
func pairCost(a, b bine.Device, l bine.DeviceLink) int {
	cost := map[bine.LinkKind]int{bine.LinkNVLink: 10, bine.LinkXGMI: 10, bine.LinkSwitch: 30, bine.LinkBridge: 40, bine.LinkNode: 45}[l.Kind]
	switch {
	case cost == 10:
		cost += 4 - min(max(l.Count, 1), 4) // of own links: the more, the closer
	case cost == 0:
		cost = 50
	}
	if a.NUMA < 0 || a.NUMA != b.NUMA {
		cost += 10
	}
	if a.Parent == "" || a.Parent != b.Parent {
		cost += 10
	}
	return cost
}

func (k *kind) isFlat(devices []int) bool {
	first := -1
	for _, i := range devices {
		for _, j := range devices {
			if i == j {
				continue
			}
			if first < 0 {
				first = k.cost[i][j]
			}
			if k.cost[i][j] != first {
				return false
			}
		}
	}
	return true
}

// has says whether hosts of the kind have labels.
func (k *kind) has(labels map[string]string) bool {
	for key, value := range labels {
		if have, known := k.labels[key]; !known || (value != "" && have != value) {
			return false
		}
	}
	return true
}

func (g group) is(t gpu.Traits) bool {
	return (t.Vendor == "" || t.Vendor == string(g.vendor)) && t.FitsModel(g.model)
}
