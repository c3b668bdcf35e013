package bine

import "time"

// DeviceID names an accelerator for good: the UUID that its vendor gave it.
// The order in which a host counts its devices may change when it starts again.
type DeviceID string

// Vendor is who made an accelerator.
type Vendor string

// The vendors. A simulated device is declared in a file and computes nothing.
const (
	VendorNvidia    Vendor = "nvidia"
	VendorAMD       Vendor = "amd"
	VendorSimulated Vendor = "simulated"
)

// Device is an accelerator of a host, or a partition of one: a MIG instance of
// Nvidia, a compute partition of AMD.
type Device struct {
	ID      DeviceID     `json:"id"`
	Vendor  Vendor       `json:"vendor"`
	Model   string       `json:"model" doc:"short, as people ask for it: P100, A100-SXM4-80GB, MI300X"`
	Index   int          `json:"index" doc:"as the vendor's tools count"`
	Memory  int64        `json:"memory" doc:"bytes"`
	Compute string       `json:"compute,omitempty" doc:"compute capability (9.0) or architecture (gfx942)"`
	Driver  string       `json:"driver,omitempty"`
	Bus     string       `json:"bus,omitempty" doc:"PCI address"`
	NUMA    int          `json:"numa" doc:"node of the host's memory that is nearest; -1 is unknown"`
	Parent  DeviceID     `json:"parent,omitempty" doc:"of a partition, the device that it is part of; that device itself is not listed then"`
	Profile string       `json:"profile,omitempty" doc:"of a partition: 1g.5gb, cpx"`
	Fabric  string       `json:"fabric,omitempty" doc:"devices of several hosts with the same one reach each other by the vendor's own links"`
	Files   []string     `json:"files,omitempty" doc:"device files that a process opens to use it"`
	Links   []DeviceLink `json:"links,omitempty" doc:"how it reaches the other devices of its host"`
}

// DeviceLink is the best way from one device to another of the same host.
type DeviceLink struct {
	To    DeviceID `json:"to"`
	Kind  LinkKind `json:"kind"`
	Count int      `json:"count,omitempty" doc:"of the vendor's own links: how many"`
}

// LinkKind is what two devices of a host are joined by.
type LinkKind string

// The kinds of links, the fastest first: the vendor's own, one PCIe switch,
// several switches below one bridge, one host bridge's NUMA node, and the way
// between NUMA nodes.
const (
	LinkNVLink LinkKind = "nvlink"
	LinkXGMI   LinkKind = "xgmi"
	LinkSwitch LinkKind = "switch"
	LinkBridge LinkKind = "bridge"
	LinkNode   LinkKind = "node"
	LinkSystem LinkKind = "system"
)

// DeviceGrant is the right of one attempt to a device, or to a share of it. Of
// two grants of a device the one with the higher epoch is the later, and an
// agent that knows it refuses the other.
type DeviceGrant struct {
	Device DeviceID `json:"device"`
	Milli  int      `json:"milli" doc:"thousandths of the device: 1000 is all of it"`
	Epoch  int64    `json:"epoch" doc:"grows with every grant of the device"`
}

// DeviceState is where a device stands.
type DeviceState string

// The states of a device. Only one that is ready is granted; one on probation
// works again, but is granted to who is preemptible only.
const (
	DeviceReady     DeviceState = "ready"
	DeviceCordoned  DeviceState = "cordoned"  // takes no new work
	DeviceDraining  DeviceState = "draining"  // takes no new work, and what it has is asked to leave
	DeviceTesting   DeviceState = "testing"   // idle, and looked at
	DeviceProbation DeviceState = "probation" // works again, but for how long
	DeviceLost      DeviceState = "lost"      // its host does not have it any more
)

// DeviceStatus is a device as the ledger knows it.
type DeviceStatus struct {
	Device
	Host     HostName      `json:"host"`
	State    DeviceState   `json:"state"`
	Cordoned bool          `json:"cordoned,omitempty" doc:"an administrator keeps new work away from it"`
	Reason   string        `json:"reason,omitempty" doc:"why it is not ready"`
	Since    time.Time     `json:"since" doc:"when it came into this state"`
	Used     int           `json:"used" doc:"thousandths of it that are granted"`
	Epoch    int64         `json:"epoch" doc:"of its last grant"`
	Grants   []GrantRecord `json:"grants,omitempty" doc:"who has it"`
	Use      *DeviceUse    `json:"use,omitempty" doc:"what it did when it was last looked at"`
}

// GrantRecord is one grant of a device, and what came of it.
type GrantRecord struct {
	DeviceGrant
	Attempt    AttemptID  `json:"attempt"`
	Owner      Owner      `json:"owner"`
	Host       HostName   `json:"host"`
	GrantedAt  time.Time  `json:"granted_at"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
	Busy       float64    `json:"busy" doc:"share of the time in which the device computed, 0 to 1"`
	MemoryPeak int64      `json:"memory_peak" doc:"bytes"`
	BusyAt     *time.Time `json:"busy_at,omitempty" doc:"when it was last seen to compute"`
}

// DeviceEvent is something that became of a device.
type DeviceEvent struct {
	Device DeviceID    `json:"device"`
	At     time.Time   `json:"at"`
	State  DeviceState `json:"state"`
	Reason string      `json:"reason,omitempty"`
	User   UserName    `json:"user,omitempty" doc:"the administrator who did it"`
}

// DeviceUse is what a device does at one moment.
type DeviceUse struct {
	Device      DeviceID  `json:"device"`
	At          time.Time `json:"at"`
	Busy        float64   `json:"busy" doc:"share of the last second in which it computed, 0 to 1"`
	MemoryUsed  int64     `json:"memory_used" doc:"bytes"`
	Power       float64   `json:"power,omitempty" doc:"watts"`
	Temperature float64   `json:"temperature,omitempty" doc:"degrees Celsius"`
	Processes   []int     `json:"processes,omitempty" doc:"ids of the processes that use it, as the host counts them"`
}

// DeviceFault is something that a device or its driver told of.
type DeviceFault struct {
	Device DeviceID  `json:"device,omitempty" doc:"empty: all of the host, since the fault did not say which"`
	At     time.Time `json:"at"`
	Kind   string    `json:"kind" doc:"xid, ecc, ras, lost, driver"`
	Code   int       `json:"code,omitempty" doc:"the number of an XID"`
	Text   string    `json:"text"`
	Fatal  bool      `json:"fatal" doc:"whether the device takes no work any more; else it is the program's own fault or was corrected"`
}

// DeviceTest is how the test of a device went that a server asked an agent for.
type DeviceTest struct {
	Device DeviceID  `json:"device"`
	At     time.Time `json:"at"`
	Fault  string    `json:"fault,omitempty" doc:"what is wrong; empty: the device works"`
	Reset  string    `json:"reset,omitempty" doc:"what came of a reset, where the first test failed and one was tried"`
}
