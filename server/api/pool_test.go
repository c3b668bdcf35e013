package api_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/lease"
)

// holdsSlots asks for slots of a pool, for a step that is no process.
func (w *world) holdsSlots(run, pool string, n int) bool {
	w.t.Helper()
	owner := bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: run, Step: "load"}
	g, _, err := w.ledger.Ask(w.t.Context(), lease.Request{Attempt: bine.NewAttemptID(owner, 0), Owner: owner, Workflow: "demo/run/" + run,
		Slots: []bine.Slot{{Name: bine.PoolSlot("demo", bine.PoolName(pool)), Count: n}}})
	w.ok(err)
	return g.Host != ""
}

func TestPoolsAreMadeChangedAndRemoved(t *testing.T) {
	w := newWorld(t)
	ctx, owner := t.Context(), w.as("olga")
	made, err := owner.SetPool(ctx, "demo", "db", client.SetPool{Slots: 1, Description: "the one database"})
	w.ok(err)
	same(t, "made", made, bine.Pool{Name: "db", Slots: 1, Description: "the one database"})
	same(t, "the first, the second", []bool{w.holdsSlots("a-1", "db", 1), w.holdsSlots("a-2", "db", 1)}, []bool{true, false})
	pools, err := w.as("sven").Pools(ctx, "demo")
	w.ok(err)
	same(t, "listed", pools, []bine.Pool{{Name: "db", Slots: 1, Description: "the one database", Used: 1, Waiting: 1}})
	leases, err := w.as("sven").Leases(ctx)
	w.ok(err)
	same(t, "why the second waits", leases[1].Reason, "waits for 1 slot of pool db (1 of 1 held)")
	if err := owner.DeletePool(ctx, "demo", "db"); !bine.IsKind(err, bine.Conflict) {
		t.Errorf("removing a pool that is held: %v, want a conflict", err)
	}
	_, err = owner.SetPool(ctx, "demo", "db", client.SetPool{Slots: 2})
	w.ok(err)
	same(t, "the second, asking again", w.holdsSlots("a-2", "db", 1), true)
	for _, run := range []string{"a-1", "a-2"} {
		_, err := w.ledger.ReleaseRun(ctx, "demo", bine.RunID(run))
		w.ok(err)
	}
	w.ok(owner.DeletePool(ctx, "demo", "db"))
	w.ok(owner.DeletePool(ctx, "demo", "db"))
	pools, err = owner.Pools(ctx, "demo")
	w.ok(err)
	same(t, "left", len(pools), 0)
	if _, err := owner.SetPool(ctx, "demo", "No Name", client.SetPool{Slots: 2}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a pool without a proper name: %v, want it invalid", err)
	}
}

func TestOnlyAdministratorsSetQuotas(t *testing.T) {
	w := newWorld(t)
	ctx, quota := t.Context(), bine.Quota{Runs: 2, Steps: 4, CPU: 1.5, Memory: 1 << 30, Weight: 2}
	none, err := w.as("sven").Quota(ctx, "demo")
	w.ok(err)
	same(t, "at first", none, bine.Quota{})
	if _, err := w.as("olga").SetQuota(ctx, "demo", quota); !bine.IsKind(err, bine.Forbidden) {
		t.Errorf("by a Data Owner: %v, want it forbidden", err)
	}
	set, err := w.as("root").SetQuota(ctx, "demo", quota)
	w.ok(err)
	seen, err := w.as("sven").Quota(ctx, "demo")
	w.ok(err)
	same(t, "set and seen", []bine.Quota{set, seen}, []bine.Quota{quota, quota})
	if _, err := w.as("root").SetQuota(ctx, "nowhere", quota); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("of a project that is not there: %v, want not found", err)
	}
	if _, err := w.as("root").SetQuota(ctx, "demo", bine.Quota{CPU: -1}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a negative one: %v, want it invalid", err)
	}
}
