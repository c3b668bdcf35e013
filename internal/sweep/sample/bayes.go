package sample

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/bine-ml/bine/internal/sweep/space"
)

// bayes models what was seen by a Gaussian process (Snoek, Larochelle, Adams,
// NIPS 2012: Matérn 5/2, expected improvement) and draws where it expects
// the greatest improvement. Length scale and noise are those of greatest likelihood
// among a few. Trials that run are taken to reach what the process expects of them.
type bayes struct {
	history
	seed  uint64
	space *space.Space
}

const (
	bayesMost       = 150 // observations that are modelled; the time grows with their cube
	bayesCandidates = 500
)

var (
	bayesScales = []float64{0.1, 0.2, 0.4, 0.8, 1.6}
	bayesNoises = []float64{1e-6, 1e-3, 1e-1}
)

func (b *bayes) Draw(n uint64) ([]float64, bool) {
	r := draws(b.seed, n)
	u := uniform(r, len(b.space.Params))
	seen := b.fit(max(4, len(u)), bayesMost)
	if seen == nil {
		return u, true
	}
	xs := make([][]float64, len(seen))
	for i, o := range seen {
		xs[i] = b.features(o.Point)
	}
	m := bestProcess(xs, standard(seen))
	if m == nil {
		return u, true
	}
	if m = m.believing(b, b.pending()); m == nil {
		return u, true
	}
	best, most := u, math.Inf(-1)
	for i := range bayesCandidates {
		c := b.candidate(r, seen, i)
		if gain := m.improvement(b.features(c)); gain > most {
			best, most = c, gain
		}
	}
	return best, true
}

// candidate is a random point, and of each third one near to a good point.
func (b *bayes) candidate(r *rand.Rand, seen []Observation, i int) []float64 {
	c := uniform(r, len(b.space.Params))
	if i%3 != 0 {
		return c
	}
	near := seen[r.IntN(min(5, len(seen)))].Point
	width := math.Pow(10, -1-2*r.Float64())
	for d := range c {
		if near[d] == space.Absent || (b.space.Params[d].Categories() > 0 && r.IntN(4) == 0) {
			continue
		}
		if c[d] = near[d]; b.space.Params[d].Categories() == 0 {
			c[d] = min(max(near[d]+width*r.NormFloat64(), 0), 1)
		}
	}
	return c
}

// features are the coordinates of numbers, a coordinate for each value of a
// category, and the middle for what does not exist.
func (b *bayes) features(u []float64) []float64 {
	var out []float64
	for i := range b.space.Params {
		p := &b.space.Params[i]
		k := p.Categories()
		if k == 0 {
			x := u[i]
			if x == space.Absent {
				x = 0.5
			}
			out = append(out, x)
			continue
		}
		one := make([]float64, k)
		if u[i] != space.Absent {
			one[p.Category(u[i])] = math.Sqrt2 / 2
		}
		out = append(out, one...)
	}
	return out
}

// standard gives the values with mean 0 and deviation 1. What is worse than the
// median by more than twice what that is worse than the best is taken to be just that,
// so that disasters do not flatten what matters; what has no number is taken
// for the median, because failing seldom follows from the point alone.
func standard(seen []Observation) []float64 {
	var numbers []float64 // in order
	for _, o := range seen {
		if o.Score.Number() {
			numbers = append(numbers, o.Score.Value)
		}
	}
	slices.Sort(numbers)
	best, middle := numbers[0], numbers[len(numbers)/2]
	ys := make([]float64, len(seen))
	mean := 0.0
	for i, o := range seen {
		if ys[i] = min(o.Score.Value, middle+2*(middle-best)); !o.Score.Number() {
			ys[i] = middle
		}
		mean += ys[i] / float64(len(seen))
	}
	square := 0.0
	for i := range ys {
		ys[i] -= mean
		square += ys[i] * ys[i] / float64(len(seen))
	}
	if square > 0 {
		for i := range ys {
			ys[i] /= math.Sqrt(square)
		}
	}
	return ys
}

// process is a Gaussian process that has seen values ys at xs.
type process struct {
	xs           [][]float64
	ys           []float64
	scale, noise float64
	factor       mat.Cholesky
	solved       *mat.VecDense // inverse of the covariance, times ys
	least        float64
}

func newProcess(xs [][]float64, ys []float64, scale, noise float64) *process {
	p := &process{xs: xs, ys: ys, scale: scale, noise: noise, least: math.Inf(1)}
	k := mat.NewSymDense(len(xs), nil)
	for i := range xs {
		for j := range i {
			k.SetSym(i, j, matern(xs[i], xs[j], scale))
		}
		k.SetSym(i, i, 1+noise+1e-9)
		p.least = min(p.least, ys[i])
	}
	if !p.factor.Factorize(k) {
		return nil
	}
	p.solved = mat.NewVecDense(len(ys), nil)
	if p.factor.SolveVecTo(p.solved, mat.NewVecDense(len(ys), ys)) != nil {
		return nil
	}
	return p
}

// believing is the process that has also seen what it expects at points whose
// trials run.
func (p *process) believing(b *bayes, points [][]float64) *process {
	xs, ys := slices.Clone(p.xs), slices.Clone(p.ys)
	for _, u := range points {
		x := b.features(u)
		expected, _ := p.at(x)
		xs, ys = append(xs, x), append(ys, expected)
	}
	return newProcess(xs, ys, p.scale, p.noise)
}

// bestProcess is the one of greatest likelihood, or none if none can be
// computed.
func bestProcess(xs [][]float64, ys []float64) *process {
	var best *process
	most := math.Inf(-1)
	for _, scale := range bayesScales {
		for _, noise := range bayesNoises {
			p := newProcess(xs, ys, scale*math.Sqrt(float64(len(xs[0]))), noise)
			if p == nil {
				continue
			}
			if l := -mat.Dot(p.solved, mat.NewVecDense(len(ys), ys))/2 - p.factor.LogDet()/2; l > most {
				best, most = p, l
			}
		}
	}
	return best
}

// matern is Matérn's covariance with parameter 5/2.
func matern(a, b []float64, scale float64) float64 {
	square := 0.0
	for i := range a {
		square += (a[i] - b[i]) * (a[i] - b[i])
	}
	d := math.Sqrt(5*square) / scale
	return (1 + d + d*d/3) * math.Exp(-d)
}

// at gives the mean and the deviation that are expected at x.
func (p *process) at(x []float64) (mean, deviation float64) {
	k := mat.NewVecDense(len(p.xs), nil)
	for i, other := range p.xs {
		k.SetVec(i, matern(x, other, p.scale))
	}
	solved := mat.NewVecDense(len(p.xs), nil)
	if err := p.factor.SolveVecTo(solved, k); err != nil {
		return 0, 1
	}
	return mat.Dot(k, p.solved), math.Sqrt(max(1-mat.Dot(k, solved), 1e-12))
}

// improvement is what x is expected to be better than the best.
func (p *process) improvement(x []float64) float64 {
	mean, deviation := p.at(x)
	z := (p.least - mean) / deviation
	return (p.least-mean)*normal(z) + deviation*math.Exp(-z*z/2)/math.Sqrt(2*math.Pi)
}
