package dags

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/gpu"
)

// text reads a text; a number or a boolean has to be quoted to be one.
func (v value) text() string {
	if v.isText() {
		return v.node.Value
	}
	if v.isScalar() && !v.isNull() {
		v.fault("a text is expected, not %s: put it into quotes", v.describe())
	} else {
		v.expected("a text")
	}
	return ""
}

// word reads a text, a number or a boolean as the text that was written.
func (v value) word() string {
	if v.isScalar() && !v.isNull() {
		return v.node.Value
	}
	v.expected("a text")
	return ""
}

// texts reads a list of texts, numbers or booleans.
func (v value) texts() []string {
	out := []string{}
	for _, item := range v.items("a list of texts") {
		out = append(out, item.word())
	}
	return out
}

// words reads a mapping to texts, numbers or booleans.
func (v value) words(what string) map[string]string {
	out := map[string]string{}
	for _, e := range v.entries(what) {
		out[e.key] = e.value.word()
	}
	return out
}

// choice reads one of several texts.
func (v value) choice(choices []string) string {
	s := v.text()
	if s != "" && !slices.Contains(choices, s) {
		v.fault("%q is not one of %s%s", shorten(s), strings.Join(choices, ", "), didYouMean(s, choices))
	}
	return s
}

func (v value) integer() int {
	n, err := strconv.Atoi(strings.ReplaceAll(v.node.Value, "_", ""))
	if !v.isScalar() || v.node.ShortTag() != "!!int" || err != nil {
		v.expected("a whole number")
		return 0
	}
	return n
}

// positive reads a whole number of at least 1.
func (v value) positive() int {
	n := v.integer()
	if n < 1 && v.isScalar() && v.node.ShortTag() == "!!int" {
		v.fault("a whole number from 1 is expected, not %s", v.node.Value)
	}
	return n
}

func (v value) number() float64 {
	var f float64
	tag := v.node.ShortTag()
	if !v.isScalar() || tag != "!!int" && tag != "!!float" || v.node.Decode(&f) != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		v.expected("a number")
		return 0
	}
	return f
}

// above reads a number of more than 0.
func (v value) above() float64 {
	before := len(v.r.faults)
	f := v.number()
	if f <= 0 && len(v.r.faults) == before {
		v.fault("more than 0 is expected, not %s", v.node.Value)
	}
	return f
}

// duration reads a duration as seconds: a number of them, or a text like 1h30m.
func (v value) duration() float64 {
	if v.isScalar() && (v.node.ShortTag() == "!!int" || v.node.ShortTag() == "!!float") {
		if f := v.number(); f >= 0 {
			return f
		}
	}
	if v.isText() {
		if d, err := ParseDuration(v.node.Value); err == nil {
			return d.Seconds()
		}
	}
	v.expected("a duration, for example 90s, 30m, 1h30m or 2d")
	return 0
}

// durationText reads a duration, or an expression for one, as a text.
func (v value) durationText() string {
	if v.isText() && expr.Has(v.node.Value) {
		return v.node.Value
	}
	return secondsText(v.duration())
}

// secondsText is the one text of a duration.
func secondsText(seconds float64) string { return strconv.FormatFloat(seconds, 'f', -1, 64) + "s" }

func (v value) memory() int64 {
	if v.isScalar() && !v.isNull() {
		if n, err := ParseMemory(v.node.Value); err == nil && n > 0 {
			return n
		}
	}
	v.expected("an amount of memory with its unit, for example 512MiB or 2GiB,")
	return 0
}

// gpus reads a number of GPUs, or how they are asked for.
func (v value) gpus(r bine.Resources) bine.Resources {
	if !v.isText() {
		r.GPUs = v.number()
		return r
	}
	request, err := gpu.ParseRequest(v.node.Value)
	if err != nil {
		v.fault("%s", err)
		return r
	}
	return request.On(r)
}

func (v value) ref() Ref {
	var r Ref
	if s := v.text(); s != "" {
		if err := r.UnmarshalText([]byte(s)); err != nil {
			v.fault("%s", err)
		}
	}
	return r
}

// mappingOrExpression reads a mapping of JSON values, or an expression for one.
func (v value) mappingOrExpression() json.RawMessage {
	if v.isMapping() || v.isText() && expr.Only(v.node.Value) {
		return v.tree()
	}
	v.expected("a mapping, or an expression ${{ … }} for one,")
	return nil
}

// listOrExpression reads a list of JSON values, or an expression for one.
func (v value) listOrExpression() json.RawMessage {
	if v.isList() || v.isText() && expr.Only(v.node.Value) {
		return v.tree()
	}
	v.expected("a list, or an expression ${{ … }} for one,")
	return nil
}

func (v value) intOrExpression() json.RawMessage {
	if v.isScalar() && v.node.ShortTag() == "!!int" || v.isText() && expr.Only(v.node.Value) {
		return v.tree()
	}
	v.expected("a number, or an expression ${{ … }} for one,")
	return nil
}

// trees reads a mapping of JSON values.
func (v value) trees() map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for _, e := range v.entries("a mapping of names to values") {
		out[e.key] = e.value.tree()
	}
	return out
}

// tree reads any value as canonical JSON.
func (v value) tree() json.RawMessage {
	before := len(v.r.faults)
	b, err := canonical(v.any())
	if err != nil && len(v.r.faults) == before {
		v.fault("%s", err)
	}
	return b
}

func (v value) any() any {
	switch {
	case v.isMapping():
		out := map[string]any{}
		for _, e := range v.entries("a mapping") {
			out[e.key] = e.value.any()
		}
		return out
	case v.isList():
		out := []any{}
		for _, item := range v.items("a list") {
			out = append(out, item.any())
		}
		return out
	}
	return v.scalar()
}

func (v value) scalar() any {
	var err error
	switch v.node.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		var b bool
		err = v.node.Decode(&b)
		if err == nil {
			return b
		}
	case "!!int":
		var n int64
		if err = v.node.Decode(&n); err == nil {
			return n
		}
		err = errors.New("the number is too large")
	case "!!float":
		var f float64
		if err = v.node.Decode(&f); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return f
		}
		err = errors.New("the number is not finite")
	case "!!str", "!!timestamp":
		return v.node.Value
	default:
		v.fault("the tag %s is not known", v.node.ShortTag())
		return nil
	}
	v.fault("%s is not readable: %v", v.describe(), err)
	return nil
}
