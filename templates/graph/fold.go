package graph

import (
	"fmt"
	"slices"
	"strings"
)

// FoldPrefix begins the id of a box that stands for several nodes; the number
// of them follows after the last slash.
const FoldPrefix = "fold/"

// fold keeps the weightiest nodes of each layer and puts the rest of the layer
// into one node. Where the layers alone are too many, neighbouring ones are
// taken together. It answers the nodes and how many of the given are hidden.
func fold(nodes []Node, g *layering, most int) ([]Node, int) {
	span := (2*len(g.layers) + most - 1) / most // layers for one group
	groups := (len(g.layers) + span - 1) / span
	keep := most/groups - 1
	name := make(map[string]string, len(nodes))
	hidden := 0
	for first := 0; first < len(g.layers); first += span {
		members := slices.Concat(g.layers[first:min(first+span, len(g.layers))]...)
		kept := keep
		if span > 1 {
			kept = 0
		}
		if len(members) <= kept+1 {
			continue
		}
		slices.SortStableFunc(members, func(a, b int) int { return nodes[b].Weight - nodes[a].Weight })
		rest := members[kept:]
		hidden += len(rest)
		for _, m := range rest {
			name[nodes[m].ID] = fmt.Sprintf("%s%d/%d", FoldPrefix, first, len(rest))
		}
	}
	return merge(nodes, name), hidden
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
