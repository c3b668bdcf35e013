package lease_test

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/lease"
)

func TestTheHistoryOfADeviceTellsOfItsHostsCordon(t *testing.T) {
	each(t, func(t *testing.T, l *lease.Ledger) {
		ctx := t.Context()
		setDevices(t, l, "a", 1, "P100")
		for _, cordoned := range []bool{true, true, false} { // twice the same is once
			if _, err := l.CordonHost(ctx, "a", cordoned, "new fan", "root"); err != nil {
				t.Fatal(err)
			}
		}
		_, events, err := l.DeviceHistory(ctx, "a-0", 10)
		if err != nil || len(events) < 2 {
			t.Fatalf("events = %+v, %v", events, err)
		}
		want(t, "the newest", []any{events[0].State, events[0].Reason, events[0].User}, []any{bine.DeviceReady, "its host takes new work again: new fan", "root"})
		want(t, "before it", []any{events[1].State, events[1].Reason, events[1].User}, []any{bine.DeviceCordoned, "its host is cordoned: new fan", "root"})
		if len(events) > 2 && events[2].User == "root" {
			t.Errorf("the cordon is told twice: %+v", events)
		}
		if _, err := l.CordonHost(ctx, "nowhere", true, "", "root"); !bine.IsKind(err, bine.NotFound) {
			t.Errorf("a host that is not there: %v", err)
		}
	})
}
