// Package sample draws the configurations of a sweep, as points of the unit
// cube of its space: at random, by a grid, by Sobol's sequence, by a tree of Parzen
// estimators (TPE), by evolution (CMA-ES), and by a Gaussian process. Each is a
// Sampler; New makes them by name.
//
// A sampler is deterministic: what it draws follows from its seed and from what
// it was told, in order, on processors of one kind (elsewhere the last digits of
// logarithms and exponentials may differ).
package sample

import (
	"encoding/json"
	"math/rand/v2"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep/rank"
	"github.com/bine-ml/bine/internal/sweep/space"
)

// Kind names a sampler.
type Kind string

// The samplers.
const (
	Random Kind = "random"
	Grid   Kind = "grid"
	Sobol  Kind = "sobol"
	TPE    Kind = "tpe"
	CMAES  Kind = "cmaes"
	Bayes  Kind = "bayes" // a Gaussian process
)

// Kinds lists the samplers.
func Kinds() []Kind { return []Kind{Random, Grid, Sobol, TPE, CMAES, Bayes} }

// Observation is what a trial reached when it had used a resource. A trial that
// gets through several rungs is observed at each.
type Observation struct {
	Trial int        `json:"trial"`
	Point []float64  `json:"point"`
	At    int64      `json:"at"`
	Score rank.Score `json:"score"`
}

// Sampler draws points. It is not for several goroutines at once. Its JSON is
// its whole state, which a new one of the same kind, seed and space takes in.
type Sampler interface {
	json.Marshaler
	json.Unmarshaler

	// Draw gives the point of a new trial, or none when all have been drawn. n
	// counts the points of this sweep, and differs between calls; a point that
	// breaks a constraint of the space is drawn again, with another n.
	Draw(n uint64) (u []float64, ok bool)

	// Began tells that a trial began at a point, drawn or not.
	Began(trial int, u []float64)

	// Tell tells what a trial reached.
	Tell(o Observation)

	// Forget tells that a trial was no good configuration.
	Forget(trial int)
}

// New makes a sampler for a space that is prepared.
func New(k Kind, s *space.Space, seed uint64) (Sampler, error) {
	switch k {
	case Random:
		return &random{seed: seed, dims: len(s.Params)}, nil
	case Grid:
		return newGrid(s)
	case Sobol:
		return newSobol(len(s.Params), seed), nil
	case TPE:
		return &tpe{seed: seed, space: s}, nil
	case CMAES:
		return newCMAES(len(s.Params), seed), nil
	case Bayes:
		return &bayes{seed: seed, space: s}, nil
	}
	return nil, bine.Errorf(bine.Invalid, "there is no sampler %q; there are %v", k, Kinds())
}

// draws gives the random numbers of the n'th draw.
func draws(seed, n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }

// deaf is what samplers have in common that learn nothing.
type deaf struct{}

func (deaf) Began(int, []float64) {}
func (deaf) Tell(Observation)     {}
func (deaf) Forget(int)           {}

// random draws all coordinates uniformly.
type random struct {
	deaf
	seed uint64
	dims int
}

func (r *random) Draw(n uint64) ([]float64, bool) { return uniform(draws(r.seed, n), r.dims), true }

func uniform(r *rand.Rand, dims int) []float64 {
	u := make([]float64, dims)
	for i := range u {
		u[i] = r.Float64()
	}
	return u
}

func (*random) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }
func (*random) UnmarshalJSON([]byte) error   { return nil }
