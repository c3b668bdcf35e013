package simulated

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// Node is what a node file declares: the devices of one host, and what they
// answer over time.
type Node struct {
	Labels  []string // of the host: infiniband, rack=r1
	Devices []Group
	Links   []Link
	Script  []Event // by time
	Control string  // file of further events, done when they are found there; "" is none
}

// Group is a number of like devices.
type Group struct {
	Model   string
	Count   int
	Memory  int64 // bytes, of each
	Compute string
	Driver  string
	Fabric  string
	NUMA    []int    // of each device, or one for all; none is -1
	MIG     []string // profiles into which each is parted: 1g.10gb
	Files   []string // of each device; {index} stands for its index
}

// Link joins devices, each with each of its group.
type Link struct {
	Kind  bine.LinkKind
	Count int
	Among [][]int // groups of indices; none is all devices
}

// Event changes what devices answer from a time on. Fields that are nil change
// nothing.
type Event struct {
	At          time.Duration // since the source was opened; in a control file 0
	Devices     []int         // indices; none is all
	Busy        *float64      // 0 to 1; below 0: as processes use it
	Memory      *int64        // bytes used; below 0: as processes use it
	Power       *float64      // watts
	Temperature *float64      // degrees Celsius
	Fault       *Fault
	Lost        *bool    // whether the devices are gone
	Broken      *string  // what their test says; "" is that they are well
	Reset       *string  // what a reset says from now on: "" is that it mends what is broken; before, there is none
	Fail        []string // calls of the source that fail from now on; an empty list: none do
	Error       string   // what they say
}

// Fault is told by the devices of an event.
type Fault struct {
	Kind  string
	Code  int
	Text  string
	Fatal bool
}

// calls are what Event.Fail can name.
func calls() []string { return []string{"devices", "use", "watch", "test", "reset"} }

// ID names the simulated device of a host: the same name and index give the
// same id for ever.
func ID(host bine.HostName, index int) bine.DeviceID {
	return partID(string(host), strconv.Itoa(index))
}

// PartID names the n-th part, from 0, of a simulated device that is parted.
func PartID(host bine.HostName, index, n int) bine.DeviceID {
	return partID(string(host), strconv.Itoa(index), strconv.Itoa(n))
}

func partID(words ...string) bine.DeviceID {
	h := sha256.Sum256([]byte(strings.Join(words, "\n")))
	return bine.DeviceID(fmt.Sprintf("SIM-%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16]))
}

// count is how many devices there are, whole ones.
func (n Node) count() int {
	sum := 0
	for _, g := range n.Devices {
		sum += g.Count
	}
	return sum
}

// device is one whole device, with what is granted of it.
type device struct {
	id    bine.DeviceID
	index int
	units []bine.Device // itself, or its parts
}

// expand makes the devices of a host.
func (n Node) expand(host bine.HostName) []device {
	var out []device
	for _, g := range n.Devices {
		for i := range g.Count {
			index := len(out)
			whole := bine.Device{ID: ID(host, index), Vendor: bine.VendorSimulated, Model: g.Model, Index: index, Memory: g.Memory,
				Compute: g.Compute, Driver: g.Driver, Fabric: g.Fabric, NUMA: g.numa(i), Bus: fmt.Sprintf("0000:%02x:%02x.0", index/32+1, index%32)}
			for _, f := range g.Files {
				whole.Files = append(whole.Files, strings.ReplaceAll(f, "{index}", strconv.Itoa(index)))
			}
			out = append(out, device{id: whole.ID, index: index, units: g.parts(host, whole)})
		}
	}
	for i := range out {
		for j := range out {
			if i != j {
				n.join(&out[i], &out[j])
			}
		}
	}
	return out
}

func (g Group) numa(i int) int {
	switch {
	case len(g.NUMA) == 0:
		return -1
	case len(g.NUMA) == 1:
		return g.NUMA[0]
	default:
		return g.NUMA[i]
	}
}

// parts gives what is granted of a device.
func (g Group) parts(host bine.HostName, whole bine.Device) []bine.Device {
	if len(g.MIG) == 0 {
		return []bine.Device{whole}
	}
	var out []bine.Device
	for n, profile := range g.MIG {
		part := whole
		part.ID, part.Parent, part.Profile = PartID(host, whole.Index, n), whole.ID, profile
		part.Memory, _ = profileMemory(profile) // it was checked
		out = append(out, part)
	}
	return out
}

// join notes how the units of a reach those of b: devices that are parted have
// no links of the vendor's own.
func (n Node) join(a, b *device) {
	kind, count := n.between(a, b)
	for i := range a.units {
		for j := range b.units {
			link := bine.DeviceLink{To: b.units[j].ID, Kind: kind, Count: count}
			if a.units[i].Parent != "" || b.units[j].Parent != "" {
				link = bine.DeviceLink{To: b.units[j].ID, Kind: byNUMA(a, b)}
			}
			a.units[i].Links = append(a.units[i].Links, link)
		}
	}
}

func (n Node) between(a, b *device) (bine.LinkKind, int) {
	for _, l := range n.Links {
		if l.joins(a.index, b.index) {
			return l.Kind, l.Count
		}
	}
	return byNUMA(a, b), 0
}

func (l Link) joins(a, b int) bool {
	if l.Among == nil {
		return true
	}
	for _, group := range l.Among {
		var hasA, hasB bool
		for _, i := range group {
			hasA, hasB = hasA || i == a, hasB || i == b
		}
		if hasA && hasB {
			return true
		}
	}
	return false
}

func byNUMA(a, b *device) bine.LinkKind {
	if a.units[0].NUMA == b.units[0].NUMA {
		return bine.LinkNode
	}
	return bine.LinkSystem
}

// profileMemory reads the memory out of the name of a MIG profile: 3g.40gb.
func profileMemory(profile string) (int64, error) {
	slices, rest, found := strings.Cut(profile, "g.")
	digits, ofMemory := strings.CutSuffix(rest, "gb")
	n, err := strconv.ParseInt(digits, 10, 32)
	if _, bad := strconv.ParseUint(slices, 10, 8); !found || !ofMemory || err != nil || bad != nil || n <= 0 {
		return 0, fmt.Errorf("%q is not a MIG profile: write it like 1g.10gb", profile)
	}
	return n << 30, nil
}
