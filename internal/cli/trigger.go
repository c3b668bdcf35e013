package cli

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
)

func (a *app) triggerCommand() *cobra.Command {
	var pipeline string
	list := command("list", "List what starts pipelines when something happens", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.Triggers(c.Context(), p, bine.PipelineName(pipeline))
		if err != nil {
			return err
		}
		return a.showTriggers(all)
	})
	list.Flags().StringVar(&pipeline, "pipeline", "", "only those of this pipeline")
	return group("trigger", "What starts pipelines when something happens", list,
		a.triggerVerb("pause PIPELINE NUMBER", "Start nothing, whatever happens", true),
		a.triggerVerb("resume PIPELINE NUMBER", "Start runs for what happens from now on", false))
}

func (a *app) showTriggers(all []bine.Trigger) error {
	names := each(all, func(t bine.Trigger) string { return string(t.Pipeline) + " " + strconv.Itoa(t.Number) })
	return a.show(all, names, func(t *table) {
		t.row("PIPELINE", "NUMBER", "KIND", "SOURCE", "ON", "PAUSED", "FIRED", "RUN", "REASON")
		for _, v := range all {
			var fired time.Time
			if v.FiredAt != nil {
				fired = *v.FiredAt
			}
			t.row(v.Pipeline, v.Number, string(v.Kind), v.Source, string(v.On), v.Paused, fired, string(v.LastRun), v.Reason)
		}
	})
}

func (a *app) triggerVerb(use, short string, paused bool) *cobra.Command {
	return command(use, short, 2, func(c *cobra.Command, args []string) error {
		number, err := strconv.Atoi(args[1])
		if err != nil || number < 1 {
			return usagef("%q is no number of a trigger: `bine trigger list` shows them", args[1])
		}
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		t, err := api.PauseTrigger(c.Context(), p, bine.PipelineName(args[0]), number, paused)
		if err != nil {
			return err
		}
		return a.showTriggers([]bine.Trigger{t})
	})
}
