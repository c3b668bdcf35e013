package templates

import (
	"fmt"
	"html/template"
	"strconv"
	"unicode/utf8"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/templates/graph"
)

// MostNodes is how many nodes a page draws.
const MostNodes = 500

// GraphView is a graph as the pages draw it.
type GraphView struct {
	graph.Drawing
	Nodes []GraphNode
}

// GraphNode is one box of a graph.
type GraphNode struct {
	graph.Box
	Name, Sub, State, URL string
	Target                string // element that the link replaces; empty for the page
	Selected, Dim         bool
}

// Label is the node in words.
func (n GraphNode) Label() string {
	if n.State == "" {
		return n.Name + " " + n.Sub
	}
	return fmt.Sprintf("%s: %s %s", n.Name, word(n.State), n.Sub)
}

// newGraph lays out nodes; look describes those that are not folded. rest is the
// address of a list in which the folded ones are too, if there is one.
func newGraph(nodes []graph.Node, rest string, look func(id string) GraphNode) GraphView {
	v := GraphView{Drawing: graph.Lay(nodes, MostNodes)}
	for _, b := range v.Boxes {
		n := GraphNode{Name: fmt.Sprintf("%d more steps", b.Folded), URL: rest}
		if b.Folded == 0 {
			n = look(b.ID)
		}
		n.Box = b
		n.Name = fit(n.Name, 16)
		n.Sub = fit(n.Sub, 21)
		v.Nodes = append(v.Nodes, n)
	}
	return v
}

// SVG draws what stands inside of the graph's svg element.
func (v GraphView) SVG() template.HTML {
	m := &markup{}
	m.put(`<g aria-hidden="true">`)
	for _, l := range v.Lines {
		m.put(`<path class="graph-line" d="`, l.Path, `"/>`)
	}
	m.put(`</g>`)
	for _, n := range v.Nodes {
		n.draw(m)
	}
	return m.html()
}

func (n GraphNode) draw(m *markup) {
	m.put(`<g role="listitem" transform="translate(`, strconv.Itoa(n.X), " ", strconv.Itoa(n.Y), `)">`)
	class := "graph-node"
	if n.State != "" {
		class += " is-" + tone(n.State)
	}
	if n.Selected {
		class += " is-selected"
	}
	if n.Dim {
		class += " is-dim"
	}
	if n.Folded > 0 {
		class += " is-folded"
	}
	end := `</g></g>`
	if n.URL != "" {
		m.put(`<a class="`, class, `"`)
		m.attr("href", n.URL)
		m.attr("data-step", n.ID)
		m.attr("aria-label", n.Label())
		if n.Selected {
			m.put(` aria-current="true"`)
		}
		m.swap(n.URL, n.Target)
		end = `</a></g>`
	} else {
		m.put(`<g class="`, class, `"`)
	}
	m.put(`>`)
	n.box(m)
	m.put(end)
}

func (n GraphNode) box(m *markup) {
	x, y := "14", "27"
	m.put(`<title>`)
	m.text(n.Label())
	m.put(`</title><rect class="frame" width="168" height="44" rx="7"/>`)
	if n.State != "" {
		x = "36"
		m.put(`<g class="is-`, tone(n.State), `"><svg class="icon icon-plain" x="12" y="14" width="16" height="16" viewBox="0 0 24 24">`, icons[stateIcon(n.State)], `</svg></g>`)
	}
	if n.Sub != "" {
		y = "19"
	}
	m.put(`<text x="`, x, `" y="`, y, `">`)
	m.text(n.Name)
	m.put(`</text>`)
	if n.Sub != "" {
		m.put(`<text class="sub" x="`, x, `" y="34">`)
		m.text(n.Sub)
		m.put(`</text>`)
	}
}

// fit cuts text that is wider than a box.
func fit(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// definitionGraph draws a pipeline that does not run.
func definitionGraph(d Definition) GraphView {
	nodes := make([]graph.Node, len(d.Steps))
	byName := map[string]DefinitionStep{}
	for i, s := range d.Steps {
		nodes[i] = graph.Node{ID: string(s.Name), Needs: names(s.Needs)}
		byName[string(s.Name)] = s
	}
	return newGraph(nodes, "", func(id string) GraphNode {
		s := byName[id]
		sub := s.Kind
		if len(s.Foreach) > 0 {
			sub += ", for each item"
		} else if s.When != "" {
			sub += ", on a condition"
		}
		return GraphNode{Name: id, Sub: sub}
	})
}

func names(steps []bine.StepName) []string {
	all := make([]string, len(steps))
	for i, s := range steps {
		all[i] = string(s)
	}
	return all
}
