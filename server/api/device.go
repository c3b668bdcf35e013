package api

import (
	"context"
	"net/http"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/internal/auth"
)

// deviceRoutes show accelerators and who has them, and let administrators keep
// work away from them.
func (a *API) deviceRoutes() {
	see, change := auth.Access{User: true, Scopes: follows}, auth.Access{Admin: true}
	const one = "devices/{device}"
	add(a, route{id: "list-devices", method: http.MethodGet, path: "devices", tag: "hosts", summary: "The accelerators of all hosts, with who has them: of the caller's projects, or all for an administrator", access: see}, a.devices)
	add(a, route{id: "show-device", method: http.MethodGet, path: one, tag: "hosts", summary: "An accelerator with its history", access: see}, a.device)
	add(a, route{id: "cordon-device", method: http.MethodPut, path: one + "/cordon", tag: "hosts", summary: "Keep new work away from an accelerator, or let it come again", access: change}, a.cordonDevice)
	add(a, route{id: "cordon-host", method: http.MethodPut, path: "hosts/{host}/cordon", tag: "hosts", summary: "Keep new work away from a host, or let it come again", access: change}, a.cordonHost)
	add(a, route{id: "ask-verdict", method: http.MethodPost, path: "projects/{project}/verdict", tag: "hosts", summary: "Whether a process would get its resources now, later or never; nothing is granted",
		access: auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}, silent: true}, a.verdict)
}

// InDevice names a device in the path.
type InDevice struct {
	Device bine.DeviceID `path:"device" doc:"id of the device"`
}

// mayKnow tells of which projects the caller may know what they do.
func (a *API) mayKnow(ctx context.Context) (func(bine.ProjectName) bool, error) {
	if callOf(ctx).Admin {
		return func(bine.ProjectName) bool { return true }, nil
	}
	mine, err := a.Store.Projects(ctx, callOf(ctx).User)
	member := map[bine.ProjectName]bool{}
	for _, p := range mine {
		member[p.Name] = true
	}
	return func(p bine.ProjectName) bool { return member[p] }, err
}

// hide takes out of records what is nobody else's business.
func hide(records []bine.GrantRecord, know func(bine.ProjectName) bool) {
	for i := range records {
		if !know(records[i].Owner.Project) {
			records[i].Owner, records[i].Attempt = bine.Owner{}, ""
		}
	}
}

func (a *API) devices(ctx context.Context, _ *none) (*body[[]bine.DeviceStatus], error) {
	know, err := a.mayKnow(ctx)
	if err != nil {
		return nil, err
	}
	all, err := a.Ledger.Devices(ctx)
	for _, d := range all {
		hide(d.Grants, know)
	}
	return list(all, err)
}

const historyShown = 100

func (a *API) device(ctx context.Context, in *InDevice) (*body[client.DeviceHistory], error) {
	know, err := a.mayKnow(ctx)
	if err != nil {
		return nil, err
	}
	all, err := a.Ledger.Devices(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if d.ID != in.Device {
			continue
		}
		out := client.DeviceHistory{Device: d}
		out.Grants, out.Events, err = a.Ledger.DeviceHistory(ctx, d.ID, historyShown)
		hide(out.Grants, know)
		hide(out.Device.Grants, know)
		return answer(out, err)
	}
	return nil, bine.Errorf(bine.NotFound, "there is no device %q: bine gpu list shows all", string(in.Device))
}

func (a *API) cordonDevice(ctx context.Context, in *struct {
	InDevice
	Body client.Cordon
}) (*none, error) {
	if err := noteCordon(ctx, in.Body); err != nil {
		return nil, err
	}
	grants, err := a.Ledger.Cordon(ctx, in.Device, in.Body.Cordoned, in.Body.Reason, callOf(ctx).User)
	if err == nil && in.Body.Drain {
		_, err = a.Ledger.DrainDevice(ctx, in.Device)
	}
	if err == nil {
		a.granted(ctx, grants)
	}
	return done(err)
}

// noteCordon puts into the audit record what was done to a device or host, and why.
func noteCordon(ctx context.Context, c client.Cordon) error {
	did := "uncordoned"
	switch {
	case c.Drain && !c.Cordoned:
		return bine.Errorf(bine.Invalid, "drain goes with cordoned: what left would come back at once")
	case c.Drain:
		did = "cordoned and drained"
	case c.Cordoned:
		did = "cordoned"
	}
	if c.Reason != "" {
		did += ": " + c.Reason
	}
	noted(ctx, did)
	return nil
}

func (a *API) cordonHost(ctx context.Context, in *struct {
	InHost
	Body client.Cordon
}) (*none, error) {
	if err := noteCordon(ctx, in.Body); err != nil {
		return nil, err
	}
	grants, err := a.Ledger.CordonHost(ctx, in.Host, in.Body.Cordoned, in.Body.Reason, callOf(ctx).User)
	if err == nil && in.Body.Drain {
		_, err = a.Ledger.DrainHost(ctx, in.Host)
	}
	if err == nil {
		a.granted(ctx, grants)
	}
	return done(err)
}

func (a *API) verdict(ctx context.Context, in *struct {
	InProject
	Body client.AskResources
}) (*body[bine.Verdict], error) {
	r := bine.Resources{CPU: in.Body.CPU, Memory: in.Body.Memory}
	if r.CPU == 0 {
		r.CPU = dags.DefaultResources().CPU
	}
	if r.Memory == 0 {
		r.Memory = dags.DefaultResources().Memory
	}
	if in.Body.GPUs != "" {
		request, err := gpu.ParseRequest(in.Body.GPUs)
		if err != nil {
			return nil, err
		}
		r = request.On(r)
	}
	return answer(a.Ledger.Verdict(ctx, in.Project, r))
}
