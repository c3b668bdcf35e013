package sweep

import (
	"fmt"
	"strconv"

	"github.com/bine-ml/bine/internal/sweep/rank"
	"github.com/bine-ml/bine/internal/sweep/sample"
	"github.com/bine-ml/bine/internal/sweep/schedule"
)

// apply changes the state by an event that was accepted.
func (e *Engine) apply(v Event) {
	switch v.Kind {
	case Report, Done, Failed, Invalid, Preempted, Stopped:
		e.applyOf(e.state.Trials[v.Trial-1], v)
	case Start, Resume:
		e.state.Phase = running
	case Pause:
		e.state.Phase = paused
	case Parallel:
		e.state.Parallel = v.Count
	case Add:
		e.add(v)
	case Extend:
		e.extend(v)
	case Stop:
		e.end(or(v.Reason, "it was stopped"))
	}
}

func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// applyOf changes a trial by an event.
func (e *Engine) applyOf(t *Trial, v Event) {
	if v.Kind != Report {
		e.state.Running--
	}
	if t.State == TrialStopping {
		e.stopped(t, v)
		return
	}
	switch v.Kind {
	case Report:
		e.report(t, v)
	case Done:
		e.done(t, v)
	case Failed:
		e.fail(t, v)
	case Invalid:
		e.invalid(t, v)
	case Preempted:
		t.State = TrialQueued
		if !e.settings.Restart {
			t.Reached = max(t.Reached, v.At)
		}
		e.state.Again = append(e.state.Again, t.Number)
	}
}

// stopped is an event of a trial that was told to stop. Its checkpoint stays
// where the whole sweep ends, because it may be the best then.
func (e *Engine) stopped(t *Trial, v Event) {
	if v.Metrics != nil {
		t.At, t.Metrics = v.At, v.Metrics
	}
	if v.Kind == Report {
		return
	}
	t.State = TrialStopped
	if e.state.Phase != stopping {
		e.drop(t, "the trial was stopped")
	}
}

func (e *Engine) report(t *Trial, v Event) {
	t.At, t.Metrics = v.At, v.Metrics
	s := e.score(v.Metrics)
	verdict := e.scheduler.Report(t.Number, v.At, s)
	t.Rung = max(t.Rung, verdict.Rung)
	if verdict.Stop {
		e.observe(t, s)
		e.stop(t, verdict)
	}
	e.aim(t)
}

func (e *Engine) stop(t *Trial, v schedule.Verdict) {
	t.State = TrialStopping
	e.tell(Decision{Kind: StopJob, Trial: t.Number, Job: t.Job, Bracket: t.Bracket, Rung: v.Rung, Reason: v.Reason})
}

// observe lets the sampler learn.
func (e *Engine) observe(t *Trial, s rank.Score) {
	e.sampler.Tell(sample.Observation{Trial: t.Number, Point: t.Point, At: t.At, Score: s})
}

func (e *Engine) done(t *Trial, v Event) {
	t.At, t.Metrics = v.At, v.Metrics
	if t.To > 0 {
		t.At = max(v.At, t.To) // one that ended by itself will not change any more
	} else {
		e.state.Spent += max(v.At-t.Reached, 0)
	}
	t.Reached = t.At
	s := e.score(v.Metrics)
	verdict := e.scheduler.Ended(t.Number, t.At, s)
	e.observe(t, s)
	t.State, t.Rung = TrialThrough, verdict.Rung
	d := Decision{Kind: Through, Trial: t.Number, Job: t.Job, Bracket: t.Bracket, Rung: verdict.Rung, Reason: verdict.Reason}
	if verdict.Waits {
		t.State, d.Kind = TrialWaiting, Wait
	}
	e.tell(d)
	if !s.Number() {
		e.drop(t, "the trial can't go on")
	}
	e.aim(t)
}

// reaches says whether metrics reach the target, if there is one.
func (e *Engine) reaches(metrics map[string]Number) bool {
	return len(e.settings.Metrics) > 0 && e.settings.Metrics[0].reaches(metrics)
}

// aim ends the sweep when a trial reached the target.
func (e *Engine) aim(t *Trial) {
	if e.reaches(t.Metrics) {
		e.drain(fmt.Sprintf("trial %d reached the target of %s", t.Number, e.settings.Metrics[0].Name))
	}
}

func (e *Engine) fail(t *Trial, v Event) {
	t.State = TrialFailed
	e.state.Failed++
	s := rank.Score{Class: rank.Failed}
	verdict := e.scheduler.Ended(t.Number, t.At, s)
	e.observe(t, s)
	reason := verdict.Reason
	if v.Reason != "" {
		reason += ": " + v.Reason
	}
	e.tell(Decision{Kind: Through, Trial: t.Number, Job: t.Job, Bracket: t.Bracket, Rung: verdict.Rung, Reason: reason})
	e.drop(t, "the trial failed")
	if e.state.Allowed >= 0 && e.state.Failed > e.state.Allowed && (e.state.Phase == running || e.state.Phase == paused || e.state.Phase == draining) {
		e.end(strconv.Itoa(e.state.Failed) + " trials failed, and " + strconv.Itoa(e.state.Allowed) + " may")
	}
}

// maxInvalid is how many trials in a row may be invalid before the sweep is given up.
const maxInvalid = 1000

func (e *Engine) invalid(t *Trial, v Event) {
	t.State = TrialInvalid
	e.scheduler.Forget(t.Number)
	e.sampler.Forget(t.Number)
	e.state.Invalid++
	if !t.ByHand {
		e.state.Drawn--
	}
	e.tell(Decision{Kind: Replace, Trial: t.Number, Job: t.Job, Bracket: t.Bracket, Rung: t.Rung,
		Reason: "its configuration can't be, and does not count" + colon(v.Reason)})
	e.drop(t, "the configuration can't be")
	if e.state.Invalid >= maxInvalid+10*e.state.Drawn {
		e.end(strconv.Itoa(e.state.Invalid) + " configurations could not be: give the space a constraint")
	}
}

func colon(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// drop says that nobody needs the checkpoints of a trial, if it may have any.
func (e *Engine) drop(t *Trial, reason string) {
	if t.Discarded || e.settings.Restart {
		return
	}
	t.Discarded, t.Reached = true, 0
	e.tell(Decision{Kind: Discard, Trial: t.Number, Bracket: t.Bracket, Rung: t.Rung, Reason: reason})
}

func (e *Engine) add(v Event) {
	u, config, err := e.settings.Space.Locate(v.Config)
	if err != nil {
		panic("an event that was accepted can't be applied: " + err.Error())
	}
	t := e.newTrial(u, e.settings.Space.JSON(config))
	t.State, t.ByHand = TrialAdded, true
	e.state.ByHand = append(e.state.ByHand, t.Number)
	e.scheduler.Revive()
}

func (e *Engine) extend(v Event) {
	if e.state.Cap != schedule.Unbounded {
		e.state.Cap += v.Count
	}
	if e.state.Budget > 0 {
		e.state.Budget += v.Budget
	}
	if e.state.Allowed >= 0 {
		e.state.Allowed += v.Allow
	}
	if e.state.Phase == draining || e.state.Phase == finished {
		e.state.Phase, e.state.Why = running, ""
	}
	e.scheduler.Revive()
}

func (e *Engine) newTrial(u []float64, config []byte) *Trial {
	t := &Trial{Number: len(e.state.Trials) + 1, Config: config, Point: u}
	e.state.Trials = append(e.state.Trials, t)
	return t
}

// drain lets nothing begin any more.
func (e *Engine) drain(reason string) {
	if e.state.Phase != running && e.state.Phase != paused {
		return
	}
	e.state.Phase, e.state.Why = draining, reason
	e.tell(Decision{Kind: Drain, Reason: reason})
}

// end tells everything to stop.
func (e *Engine) end(reason string) {
	e.state.Phase, e.state.Why = stopping, reason
	for _, t := range e.state.Trials {
		if t.State == TrialRunning {
			e.stop(t, schedule.Verdict{Rung: t.Rung, Reason: reason})
		}
	}
}
