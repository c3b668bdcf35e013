package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/store"
)

func TestTheTicksOfAScheduleSayWhatBecameOfThem(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	sven := w.as("sven")
	_, err := sven.StorePipeline(ctx, "demo", []byte(pipelineText), w.code(sven))
	w.ok(err)
	_, err = sven.SetSchedule(ctx, "demo", "secondly", client.NewSchedule{Pipeline: "flights", Cron: "@every 1s", Overlap: "skip", Jitter: 1})
	w.ok(err)
	first := waitForTick(t, sven, client.TickPlanned, "is about to start")
	run, _, err := w.store.AcceptRun(ctx, "demo", store.NewRun{Pipeline: "flights", Params: []byte(`{"n":3}`), Schedule: "secondly", Tick: &first.At, By: "sven"})
	w.ok(err)
	ran := waitForTick(t, sven, client.TickRun, "")
	same(t, "ran", []any{ran.At, ran.Run, ran.End}, []any{first.At, run.ID, bine.Pending})
	waitForTick(t, sven, client.TickMissed, fmt.Sprintf("run %s was still going (overlap skip)", run.ID))
	_, err = sven.SetSchedule(ctx, "demo", "secondly", client.NewSchedule{Pipeline: "flights", Cron: "@every 1s", Overlap: "skip", Paused: true})
	w.ok(err)
	waitForTick(t, sven, client.TickMissed, "the schedule was paused")
	list, err := sven.ScheduleTicks(ctx, "demo", "secondly", 3, 3)
	w.ok(err)
	if len(list) > 3 {
		t.Errorf("a paused schedule plans %v", list)
	}
	_, err = sven.ScheduleTicks(ctx, "demo", "none", 0, 0)
	wants(t, "the ticks of a schedule that is none", err, bine.NotFound)
	_, err = sven.SetSchedule(ctx, "demo", "wrong", client.NewSchedule{Pipeline: "flights", Cron: "@daily", Jitter: -1})
	wants(t, "a negative jitter", err, bine.Invalid)
}

// waitForTick waits until a tick of the schedule has a state and a reason.
func waitForTick(t *testing.T, c *client.Client, state client.TickState, reason string) client.ScheduleTick {
	t.Helper()
	var list []client.ScheduleTick
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		var err error
		if list, err = c.ScheduleTicks(t.Context(), "demo", "secondly", 0, 3); err != nil {
			t.Fatal(err)
		}
		for _, v := range list {
			if v.State == state && v.Reason == reason {
				return v
			}
		}
	}
	t.Fatalf("no tick is %s because %q: %+v", state, reason, list)
	return client.ScheduleTick{}
}
