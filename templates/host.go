package templates

import (
	"html/template"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// HostPage shows one host: what it has, who has it, and what became of it.
type HostPage struct {
	Shell
	client.HostView
}

var hostPage = load("host.html", "cordon.html")

func (p HostPage) page() *template.Template { return hostPage }

// Line is the host as the table of hosts has it.
func (p HostPage) Line() HostLine { return HostLine{p.Picture, p.Host} }

// Drawing gives what its accelerators are drawn with.
func (p HostPage) Drawing() Drawing {
	d := Drawing{colours: map[bine.ProjectName]int{}}
	for _, device := range p.Picture.Devices {
		for _, s := range device.By {
			if _, known := d.colours[s.Project]; !known {
				d.colours[s.Project] = min(len(d.colours), seriesColours-1)
			}
		}
	}
	return d
}

// Ready counts its accelerators that take work.
func (p HostPage) Ready() int {
	n := 0
	for _, d := range p.Picture.Devices {
		if d.State == bine.DeviceReady {
			n++
		}
	}
	return n
}

// CordonForm keeps new work away from something, or lets it come again.
type CordonForm struct {
	Path     string
	Name     string // what people call it
	Cordoned bool
	Runs     int // how much runs on it
}

// Cordoning is the form of the host.
func (p HostPage) Cordoning() CordonForm {
	return CordonForm{join("hosts", p.Picture.Name, "cordon"), string(p.Picture.Name), p.Picture.Cordoned, len(p.Leases) + p.Others}
}

// Cordoning is the form of the device.
func (p DevicePage) Cordoning() CordonForm {
	return CordonForm{join("devices", p.Device.ID, "cordon"), p.Device.Model + " #" + text(p.Device.Index), p.Device.Cordoned, len(p.Device.Grants)}
}
