package sweep

import (
	"encoding/json"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep/rank"
	"github.com/bine-ml/bine/internal/sweep/sample"
	"github.com/bine-ml/bine/internal/sweep/schedule"
)

// Engine is a sweep in memory. It is not for several goroutines at once.
type Engine struct {
	settings  Settings
	scheduler schedule.Scheduler
	sampler   sample.Sampler
	state     state
	out       []Decision // of the event at hand
	recalled  map[int]json.RawMessage
}

// phase is where a sweep stands.
type phase string

const (
	fresh    phase = ""         // not started
	running  phase = "running"  //
	paused   phase = "paused"   //
	draining phase = "draining" // nothing begins any more; what runs gets to its end
	stopping phase = "stopping" // everything was told to stop
	finished phase = "finished" //
)

// state is what of an engine is not in its scheduler and its sampler.
type state struct {
	Events   int64    `json:"events"` // taken in
	Phase    phase    `json:"phase"`
	Why      string   `json:"why,omitempty"` // it is draining, stopping or finished
	Parallel int      `json:"parallel"`
	Cap      int      `json:"cap"` // trials that may be drawn; schedule.Unbounded is any number
	Budget   int64    `json:"budget"`
	Allowed  int      `json:"allowed"` // failed trials; -1 is any number
	Drawn    int      `json:"drawn"`   // trials, without those that were invalid
	Draws    uint64   `json:"draws"`   // points, with those that broke a constraint
	Failed   int      `json:"failed"`
	Invalid  int      `json:"invalid"`
	Running  int      `json:"running"` // slots that are taken
	Spent    int64    `json:"spent"`   // resource of all jobs
	Again    []int    `json:"again"`   // trials whose job was interrupted, in the order of that
	ByHand   []int    `json:"by_hand"` // trials that were added and have not begun
	Trials   []*Trial `json:"trials"`  // by number, from 1
}

// maxCountedGrid is how many combinations of a conditional grid are counted
// beforehand at most.
const maxCountedGrid = 100_000

// New makes an engine that has seen no event. The error, of kind Invalid, says
// what of the settings can't be.
func New(s Settings) (*Engine, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	e := &Engine{settings: s, state: state{Parallel: s.Parallel, Cap: schedule.Unbounded, Budget: s.Budget, Allowed: -1}}
	if s.Trials > 0 {
		e.state.Cap = s.Trials
	}
	if s.MaxFailed != nil {
		e.state.Allowed = *s.MaxFailed
	}
	var err error
	if e.scheduler, err = schedule.New(s.Schedule); err != nil {
		return nil, err
	}
	if e.sampler, err = sample.New(s.Sampler, s.Space, s.Seed); err != nil {
		return nil, err
	}
	if s.Sampler == sample.Grid {
		return e, e.capByGrid()
	}
	return e, nil
}

// capByGrid lowers the number of trials to that of the combinations, so that
// checkpoints which can't be promoted are known.
func (e *Engine) capByGrid() error {
	most := 1
	for i := range e.settings.Space.Params {
		if most *= e.settings.Space.Params[i].Parts(); e.settings.Space.Conditional() && most > maxCountedGrid {
			return nil
		}
	}
	n, err := sample.Size(e.settings.Space)
	if err != nil {
		return err
	}
	if e.state.Cap == schedule.Unbounded || n < e.state.Cap {
		e.state.Cap = n
	}
	return nil
}

// Recall tells an engine what was decided on events that it is about to take in
// again: trials then get the configurations that they had, whatever it would
// draw itself. That matters when a new release of Bine draws something else.
func (e *Engine) Recall(decisions []Decision) {
	if e.recalled == nil {
		e.recalled = map[int]json.RawMessage{}
	}
	for _, d := range decisions {
		if d.Kind == Run && d.Job == 1 {
			e.recalled[d.Trial] = d.Config
		}
	}
}

// Replay makes an engine that recalls decisions, if there are any, and takes events
// in. It gives all decisions.
func Replay(s Settings, events []Event, recalled []Decision) (*Engine, []Decision, error) {
	e, err := New(s)
	if err != nil {
		return nil, nil, err
	}
	e.Recall(recalled)
	var all []Decision
	for i, event := range events {
		out, err := e.Decide(event)
		if err != nil {
			return nil, nil, bine.Errorf(bine.KindOf(err), "event %d of the log: %w", i+1, err)
		}
		all = append(all, out...)
	}
	return e, all, nil
}

// Accepts says whether an event can be taken in, and changes nothing. Kinds of the
// error: Invalid can never be, Fenced is of a job that ended or was
// replaced, Conflict does not fit to where the sweep stands.
func (e *Engine) Accepts(v Event) error {
	if (v.Kind == Start) != (e.state.Phase == fresh) {
		return bine.Errorf(bine.Conflict, "the first event of a sweep, and only that, is its start")
	}
	switch v.Kind {
	case Start:
		return nil
	case Report, Done, Failed, Invalid, Preempted, Stopped:
		return e.acceptsOf(v)
	}
	return e.acceptsWish(v)
}

// acceptsOf is Accepts for events of trials.
func (e *Engine) acceptsOf(v Event) error {
	if v.Trial < 1 || v.Trial > len(e.state.Trials) {
		return bine.Errorf(bine.Invalid, "there is no trial %d", v.Trial)
	}
	t := e.state.Trials[v.Trial-1]
	switch {
	case v.At < 0:
		return bine.Errorf(bine.Invalid, "a resource can't be negative, as %d is", v.At)
	case v.Job != t.Job:
		return bine.Errorf(bine.Fenced, "job %d of trial %d was replaced by job %d", v.Job, v.Trial, t.Job)
	case t.State != TrialRunning && t.State != TrialStopping:
		return bine.Errorf(bine.Fenced, "job %d of trial %d has ended: the trial is %s", v.Job, v.Trial, t.State)
	case v.Kind == Stopped && t.State == TrialRunning:
		return bine.Errorf(bine.Conflict, "trial %d was not told to stop: say that it was preempted, or that it failed", v.Trial)
	}
	return nil
}

// acceptsWish is Accepts for what people want.
func (e *Engine) acceptsWish(v Event) error {
	over := e.state.Phase == stopping || e.state.Phase == finished
	switch v.Kind {
	case Add:
		if over {
			return bine.Errorf(bine.Conflict, "the sweep is over: extend it first")
		}
		_, _, err := e.settings.Space.Locate(v.Config)
		return err
	case Pause:
		if e.state.Phase != running {
			return bine.Errorf(bine.Conflict, "the sweep is %s, so it can't be paused", e.state.Phase)
		}
	case Resume:
		if e.state.Phase != paused {
			return bine.Errorf(bine.Conflict, "the sweep is %s, not paused", e.state.Phase)
		}
	case Parallel:
		if v.Count < 1 {
			return bine.Errorf(bine.Invalid, "at least 1 trial must be able to run at once; pause the sweep to have none")
		}
	case Extend:
		if v.Count < 0 || v.Budget < 0 || v.Allow < 0 {
			return bine.Errorf(bine.Invalid, "a sweep is extended by what is more, not less")
		}
		if e.state.Phase == stopping {
			return bine.Errorf(bine.Conflict, "the sweep is ending: extend it when its last trial has ended")
		}
	case Stop:
		if over {
			return bine.Errorf(bine.Conflict, "the sweep is %s", e.state.Phase)
		}
	default:
		return bine.Errorf(bine.Invalid, "there is no event %q", v.Kind)
	}
	return nil
}

// Decide takes an event in and says what follows, in order. On an error, which
// is that of Accepts, nothing has changed.
func (e *Engine) Decide(v Event) ([]Decision, error) {
	if err := e.Accepts(v); err != nil {
		return nil, err
	}
	e.out = nil
	e.state.Events++
	e.apply(v)
	e.fill()
	e.discard()
	e.finish()
	return e.out, nil
}

// Watch gives the least resource at which a report of a running trial decides
// something; there is none where reports never do.
func (e *Engine) Watch(trial int) (at int64, ok bool) {
	if trial < 1 || trial > len(e.state.Trials) || e.state.Trials[trial-1].State != TrialRunning {
		return 0, false
	}
	return e.scheduler.Milestone(trial)
}

// Matters says whether a report of a trial decides something, so that it must
// become an event.
func (e *Engine) Matters(trial int, at int64, metrics map[string]Number) bool {
	next, ok := e.Watch(trial)
	return (ok && at >= next) || (trial >= 1 && trial <= len(e.state.Trials) && e.reaches(metrics))
}

// Events counts the events that were taken in.
func (e *Engine) Events() int64 { return e.state.Events }

// Over says whether the sweep has finished, and why.
func (e *Engine) Over() (reason string, over bool) {
	return e.state.Why, e.state.Phase == finished
}

// tell adds a decision.
func (e *Engine) tell(d Decision) {
	d.Event = e.state.Events
	e.out = append(e.out, d)
}

// remaining is how many new trials may begin.
func (e *Engine) remaining() int {
	if e.state.Cap == schedule.Unbounded {
		return schedule.Unbounded
	}
	return max(e.state.Cap-e.state.Drawn, 0) + len(e.state.ByHand)
}

// score turns metrics into what trials are ranked by.
func (e *Engine) score(metrics map[string]Number) rank.Score {
	if len(e.settings.Metrics) == 0 {
		return rank.Score{}
	}
	m := e.settings.Metrics[0]
	value, found := metrics[m.Name]
	s := rank.Score{Value: float64(value)}
	if !found || !finite(s.Value) {
		return rank.Score{Class: rank.NoNumber}
	}
	if m.Goal == Maximize {
		s.Value = -s.Value
	}
	for _, m := range e.settings.Metrics {
		if !m.keeps(metrics) {
			s.Class = rank.Outside
		}
	}
	return s
}
