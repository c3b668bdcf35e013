package dags

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bine-ml/bine"
)

// The limits of the front doors, in bytes: of a text in YAML, and of the
// canonical JSON, in which what the text leaves out is written down.
const (
	MaxText   = 1 << 20
	MaxStored = 16 << 20
)

// The limits of what a text may hold with every alias followed, so that a few
// lines of nested aliases can't fill the memory.
const (
	maxNodes = 200_000
	maxBytes = 2 * MaxText
	maxDepth = 64
	maxKey   = 256      // bytes of one key
	maxPlace = 64 << 20 // bytes of all places together
)

// maxFaults is the most faults that are gathered; whoever has more will
// parse again anyway.
const maxFaults = 100

// reader reads the nodes of a YAML document and gathers what is wrong with them.
type reader struct {
	faults []bine.Detail
	places map[string]*yaml.Node // where each place of the document stands
	nodes  int                   // read so far
	text   int                   // bytes of texts read so far
	paths  int                   // bytes of places read so far

	overflow *bine.Detail // set once a limit is reached; nothing is read after that
}

// value is a node and its place, such as steps.train.with.
type value struct {
	r     *reader
	node  *yaml.Node
	place string
	depth int
}

// entry is a key of a mapping and its value.
type entry struct {
	key   string
	node  *yaml.Node // of the key
	value value
}

// at makes the value of a place; an alias is followed.
func (r *reader) at(node *yaml.Node, place string, depth int) (value, bool) {
	if r.places[place] == nil {
		r.places[place] = node
	}
	at := node
	r.nodes++
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	v := value{r: r, node: node, place: place, depth: depth}
	r.text += len(node.Value)
	r.paths += len(place)
	if r.overflow == nil && (r.nodes > maxNodes || r.text > maxBytes || r.paths > maxPlace || depth > maxDepth) {
		r.overflow = &bine.Detail{Line: at.Line, Column: at.Column, Message: fmt.Sprintf(
			"the document has more than %d values, %d bytes or %d levels, with every alias followed", maxNodes, maxBytes, maxDepth)}
	}
	if r.overflow != nil {
		return v, false
	}
	return v, true
}

func (v value) fault(format string, args ...any) { v.faultAt(v.node, v.place, format, args...) }

func (v value) faultAt(node *yaml.Node, place, format string, args ...any) {
	if len(v.r.faults) >= maxFaults {
		return
	}
	v.r.faults = append(v.r.faults, bine.Detail{
		Message: fmt.Sprintf(format, args...), Location: place, Line: node.Line, Column: node.Column,
	})
}

// expected reports that v is something else than it should be.
func (v value) expected(what string) { v.fault("%s is expected, not %s", what, v.describe()) }

func (v value) describe() string {
	switch v.node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch v.node.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + v.node.Value
	case "!!bool":
		return v.node.Value
	case "!!str", "!!timestamp":
		return "the text " + strconv.Quote(shorten(v.node.Value))
	}
	return "a value tagged " + v.node.ShortTag()
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

func (v value) isList() bool    { return v.node.Kind == yaml.SequenceNode }
func (v value) isMapping() bool { return v.node.Kind == yaml.MappingNode }
func (v value) isScalar() bool  { return v.node.Kind == yaml.ScalarNode }
func (v value) isNull() bool    { return v.isScalar() && v.node.ShortTag() == "!!null" }
func (v value) isText() bool {
	return v.isScalar() && (v.node.ShortTag() == "!!str" || v.node.ShortTag() == "!!timestamp")
}

// entries gives the keys and values of a mapping in order; what names it in a fault.
func (v value) entries(what string) []entry {
	if !v.isMapping() {
		v.expected(what)
		return nil
	}
	var list []entry
	lines := map[string]int{}
	var merged []value
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		k, n := v.node.Content[i], v.node.Content[i+1]
		if k.ShortTag() == "!!merge" {
			if m, ok := v.r.at(n, v.place+".<<", v.depth+1); ok {
				merged = append(merged, m)
			}
			continue
		}
		e, ok := v.entry(k, n)
		if !ok {
			continue
		}
		if line, twice := lines[e.key]; twice {
			v.faultAt(k, e.value.place, "%s is written twice; the first is on line %d", e.key, line)
			continue
		}
		lines[e.key] = k.Line
		list = append(list, e)
	}
	for _, m := range merged {
		list = m.mergeInto(list, what)
	}
	return list
}

// mergeInto adds the entries of a mapping behind << that are not there yet.
func (v value) mergeInto(list []entry, what string) []entry {
	for _, e := range v.entries(what) {
		if !slices.ContainsFunc(list, func(x entry) bool { return x.key == e.key }) {
			e.value.place = place(strings.TrimSuffix(v.place, ".<<"), e.key)
			list = append(list, e)
		}
	}
	return list
}

func (v value) entry(k, n *yaml.Node) (entry, bool) {
	for k.Kind == yaml.AliasNode {
		k = k.Alias
	}
	if k.Kind != yaml.ScalarNode {
		v.faultAt(k, v.place, "a key is expected to be a text")
		return entry{}, false
	}
	if len(k.Value) > maxKey {
		v.faultAt(k, v.place, "the key %q is longer than %d bytes", shorten(k.Value), maxKey)
		return entry{}, false
	}
	at := place(v.place, k.Value)
	v.r.places[at+"\x00key"] = k
	value, ok := v.r.at(n, at, v.depth+1)
	return entry{key: k.Value, node: k, value: value}, ok
}

// items gives the values of a list.
func (v value) items(what string) []value {
	if !v.isList() {
		v.expected(what)
		return nil
	}
	var list []value
	for i, n := range v.node.Content {
		if item, ok := v.r.at(n, place(v.place, i), v.depth+1); ok {
			list = append(list, item)
		}
	}
	return list
}

// place adds keys and positions to a place: place("steps", "a", 0) is steps.a[0].
func place(at string, parts ...any) string {
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			at += "[" + strconv.Itoa(p) + "]"
		case string:
			if at != "" {
				at += "."
			}
			at += p
		}
	}
	return at
}
