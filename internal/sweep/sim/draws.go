package sim

import (
	"encoding/json"
	"math/rand/v2"

	"github.com/bine-ml/bine/internal/sweep/rank"
	"github.com/bine-ml/bine/internal/sweep/sample"
	"github.com/bine-ml/bine/internal/sweep/space"
)

// Learners lists the samplers that learn from results.
func Learners() []sample.Kind { return []sample.Kind{sample.TPE, sample.CMAES, sample.Bayes} }

// Taught gives a sampler that has been told of a number of results, in a space
// of three numbers and a category.
func Taught(k sample.Kind, results int) (sample.Sampler, error) {
	s := &space.Space{Params: []space.Param{
		{Path: []string{"rate"}, Dist: space.LogUniformValues, Min: 1e-5, Max: 1},
		{Path: []string{"dropout"}, Dist: space.Uniform, Max: 0.5},
		{Path: []string{"width"}, Dist: space.IntUniform, Min: 8, Max: 512, Whole: true},
		{Path: []string{"kind"}, Dist: space.Categorical, Values: []json.RawMessage{[]byte("1"), []byte("2"), []byte("3")}},
	}}
	if err := s.Prepare(); err != nil {
		return nil, err
	}
	sampler, err := sample.New(k, s, 1)
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(1, 1))
	for trial := 1; trial <= results; trial++ {
		u := []float64{r.Float64(), r.Float64(), r.Float64(), r.Float64()}
		sampler.Began(trial, u)
		sampler.Tell(sample.Observation{Trial: trial, Point: u, At: 1, Score: rank.Score{Value: u[0] * u[1]}})
	}
	return sampler, nil
}
