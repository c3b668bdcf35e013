package sim

import (
	"testing"

	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/sweep/schedule"
)

// toy is the example of the paper: 9 workers of equal speed, eta 3, from 1 to 9.
func toy(t *testing.T, restart bool) float64 {
	t.Helper()
	s := random(1, 9, 0, schedule.Settings{Kind: schedule.ASHA, Min: 1, Max: 9, Eta: 3})
	s.Restart = restart
	e, err := sweep.New(s)
	if err != nil {
		t.Fatal(err)
	}
	first := 0.0
	_, err = Run(e, World{Until: 100, Reaches: itself,
		Takes: func(d sweep.Decision) float64 { return float64(d.To - d.From) },
		Seen: func(now float64, v sweep.Event, _ []sweep.Decision) {
			if v.Kind == sweep.Done && v.At == 9 && first == 0 {
				first = now
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	return first
}

func TestTheExampleOfThePaperTakesExactlyAsLongAsItSays(t *testing.T) {
	if first := toy(t, true); first != 13 {
		t.Errorf("from scratch the first trial is through after %g, not 13/9 of 9", first)
	}
	if first := toy(t, false); first != 9 {
		t.Errorf("from checkpoints the first trial is through after %g, not 9", first)
	}
}

func TestStragglersAndLostJobs(t *testing.T) {
	cells, err := Straggle([]float64{1.33}, []float64{0, 0.010}, 4, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cells {
		t.Logf("%+v", c)
		if c.Finished[Restarting] < c.Finished[Synchronous] {
			t.Errorf("deviation %g, drop %g: ASHA finishes %g, synchronous halving %g", c.Deviation, c.Drop, c.Finished[Restarting], c.Finished[Synchronous])
		}
	}
	if worst := cells[1]; worst.Finished[Resuming] < 6*worst.Finished[Restarting] {
		t.Errorf("where machines are worst, checkpoints finish %g trials and ASHA from scratch %g", worst.Finished[Resuming], worst.Finished[Restarting])
	}
}

func TestWaitingForEachOtherCostsAThird(t *testing.T) {
	for _, workers := range []int{8, 16} {
		w, err := Wait(workers, 0.25, 5)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", w)
		if w.Alone >= w.Rounds || w.Median > 0.67*w.Rounds {
			t.Errorf("%d workers: rounds take %.2f, each by itself %.2f, with the median rule %.2f", workers, w.Rounds, w.Alone, w.Median)
		}
	}
}

func TestDecidingTakesNextToNothing(t *testing.T) {
	took, err := Seconds(2000, 16)
	if err != nil {
		t.Fatal(err)
	}
	if took < 125 || took > 125*1.03 {
		t.Errorf("2,000 trials of a second on 16 slots take %.1f s, of which 125 are needed", took)
	}
	c, err := Measure(50, 500, 1)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := c.Store()
	if err != nil || stored.Events != len(c.Took)+1 || stored.Snapshot == 0 {
		t.Errorf("measured %d events, stored %+v: %v", len(c.Took), stored, err)
	}
}
