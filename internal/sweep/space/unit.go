package space

import (
	"bytes"
	"encoding/json"
	"math"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep/field"
)

// Unit gives the coordinate of a value, and the value as the space writes it.
// The error says why the parameter can't have it. A value between two steps is allowed:
// somebody who adds a configuration by hand may want to know of it.
func (p *Param) Unit(value json.RawMessage) (float64, json.RawMessage, error) {
	if p.listed() {
		return p.unitOfChoice(value)
	}
	var x float64
	if err := json.Unmarshal(value, &x); err != nil {
		return 0, nil, bine.Errorf(bine.Invalid, "%s must be a number, not %s", p.Name(), value)
	}
	if p.Whole && x != math.Trunc(x) {
		return 0, nil, bine.Errorf(bine.Invalid, "%s must be a whole number, not %s", p.Name(), value)
	}
	low, high, bounded := p.bounds()
	const slack = 1e-9
	if bounded && (x < low-slack*math.Abs(low) || x > high+slack*math.Abs(high)) {
		return 0, nil, bine.Errorf(bine.Invalid, "%s must be from %g to %g, not %g", p.Name(), low, high, x)
	}
	if p.Dist.base() == LogNormal && x <= 0 {
		return 0, nil, bine.Errorf(bine.Invalid, "%s must be above 0, not %g", p.Name(), x)
	}
	return p.cumulative(x), field.FormatNumber(field.Number{Value: x, Whole: p.Whole}), nil
}

func (p *Param) unitOfChoice(value json.RawMessage) (float64, json.RawMessage, error) {
	for i, v := range p.Values {
		if sameJSON(v, value) {
			return p.middleOfChoice(i), v, nil
		}
	}
	return 0, nil, bine.Errorf(bine.Invalid, "%s can't be %s", p.Name(), value)
}

// sameJSON compares values whatever their spaces and the order of their keys.
func sameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	left, err := json.Marshal(x)
	right, err2 := json.Marshal(y)
	return err == nil && err2 == nil && bytes.Equal(left, right)
}

// Parts says how many values a parameter has: 0 where they are not countable.
func (p *Param) Parts() int {
	switch {
	case p.listed():
		return len(p.Values)
	case p.Dist == IntUniform || p.Dist == IntLogUniform:
		return int(min(p.Max-p.Min+1, math.MaxInt32))
	case p.Dist == Stepped:
		return int(min(p.steps(), math.MaxInt32))
	case p.Q > 0:
		low, high, bounded := p.bounds()
		if !bounded {
			return 0
		}
		return int(min(math.Floor(high/p.Q+1e-9)-math.Ceil(low/p.Q-1e-9)+1, math.MaxInt32))
	}
	return 0
}

// Categories is Parts of parameters whose values have no order, else 0.
func (p *Param) Categories() int {
	if p.listed() {
		return len(p.Values)
	}
	return 0
}

// Category gives the place of the value of a coordinate among the values.
func (p *Param) Category(u float64) int { return p.choice(min(max(u, 0), 1)) }

// Middle gives the coordinate in the middle of the i'th of Parts values.
func (p *Param) Middle(i int) float64 {
	switch {
	case p.listed():
		return p.middleOfChoice(i)
	case p.Dist == IntUniform || p.Dist == Stepped:
		return (float64(i) + 0.5) / float64(p.Parts())
	case p.Dist == IntLogUniform:
		return p.cumulative(p.Min + float64(i))
	}
	low, _, _ := p.bounds()
	return p.cumulative((math.Ceil(low/p.Q-1e-9) + float64(i)) * p.Q)
}

func (p *Param) middleOfChoice(i int) float64 {
	if p.Dist != Weighted {
		return (float64(i) + 0.5) / float64(len(p.Values))
	}
	at := 0.0
	for _, share := range p.Probabilities[:i] {
		at += share
	}
	return at + p.Probabilities[i]/2
}
