// Package place decides on which devices a request goes. It is made of pure
// functions over a Snapshot of the cluster: the same input gives the same
// answer, and nothing is changed. A Cluster holds the same picture with an
// index, for those who ask often: it gives the same answers faster.
//
// A decision has three steps: which hosts can take it, how good each is by a
// Policy, and which devices of the best one are taken, by how they are joined.
package place

import (
	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

// Snapshot is what there is, and what is free of it, at one moment. The order
// of hosts does not matter.
type Snapshot struct {
	Hosts []Host
}

// Host is a machine.
type Host struct {
	Name       bine.HostName
	Labels     map[string]string // keys in lower case; the value may be empty
	Rack       string            // empty: none is known, and it is in no rack with others
	Block      string            // of racks
	Up         bool              // takes work now
	CPU        int64             // thousandths of a core
	FreeCPU    int64
	Memory     int64 // bytes
	FreeMemory int64
	Devices    []Device
}

// Device is one of a host, or a partition of one.
type Device struct {
	bine.Device
	Free int  // thousandths, 1000 when nobody has any of it
	Out  bool // takes no work now: cordoned, or not healthy
}

// Task is what wants a place: a request, and what comes with it.
type Task struct {
	ID      string // tells apart what policy random does for equal tasks
	Request gpu.Request
	CPU     int64 // thousandths of a core for the whole request; hosts get shares by devices
	Memory  int64 // bytes for the whole request
	Avoid   []bine.HostName
}

// Placement is where a task goes.
type Placement struct {
	Shares []Share `json:"shares"`
	Choice Choice  `json:"choice"`
}

// Share is what a task gets of one host.
type Share struct {
	Host    bine.HostName `json:"host"`
	CPU     int64         `json:"cpu_milli"`
	Memory  int64         `json:"memory"`
	Devices []Part        `json:"devices,omitempty"`
}

// Part is what a share has of one device.
type Part struct {
	Device bine.DeviceID `json:"device"`
	Milli  int           `json:"milli"` // thousandths; 1000 is all of it
}

// Devices counts the parts of devices of all hosts.
func (p Placement) Devices() int {
	n := 0
	for _, s := range p.Shares {
		n += len(s.Devices)
	}
	return n
}

// Place finds the place for a task, and takes nothing. Where there is none now
// the error is ErrNone; Assess says why. It looks at every host: milliseconds
// for a thousand, where a Cluster takes microseconds.
func Place(s Snapshot, t Task, p Policy) (Placement, error) {
	e, d := newEngine(p), newDemand(t)
	e.hosts(s, d.canUse)
	return e.place(&scan{e}, d)
}

// ErrNone says that no place is free for a task now. It is of kind NoQuota.
var ErrNone = bine.Errorf(bine.NoQuota, "no place is free for it now")
