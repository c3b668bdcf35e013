package lease_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/lease"
)

func TestIdleDevicesAreAskedBackWhileOthersWait(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		ctx, now := t.Context(), time.Now()
		setDevices(t, l, "a", 4, "P100")
		rule := func(bine.ProjectName) bine.IdleRule {
			return bine.IdleRule{Minutes: 10, Threshold: 0.2, Notice: 5, Reclaim: bine.ReclaimAll}
		}
		owned := func(id bine.AttemptID, words string) {
			t.Helper()
			_, _, err := l.Ask(ctx, lease.Request{Attempt: id, Owner: bine.Owner{Project: "p", Name: string(id)}, Resources: bine.Resources{CPU: 1, Memory: gib, GPUs: 1, GPU: words}, Workflow: "w"})
			if err != nil {
				t.Fatal(err)
			}
		}
		owned("stays", "")
		owned("preemptible", "1 GPU preemptible")
		owned("busy", "1 GPU preemptible")
		owned("silent", "1 GPU preemptible")
		w := &lease.IdleWatch{}
		var asked []bine.Owner
		minute := func(of ...float64) {
			t.Helper()
			now = now.Add(time.Minute)
			var uses []bine.DeviceUse
			for i, busy := range of {
				for range 2 {
					uses = append(uses, bine.DeviceUse{Device: bine.DeviceID(fmt.Sprintf("a-%d", i)), At: now, Busy: busy * float64(len(uses)%2) * 2})
				}
			}
			if err := l.SetUse(ctx, uses); err != nil {
				t.Fatal(err)
			}
			more, err := l.SweepIdle(ctx, w, rule, now)
			if err != nil {
				t.Fatal(err)
			}
			asked = append(asked, more...)
		}
		idle := func(want string) {
			t.Helper()
			all, err := l.IdleSince(ctx)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, id := range []bine.AttemptID{"stays", "preemptible", "busy", "silent"} {
				if since, is := all[id]; is {
					got += fmt.Sprintf("%s for %.0fm ", id, now.Sub(since).Minutes())
				}
			}
			if got != want {
				t.Errorf("idle: %q, want %q", got, want)
			}
		}
		minute(0.1, 0, 0.9)
		idle("") // of nobody is it known yet for how long
		minute(0.1, 0, 0.9)
		idle("stays for 1m preemptible for 1m ")
		minute(0.9, 0, 0.1)
		idle("preemptible for 2m busy for 1m ")
		minute(0.1, 0, 0.9)
		for range 30 {
			minute(0.1, 0, 0.9)
		}
		idle("stays for 31m preemptible for 33m ")
		if len(asked) != 0 {
			t.Errorf("%v were asked while nobody waits", asked)
		}
		owned("waits", "")
		minute(0.1, 0, 0.9)
		if len(asked) != 1 || asked[0].Name != "preemptible" {
			t.Errorf("%v were asked, want who is preemptible", asked)
		}
		back, err := l.AskedBack(ctx, "a")
		if err != nil || fmt.Sprint(back) != "[preemptible]" {
			t.Errorf("asked back are %v, %v", back, err)
		}
		release(t, l, "preemptible")
		minute(0.1, 0, 0.9)
		idle("stays for 33m ")
		if len(asked) != 1 {
			t.Errorf("%v were asked, although nobody waits any more", asked)
		}
	})
}
