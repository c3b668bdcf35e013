package field

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bine-ml/bine/dags/expr"
)

// Fields are the keys of a mapping. Each key that is asked for is known; Close
// reports the others.
type Fields struct {
	of    Value
	all   []entry
	known []string
}

type entry struct {
	key   string
	node  *yaml.Node
	value Value
}

// Fields reads a mapping; what names it in faults ("a parameter"). Of something
// else it has no keys, and that is a fault.
func (v Value) Fields(what string) *Fields {
	f := &Fields{of: v}
	if !v.IsMapping() {
		v.expected(what)
		return f
	}
	f.add(v, false)
	return f
}

// add adds the keys of a mapping; those of one behind << give way to others.
func (f *Fields) add(v Value, behind bool) {
	node := v.node
	if node.Kind != yaml.MappingNode {
		return
	}
	var merged []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		k, n := node.Content[i], node.Content[i+1]
		if k.ShortTag() == "!!merge" {
			merged = append(merged, n)
			continue
		}
		if k.Kind != yaml.ScalarNode {
			v.faultAt(k, v.Place, "a key is expected to be a text")
			continue
		}
		place := k.Value
		if v.Place != "" {
			place = v.Place + "." + k.Value
		}
		if j := slices.IndexFunc(f.all, func(e entry) bool { return e.key == k.Value }); j >= 0 {
			if !behind {
				v.faultAt(k, place, "%s is written twice; the first is on line %d", k.Value, f.all[j].node.Line)
			}
			continue
		}
		f.all = append(f.all, entry{k.Value, k, v.doc.at(n, place, v.depth+1)})
	}
	for _, n := range merged {
		f.add(v.doc.at(n, v.Place, v.depth+1), true)
	}
}

// Keys lists the keys in their order.
func (f *Fields) Keys() []string {
	keys := make([]string, len(f.all))
	for i, e := range f.all {
		keys[i] = e.key
	}
	return keys
}

// Get gives the value of a key, which is known from now on.
func (f *Fields) Get(key string) (Value, bool) {
	f.known = append(f.known, key)
	i := slices.IndexFunc(f.all, func(e entry) bool { return e.key == key })
	if i < 0 {
		return Value{}, false
	}
	return f.all[i].value, true
}

// Some is Get for a key whose value may also be null, which is as though it were
// missing.
func (f *Fields) Some(key string) (Value, bool) {
	v, found := f.Get(key)
	return v, found && (v.node.Kind != yaml.ScalarNode || v.node.ShortTag() != "!!null")
}

// Text reads the text of a key that may be missing or null.
func (f *Fields) Text(key string) string {
	v, found := f.Some(key)
	if !found {
		return ""
	}
	text, _ := v.Text()
	return text
}

// Number reads the number of a key that may be missing or null.
func (f *Fields) Number(key string) (Number, bool) {
	v, found := f.Some(key)
	if !found {
		return Number{}, false
	}
	return v.Number()
}

// Int reads the whole number of a key that may be missing or null; ok says that it
// is there and fine.
func (f *Fields) Int(key string, least, most int64) (n int64, ok bool) {
	v, found := f.Some(key)
	if !found {
		return 0, false
	}
	return v.Int(least, most)
}

// Bool reads the truth value of a key that may be missing or null.
func (f *Fields) Bool(key string) bool {
	v, found := f.Some(key)
	if !found {
		return false
	}
	b, _ := v.Bool()
	return b
}

// Close reports the keys that nobody asked for.
func (f *Fields) Close() {
	for _, e := range f.all {
		if slices.Contains(f.known, e.key) {
			continue
		}
		if near := expr.Nearest(e.key, f.known); near != "" {
			f.of.faultAt(e.node, e.value.Place, "there is no key %q here; did you mean %s?", e.key, near)
			continue
		}
		known := slices.Clone(f.known)
		slices.Sort(known)
		f.of.faultAt(e.node, e.value.Place, "there is no key %q here; there are %s", e.key, strings.Join(slices.Compact(known), ", "))
	}
}
