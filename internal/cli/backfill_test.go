package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/cli"
)

func TestABackfillIsShownAsAGrid(t *testing.T) {
	b := bine.Backfill{ID: "daily-b1", State: bine.BackfillRunning, Mode: bine.BackfillMissing, Cap: 2, Slots: map[bine.State]int{bine.Succeeded: 52, bine.Failed: 1, bine.Running: 1, bine.Skipped: 1, bine.Pending: 5}}
	var slots []bine.BackfillSlot
	for i := range 60 {
		state := bine.Succeeded
		switch {
		case i == 51:
			state = bine.Failed
		case i == 52:
			state = bine.Skipped
		case i == 54:
			state = bine.Running
		case i > 54:
			state = bine.Pending
		}
		slots = append(slots, bine.BackfillSlot{Key: time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), State: state, Run: "daily-9", Reason: "disk full"})
	}
	routes := map[string]any{
		"GET projects/demo/backfills/daily-b1":         b,
		"GET projects/demo/backfills/daily-b1/slots":   client.Page[bine.BackfillSlot]{Items: slots},
		"GET projects/demo/backfills":                  client.Page[bine.Backfill]{Items: []bine.Backfill{b}},
		"POST projects/demo/backfills/daily-b1/pause":  b,
		"POST projects/demo/pipelines/daily/backfills": client.BackfillPlan{Backfill: b, All: slots},
	}
	for _, args := range [][]string{{"show", "daily-b1"}, {"start", "daily", "--from", "2026-01-01", "--to", "2026-03-01T00:00:00Z", "--cap", "2", "--dry-run"}, {"start", "daily", "--partitions", "a,b", "--param", "shop"}} {
		out, _, err := command(t, routes, append([]string{"backfill"}, args...)...)
		for _, want := range []string{"53 of 59", "2026-01-01  " + strings.Repeat("+", 50), "2026-02-20  +xs+>.....", "x 2026-02-21  daily-9  disk full"} {
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("backfill %v: %v\n%s\nwant it to contain %q", args, err, out, want)
			}
		}
	}
	for _, args := range [][]string{{"list"}, {"pause", "daily-b1"}} {
		if out, _, err := command(t, routes, append([]string{"backfill"}, args...)...); err != nil || !strings.Contains(out, "53 of 59") {
			t.Errorf("backfill %v: %v\n%s", args, err, out)
		}
	}
	if _, _, err := command(t, routes, "backfill", "start", "daily", "--from", "yesterday"); cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("--from yesterday: %v, want a usage error", err)
	}
	if _, _, err := command(t, routes, "backfill", "resume", "x-b1"); cli.ExitCode(err) != cli.ExitNotFound {
		t.Errorf("one that is none: %v", err)
	}
}

func TestTheTicksOfAScheduleAreListed(t *testing.T) {
	routes := map[string]any{"GET projects/demo/schedules/nightly/ticks": []client.ScheduleTick{
		{At: time.Date(2026, 1, 1, 6, 0, 0, 0, time.UTC), State: client.TickMissed, Reason: "the schedule was paused"},
		{At: time.Date(2026, 1, 2, 6, 0, 0, 0, time.UTC), State: client.TickRun, Run: "flights-1", End: bine.Failed},
	}}
	out, _, err := command(t, routes, "schedule", "ticks", "nightly")
	if err != nil || !strings.Contains(out, "2026-01-01T06:00:00Z  missed") || !strings.Contains(out, "the schedule was paused") || !strings.Contains(out, "flights-1  failed") {
		t.Errorf("schedule ticks: %v\n%s", err, out)
	}
}
