package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) ticksCommand() *cobra.Command {
	var last, next int
	c := a.scheduleVerb("ticks NAME", "List the last planned times, with their runs or why they have none, and the next", func(c *cobra.Command, api *client.Client, p bine.ProjectName, name bine.ScheduleName) error {
		all, err := api.ScheduleTicks(c.Context(), p, name, last, next)
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(t client.ScheduleTick) string { return t.At.Format(time.RFC3339) + " " + string(t.State) }), func(t *table) {
			t.row("AT", "STATE", "RUN", "ENDED", "REASON")
			for _, v := range all {
				t.row(v.At.Format(time.RFC3339), string(v.State), string(v.Run), string(v.End), v.Reason)
			}
		})
	})
	c.Flags().IntVar(&last, "last", 20, "how many that have passed")
	c.Flags().IntVar(&next, "next", 10, "how many that are to come")
	return c
}
