// Package schedule decides which trial of a sweep goes on and how far:
// asynchronous successive halving by promotion (ASHA) and by stopping, Hyperband's brackets
// of it, synchronous halving, the median rule, rounds, and none. Each is a
// Scheduler; New makes them by name.
//
// The source of halving is Li, Jamieson, Rostamizadeh, Gonina, Ben-Tzur, Hardt,
// Recht, Talwalkar: A System for Massively Parallel Hyperparameter Tuning
// (MLSys 2020). With a least resource r, a greatest R and a reduction factor
// eta, rung k of bracket s trains to r·eta^(s+k) in all, k = 0 … K, where
// K = floor(log_eta(R/r)) − s. Of n trials that got through a rung, the best
// floor(n/eta) go on.
package schedule

import (
	"cmp"
	"encoding/json"
	"math"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep/rank"
)

// Kind names a scheduler.
type Kind string

// The schedulers.
const (
	ASHA     Kind = "asha"          // promotion: trials wait at a rung until they are among its best
	Stopping Kind = "asha_stopping" // trials run on unless they are not among a rung's best
	Brackets Kind = "brackets"      // Hyperband: ASHA with several brackets, side by side
	Halving  Kind = "halving"       // synchronous: a rung is waited for
	Median   Kind = "median"        // stopped when worse than the median of those that ended
	Rounds   Kind = "rounds"        // as many as there are slots; the next when all of them have ended
	None     Kind = "none"          // all run to the end
)

// Kinds lists the schedulers.
func Kinds() []Kind { return []Kind{ASHA, Stopping, Brackets, Halving, Median, Rounds, None} }

// Settings say which scheduler, and how it is set. Resources are counted in the unit
// that trials report: epochs, steps, trees.
type Settings struct {
	Kind     Kind  `json:"kind" doc:"asha, asha_stopping, brackets, halving, median, rounds or none"`
	Min      int64 `json:"min,omitempty" doc:"of rungs: resource of the first one, r"`
	Max      int64 `json:"max,omitempty" doc:"resource to which a trial that goes all the way trains, R; 0 is until it ends by itself"`
	Eta      int   `json:"eta,omitempty" doc:"of rungs: reduction factor, at least 2"`
	Skip     int   `json:"skip,omitempty" doc:"of rungs: how many rungs at the bottom are left out, s; of brackets: of the first bracket"`
	Strict   bool  `json:"strict,omitempty" doc:"of asha_stopping: the first trials of a rung are not let through, unless they are the best so far"`
	Width    int   `json:"width,omitempty" doc:"of halving: trials of a bracket, n; of rounds: of a round"`
	Brackets int   `json:"brackets,omitempty" doc:"of brackets: how many; 0 is as many as there are rungs"`
	Finished int   `json:"finished,omitempty" doc:"of median: how many trials must have ended before any is stopped"`
	Interval int64 `json:"interval,omitempty" doc:"of median: resource between two looks at a trial"`
}

// Move is what a free slot does: begin a new trial (Trial 0), or let one that
// waits go on.
type Move struct {
	Trial   int
	Bracket int
	Rung    int
	To      int64 // resource in all; 0 is until it ends by itself
	Reason  string
}

// Verdict is what becomes of a trial.
type Verdict struct {
	Stop   bool // of one that runs: it ends now
	Waits  bool // of one that got through a move: it may go on later
	Rung   int  // of one that got through a move or past a rung
	Reason string
}

// Scheduler decides which trial goes on and how far. It is deterministic: what
// it says follows from what it was told, in order. It is not for several
// goroutines at once. Its JSON is its whole state, which a new one of equal
// settings takes in.
//
// A scheduler that lies outside of this process can be one of these whose answers
// come in with events.
type Scheduler interface {
	json.Marshaler
	json.Unmarshaler

	// Next says what a free slot does, or that there is nothing to do now.
	// fresh is how many new trials may still begin, or Unbounded.
	Next(fresh int) (Move, bool)

	// Started tells that a move was made, with the number of its trial.
	Started(trial int, m Move)

	// Milestone gives the least resource at which a report of a running trial is of
	// use; there is none where reports are not used, or not any more.
	Milestone(trial int) (at int64, ok bool)

	// Report tells what a running trial reached at a resource.
	Report(trial int, at int64, s rank.Score) Verdict

	// Ended tells that a trial got to the end of its move, at a resource, or
	// failed.
	Ended(trial int, at int64, s rank.Score) Verdict

	// Forget takes out a running trial as though it had never been.
	Forget(trial int)

	// Dead gives the trials that wait and can't ever go on, each once.
	Dead(fresh int) []int

	// Revive lets those that Dead gave wait again, because there may be more
	// trials than was said.
	Revive()
}

// Unbounded is any number of new trials.
const Unbounded = -1

// New makes a scheduler. The error, of kind Invalid, says what of the settings
// can't be.
func New(s Settings) (Scheduler, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	switch s.Kind {
	case ASHA:
		s.Brackets = 1
		return newBrackets(s), nil
	case Brackets:
		return newBrackets(s), nil
	case Stopping:
		return newStopping(s), nil
	case Halving:
		return &halving{settings: s, targets: s.rungs(s.Skip), brackets: []*cohort{}, of: map[int]int{}}, nil
	case Median:
		return newMedian(s), nil
	default:
		return &rounds{settings: s}, nil
	}
}

// Check says what of the settings can't be.
func (s Settings) Check() error {
	switch {
	case s.Min < 0 || s.Max < 0 || s.Skip < 0 || s.Width < 0 || s.Brackets < 0 || s.Finished < 0 || s.Interval < 0:
		return bine.Errorf(bine.Invalid, "settings of a scheduler can't be negative")
	case s.Kind == None:
		return nil
	case s.Kind == Rounds:
		return s.needWidth(1)
	case s.Kind == Median:
		if s.Interval == 0 {
			return bine.Errorf(bine.Invalid, "the median rule needs an interval of at least 1 at which it looks at trials")
		}
		return nil
	}
	return s.checkRungs()
}

func (s Settings) checkRungs() error {
	switch s.Kind {
	case ASHA, Stopping, Brackets, Halving:
	default:
		return bine.Errorf(bine.Invalid, "there is no scheduler %q; there are %v", s.Kind, Kinds())
	}
	endless := s.Kind == Stopping && s.Max == 0
	switch {
	case s.Eta < 2:
		return bine.Errorf(bine.Invalid, "eta must be a whole number of at least 2, not %d", s.Eta)
	case s.Min < 1:
		return bine.Errorf(bine.Invalid, "the first rung must be at a resource of at least 1, not %d", s.Min)
	case !endless && s.Max < s.Min:
		return bine.Errorf(bine.Invalid, "the greatest resource (%d) is below the least (%d)", s.Max, s.Min)
	case !endless && s.Skip > s.steps():
		return bine.Errorf(bine.Invalid, "s is %d, but there are only %d rungs above the first: at most that many can be left out", s.Skip, s.steps())
	case s.Brackets > s.steps()+1-s.Skip:
		return bine.Errorf(bine.Invalid, "there can be %d brackets at most, not %d", s.steps()+1-s.Skip, s.Brackets)
	}
	if s.Kind != Halving {
		return nil
	}
	least := 1
	for range s.steps() - s.Skip {
		least *= s.Eta
	}
	return s.needWidth(least)
}

func (s Settings) needWidth(least int) error {
	if s.Width < least {
		return bine.Errorf(bine.Invalid, "%s needs a width of at least %d trials, not %d", s.Kind, least, s.Width)
	}
	return nil
}

// steps is floor(log_eta(R/r)), in whole numbers.
func (s Settings) steps() int {
	n := 0
	for at := s.Min; at <= s.Max/int64(s.Eta); at *= int64(s.Eta) {
		n++
	}
	return n
}

// Rungs gives the resources of the rungs of the first bracket.
func (s Settings) Rungs() []int64 {
	switch s.Kind {
	case ASHA, Brackets, Halving, Stopping:
		return s.rungs(s.Skip)
	}
	return []int64{s.Max}
}

// rungs gives the resources of the rungs of a bracket, the lowest first. A
// scheduler that stops trials and knows no greatest resource has rungs as far
// as numbers go.
func (s Settings) rungs(skip int) []int64 {
	top := cmp.Or(s.Max, math.MaxInt64/2)
	var out []int64
	for at := s.Min; at > 0 && at <= top; at *= int64(s.Eta) {
		if out = append(out, at); at > top/int64(s.Eta) {
			break
		}
	}
	return out[min(skip, len(out)-1):]
}
