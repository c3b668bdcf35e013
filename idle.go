package bine

import "time"

// IdleRule says when who holds accelerators that do next to nothing gives them
// back. That of a project goes before that of the installation.
type IdleRule struct {
	Minutes   float64     `json:"minutes" doc:"after so long below the threshold a lease is called idle; 0: none ever is"`
	Threshold float64     `json:"threshold" doc:"share of the time that its busiest accelerator computes, 0 to 1; 0 is 0.05"`
	Reclaim   ReclaimRule `json:"reclaim" doc:"who is asked to make room while others wait for accelerators: none, preemptible or all"`
	Notice    float64     `json:"notice" doc:"minutes between being called idle and being asked to make room"`
}

// ReclaimRule says who of the idle is asked back.
type ReclaimRule string

// Who of the idle is asked back; the empty one is none.
const (
	ReclaimNone        ReclaimRule = "none"
	ReclaimPreemptible ReclaimRule = "preemptible"
	ReclaimAll         ReclaimRule = "all"
)

// idleThreshold is that of a rule that names none.
const idleThreshold = 0.05

// Check says what is wrong with a rule, if anything.
func (r IdleRule) Check() error {
	switch {
	case r.Minutes < 0 || r.Notice < 0:
		return Errorf(Invalid, "minutes and notice of an idle rule cannot be negative; 0 minutes is no rule")
	case r.Threshold < 0 || r.Threshold > 1:
		return Errorf(Invalid, "the threshold of an idle rule is a share of the time: between 0 and 1, not %g", r.Threshold)
	}
	switch r.Reclaim {
	case "", ReclaimNone, ReclaimPreemptible, ReclaimAll:
		return nil
	}
	return Errorf(Invalid, "an idle rule reclaims from none, preemptible or all, not %q", string(r.Reclaim))
}

// Below reports whether so much use counts as none.
func (r IdleRule) Below(busy float64) bool {
	if r.Threshold == 0 {
		r.Threshold = idleThreshold
	}
	return busy < r.Threshold
}

// Idle reports whether who does nothing since a time is to be called idle.
func (r IdleRule) Idle(since, now time.Time) bool {
	return r.Minutes > 0 && now.Sub(since) >= minutes(r.Minutes)
}

// Asks reports whether that one is to be asked to make room, if anybody waits.
func (r IdleRule) Asks(since, now time.Time, preemptible bool) bool {
	if r.Reclaim != ReclaimAll && (r.Reclaim != ReclaimPreemptible || !preemptible) {
		return false
	}
	return r.Idle(since, now) && now.Sub(since) >= minutes(r.Minutes+r.Notice)
}

func minutes(n float64) time.Duration { return time.Duration(n * float64(time.Minute)) }
