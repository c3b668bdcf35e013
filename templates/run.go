package templates

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/templates/gantt"
	"github.com/bine-ml/bine/templates/graph"
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
}

// StepView is the step, or item of one, that is looked at.
type StepView struct {
	bine.Step
	Tab      string
	Attempt  int // that was asked for; 0 is the newest
	Attempts []bine.Attempt
	Metrics  []bine.Metric
	Log      Log
	Problem  string // why its details are missing
}

var runPage = load("run.html")

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

func (p RunPage) needs() map[bine.StepName][]string {
	all := map[bine.StepName][]string{}
	for _, s := range p.Definition.Steps {
		all[s.Name] = names(s.Needs)
	}
	return all
}

func (p RunPage) selected(s bine.StepName) bool { return p.Step != nil && p.Step.Name == s }

// Graph draws the steps.
func (p RunPage) Graph() GraphView {
	needs := p.needs()
	nodes := make([]graph.Node, len(p.Steps))
	byName := map[string]bine.Step{}
	for i, s := range p.Steps {
		nodes[i] = graph.Node{ID: string(s.Name), Needs: needs[s.Name], Weight: weight(s.State)}
		if p.selected(s.Name) {
			nodes[i].Weight = 10
		}
		byName[string(s.Name)] = s
	}
	return newGraph(nodes, func(id string) GraphNode {
		s := byName[id]
		return GraphNode{
			Name: id, Sub: p.sub(s), State: string(s.State), URL: p.StepURL(s.Name, ""), Target: "view",
			Selected: p.selected(s.Name), Dim: s.State == bine.Skipped || s.State == bine.Pending,
		}
	})
}

// weight says which steps stay when not all can be drawn: failures first.
func weight(s bine.State) int {
	switch s {
	case bine.Failed, bine.Lost:
		return 3
	case bine.Running:
		return 2
	case bine.Waiting:
		return 1
	}
	return 0
}

func (p RunPage) sub(s bine.Step) string {
	if s.Items > 0 {
		text := fmt.Sprintf("%d items", s.Items)
		if n := s.ItemStates[bine.Failed]; n > 0 {
			text += fmt.Sprintf(", %d failed", n)
		}
		return text
	}
	text := s.Kind
	if s.StartedAt != nil && s.State != bine.Cached {
		text += " · " + p.lasted(s)
	}
	return text
}

func (p RunPage) lasted(s bine.Step) string {
	if s.StartedAt == nil {
		return ""
	}
	end := p.Now
	if s.EndedAt != nil {
		end = *s.EndedAt
	}
	return duration(end.Sub(*s.StartedAt))
}

// Chart places the steps, and the items of the fan-out that is looked at, on an
// axis of time.
func (p RunPage) Chart() GanttView {
	needs := p.needs()
	ended := map[string]time.Time{}
	for _, s := range p.Steps {
		if s.EndedAt != nil {
			ended[string(s.Name)] = *s.EndedAt
		}
	}
	var spans []gantt.Span
	v := GanttView{}
	add := func(s bine.Step) {
		span := gantt.Span{ID: string(s.Name), Asked: s.CreatedAt}
		row := GanttRow{Name: string(s.Name), State: string(s.State), Step: string(s.Name), URL: p.StepURL(s.Name, s.Item), Target: "view", Took: p.lasted(s)}
		if s.Item != "" {
			row.Name, row.Child, span.ID = s.Item, true, string(s.Name)+"/"+s.Item
			row.Selected = p.selected(s.Name) && p.Step.Item == s.Item
		} else {
			span.Needs = needs[s.Name]
			for _, need := range span.Needs { // before that it waited for no resources
				if ended[need].After(span.Asked) {
					span.Asked = ended[need]
				}
			}
			row.Selected = p.selected(s.Name) && p.Step.Item == ""
		}
		if s.StartedAt != nil {
			span.Start = *s.StartedAt
		}
		if s.EndedAt != nil {
			span.End = *s.EndedAt
		} else if s.State.Ended() {
			span.Start = time.Time{}
		}
		spans, v.Rows = append(spans, span), append(v.Rows, row)
	}
	for _, s := range p.Steps[:min(len(p.Steps), MostNodes)] {
		add(s)
		if p.selected(s.Name) {
			for _, item := range p.Items[:min(len(p.Items), mostChartItems)] {
				add(item)
			}
		}
	}
	v.place(gantt.Lay(spans, p.Now))
	return v
}

const mostChartItems = 30

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
		all[i].Points = append(all[i].Points, CurvePoint{x, m.Value})
		all[i].Last = m.Value
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
