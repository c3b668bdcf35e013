package lease_test

import (
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/lease"
)

func TestHistory(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		setDevices(t, l, "a", 2, "P100")
		setDevices(t, l, "b", 2, "P100")
		ask(t, l, "light", bine.Resources{CPU: 1, Memory: gib})
		ask(t, l, "whole", gpus(2))
		ask(t, l, "gang", words(2, "2 GPUs on 2 hosts for 1h"))
		release(t, l, "light")
		release(t, l, "whole")
		ask(t, l, "gone", gpus(2))
		release(t, l, "gang")
		release(t, l, "gang")
		all, err := l.History(t.Context(), time.Time{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		got := map[bine.AttemptID]bine.LeaseRecord{}
		for i, r := range all {
			got[r.Attempt] = r
			if r.AskedAt.After(r.GrantedAt) || (r.EndedAt != nil && r.GrantedAt.After(*r.EndedAt)) || (i > 0 && r.AskedAt.Before(all[i-1].AskedAt)) {
				t.Errorf("the order of times is wrong: %+v", r)
			}
		}
		if w := got["whole"]; len(all) != 3 || w.GPUs != 2 || w.EndedAt == nil {
			t.Errorf("%d are remembered: %+v", len(all), all)
		}
		if g := got["gang"]; g.GPUs != 2 || g.CPU != 4 || g.Request != "2 GPUs on 2 hosts for 1h" || g.EndedAt == nil {
			t.Errorf("the gang is %+v", g)
		}
		if g := got["gone"]; g.GPUs != 2 || g.EndedAt != nil {
			t.Errorf("what is held is %+v", g)
		}
		if last, err := l.History(t.Context(), time.Now().Add(time.Hour), 100); err != nil || len(last) != 1 || last[0].Attempt != "gone" {
			t.Errorf("since later: %+v, %v", last, err)
		}
		if err := l.PruneGrants(t.Context(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if all, err := l.History(t.Context(), time.Time{}, 100); err != nil || len(all) != 1 {
			t.Errorf("after it was pruned: %+v, %v", all, err)
		}
	})
}
