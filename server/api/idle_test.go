package api_test

import (
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestIdleRulesOfProjectsGoBeforeThatOfTheInstallation(t *testing.T) {
	w := newWorld(t)
	ctx, root, sven := t.Context(), w.as("root"), w.as("sven")
	all := bine.IdleRule{Minutes: 60, Reclaim: bine.ReclaimNone}
	_, err := root.SetIdleRule(ctx, "", all)
	w.ok(err)
	got, err := sven.IdleRule(ctx, "demo")
	w.ok(err)
	same(t, "the rule of demo", got, all)
	own := bine.IdleRule{Minutes: 1, Threshold: 0.5, Reclaim: bine.ReclaimPreemptible}
	_, err = root.SetIdleRule(ctx, "demo", own)
	w.ok(err)
	got, err = sven.IdleRule(ctx, "demo")
	w.ok(err)
	same(t, "its own rule", got, own)
	got, err = sven.IdleRule(ctx, "")
	w.ok(err)
	same(t, "that of the installation", got, all)
	_, err = w.as("olga").SetIdleRule(ctx, "demo", all)
	wants(t, "an owner of the project", err, bine.Forbidden)
	for _, bad := range []bine.IdleRule{{Minutes: -1}, {Threshold: 2}, {Reclaim: "some"}} {
		_, err = root.SetIdleRule(ctx, "", bad)
		wants(t, "a rule that makes no sense", err, bine.Invalid)
	}
}

func TestALeaseSaysSinceWhenItIsIdle(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.holding()
	_, err := w.as("root").SetIdleRule(ctx, "", bine.IdleRule{Minutes: 1})
	w.ok(err)
	for range 2 {
		_, err := w.as("root").BeatHost(ctx, "h1", client.Heartbeat{Devices: []bine.DeviceUse{{Device: "h1-0", At: time.Now()}}})
		w.ok(err)
		w.ok(w.server.API().SweepIdle(ctx))
	}
	leases, err := w.as("sven").Leases(ctx)
	w.ok(err)
	if len(leases) != 1 || leases[0].IdleSince == nil {
		t.Errorf("leases = %+v, want one that is idle", leases)
	}
}
