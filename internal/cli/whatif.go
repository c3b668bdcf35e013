package cli

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	policy "github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
	"github.com/bine-ml/bine/gpu/sim"
)

// whatIf is what `bine gpu whatif` was asked for.
type whatIf struct {
	since    time.Duration
	policies []string
	rules    []string
	hosts    []string
	quotas   []string
	cells    []string
	halfLife time.Duration
	csv, svg string
	past     sim.Past
	projects map[string]queue.Share
}

// scenario is one way to have done it.
type scenario struct {
	Name     string     `json:"scenario"`
	Jobs     int        `json:"jobs" doc:"that were done"`
	Never    int        `json:"never" doc:"that the cluster could not take"`
	Used     float64    `json:"used,omitempty" doc:"share of the devices, over the whole time"`
	Wait     float64    `json:"wait_mean" doc:"seconds"`
	Widths   [3]float64 `json:"wait_by_width" doc:"seconds: 1 device or a part, 2 to 7, 8 and more"`
	Longest  float64    `json:"wait_p99" doc:"seconds"`
	Fair     float64    `json:"fairness,omitempty" doc:"Jain's index of how little projects were slowed down"`
	Lost     float64    `json:"lost,omitempty" doc:"seconds of devices of work that was taken from others"`
	Makespan float64    `json:"makespan,omitempty" doc:"seconds"`
	hosts    *policy.Snapshot
	o        sim.ReplayOptions
}

// rules are the ways to choose who goes next.
var rules = map[string]sim.ReplayOptions{
	"first-come": {Strict: true},
	"backfill":   {},
	"fair":       {Fair: true, Preempt: true},
}

func (a *app) whatIfCommand() *cobra.Command {
	w := whatIf{}
	c := command("whatif", "Replay what was asked of the accelerators with other rules, hosts or quotas (for administrators)", 0, func(c *cobra.Command, _ []string) error {
		if err := w.look(c, a); err != nil {
			return err
		}
		all, err := w.scenarios()
		if err != nil {
			return err
		}
		for i := 1; i < len(all); i++ { // the first is as it was
			if err := w.replay(&all[i]); err != nil {
				return err
			}
		}
		if err := w.write(all); err != nil {
			return err
		}
		return a.show(all, each(all, func(s scenario) string { return s.Name }), func(t *table) {
			t.row("SCENARIO", "DONE", "NEVER", "USED", "WAIT", "1 OR LESS", "2 TO 7", "8 AND MORE", "P99", "FAIRNESS", "LOST")
			for i, s := range all {
				used, fair, lost := percent(s.Used), fmt.Sprintf("%.3f", s.Fair), span(s.Lost)
				if i == 0 {
					used, fair, lost = "-", "-", "-"
				}
				t.row(s.Name, s.Jobs, s.Never, used, span(s.Wait), span(s.Widths[0]), span(s.Widths[1]), span(s.Widths[2]), span(s.Longest), fair, lost)
			}
		})
	})
	f := c.Flags()
	f.DurationVar(&w.since, "since", 30*24*time.Hour, "how far back: what was given back before is left out")
	f.StringSliceVar(&w.policies, "policy", nil, "place by another policy too: fgd, bestfit, dotproduct, packing, random")
	f.StringSliceVar(&w.rules, "rule", nil, "let others go first too: first-come, backfill, fair")
	f.StringArrayVar(&w.hosts, "hosts", nil, `try more hosts: "2 like gpu-07"; may be given several times, each is a scenario`)
	f.StringArrayVar(&w.quotas, "quota", nil, `try other quotas: "project=guaranteed[/most[/weight]]", several with commas between; may be given several times`)
	f.StringArrayVar(&w.cells, "cells", nil, `try cells: "project: 2 hosts of 8 with A100; other: 4 GPUs"; may be given several times`)
	f.DurationVar(&w.halfLife, "half-life", 24*time.Hour, "after which usage counts half for the share of a project")
	f.StringVar(&w.csv, "csv", "", "write the table to this file too")
	f.StringVar(&w.svg, "svg", "", "draw it to this file")
	return c
}

// look reads the past, and the quotas of now.
func (w *whatIf) look(c *cobra.Command, a *app) error {
	api, err := a.client()
	if err != nil {
		return err
	}
	hosts, err := api.Hosts(c.Context())
	if err != nil {
		return err
	}
	now := time.Now()
	records, err := api.PastLeases(c.Context(), now.Add(-w.since))
	if err != nil {
		return err
	}
	if w.past, err = sim.Remembered(hosts, records, now); err != nil {
		return err
	}
	if len(w.past.Work) == 0 {
		return bine.Errorf(bine.NotFound, "nobody had accelerators in that time; --since looks further back")
	}
	w.projects = map[string]queue.Share{}
	for _, p := range w.past.Work {
		if _, known := w.projects[p.Project]; !known {
			if w.projects[p.Project], err = shareOf(c, api, bine.ProjectName(p.Project)); err != nil {
				return err
			}
		}
	}
	return nil
}

// shareOf gives the quota of a project; one that is no more has none.
func shareOf(c *cobra.Command, api *client.Client, p bine.ProjectName) (queue.Share, error) {
	q, err := api.Quota(c.Context(), p)
	if bine.IsKind(err, bine.NotFound) {
		return queue.Share{}, nil
	}
	return queue.Share{Weight: q.Weight, Guaranteed: int(q.Guaranteed * 1000), Limit: int(q.GPUs * 1000)}, err
}

// scenarios gives all that are compared: as it was, as the rules of now would
// have had it, and each change of these alone.
func (w *whatIf) scenarios() ([]scenario, error) {
	base := rules["fair"]
	base.Policy, base.Shares, base.HalfLife = policy.FGD, w.projects, w.halfLife
	all := []scenario{w.asItWas(), {Name: "replayed by the rules of now", o: base}}
	for _, name := range w.policies {
		o := base
		o.Policy = policy.PolicyName(name)
		if err := o.Policy.Check(); err != nil {
			return nil, err
		}
		all = append(all, scenario{Name: "policy " + name, o: o})
	}
	for _, name := range w.rules {
		o, known := rules[name]
		if !known {
			return nil, usagef("--rule %s is not one: first-come, backfill, fair", name)
		}
		o.Policy, o.Shares, o.HalfLife = base.Policy, base.Shares, base.HalfLife
		all = append(all, scenario{Name: "rule " + name, o: o})
	}
	for _, text := range w.hosts {
		words := strings.Fields(text)
		n := 0
		if len(words) == 3 && words[1] == "like" {
			n, _ = strconv.Atoi(strings.TrimPrefix(words[0], "+"))
		}
		if n < 1 || n > 10_000 {
			return nil, usagef(`--hosts %q: a number and a host are expected, for example "2 like gpu-07"`, text)
		}
		more, err := sim.More(w.past.Hosts, n, bine.HostName(words[2]))
		if err != nil {
			return nil, err
		}
		all = append(all, scenario{Name: "hosts +" + strings.TrimPrefix(text, "+"), hosts: &more, o: base})
	}
	for _, text := range w.quotas {
		o := base
		var err error
		if o.Shares, err = quotasOf(text, w.projects); err != nil {
			return nil, err
		}
		all = append(all, scenario{Name: "quota " + text, o: o})
	}
	for _, text := range w.cells {
		o := base
		var err error
		if o.Cells, err = cellsOf(text); err != nil {
			return nil, err
		}
		if err := queue.CheckCells(w.past.Hosts, o.Cells); err != nil {
			return nil, err
		}
		all = append(all, scenario{Name: "cells " + text, o: o})
	}
	return all, nil
}

// quotasOf reads quotas that are changed, and leaves the others as they are.
func quotasOf(text string, now map[string]queue.Share) (map[string]queue.Share, error) {
	shares := map[string]queue.Share{}
	for name, share := range now {
		shares[name] = share
	}
	for part := range strings.SplitSeq(text, ",") {
		name, values, found := strings.Cut(strings.TrimSpace(part), "=")
		numbers := [3]float64{}
		fields := strings.Split(values, "/")
		for i, f := range fields[:min(len(fields), 3)] {
			n, err := strconv.ParseFloat(f, 64)
			if err != nil || n < 0 || n > 1e6 {
				found = false
			}
			numbers[i] = n
		}
		if !found || len(fields) > 3 {
			return nil, usagef("--quota %q: project=guaranteed[/most[/weight]] is expected, for example vision=8/16", part)
		}
		if _, known := shares[name]; !known {
			return nil, usagef("--quota %q: project %s had no accelerators in that time", part, name)
		}
		shares[name] = queue.Share{Guaranteed: int(numbers[0] * 1000), Limit: int(numbers[1] * 1000), Weight: numbers[2]}
	}
	return shares, nil
}

func cellsOf(text string) (map[string][]queue.Cell, error) {
	all := map[string][]queue.Cell{}
	for part := range strings.SplitSeq(text, ";") {
		name, words, found := strings.Cut(strings.TrimSpace(part), ":")
		cells, err := queue.ParseCells(strings.TrimSpace(words))
		if err != nil {
			return nil, err
		}
		if !found || len(cells) == 0 {
			return nil, usagef(`--cells %q: a project and its cells are expected, for example "vision: 2 hosts of 8"`, part)
		}
		all[strings.TrimSpace(name)] = cells
	}
	return all, nil
}

func (w *whatIf) asItWas() scenario {
	was := sim.Replayed{Waits: w.past.Waited}
	s := scenario{Name: "as it was", Jobs: len(w.past.Work)}
	s.waits(was)
	return s
}

func (w *whatIf) replay(s *scenario) error {
	hosts := w.past.Hosts
	if s.hosts != nil {
		hosts = *s.hosts
	}
	r, err := sim.Replay(hosts, w.past.Work, s.o)
	if err != nil {
		return err
	}
	s.Jobs, s.Never, s.Used, s.Fair, s.Lost, s.Makespan = r.Done, r.Never, r.Used, r.Fairness(), r.Preempted, r.Makespan.Seconds()
	s.waits(r)
	return nil
}

// waits fills in how long who waited.
func (s *scenario) waits(r sim.Replayed) {
	mean := func(all []time.Duration) float64 {
		sum := time.Duration(0)
		for _, d := range all {
			sum += d
		}
		return (sum / time.Duration(max(len(all), 1))).Seconds()
	}
	s.Wait, s.Longest = mean(r.Wait(0, 0)), sim.Percentile(r.Wait(0, 0), 99).Seconds()
	s.Widths = [3]float64{mean(r.Wait(1, 1)), mean(r.Wait(2, 7)), mean(r.Wait(8, 0))}
}

// span writes seconds for people.
func span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	case d >= time.Minute:
		return fmt.Sprintf("%.1f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// write writes the files that were asked for.
func (w *whatIf) write(all []scenario) error {
	for _, to := range []struct {
		path  string
		write func(io.Writer, []scenario) error
	}{{w.csv, scenariosCSV}, {w.svg, scenariosSVG}} {
		if to.path == "" {
			continue
		}
		f, err := os.Create(to.path)
		if err != nil {
			return err
		}
		if err := cmp.Or(to.write(f, all), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func scenariosCSV(out io.Writer, all []scenario) error {
	rows := [][]string{{"scenario", "done", "never", "used", "wait_mean_s", "wait_1_s", "wait_2_to_7_s", "wait_8_s", "wait_p99_s", "fairness", "lost_device_s", "makespan_s"}}
	for _, s := range all {
		row := []string{s.Name, strconv.Itoa(s.Jobs), strconv.Itoa(s.Never)}
		for _, x := range []float64{s.Used, s.Wait, s.Widths[0], s.Widths[1], s.Widths[2], s.Longest, s.Fair, s.Lost, s.Makespan} {
			row = append(row, strconv.FormatFloat(x, 'f', 4, 64))
		}
		rows = append(rows, row)
	}
	return csv.NewWriter(out).WriteAll(rows)
}

func scenariosSVG(out io.Writer, all []scenario) error {
	panel := func(title string, of func(scenario) (float64, string)) sim.Panel {
		p := sim.Panel{Title: title}
		for _, s := range all {
			v, text := of(s)
			p.Bars = append(p.Bars, sim.Bar{Label: s.Name, Value: v, Text: text})
		}
		return p
	}
	wait := func(i int) func(scenario) (float64, string) {
		return func(s scenario) (float64, string) { return s.Widths[i], span(s.Widths[i]) }
	}
	return sim.Draw(out, "What would have been", []sim.Panel{
		panel("waiting, mean", func(s scenario) (float64, string) { return s.Wait, span(s.Wait) }),
		panel("devices used, %", func(s scenario) (float64, string) { return 100 * s.Used, percent(s.Used) }),
		panel("waiting for 1 device or a part, mean", wait(0)), panel("waiting for 2 to 7, mean", wait(1)), panel("waiting for 8 and more, mean", wait(2)),
		panel("evenness of slowdown between projects, Jain's index", func(s scenario) (float64, string) { return s.Fair, fmt.Sprintf("%.3f", s.Fair) }),
	})
}
