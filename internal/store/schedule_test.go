package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
)

func TestASchedulesKeepsItsMaker(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		v := bine.Schedule{Name: "nightly", Pipeline: "flights", Version: 1, Cron: "0 3 * * *", TimeZone: "Europe/Berlin", Overlap: "skip", CatchUp: 60.5, Jitter: 30,
			Params: json.RawMessage(`{"n":1}`), Paused: true, Note: "n", CreatedBy: "ann", CreatedAt: soon(0)}
		kind(t, "for no pipeline", s.PutSchedule(ctx, "p", v), bine.NotFound)
		storeVersion(t, s, "flights", "a")
		ok(t, s.PutSchedule(ctx, "p", v))
		first := got(s.Schedule(ctx, "p", "nightly"))(t)
		if first.Since == nil || first.PausedAt == nil || first.ResumedAt != nil {
			t.Errorf("paused from the start: %+v", first)
		}
		v.Since, v.PausedAt = first.Since, first.PausedAt
		same(t, "schedule", first, v)
		again := v
		again.Overlap = "allow_all"
		ok(t, s.PutSchedule(ctx, "p", again))
		same(t, "with the same times", got(s.Schedule(ctx, "p", "nightly"))(t), again)
		changed := again
		changed.Paused, changed.Cron, changed.CreatedBy = false, "@hourly", "bob"
		ok(t, s.PutSchedule(ctx, "p", changed))
		changed.CreatedBy = "ann"
		all := got(s.Schedules(ctx, "p"))(t)
		if !all[0].Since.After(*v.Since) || all[0].ResumedAt == nil || !all[0].PausedAt.Equal(*v.PausedAt) {
			t.Errorf("resumed with other times: %+v", all[0])
		}
		changed.Since, changed.ResumedAt = all[0].Since, all[0].ResumedAt
		same(t, "changed", all, []bine.Schedule{changed})
		ok(t, s.DeleteSchedule(ctx, "p", "nightly"))
		kind(t, "deleted", second(s.Schedule(ctx, "p", "nightly")), bine.NotFound)
	})
}

func TestTheRunsOfAScheduleAreInOrderOfTheirTicks(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		storeVersion(t, s, "flights", "a")
		noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for _, hours := range []int{2, 0, 1, 3} {
			tick := noon.Add(time.Duration(hours) * time.Hour)
			for _, name := range []bine.ScheduleName{"mine", "other"} {
				_, _, err := s.AcceptRun(ctx, "p", store.NewRun{Pipeline: "flights", Schedule: name, Tick: &tick, By: "ann"})
				ok(t, err)
			}
		}
		runs := got(s.ScheduleRuns(ctx, "p", bine.Schedule{Name: "mine", Pipeline: "flights"}, noon, noon.Add(3*time.Hour)))(t)
		var ticks []int
		for _, r := range runs {
			ticks = append(ticks, int(r.Tick.Sub(noon).Hours()))
		}
		same(t, "ticks", ticks, []int{0, 1, 2})
	})
}
