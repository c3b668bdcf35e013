package space

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/mathext"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/internal/sweep/field"
)

// Dist names a distribution, as sweeps of W&B name them.
type Dist string

// The distributions. Those that begin with q_ are rounded to multiples of Q.
// Bounds of LogUniform and InvLogUniform are exponents of e, those of the ones
// that end in _values are values.
const (
	Constant         Dist = "constant"
	Categorical      Dist = "categorical"
	Weighted         Dist = "categorical_w_probabilities"
	IntUniform       Dist = "int_uniform"
	Uniform          Dist = "uniform"
	QUniform         Dist = "q_uniform"
	LogUniform       Dist = "log_uniform"
	LogUniformValues Dist = "log_uniform_values"
	QLogUniform      Dist = "q_log_uniform"
	QLogValues       Dist = "q_log_uniform_values"
	InvLogUniform    Dist = "inv_log_uniform"
	InvLogValues     Dist = "inv_log_uniform_values"
	Normal           Dist = "normal"
	LogNormal        Dist = "log_normal"
	QNormal          Dist = "q_normal"
	QLogNormal       Dist = "q_log_normal"
	Beta             Dist = "beta"
	QBeta            Dist = "q_beta"

	// Stepped is Min, Min + Q, … as far as Max, all alike; IntLogUniform is whole
	// numbers, uniform in their logarithm. They are what other programs than W&B have.
	Stepped       Dist = "stepped"
	IntLogUniform Dist = "int_log_uniform"
)

// Dists lists the distributions of W&B.
func Dists() []Dist {
	return []Dist{Constant, Categorical, Weighted, IntUniform, Uniform, QUniform, LogUniform, LogUniformValues, QLogUniform, QLogValues,
		InvLogUniform, InvLogValues, Normal, LogNormal, QNormal, QLogNormal, Beta, QBeta}
}

// base is a distribution without the rounding.
func (d Dist) base() Dist {
	switch d {
	case QUniform:
		return Uniform
	case QLogUniform:
		return LogUniform
	case QLogValues:
		return LogUniformValues
	case QNormal:
		return Normal
	case QLogNormal:
		return LogNormal
	case QBeta:
		return Beta
	}
	return d
}

// listed says whether a parameter has a list of values.
func (p *Param) listed() bool {
	return p.Dist == Constant || p.Dist == Categorical || p.Dist == Weighted
}

func (p *Param) check() error {
	bad := func(format string, args ...any) error {
		return bine.Errorf(bine.Invalid, p.Name()+": "+format, args...)
	}
	if len(p.Path) == 0 || slices.Contains(p.Path, "") {
		return bad("a parameter needs a name")
	}
	for _, x := range []float64{p.Min, p.Max, p.Q, p.Mu, p.Sigma, p.A, p.B} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return bad("its numbers must be finite")
		}
	}
	switch {
	case p.listed():
		return p.checkValues(bad)
	case p.Q < 0 || (p.Q == 0 && (p.Dist.base() != p.Dist || p.Dist == Stepped)):
		return bad("q must be above 0")
	}
	switch p.Dist.base() {
	case Normal, LogNormal:
		if p.Sigma <= 0 {
			return bad("sigma must be above 0")
		}
		return nil
	case Beta:
		if p.A <= 0 || p.B <= 0 {
			return bad("a and b must be above 0")
		}
		return nil
	case LogUniformValues, InvLogValues, IntLogUniform:
		if p.Min <= 0 {
			return bad("min must be above 0, because its logarithm is taken")
		}
	case IntUniform, Uniform, LogUniform, InvLogUniform, Stepped:
	default:
		return bad("there is no distribution %q", p.Dist)
	}
	if p.Min > p.Max {
		return bad("min (%g) is above max (%g)", p.Min, p.Max)
	}
	return nil
}

func (p *Param) checkValues(bad func(string, ...any) error) error {
	if len(p.Values) == 0 {
		return bad("it needs at least one value")
	}
	if p.Dist != Weighted {
		return nil
	}
	if len(p.Probabilities) != len(p.Values) {
		return bad("there are %d values but %d probabilities", len(p.Values), len(p.Probabilities))
	}
	sum := 0.0
	for _, x := range p.Probabilities {
		if x < 0 || math.IsNaN(x) {
			return bad("probabilities can't be negative")
		}
		sum += x
	}
	if math.Abs(sum-1) > 1e-6 {
		return bad("the probabilities add up to %g, not to 1", sum)
	}
	return nil
}

// exprType is the type of the parameter in expressions.
func (p *Param) exprType() expr.Type {
	switch {
	case !p.listed() && p.Whole:
		return expr.Int
	case !p.listed():
		return expr.Float
	}
	kind := expr.Type("")
	for _, v := range p.Values {
		t := expr.JSON
		switch {
		case v[0] == '"':
			t = expr.String
		case v[0] == 't' || v[0] == 'f':
			t = expr.Bool
		}
		if kind == "" {
			kind = t
		}
		if kind != t {
			return expr.JSON
		}
	}
	return kind
}

// Value gives the value at a coordinate from 0 to 1.
func (p *Param) Value(u float64) json.RawMessage {
	u = min(max(u, 0), 1)
	if p.listed() {
		return p.Values[p.choice(u)]
	}
	return field.FormatNumber(field.Number{Value: p.number(u), Whole: p.Whole})
}

// choice is the place of the value of a coordinate.
func (p *Param) choice(u float64) int {
	n := len(p.Values)
	if p.Dist != Weighted {
		return min(int(u*float64(n)), n-1)
	}
	last := 0
	for i, x := range p.Probabilities {
		if x == 0 {
			continue
		}
		if last = i; u < x {
			return i
		}
		u -= x
	}
	return last
}

// number is the value of a coordinate.
func (p *Param) number(u float64) float64 {
	switch p.Dist {
	case IntUniform:
		return min(p.Min+math.Floor(u*(p.Max-p.Min+1)), p.Max)
	case Stepped:
		n := p.steps()
		return tidy(p.Min + min(math.Floor(u*n), n-1)*p.Q)
	case IntLogUniform:
		low, high := math.Log(p.Min-0.5), math.Log(p.Max+0.5)
		return min(max(math.Round(math.Exp(low+u*(high-low))), p.Min), p.Max)
	}
	x := p.quantile(u)
	if p.Q == 0 {
		return x
	}
	return p.round(x)
}

// steps counts the values of a stepped parameter.
func (p *Param) steps() float64 { return math.Floor((p.Max-p.Min)/p.Q+1e-9) + 1 }

// round gives the multiple of Q that is nearest, but none outside of the bounds
// that the parameter has, unless there is none inside.
func (p *Param) round(x float64) float64 {
	k := math.Round(x / p.Q)
	if low, high, bounded := p.bounds(); bounded {
		least, most := math.Ceil(low/p.Q-1e-9), math.Floor(high/p.Q+1e-9)
		if least <= most {
			k = min(max(k, least), most)
		}
	}
	return tidy(k * p.Q)
}

// tidy removes what multiplying by a step such as 0.1 leaves behind: 0.3 and
// not 0.30000000000000004.
func tidy(x float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 14, 64), 64)
	if err != nil {
		return x // does not happen with finite numbers
	}
	return short
}

// bounds gives the least and the greatest value.
func (p *Param) bounds() (low, high float64, bounded bool) {
	switch p.Dist.base() {
	case LogUniform:
		return math.Exp(p.Min), math.Exp(p.Max), true
	case InvLogUniform:
		return math.Exp(-p.Max), math.Exp(-p.Min), true
	case Normal, LogNormal:
		return 0, 0, false
	case Beta:
		return 0, 1, true
	}
	return p.Min, p.Max, true
}

// away keeps coordinates of unbounded distributions from 0 and 1, where values
// are infinite.
const away = 1e-12

// quantile is the inverse of cumulative.
func (p *Param) quantile(u float64) float64 {
	switch p.Dist.base() {
	case LogUniform:
		return math.Exp(p.Min + u*(p.Max-p.Min))
	case InvLogUniform:
		return math.Exp(-p.Max + u*(p.Max-p.Min))
	case LogUniformValues, InvLogValues:
		low, high := math.Log(p.Min), math.Log(p.Max)
		return min(max(math.Exp(low+u*(high-low)), p.Min), p.Max)
	case Normal:
		return p.Mu + p.Sigma*mathext.NormalQuantile(min(max(u, away), 1-away))
	case LogNormal:
		return math.Exp(p.Mu + p.Sigma*mathext.NormalQuantile(min(max(u, away), 1-away)))
	case Beta:
		return mathext.InvRegIncBeta(p.A, p.B, u)
	}
	return p.Min + u*(p.Max-p.Min)
}

// cumulative is the share of values that are at most x.
func (p *Param) cumulative(x float64) float64 {
	part := func(x, low, high float64) float64 {
		if high <= low {
			return 0.5
		}
		return min(max((x-low)/(high-low), 0), 1)
	}
	switch p.Dist.base() {
	case LogUniform:
		return part(math.Log(x), p.Min, p.Max)
	case InvLogUniform:
		return part(math.Log(x), -p.Max, -p.Min)
	case IntLogUniform:
		return part(math.Log(x), math.Log(p.Min-0.5), math.Log(p.Max+0.5))
	case LogUniformValues, InvLogValues:
		return part(math.Log(x), math.Log(p.Min), math.Log(p.Max))
	case Normal:
		return 0.5 * math.Erfc(-(x-p.Mu)/p.Sigma/math.Sqrt2)
	case LogNormal:
		return 0.5 * math.Erfc(-(math.Log(x)-p.Mu)/p.Sigma/math.Sqrt2)
	case Beta:
		return mathext.RegIncBeta(p.A, p.B, min(max(x, 0), 1))
	case IntUniform:
		return (x - p.Min + 0.5) / (p.Max - p.Min + 1)
	case Stepped:
		return (math.Round((x-p.Min)/p.Q) + 0.5) / p.steps()
	}
	return part(x, p.Min, p.Max)
}
