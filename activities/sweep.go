package activities

import (
	"context"
)

// SegmentEnd says how the process of a segment of a trial ended.
type SegmentEnd struct {
	Key string  `json:"key"` // of its item
	End Outcome `json:"end"`
}

// AdvanceSweepInput tells a sweep what happened, and asks what to do.
type AdvanceSweepInput struct {
	StepRef
	After  int64        `json:"after"` // the last decision that was acted on
	Ended  []SegmentEnd `json:"ended,omitempty"`
	Cancel bool         `json:"cancel,omitempty"` // nothing more is to be begun
}

// SweepOrder is a decision that the workflow acts on: a segment to begin, or
// one whose process is to be ended.
type SweepOrder struct {
	Begin string `json:"begin,omitempty"`
	Stop  string `json:"stop,omitempty"`
}

// SweepAdvanced answers AdvanceSweep.
type SweepAdvanced struct {
	Orders []SweepOrder `json:"orders,omitempty"`
	After  int64        `json:"after"`
	More   bool         `json:"more,omitempty"` // there are more orders already
	// End is set when the sweep is over and no process of it is left.
	End *Outcome `json:"end,omitempty"`
}

// SweepEngine keeps the logs of sweeps and decides what their trials do.
type SweepEngine interface {
	Advance(ctx context.Context, in AdvanceSweepInput) (SweepAdvanced, error)
}

// Sweeps groups the activities of sweeps; all are local.
type Sweeps struct{ engine SweepEngine }

// NewSweeps makes the activities of sweeps.
func NewSweeps(e SweepEngine) *Sweeps { return &Sweeps{e} }

// AdvanceSweep adds to the log of a sweep what happened, and answers what was
// decided after the decision that the caller has acted on. The same ends, told
// again, change nothing.
func (s *Sweeps) AdvanceSweep(ctx context.Context, in AdvanceSweepInput) (SweepAdvanced, error) {
	out, err := s.engine.Advance(ctx, in)
	return out, forTemporal(err)
}
