package graph_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bine-ml/bine/templates/graph"
)

// random gives a graph in which each node needs up to three of those before it.
func random(n int) []graph.Node {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	nodes := make([]graph.Node, n)
	for i := range nodes {
		nodes[i].ID = fmt.Sprint("s", i)
		for range min(i, r.IntN(4)) {
			nodes[i].Needs = append(nodes[i].Needs, fmt.Sprint("s", r.IntN(i)))
		}
	}
	return nodes
}

func chain(n int) []graph.Node {
	nodes := make([]graph.Node, n)
	for i := range nodes {
		nodes[i].ID = fmt.Sprint("s", i)
		if i > 0 {
			nodes[i].Needs = []string{fmt.Sprint("s", i-1)}
		}
	}
	return nodes
}

func fan(n int) []graph.Node {
	nodes := []graph.Node{{ID: "first"}}
	last := graph.Node{ID: "last"}
	for i := range n {
		id := fmt.Sprint("s", i)
		nodes = append(nodes, graph.Node{ID: id, Needs: []string{"first"}})
		last.Needs = append(last.Needs, id)
	}
	return append(nodes, last)
}

func checkDrawing(t *testing.T, d graph.Drawing) {
	t.Helper()
	layers, boxes := map[int][]graph.Box{}, map[string]graph.Box{}
	for _, b := range d.Boxes {
		if b.X < 0 || b.Y < 0 || b.X+graph.NodeWidth > d.Width || b.Y+graph.NodeHeight > d.Height {
			t.Errorf("box %s at %d,%d lies outside %d×%d", b.ID, b.X, b.Y, d.Width, d.Height)
		}
		for _, other := range layers[b.Layer] {
			if b.X < other.X+graph.NodeWidth && other.X < b.X+graph.NodeWidth {
				t.Errorf("boxes %s and %s overlap at x %d and %d", b.ID, other.ID, b.X, other.X)
			}
		}
		layers[b.Layer] = append(layers[b.Layer], b)
		boxes[b.ID] = b
	}
	for _, l := range d.Lines {
		if boxes[l.From].Y >= boxes[l.To].Y {
			t.Errorf("line %s → %s does not point down", l.From, l.To)
		}
	}
}

func TestLayKeepsBoxesApartAndLinesDownward(t *testing.T) {
	for name, nodes := range map[string][]graph.Node{
		"nothing": nil, "one": chain(1), "chain": chain(7), "fan": fan(12), "random": random(120),
		"unknown need": {{ID: "a", Needs: []string{"gone"}}},
		"cycle":        {{ID: "a", Needs: []string{"b"}}, {ID: "b", Needs: []string{"a"}}, {ID: "c", Needs: []string{"a"}}},
		"on itself":    {{ID: "a", Needs: []string{"a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := graph.Lay(nodes, 500)
			checkDrawing(t, d)
			if len(d.Boxes) != len(nodes) {
				t.Errorf("Lay placed %d boxes, want %d", len(d.Boxes), len(nodes))
			}
		})
	}
}

func TestLayPutsAChainInOneColumn(t *testing.T) {
	d := graph.Lay(chain(5), 500)
	for _, b := range d.Boxes {
		if b.X != d.Boxes[0].X {
			t.Errorf("box %s stands at x %d, want %d", b.ID, b.X, d.Boxes[0].X)
		}
	}
}

func TestLayFoldsWhatIsTooMany(t *testing.T) {
	for name, nodes := range map[string][]graph.Node{"chain": chain(3000), "fan": fan(3000), "random": random(3000)} {
		t.Run(name, func(t *testing.T) {
			d := graph.Lay(nodes, 500)
			checkDrawing(t, d)
			folded := 0
			for _, b := range d.Boxes {
				folded += b.Folded
			}
			shown := len(d.Boxes)
			if shown > 500 || folded != d.Hidden || d.Hidden == 0 {
				t.Errorf("Lay shows %d boxes that stand for %d, and hides %d", shown, folded, d.Hidden)
			}
		})
	}
}

func TestLayKeepsTheWeightiestNode(t *testing.T) {
	nodes := fan(1000)
	nodes[900].Weight = 1
	for _, b := range graph.Lay(nodes, 100).Boxes {
		if b.ID == nodes[900].ID {
			return
		}
	}
	t.Errorf("the node with a weight was folded away")
}

func TestLayKeepsFailuresWhereverTheyAre(t *testing.T) {
	for name, nodes := range map[string][]graph.Node{"chain": chain(3000), "fan": fan(3000), "random": random(3000)} {
		t.Run(name, func(t *testing.T) {
			want := map[string]bool{}
			for i := 50; i < len(nodes); i += 100 {
				nodes[i].Weight = 3
				want[nodes[i].ID] = true
			}
			d := graph.Lay(nodes, 500)
			checkDrawing(t, d)
			for _, b := range d.Boxes {
				delete(want, b.ID)
			}
			if len(want) > 0 || len(d.Boxes) > 500 {
				t.Errorf("of 30 weighty nodes %d are folded away, among %d boxes", len(want), len(d.Boxes))
			}
		})
	}
}

func TestLayKeepsWithinItsBoundWhenEverythingMatters(t *testing.T) {
	for name, nodes := range map[string][]graph.Node{"chain": chain(3000), "fan": fan(3000), "random": random(3000)} {
		for i := range nodes {
			nodes[i].Weight = 1 + i%3
		}
		if d := graph.Lay(nodes, 500); len(d.Boxes) > 500 {
			t.Errorf("%s: %d boxes, want 500 at most", name, len(d.Boxes))
		}
	}
}

func TestLayIsQuickForThreeThousandNodes(t *testing.T) {
	start := time.Now()
	graph.Lay(random(3000), 0)
	// The design asks for 50 ms; the bound is generous for a busy machine.
	if took := time.Since(start); took > 500*time.Millisecond {
		t.Errorf("Lay took %v for 3,000 nodes", took)
	}
}

func BenchmarkLay(b *testing.B) {
	nodes := random(3000)
	for b.Loop() {
		graph.Lay(nodes, 500)
	}
}

func BenchmarkLayUnfolded(b *testing.B) {
	nodes := random(3000)
	for b.Loop() {
		graph.Lay(nodes, 0)
	}
}
