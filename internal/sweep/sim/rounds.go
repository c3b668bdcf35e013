package sim

import (
	"math"
	"math/rand/v2"

	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/sweep/schedule"
)

// Waiting is what it costs to wait for each other, in the mean of some seeds:
// how long a number of trials takes in rounds, with each slot by itself, and with the
// median rule besides.
type Waiting struct {
	Workers               int
	Deviation             float64 // of the logarithm of how long a trial takes
	Rounds, Alone, Median float64
}

// The settings of that: trials for each worker, and reports of each trial.
const (
	waitingRounds = 10
	waitingSteps  = 10
)

// Wait simulates sweeps of trials whose durations are log-normal.
func Wait(workers int, deviation float64, seeds int) (Waiting, error) {
	w := Waiting{Workers: workers, Deviation: deviation}
	for seed := range uint64(seeds) {
		for into, s := range map[*float64]schedule.Settings{
			&w.Rounds: {Kind: schedule.Rounds, Width: workers, Max: waitingSteps},
			&w.Alone:  {Kind: schedule.None, Max: waitingSteps},
			&w.Median: {Kind: schedule.Median, Interval: 1, Finished: workers, Max: waitingSteps},
		} {
			took, err := waits(workers, deviation, seed, s)
			if err != nil {
				return w, err
			}
			*into += took / float64(seeds)
		}
	}
	return w, nil
}

// waits gives how long one sweep takes. What a trial takes and how it learns
// follows from its number, so that all ways have the same trials.
func waits(workers int, deviation float64, seed uint64, s schedule.Settings) (float64, error) {
	e, err := sweep.New(random(seed, workers, waitingRounds*workers, s))
	if err != nil {
		return 0, err
	}
	return Run(e, World{
		Takes: func(d sweep.Decision) float64 {
			return math.Exp(deviation * rand.New(rand.NewPCG(seed, uint64(d.Trial))).NormFloat64())
		},
		Reaches: func(t *sweep.Trial, at int64) map[string]sweep.Number {
			loss := t.Point[0] + (1-t.Point[0])*math.Exp(-float64(at)/3) // falls to what it is in the end
			return map[string]sweep.Number{"loss": sweep.Number(loss)}
		},
	})
}

// Seconds gives how long trials of one second take on slots, deciding
// included: one controller decides one event after the other, as long as this machine
// takes for it.
func Seconds(trials, slots int) (float64, error) {
	e, err := sweep.New(random(1, slots, trials, schedule.Settings{Kind: schedule.None, Max: 1}))
	if err != nil {
		return 0, err
	}
	return Run(e, World{Charge: true, Reaches: itself, Takes: func(sweep.Decision) float64 { return 1 }})
}
