package sweep

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep/schedule"
)

// fill gives every free slot something to do, as long as there is.
func (e *Engine) fill() {
	for e.state.Phase == running && e.state.Running < e.state.Parallel {
		if e.state.Budget > 0 && e.state.Spent >= e.state.Budget {
			e.drain("the budget of " + strconv.FormatInt(e.state.Budget, 10) + " is used up")
			return
		}
		if len(e.state.Again) > 0 {
			t := e.state.Trials[e.state.Again[0]-1]
			e.state.Again = e.state.Again[1:]
			e.begin(t, "goes on: its job was interrupted")
			continue
		}
		m, found := e.scheduler.Next(e.remaining())
		if !found || !e.make(m) {
			return
		}
	}
}

// make carries out a move of the scheduler. It is false when there is nothing more to draw.
func (e *Engine) make(m schedule.Move) bool {
	var t *Trial
	if m.Trial > 0 {
		t = e.state.Trials[m.Trial-1]
	} else {
		var err error
		if t, err = e.draw(); err != nil {
			e.drain(err.Error())
			return false
		}
		if t == nil { // the sampler has no more: whatever else there is to do
			e.state.Cap = e.state.Drawn
			next, found := e.scheduler.Next(e.remaining())
			return found && e.make(next)
		}
		e.sampler.Began(t.Number, t.Point)
	}
	t.Bracket, t.Rung, t.To = m.Bracket, m.Rung, m.To
	e.scheduler.Started(t.Number, m)
	e.begin(t, m.Reason)
	return true
}

// begin starts the next job of a trial.
func (e *Engine) begin(t *Trial, reason string) {
	from := t.Reached
	if e.settings.Restart {
		from = 0
	}
	if t.Discarded {
		reason += "; its checkpoint is gone, so it begins anew"
	}
	t.State, t.Discarded = TrialRunning, false
	t.Job++
	e.state.Running++
	e.state.Spent += max(t.To-from, 0)
	e.tell(Decision{Kind: Run, Trial: t.Number, Job: t.Job, Bracket: t.Bracket, Rung: t.Rung, From: from, To: t.To, Config: t.Config, Reason: reason})
}

// maxTries is how many points are drawn that break a constraint before the
// sweep is given up.
const maxTries = 1000

// draw makes a trial: one that was added by hand, or else a new point. There is
// none when all have been drawn.
func (e *Engine) draw() (*Trial, error) {
	if len(e.state.ByHand) > 0 {
		t := e.state.Trials[e.state.ByHand[0]-1]
		e.state.ByHand = e.state.ByHand[1:]
		return t, nil
	}
	u, config, err := e.point()
	if known, found := e.recalled[len(e.state.Trials)+1]; found && !bytes.Equal(known, config) {
		u, config, err = e.recall(known, u), known, nil
	}
	if config == nil || err != nil {
		return nil, err
	}
	e.state.Drawn++
	return e.newTrial(u, config), nil
}

// point draws until the constraints of the space hold. It gives nothing when all
// have been drawn.
func (e *Engine) point() ([]float64, json.RawMessage, error) {
	for range maxTries {
		u, more := e.sampler.Draw(e.state.Draws)
		if !more {
			return nil, nil, nil
		}
		e.state.Draws++
		config, ok, err := e.settings.Space.Point(u)
		if err != nil {
			return nil, nil, err
		}
		if ok {
			return u, e.settings.Space.JSON(config), nil
		}
	}
	return nil, nil, bine.Errorf(bine.Invalid, "of %d configurations none kept the constraints of the space", maxTries)
}

// recall gives the point of a configuration that was drawn by another release. One
// that is not in the space any more has none, for which another serves.
func (e *Engine) recall(config json.RawMessage, other []float64) []float64 {
	if u, _, err := e.settings.Space.Locate(config); err == nil {
		return u
	}
	if other == nil {
		other = make([]float64, len(e.settings.Space.Params))
	}
	return other
}

// discard tells which checkpoints no promotion can need any more.
func (e *Engine) discard() {
	for _, number := range e.scheduler.Dead(e.remaining()) {
		t := e.state.Trials[number-1]
		t.State = TrialThrough
		e.drop(t, "it can't get among the best of its rung any more, whatever is still to come")
	}
}

// finish ends the sweep when nothing runs and nothing can begin.
func (e *Engine) finish() {
	if e.state.Running > 0 || e.state.Phase == paused || e.state.Phase == finished {
		return
	}
	if e.state.Phase == running {
		e.state.Why = "all trials have ended"
	}
	e.state.Phase = finished
	e.tell(Decision{Kind: Finished, Reason: e.state.Why})
}
