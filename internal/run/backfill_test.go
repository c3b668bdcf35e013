package run_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/run"
)

const daily = "name: daily\nparams: {shop: {type: string, default: a}, n: {type: int, default: 1}}\nsteps:\n  one: {values: {d: \"${{ params.shop }}\"}}\n"

// backfill accepts a backfill with these slots; those that are no times are partitions.
func (w *world) backfill(most int, change func(*bine.Backfill), keys ...string) activities.BackfillRef {
	w.t.Helper()
	row := bine.Backfill{Project: "p", Pipeline: w.pipeline(daily), Mode: bine.BackfillAll, Order: "oldest", Cap: most, CreatedBy: "ann"}
	if change != nil {
		change(&row)
	}
	var slots []bine.BackfillSlot
	for _, key := range keys {
		slot := bine.BackfillSlot{Key: key, State: bine.Pending}
		if at, err := time.Parse(time.RFC3339, key); err == nil {
			slot.Tick = &at
		}
		slots = append(slots, slot)
	}
	made, _, err := w.store.AcceptBackfill(w.ctx(), row, slots, "")
	w.ok(err)
	return activities.BackfillRef{Project: "p", Backfill: made.ID}
}

// advance moves a backfill on twice, as after a crash: the second changes nothing.
func (w *world) advance(ref activities.BackfillRef) bine.BackfillState {
	w.t.Helper()
	b := run.Backfills{Engine: w.engine}
	_, err := b.Advance(w.ctx(), ref)
	w.ok(err)
	before := w.slots(ref)
	out, err := b.Advance(w.ctx(), ref)
	w.ok(err)
	w.is("advanced again", w.slots(ref), before)
	if !out.State.Ended() && out.Again <= 0 {
		w.t.Errorf("a backfill that is %s is never looked at again", out.State)
	}
	row, err := w.store.Backfill(w.ctx(), "p", ref.Backfill)
	w.ok(err)
	w.is("row", row.State, out.State)
	return out.State
}

// slots gives each slot as "key state run".
func (w *world) slots(ref activities.BackfillRef) []string {
	w.t.Helper()
	list, _, err := w.store.BackfillSlots(w.ctx(), "p", ref.Backfill, "", 1000)
	w.ok(err)
	var out []string
	for _, s := range list {
		out = append(out, strings.TrimSpace(fmt.Sprint(s.Key, " ", s.State, " ", s.Run)))
	}
	return out
}

func (w *world) endRun(id bine.RunID, to bine.State) {
	w.t.Helper()
	w.ok(w.store.MoveRun(w.ctx(), "p", id, []bine.State{bine.Pending, bine.Running}, to, ""))
}

func (w *world) moveBackfill(ref activities.BackfillRef, to bine.BackfillState) {
	w.t.Helper()
	from := []bine.BackfillState{bine.BackfillRunning, bine.BackfillPaused}
	w.ok(w.store.MoveBackfill(w.ctx(), "p", ref.Backfill, from, to, ""))
}

func TestABackfillRunsEverySlotUnderItsCap(t *testing.T) {
	w := newWorld(t)
	days := []string{"2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"}
	ref := w.backfill(2, nil, days...)
	w.is("state", w.advance(ref), bine.BackfillRunning)
	w.is("slots", w.slots(ref), []string{days[0] + " pending daily-1", days[1] + " pending daily-2", days[2] + " pending"})
	first, err := w.store.Run(w.ctx(), "p", "daily-1")
	w.ok(err)
	w.is("run", []any{first.Backfill, first.Tick.Format(time.RFC3339), first.StartedBy, string(first.Params)}, []any{ref.Backfill, days[0], bine.UserName("ann"), `{"n":1,"shop":"a"}`})
	w.endRun("daily-2", bine.Succeeded)
	w.is("state", w.advance(ref), bine.BackfillRunning)
	w.endRun("daily-1", bine.Succeeded)
	w.endRun("daily-3", bine.Succeeded)
	w.is("state", w.advance(ref), bine.BackfillSucceeded)
	w.is("asked", w.launcher.calls, []string{"start run daily-1", "start run daily-2", "start run daily-3"})
}

func TestABackfillTriesEverySlotBeforeItFails(t *testing.T) {
	w := newWorld(t)
	ref := w.backfill(1, func(b *bine.Backfill) { b.Param, b.Params = "n", []byte(`{"shop":"b"}`) }, "7", "x", "9")
	w.is("state", w.advance(ref), bine.BackfillRunning)
	first, err := w.store.Run(w.ctx(), "p", "daily-1")
	w.ok(err)
	w.is("params", string(first.Params), `{"n":7,"shop":"b"}`)
	w.endRun("daily-1", bine.Failed)
	w.is("state", w.advance(ref), bine.BackfillRunning)
	w.is("slots", w.slots(ref), []string{"7 failed daily-1", "x failed", "9 pending daily-2"})
	w.endRun("daily-2", bine.Succeeded)
	w.is("state", w.advance(ref), bine.BackfillFailedEnd)
	row, err := w.store.Backfill(w.ctx(), "p", ref.Backfill)
	w.ok(err)
	w.is("reason", row.Reason, "2 of 3 runs did not succeed")
}

// What airflow issue 72337 is about: a backfill that was cancelled stays as it
// is for ever, with runs that nobody ends.
func TestACancelledBackfillStrandsNothing(t *testing.T) {
	w := newWorld(t)
	ref := w.backfill(2, nil, "a", "b", "c", "d")
	w.advance(ref)
	w.launcher.calls = nil
	w.moveBackfill(ref, bine.BackfillCancelling)
	w.is("while runs go on", w.advance(ref), bine.BackfillCancelling)
	w.is("slots", w.slots(ref), []string{"a pending daily-1", "b pending daily-2", "c cancelled", "d cancelled"})
	w.is("asked", w.launcher.calls, []string{"cancel daily-1", "cancel daily-2", "cancel daily-1", "cancel daily-2"})
	w.endRun("daily-1", bine.Cancelled)
	w.is("with one left", w.advance(ref), bine.BackfillCancelling)
	w.endRun("daily-2", bine.Succeeded) // it was faster
	w.is("at the end", w.advance(ref), bine.BackfillCancelled)
	w.is("slots", w.slots(ref), []string{"a cancelled daily-1", "b succeeded daily-2", "c cancelled", "d cancelled"})
}

func TestACancelThatCannotBeSentIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	ref := w.backfill(1, nil, "a")
	w.advance(ref)
	w.moveBackfill(ref, bine.BackfillCancelling)
	w.launcher.fault = errors.New("no route to host")
	_, err := run.Backfills{Engine: w.engine}.Advance(w.ctx(), ref)
	if err == nil {
		t.Error("a cancel that was not sent is no error")
	}
	w.launcher.fault = nil
	w.is("state", w.advance(ref), bine.BackfillCancelling)
}

func TestAPausedBackfillStartsNothingAndSeesWhatEnds(t *testing.T) {
	w := newWorld(t)
	ref := w.backfill(1, nil, "a", "b")
	w.advance(ref)
	w.moveBackfill(ref, bine.BackfillPaused)
	w.endRun("daily-1", bine.Succeeded)
	w.is("state", w.advance(ref), bine.BackfillPaused)
	w.is("slots", w.slots(ref), []string{"a succeeded daily-1", "b pending"})
	w.moveBackfill(ref, bine.BackfillRunning)
	w.is("state", w.advance(ref), bine.BackfillRunning)
	w.is("slots", w.slots(ref), []string{"a succeeded daily-1", "b pending daily-2"})
}

func TestASlotWhoseRunWasRemovedCountsAsCancelled(t *testing.T) {
	w := newWorld(t)
	ref := w.backfill(1, nil, "a")
	w.advance(ref)
	w.endRun("daily-1", bine.Succeeded)
	w.ok(w.store.DeleteRun(w.ctx(), "p", "daily-1"))
	w.is("state", w.advance(ref), bine.BackfillFailedEnd)
	w.is("slots", w.slots(ref), []string{"a cancelled daily-1"})
}

func TestARunThatCannotBeStartedIsNotAcceptedTwice(t *testing.T) {
	w := newWorld(t)
	ref := w.backfill(1, nil, "a")
	w.launcher.fault = errors.New("no route to host")
	w.is("state", w.advance(ref), bine.BackfillRunning) // the reconciler starts it
	w.is("slots", w.slots(ref), []string{"a pending daily-1"})
}

func TestABackfillOfManySlotsIsStartedInParts(t *testing.T) {
	w := newWorld(t)
	var keys []string
	for i := range 120 {
		keys = append(keys, fmt.Sprint("k", i))
	}
	ref := w.backfill(100, nil, keys...)
	b := run.Backfills{Engine: w.engine}
	for i := range 3 {
		out, err := b.Advance(w.ctx(), ref)
		w.ok(err)
		if soon := out.Again < 1; soon != (i < 2) {
			t.Errorf("after part %d it goes on after %v s", i, out.Again)
		}
	}
	started := slices.DeleteFunc(w.launcher.calls, func(c string) bool { return !strings.HasPrefix(c, "start run ") })
	w.is("started", len(started), 100)
}

func TestABackfillThatIsNoneIsNotFound(t *testing.T) {
	w := newWorld(t)
	_, err := run.Backfills{Engine: w.engine}.Advance(w.ctx(), activities.BackfillRef{Project: "p", Backfill: "x-b1"})
	w.kind("advance", err, bine.NotFound, "x-b1")
}

func TestTheEndOfARunWakesItsBackfill(t *testing.T) {
	w := newWorld(t)
	ref := w.backfill(1, nil, "a")
	w.advance(ref)
	in := activities.RunRef{Project: "p", Run: "daily-1"}
	_, err := w.engine.Begin(w.ctx(), in)
	w.ok(err)
	w.launcher.calls = nil
	_, err = w.engine.Finish(w.ctx(), in, activities.Outcome{State: bine.Succeeded})
	w.ok(err)
	w.is("asked", w.launcher.calls, []string{"wake p/backfill/daily-b1"})
	w.is("state", w.advance(ref), bine.BackfillSucceeded)
}

func TestAProjectThatIsRemovedStopsItsBackfills(t *testing.T) {
	w := newWorld(t)
	ref := w.backfill(1, nil, "a", "b")
	w.advance(ref)
	left, err := w.projects().StopAll(w.ctx(), "p")
	w.ok(err)
	w.is("left", left, 1)
	w.endRun("daily-1", bine.Cancelled)
	w.is("state", w.advance(ref), bine.BackfillCancelled)
}
