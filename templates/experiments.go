package templates

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
)

// ExperimentsPage lists the experiments of a project.
type ExperimentsPage struct {
	Shell
	Experiments []bine.Experiment
	Address     string // under which MLflow's clients log
}

// ExperimentPage shows the tracked runs of an experiment: as a table with any
// param or metric as column, and the curves of those that were chosen.
type ExperimentPage struct {
	Shell
	Experiment bine.Experiment
	Filter     string
	Order      string
	Wanted     []string // columns that were asked for, params.x or metrics.x
	Chosen     []bine.TrackedID
	Runs       []bine.TrackedRun
	More       bool
	Curves     []bine.Curve
	Fault      string // what is wrong with the filter
}

var (
	experimentsPage = load("experiments.html")
	experimentPage  = load("experiment.html")
)

func (p ExperimentsPage) page() *template.Template { return experimentsPage }
func (p ExperimentPage) page() *template.Template  { return experimentPage }

// MostDrawn is how many tracked runs are drawn in a chart, and MostCharts how
// many charts a page has.
const (
	MostDrawn  = 20
	MostCharts = 6
)

// mostColumns is how many columns a table has that was asked for none.
const mostColumns = 8

// Known are all params and metrics of the runs, as columns are called.
func (p ExperimentPage) Known() []string {
	names := map[string]bool{}
	for _, r := range p.Runs {
		for name := range r.Params {
			names["params."+name] = true
		}
		for name := range r.Metrics {
			names["metrics."+name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Columns are those that were asked for, else metrics and then params that most runs have.
func (p ExperimentPage) Columns() []string {
	if len(p.Wanted) > 0 {
		return p.Wanted
	}
	known := p.Known()
	count := map[string]int{}
	for _, r := range p.Runs {
		for _, c := range known {
			if TrackedValue(r, c) != "" {
				count[c]++
			}
		}
	}
	slices.SortStableFunc(known, func(a, b string) int { return cmp.Compare(count[b], count[a]) })
	return known[:min(len(known), mostColumns)]
}

// TrackedValue is what a run has in a column, empty where it has nothing.
func TrackedValue(r bine.TrackedRun, column string) string {
	if name, ok := strings.CutPrefix(column, "params."); ok {
		return r.Params[name]
	}
	name, _ := strings.CutPrefix(column, "metrics.")
	if l, there := r.Metrics[name]; there {
		if l.Last.Finite() {
			return strconv.FormatFloat(float64(l.Last), 'g', 6, 64)
		}
		return l.Last.String()
	}
	return ""
}

// Cell is TrackedValue for a template.
func (p ExperimentPage) Cell(r bine.TrackedRun, column string) string { return TrackedValue(r, column) }

// IsChosen reports whether a run was chosen to be compared.
func (p ExperimentPage) IsChosen(r bine.TrackedRun) bool { return slices.Contains(p.Chosen, r.ID) }

// IsColumn reports whether a column is shown.
func (p ExperimentPage) IsColumn(column string) bool { return slices.Contains(p.Columns(), column) }

// Sort is this page ordered by a column; once more turns it round.
func (p ExperimentPage) Sort(column string) string {
	by := column + " DESC"
	if p.Order == by {
		by = column + " ASC"
	}
	return p.With("order", by)
}

// Sorted says how the table is ordered by a column, for those who do not see the arrow.
func (p ExperimentPage) Sorted(column string) string {
	switch p.Order {
	case column + " DESC":
		return "descending"
	case column + " ASC":
		return "ascending"
	}
	return "none"
}

// CSV is this page as a table for other programs.
func (p ExperimentPage) CSV() string { return p.With("format", "csv") }

// RunURL leads to what a tracked run is of; empty for one from outside.
func (p ExperimentPage) RunURL(r bine.TrackedRun) string {
	if r.Run == "" {
		return ""
	}
	q := url.Values{"step": {string(r.Step)}, "tab": {"metrics"}}
	if r.Item != "" {
		q.Set("item", r.Item)
	}
	return p.Path("runs", r.Run) + "?" + q.Encode()
}

// FilesURL leads to the files of a tracked run.
func (p ExperimentPage) FilesURL(r bine.TrackedRun) string {
	return p.Path("files", "Experiments", r.Experiment, r.ID)
}

// Compared are the chosen runs, in the order of the table.
func (p ExperimentPage) Compared() []bine.TrackedRun {
	return slices.DeleteFunc(slices.Clone(p.Runs), func(r bine.TrackedRun) bool { return !p.IsChosen(r) })
}

// Difference is a param or metric that runs differ in.
type Difference struct {
	Name   string
	Values []string
}

// Differences are what the chosen runs differ in.
func (p ExperimentPage) Differences() []Difference {
	var all []Difference
	runs := p.Compared()
	for _, c := range p.Known() {
		d := Difference{Name: c}
		for _, r := range runs {
			d.Values = append(d.Values, TrackedValue(r, c))
		}
		if len(slices.Compact(slices.Clone(d.Values))) > 1 {
			all = append(all, d)
		}
	}
	return all
}

// Drawn are the runs of the charts: those that were chosen, else the first ones.
func (p ExperimentPage) Drawn() []bine.TrackedRun {
	runs := p.Compared()
	if len(runs) == 0 {
		runs = p.Runs
	}
	return runs[:min(len(runs), MostDrawn)]
}

// lines tell curves apart, by colour and by dashes; both are seen on light and dark.
var (
	colours = []string{"#3b82f6", "#d97706", "#16a34a", "#dc2626", "#9333ea", "#0891b2", "#be185d", "#65a30d"}
	dashes  = []string{"", "6 3", "2 3"}
)

// Mark is how the curves of the n-th drawn run look.
func Mark(n int) (colour, dash string) {
	return colours[n%len(colours)], dashes[n/len(colours)%len(dashes)]
}

// Legend is one drawn run with how its curves look.
type Legend struct {
	Name string
	Line template.HTML
}

// Legends are the drawn runs.
func (p ExperimentPage) Legends() []Legend {
	var all []Legend
	for n, r := range p.Drawn() {
		var m markup
		m.put(`<svg width="28" height="8" aria-hidden="true">`)
		stroke(&m, n, "M0 4H28")
		m.put("</svg>")
		all = append(all, Legend{r.Name, m.html()})
	}
	return all
}

func stroke(m *markup, n int, path string) {
	colour, dash := Mark(n)
	m.put(`<path fill="none" stroke-width="1.6" stroke="`, colour, `"`)
	if dash != "" {
		m.put(` stroke-dasharray="`, dash, `"`)
	}
	m.put(` d="`, path, `"/>`)
}

// CurveChart is the picture of one metric.
type CurveChart struct {
	Metric    string
	Low, High string
	From, To  int64
	SVG       template.HTML // what stands inside of the svg element
	Steps     bool          // whether there is more than one point in a curve
}

const (
	curveWidth, curveHeight = 600, 180
	curveEdge               = 6
)

// Charts are the pictures of the metrics, those with curves first.
func (p ExperimentPage) Charts() []CurveChart {
	at := map[bine.TrackedID]int{}
	for n, r := range p.Drawn() {
		at[r.ID] = n
	}
	by := map[string][]bine.Curve{}
	for _, c := range p.Curves {
		if _, drawn := at[c.Run]; drawn {
			by[c.Metric] = append(by[c.Metric], c)
		}
	}
	var all []CurveChart
	for _, metric := range slices.Sorted(maps.Keys(by)) {
		all = append(all, newCurveChart(metric, by[metric], at))
	}
	all = slices.DeleteFunc(all, func(c CurveChart) bool { return !c.Steps })
	return all[:min(len(all), MostCharts)]
}

func newCurveChart(metric string, curves []bine.Curve, at map[bine.TrackedID]int) CurveChart {
	low, high := math.Inf(1), math.Inf(-1)
	out := CurveChart{Metric: metric, From: math.MaxInt64, To: math.MinInt64}
	for _, c := range curves {
		out.Steps = out.Steps || len(c.Points) > 1
		for _, p := range c.Points {
			out.From, out.To = min(out.From, p.Step), max(out.To, p.Step)
			if p.Value.Finite() {
				low, high = min(low, float64(p.Value)), max(high, float64(p.Value))
			}
		}
	}
	if low > high {
		low, high = 0, 0
	}
	out.Low, out.High = strconv.FormatFloat(low, 'g', 4, 64), strconv.FormatFloat(high, 'g', 4, 64)
	var m markup
	for _, c := range curves {
		stroke(&m, at[c.Run], out.path(c, low, high))
	}
	out.SVG = m.html()
	return out
}

// path draws a curve; a point that is no number is a gap.
func (c CurveChart) path(curve bine.Curve, low, high float64) string {
	var b strings.Builder
	command := "M"
	for _, p := range curve.Points {
		if !p.Value.Finite() {
			command = "M"
			continue
		}
		x := curveEdge + place(float64(p.Step), float64(c.From), float64(c.To))*(curveWidth-2*curveEdge)
		y := curveHeight - curveEdge - place(float64(p.Value), low, high)*(curveHeight-2*curveEdge)
		fmt.Fprintf(&b, "%s%.1f %.1f", command, x, y)
		command = "L"
	}
	return b.String()
}

// place says where v lies between two numbers, from 0 to 1.
func place(v, from, to float64) float64 {
	if to <= from {
		return 0.5
	}
	return v/(to-from) - from/(to-from)
}
