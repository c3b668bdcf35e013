package templates

import (
	"fmt"
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

// newGraph lays out nodes; look describes those that are not folded.
func newGraph(nodes []graph.Node, look func(id string) GraphNode) GraphView {
	v := GraphView{Drawing: graph.Lay(nodes, MostNodes)}
	for _, b := range v.Boxes {
		n := GraphNode{Name: fmt.Sprintf("%d more steps", b.Folded)}
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
	return newGraph(nodes, func(id string) GraphNode {
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
