package store_test

import (
	"encoding/json"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

func TestASchedulesKeepsItsMaker(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		v := bine.Schedule{Name: "nightly", Pipeline: "flights", Version: 1, Cron: "0 3 * * *", TimeZone: "Europe/Berlin", Overlap: "skip", CatchUp: 60.5,
			Params: json.RawMessage(`{"n":1}`), Paused: true, Note: "n", CreatedBy: "ann", CreatedAt: soon(0)}
		kind(t, "for no pipeline", s.PutSchedule(ctx, "p", v), bine.NotFound)
		storeVersion(t, s, "flights", "a")
		ok(t, s.PutSchedule(ctx, "p", v))
		same(t, "schedule", got(s.Schedule(ctx, "p", "nightly"))(t), v)
		changed := v
		changed.Paused, changed.Cron, changed.CreatedBy = false, "@hourly", "bob"
		ok(t, s.PutSchedule(ctx, "p", changed))
		changed.CreatedBy = "ann"
		same(t, "changed", got(s.Schedules(ctx, "p"))(t), []bine.Schedule{changed})
		ok(t, s.DeleteSchedule(ctx, "p", "nightly"))
		kind(t, "deleted", second(s.Schedule(ctx, "p", "nightly")), bine.NotFound)
	})
}
