package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/store"
)

// days gives n pending slots, a day each.
func days(n int) []bine.BackfillSlot {
	slots := make([]bine.BackfillSlot, n)
	for i := range slots {
		at := time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC)
		slots[i] = bine.BackfillSlot{Key: at.Format(time.RFC3339), Tick: &at, State: bine.Pending}
	}
	return slots
}

// backfill accepts a backfill of the pipeline flights, which it makes.
func backfill(t testing.TB, s *store.Store, most, slots int, key string) bine.Backfill {
	t.Helper()
	if _, err := s.Pipeline(t.Context(), "p", "flights"); err != nil {
		storeVersion(t, s, "flights", "a")
	}
	b, _, err := s.AcceptBackfill(t.Context(), bine.Backfill{Project: "p", Pipeline: "flights", Mode: bine.BackfillAll, Order: "oldest", Cap: most, CreatedBy: "ann"}, days(slots), key)
	ok(t, err)
	return b
}

func TestABackfillIsAcceptedWithItsSlots(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		b := backfill(t, s, 3, 1203, "k")
		same(t, "backfill", []any{b.ID, b.Version, b.State, b.Slots}, []any{bine.BackfillID("flights-b1"), 1, bine.BackfillRunning, map[bine.State]int{bine.Pending: 1203}})
		again, created, err := s.AcceptBackfill(ctx, bine.Backfill{Project: "p", Pipeline: "flights"}, days(2), "k")
		ok(t, err)
		same(t, "made again", created, false)
		same(t, "with the same key", again, b)
		same(t, "the next", backfill(t, s, 1, 1, "").ID, bine.BackfillID("flights-b2"))
		storeVersion(t, s, "other", "b")
		_, _, err = s.AcceptBackfill(ctx, bine.Backfill{Project: "p", Pipeline: "other"}, days(2), "k")
		kind(t, "the key for another pipeline", err, bine.Conflict)
		_, _, err = s.AcceptBackfill(ctx, bine.Backfill{Project: "p", Pipeline: "none"}, days(2), "")
		kind(t, "a pipeline that is none", err, bine.NotFound)

		var keys []string
		after := ""
		for {
			page, next, err := s.BackfillSlots(ctx, "p", b.ID, after, 500)
			ok(t, err)
			for _, v := range page {
				keys = append(keys, v.Key)
			}
			if after = next; next == "" {
				break
			}
		}
		same(t, "slots", len(keys), 1203)
		same(t, "first", keys[0], "2026-01-01T00:00:00Z")
		list, next, err := s.Backfills(ctx, "p", "flights", "", 1)
		ok(t, err)
		same(t, "newest", []any{len(list), list[0].ID, next != ""}, []any{1, bine.BackfillID("flights-b2"), true})
		list, next, err = s.Backfills(ctx, "p", "", next, 5)
		ok(t, err)
		same(t, "older", []any{len(list), list[0].ID, next}, []any{1, b.ID, ""})
		_, _, err = s.Backfills(ctx, "p", "", "x", 5)
		kind(t, "a place that is none", err, bine.Invalid)
	})
}

func TestSlotsAreTakenOnceAndNoMoreThanTheCap(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		s := fill(t, db)
		ctx := t.Context()
		b := backfill(t, s, 4, 20, "")
		take := func() (bool, error) {
			taken := false
			err := db.Together(ctx, func(ctx context.Context) error {
				slot, found, err := s.NextSlot(ctx, "p", b.ID)
				if taken = found; err != nil || !found {
					return err
				}
				run, _, err := s.AcceptRun(ctx, "p", store.NewRun{Pipeline: "flights", Key: fmt.Sprintf("backfill/%s/%s", b.ID, slot.Key), Backfill: b.ID, By: "ann"})
				if err != nil {
					return err
				}
				return s.TakeSlot(ctx, "p", b.ID, slot.Position, run.ID)
			})
			return taken, err
		}
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				for {
					taken, err := take()
					if err != nil {
						t.Error(err)
					}
					if err != nil || !taken {
						return
					}
				}
			})
		}
		wait.Wait()
		going := got(s.GoingSlots(ctx, "p", b.ID))(t)
		same(t, "going", []any{len(going), going[0].Position, going[3].Position, going[0].State}, []any{4, 0, 3, bine.Pending})
		runs, _, err := s.Runs(ctx, "p", store.RunFilter{Backfill: b.ID}, "", 100)
		ok(t, err)
		same(t, "runs", len(runs), 4)

		ok(t, s.MoveRun(ctx, "p", going[0].Run, []bine.State{bine.Pending}, bine.Running, ""))
		same(t, "counts", got(s.Backfill(ctx, "p", b.ID))(t).Slots, map[bine.State]int{bine.Pending: 19, bine.Running: 1})
		ok(t, s.MoveRun(ctx, "p", going[0].Run, []bine.State{bine.Running}, bine.Failed, "no"))
		same(t, "as its run", got(s.GoingSlots(ctx, "p", b.ID))(t)[0].Reason, "no")
		for range 2 {
			ok(t, s.EndSlot(ctx, "p", b.ID, 0, bine.Failed, "no"))
		}
		ok(t, s.EndSlot(ctx, "p", b.ID, 0, bine.Succeeded, ""))
		page, _, err := s.BackfillSlots(ctx, "p", b.ID, "", 1)
		ok(t, err)
		same(t, "ended", []any{page[0].State, page[0].Reason, page[0].Run}, []any{bine.Failed, "no", going[0].Run})
		kind(t, "one that has a run", s.TakeSlot(ctx, "p", b.ID, 0, "x"), bine.Conflict)

		ok(t, s.MoveBackfill(ctx, "p", b.ID, []bine.BackfillState{bine.BackfillRunning}, bine.BackfillPaused, ""))
		taken, err := take()
		ok(t, err)
		same(t, "taken while paused", taken, false)
		ok(t, s.DeleteRun(ctx, "p", going[0].Run))
		ok(t, s.MoveRun(ctx, "p", going[1].Run, []bine.State{bine.Pending}, bine.Cancelled, ""))
		ok(t, s.DeleteRun(ctx, "p", going[1].Run))
		same(t, "gone", got(s.GoingSlots(ctx, "p", b.ID))(t)[0].Gone, true)
		ok(t, s.EndPendingSlots(ctx, "p", b.ID, bine.Cancelled, "cancelled"))
		same(t, "left", got(s.Backfill(ctx, "p", b.ID))(t).Slots[bine.Cancelled], 16)
		kind(t, "moved back", s.MoveBackfill(ctx, "p", b.ID, []bine.BackfillState{bine.BackfillCancelling}, bine.BackfillRunning, ""), bine.Conflict)
		kind(t, "one that is none", s.MoveBackfill(ctx, "p", "x-b1", []bine.BackfillState{bine.BackfillRunning}, bine.BackfillPaused, ""), bine.NotFound)
	})
}

func TestARunRemembersWhyItWasStarted(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		storeVersion(t, s, "flights", "a")
		late := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		made, _, err := s.AcceptRun(t.Context(), "p", store.NewRun{
			Pipeline: "flights", Params: json.RawMessage(`{}`), By: "ann", Continues: "flights-9", From: []bine.StepName{"load", "train"},
			Parent: &bine.StepPointer{Run: "all-1", Step: "each", Item: "a"}, Backfill: "flights-b1", Trigger: "run in-1", Priority: "high", DeadlineAt: &late,
		})
		ok(t, err)
		made.Kind = bine.KindPipeline
		same(t, "as read", got(s.Run(t.Context(), "p", made.ID))(t), made)
	})
}
