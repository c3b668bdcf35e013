package lease_test

import (
	"math"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/lease"
)

func TestWhatProjectsHoldAndWaitForIsMeasured(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		ctx, began := t.Context(), time.Now()
		setDevices(t, l, "a", 2, "P100")
		setDevices(t, l, "b", 2, "P100")
		owned := func(project bine.ProjectName, id bine.AttemptID, r bine.Resources) {
			t.Helper()
			if _, _, err := l.Ask(ctx, lease.Request{Attempt: id, Owner: bine.Owner{Project: project, Name: string(id)}, Resources: r, Workflow: "w"}); err != nil {
				t.Fatal(err)
			}
		}
		owned("p", "gang", words(4, "4 GPUs on 2 hosts"))
		owned("q", "waits", gpus(1.0))
		owned("q", "too", gpus(0.5))
		if err := l.SetUse(ctx, []bine.DeviceUse{{Device: "a-0", At: time.Now(), Busy: 1, MemoryUsed: 5}, {Device: "b-1", At: time.Now(), Busy: 0.6, MemoryUsed: 6}}); err != nil {
			t.Fatal(err)
		}
		all, err := l.Demands(ctx, 10)
		if err != nil || len(all) != 2 || all[0].Project != "p" || all[0].Granted != 4 || all[0].Waiting != 0 || all[1].Wanted != 1.5 || all[1].Waiting != 2 || all[1].Oldest.Before(began.Add(-time.Millisecond)) {
			t.Errorf("standings = %+v, %v", all, err)
		}
		if all, err := l.Demands(ctx, 1); err != nil || len(all) != 1 {
			t.Errorf("the first standing = %+v, %v", all, err)
		}
		tenants, err := l.Tenancies(ctx, 10)
		if err != nil || len(tenants) != 1 || tenants[0].Attempt != "gang" || tenants[0].Granted != 4 || math.Abs(tenants[0].Busy-0.4) > 1e-9 || tenants[0].Memory != 11 || tenants[0].Idle {
			t.Errorf("tenancies = %+v, %v", tenants, err)
		}
		oldest, err := l.Oldest(ctx)
		if err != nil || len(oldest) != 1 || oldest["host"].IsZero() {
			t.Errorf("oldest = %v, %v", oldest, err)
		}
		from := time.Now()
		release(t, l, "gang") // both others have their devices then
		to := from.Add(10 * time.Second)
		held, err := l.Held(ctx, from, to)
		if err != nil || held["p"] > 4*time.Since(from).Seconds() || math.Abs(held["q"]-15) > 1.5*time.Since(from).Seconds()+0.01 {
			t.Errorf("held in the 10 seconds since = %v, %v; want 15 s of q and next to none of p", held, err)
		}
		if held, err := l.Held(ctx, began.Add(-time.Hour), began.Add(-time.Minute)); err != nil || len(held) != 0 {
			t.Errorf("held before anybody asked = %v, %v", held, err)
		}
	})
}
