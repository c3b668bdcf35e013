package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// standingCommand shows what projects have of the cluster: one, or all that the
// caller may see.
func (a *app) standingCommand() *cobra.Command {
	c := &cobra.Command{Use: "standing [NAME]", Short: "Show what projects hold of the cluster, have borrowed, are owed and have had", Args: atLeast(0, 1)}
	c.RunE = func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			all, err := api.Standings(c.Context())
			if err != nil {
				return err
			}
			return a.show(all, each(all, func(s bine.Standing) string { return string(s.Project) }), func(t *table) { standingTable(t, all...) })
		}
		s, err := api.Standing(c.Context(), bine.ProjectName(args[0]))
		if err != nil {
			return err
		}
		return a.show(s, one(args[0]), func(t *table) {
			standingTable(t, s)
			if len(s.Cells) == 0 {
				return
			}
			t.row()
			t.row("CELLS", "HELD", "BORROWED", "OWED", "HOSTS")
			for _, c := range s.Cells {
				t.row(c.CellQuota.String(), c.Held, c.Borrowed, c.Owed, fmt.Sprint(c.Hosts))
			}
		})
	}
	return c
}

func standingTable(t *table, all ...bine.Standing) {
	t.row("PROJECT", "WEIGHT", "CPU", "MEMORY", "GPUS", "GUARANTEED", "BORROWED", "OWED", "WAITING", "GPU HOURS", "CPU HOURS", "LOAD")
	for _, s := range all {
		t.row(s.Project, s.Weight, s.Held.CPU, size(s.Held.Memory), s.Held.GPUs, s.Guaranteed, s.Borrowed, s.Owed, s.Waiting, hours(s.Used.GPUSeconds), hours(s.Used.CPUSeconds), fmt.Sprintf("%.2f", s.Load))
	}
}

func hours(seconds float64) string { return fmt.Sprintf("%.1f", seconds/time.Hour.Seconds()) }

func (a *app) priorityCommand() *cobra.Command {
	return command("priority ATTEMPT low|normal|high", "Change the priority of a request of the project that waits (for Data Owners and administrators)", 2, func(c *cobra.Command, args []string) error {
		p := bine.Priority(args[1])
		if p != bine.PriorityLow && p != bine.PriorityNormal && p != bine.PriorityHigh {
			return usagef("%q is no priority: low, normal or high", args[1])
		}
		api, project, err := a.inProject()
		if err != nil {
			return err
		}
		return api.SetLeasePriority(c.Context(), project, bine.AttemptID(args[0]), client.SetPriority{Priority: p})
	})
}
