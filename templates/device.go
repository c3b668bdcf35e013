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

var devicePage = load("device.html", "cordon.html")

func (p DevicePage) page() *template.Template { return devicePage }

// standing is the state of an accelerator as people see it: an administrator's
// cordon goes before what it would be else.
func standing(d bine.DeviceStatus) string {
	if d.Cordoned && d.State == bine.DeviceReady {
		return string(bine.DeviceCordoned)
	}
	return string(d.State)
}
