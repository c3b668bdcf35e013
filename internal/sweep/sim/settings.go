package sim

import (
	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/sweep/sample"
	"github.com/bine-ml/bine/internal/sweep/schedule"
	"github.com/bine-ml/bine/internal/sweep/space"
)

// random is a sweep of one number, drawn at random, that is to be small.
func random(seed uint64, parallel, trials int, s schedule.Settings) sweep.Settings {
	return sweep.Settings{
		Seed:     seed,
		Space:    &space.Space{Params: []space.Param{{Path: []string{"x"}, Dist: space.Uniform, Max: 1}}},
		Sampler:  sample.Random,
		Schedule: s,
		Metrics:  []sweep.Metric{{Name: "loss", Goal: sweep.Minimize}},
		Parallel: parallel,
		Trials:   trials,
	}
}

// itself is a loss that is the number that was drawn, at any resource.
func itself(t *sweep.Trial, _ int64) map[string]sweep.Number {
	return map[string]sweep.Number{"loss": sweep.Number(t.Point[0])}
}
