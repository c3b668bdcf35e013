package bench

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	sampling "github.com/bine-ml/bine/internal/sweep/sample" // sample is a word of this package
	"github.com/bine-ml/bine/internal/sweep/sim"
)

// SweepBench is how the engine of sweeps is measured.
type SweepBench struct {
	Seeds      int       // of each simulation; 0 is 25
	Deviations []float64 // of stragglers; none: those that were published
	Drops      []float64 // of lost jobs; none: those that were published
	Trials     int       // of which decisions are measured; 0 is 100,000
	Points     int       // that samplers which learn draw; 0 is 30
	CSV        string    // a file to write the table of stragglers to; empty: none
	Progress   func(string)
}

// The goals: of decisions with 500 workers, of trials that are finished with
// checkpoints where machines are worst, of the time that waiting for each other takes, and of
// 10,000 trials of a second on 16 slots.
const (
	leastDecisions = 100_000
	leastResumed   = 8
	leastSaved     = 33
	mostOverhead   = 1.03
)

// Sweeps measures decisions on this machine and simulates sweeps.
func Sweeps(b SweepBench) ([]Row, error) {
	if b.Seeds == 0 {
		b.Seeds = 25
	}
	if b.Deviations == nil {
		b.Deviations, b.Drops = sim.Deviations(), sim.Drops()
	}
	if b.Trials == 0 {
		b.Trials = 100_000
	}
	if b.Points == 0 {
		b.Points = 30
	}
	rows, err := b.decisions()
	if err != nil {
		return rows, err
	}
	for _, measure := range []func() ([]Row, error){b.growth, b.draws, b.seconds, b.waiting, b.stragglers} {
		more, err := measure()
		if rows = append(rows, more...); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

func (b SweepBench) tell(format string, args ...any) {
	if b.Progress != nil {
		b.Progress(fmt.Sprintf(format, args...))
	}
}

// processorTime is what this process has used of processors. Unlike the time of
// a clock it does not grow with what else the machine does.
func processorTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// churn measures a sweep of 500 workers, and what processor time it took.
func churn(trials int) (sim.Churn, time.Duration, error) {
	before, err := processorTime()
	if err != nil {
		return sim.Churn{}, 0, err
	}
	c, err := sim.Measure(500, trials, 1)
	if err != nil {
		return c, 0, err
	}
	after, err := processorTime()
	return c, after - before, err
}

func (b SweepBench) decisions() ([]Row, error) {
	b.tell("decisions of a sweep with %d trials on 500 workers", b.Trials)
	c, used, err := churn(b.Trials)
	if err != nil {
		return nil, err
	}
	return []Row{
		Row{Name: "sweep: results decided on, ASHA on 500 workers, per second of processor time", Size: b.Trials,
			Value: float64(len(c.Took)) / used.Seconds(), Unit: "/s"}.HeldTo(AtLeast(leastDecisions)),
		{Name: "sweep: a result decided on, p50", Size: b.Trials, Value: micros(sim.Percentile(c.Took, 50)), Unit: "µs"},
		{Name: "sweep: a result decided on, p99", Size: b.Trials, Value: micros(sim.Percentile(c.Took, 99)), Unit: "µs"},
	}, nil
}

// growth measures how costs grow with the number of trials.
func (b SweepBench) growth() ([]Row, error) {
	var rows []Row
	for _, trials := range []int{100, 1_000, 10_000} {
		b.tell("a sweep of %d trials", trials)
		c, _, err := churn(trials)
		if err != nil {
			return rows, err
		}
		stored, err := c.Store()
		if err != nil {
			return rows, err
		}
		rows = append(rows,
			Row{Name: "sweep by size: a result decided on, p50", Size: trials, Value: micros(sim.Percentile(c.Took, 50)), Unit: "µs"},
			Row{Name: "sweep by size: snapshot", Size: trials, Value: float64(stored.Snapshot) / 1024, Unit: "KiB"},
			Row{Name: "sweep by size: restoring it", Size: trials, Value: micros(stored.Restored) / 1000, Unit: "ms"},
			Row{Name: "sweep by size: replaying its log", Size: trials, Value: micros(stored.Replayed) / 1000, Unit: "ms"})
	}
	return rows, nil
}

// draws measures what samplers that learn take for a point.
func (b SweepBench) draws() ([]Row, error) {
	var rows []Row
	for _, k := range sim.Learners() {
		b.tell("points drawn by %s", k)
		for _, results := range []int{100, 1_000, 10_000} {
			used, err := drawing(k, results, b.Points)
			if err != nil {
				return rows, err
			}
			rows = append(rows, Row{Name: fmt.Sprintf("sweep: a point drawn by %s, by results, processor time", k), Size: results, Value: used, Unit: "ms"})
		}
	}
	return rows, nil
}

// drawing gives the processor time of a point that a sampler draws, in ms.
func drawing(k sampling.Kind, results, points int) (float64, error) {
	s, err := sim.Taught(k, results)
	if err != nil {
		return 0, err
	}
	before, err := processorTime()
	if err != nil {
		return 0, err
	}
	for n := range points {
		s.Draw(uint64(n))
	}
	after, err := processorTime()
	return float64((after - before).Microseconds()) / float64(points) / 1000, err
}

func (b SweepBench) seconds() ([]Row, error) {
	const trials, slots = 10_000, 16
	b.tell("%d trials of a second on %d slots", trials, slots)
	took, err := sim.Seconds(trials, slots)
	r := Row{Name: "sweep: 10,000 trials of a second on 16 slots, deciding included", Size: trials, Value: took, Unit: "s"}
	return []Row{r.Against(trials / slots).HeldTo(RatioAtMost(mostOverhead))}, err
}

func (b SweepBench) waiting() ([]Row, error) {
	var rows []Row
	for _, workers := range []int{8, 16} {
		for _, deviation := range []float64{0.25, 0.5} {
			b.tell("rounds of %d workers, deviation %g", workers, deviation)
			w, err := sim.Wait(workers, deviation, b.Seeds)
			if err != nil {
				return rows, err
			}
			name := fmt.Sprintf("sweep: time saved against rounds, %d workers, durations log-normal %g", workers, deviation)
			rows = append(rows,
				Row{Name: name + ", no trial stopped", Value: round(100 * (1 - w.Alone/w.Rounds)), Unit: "%"},
				Row{Name: name + ", median rule", Value: round(100 * (1 - w.Median/w.Rounds)), Unit: "%"}.HeldTo(AtLeast(leastSaved)))
		}
	}
	return rows, nil
}

func (b SweepBench) stragglers() ([]Row, error) {
	done, all := 0, len(b.Deviations)*len(b.Drops)
	cells, err := sim.Straggle(b.Deviations, b.Drops, b.Seeds, func(sim.Cell) {
		done++
		b.tell("stragglers and lost jobs: %d of %d cells, %d seeds each", done, all, b.Seeds)
	})
	if err != nil {
		return nil, err
	}
	var rows []Row
	for i, c := range cells {
		name := fmt.Sprintf("sweep: trials finished, deviation %.2f, drop %.3f: ", c.Deviation, c.Drop)
		resumed := Row{Name: name + "with checkpoints, to ASHA", Value: c.Finished[sim.Resuming], Unit: "trials"}.Against(c.Finished[sim.Restarting])
		if i == len(cells)-1 {
			resumed = resumed.HeldTo(RatioAtLeast(leastResumed))
		}
		rows = append(rows, Row{Name: name + "ASHA, to synchronous halving", Value: c.Finished[sim.Restarting], Unit: "trials"}.
			Against(c.Finished[sim.Synchronous]).HeldTo(RatioAtLeast(1)), resumed)
	}
	return rows, b.write(cells)
}

// write writes the table of stragglers to a file, if one was asked for.
func (b SweepBench) write(cells []sim.Cell) error {
	if b.CSV == "" {
		return nil
	}
	f, err := os.Create(b.CSV)
	if err != nil {
		return err
	}
	if err := cellsCSV(f, cells); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// cellsCSV writes a row for each cell: how many trials were finished and when
// the first was, in each of the three ways.
func cellsCSV(w io.Writer, cells []sim.Cell) error {
	rows := [][]string{{"deviation", "drop", "finished_synchronous", "finished_asha", "finished_checkpoints", "first_synchronous", "first_asha", "first_checkpoints"}}
	for _, c := range cells {
		row := []string{strconv.FormatFloat(c.Deviation, 'f', 2, 64), strconv.FormatFloat(c.Drop, 'f', 3, 64)}
		for _, x := range slices.Concat(c.Finished[:], c.First[:]) {
			row = append(row, strconv.FormatFloat(x, 'f', 2, 64))
		}
		rows = append(rows, row)
	}
	return csv.NewWriter(w).WriteAll(rows)
}
