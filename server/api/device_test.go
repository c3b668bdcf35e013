package api_test

import (
	"fmt"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/lease"
)

func TestWhoHasADeviceIsToldToThoseOfTheProjectOnly(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	host := bine.Host{Name: "h1", Capacity: bine.Resources{CPU: 8, Memory: 1 << 30}, Devices: []bine.Device{{ID: "GPU-1", Vendor: bine.VendorSimulated, Model: "P100"}}}
	_, err := w.as("root").RegisterHost(ctx, host)
	w.ok(err)
	_, _, err = w.ledger.Ask(ctx, lease.Request{Attempt: "a", Owner: bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "r", Step: "s"}, Resources: bine.Resources{CPU: 1, Memory: 1, GPUs: 1}})
	w.ok(err)
	for user, want := range map[bine.UserName]bine.ProjectName{"root": "demo", "sven": "demo", "mallory": ""} {
		all, err := w.as(user).Devices(ctx)
		w.ok(err)
		one, err := w.as(user).Device(ctx, "GPU-1")
		w.ok(err)
		same(t, string(user)+" sees it taken", all[0].Used, 1000)
		same(t, string(user)+" sees by whom in the list", all[0].Grants[0].Owner.Project, want)
		same(t, string(user)+" sees by whom in its history", one.Grants[0].Owner.Project, want)
	}
	v, err := w.as("sven").Verdict(ctx, "demo", client.AskResources{GPUs: "1 GPU"})
	w.ok(err)
	same(t, "verdict while it is taken", v.Answer, bine.VerdictNotNow)
	if _, err := w.as("sven").Verdict(ctx, "demo", client.AskResources{GPUs: "1 GPU on fire"}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a malformed request: got %v, want Invalid", err)
	}
	w.ok(w.as("root").CordonDevice(ctx, "GPU-1", client.Cordon{Cordoned: true, Reason: "fan"}))
	one, err := w.as("sven").Device(ctx, "GPU-1")
	w.ok(err)
	same(t, "cordoned", one.Device.Cordoned, true)
	same(t, "by whom", one.Events[0].User, bine.UserName("root"))
	w.ok(w.as("root").CordonHost(ctx, "h1", client.Cordon{Cordoned: true, Drain: true, Reason: "new fan"}))
	leases, err := w.as("sven").Leases(ctx)
	w.ok(err)
	same(t, "asked to leave the host", leases[0].AskedBack != nil, true)
	if err := w.as("root").CordonHost(ctx, "h1", client.Cordon{Drain: true}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a host that is drained and takes new work: got %v, want Invalid", err)
	}
	audit, err := w.as("root").Audit(ctx, client.List{Limit: 3})
	w.ok(err)
	for i, want := range []string{"cordon-host invalid ", "cordon-host done cordoned and drained: new fan", "cordon-device done cordoned: fan"} {
		a := audit.Items[i]
		same(t, "audit record", a.Action+" "+a.Result+" "+a.Note, want)
	}
	seen, err := w.as("mallory").Host(ctx, "h1")
	w.ok(err)
	same(t, "what runs on the host, to a stranger", fmt.Sprint(len(seen.Leases), seen.Others, seen.Picture.Devices[0].By), "0 1 [{ 1000}]")
	if seen, err = w.as("sven").Host(ctx, "h1"); err != nil || len(seen.Leases) != 1 || len(seen.Leases[0].Devices) != 1 || len(seen.Events) == 0 {
		t.Errorf("the host to a member: %+v, %v", seen, err)
	}
	if _, err := w.as("sven").Device(ctx, "GPU-2"); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("a device that is not there: got %v, want NotFound", err)
	}
}
