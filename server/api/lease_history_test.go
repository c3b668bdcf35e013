package api_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/lease"
)

func TestARequestCanBeFollowedFromAskingToGivingBack(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.hosts(2, func(int) []string { return nil })
	owner := bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "r", Step: "s"}
	models := bine.Resources{CPU: 1, Memory: 1 << 30, GPUs: 8, GPU: "8 GPUs on 1 host with A100"}
	first := lease.Request{Attempt: bine.NewAttemptID(owner, 2), Owner: owner, Resources: models}
	_, _, err := w.ledger.Ask(ctx, first)
	w.ok(err)
	waits := lease.Request{Attempt: bine.NewAttemptID(owner, 3), Owner: owner, Resources: models}
	_, _, err = w.ledger.Ask(ctx, waits)
	w.ok(err)

	h, err := w.as("sven").LeaseHistory(ctx, waits.Attempt)
	w.ok(err)
	same(t, "waits for something", h.Live != nil && h.Live.Reason != "" && h.Granted == nil, true)
	if err := w.as("sven").SetLeasePriority(ctx, "demo", waits.Attempt, client.SetPriority{Priority: bine.PriorityHigh}); !bine.IsKind(err, bine.Forbidden) {
		t.Errorf("a Data Scientist changes a priority: got %v, want Forbidden", err)
	}
	w.ok(w.as("olga").SetLeasePriority(ctx, "demo", waits.Attempt, client.SetPriority{Priority: bine.PriorityHigh, Reason: "a demo"}))
	audit, err := w.as("root").Audit(ctx, client.List{Limit: 1})
	w.ok(err)
	same(t, "audit record", audit.Items[0].Action+" "+audit.Items[0].Note, "set-lease-priority high: a demo")

	w.ok(w.as("root").CordonHost(ctx, "gpu-0000", client.Cordon{Cordoned: true, Drain: true, Reason: "fan"}))
	w.ok(w.ledger.NoteAskedBack(ctx, "gpu-0000"))
	w.ok(w.ledger.NoteAskedBack(ctx, "gpu-0000"))
	_, err = w.ledger.Release(ctx, first.Attempt)
	w.ok(err)
	h, err = w.as("sven").LeaseHistory(ctx, first.Attempt)
	w.ok(err)
	same(t, "accelerators", len(h.Grants), 8)
	same(t, "that it is over, and that it was asked back", h.Live == nil && h.Ended != nil && h.AskedBack != nil && h.Granted != nil, true)
	for _, id := range []bine.AttemptID{first.Attempt, "none"} {
		if _, err := w.as("mallory").LeaseHistory(ctx, id); !bine.IsKind(err, bine.NotFound) {
			t.Errorf("a stranger sees %s: %v", id, err)
		}
	}
}

func TestTheHistoryOfAGangHasAllItsAccelerators(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.hosts(4, func(int) []string { return nil })
	owner := bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "r", Step: "s"}
	id := bine.NewAttemptID(owner, 1)
	g, _, err := w.ledger.Ask(ctx, lease.Request{Attempt: id, Owner: owner, Resources: bine.Resources{CPU: 2, Memory: 1 << 30, GPUs: 16, GPU: "16 GPUs on 2 hosts with H100"}})
	w.ok(err)
	same(t, "hosts of the gang", 1+len(g.Others), 2)
	_, err = w.ledger.Release(ctx, id)
	w.ok(err)
	h, err := w.as("olga").LeaseHistory(ctx, id)
	w.ok(err)
	same(t, "accelerators of all its hosts", len(h.Grants), 16)
}
