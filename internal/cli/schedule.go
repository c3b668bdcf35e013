package cli

import (
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) scheduleCommand() *cobra.Command {
	list := command("list", "List the schedules of the project", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.Schedules(c.Context(), p)
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(s bine.Schedule) string { return string(s.Name) }), func(t *table) {
			t.row("NAME", "PIPELINE", "CRON", "ZONE", "OVERLAP", "PAUSED", "NEXT")
			for _, s := range all {
				t.row(s.Name, s.Pipeline, s.Cron, s.TimeZone, s.Overlap, s.Paused, nextTick(s))
			}
		})
	})
	return group("schedule", "When pipelines run by themselves", list, a.setScheduleCommand(),
		a.scheduleVerb("trigger NAME", "Run now, as one more tick", func(c *cobra.Command, api *client.Client, p bine.ProjectName, name bine.ScheduleName) error {
			return api.TriggerSchedule(c.Context(), p, name)
		}),
		a.ticksCommand(), a.pauseCommand("pause", "Skip ticks until resumed", true), a.pauseCommand("resume", "Go on with ticks", false),
		a.scheduleVerb("delete NAME", "Remove a schedule; its runs stay", func(c *cobra.Command, api *client.Client, p bine.ProjectName, name bine.ScheduleName) error {
			return api.DeleteSchedule(c.Context(), p, name)
		}))
}

// nextTick is the next planned time of a schedule, for people.
func nextTick(s bine.Schedule) string {
	if len(s.Next) == 0 {
		return ""
	}
	return s.Next[0].Format(time.RFC3339)
}

func (a *app) scheduleVerb(use, short string, do func(*cobra.Command, *client.Client, bine.ProjectName, bine.ScheduleName) error) *cobra.Command {
	return command(use, short, 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		return do(c, api, p, bine.ScheduleName(args[0]))
	})
}

func (a *app) pauseCommand(verb, short string, paused bool) *cobra.Command {
	return a.scheduleVerb(verb+" NAME", short, func(c *cobra.Command, api *client.Client, p bine.ProjectName, name bine.ScheduleName) error {
		s, err := api.Schedule(c.Context(), p, name)
		if err != nil {
			return err
		}
		_, err = api.SetSchedule(c.Context(), p, name, client.NewSchedule{
			Pipeline: s.Pipeline, Version: s.Version, Cron: s.Cron, TimeZone: s.TimeZone, Overlap: s.Overlap,
			CatchUp: s.CatchUp, Jitter: s.Jitter, Params: s.Params, Note: s.Note, Paused: paused,
		})
		return err
	})
}

func (a *app) setScheduleCommand() *cobra.Command {
	var body client.NewSchedule
	var params []string
	var catchUp, jitter time.Duration
	c := a.scheduleVerb("set NAME", "Make or change a schedule", func(c *cobra.Command, api *client.Client, p bine.ProjectName, name bine.ScheduleName) error {
		if body.Pipeline == "" || body.Cron == "" {
			return usagef("give --pipeline and --cron, for example --pipeline flights --cron '0 6 * * *'")
		}
		given, err := parseParams(params)
		if err != nil {
			return err
		}
		if body.Params, err = json.Marshal(given); err != nil {
			return err
		}
		body.CatchUp, body.Jitter = catchUp.Seconds(), jitter.Seconds()
		s, err := api.SetSchedule(c.Context(), p, name, body)
		if err != nil {
			return err
		}
		return a.show(s, one(string(s.Name)), func(t *table) {
			t.row("NAME", "PIPELINE", "CRON", "ZONE", "NEXT")
			t.row(s.Name, s.Pipeline, s.Cron, s.TimeZone, nextTick(s))
		})
	})
	f := c.Flags()
	f.StringVar((*string)(&body.Pipeline), "pipeline", "", "pipeline to run")
	f.IntVar(&body.Version, "version", 0, "its version; 0 is the newest at each tick")
	f.StringVar(&body.Cron, "cron", "", "five fields, or @daily and the like")
	f.StringVar(&body.TimeZone, "time-zone", "", "IANA name; UTC if empty")
	f.StringVar(&body.Overlap, "overlap", "skip", "skip, buffer_one, buffer_all, cancel_other or allow_all")
	f.DurationVar(&catchUp, "catch-up", time.Hour, "ticks missed for longer than this are dropped")
	f.DurationVar(&jitter, "jitter", 0, "start a tick up to so much later, always by the same")
	f.StringArrayVarP(&params, "param", "P", nil, "name=value")
	return c
}

func (a *app) hostCommand() *cobra.Command {
	list := command("list", "List the machines that run processes", 0, func(c *cobra.Command, _ []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		all, err := api.Hosts(c.Context())
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(h bine.Host) string { return string(h.Name) }), func(t *table) {
			t.row("NAME", "STATE", "CPU FREE", "MEMORY FREE", "GPUS FREE", "CONFINED BY", "SEEN")
			for _, h := range all {
				t.row(h.Name, h.State, of(h.Free.CPU, h.Capacity.CPU), size(h.Free.Memory)+" of "+size(h.Capacity.Memory), of(h.Free.GPUs, h.Capacity.GPUs), h.Confine, h.SeenAt)
			}
		})
	})
	queue := command("queue", "List who holds resources and slots, and who waits for them", 0, func(c *cobra.Command, _ []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		all, err := api.Leases(c.Context())
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(l bine.Lease) string { return string(l.Attempt) }), func(t *table) {
			t.row("PROJECT", "FOR", "STEP", "PRIORITY", "HOST", "CPU", "MEMORY", "GPUS", "SLOTS", "ASKED", "STARTS", "ENDS", "ATTEMPT", "REASON")
			for _, l := range all {
				t.row(l.Owner.Project, l.Owner.Name, string(l.Owner.Step)+" "+l.Owner.Item, string(l.Priority), string(l.Host), l.Resources.CPU, size(l.Resources.Memory), bound(l.Resources.GPUs, asked(l.Resources)), slotList(l), l.AskedAt, l.StartsAt, l.EndsAt, l.Attempt, l.Reason)
			}
		})
	})
	return group("host", "Machines that run processes", list, queue, a.priorityCommand(), a.cordonHostCommand("cordon", true), a.cordonHostCommand("uncordon", false))
}

func of[T int | float64](free, all T) string { return cell(free) + " of " + cell(all) }

// asked says how accelerators were asked for.
func asked(r bine.Resources) string {
	if r.GPU != "" {
		return r.GPU
	}
	return cell(r.GPUs)
}
