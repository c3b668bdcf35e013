package cli

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep/sim"
	"github.com/bine-ml/bine/internal/sweep/spec"
)

func (a *app) sweepCommand() *cobra.Command {
	return group("sweep", "Sweeps: search for good settings of a training program", append(a.sweepsCommands(), a.previewSweepCommand())...)
}

// sweepCost is what a preview says beyond the engine's own.
type sweepCost struct {
	sim.Preview
	Takes    float64       `json:"takes_s,omitempty"` // seconds, by --unit
	GPUHours float64       `json:"gpu_hours,omitempty"`
	Price    float64       `json:"price,omitempty"`
	Notes    []bine.Detail `json:"notes,omitempty"`
}

// previewing is what `bine sweep preview` was asked for.
type previewing struct {
	parallel, trials, show int
	ends                   int64
	unit                   time.Duration
	gpus, price            float64
}

func (a *app) previewSweepCommand() *cobra.Command {
	var p previewing
	c := command("preview FILE", "Say what a sweep will come to before anything runs: trials, budgets, cost", 1, func(_ *cobra.Command, args []string) error {
		cost, err := p.look(args[0])
		if err != nil {
			return err
		}
		return a.show(cost, one(strconv.Itoa(cost.Trials)), func(t *table) { p.fill(t, cost) })
	})
	c.Long = "Runs the sweep's own engine through simulated time. Trials are taken to be equally fast, none to fail, and what\nthey reach to be chance; so what halving saves is what it saves whatever the metric is."
	c.Flags().IntVar(&p.parallel, "parallel", 0, "trials at once, in place of what the file says")
	c.Flags().IntVar(&p.trials, "trials", 0, "trials in all, in place of the file's run_cap")
	c.Flags().Int64Var(&p.ends, "iterations", 1, "iterations of a trial that nobody ends, where the file has no max_iter")
	c.Flags().DurationVar(&p.unit, "iteration", 0, "how long an iteration takes, for example 30s; gives times and costs")
	c.Flags().Float64Var(&p.gpus, "gpus", 0, "accelerators of a trial; may be a part of one")
	c.Flags().Float64Var(&p.price, "price", 0, "price of an accelerator for an hour")
	c.Flags().IntVar(&p.show, "configs", 3, "how many of the configurations are shown")
	return c
}

// look reads a file and looks ahead.
func (p previewing) look(path string) (sweepCost, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return sweepCost{}, bine.Errorf(bine.NotFound, "no sweep to read: %w", err)
	}
	if p.ends < 1 || p.parallel < 0 || p.trials < 0 || p.unit < 0 || p.gpus < 0 || p.price < 0 || p.show < 0 {
		return sweepCost{}, usagef("numbers of a preview can't be negative, and a trial has at least 1 iteration")
	}
	f, err := spec.Parse(text)
	if err != nil {
		return sweepCost{}, err
	}
	if p.parallel > 0 {
		f.Settings.Parallel = p.parallel
	}
	if p.trials > 0 {
		f.Settings.Trials = p.trials
	}
	cost := sweepCost{Notes: f.Notes}
	if cost.Preview, err = sim.Look(f.Settings, p.ends, p.show); err != nil {
		return cost, err
	}
	cost.Takes = cost.Span * p.unit.Seconds()
	cost.GPUHours = float64(cost.Units) * p.unit.Hours() * p.gpus
	cost.Price = cost.GPUHours * p.price
	return cost, nil
}

func (p previewing) fill(t *table, c sweepCost) {
	t.row("TRIALS", "JOBS", "ITERATIONS", "OF ALL TO THE END", "TAKES", "FIRST THROUGH", "GPU HOURS", "PRICE")
	t.row(c.Trials, c.Jobs, c.Units, fmt.Sprintf("%s of %d", percent(float64(c.Units)/float64(max(c.All, 1))), c.All), p.span(c.Span), p.span(c.First), amount(c.GPUHours), amount(c.Price))
	t.row()
	t.row("BRACKET", "ITERATIONS", "TRIALS THAT PAUSE OR END THERE")
	for _, r := range c.Rungs {
		t.row(r.Bracket, r.To, r.Trials)
	}
	if len(c.Configs) > 0 {
		t.row()
		t.row("TRIAL", "CONFIGURATION")
	}
	for i, config := range c.Configs {
		t.row(i+1, string(config))
	}
	for i, n := range c.Notes {
		if i == 0 {
			t.row()
			t.row("LINE", "NOTE")
		}
		t.row(n.Line, n.Message)
	}
}

// span writes a time: in iterations, unless it is known how long one takes.
func (p previewing) span(iterations float64) string {
	if p.unit == 0 {
		return strconv.FormatFloat(iterations, 'f', -1, 64) + " iterations"
	}
	return time.Duration(iterations * float64(p.unit)).Round(time.Second).String()
}

func amount(x float64) string {
	if x == 0 {
		return "-"
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}
