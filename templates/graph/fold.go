package graph

import (
	"fmt"
	"slices"
	"strings"
)

// FoldPrefix begins the id of a box that stands for several nodes; the number
// of them follows after the last slash.
const FoldPrefix = "fold/"

// fold keeps the weightiest nodes wherever they stand, then as many others of
// each layer as there is room for, and puts the rest of the layer into one node.
// Where the layers alone are too many, neighbouring ones are taken together, but
// for those that hold a node that is kept. It answers the nodes and how many of
// the given are hidden.
func fold(nodes []Node, g *layering, most int) ([]Node, int) {
	span := (2*len(g.layers) + most - 1) / most // layers for one group
	kept, room := choose(nodes, g, span, most-(len(g.layers)+span-1)/span)
	f := folding{nodes: nodes, name: make(map[string]string, len(nodes))}
	for i, layer := range g.layers {
		if i%span == 0 {
			f.flush()
		}
		rest := slices.DeleteFunc(slices.Clone(layer), func(m int) bool { return kept[m] })
		if span == 1 {
			rest = rest[min(len(rest), room/len(g.layers)):]
		}
		whole := len(rest) == len(layer)
		if !whole || f.members == nil {
			f.flush()
			f.first = i
		}
		f.members = append(f.members, rest...)
		if !whole {
			f.flush()
		}
	}
	f.flush()
	return merge(nodes, f.name), f.hidden
}

// choose gives the weightiest nodes for which there is room, and how much is
// left. A layer that was to be taken together with others costs two more boxes:
// its own rest, and what comes after it.
func choose(nodes []Node, g *layering, span, room int) (map[int]bool, int) {
	layerOf := make([]int, len(nodes))
	var heavy []int
	for i, layer := range g.layers {
		for _, m := range layer {
			layerOf[m] = i
			if nodes[m].Weight > 0 {
				heavy = append(heavy, m)
			}
		}
	}
	slices.SortStableFunc(heavy, func(a, b int) int { return nodes[b].Weight - nodes[a].Weight })
	kept, split := map[int]bool{}, map[int]bool{}
	for _, m := range heavy {
		cost := 1
		if span > 1 && !split[layerOf[m]] {
			cost = 3
		}
		if cost > room {
			continue
		}
		room -= cost
		kept[m], split[layerOf[m]] = true, true
	}
	return kept, room
}

// folding collects nodes that go into one box.
type folding struct {
	nodes   []Node
	name    map[string]string
	members []int
	first   int // layer of the first member
	hidden  int
}

// flush ends a box; one node alone stays itself.
func (f *folding) flush() {
	if len(f.members) > 1 {
		f.hidden += len(f.members)
		for _, m := range f.members {
			f.name[f.nodes[m].ID] = fmt.Sprintf("%s%d/%d", FoldPrefix, f.first, len(f.members))
		}
	}
	f.members = nil
}

// merge gives nodes under their new names, each name once with the needs of all.
func merge(nodes []Node, name map[string]string) []Node {
	called := func(id string) string {
		if n, ok := name[id]; ok {
			return n
		}
		return id
	}
	at := map[string]int{}
	var out []Node
	for _, n := range nodes {
		id := called(n.ID)
		i, ok := at[id]
		if !ok {
			i = len(out)
			at[id] = i
			out = append(out, Node{ID: id, Weight: n.Weight})
		}
		for _, need := range n.Needs {
			if need = called(need); need != id {
				out[i].Needs = append(out[i].Needs, need)
			}
		}
	}
	for i := range out {
		slices.Sort(out[i].Needs)
		out[i].Needs = slices.Compact(out[i].Needs)
	}
	return out
}

// FoldedCount reports how many nodes a box stands for; 0 for one that is a node.
func FoldedCount(id string) int {
	rest, ok := strings.CutPrefix(id, FoldPrefix)
	if !ok {
		return 0
	}
	n := 0
	fmt.Sscanf(rest[strings.LastIndexByte(rest, '/')+1:], "%d", &n)
	return n
}
