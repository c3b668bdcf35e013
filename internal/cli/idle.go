package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
)

// idleCommand lists who holds accelerators that do next to nothing.
func (a *app) idleCommand() *cobra.Command {
	return command("idle", "List who holds accelerators that do next to nothing", 0, func(c *cobra.Command, _ []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		all, err := api.Leases(c.Context())
		if err != nil {
			return err
		}
		var idle []bine.Lease
		for _, l := range all {
			if l.IdleSince != nil {
				idle = append(idle, l)
			}
		}
		return a.show(idle, each(idle, func(l bine.Lease) string { return string(l.Attempt) }), func(t *table) {
			t.row("WHO", "HOST", "GPUS", "IDLE FOR", "ASKED BACK")
			for _, l := range idle {
				t.row(holder(bine.GrantRecord{Owner: l.Owner}), l.Host, len(l.Devices), time.Since(*l.IdleSince).Round(time.Minute), l.AskedBack)
			}
		})
	})
}

// idleRuleCommand shows the rule for them, or sets it.
func (a *app) idleRuleCommand() *cobra.Command {
	var given bine.IdleRule
	var reclaim, project string
	c := command("idle-rule", "Show when idle accelerators are asked back, or set it (for administrators)", 0, func(c *cobra.Command, _ []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		r, err := api.IdleRule(c.Context(), bine.ProjectName(project))
		if err != nil {
			return err
		}
		changed := false
		for name, set := range map[string]func(){
			"minutes":   func() { r.Minutes = given.Minutes },
			"threshold": func() { r.Threshold = given.Threshold },
			"notice":    func() { r.Notice = given.Notice },
			"reclaim":   func() { r.Reclaim = bine.ReclaimRule(strings.ToLower(reclaim)) },
		} {
			if c.Flags().Changed(name) {
				set()
				changed = true
			}
		}
		if changed {
			if r, err = api.SetIdleRule(c.Context(), bine.ProjectName(project), r); err != nil {
				return err
			}
		}
		return a.show(r, one(string(r.Reclaim)), func(t *table) {
			t.row("IDLE AFTER", "BELOW", "NOTICE", "RECLAIM")
			t.row(bound(r.Minutes, fmt.Sprintf("%gm", r.Minutes)), percent(r.Threshold), fmt.Sprintf("%gm", r.Notice), r.Reclaim)
		})
	})
	f := c.Flags()
	f.StringVar(&project, "of", "", "a project, whose own rule goes before that of the installation")
	f.Float64Var(&given.Minutes, "minutes", 0, "after so long below the threshold a lease is idle; 0 is no rule")
	f.Float64Var(&given.Threshold, "threshold", 0, "share of the time that its busiest accelerator computes, 0 to 1; 0 is 0.05")
	f.Float64Var(&given.Notice, "notice", 0, "minutes between being called idle and being asked to make room")
	f.StringVar(&reclaim, "reclaim", "", "who is asked to make room while others wait: none, preemptible or all")
	return c
}
