package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) backfillCommand() *cobra.Command {
	var pipeline string
	list := command("list", "List the backfills, newest first", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		page, err := api.Backfills(c.Context(), p, bine.PipelineName(pipeline), client.List{})
		if err != nil {
			return err
		}
		return a.show(page.Items, each(page.Items, func(b bine.Backfill) string { return string(b.ID) }), func(t *table) {
			t.row("ID", "STATE", "MODE", "DONE", "CAP", "BY", "CREATED", "REASON")
			for _, b := range page.Items {
				t.row(b.ID, string(b.State), string(b.Mode), doneOf(b), b.Cap, b.CreatedBy, b.CreatedAt, b.Reason)
			}
		})
	})
	list.Flags().StringVar(&pipeline, "pipeline", "", "only those of this pipeline")
	return group("backfill", "Runs for many planned times or partitions of the past", a.startBackfillCommand(), list, a.showBackfillCommand(),
		a.backfillVerb("pause ID", "Start no further runs; those that go on end", (*client.Client).PauseBackfill),
		a.backfillVerb("resume ID", "Go on with a paused backfill", (*client.Client).ResumeBackfill),
		a.backfillVerb("cancel ID", "Cancel the runs that go on, and start no others", (*client.Client).CancelBackfill))
}

// doneOf says how many slots of a backfill have ended, of those that are run.
func doneOf(b bine.Backfill) string {
	ended, all := 0, 0
	for state, n := range b.Slots {
		if state == bine.Skipped {
			continue
		}
		all += n
		if state.Ended() {
			ended += n
		}
	}
	return of(ended, all)
}

func (a *app) startBackfillCommand() *cobra.Command {
	var body client.NewBackfill
	var from, to string
	var params []string
	c := command("start PIPELINE", "Run a pipeline for many planned times or partitions", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		if body.From, err = dayOf("from", from); err != nil {
			return err
		}
		if body.To, err = dayOf("to", to); err != nil {
			return err
		}
		if body.Params, err = parseParams(params); err != nil {
			return err
		}
		plan, err := api.StartBackfill(c.Context(), p, bine.PipelineName(args[0]), body)
		if err != nil {
			return err
		}
		return a.showSlots(plan.Backfill, plan.All, plan)
	})
	f := c.Flags()
	f.StringVar(&from, "from", "", "first planned time: a day like 2026-03-01, or RFC 3339")
	f.StringVar(&to, "to", "", "end of the planned times, which is not included")
	f.StringSliceVar(&body.Partitions, "partitions", nil, "run these partitions instead of planned times: a,b,c")
	f.StringVar(&body.Param, "param", "", "the param that gets each partition")
	f.StringArrayVarP(&params, "set", "P", nil, "name=value: a param of all runs")
	f.IntVar(&body.Cap, "cap", 1, "runs at a time")
	f.StringVar((*string)(&body.Mode), "mode", string(bine.BackfillMissing), "all, missing (without a run that succeeded) or failed (whose last run did not succeed)")
	f.StringVar(&body.Order, "order", "oldest", "oldest or newest first")
	f.StringVar(&body.Cron, "cron", "", "what the planned times follow from; the pipeline's schedule if empty")
	f.StringVar(&body.TimeZone, "time-zone", "", "of the cron; the schedule's if empty")
	f.IntVar(&body.Version, "version", 0, "version of the pipeline; 0 is the newest")
	f.StringVar(&body.Key, "key", "", "idempotency key: the same key answers the same backfill")
	f.BoolVar(&body.DryRun, "dry-run", false, "say only what would be run")
	return c
}

// dayOf reads a time, or a day, whose begin in UTC is meant.
func dayOf(flag, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(form, text); err == nil {
			return &at, nil
		}
	}
	return nil, usagef("--%s %s: write a day like 2026-03-01, or a time like 2026-03-01T06:00:00Z", flag, text)
}

func (a *app) showBackfillCommand() *cobra.Command {
	return command("show ID", "Show a backfill as a grid of its slots", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		id := bine.BackfillID(args[0])
		b, err := api.Backfill(c.Context(), p, id)
		if err != nil {
			return err
		}
		var slots []bine.BackfillSlot
		for l := (client.List{Limit: 1000}); ; {
			page, err := api.BackfillSlots(c.Context(), p, id, l)
			if err != nil {
				return err
			}
			slots = append(slots, page.Items...)
			if l.After = page.Next; page.Next == "" {
				break
			}
		}
		return a.showSlots(b, slots, client.BackfillPlan{Backfill: b, All: slots})
	})
}

// mark is the sign that a state has in a grid.
func mark(s bine.State) string {
	switch s {
	case bine.Succeeded, bine.Cached:
		return "+"
	case bine.Failed, bine.Lost:
		return "x"
	case bine.Cancelled:
		return "-"
	case bine.Skipped:
		return "s"
	case bine.Running:
		return ">"
	case bine.Waiting:
		return "w"
	}
	return "."
}

// gridWidth is how many slots a line of a grid has.
const gridWidth = 50

func (a *app) showSlots(b bine.Backfill, slots []bine.BackfillSlot, whole client.BackfillPlan) error {
	return a.show(whole, one(string(b.ID)), func(t *table) {
		t.row("ID", "STATE", "MODE", "DONE", "CAP", "REASON")
		t.row(b.ID, string(b.State), string(b.Mode), doneOf(b), b.Cap, b.Reason)
		t.row("")
		for start := 0; start < len(slots); start += gridWidth {
			line := slots[start:min(start+gridWidth, len(slots))]
			var marks strings.Builder
			for _, s := range line {
				marks.WriteString(mark(s.State))
			}
			t.row(fmt.Sprintf("%s  %s", line[0].Key, marks.String()))
		}
		t.row("")
		t.row(". to run   > runs   w waits   + succeeded   x failed   - cancelled   s left out")
		bad := slices.DeleteFunc(slices.Clone(slots), func(s bine.BackfillSlot) bool { return s.State != bine.Failed })
		for _, s := range bad {
			t.row(fmt.Sprintf("x %s  %s  %s", s.Key, s.Run, s.Reason))
		}
	})
}

func (a *app) backfillVerb(use, short string, do backfillCall) *cobra.Command {
	return command(use, short, 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		b, err := do(api, c.Context(), p, bine.BackfillID(args[0]))
		if err != nil {
			return err
		}
		return a.show(b, one(string(b.ID)), func(t *table) {
			t.row("ID", "STATE", "DONE", "REASON")
			t.row(b.ID, string(b.State), doneOf(b), b.Reason)
		})
	})
}

// backfillCall changes a backfill.
type backfillCall func(*client.Client, context.Context, bine.ProjectName, bine.BackfillID) (bine.Backfill, error)
