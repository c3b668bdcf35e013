// Package sweep is the engine of sweeps: which configurations are tried, how
// far each is trained, and why. It is pure: it starts nothing, waits for nothing and
// knows no clock. Its state is a function of its settings, which hold the seed, and of a log of
// events; each event yields decisions, which say what is to be done.
//
// # How to drive it
//
// Whoever owns a sweep keeps its log of events and does this for each, one
// after the other:
//
//  1. Accepts says whether the event can be taken in. A report of an attempt that was
//     replaced, or one that was taken in before, is refused with an error
//     of kind Fenced, so that asking twice is harmless.
//  2. The event is appended to the log, which numbers it from 1. From here on it
//     has happened.
//  3. Decide takes it in and gives the decisions, which are written beside it in the same
//     transaction or, after a crash, by deciding again: the same events give the same
//     decisions, byte for byte. Then they are carried out. A decision is known
//     by its event and its place among the decisions of that; carrying one out twice must be
//     harmless, which is easy: a trial's number and job name a process.
//
// A workflow does so in a local activity, because expressions of the space must not be
// evaluated in workflow code. It needs from a decision only Run (start the
// process of Trial and Job), Stop (end it) and Finish; Discard goes to whoever keeps the checkpoints. It
// may keep a Snapshot each few thousand events and begin with Restore and the events behind it, or with New and all of them.
// Recall is given the decisions that are stored, so that trials keep their configurations when a
// new release draws others from the same seed.
//
// Reports of metrics come in masses, and few of them decide anything: Watch
// gives the least resource at which the next one of a trial does, and Matters says it of a report. Whoever
// receives reports stores them all, and makes events only of those.
//
// A slot is taken from Run until the event Done, Failed, Invalid, Preempted or Stopped of
// that job. So a trial that was told to stop holds its slot until it has.
//
// # What is below
//
// Package space is what is searched, sample draws from it, schedule decides how
// far a trial goes, rank keeps trials in order, spec reads all settings from a file, and sim
// drives this engine, not a copy of it, through simulated time.
package sweep

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep/sample"
	"github.com/bine-ml/bine/internal/sweep/schedule"
	"github.com/bine-ml/bine/internal/sweep/space"
)

// Goal says which values of a metric are good.
type Goal string

// The goals.
const (
	Minimize Goal = "minimize"
	Maximize Goal = "maximize"
)

// Metric is something that trials report.
type Metric struct {
	Name    string   `json:"name"`
	Goal    Goal     `json:"goal"`
	Target  *float64 `json:"target,omitempty" doc:"no more trials begin or go on once one reached it"`
	AtMost  *float64 `json:"at_most,omitempty" doc:"a trial above ranks behind all that keep the bounds"`
	AtLeast *float64 `json:"at_least,omitempty" doc:"a trial below ranks behind all that keep the bounds"`
}

// Settings are what a sweep is. Trials are ranked by the first metric; the
// others have bounds, and all of them make the Pareto front. There may be none where nothing
// ranks trials.
type Settings struct {
	Seed      uint64            `json:"seed"`
	Space     *space.Space      `json:"space"`
	Sampler   sample.Kind       `json:"sampler"`
	Schedule  schedule.Settings `json:"schedule"`
	Metrics   []Metric          `json:"metrics"`
	Parallel  int               `json:"parallel" doc:"trials that run at once"`
	Trials    int               `json:"trials,omitempty" doc:"that begin at most; 0 is any number"`
	Budget    int64             `json:"budget,omitempty" doc:"resource that all trials together may use; 0 is any; what runs when it is used up gets to its rung"`
	MaxFailed *int              `json:"max_failed,omitempty" doc:"failed trials after which the sweep is given up; none is any number"`
	Restart   bool              `json:"restart,omitempty" doc:"trials can't go on from checkpoints: each begins anew"`
}

// Number is a value of a metric, which JSON writes as a text where it is NaN or infinite.
type Number float64

// MarshalJSON writes a number, "NaN", "Infinity" or "-Infinity".
func (n Number) MarshalJSON() ([]byte, error) {
	switch f := float64(n); {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Infinity"`), nil
	default:
		return strconv.AppendFloat(nil, f, 'g', -1, 64), nil
	}
}

// UnmarshalJSON reads what MarshalJSON writes.
func (n *Number) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case `"NaN"`:
		*n = Number(math.NaN())
	case `"Infinity"`:
		*n = Number(math.Inf(1))
	case `"-Infinity"`:
		*n = Number(math.Inf(-1))
	default:
		return json.Unmarshal(text, (*float64)(n))
	}
	return nil
}

// EventKind says what happened.
type EventKind string

// The events. Done to Stopped end a job and give its slot back.
const (
	Start     EventKind = "start"     // the first of a log
	Report    EventKind = "report"    // a trial reached Metrics At a resource, and runs on
	Done      EventKind = "done"      // a trial got to the end of its job, with Metrics At a resource
	Failed    EventKind = "failed"    // a trial ended without a result
	Invalid   EventKind = "invalid"   // a trial said that its configuration can't be: another takes its place
	Preempted EventKind = "preempted" // a job lost its host or had to give it up; its checkpoint stands At a resource
	Stopped   EventKind = "stopped"   // a job ended because it was told to
	Add       EventKind = "add"       // somebody adds a configuration, beyond those that are drawn
	Pause     EventKind = "pause"     // nothing begins or goes on; what runs gets to its rung
	Resume    EventKind = "resume"
	Parallel  EventKind = "parallel" // Count trials may run at once from now on
	Extend    EventKind = "extend"   // Count more trials, Budget more resource and Allow more failed trials
	Stop      EventKind = "stop"     // everything ends
)

// Event is something that happened to a sweep.
type Event struct {
	Kind    EventKind         `json:"kind"`
	Trial   int               `json:"trial,omitempty"`
	Job     int               `json:"job,omitempty"`
	At      int64             `json:"at,omitempty"`
	Metrics map[string]Number `json:"metrics,omitempty"`
	Config  json.RawMessage   `json:"config,omitempty"`
	Count   int               `json:"count,omitempty"`
	Budget  int64             `json:"budget,omitempty"`
	Allow   int               `json:"allow,omitempty"`
	Reason  string            `json:"reason,omitempty"`
}

// DecisionKind says what is decided.
type DecisionKind string

// The decisions. Wait, Through, Replace and Drain are for people to read: nothing has to be done.
const (
	Run      DecisionKind = "run"     // start the process of Trial and Job, which trains From To
	StopJob  DecisionKind = "stop"    // end the process of Trial and Job
	Wait     DecisionKind = "wait"    // a trial got through a rung and may go on later
	Through  DecisionKind = "through" // a trial has ended for good
	Replace  DecisionKind = "replace" // a trial does not count
	Discard  DecisionKind = "discard" // no decision to come needs the checkpoints of Trial
	Drain    DecisionKind = "drain"   // nothing begins or goes on any more
	Finished DecisionKind = "finish"  // the sweep is over
)

// Decision is what follows from an event, and why.
type Decision struct {
	Event   int64           `json:"event"` // number of the event
	Kind    DecisionKind    `json:"kind"`
	Trial   int             `json:"trial,omitempty"`
	Job     int             `json:"job,omitempty"` // counts the processes of a trial, from 1
	Bracket int             `json:"bracket,omitempty"`
	Rung    int             `json:"rung,omitempty"`
	From    int64           `json:"from,omitempty"` // resource of the checkpoint to go on from; 0 begins anew
	To      int64           `json:"to,omitempty"`   // resource in all; 0 is until it ends by itself
	Config  json.RawMessage `json:"config,omitempty"`
	Reason  string          `json:"reason"`
}

// ranks says whether trials are compared with each other.
func (s Settings) ranks() bool {
	learns := s.Sampler == sample.TPE || s.Sampler == sample.CMAES || s.Sampler == sample.Bayes
	return learns || (s.Schedule.Kind != schedule.None && s.Schedule.Kind != schedule.Rounds)
}

// Check says what of the settings can't be. The error is of kind Invalid.
func (s Settings) Check() error {
	switch {
	case s.Space == nil:
		return bine.Errorf(bine.Invalid, "a sweep needs a search space: write parameters")
	case len(s.Metrics) == 0 && s.ranks():
		return bine.Errorf(bine.Invalid, "a sweep needs a metric by which its trials are ranked: %s and %s use it", s.Sampler, s.Schedule.Kind)
	case s.Parallel < 1:
		return bine.Errorf(bine.Invalid, "at least 1 trial must be able to run at once, not %d", s.Parallel)
	case s.Trials < 0 || s.Budget < 0 || (s.MaxFailed != nil && *s.MaxFailed < 0):
		return bine.Errorf(bine.Invalid, "the limits of a sweep can't be negative")
	}
	for _, m := range s.Metrics {
		if m.Name == "" {
			return bine.Errorf(bine.Invalid, "a metric needs a name")
		}
		if m.Goal != Minimize && m.Goal != Maximize {
			return bine.Errorf(bine.Invalid, "the goal of %s must be minimize or maximize, not %q", m.Name, m.Goal)
		}
	}
	if err := s.Space.Prepare(); err != nil {
		return err
	}
	return s.Schedule.Check()
}
