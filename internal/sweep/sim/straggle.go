package sim

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/sweep/schedule"
)

// Way is a way to halve that Straggle compares.
type Way int

// The ways.
const (
	Synchronous Way = iota // rungs are waited for; trials begin anew at each
	Restarting             // ASHA as published: trials begin anew at each rung
	Resuming               // ASHA as it is here: trials go on from their checkpoints, after a lost job too
)

// Cell is one experiment on stragglers and lost jobs, in the mean of its seeds.
type Cell struct {
	Deviation, Drop float64    // of how much longer jobs take; probability per time unit that a job is lost
	Finished        [3]float64 // trials that were trained all the way, by Way
	First           [3]float64 // when the first of them was; the end where there was none
}

// The settings of the published simulation (ASHA, appendix A.1).
const (
	straggleWorkers = 25
	straggleTime    = 2000
	straggleMost    = 256
	straggleEta     = 4
)

// Deviations and Drops are those of the published simulation.
func Deviations() []float64 { return []float64{0.10, 0.24, 0.56, 1.33} }

// Drops gives the probabilities that a job is lost in a time unit.
func Drops() []float64 { return []float64{0, 0.002, 0.004, 0.006, 0.008, 0.010} }

// Straggle simulates all cells with a number of seeds each, and tells when one is
// done.
func Straggle(deviations, drops []float64, seeds int, told func(Cell)) ([]Cell, error) {
	cells := make([]Cell, 0, len(deviations)*len(drops))
	for _, sd := range deviations {
		for _, p := range drops {
			cells = append(cells, Cell{Deviation: sd, Drop: p})
		}
	}
	var (
		wait  sync.WaitGroup
		mutex sync.Mutex
		fault error
		next  = make(chan *Cell)
	)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for c := range next {
				err := c.run(seeds)
				mutex.Lock()
				if fault == nil {
					fault = err
				}
				if told != nil {
					told(*c)
				}
				mutex.Unlock()
			}
		})
	}
	for i := range cells {
		next <- &cells[i]
	}
	close(next)
	wait.Wait()
	return cells, fault
}

func (c *Cell) run(seeds int) error {
	for seed := range seeds {
		for _, way := range []Way{Synchronous, Restarting, Resuming} {
			finished, first, err := straggle(way, c.Deviation, c.Drop, uint64(seed))
			if err != nil {
				return err
			}
			c.Finished[way] += float64(finished) / float64(seeds)
			c.First[way] += first / float64(seeds)
		}
	}
	return nil
}

// straggle simulates one sweep. A job takes its resource times 1 + |z|, where z
// is normal, and each time unit it is lost with a probability.
func straggle(way Way, sd, drop float64, seed uint64) (finished int, first float64, err error) {
	halving := schedule.Settings{Kind: schedule.ASHA, Min: 1, Max: straggleMost, Eta: straggleEta}
	if way == Synchronous {
		halving.Kind, halving.Width = schedule.Halving, straggleMost
	}
	s := random(seed, straggleWorkers, 0, halving)
	s.Restart = way != Resuming
	e, err := sweep.New(s)
	if err != nil {
		return 0, 0, err
	}
	r := rand.New(rand.NewPCG(seed, uint64(way)))
	first = straggleTime
	w := World{
		Until:   straggleTime,
		Reaches: itself,
		Takes: func(d sweep.Decision) float64 {
			return float64(d.To-d.From) * (1 + math.Abs(sd*r.NormFloat64()))
		},
		Lost: func(_ sweep.Decision, takes float64) float64 {
			if drop == 0 {
				return 1
			}
			return r.ExpFloat64() / -math.Log1p(-drop) / takes
		},
		Seen: func(now float64, v sweep.Event, _ []sweep.Decision) {
			if v.Kind == sweep.Done && v.At == straggleMost {
				if finished == 0 {
					first = now
				}
				finished++
			}
		},
	}
	_, err = Run(e, w)
	return finished, first, err
}
