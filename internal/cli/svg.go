package cli

import (
	"fmt"
	"html"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dags/plan"
	"github.com/bine-ml/bine/templates/graph"
)

// The styles of a drawing that stands alone; dark where the viewer is.
const svgStyle = `<style>
text{font:13px system-ui,sans-serif;fill:#1c1c1c}.kind{font-size:11px;fill:#5c5c5c}
rect{fill:#fff;stroke:#8a8a8a}.process{stroke:#2457a6}.waits{stroke:#8a5a00}
path{fill:none;stroke:#8a8a8a}.then{stroke-dasharray:4 4}
@media (prefers-color-scheme:dark){text{fill:#eee}.kind{fill:#b5b5b5}rect{fill:#1f1f1f}.process{stroke:#7aa7f0}.waits{stroke:#e0a94a}}
</style>
`

// longestLabel is how many characters of a name a box has room for.
const longestLabel = 22

// graphSVG draws a pipeline as SVG. What runs at the end stands below what it
// follows, with dashed lines.
func graphSVG(d dags.DAG) string {
	nodes := layout(d)
	g := graph.Lay(nodes, 0)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">`+"\n", g.Width, g.Height, g.Width, g.Height)
	fmt.Fprintf(&b, "<title>%s</title>\n%s", html.EscapeString(string(d.Name)), svgStyle)
	for _, l := range g.Lines {
		from, _ := d.Step(bine.StepName(l.From))
		to, _ := d.Step(bine.StepName(l.To))
		class := ""
		if from.Phase != to.Phase {
			class = ` class="then"`
		}
		fmt.Fprintf(&b, `<path%s d="%s"/>`+"\n", class, l.Path)
	}
	kinds := map[string]dags.Kind{}
	for _, k := range dags.Kinds() {
		kinds[k.Name] = k
	}
	for _, box := range g.Boxes {
		s, _ := d.Step(bine.StepName(box.ID))
		svgBox(&b, box, s, kinds[s.Kind()])
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func svgBox(b *strings.Builder, box graph.Box, s dags.Step, k dags.Kind) {
	class := "light"
	switch {
	case k.Process:
		class = "process"
	case k.Waits:
		class = "waits"
	}
	label := string(s.Name)
	if len(label) > longestLabel {
		label = label[:longestLabel] + "…"
	}
	kind := s.Kind()
	if s.Phase != plan.Main {
		kind += ", " + string(s.Phase)
	}
	fmt.Fprintf(b, "<g><title>%s</title>", html.EscapeString(string(s.Name)+": "+s.Kind()))
	if s.Foreach != nil { // a second edge behind the box: there are several
		fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="6"/>`, class, box.X+4, box.Y+4, graph.NodeWidth, graph.NodeHeight)
	}
	fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="6"/>`, class, box.X, box.Y, graph.NodeWidth, graph.NodeHeight)
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`, box.X+10, box.Y+19, html.EscapeString(label))
	fmt.Fprintf(b, `<text class="kind" x="%d" y="%d">%s</text></g>`+"\n", box.X+10, box.Y+35, html.EscapeString(kind))
}

// layout gives the nodes to place: those of a later phase need the last of the
// phase before.
func layout(d dags.DAG) []graph.Node {
	needed := map[bine.StepName]bool{}
	for _, s := range d.Steps {
		for _, n := range s.Needs {
			needed[n] = true
		}
	}
	var nodes []graph.Node
	var before, last []string // the last steps of the phase before, and of this one
	for _, phase := range []plan.Phase{plan.Main, plan.OnFailure, plan.Finally} {
		for _, s := range d.Steps {
			if s.Phase != phase {
				continue
			}
			n := graph.Node{ID: string(s.Name), Weight: 1}
			for _, need := range s.Needs {
				n.Needs = append(n.Needs, string(need))
			}
			if len(n.Needs) == 0 {
				n.Needs = before
			}
			if !needed[s.Name] {
				last = append(last, n.ID)
			}
			nodes = append(nodes, n)
		}
		if len(last) > 0 {
			before, last = last, nil
		}
	}
	return nodes
}
