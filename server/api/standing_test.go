package api_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/lease"
)

func TestTheQueueIsSteeredAndShown(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	host := bine.Host{Name: "h1", Capacity: bine.Resources{CPU: 8, Memory: 1 << 30}, Devices: []bine.Device{{ID: "GPU-1", Vendor: bine.VendorSimulated, Model: "P100"}}}
	_, err := w.as("root").RegisterHost(ctx, host)
	w.ok(err)
	for _, id := range []bine.AttemptID{"a", "b", "c"} {
		_, _, err = w.ledger.Ask(ctx, lease.Request{Attempt: id, Owner: bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "r", Step: "s"}, Resources: bine.Resources{CPU: 1, Memory: 1, GPUs: 1, GPU: "1 GPU on 1 host for 2h"}})
		w.ok(err)
	}
	high := client.SetPriority{Priority: bine.PriorityHigh}
	w.ok(w.as("olga").SetLeasePriority(ctx, "demo", "c", high))
	w.ok(w.as("root").SetLeasePriority(ctx, "demo", "c", high))
	for user, kind := range map[bine.UserName]bine.Kind{"sven": bine.Forbidden, "mallory": bine.NotFound} {
		if err := w.as(user).SetLeasePriority(ctx, "demo", "b", high); !bine.IsKind(err, kind) {
			t.Errorf("%s changes a priority: %v, want %s", user, err, kind)
		}
	}
	if err := w.as("olga").SetLeasePriority(ctx, "demo", "a", high); !bine.IsKind(err, bine.Conflict) {
		t.Errorf("of one that was granted: %v, want a conflict", err)
	}
	if err := w.as("olga").SetLeasePriority(ctx, "demo", "b", client.SetPriority{Priority: "urgent"}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a priority that is none: %v, want it invalid", err)
	}
	leases, err := w.as("sven").Leases(ctx)
	w.ok(err)
	same(t, "the place of who asked last", []any{leases[2].Attempt, leases[2].Priority, leases[2].StartsAt != nil}, []any{bine.AttemptID("c"), bine.PriorityHigh, true})
	v, err := w.as("sven").Verdict(ctx, "demo", client.AskResources{GPUs: "1 GPU"})
	w.ok(err)
	same(t, "the verdict tells when", []any{v.Answer, v.Starts != nil}, []any{bine.VerdictNotNow, true})
	s, err := w.as("sven").Standing(ctx, "demo")
	w.ok(err)
	same(t, "standing", []any{s.Held.GPUs, s.Waiting, s.Wanted, s.Borrowed}, []any{1.0, 2, 2.0, 1.0})
	for user, n := range map[bine.UserName]int{"root": 1, "sven": 1, "mallory": 0} {
		all, err := w.as(user).Standings(ctx)
		w.ok(err)
		same(t, "standings that "+string(user)+" sees", len(all), n)
	}
	audits, err := w.store.Audits(ctx, 0, 1000)
	w.ok(err)
	n := 0
	for _, a := range audits {
		if a.Action == "set-lease-priority" && strings.Contains(a.Object, "requests/c") {
			n++
		}
	}
	same(t, "audit records of both changes", n, 2)
}

func TestAQuotaOfCellsIsChecked(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	good := bine.Quota{Cells: []bine.CellQuota{{Level: bine.CellHost, Model: "A100", Guaranteed: 2, Most: 4}}}
	got, err := w.as("root").SetQuota(ctx, "demo", good)
	w.ok(err)
	same(t, "set", got, good)
	for _, bad := range []bine.CellQuota{{Level: bine.CellHost}, {Level: bine.CellHost, Guaranteed: 3, Most: 2}, {Level: "shelf", Guaranteed: 1}, {Level: bine.CellRack, Guaranteed: -1}} {
		if _, err := w.as("root").SetQuota(ctx, "demo", bine.Quota{Cells: []bine.CellQuota{bad}}); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("%+v: %v, want it invalid", bad, err)
		}
	}
	got, err = w.as("sven").Quota(ctx, "demo")
	w.ok(err)
	same(t, "what was wrong changed nothing", got, good)
}
