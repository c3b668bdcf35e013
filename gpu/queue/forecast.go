package queue

import (
	"slices"
	"time"
)

// mostRounds bounds how many moments a forecast looks at, and mostLooks how many
// jobs at all of them together.
const (
	mostRounds = 2000
	mostLooks  = 1_000_000
)

// Forecast says when each job that waits is likely to start, if everybody
// takes as long as was said and nobody else comes. A job that is not in the
// answer has to wait for those whose end nobody knows, or is too far away.
// Bounds are asked as they stand at first: without them, limits count.
func Forecast(s State) (map[string]time.Time, error) {
	s.Cluster = s.Cluster.Clone()
	s.Running, s.Waiting = slices.Clone(s.Running), slices.Clone(s.Waiting)
	starts := map[string]time.Time{}
	looks := 0
	for range mostRounds {
		if looks += len(s.Running) + len(s.Waiting); looks > mostLooks && len(starts) > 0 {
			return starts, nil
		}
		plan, err := Make(s)
		if err != nil {
			return starts, err
		}
		for _, start := range plan.Starts {
			if err := s.Cluster.Grant(start.Placement); err != nil {
				return starts, err
			}
			starts[start.ID] = s.Now
			s.Running = append(s.Running, Running{Job: start.Job, Placement: start.Placement, Started: s.Now})
		}
		s.Waiting = slices.DeleteFunc(s.Waiting, func(j Job) bool { _, started := starts[j.ID]; return started })
		s.Reserved = plan.Reservation
		if len(s.Waiting) == 0 || !s.advance() {
			return starts, nil
		}
	}
	return starts, nil
}

// advance goes to the moment when the next job ends, and lets it give back.
func (s *State) advance() bool {
	next := time.Time{}
	for _, r := range s.Running {
		if end := r.ends(); !end.IsZero() && (next.IsZero() || end.Before(next)) {
			next = end
		}
	}
	if next.IsZero() {
		return false
	}
	s.Now = later(next, s.Now)
	s.Running = slices.DeleteFunc(s.Running, func(r Running) bool {
		end := r.ends()
		return !end.IsZero() && !end.After(s.Now) && s.Cluster.Release(r.Placement) == nil
	})
	return true
}
