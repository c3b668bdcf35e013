package spec

import (
	"math"

	"github.com/bine-ml/bine/internal/sweep/field"
	"github.com/bine-ml/bine/internal/sweep/schedule"
)

// hyperband is what W&B calls the stopping of trials at rungs.
const hyperband schedule.Kind = "hyperband"

// defaultEta is the reduction factor where none is given, as in W&B.
const defaultEta = 3

// terminate reads early_terminate. Without a type it is ASHA by promotion.
func (r *reader) terminate() {
	s := &r.file.Settings.Schedule
	s.Kind = schedule.None
	v, found := r.fields.Some("early_terminate")
	if !found {
		return
	}
	f := v.Fields("how trials are ended early")
	s.Kind = schedule.ASHA
	if kind, given := f.Some("type"); given {
		s.Kind, _ = field.OneOf(kind, append(schedule.Kinds(), hyperband))
	}
	switch s.Kind {
	case hyperband:
		wandb(v, f, s)
	case schedule.ASHA, schedule.Brackets, schedule.Halving, schedule.Stopping:
		rungs(v, f, s)
	case schedule.Median:
		medians(f, s)
	default:
		s.Max, _ = f.Int("max_iter", 1, math.MaxInt64)
	}
	f.Close()
}

// rungs reads what belongs to halving.
func rungs(v field.Value, f *field.Fields, s *schedule.Settings) {
	s.Min, s.Eta = 1, defaultEta
	if n, found := f.Int("min_iter", 1, math.MaxInt64); found {
		s.Min = n
	}
	if n, found := f.Int("max_iter", 1, math.MaxInt64); found {
		s.Max = n
	} else if s.Kind != schedule.Stopping {
		v.Fault("%s needs max_iter: how far a trial is trained that goes all the way", s.Kind)
	}
	if n, found := f.Int("eta", 2, 1000); found {
		s.Eta = int(n)
	}
	if n, found := f.Int("s", 0, 64); found {
		s.Skip = int(n)
	}
	switch s.Kind {
	case schedule.Stopping:
		s.Strict = f.Bool("strict")
	case schedule.Brackets:
		n, _ := f.Int("brackets", 1, 64)
		s.Brackets = int(n)
	case schedule.Halving:
		n, found := f.Int("width", 1, anyCount)
		if s.Width = int(n); !found {
			v.Fault("halving needs width: how many trials a bracket begins with")
		}
	}
}

// wandb reads hyperband of W&B. Its rungs are min_iter·eta^k, or the s of them below max_iter
// that are max_iter/eta^k.
func wandb(v field.Value, f *field.Fields, s *schedule.Settings) {
	s.Kind, s.Eta = schedule.Stopping, defaultEta
	if n, found := f.Int("eta", 2, 1000); found {
		s.Eta = int(n)
	}
	least, hasLeast := f.Int("min_iter", 1, math.MaxInt64)
	most, hasMost := f.Int("max_iter", 1, math.MaxInt64)
	brackets, hasBrackets := f.Int("s", 1, 64)
	s.Strict = f.Bool("strict")
	switch {
	case hasLeast:
		s.Min, s.Max = least, most
	case hasMost && hasBrackets:
		s.Min, s.Max = most, most
		for range brackets {
			s.Min = max(s.Min/int64(s.Eta), 1)
		}
	case hasMost:
		v.Fault("max_iter needs s with it: how many rungs there are")
	default:
		v.Fault("hyperband needs min_iter, or max_iter and s")
	}
}

func medians(f *field.Fields, s *schedule.Settings) {
	s.Interval, s.Finished = 1, 10
	if n, found := f.Int("interval", 1, math.MaxInt64); found {
		s.Interval = n
	}
	if n, found := f.Int("min_finished", 0, anyCount); found {
		s.Finished = int(n)
	}
	s.Max, _ = f.Int("max_iter", 1, math.MaxInt64)
}
