package templates

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/templates/gantt"
	"github.com/bine-ml/bine/templates/graph"
)

func (p RunPage) needs() map[bine.StepName][]string {
	all := map[bine.StepName][]string{}
	for _, s := range p.Definition.Steps {
		all[s.Name] = names(s.Needs)
	}
	return all
}

// stepLink is StepURL for many steps.
func (p RunPage) stepLink() func(bine.StepName, string) string {
	const mark = "\x00"
	before, after, found := strings.Cut(p.With("step", mark, "item", "", "attempt", "", "tab", "", "after", ""), url.QueryEscape(mark))
	return func(step bine.StepName, item string) string {
		if item != "" || !found {
			return p.StepURL(step, item)
		}
		return before + url.QueryEscape(string(step)) + after
	}
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
	link := p.stepLink()
	return newGraph(nodes, p.ViewURL("table"), func(id string) GraphNode {
		s := byName[id]
		return GraphNode{
			Name: id, Sub: p.sub(s), State: string(s.State), URL: link(s.Name, ""), Target: "view",
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
// axis of time. All steps count for the critical path; of very many, those that
// matter most are shown.
func (p RunPage) Chart() GanttView {
	c := chart{page: p, needs: p.needs(), ended: map[string]time.Time{}}
	for _, s := range p.Steps {
		if s.EndedAt != nil {
			c.ended[string(s.Name)] = *s.EndedAt
		}
	}
	link := p.stepLink()
	for _, s := range p.Steps {
		c.add(s, link)
		if p.selected(s.Name) {
			for _, item := range p.Items[:min(len(p.Items), mostChartItems)] {
				c.add(item, link)
			}
		}
	}
	v := GanttView{Rows: c.rows}
	v.place(gantt.Lay(c.spans, p.Now))
	v.keep(MostBars)
	return v
}

// chart collects the rows of a chart of time.
type chart struct {
	page  RunPage
	needs map[bine.StepName][]string
	ended map[string]time.Time
	spans []gantt.Span
	rows  []GanttRow
}

func (c *chart) add(s bine.Step, link func(bine.StepName, string) string) {
	p := c.page
	span := gantt.Span{ID: string(s.Name), Asked: s.CreatedAt}
	row := GanttRow{Name: string(s.Name), State: string(s.State), Step: string(s.Name), URL: link(s.Name, s.Item), Target: "view", Took: p.lasted(s), Weight: weight(s.State)}
	row.Selected = p.selected(s.Name) && p.Step.Item == s.Item
	if s.Item != "" {
		row.Name, row.Child, span.ID = s.Item, true, string(s.Name)+"/"+s.Item
	} else {
		span.Needs = c.needs[s.Name]
		for _, need := range span.Needs { // before that it waited for no resources
			if c.ended[need].After(span.Asked) {
				span.Asked = c.ended[need]
			}
		}
	}
	if s.StartedAt != nil {
		span.Start = *s.StartedAt
	}
	if s.EndedAt != nil {
		span.End = *s.EndedAt
	} else if s.State.Ended() {
		span.Start = time.Time{}
	}
	c.spans, c.rows = append(c.spans, span), append(c.rows, row)
}

// How much a chart shows.
const (
	mostChartItems = 30
	// MostBars is how many rows a chart of time has.
	MostBars = 150
)
