package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// mapCommand prints the picture of the cluster: hosts, or of many, racks.
func (a *app) mapCommand() *cobra.Command {
	var f client.ClusterFilter
	c := command("map", "Show the hosts with their accelerators by rack: how much is granted, to whom, and what is the matter", 0, func(c *cobra.Command, _ []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		p, err := api.ClusterPicture(c.Context(), f)
		if err != nil {
			return err
		}
		return a.show(p, each(p.Groups, func(g client.ClusterGroup) string { return g.Name }), func(t *table) {
			t.row("RACK", "HOST", "GRANTED", "BUSY", "STATE", "WHO")
			for _, g := range p.Groups {
				if p.By != "host" {
					t.row(g.Name, fmt.Sprintf("%d hosts", g.Hosts), of(g.Used.GPUs, g.Total.GPUs), percent(g.Busy), groupStates(g), projectShares(g.Projects))
				}
				for _, h := range g.Members {
					t.row(g.Name, h.Name, of(h.Used.GPUs, h.Total.GPUs), hostBusy(h), hostState(h), projectShares(hostProjects(h)))
				}
			}
		})
	})
	flags := c.Flags()
	flags.StringVar(&f.Rack, "rack", "", "hosts of this rack only")
	flags.StringVar(&f.Block, "block", "", "hosts of this block only")
	flags.StringVar(&f.Host, "host", "", "hosts whose names have this in them")
	flags.StringVar(&f.Model, "model", "", "accelerators of this model only")
	flags.StringVar((*string)(&f.Project), "held-by", "", "accelerators that this project holds")
	flags.StringVar(&f.State, "state", "", "accelerators that are ready, free, granted, cordoned, draining, testing, probation or lost")
	return c
}

func groupStates(g client.ClusterGroup) string {
	var all []string
	if g.Lost > 0 {
		all = append(all, fmt.Sprintf("%d hosts lost", g.Lost))
	}
	for _, s := range []bine.DeviceState{bine.DeviceLost, bine.DeviceTesting, bine.DeviceDraining, bine.DeviceProbation, bine.DeviceCordoned} {
		if n := g.States[s]; n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(all, ", ")
}

func hostState(h bine.HostPicture) string {
	switch {
	case !h.Up:
		return "lost"
	case h.Cordoned:
		return "cordoned"
	}
	g := client.ClusterGroup{States: map[bine.DeviceState]int{}}
	for _, d := range h.Devices {
		g.States[d.State]++
	}
	if ails := groupStates(g); ails != "" {
		return ails
	}
	return "up"
}

func hostBusy(h bine.HostPicture) string {
	n, sum := 0, 0.0
	for _, d := range h.Devices {
		if d.Busy != nil {
			n, sum = n+1, sum+*d.Busy
		}
	}
	if n == 0 {
		return "-"
	}
	return percent(sum / float64(n))
}

func hostProjects(h bine.HostPicture) []bine.ProjectShares {
	var all []bine.ProjectShares
	for _, d := range h.Devices {
		for _, s := range d.By {
			if i := slices.IndexFunc(all, func(o bine.ProjectShares) bool { return o.Project == s.Project }); i >= 0 {
				all[i].Milli += s.Milli
			} else {
				all = append(all, s)
			}
		}
	}
	return all
}

// projectShares lists who holds how many accelerators.
func projectShares(by []bine.ProjectShares) string {
	var all []string
	for _, s := range by {
		name := string(s.Project)
		if name == "" {
			name = "(others)"
		}
		all = append(all, fmt.Sprintf("%s %s", name, cell(float64(s.Milli)/1000)))
	}
	return strings.Join(all, ", ")
}

// sharesCommand prints who has and had how much of the accelerators.
func (a *app) sharesCommand() *cobra.Command {
	hours := 24
	c := command("shares", "Show what projects hold of the accelerators, and how much they had in the last hours", 0, func(c *cobra.Command, _ []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		s, err := api.GPUShares(c.Context(), hours)
		if err != nil {
			return err
		}
		return a.show(s, each(s.Projects, func(p bine.ProjectShare) string { return string(p.Project) }), func(t *table) {
			t.row("PROJECT", "HOLDS", "GUARANTEED", "BORROWED", "AT MOST", "WAITS FOR", "GPU-HOURS")
			for _, p := range s.Projects {
				name := string(p.Project)
				if name == "" {
					name = "(others)"
				}
				t.row(name, cell(p.Held), bound(p.Guaranteed, cell(p.Guaranteed)), bound(p.Borrowed, cell(p.Borrowed)), bound(p.Limit, cell(p.Limit)), bound(p.Wanted, cell(p.Wanted)), fmt.Sprintf("%.1f", p.Total))
			}
		})
	})
	c.Flags().IntVar(&hours, "hours", hours, "how far back; 9600 at most")
	return c
}

// leaseHistoryCommand prints what became of a request.
func (a *app) leaseHistoryCommand() *cobra.Command {
	return command("history ATTEMPT", "Show what became of a request: asked, granted, used, given back (bine host queue shows the attempts)", 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		h, err := api.LeaseHistory(c.Context(), bine.AttemptID(args[0]))
		if err != nil {
			return err
		}
		return a.show(h, one(args[0]), func(t *table) {
			reason := h.Attempt.Reason
			if h.Live != nil {
				reason = h.Live.Reason
			}
			t.row("FOR", "ASKED", "GRANTED", "ASKED BACK", "GIVEN BACK", "STATE", "WHY")
			t.row(strings.Trim(fmt.Sprintf("%s %s %s %s", h.Owner.Project, h.Owner.Name, h.Owner.Step, h.Owner.Item), " "), h.Asked, h.Granted, h.AskedBack, h.Ended, string(h.Attempt.State), reason)
			t.row()
			t.row("DEVICE", "HOST", "EPOCH", "SHARE", "FROM", "TO", "BUSY", "MOST MEMORY")
			for _, g := range h.Grants {
				t.row(g.Device, g.Host, g.Epoch, percent(float64(g.Milli)/1000), g.GrantedAt, g.EndedAt, percent(g.Busy), size(g.MemoryPeak))
			}
		})
	})
}
