package sample

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/bine-ml/bine/internal/sweep/space"
)

// tpe is the tree of Parzen estimators of Bergstra, Bardenet, Bengio and Kégl
// (NIPS 2011): of what was seen, the best part and the rest each give a density,
// and of points drawn from the former the one is taken where the ratio of the
// two is greatest, for each parameter by itself. What runs counts to the
// rest, so that trials which begin together differ.
type tpe struct {
	history
	seed  uint64
	space *space.Space
}

const (
	tpeStartup    = 10 // random trials before it begins
	tpeCandidates = 24
	tpeMost       = 1000 // observations that are looked at
)

func (t *tpe) Draw(n uint64) ([]float64, bool) {
	r := draws(t.seed, n)
	u := uniform(r, len(t.space.Params))
	seen := t.fit(tpeStartup, tpeMost)
	if seen == nil {
		return u, true
	}
	best := max(1, min(int(math.Ceil(0.1*float64(len(seen)))), 25))
	pending := t.pending()
	for i := range u {
		good, rest := column(seen[:best], i), append(column(seen[best:], i), present(pending, i)...)
		if len(good) == 0 {
			continue
		}
		if k := t.space.Params[i].Categories(); k > 0 {
			u[i] = t.category(r, i, k, good, rest)
			continue
		}
		u[i] = t.number(r, good, rest)
	}
	return u, true
}

// column gives a coordinate of those that have it.
func column(seen []Observation, i int) []float64 {
	var out []float64
	for _, o := range seen {
		if o.Point[i] != space.Absent {
			out = append(out, o.Point[i])
		}
	}
	return out
}

func present(points [][]float64, i int) []float64 {
	var out []float64
	for _, u := range points {
		if u[i] != space.Absent {
			out = append(out, u[i])
		}
	}
	return out
}

// category draws one of k values by how often it is among the good, and takes
// the best of several draws.
func (t *tpe) category(r *rand.Rand, i, k int, good, rest []float64) float64 {
	p := &t.space.Params[i]
	weigh := func(us []float64) []float64 {
		w := make([]float64, k)
		for j := range w {
			w[j] = 1 / float64(k)
		}
		for _, u := range us {
			w[p.Category(u)]++
		}
		return w
	}
	l, g := weigh(good), weigh(rest)
	best, most := 0, math.Inf(-1)
	for range tpeCandidates {
		at, left := k-1, r.Float64()*(float64(len(good))+1)
		for j, w := range l {
			if left -= w; left < 0 {
				at = j
				break
			}
		}
		if ratio := l[at] / (float64(len(good)) + 1) / (g[at] / (float64(len(rest)) + 1)); ratio > most {
			best, most = at, ratio
		}
	}
	return p.Middle(best)
}

// number draws from the density of the good, and takes the best of several
// draws.
func (t *tpe) number(r *rand.Rand, good, rest []float64) float64 {
	l, g := newParzen(good), newParzen(rest)
	best, most := 0.5, math.Inf(-1)
	for range tpeCandidates {
		u := l.draw(r)
		if ratio := l.log(u) - g.log(u); ratio > most {
			best, most = u, ratio
		}
	}
	return best
}

// parzen is a mixture of Gaussians on the unit interval, all of one weight: one
// around each observation, as wide as the way to the further neighbour, and one
// around the middle that is as wide as the interval.
type parzen struct{ means, widths, parts []float64 }

func newParzen(at []float64) parzen {
	at = slices.Clone(at)
	slices.SortFunc(at, cmp.Compare)
	p := parzen{means: append(at, 0.5)}
	least := 1 / math.Min(100, float64(len(at))+2)
	for i, u := range at {
		low, high := 0.0, 1.0
		if i > 0 {
			low = at[i-1]
		}
		if i < len(at)-1 {
			high = at[i+1]
		}
		p.widths = append(p.widths, min(max(u-low, high-u, least), 1))
	}
	p.widths = append(p.widths, 1)
	for i, m := range p.means {
		p.parts = append(p.parts, normal((1-m)/p.widths[i])-normal(-m/p.widths[i]))
	}
	return p
}

// normal is the standard normal distribution.
func normal(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }

func (p parzen) draw(r *rand.Rand) float64 {
	i := r.IntN(len(p.means))
	for range 100 {
		if u := p.means[i] + p.widths[i]*r.NormFloat64(); u >= 0 && u < 1 {
			return u
		}
	}
	return p.means[i]
}

// log is the logarithm of the density.
func (p parzen) log(u float64) float64 {
	sum := 0.0
	for i, m := range p.means {
		z := (u - m) / p.widths[i]
		sum += math.Exp(-z*z/2) / (p.widths[i] * p.parts[i])
	}
	return math.Log(sum / (float64(len(p.means)) * math.Sqrt(2*math.Pi)))
}
