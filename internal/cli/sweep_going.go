package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) sweepsCommands() []*cobra.Command {
	return []*cobra.Command{
		a.listSweepsCommand(), a.showSweepCommand(), a.trialsCommand(), a.whyCommand(),
		a.sweepVerb("pause", "Begin nothing more; what runs gets to its rung", nil),
		a.sweepVerb("resume", "Go on with a paused sweep", nil),
		a.sweepVerb("stop", "End all trials; the best so far gives the outputs of the step", nil),
		a.sweepVerb("extend", "Let more trials begin, use more resource or fail", func(c *cobra.Command, change *client.SweepChange) {
			c.Flags().IntVar(&change.Trials, "trials", 0, "more trials that may begin")
			c.Flags().Int64Var(&change.Budget, "budget", 0, "more resource that all trials together may use")
			c.Flags().IntVar(&change.Failures, "failures", 0, "more trials that may fail")
		}),
		a.sweepVerb("parallel", "Change how many trials run at a time", func(c *cobra.Command, change *client.SweepChange) {
			c.Flags().IntVarP(&change.Parallel, "number", "n", 1, "trials at a time")
		}),
		a.sweepVerb("add", "Try a configuration beside those that are drawn", func(c *cobra.Command, change *client.SweepChange) {
			c.Flags().Var((*configFlag)(&change.Config), "config", `the configuration, as {"lr": 0.1}`)
		}),
	}
}

// configFlag is a flag that is a JSON object.
type configFlag json.RawMessage

func (f *configFlag) String() string { return string(*f) }
func (f *configFlag) Type() string   { return "object" }
func (f *configFlag) Set(text string) error {
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return fmt.Errorf("a JSON object is expected: %w", err)
	}
	*f = configFlag(text)
	return nil
}

func sweepOf(p bine.ProjectName, args []string) bine.SweepRef {
	return bine.SweepRef{Project: p, Run: bine.RunID(args[0]), Step: bine.StepName(args[1])}
}

func (a *app) listSweepsCommand() *cobra.Command {
	return command("list", "List the sweeps, newest first", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		page, err := api.Sweeps(c.Context(), p, client.List{})
		if err != nil {
			return err
		}
		return a.show(page.Items, each(page.Items, func(s bine.Sweep) string { return s.SweepRef.String() }), func(t *table) { sweepRows(t, page.Items...) })
	})
}

func sweepRows(t *table, sweeps ...bine.Sweep) {
	t.row("RUN", "STEP", "STATE", "METRIC", "BEST", "TRIAL", "TRIALS", "PARALLEL", "CREATED", "REASON")
	for _, s := range sweeps {
		best, trial := "", ""
		if s.Best != nil {
			best, trial = digits(s.Best.Value), strconv.Itoa(s.Best.Trial)
		}
		t.row(s.Run, s.Step, string(s.State), s.Goal+" "+s.Metric, best, trial, trialCounts(s.Trials), s.Parallel, s.CreatedAt, s.Reason)
	}
}

func digits(f float64) string { return strconv.FormatFloat(f, 'g', 6, 64) }

// trialCounts says how many trials are in each state, as 3 running, 9 waiting.
func trialCounts(counts map[bine.TrialState]int) string {
	var parts []string
	for state, n := range counts {
		parts = append(parts, fmt.Sprintf("%d %s", n, state))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func (a *app) showSweepCommand() *cobra.Command {
	return command("show RUN STEP", "Show a sweep, its best trials and what they are", 2, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		s, err := api.Sweep(c.Context(), sweepOf(p, args))
		if err != nil {
			return err
		}
		best, err := api.Trials(c.Context(), s.SweepRef, "", true, client.List{Limit: 5})
		if err != nil {
			return err
		}
		return a.show(s, one(s.SweepRef.String()), func(t *table) {
			sweepRows(t, s)
			t.row("")
			trialRows(t, best.Items)
		})
	})
}

func trialRows(t *table, trials []bine.SweepTrial) {
	t.row("TRIAL", "STATE", "VALUE", "RUNG", "RESOURCE", "CONFIG", "REASON")
	for _, v := range trials {
		value := ""
		if v.Value != nil {
			value = digits(*v.Value)
		}
		t.row(v.Trial, string(v.State), value, v.Rung, int(v.Resource), string(v.Config), v.Reason)
	}
}

func (a *app) trialsCommand() *cobra.Command {
	var state string
	var best bool
	c := command("trials RUN STEP", "List the trials of a sweep", 2, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		var all []bine.SweepTrial
		for l := (client.List{Limit: 1000}); ; {
			page, err := api.Trials(c.Context(), sweepOf(p, args), bine.TrialState(state), best, l)
			if err != nil {
				return err
			}
			all = append(all, page.Items...)
			if l.After = page.Next; page.Next == "" {
				break
			}
		}
		return a.show(all, each(all, func(v bine.SweepTrial) string { return strconv.Itoa(v.Trial) }), func(t *table) { trialRows(t, all) })
	})
	c.Flags().StringVar(&state, "state", "", "only those in this state: running, waiting, through …")
	c.Flags().BoolVar(&best, "best", false, "the best first")
	return c
}

func (a *app) whyCommand() *cobra.Command {
	var trial int
	c := command("why RUN STEP", "Show what a sweep decided, and why", 2, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		var all []bine.SweepDecision
		for l := (client.List{Limit: 1000}); ; {
			page, err := api.SweepDecisions(c.Context(), sweepOf(p, args), trial, l)
			if err != nil {
				return err
			}
			all = append(all, page.Items...)
			if l.After = page.Next; page.Next == "" {
				break
			}
		}
		return a.show(all, each(all, func(d bine.SweepDecision) string { return strconv.FormatInt(d.Seq, 10) }), func(t *table) {
			t.row("AT", "DECISION", "TRIAL", "REASON")
			for _, d := range all {
				var said struct{ Reason string }
				if err := json.Unmarshal(d.Body, &said); err != nil {
					said.Reason = string(d.Body)
				}
				t.row(d.At, d.Kind, d.Trial, said.Reason)
			}
		})
	})
	c.Flags().IntVar(&trial, "trial", 0, "only about this trial")
	return c
}

// sweepVerb makes a command that changes a sweep.
func (a *app) sweepVerb(verb, short string, flags func(c *cobra.Command, change *client.SweepChange)) *cobra.Command {
	change := client.SweepChange{Do: verb}
	c := command(verb+" RUN STEP", short, 2, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		s, err := api.ChangeSweep(c.Context(), sweepOf(p, args), change)
		if err != nil {
			return err
		}
		return a.show(s, one(s.SweepRef.String()), func(t *table) { sweepRows(t, s) })
	})
	if flags != nil {
		flags(c, &change)
	}
	return c
}
