package bench

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"

	"github.com/bine-ml/bine/gpu/sim"
)

// measures are what policies are compared by.
var measures = []struct {
	name, unit string
	digits     int
	of         func(packed) (mean float64, runs []float64)
}{
	{"devices allocated when 130 % are asked for", "%", 2, func(f packed) (float64, []float64) {
		m, _ := f.mean()
		var all []float64
		for _, r := range f.runs {
			all = append(all, 100*r.Allocated)
		}
		return m, all
	}},
	{"devices free and of no use then", "%", 2, func(f packed) (float64, []float64) {
		var all []float64
		for _, r := range f.runs {
			all = append(all, 100*r.Fragmented*(1-r.Allocated))
		}
		return f.fragmented(), all
	}},
	{"decisions, fastest run", "/s", 0, func(f packed) (float64, []float64) { return f.rate(), nil }},
	{"waiting for 1 or a part, mean", "min", 1, waiting(0)},
	{"waiting for 2 to 7, mean", "min", 1, waiting(1)},
	{"waiting for 8 and more, mean", "min", 1, waiting(2)},
	{"evenness of slowdown between projects, Jain's index", "", 3, func(f packed) (float64, []float64) {
		if f.replayed == nil {
			return 0, nil
		}
		return f.replayed.Fairness(), nil
	}},
}

func waiting(width int) func(packed) (float64, []float64) {
	return func(f packed) (float64, []float64) {
		if f.replayed == nil {
			return 0, nil
		}
		return minutes(f.replayed.Wait(widths[width].least, widths[width].most)), nil
	}
}

// write writes the comparison to where it was asked for.
func (b GPUBench) write(all []packed) error {
	if b.Table != nil {
		if err := comparisonTable(b.Table, all); err != nil {
			return err
		}
	}
	for _, to := range []struct {
		path  string
		write func(io.Writer, []packed) error
	}{{b.CSV, comparisonCSV}, {b.SVG, comparisonSVG}} {
		if to.path == "" {
			continue
		}
		f, err := os.Create(to.path)
		if err != nil {
			return err
		}
		if err := to.write(f, all); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// byList splits what was compared by list of work, in order.
func byList(all []packed) (lists [][]packed) {
	for i, f := range all {
		if i == 0 || f.list != all[i-1].list {
			lists = append(lists, nil)
		}
		lists[len(lists)-1] = append(lists[len(lists)-1], f)
	}
	return lists
}

// comparisonTable writes policies side by side, a table for each list.
func comparisonTable(w io.Writer, all []packed) error {
	t := tabwriter.NewWriter(w, 0, 4, 3, ' ', tabwriter.AlignRight)
	for _, some := range byList(all) {
		fmt.Fprintf(t, "%s\t\t", some[0].list)
		for _, f := range some {
			fmt.Fprintf(t, "%s\t", f.policy)
		}
		fmt.Fprintln(t)
		for _, m := range measures {
			fmt.Fprintf(t, "%s\t%s\t", m.name, m.unit)
			for _, f := range some {
				mean, _ := m.of(f)
				fmt.Fprintf(t, "%s\t", strconv.FormatFloat(mean, 'f', m.digits, 64))
			}
			fmt.Fprintln(t)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// comparisonCSV writes a row for each measure, and for each run that it is the
// mean of; the seed of the mean is empty.
func comparisonCSV(w io.Writer, all []packed) error {
	rows := [][]string{{"list", "policy", "measure", "unit", "seed", "value"}}
	for _, f := range all {
		for _, m := range measures {
			mean, runs := m.of(f)
			rows = append(rows, []string{f.list, string(f.policy), m.name, m.unit, "", strconv.FormatFloat(mean, 'f', 4, 64)})
			for i, x := range runs {
				rows = append(rows, []string{f.list, string(f.policy), m.name, m.unit, strconv.FormatUint(f.runs[i].Seed, 10), strconv.FormatFloat(x, 'f', 4, 64)})
			}
		}
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// comparisonSVG draws every measure, with a bar for each list and policy.
func comparisonSVG(w io.Writer, all []packed) error {
	panels := make([]sim.Panel, 0, len(measures))
	for i, m := range measures {
		title := m.name
		if m.unit != "" {
			title += ", " + m.unit
		}
		p := sim.Panel{Title: title, Axis: i == 0}
		for _, f := range all {
			mean, runs := m.of(f)
			p.Bars = append(p.Bars, sim.Bar{Label: f.list + ", " + string(f.policy), Value: mean, Runs: runs, Text: strconv.FormatFloat(mean, 'f', m.digits, 64)})
		}
		panels = append(panels, p)
	}
	return sim.Draw(w, "Policies of placement side by side", panels)
}
