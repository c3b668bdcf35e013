package space

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/bine-ml/bine/internal/sweep/field"
)

// Parse reads a search space alone, in any of the forms that Read knows.
func Parse(text []byte) (*Space, error) {
	v, doc, err := field.Parse(text, "a search space")
	if err != nil {
		return nil, err
	}
	s := Read(v)
	return s, s.Finish(doc)
}

// Finish prepares a space that was read, if there are no faults yet, and gives
// all faults of the document.
func (s *Space) Finish(doc *field.Document) error {
	if err := doc.Err(); err != nil {
		return err
	}
	err := s.Prepare()
	if placed := doc.Err(); placed != nil {
		return placed
	}
	return err
}

// Read reads the parameters of a search space: a mapping from names to what
// each can be. That is written as in sweeps of W&B (values, min, max,
// distribution, nested parameters …), as Maggy does (["DOUBLE", [0.1, 1]]), or as
// Optuna does ({"type": "float", "low": 0.1, "high": 1, "log": true}). When
// is a condition of theirs. Faults are noted in the document.
func Read(v field.Value) *Space {
	s := &Space{places: map[string]field.Value{}}
	s.readGroup(v, nil, "")
	return s
}

// Conditions reads constraint: one expression or a list of them.
func (s *Space) Conditions(v field.Value) {
	texts := []field.Value{v}
	if v.IsList() {
		texts = v.Items("a list of conditions")
	}
	for _, t := range texts {
		if text, ok := t.Text(); ok {
			s.Constraints, s.places[text] = append(s.Constraints, text), t
		}
	}
}

func (s *Space) readGroup(v field.Value, path []string, when string) {
	f := v.Fields("a mapping from parameters to what they can be")
	for _, name := range f.Keys() {
		p, _ := f.Get(name)
		inner := append(slices.Clone(path), name)
		if p.IsList() {
			s.readMaggy(p, inner)
			continue
		}
		s.readParam(p, inner, when)
	}
}

// add keeps a parameter, unless it can't be.
func (s *Space) add(v field.Value, p Param) {
	if err := p.check(); err != nil {
		v.Fault("%v", err)
		return
	}
	s.Params = append(s.Params, p)
}

func (s *Space) readParam(v field.Value, path []string, outer string) {
	f := v.Fields("what a parameter can be")
	if !v.IsMapping() {
		return
	}
	when := both(outer, f.Text("when"))
	if place, found := f.Get("when"); found {
		s.places[strings.Join(path, ".")] = place
	}
	if inner, nested := f.Get("parameters"); nested {
		s.readGroup(inner, path, when)
		f.Close()
		return
	}
	if _, optuna := f.Get("type"); optuna {
		s.readOptuna(v, path, when)
		return
	}
	r := reading{v: v, f: f, p: Param{Path: path, When: when}}
	r.read()
	f.Close()
	if r.fine {
		s.add(v, r.p)
	}
}

// both joins the condition of a group with that of what is in it.
func both(outer, inner string) string {
	if outer == "" || inner == "" {
		return outer + inner
	}
	return "(" + bare(outer) + ") && (" + bare(inner) + ")"
}

// bare is a condition without ${{ }} around it.
func bare(condition string) string {
	condition = strings.TrimSpace(condition)
	if inner, wrapped := strings.CutPrefix(condition, "${{"); wrapped {
		return strings.TrimSpace(strings.TrimSuffix(inner, "}}"))
	}
	return condition
}

// reading is a parameter as W&B writes it.
type reading struct {
	v    field.Value
	f    *field.Fields
	p    Param
	fine bool
}

func (r *reading) read() {
	dist, given := r.f.Get("distribution")
	values, hasValues := r.f.Get("values")
	value, hasValue := r.f.Get("value")
	shares, hasShares := r.f.Get("probabilities")
	low, hasLow := r.f.Number("min")
	high, hasHigh := r.f.Number("max")
	r.numbers()
	switch {
	case given:
		var ok bool
		if r.p.Dist, ok = field.OneOf(dist, Dists()); !ok {
			return
		}
	case hasValues && hasShares:
		r.p.Dist = Weighted
	case hasValues:
		r.p.Dist = Categorical
	case hasValue:
		r.p.Dist = Constant
	case hasLow && hasHigh && low.Whole && high.Whole:
		r.p.Dist = IntUniform
	case hasLow && hasHigh:
		r.p.Dist = Uniform
	default:
		r.v.Fault("a parameter needs value, values, min and max, or a distribution")
		return
	}
	if r.p.Dist == Categorical && hasShares {
		r.p.Dist = Weighted
	}
	r.fine = true
	r.choices(values, hasValues, value, hasValue)
	if hasShares {
		r.shares(shares)
	}
	r.bounds(low, hasLow, high, hasHigh)
}

// numbers reads what only some distributions have.
func (r *reading) numbers() {
	q, hasQ := r.f.Number("q")
	if !hasQ {
		q = field.Number{Value: 1, Whole: true}
	}
	r.p.Q, r.p.Whole = q.Value, q.Whole
	r.p.Mu, r.p.Sigma, r.p.A, r.p.B = 0, 1, 1, 1
	for key, into := range map[string]*float64{"mu": &r.p.Mu, "sigma": &r.p.Sigma, "a": &r.p.A, "b": &r.p.B} {
		if n, found := r.f.Number(key); found {
			*into = n.Value
		}
	}
}

func (r *reading) choices(values field.Value, hasValues bool, value field.Value, hasValue bool) {
	switch {
	case r.p.Dist == Constant && hasValue:
		raw, ok := value.JSON()
		r.p.Values, r.fine = []json.RawMessage{raw}, ok
	case r.p.Dist == Constant:
		r.v.Fault("a constant needs its value")
		r.fine = false
	case !r.p.listed():
		if hasValues || hasValue {
			r.v.Fault("%s has min and max, not values", r.p.Dist)
			r.fine = false
		}
	case !hasValues:
		r.v.Fault("%s needs values", r.p.Dist)
		r.fine = false
	default:
		for _, item := range values.Items("a list of values") {
			raw, ok := item.JSON()
			r.p.Values, r.fine = append(r.p.Values, raw), r.fine && ok
		}
	}
}

func (r *reading) shares(v field.Value) {
	for _, item := range v.Items("a list of probabilities") {
		n, ok := item.Number()
		r.p.Probabilities, r.fine = append(r.p.Probabilities, n.Value), r.fine && ok
	}
	if r.p.Dist != Weighted {
		v.Fault("probabilities belong to values")
		r.fine = false
	}
}

// bounds finishes a parameter by min and max, and by whether its values are whole.
func (r *reading) bounds(low field.Number, hasLow bool, high field.Number, hasHigh bool) {
	p := &r.p
	p.Min, p.Max = low.Value, high.Value
	switch p.Dist.base() {
	case Normal, LogNormal, Beta, Constant, Categorical, Weighted:
		if hasLow || hasHigh {
			r.v.Fault("%s has no min and max", p.Dist)
			r.fine = false
		}
		p.Min, p.Max = 0, 0
	default:
		if !hasLow || !hasHigh {
			r.v.Fault("%s needs min and max", p.Dist)
			r.fine = false
		}
	}
	if p.Dist == IntUniform && (!low.Whole && low.Value != math.Trunc(low.Value) || !high.Whole && high.Value != math.Trunc(high.Value)) {
		r.v.Fault("min and max of int_uniform must be whole numbers")
		r.fine = false
	}
	r.keep()
}

// keep forgets the numbers that the distribution does not have.
func (r *reading) keep() {
	p := &r.p
	if p.Dist.base() == p.Dist {
		p.Q, p.Whole = 0, p.Dist == IntUniform
	}
	if base := p.Dist.base(); base != Normal && base != LogNormal {
		p.Mu, p.Sigma = 0, 0
	}
	if p.Dist.base() != Beta {
		p.A, p.B = 0, 0
	}
}

// readMaggy reads ["DOUBLE", [0.1, 1]] and its like.
func (s *Space) readMaggy(v field.Value, path []string) {
	pair := v.Items("a kind and its values")
	if len(pair) != 2 {
		v.Fault(`a kind and its values are expected, such as ["DOUBLE", [0.1, 1]]`)
		return
	}
	kind, ok := field.OneOf(pair[0], []string{"DOUBLE", "INTEGER", "DISCRETE", "CATEGORICAL"})
	items := pair[1].Items("a list of values")
	if !ok || items == nil {
		return
	}
	p := Param{Path: path}
	switch kind {
	case "DOUBLE", "INTEGER":
		if len(items) != 2 {
			pair[1].Fault("two bounds are expected, the lower and the upper")
			return
		}
		low, ok := items[0].Number()
		high, ok2 := items[1].Number()
		if !ok || !ok2 {
			return
		}
		p.Dist, p.Min, p.Max = Uniform, low.Value, high.Value
		if kind == "INTEGER" {
			if p.Dist, p.Whole = IntUniform, true; !low.Whole || !high.Whole {
				pair[1].Fault("bounds of INTEGER must be whole numbers")
				return
			}
		}
	default:
		p.Dist = Categorical
		for _, item := range items {
			if raw, ok := item.JSON(); ok {
				p.Values = append(p.Values, raw)
			}
		}
	}
	s.add(v, p)
}

// readOptuna reads {"type": "float", "low": 0.1, "high": 1} and its like.
func (s *Space) readOptuna(v field.Value, path []string, when string) {
	f := v.Fields("what a parameter can be")
	f.Get("when")
	kindValue, _ := f.Get("type")
	kind, ok := field.OneOf(kindValue, []string{"float", "int", "categorical"})
	p := Param{Path: path, When: when}
	if !ok {
		return
	}
	if kind == "categorical" {
		p.Dist = Categorical
		if choices, found := f.Get("choices"); found {
			for _, item := range choices.Items("a list of choices") {
				if raw, ok := item.JSON(); ok {
					p.Values = append(p.Values, raw)
				}
			}
		}
		f.Close()
		s.add(v, p)
		return
	}
	low, hasLow := f.Number("low")
	high, hasHigh := f.Number("high")
	step, hasStep := f.Number("step")
	log := f.Bool("log")
	f.Close()
	if !hasLow || !hasHigh {
		v.Fault("%s needs low and high", kind)
		return
	}
	p.Min, p.Max, p.Whole = low.Value, high.Value, kind == "int"
	switch {
	case p.Whole && (!low.Whole || !high.Whole || (hasStep && !step.Whole)):
		v.Fault("low, high and step of int must be whole numbers")
		return
	case log && hasStep && step.Value != 1:
		v.Fault("a parameter has either log or step")
		return
	case log && p.Whole:
		p.Dist = IntLogUniform
	case log:
		p.Dist = LogUniformValues
	case hasStep && step.Value != 1 || hasStep && !p.Whole:
		p.Dist, p.Q = Stepped, step.Value
	case p.Whole:
		p.Dist = IntUniform
	default:
		p.Dist = Uniform
	}
	s.add(v, p)
}
