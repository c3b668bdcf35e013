package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
)

func (a *app) poolCommand() *cobra.Command {
	list := command("list", "List the pools of the project", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.Pools(c.Context(), p)
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(p bine.Pool) string { return string(p.Name) }), func(t *table) { poolTable(t, all...) })
	})
	remove := command("delete NAME", "Remove a pool that nobody holds or waits for", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		return api.DeletePool(c.Context(), p, bine.PoolName(args[0]))
	})
	return group("pool", "Slots that steps of the project share", list, a.setPoolCommand(), remove)
}

func poolTable(t *table, pools ...bine.Pool) {
	t.row("NAME", "HELD", "WAITING", "DESCRIPTION")
	for _, p := range pools {
		t.row(p.Name, of(p.Used, p.Slots), p.Waiting, p.Description)
	}
}

func (a *app) setPoolCommand() *cobra.Command {
	var body client.SetPool
	c := command("set NAME", "Make a pool, or change how many slots it has", 1, func(c *cobra.Command, args []string) error {
		if !c.Flags().Changed("slots") {
			return usagef("give --slots, for example --slots 4")
		}
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		pool, err := api.SetPool(c.Context(), p, bine.PoolName(args[0]), body)
		if err != nil {
			return err
		}
		return a.show(pool, one(string(pool.Name)), func(t *table) { poolTable(t, pool) })
	})
	c.Flags().IntVar(&body.Slots, "slots", 0, "how many are held at once; 0 stops whoever asks next")
	c.Flags().StringVar(&body.Description, "description", "", "what it is for")
	return c
}

func (a *app) quotaCommand() *cobra.Command {
	var given bine.Quota
	var memory string
	var cells []string
	c := command("quota NAME", "Show what a project may have in progress at once, or set it (for administrators)", 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		name := bine.ProjectName(args[0])
		q, err := api.Quota(c.Context(), name)
		if err != nil {
			return err
		}
		if memory != "" && memory != "0" {
			if given.Memory, err = dags.ParseMemory(memory); err != nil {
				return usagef("--memory: %v", err)
			}
		}
		for _, text := range cells {
			if text == "none" {
				continue
			}
			one, err := bine.ParseCellQuota(text)
			if err != nil {
				return usagef("--cell: %v", err)
			}
			given.Cells = append(given.Cells, one)
		}
		if change(c, &q, given) {
			if q, err = api.SetQuota(c.Context(), name, q); err != nil {
				return err
			}
		}
		return a.show(q, one(args[0]), func(t *table) {
			t.row("RUNS", "PROCESSES", "CPU", "MEMORY", "GPUS", "GUARANTEED", "WEIGHT", "CELLS")
			t.row(bound(q.Runs, cell(q.Runs)), bound(q.Steps, cell(q.Steps)), bound(q.CPU, cell(q.CPU)), bound(q.Memory, size(q.Memory)),
				bound(q.GPUs, cell(q.GPUs)), bound(q.Guaranteed, cell(q.Guaranteed)), bound(q.Weight, cell(q.Weight)), strings.Join(each(q.Cells, bine.CellQuota.String)(), "; "))
		})
	})
	f := c.Flags()
	f.IntVar(&given.Runs, "runs", 0, "runs at once; 0 is no bound")
	f.IntVar(&given.Steps, "processes", 0, "processes at once; 0 is no bound")
	f.Float64Var(&given.CPU, "cpu", 0, "cores that its processes hold together; 0 is no bound")
	f.StringVar(&memory, "memory", "", "memory that they hold together, for example 16GiB; 0 is no bound")
	f.Float64Var(&given.GPUs, "gpus", 0, "accelerators that they hold together, borrowed ones among them; 0 is no bound")
	f.Float64Var(&given.Guaranteed, "guaranteed-gpus", 0, "accelerators that are the project's own: others give them back when it asks")
	f.StringArrayVar(&cells, "cell", nil, "what it has of one kind of accelerators: 2 hosts with A100, 4 GPUs with H100 at most 8, or 1 rack; may be given several times and is all of them then; none takes all away")
	f.Float64Var(&given.Weight, "weight", 0, "share in comparison with other projects; 0 is 1")
	return c
}

// change takes over what was given, and reports whether anything was.
func change(c *cobra.Command, q *bine.Quota, given bine.Quota) (changed bool) {
	for name, set := range map[string]func(){
		"runs":            func() { q.Runs = given.Runs },
		"processes":       func() { q.Steps = given.Steps },
		"cpu":             func() { q.CPU = given.CPU },
		"memory":          func() { q.Memory = given.Memory },
		"gpus":            func() { q.GPUs = given.GPUs },
		"guaranteed-gpus": func() { q.Guaranteed = given.Guaranteed },
		"cell":            func() { q.Cells = given.Cells },
		"weight":          func() { q.Weight = given.Weight },
	} {
		if c.Flags().Changed(name) {
			set()
			changed = true
		}
	}
	return changed
}

// bound shows a bound, which 0 is none.
func bound[T int | int64 | float64](v T, shown string) string {
	if v == 0 {
		return "-"
	}
	return shown
}

// slotList shows the slots of a lease without their project, which is its own.
func slotList(l bine.Lease) string {
	var all []string
	for _, s := range l.Slots {
		name := strings.Replace(s.Name, "/"+string(l.Owner.Project), "", 1)
		if s.Count > 1 {
			name += fmt.Sprintf("×%d", s.Count)
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}
