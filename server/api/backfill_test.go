package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/store"
)

const dailyText = `
name: daily
params:
  shop: {type: string, default: a}
  n: {type: int, default: 1}
schedule: {cron: "0 6 * * *", time_zone: Europe/Vienna}
steps:
  say: {command: [echo, "${{ params.shop }}"]}
`

// daily stores a pipeline with a schedule.
func (w *world) daily(c *client.Client) {
	w.t.Helper()
	_, err := c.StorePipeline(w.t.Context(), "demo", []byte(dailyText), "")
	w.ok(err)
}

func day(text string) *time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return &at
}

// told gives slots as text.
func told(slots []bine.BackfillSlot) string {
	var list []string
	for _, s := range slots {
		list = append(list, strings.TrimSpace(fmt.Sprint(s.Key, " ", s.State, " ", s.Run)))
	}
	return strings.Join(list, ", ")
}

func TestABackfillOfPlannedTimesIsPlannedAndStarted(t *testing.T) {
	w := newWorld(t)
	sven := w.as("sven")
	w.daily(sven)
	ctx := t.Context()
	body := client.NewBackfill{From: day("2026-03-28T00:00:00Z"), To: day("2026-03-31T00:00:00Z"), Cap: 2, DryRun: true}
	plan, err := sven.StartBackfill(ctx, "demo", "daily", body)
	w.ok(err)
	same(t, "plan", told(plan.All), "2026-03-28T05:00:00Z pending, 2026-03-29T04:00:00Z pending, 2026-03-30T04:00:00Z pending")
	same(t, "dry run", []any{plan.ID, plan.Cron, plan.TimeZone, plan.Mode, plan.Order, plan.Slots}, []any{"", "0 6 * * *", "Europe/Vienna", "missing", "oldest", map[bine.State]int{bine.Pending: 3}})
	all, err := sven.Backfills(ctx, "demo", "", client.List{})
	w.ok(err)
	same(t, "made by a dry run", len(all.Items), 0)

	body.DryRun, body.Key, body.Order = false, "k", "newest"
	made, err := sven.StartBackfill(ctx, "demo", "daily", body)
	w.ok(err)
	same(t, "made", []any{made.ID, made.State, made.CreatedBy, made.All[0].Key}, []any{"daily-b1", "running", "sven", "2026-03-30T04:00:00Z"})
	again, err := sven.StartBackfill(ctx, "demo", "daily", body)
	w.ok(err)
	same(t, "again", again.ID, made.ID)
	if !w.launched.made("backfill daily-b1") {
		t.Errorf("launched %v", w.launched.calls)
	}
	slots, err := sven.BackfillSlots(ctx, "demo", made.ID, client.List{Limit: 2})
	w.ok(err)
	same(t, "first page", []any{len(slots.Items), slots.Next != ""}, []any{2, true})
}

func TestABackfillIsPausedResumedAndCancelled(t *testing.T) {
	w := newWorld(t)
	sven := w.as("sven")
	w.daily(sven)
	ctx := t.Context()
	made, err := sven.StartBackfill(ctx, "demo", "daily", client.NewBackfill{Param: "shop", Partitions: []string{"a", "b"}})
	w.ok(err)
	paused, err := sven.PauseBackfill(ctx, "demo", made.ID)
	w.ok(err)
	same(t, "paused", []any{paused.State, paused.Reason}, []any{"paused", "paused by sven"})
	resumed, err := sven.ResumeBackfill(ctx, "demo", made.ID)
	w.ok(err)
	same(t, "resumed", []any{resumed.State, resumed.Reason}, []any{"running", ""})
	_, err = sven.CancelBackfill(ctx, "demo", made.ID)
	w.ok(err)
	_, err = sven.ResumeBackfill(ctx, "demo", made.ID)
	wants(t, "one that is being cancelled", err, bine.Conflict)
	again, err := sven.CancelBackfill(ctx, "demo", made.ID)
	w.ok(err)
	same(t, "cancelled again", again.State, bine.BackfillCancelling)
	if !w.launched.made("wake demo/backfill/daily-b1") {
		t.Errorf("launched %v", w.launched.calls)
	}
	_, err = sven.CancelBackfill(ctx, "demo", "x-b1")
	wants(t, "one that is none", err, bine.NotFound)
	_, err = sven.BackfillSlots(ctx, "demo", "x-b1", client.List{})
	wants(t, "the slots of one that is none", err, bine.NotFound)
	_, err = w.as("mallory").Backfill(ctx, "demo", made.ID)
	wants(t, "of another's project", err, bine.NotFound)
}

func TestTheModeOfABackfillLeavesSlotsOut(t *testing.T) {
	w := newWorld(t)
	sven := w.as("sven")
	w.daily(sven)
	ctx := t.Context()
	run := func(shop string, tick *time.Time, states ...bine.State) {
		for _, to := range states {
			r, _, err := w.store.AcceptRun(ctx, "demo", store.NewRun{Pipeline: "daily", Params: json.RawMessage(fmt.Sprintf(`{"n":1,"shop":%q}`, shop)), Tick: tick, By: "sven"})
			w.ok(err)
			if to != bine.Pending {
				w.ok(w.store.MoveRun(ctx, "demo", r.ID, []bine.State{bine.Pending}, to, ""))
			}
		}
	}
	run("a", day("2026-01-01T05:00:00Z"), bine.Succeeded, bine.Failed) // 1, 2
	run("b", day("2026-01-02T05:00:00Z"), bine.Failed)                 // 3
	run("c", day("2026-01-03T05:00:00Z"), bine.Pending)                // 4
	ticks := client.NewBackfill{From: day("2026-01-01T00:00:00Z"), To: day("2026-01-05T00:00:00Z"), DryRun: true}
	shops := client.NewBackfill{Param: "shop", Partitions: []string{"a", "b", "c", "d"}, DryRun: true}
	for mode, want := range map[bine.BackfillMode]string{
		bine.BackfillAll:     "A pending, B pending, C pending, D pending",
		bine.BackfillMissing: "A skipped daily-1, B pending, C skipped daily-4, D pending",
		bine.BackfillFailed:  "A pending, B pending, C skipped daily-4, D skipped",
	} {
		ticks.Mode, shops.Mode = mode, mode
		plan, err := sven.StartBackfill(ctx, "demo", "daily", ticks)
		w.ok(err)
		names := strings.NewReplacer("2026-01-01T05:00:00Z", "A", "2026-01-02T05:00:00Z", "B", "2026-01-03T05:00:00Z", "C", "2026-01-04T05:00:00Z", "D")
		same(t, string(mode)+" of planned times", names.Replace(told(plan.All)), want)
		plan, err = sven.StartBackfill(ctx, "demo", "daily", shops)
		w.ok(err)
		names = strings.NewReplacer("a p", "A p", "a sk", "A sk", "b p", "B p", "c p", "C p", "c sk", "C sk", "d p", "D p", "d sk", "D sk")
		same(t, string(mode)+" of partitions", names.Replace(told(plan.All)), want)
	}
}

func TestABackfillThatCannotBeIsRefused(t *testing.T) {
	w := newWorld(t)
	sven := w.as("sven")
	w.daily(sven)
	_, err := sven.StorePipeline(t.Context(), "demo", []byte("name: plain\nparams: {d: {type: int}}\nsteps:\n  a: {command: [ls]}\n"), "")
	w.ok(err)
	from, to := day("2026-01-01T00:00:00Z"), day("2026-01-05T00:00:00Z")
	for name, c := range map[string]struct {
		pipeline bine.PipelineName
		body     client.NewBackfill
		want     string
	}{
		"neither times nor partitions": {"daily", client.NewBackfill{}, "give from and to"},
		"both":                         {"daily", client.NewBackfill{From: from, Param: "shop", Partitions: []string{"a"}}, "not both"},
		"partitions without a param":   {"daily", client.NewBackfill{Partitions: []string{"a"}}, "have no param"},
		"a param without partitions":   {"daily", client.NewBackfill{Param: "shop"}, "has no partitions"},
		"a partition twice":            {"daily", client.NewBackfill{Param: "shop", Partitions: []string{"a", "a"}}, "given twice"},
		"a partition without a name":   {"daily", client.NewBackfill{Param: "shop", Partitions: []string{""}}, "1 to 100 characters"},
		"a value that does not fit":    {"daily", client.NewBackfill{Param: "n", Partitions: []string{"1", "x"}}, `partition "x"`},
		"a param that is none":         {"daily", client.NewBackfill{Param: "m", Partitions: []string{"1"}}, "m"},
		"a cap of none":                {"daily", client.NewBackfill{From: from, To: to, Cap: -1}, "cap is -1"},
		"an order that is none":        {"daily", client.NewBackfill{From: from, To: to, Order: "random"}, "random"},
		"a mode that is none":          {"daily", client.NewBackfill{From: from, To: to, Mode: "some"}, "some"},
		"an end before its begin":      {"daily", client.NewBackfill{From: to, To: from}, "not before"},
		"a time to come":               {"daily", client.NewBackfill{From: from, To: day("2100-01-01T00:00:00Z")}, "to come"},
		"a time with nothing planned":  {"daily", client.NewBackfill{From: from, To: day("2026-01-01T01:00:00Z")}, "nothing is planned"},
		"more than are allowed":        {"daily", client.NewBackfill{From: from, To: to, Cron: "@every 1s"}, "at most 10000"},
		"a cron that is none":          {"daily", client.NewBackfill{From: from, To: to, Cron: "often"}, "often"},
		"no schedule":                  {"plain", client.NewBackfill{From: from, To: to}, "has no schedule"},
		"a param that is missing":      {"plain", client.NewBackfill{From: from, To: to, Cron: "@daily"}, "d"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sven.StartBackfill(t.Context(), "demo", c.pipeline, c.body)
			if !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it refused with %q", err, c.want)
			}
		})
	}
	_, err = sven.StartBackfill(t.Context(), "demo", "none", client.NewBackfill{From: from, To: to})
	wants(t, "a pipeline that is none", err, bine.NotFound)
}
