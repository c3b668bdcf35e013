package dags

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// CheckValue checks that a JSON value is of a type and gives its canonical
// form: a float always has a point or an exponent, so that it stays one in
// expressions and in Python, and keys are in order.
func CheckValue(t Type, raw json.RawMessage) (json.RawMessage, error) {
	out, err := canonical(raw)
	if err != nil {
		return nil, err
	}
	wrong := func(what string) error {
		return bine.Errorf(bine.Invalid, "%s is expected, not %s", what, shorten(string(out)))
	}
	switch t {
	case String:
		if out[0] != '"' {
			return nil, wrong("a text")
		}
	case Bool:
		if !slices.Contains([]string{"true", "false"}, string(out)) {
			return nil, wrong("true or false")
		}
	case Int:
		return asInt(out, wrong)
	case Float:
		f, err := strconv.ParseFloat(string(out), 64)
		if err != nil {
			return nil, wrong("a number")
		}
		text, err := expr.FormatFloat(f)
		return json.RawMessage(text), err
	case List:
		if out[0] != '[' {
			return nil, wrong("a list")
		}
	case Map:
		if out[0] != '{' {
			return nil, wrong("a mapping")
		}
	case JSON:
	default:
		return nil, bine.Errorf(bine.Invalid, "%s is no type of a value", t)
	}
	return out, nil
}

func asInt(out json.RawMessage, wrong func(string) error) (json.RawMessage, error) {
	if bytes.ContainsAny(out, ".eE") {
		f, err := strconv.ParseFloat(string(out), 64)
		if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return nil, wrong("a whole number")
		}
		return json.RawMessage(strconv.FormatInt(int64(f), 10)), nil
	}
	if _, err := strconv.ParseInt(string(out), 10, 64); err != nil {
		return nil, wrong("a whole number")
	}
	return out, nil
}

// check checks a value against type, bounds and choices.
func (p Param) check(raw json.RawMessage) (json.RawMessage, error) {
	v, err := CheckValue(p.Type, raw)
	if err != nil {
		return nil, err
	}
	if p.Type == Int || p.Type == Float {
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			return nil, bine.Errorf(bine.Invalid, "%s is not a number: %w", v, err)
		}
		if p.Min != nil && f < *p.Min || p.Max != nil && f > *p.Max {
			return nil, bine.Errorf(bine.Invalid, "%s is expected, not %s", p.bounds(), v)
		}
	}
	if len(p.Choices) > 0 && !slices.ContainsFunc(p.Choices, func(c json.RawMessage) bool { return bytes.Equal(c, v) }) {
		choices := make([]string, len(p.Choices))
		for i, c := range p.Choices {
			choices[i] = string(c)
		}
		return nil, bine.Errorf(bine.Invalid, "one of %s is expected, not %s", strings.Join(choices, ", "), shorten(string(v)))
	}
	return v, nil
}

func (p Param) bounds() string {
	number := func(f *float64) string { return strconv.FormatFloat(*f, 'g', -1, 64) }
	switch {
	case p.Min == nil:
		return "at most " + number(p.Max)
	case p.Max == nil:
		return "at least " + number(p.Min)
	}
	return "a number from " + number(p.Min) + " to " + number(p.Max)
}

// ResolveParams gives an object with every param of the pipeline: the value
// given, or else its default. The error names every param that is unknown, missing
// or wrong.
func (d DAG) ResolveParams(given map[string]json.RawMessage) (json.RawMessage, error) {
	var faults []bine.Detail
	fault := func(name, message string) {
		faults = append(faults, bine.Detail{Location: place("params", name), Message: message})
	}
	for _, name := range sortedKeys(given) {
		if _, ok := d.Param(name); !ok {
			fault(name, d.noParam(name))
		}
	}
	out := map[string]json.RawMessage{}
	for _, p := range d.Params {
		raw, ok := given[p.Name]
		if !ok && p.Required() {
			fault(p.Name, "param "+p.Name+" has no default: give it a value of type "+string(p.Type))
			continue
		}
		if !ok {
			raw = p.Default
		}
		v, err := p.check(raw)
		if err != nil {
			fault(p.Name, "param "+p.Name+": "+err.Error())
			continue
		}
		out[p.Name] = v
	}
	if len(faults) > 0 {
		return nil, paramsError(faults)
	}
	return canonical(out)
}

// ParamsFromStrings reads params as they are written on a command line: a text
// stands for itself, a number or boolean for its value, a list or map is JSON.
// The values are not checked further; ResolveParams does that.
func (d DAG) ParamsFromStrings(given map[string]string) (map[string]json.RawMessage, error) {
	out := map[string]json.RawMessage{}
	var faults []bine.Detail
	for _, name := range sortedKeys(given) {
		p, ok := d.Param(name)
		message := ""
		switch text := given[name]; {
		case !ok:
			message = d.noParam(name)
		case p.Type == String:
			b, err := encode(text)
			if err != nil {
				return nil, bine.Errorf(bine.Internal, "encode param %s: %w", name, err)
			}
			out[name] = b
		case json.Valid([]byte(text)):
			out[name] = json.RawMessage(text)
		default:
			message = "param " + name + " is of type " + string(p.Type) + ", which " + strconv.Quote(shorten(text)) + " is not"
			if p.Type == List || p.Type == Map {
				message += ": write it as JSON"
			}
		}
		if message != "" {
			faults = append(faults, bine.Detail{Location: place("params", name), Message: message})
		}
	}
	if len(faults) > 0 {
		return nil, paramsError(faults)
	}
	return out, nil
}

func (d DAG) noParam(name string) string {
	names := make([]string, len(d.Params))
	for i, p := range d.Params {
		names[i] = p.Name
	}
	if len(names) == 0 {
		return "pipeline " + string(d.Name) + " has no params, so none called " + strconv.Quote(shorten(name))
	}
	return "pipeline " + string(d.Name) + " has no param " + strconv.Quote(shorten(name)) + orAmong(name, names)
}

func paramsError(faults []bine.Detail) error {
	messages := make([]string, len(faults))
	for i, f := range faults {
		messages[i] = f.Message
	}
	return &bine.Error{Kind: bine.Invalid, Message: strings.Join(messages, "; "), Details: faults}
}
