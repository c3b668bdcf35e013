package trial

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/internal/sweep"
)

// change gathers what some events make of a sweep.
type change struct {
	store.SweepChange
	of     *search
	trials map[int]string // those that are others now, with the reason of their last decision
}

func newChange(s *search) *change {
	at := s.at
	return &change{of: s, trials: map[int]string{}, SweepChange: store.SweepChange{State: at.State, Reason: at.Reason, Parallel: at.Parallel, Best: at.Best, Mark: at.Mark}}
}

// decide takes an event in that is accepted.
func (c *change) decide(e Event) error {
	text, err := json.Marshal(e.Event)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	decisions, err := c.of.engine.Decide(e.Event)
	if err != nil {
		return err
	}
	seq := c.of.at.Events + int64(len(c.Events)) + 1
	c.Events = append(c.Events, bine.SweepEvent{Seq: seq, Key: e.Key, Body: text})
	c.Mark = markAfter(c.Mark, text)
	c.Dropped = append(c.Dropped, e.Drop...)
	c.state(e.Event)
	if e.Trial > 0 {
		c.trials[e.Trial] = ""
	}
	for _, d := range decisions {
		if err := c.decided(seq, d); err != nil {
			return err
		}
	}
	return nil
}

// state follows what people want.
func (c *change) state(e sweep.Event) {
	switch e.Kind {
	case sweep.Pause:
		c.State, c.Reason = bine.SweepPaused, e.Reason
	case sweep.Resume, sweep.Extend:
		c.State, c.Reason = bine.SweepRunning, ""
	case sweep.Stop:
		c.State, c.Reason = bine.SweepStopping, e.Reason
	case sweep.Parallel:
		c.Parallel = e.Count
	}
}

func (c *change) decided(event int64, d sweep.Decision) error {
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode a decision: %w", err)
	}
	c.Decisions = append(c.Decisions, bine.SweepDecision{
		Seq: c.of.at.Decisions + int64(len(c.Decisions)) + 1, Event: event, Kind: string(d.Kind), Trial: d.Trial, Body: text,
	})
	if d.Trial > 0 {
		c.trials[d.Trial] = d.Reason
	}
	switch d.Kind {
	case sweep.Run:
		return c.run(d)
	case sweep.Discard:
		for job := range c.of.engine.Trials()[d.Trial-1].Job {
			c.Dropped = append(c.Dropped, bine.SegmentKey(d.Trial, job+1))
		}
	case sweep.Drain:
		c.Reason = d.Reason
	case sweep.Finished:
		c.State, c.Reason = bine.SweepStopping, d.Reason
	}
	return nil
}

// run makes the item of a segment.
func (c *change) run(d sweep.Decision) error {
	with, err := json.Marshal(bine.TrialSegment{
		Trial: d.Trial, Segment: d.Job, Bracket: d.Bracket, Rung: d.Rung, From: d.From, Budget: d.To, Config: d.Config, Metric: c.of.at.Metric,
	})
	if err != nil {
		return fmt.Errorf("encode a segment: %w", err)
	}
	c.Items = append(c.Items, store.Item{Key: bine.SegmentKey(d.Trial, d.Job), With: with})
	return nil
}

// finish sums the change up, and gives where the sweep stands after it.
func (c *change) finish() (at store.SweepAt, err error) {
	engine := c.of.engine
	trials := engine.Trials()
	for _, number := range slices.Sorted(maps.Keys(c.trials)) {
		c.Trials = append(c.Trials, c.trial(trials[number-1]))
	}
	if best := engine.Best(); best != nil {
		c.Best = &bine.BestTrial{Trial: best.Number, Segment: best.Job, Value: float64(best.Metrics[c.of.at.Metric]), Config: best.Config}
	}
	at = c.of.at
	at.Events += int64(len(c.Events))
	at.Decisions += int64(len(c.Decisions))
	at.Segments += len(c.Items)
	at.State, at.Reason, at.Parallel, at.Best, at.Mark = c.State, c.Reason, c.Parallel, c.Best, c.Mark
	if at.Events-c.of.snap >= max(snapAfter, int64(len(trials))) {
		c.Snapshot, err = engine.Snapshot()
	}
	return at, err
}

func (c *change) trial(t *sweep.Trial) bine.SweepTrial {
	v := bine.SweepTrial{
		Trial: t.Number, State: bine.TrialState(t.State), Reason: c.trials[t.Number], Config: t.Config,
		Bracket: t.Bracket, Rung: t.Rung, Resource: t.At, Segment: t.Job,
	}
	if n, found := t.Metrics[c.of.at.Metric]; found && !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) {
		v.Value = new(float64(n))
	}
	if v.State.Ended() {
		v.EndedAt = new(time.Now())
	}
	return v
}
