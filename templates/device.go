package templates

import (
	"html/template"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// DevicePage shows an accelerator: who has it, who had it, what became of it.
type DevicePage struct {
	Shell
	client.DeviceHistory
}

var devicePage = load("device.html")

func (p DevicePage) page() *template.Template { return devicePage }

// HostDevices are the accelerators of one host.
type HostDevices struct {
	Host    bine.HostName
	Devices []bine.DeviceStatus
}

// ByHost groups accelerators by their hosts, in the order in which they come.
func (p HostsPage) ByHost() []HostDevices {
	var all []HostDevices
	for _, d := range p.Devices {
		if n := len(all); n == 0 || all[n-1].Host != d.Host {
			all = append(all, HostDevices{Host: d.Host})
		}
		last := &all[len(all)-1]
		last.Devices = append(last.Devices, d)
	}
	return all
}

// Granted counts the accelerators of which something is granted.
func (p HostsPage) Granted() int {
	n := 0
	for _, d := range p.Devices {
		if d.Used > 0 {
			n++
		}
	}
	return n
}

// standing is the state of an accelerator as people see it: an administrator's
// cordon goes before what it would be else.
func standing(d bine.DeviceStatus) string {
	if d.Cordoned && d.State == bine.DeviceReady {
		return string(bine.DeviceCordoned)
	}
	return string(d.State)
}

// holder names who has a grant; of other people's projects, nothing is told.
func holder(o bine.Owner) string {
	if o.Project == "" {
		return "another project"
	}
	return HostsPage{}.OwnerName(o)
}
