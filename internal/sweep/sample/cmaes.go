package sample

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/bine-ml/bine/internal/sweep/space"
)

// cmaes adapts the covariance of a normal distribution to where the good points
// are (Hansen, The CMA Evolution Strategy: A Tutorial, 2016; its default settings
// without the negative weights). It does not wait: while a generation is incomplete,
// further points are drawn from the same distribution, and whatever is
// told counts to the generation at hand, the first result of each trial only.
// Categories are cut out of a coordinate like numbers.
type cmaes struct {
	seed  uint64
	dims  int
	state evolution

	factor *mat.Dense // of the covariance: points are mean + sigma factor z; nil when it is not computed
	root   *mat.Dense // of its inverse
}

type evolution struct {
	Mean       []float64     `json:"mean"`
	Sigma      float64       `json:"sigma"`
	Covariance []float64     `json:"covariance"` // by rows
	PathC      []float64     `json:"path_c"`
	PathSigma  []float64     `json:"path_sigma"`
	Generation int           `json:"generation"`
	Told       []Observation `json:"told"`    // of the generation at hand
	Running    map[int]bool  `json:"running"` // trials without a result
}

func newCMAES(dims int, seed uint64) *cmaes {
	c := &cmaes{seed: seed, dims: dims}
	c.state = evolution{Sigma: 0.3, Running: map[int]bool{},
		Mean: make([]float64, dims), PathC: make([]float64, dims), PathSigma: make([]float64, dims), Covariance: make([]float64, dims*dims)}
	for i := range dims {
		c.state.Mean[i], c.state.Covariance[i*dims+i] = 0.5, 1
	}
	return c
}

// population is how many results make a generation.
func (c *cmaes) population() int { return 4 + int(3*math.Log(float64(c.dims))) }

func (c *cmaes) Draw(n uint64) ([]float64, bool) {
	c.decompose()
	r := draws(c.seed, n)
	z := make([]float64, c.dims)
	y, u := mat.NewVecDense(c.dims, nil), make([]float64, c.dims)
	for range 20 {
		for i := range z {
			z[i] = r.NormFloat64()
		}
		y.MulVec(c.factor, mat.NewVecDense(c.dims, z))
		inside := true
		for i := range u {
			u[i] = c.state.Mean[i] + c.state.Sigma*y.AtVec(i)
			inside = inside && u[i] >= 0 && u[i] <= 1
		}
		if inside {
			break
		}
	}
	for i := range u {
		u[i] = min(max(u[i], 0), 1)
	}
	return u, true
}

func (c *cmaes) Began(trial int, _ []float64) { c.state.Running[trial] = true }
func (c *cmaes) Forget(trial int)             { delete(c.state.Running, trial) }

func (c *cmaes) Tell(o Observation) {
	if !c.state.Running[o.Trial] {
		return // a later rung of what was counted
	}
	delete(c.state.Running, o.Trial)
	c.state.Told = append(c.state.Told, o)
	if len(c.state.Told) >= c.population() {
		c.evolve()
		c.state.Told = nil
	}
}

// decompose computes the square roots of the covariance and of its inverse.
func (c *cmaes) decompose() {
	if c.factor != nil {
		return
	}
	var e mat.EigenSym
	n := c.dims
	c.factor, c.root = mat.NewDense(n, n, nil), mat.NewDense(n, n, nil)
	if !e.Factorize(mat.NewSymDense(n, slices.Clone(c.state.Covariance)), true) {
		for i := range n { // does not happen with finite numbers; the ball is always right
			c.factor.Set(i, i, 1)
			c.root.Set(i, i, 1)
		}
		return
	}
	var vectors, scaled mat.Dense
	e.VectorsTo(&vectors)
	values := e.Values(nil)
	scaled.CloneFrom(&vectors)
	for j, v := range values {
		d := math.Sqrt(max(v, 1e-14))
		for i := range n {
			c.factor.Set(i, j, vectors.At(i, j)*d)
			scaled.Set(i, j, vectors.At(i, j)/d)
		}
	}
	c.root.Mul(&scaled, vectors.T())
}

// evolve moves the distribution to the better half of a generation.
func (c *cmaes) evolve() {
	c.decompose()
	s, n := &c.state, float64(c.dims)
	slices.SortStableFunc(s.Told, func(a, b Observation) int {
		return cmp.Or(a.Score.Compare(b.Score), cmp.Compare(a.Trial, b.Trial))
	})
	weights, mu := selection(len(s.Told))
	steps := make([][]float64, len(weights))
	mean := make([]float64, c.dims)
	for k := range weights {
		steps[k] = c.step(s.Told[k].Point)
		for i, y := range steps[k] {
			mean[i] += weights[k] * y
		}
	}
	cs := (mu + 2) / (n + mu + 5)
	ds := 1 + 2*max(0, math.Sqrt((mu-1)/(n+1))-1) + cs
	cc := (4 + mu/n) / (n + 4 + 2*mu/n)
	c1 := 2 / ((n+1.3)*(n+1.3) + mu)
	cmu := min(1-c1, 2*(mu-2+1/mu)/((n+2)*(n+2)+mu))
	chi := math.Sqrt(n) * (1 - 1/(4*n) + 1/(21*n*n))

	white := mat.NewVecDense(c.dims, nil)
	white.MulVec(c.root, mat.NewVecDense(c.dims, slices.Clone(mean)))
	for i := range s.PathSigma {
		s.PathSigma[i] = (1-cs)*s.PathSigma[i] + math.Sqrt(cs*(2-cs)*mu)*white.AtVec(i)
	}
	length := mat.Norm(mat.NewVecDense(c.dims, slices.Clone(s.PathSigma)), 2)
	s.Generation++
	h := 0.0
	if length/math.Sqrt(1-math.Pow(1-cs, 2*float64(s.Generation))) < (1.4+2/(n+1))*chi {
		h = 1
	}
	for i := range s.PathC {
		s.PathC[i] = (1-cc)*s.PathC[i] + h*math.Sqrt(cc*(2-cc)*mu)*mean[i]
		s.Mean[i] = min(max(s.Mean[i]+s.Sigma*mean[i], 0), 1)
	}
	for i := range c.dims {
		for j := range c.dims {
			at := i*c.dims + j
			old := s.Covariance[at]
			s.Covariance[at] = (1-c1-cmu)*old + c1*(s.PathC[i]*s.PathC[j]+(1-h)*cc*(2-cc)*old)
			for k, w := range weights {
				s.Covariance[at] += cmu * w * steps[k][i] * steps[k][j]
			}
		}
	}
	s.Sigma = min(max(s.Sigma*math.Exp(cs/ds*(length/chi-1)), 1e-8), 1)
	c.factor, c.root = nil, nil
}

// step is the way from the mean to a point, in sigmas; a parameter that
// does not exist there takes none.
func (c *cmaes) step(u []float64) []float64 {
	y := make([]float64, c.dims)
	for i := range y {
		if u[i] != space.Absent {
			y[i] = (u[i] - c.state.Mean[i]) / c.state.Sigma
		}
	}
	return y
}

// selection gives the weights of the better half, and how many equal ones they
// are worth.
func selection(population int) (weights []float64, mu float64) {
	sum, squares := 0.0, 0.0
	for i := range population / 2 {
		w := math.Log(float64(population+1)/2) - math.Log(float64(i+1))
		weights = append(weights, w)
		sum += w
	}
	for i := range weights {
		weights[i] /= sum
		squares += weights[i] * weights[i]
	}
	return weights, 1 / squares
}

func (c *cmaes) MarshalJSON() ([]byte, error) { return json.Marshal(c.state) }

func (c *cmaes) UnmarshalJSON(text []byte) error {
	c.factor, c.root = nil, nil
	return json.Unmarshal(text, &c.state)
}
