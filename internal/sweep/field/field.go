// Package field reads the settings of sweeps strictly, from YAML or JSON: what
// is not asked for is a fault, each fault has its line and column, and one that
// looks like a slip suggests what was meant.
package field

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// The limits of a text: its bytes, its values with every alias followed, and
// its levels.
const (
	maxText   = 1 << 20
	maxValues = 100_000
	maxDepth  = 64
	maxFaults = 100
)

// Document is a text that is read.
type Document struct {
	what   string
	faults []bine.Detail
	values int
	full   bool
}

// Value is a part of a document and its place, such as parameters.lr.
type Value struct {
	doc   *Document
	node  *yaml.Node
	Place string
	depth int
}

// Parse reads a text; what names it in errors ("a sweep").
func Parse(text []byte, what string) (Value, *Document, error) {
	if len(text) > maxText {
		return Value{}, nil, bine.Errorf(bine.TooLarge, "%s has %d bytes; at most %d are allowed", what, len(text), maxText)
	}
	var root yaml.Node
	if err := yaml.Load(text, &root); err != nil {
		return Value{}, nil, bine.Errorf(bine.Invalid, "%s is not YAML: %w", what, err)
	}
	if len(root.Content) == 0 {
		return Value{}, nil, bine.Errorf(bine.Invalid, "%s is expected, but the text is empty", what)
	}
	d := &Document{what: what}
	return d.at(root.Content[0], "", 0), d, nil
}

// tags are those of values that are read. One of a program's own objects, such as !!python/object, is none of
// them.
var tags = []string{"!!null", "!!bool", "!!int", "!!float", "!!str", "!!timestamp", "!!seq", "!!map"}

// at makes the value of a node, following an alias.
func (d *Document) at(node *yaml.Node, place string, depth int) Value {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	v := Value{doc: d, node: node, Place: place, depth: depth}
	if tag := node.ShortTag(); !slices.Contains(tags, tag) {
		v.Fault("a value tagged %s can't be read: only what JSON can hold can", tag)
	}
	if d.values++; !d.full && (d.values > maxValues || depth > maxDepth) {
		v.Fault("there are more than %d values or %d levels, with every alias followed", maxValues, maxDepth)
		d.full = true
	}
	if d.full {
		v.node = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: node.Line, Column: node.Column}
	}
	return v
}

// Err gives all faults as one error of kind Invalid, in the order of the text.
func (d *Document) Err() error {
	if len(d.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(d.faults, func(a, b bine.Detail) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	f := d.faults[0]
	message := f.Message
	if f.Location != "" {
		message = f.Location + ": " + message
	}
	message = fmt.Sprintf("line %d, column %d: %s", f.Line, f.Column, message)
	if n := len(d.faults); n > 1 {
		message = fmt.Sprintf("%s has %d faults; the first, %s", d.what, n, message)
	}
	return &bine.Error{Kind: bine.Invalid, Message: message, Details: d.faults}
}

// Fault notes that something is wrong with v.
func (v Value) Fault(format string, args ...any) { v.faultAt(v.node, v.Place, format, args...) }

func (v Value) faultAt(node *yaml.Node, place, format string, args ...any) {
	if len(v.doc.faults) < maxFaults && !v.doc.full {
		v.doc.faults = append(v.doc.faults, bine.Detail{Message: fmt.Sprintf(format, args...), Location: place, Line: node.Line, Column: node.Column})
	}
}

func (v Value) expected(what string) { v.Fault("%s is expected, not %s", what, v.describe()) }

func (v Value) describe() string {
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
	case "!!str":
		return "the text " + strconv.Quote(v.node.Value)
	}
	return "a value tagged " + v.node.ShortTag()
}

// Line gives the line and the column of v.
func (v Value) Line() (line, column int) { return v.node.Line, v.node.Column }

// IsMapping says whether v is a mapping, IsList whether it is a list.
func (v Value) IsMapping() bool { return v.node.Kind == yaml.MappingNode }

// IsList says whether v is a list.
func (v Value) IsList() bool { return v.node.Kind == yaml.SequenceNode }

// Number is a number and whether it was written as a whole one.
type Number struct {
	Value float64
	Whole bool
}

// Number reads a finite number.
func (v Value) Number() (Number, bool) {
	if v.node.Kind == yaml.ScalarNode {
		switch v.node.ShortTag() {
		case "!!int":
			if n, err := strconv.ParseInt(strings.ReplaceAll(v.node.Value, "_", ""), 0, 64); err == nil {
				return Number{float64(n), true}, true
			}
		case "!!float":
			f, err := strconv.ParseFloat(strings.ReplaceAll(v.node.Value, "_", ""), 64)
			if err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
				return Number{Value: f}, true
			}
		}
	}
	v.expected("a number")
	return Number{}, false
}

// Int reads a whole number between two.
func (v Value) Int(least, most int64) (int64, bool) {
	if v.node.Kind == yaml.ScalarNode && v.node.ShortTag() == "!!int" {
		n, err := strconv.ParseInt(v.node.Value, 0, 64)
		if err == nil && n >= least && n <= most {
			return n, true
		}
		v.Fault("a whole number from %d to %d is expected, not %s", least, most, v.node.Value)
		return 0, false
	}
	v.expected("a whole number")
	return 0, false
}

// Text reads a text.
func (v Value) Text() (string, bool) {
	if v.node.Kind == yaml.ScalarNode && v.node.ShortTag() == "!!str" {
		return v.node.Value, true
	}
	v.expected("a text")
	return "", false
}

// Bool reads true or false.
func (v Value) Bool() (value, ok bool) {
	if v.node.Kind == yaml.ScalarNode && v.node.ShortTag() == "!!bool" {
		return strings.EqualFold(v.node.Value, "true"), true
	}
	v.expected("true or false")
	return false, false
}

// OneOf reads one of some words.
func OneOf[T ~string](v Value, words []T) (T, bool) {
	text, ok := v.Text()
	if !ok {
		return "", false
	}
	if slices.Contains(words, T(text)) {
		return T(text), true
	}
	if near := expr.Nearest(text, words); near != "" {
		v.Fault("there is no %q; did you mean %s?", text, near)
	} else {
		v.Fault("there is no %q; there are %s", text, join(words))
	}
	return "", false
}

func join[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}

// Items gives the values of a list.
func (v Value) Items(what string) []Value {
	if !v.IsList() {
		v.expected(what)
		return nil
	}
	out := make([]Value, len(v.node.Content))
	for i, n := range v.node.Content {
		out[i] = v.doc.at(n, v.Place+"["+strconv.Itoa(i)+"]", v.depth+1)
	}
	return out
}

// JSON reads any value that JSON can hold. Whole numbers stay whole, and others
// stay decimals: 1.0 is not 1.
func (v Value) JSON() (json.RawMessage, bool) {
	switch v.node.Kind {
	case yaml.SequenceNode:
		return v.jsonList()
	case yaml.MappingNode:
		return v.jsonObject()
	}
	switch v.node.ShortTag() {
	case "!!null":
		return json.RawMessage("null"), true
	case "!!bool":
		b, _ := v.Bool()
		return json.RawMessage(strconv.FormatBool(b)), true
	case "!!int", "!!float":
		n, ok := v.Number()
		return FormatNumber(n), ok
	case "!!str", "!!timestamp":
		text, err := json.Marshal(v.node.Value)
		return text, err == nil
	}
	v.expected("a value that JSON can hold")
	return nil, false
}

func (v Value) jsonList() (json.RawMessage, bool) {
	out, ok := []json.RawMessage{}, true
	for _, item := range v.Items("a list") {
		raw, fine := item.JSON()
		out, ok = append(out, raw), ok && fine
	}
	if !ok {
		return nil, false
	}
	text, err := json.Marshal(out)
	return text, err == nil
}

func (v Value) jsonObject() (json.RawMessage, bool) {
	out, ok := map[string]json.RawMessage{}, true
	for _, f := range v.Fields("a mapping").all {
		raw, fine := f.value.JSON()
		out[f.key], ok = raw, ok && fine
	}
	if !ok {
		return nil, false
	}
	text, err := json.Marshal(out)
	return text, err == nil
}

// FormatNumber writes a number as JSON; one that is not whole keeps a decimal
// point or an exponent.
func FormatNumber(n Number) json.RawMessage {
	if n.Whole {
		return strconv.AppendInt(nil, int64(n.Value), 10)
	}
	text := strconv.AppendFloat(make([]byte, 0, 24), n.Value, 'g', -1, 64)
	for _, c := range text {
		if c == '.' || c == 'e' {
			return text
		}
	}
	return append(text, ".0"...)
}
