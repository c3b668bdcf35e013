package templates

import (
	"encoding/json"
	"html/template"
	"net/url"
	"slices"
	"strconv"

	"github.com/bine-ml/bine"
)

// RunPage shows one run: graph and chart of time over its steps, and one step
// in detail.
type RunPage struct {
	Shell
	Run        bine.Run
	Steps      []bine.Step
	Definition Definition
	Items      []bine.Step // of the fan-out that is looked at, failures first
	MoreItems  string      // address of the items that follow
	Step       *StepView   // nil where the run has no steps yet
	Chosen     bool        // whether the reader named the step
	View       string      // "table" lists the steps; else they are drawn
	Filter     StepFilter  // of the list
}

// StepView is the step, or item of one, that is looked at.
type StepView struct {
	bine.Step
	Tab      string
	Attempt  int // that was asked for; 0 is the newest
	Attempts []bine.Attempt
	Metrics  []bine.Metric
	Log      Log
	Problem  string                // why its details are missing
	Previews map[bine.Hash]Preview // beginnings of small inputs or outputs
}

var runPage = load("run.html", "preview.html")

func (p RunPage) page() *template.Template { return runPage }

// StepURL is this page with another step.
func (p RunPage) StepURL(step bine.StepName, item string) string {
	return p.With("step", step, "item", item, "attempt", "", "tab", "", "after", "")
}

// Going reports whether the run still goes on.
func (p RunPage) Going() bool { return !p.Run.State.Ended() }

// StepGoing reports whether the step below is to be shown anew when something
// changes: not while its log is followed, and not once the step that the reader
// chose has ended. Where none was chosen, the page moves on with the run.
func (p RunPage) StepGoing() bool {
	if !p.Going() || (p.Step.Tab == "log" && p.Step.Log.Follow != "") {
		return false
	}
	return !p.Chosen || !p.Step.State.Ended()
}

// Params are the params of the run by name.
func (p RunPage) Params() []Pair { return pairs(p.Run.Params) }

// Pair is a name and a value.
type Pair struct{ Name, Value string }

// pairs gives the members of a JSON object by name.
func pairs(raw json.RawMessage) []Pair {
	var all map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return nil
	}
	var out []Pair
	for name, value := range all {
		out = append(out, Pair{name, Plain(value)})
	}
	slices.SortFunc(out, func(a, b Pair) int { return compareText(a.Name, b.Name) })
	return out
}

func compareText(a, b string) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// Tabs are the sides of the step.
func (v StepView) Tabs() []string {
	var tabs []string
	if v.Items > 0 && v.Item == "" {
		tabs = append(tabs, "items")
	} else if v.Step.Attempts > 0 || len(v.Attempts) > 0 {
		tabs = append(tabs, "log")
	}
	tabs = append(tabs, "outputs", "inputs")
	if v.Step.Attempts > 0 || len(v.Attempts) > 0 {
		tabs = append(tabs, "attempts")
	}
	if len(v.Step.Metrics) > 0 || len(v.Metrics) > 0 {
		tabs = append(tabs, "metrics")
	}
	return tabs
}

// Workflow is the id of the step's own workflow, without the project.
func (v StepView) Workflow() string {
	id := "run/" + string(v.Run) + "/" + string(v.Name)
	if v.Item != "" {
		id += "/" + v.Item
	}
	return url.QueryEscape(id)
}

// Kept is the attempt that is looked at.
func (v StepView) Kept() *bine.Attempt {
	for i := range v.Attempts {
		if v.Attempts[i].Number == v.Attempt {
			return &v.Attempts[i]
		}
	}
	if n := len(v.Attempts); n > 0 {
		return &v.Attempts[n-1]
	}
	return nil
}

// Named is an artifact under a name, with where it can be seen.
type Named struct {
	Name string
	Ref  bine.ArtifactRef
	URL  string
}

// Inputs are the artifacts that the step took.
func (p RunPage) Inputs() []Named { return p.named(p.Step.Inputs) }

// Outputs are the artifacts that the step made.
func (p RunPage) Outputs() []Named { return p.named(p.Step.Artifacts) }

func (p RunPage) named(refs map[string]bine.ArtifactRef) []Named {
	var all []Named
	for name, ref := range refs {
		all = append(all, Named{name, ref, p.artifactURL(ref)})
	}
	slices.SortFunc(all, func(a, b Named) int { return compareText(a.Name, b.Name) })
	return all
}

func (s Shell) artifactURL(ref bine.ArtifactRef) string {
	return s.Path("artifacts", ref.Hash) + "?kind=" + url.QueryEscape(string(ref.Kind)) + "&name=" + url.QueryEscape(ref.Name)
}

// Values are the outputs that are values.
func (v StepView) ValueList() []Pair {
	var all []Pair
	for name, value := range v.Values {
		all = append(all, Pair{name, Plain(value)})
	}
	slices.SortFunc(all, func(a, b Pair) int { return compareText(a.Name, b.Name) })
	return all
}

// WithList are the parameters of the step.
func (v StepView) WithList() []Pair { return pairs(v.With) }

// Curve is a metric over its steps.
type Curve struct {
	Name   string
	Last   float64
	Points []CurvePoint
}

// CurvePoint is one reported number.
type CurvePoint struct{ X, Y float64 }

// Curves are the metrics by name; points are counted where they have no step.
func (v StepView) Curves() []Curve {
	at := map[string]int{}
	var all []Curve
	for _, m := range v.Metrics {
		i, ok := at[m.Name]
		if !ok {
			i = len(all)
			at[m.Name] = i
			all = append(all, Curve{Name: m.Name})
		}
		x := float64(m.Step)
		if m.Step == 0 && len(all[i].Points) > 0 {
			x = float64(len(all[i].Points))
		}
		all[i].Points = append(all[i].Points, CurvePoint{x, float64(m.Value)})
		all[i].Last = float64(m.Value)
	}
	for name, value := range v.Step.Metrics {
		if _, ok := at[name]; !ok {
			all = append(all, Curve{Name: name, Last: value})
		}
	}
	slices.SortFunc(all, func(a, b Curve) int { return compareText(a.Name, b.Name) })
	return all
}

// AttemptURL is this page with another attempt of the step.
func (p RunPage) AttemptURL(n int) string { return p.With("attempt", strconv.Itoa(n), "tab", "log") }
