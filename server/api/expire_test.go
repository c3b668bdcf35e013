package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/lease"
)

func withDevices(name bine.HostName, n int) bine.Host {
	h := host(name)
	for i := range n {
		h.Devices = append(h.Devices, bine.Device{ID: bine.DeviceID(string(name) + "-" + digits(int64(i))), Vendor: bine.VendorSimulated, Model: "P100", Index: i, Memory: 1 << 30})
	}
	return h
}

// holding is an attempt with a device of host h1, as its agent was told.
func (w *world) holding() (bine.Attempt, client.Assignment) {
	w.t.Helper()
	agent := w.as("root")
	_, err := agent.RegisterHost(w.t.Context(), withDevices("h1", 1))
	w.ok(err)
	run := w.run("sven")
	w.ok(w.store.PutStep(w.t.Context(), "demo", bine.Step{Run: run.ID, Name: "ingest", Kind: "python", State: bine.Running}, 0))
	owner := bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: string(run.ID), Step: "ingest"}
	process := bine.Process{Owner: owner, Python: "ingest.py", Resources: bine.Resources{CPU: 1, Memory: 1 << 20, GPUs: 1}}
	a, err := w.store.StartAttempt(w.t.Context(), owner, 1, process)
	w.ok(err)
	_, _, err = w.ledger.Ask(w.t.Context(), lease.Request{Attempt: a.ID, Owner: owner, Resources: process.Resources})
	w.ok(err)
	w.ok(w.store.AttemptHost(w.t.Context(), a.ID, "h1"))
	got, err := agent.Assignment(w.t.Context(), a.ID)
	w.ok(err)
	if len(got.Devices) != 1 {
		w.t.Fatalf("the assignment has the devices %v", got.Devices)
	}
	return a, got
}

func TestWhatALostHostHeldComesBackAndItsProcessesAreRefused(t *testing.T) {
	w := newWorld(t)
	a, assigned := w.holding()
	job := w.with(assigned.Token)
	_, err := job.Me(t.Context())
	w.ok(err)
	h := withDevices("h1", 1)
	h.SeenAt = time.Now().Add(-time.Minute - time.Second) // within the margin
	w.ok(w.store.PutHost(t.Context(), h))
	w.ok(w.server.API().CheckHosts(t.Context()))
	_, err = job.Me(t.Context())
	w.ok(err)
	h.SeenAt = time.Now().Add(-time.Minute - 2*time.Second)
	w.ok(w.store.PutHost(t.Context(), h))
	w.ok(w.server.API().CheckHosts(t.Context()))
	all, err := w.ledger.Devices(t.Context())
	w.ok(err)
	same(t, "who holds the device", []any{len(all[0].Grants), all[0].Used}, []any{0, 0})
	_, err = job.Me(t.Context())
	wants(t, "its process", err, bine.Fenced)
	if err == nil || !strings.Contains(err.Error(), "its lease of accelerators ended: host h1 was not heard of") {
		t.Errorf("the error does not say why: %v", err)
	}
	_, err = w.as("root").Assignment(t.Context(), a.ID)
	wants(t, "the attempt, asked for again", err, bine.Fenced)
}

func TestADeviceStaysTakenUntilItsHostSaysThatNobodyIsOnIt(t *testing.T) {
	w := newWorld(t)
	a, _ := w.holding()
	ctx, agent := t.Context(), w.as("root")
	_, err := w.store.EndAttempt(ctx, a.ID, bine.AttemptResult{State: bine.Lost, Failure: bine.FailureLost}) // as its workflow does, whom the host did not answer
	w.ok(err)
	_, err = w.ledger.Leave(ctx, a.ID)
	w.ok(err)
	held := func(want int) {
		t.Helper()
		all, err := w.ledger.Devices(ctx)
		w.ok(err)
		same(t, "who is on the device", len(all[0].Grants), want)
	}
	held(1)
	orders, err := agent.BeatHost(ctx, "h1", client.Heartbeat{Attempts: []bine.AttemptID{a.ID}})
	w.ok(err)
	same(t, "orders", []any{orders.Stop, orders.Leave}, []any{[]bine.AttemptID{a.ID}, []bine.AttemptID{a.ID}})
	held(1)
	orders, err = agent.BeatHost(ctx, "h1", client.Heartbeat{Left: []bine.AttemptID{a.ID}})
	w.ok(err)
	same(t, "orders then", []any{len(orders.Stop), len(orders.Leave)}, []any{0, 0})
	held(0)
}
