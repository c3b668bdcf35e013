// Package graph lays out the steps of a pipeline as a layered drawing from top
// to bottom: a node is one layer below the lowest node it needs, and nodes are
// ordered within a layer so that few lines cross (barycentre, as Sugiyama,
// Tagawa and Toda describe it in "Methods for Visual Understanding of
// Hierarchical System Structures", 1981). It draws nothing: it gives positions
// in pixels, and the pages make SVG of them.
package graph

import (
	"fmt"
	"slices"
)

// Node is one thing to place. Weight says how much it matters when not all
// nodes can be shown: the greater stay.
type Node struct {
	ID     string
	Needs  []string // ids of nodes above; unknown ones are ignored
	Weight int
}

// The measures of a drawing, in pixels.
const (
	NodeWidth  = 168
	NodeHeight = 44
	gapX       = 24
	gapY       = 36
	bendWidth  = 16 // room that a line passing a layer takes
	margin     = 8
)

// Box is a placed node. Folded counts the nodes that it stands for, if it is
// none of those given but stands for several.
type Box struct {
	ID     string
	X, Y   int // upper left corner
	Layer  int
	Folded int
}

// Line is an edge as a path of SVG from the bottom of one box to the top of another.
type Line struct {
	From, To string
	Path     string
}

// Drawing is what Lay gives. Boxes stand in the order of their layers.
type Drawing struct {
	Width, Height int
	Boxes         []Box
	Lines         []Line
	Hidden        int // nodes that are not shown by themselves
}

// Lay places nodes. Where there are more than most, the least weighty of each
// layer are folded into one box. An edge never points up; of a cycle, the
// edges that would are left out.
func Lay(nodes []Node, most int) Drawing {
	g := build(nodes)
	hidden := 0
	if most > 0 && len(nodes) > most {
		nodes, hidden = fold(nodes, g, most)
		g = build(nodes)
	}
	g.bend()
	g.order()
	g.place()
	d := g.drawing()
	d.Hidden = hidden
	return d
}

// vertex is a node, or a bend of a line that passes a layer (node < 0).
type vertex struct {
	node     int
	layer    int
	up, down []int // vertices
	at       float64
	x        int // centre
}

func (v *vertex) width() int {
	if v.node < 0 {
		return bendWidth
	}
	return NodeWidth
}

// weight says how much it matters that a vertex stands where it wants to: lines
// make way for nodes, so that chains are straight.
func (v *vertex) weight() float64 {
	if v.node < 0 {
		return 1
	}
	return 1000
}

type edge struct {
	from, to int
	via      []int // vertices passed, the bends included
}

type layering struct {
	nodes    []Node
	vertices []vertex
	layers   [][]int
	edges    []edge
}

// build puts every node into the layer below the lowest that it needs.
func build(nodes []Node) *layering {
	g := &layering{nodes: nodes, vertices: make([]vertex, len(nodes))}
	index := make(map[string]int, len(nodes))
	for i, n := range nodes {
		index[n.ID] = i
		g.vertices[i].node = i
	}
	waits := make([]int, len(nodes))
	below := make([][]int, len(nodes))
	for i, n := range nodes {
		for _, need := range slices.Compact(slices.Sorted(slices.Values(n.Needs))) {
			if j, ok := index[need]; ok && j != i {
				below[j] = append(below[j], i)
				waits[i]++
			}
		}
	}
	ready := []int{}
	for i := range nodes {
		if waits[i] == 0 {
			ready = append(ready, i)
		}
	}
	for k := 0; k < len(ready); k++ {
		i := ready[k]
		for _, j := range below[i] {
			g.vertices[j].layer = max(g.vertices[j].layer, g.vertices[i].layer+1)
			if waits[j]--; waits[j] == 0 {
				ready = append(ready, j)
			}
		}
	}
	g.connect(below)
	return g
}

func (g *layering) connect(below [][]int) {
	for i, v := range g.vertices {
		g.put(v.layer, i)
		for _, j := range below[i] {
			if v.layer < g.vertices[j].layer {
				g.edges = append(g.edges, edge{from: i, to: j})
			}
		}
	}
}

func (g *layering) put(layer, vertex int) {
	for len(g.layers) <= layer {
		g.layers = append(g.layers, nil)
	}
	g.layers[layer] = append(g.layers[layer], vertex)
}

// bend gives lines over several layers a place in each that they pass, as long
// as that does not make the graph much larger.
func (g *layering) bend() {
	passes := 0
	for _, e := range g.edges {
		passes += g.vertices[e.to].layer - g.vertices[e.from].layer - 1
	}
	bends := passes <= 500+len(g.nodes)
	for i := range g.edges {
		e := &g.edges[i]
		last := e.from
		for layer := g.vertices[e.from].layer + 1; bends && layer < g.vertices[e.to].layer; layer++ {
			v := len(g.vertices)
			g.vertices = append(g.vertices, vertex{node: -1, layer: layer})
			g.put(layer, v)
			g.link(last, v)
			e.via = append(e.via, v)
			last = v
		}
		g.link(last, e.to)
	}
}

func (g *layering) link(from, to int) {
	g.vertices[from].down = append(g.vertices[from].down, to)
	g.vertices[to].up = append(g.vertices[to].up, from)
}

const sweeps = 6

// order sorts each layer by where its neighbours stand, down and up in turn.
func (g *layering) order() {
	for _, layer := range g.layers {
		g.number(layer)
	}
	for sweep := range sweeps {
		for k := range g.layers {
			layer, down := g.layers[k], sweep%2 == 0
			if !down {
				layer = g.layers[len(g.layers)-1-k]
			}
			for _, v := range layer {
				this := &g.vertices[v]
				near := this.down
				if down {
					near = this.up
				}
				if len(near) > 0 {
					this.at = g.mean(near, func(n *vertex) float64 { return n.at })
				}
			}
			slices.SortStableFunc(layer, func(a, b int) int { return compare(g.vertices[a].at, g.vertices[b].at) })
			g.number(layer)
		}
	}
}

func (g *layering) mean(of []int, value func(*vertex) float64) float64 {
	sum, weight := 0.0, 0.0
	for _, v := range of {
		w := g.vertices[v].weight()
		sum += w * value(&g.vertices[v])
		weight += w
	}
	return sum / weight
}

func (g *layering) number(layer []int) {
	for i, v := range layer {
		g.vertices[v].at = (float64(i) + 0.5) / float64(len(layer))
	}
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// place gives every vertex an x: first side by side around 0, then towards the
// mean of its neighbours as far as the order allows.
func (g *layering) place() {
	for _, layer := range g.layers {
		g.spread(layer, make([]float64, len(layer)))
	}
	for pass := range sweeps {
		for k := range g.layers {
			layer := g.layers[k]
			if pass%2 == 1 {
				layer = g.layers[len(g.layers)-1-k]
			}
			want := make([]float64, len(layer))
			for i, v := range layer {
				this := &g.vertices[v]
				near := slices.Concat(this.up, this.down)
				want[i] = float64(this.x)
				if len(near) > 0 {
					want[i] = g.mean(near, func(n *vertex) float64 { return float64(n.x) })
				}
			}
			g.spread(layer, want)
		}
	}
	g.straighten()
}

// straighten puts everything below what it needs, so that a chain is one column.
func (g *layering) straighten() {
	for _, layer := range g.layers {
		want := make([]float64, len(layer))
		for i, v := range layer {
			want[i] = float64(g.vertices[v].x)
			if up := g.vertices[v].up; len(up) > 0 {
				want[i] = g.mean(up, func(n *vertex) float64 { return float64(n.x) })
			}
		}
		g.spread(layer, want)
	}
}

// spread puts a layer's vertices as near to want as their order and widths
// allow: blocks of vertices that touch move together to the mean of what they
// want (pool adjacent violators).
func (g *layering) spread(layer []int, want []float64) {
	type block struct {
		sum, weight float64
		count       int
	}
	offsets := make([]float64, len(layer))
	blocks := make([]block, 0, len(layer))
	for i, v := range layer {
		if i > 0 {
			offsets[i] = offsets[i-1] + float64(g.vertices[layer[i-1]].width()+g.vertices[v].width())/2 + gapX
		}
		weight := g.vertices[v].weight()
		b := block{weight * (want[i] - offsets[i]), weight, 1}
		for len(blocks) > 0 && blocks[len(blocks)-1].sum/blocks[len(blocks)-1].weight >= b.sum/b.weight {
			before := blocks[len(blocks)-1]
			b = block{before.sum + b.sum, before.weight + b.weight, before.count + b.count}
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	i := 0
	for _, b := range blocks {
		base := b.sum / b.weight
		for range b.count {
			g.vertices[layer[i]].x = int(base + offsets[i])
			i++
		}
	}
}

func (g *layering) drawing() Drawing {
	if len(g.nodes) == 0 {
		return Drawing{}
	}
	left, right := g.vertices[0].x, g.vertices[0].x
	for i := range g.vertices {
		v := &g.vertices[i]
		left, right = min(left, v.x-v.width()/2), max(right, v.x+v.width()/2)
	}
	shift := margin - left
	d := Drawing{
		Width:  right - left + 2*margin,
		Height: len(g.layers)*(NodeHeight+gapY) - gapY + 2*margin,
	}
	for _, layer := range g.layers {
		for _, v := range layer {
			g.vertices[v].x += shift
			if at := g.vertices[v]; at.node >= 0 {
				id := g.nodes[at.node].ID
				d.Boxes = append(d.Boxes, Box{ID: id, X: at.x - NodeWidth/2, Y: top(at.layer), Layer: at.layer, Folded: FoldedCount(id)})
			}
		}
	}
	for _, e := range g.edges {
		d.Lines = append(d.Lines, Line{From: g.nodes[e.from].ID, To: g.nodes[e.to].ID, Path: g.path(e)})
	}
	return d
}

func top(layer int) int { return margin + layer*(NodeHeight+gapY) }

// path draws an edge as curves between layers and straight lines past nodes.
func (g *layering) path(e edge) string {
	from := g.vertices[e.from]
	x, y := from.x, top(from.layer)+NodeHeight
	text := fmt.Sprintf("M%d %d", x, y)
	for _, v := range append(slices.Clone(e.via), e.to) {
		to := g.vertices[v]
		goal := top(to.layer)
		middle := (y + goal) / 2
		text += fmt.Sprintf("C%d %d %d %d %d %d", x, middle, to.x, middle, to.x, goal)
		x, y = to.x, goal
		if to.node < 0 {
			y += NodeHeight
			text += fmt.Sprintf("V%d", y)
		}
	}
	return text
}
