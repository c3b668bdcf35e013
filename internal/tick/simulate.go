package tick

import (
	"slices"
	"time"
)

// Policy says what becomes of ticks that meet a run or a downtime.
type Policy struct {
	Overlap string        // skip, buffer_one, buffer_all, cancel_other or allow_all
	CatchUp time.Duration // ticks missed for longer are dropped; less than 10 s is 10 s
	// Cancel is how long a run takes to end after it was cancelled.
	Cancel time.Duration
}

// Bounds that the engine has.
const (
	shortestCatchUp = 10 * time.Second
	longestBuffer   = 1000
)

// Span is a time in which nothing looks at the schedule: from From on, before To.
type Span struct{ From, To time.Time }

// Fate is what became of a tick.
type Fate string

// The fates of a tick.
const (
	Ran      Fate = "ran"
	Skipped  Fate = "skipped"   // by the overlap policy
	TooLate  Fate = "too late"  // older than the catch-up window
	NoBuffer Fate = "no buffer" // too many waited already
)

// Outcome says what became of one tick.
type Outcome struct {
	At         time.Time // planned
	Fate       Fate
	Start, End time.Time // of the run, where it ran
	Cancelled  bool      // by a later tick
}

// simulation is a schedule as it goes on.
type simulation struct {
	policy Policy
	length func(at time.Time) time.Duration
	out    []Outcome
	buffer []int // ticks that wait, by their index
	going  int   // the run that goes on, -1 for none; not of allow_all
}

// Simulate says which runs start when: ticks are planned times in order, length
// is how long the run of each takes, and down are spans in order in which the
// engine does not run. Runs go on meanwhile, but their end is seen afterwards.
// One outcome is given for each tick. A tick and the end of a run at the same
// time are seen in that order's reverse: the end first.
func Simulate(ticks []time.Time, length func(at time.Time) time.Duration, down []Span, p Policy) []Outcome {
	p.CatchUp = max(p.CatchUp, shortestCatchUp)
	s := &simulation{policy: p, length: length, out: make([]Outcome, len(ticks)), going: -1}
	for i := 0; i < len(ticks); {
		now := seen(ticks[i], down)
		for s.going >= 0 && !seen(s.out[s.going].End, down).After(now) {
			s.ended(seen(s.out[s.going].End, down))
		}
		for ; i < len(ticks) && !seen(ticks[i], down).After(now); i++ {
			s.out[i].At = ticks[i]
			s.arrive(i, now)
		}
		s.process(now)
	}
	for s.going >= 0 {
		s.ended(seen(s.out[s.going].End, down))
	}
	return s.out
}

// seen is when something that happens at a time is seen.
func seen(at time.Time, down []Span) time.Time {
	i, inside := slices.BinarySearchFunc(down, at, func(s Span, at time.Time) int {
		switch {
		case !at.Before(s.To):
			return -1
		case at.Before(s.From):
			return 1
		}
		return 0
	})
	if inside {
		return down[i].To
	}
	return at
}

// arrive lets a tick wait, unless it is too late.
func (s *simulation) arrive(i int, now time.Time) {
	switch {
	case now.Sub(s.out[i].At) > s.policy.CatchUp:
		s.out[i].Fate = TooLate
	case len(s.buffer) >= longestBuffer:
		s.out[i].Fate = NoBuffer
	default:
		s.buffer = append(s.buffer, i)
	}
}

// ended sees the end of the run that goes on.
func (s *simulation) ended(now time.Time) {
	s.going = -1
	s.process(now)
}

// process goes through the ticks that wait, as the engine's ProcessBuffer does.
func (s *simulation) process(now time.Time) {
	waiting := s.buffer
	s.buffer = nil
	next := -1
	cancel := false
	for _, i := range waiting {
		if s.policy.Overlap == "allow_all" {
			s.start(i, now)
			continue
		}
		if s.going < 0 && next < 0 {
			next = i
			continue
		}
		switch s.policy.Overlap {
		case "buffer_all":
			s.buffer = append(s.buffer, i)
		case "buffer_one":
			if len(s.buffer) == 0 {
				s.buffer = append(s.buffer, i)
			} else {
				s.out[i].Fate = Skipped
			}
		case "cancel_other":
			if s.going >= 0 {
				cancel = true
				s.buffer = append(s.buffer, i)
			} else {
				s.out[next].Fate = Skipped
				next = i
			}
		default:
			s.out[i].Fate = Skipped
		}
	}
	if cancel {
		s.cancel(now)
	}
	if next >= 0 {
		s.start(next, now)
		s.going = next
	}
}

func (s *simulation) start(i int, now time.Time) {
	o := &s.out[i]
	o.Fate, o.Start, o.End = Ran, now, now.Add(s.length(o.At))
}

// cancel ends the run that goes on.
func (s *simulation) cancel(now time.Time) {
	o := &s.out[s.going]
	if end := now.Add(s.policy.Cancel); !o.Cancelled && end.Before(o.End) {
		o.End, o.Cancelled = end, true
	}
}
