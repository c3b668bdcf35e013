package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/sweep/schedule"
)

// Churn is how long an engine took over a sweep of ASHA.
type Churn struct {
	Took []time.Duration // each event that ends a job and starts the next

	settings sweep.Settings
	engine   *sweep.Engine
	log      []sweep.Event
}

// Stored is what it costs to keep a sweep.
type Stored struct {
	Snapshot int           // bytes
	Restored time.Duration // making an engine of that
	Replayed time.Duration // making an engine of the log
	Events   int
}

// Measure lets jobs of a number of workers end in random order, until trials
// have begun, and measures each decision. Time is that of this machine.
func Measure(workers, trials int, seed uint64) (Churn, error) {
	s := random(seed, workers, trials, schedule.Settings{Kind: schedule.ASHA, Min: 1, Max: straggleMost, Eta: straggleEta})
	e, err := sweep.New(s)
	if err != nil {
		return Churn{}, err
	}
	c := Churn{settings: s, engine: e, log: []sweep.Event{{Kind: sweep.Start}}}
	jobs, err := e.Decide(c.log[0])
	if err != nil {
		return c, err
	}
	for r := rand.New(rand.NewPCG(seed, 1)); len(jobs) > 0; {
		i := r.IntN(len(jobs))
		d := jobs[i]
		jobs[i] = jobs[len(jobs)-1]
		jobs = jobs[:len(jobs)-1]
		v := sweep.Event{Kind: sweep.Done, Trial: d.Trial, Job: d.Job, At: d.To, Metrics: itself(e.Trials()[d.Trial-1], d.To)}
		began := time.Now()
		out, err := e.Decide(v)
		c.Took = append(c.Took, time.Since(began))
		if err != nil {
			return c, err
		}
		c.log = append(c.log, v)
		for _, d := range out {
			if d.Kind == sweep.Run {
				jobs = append(jobs, d)
			}
		}
	}
	return c, nil
}

// Store measures a snapshot of the end, and replaying.
func (c Churn) Store() (Stored, error) {
	s := Stored{Events: len(c.log)}
	text, err := c.engine.Snapshot()
	if err != nil {
		return s, err
	}
	s.Snapshot = len(text)
	began := time.Now()
	if _, err = sweep.Restore(c.settings, text); err != nil {
		return s, err
	}
	s.Restored = time.Since(began)
	began = time.Now()
	_, _, err = sweep.Replay(c.settings, c.log, nil)
	s.Replayed = time.Since(began)
	return s, err
}

// Percentile gives the p'th percentile of some durations.
func Percentile(all []time.Duration, p int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}
