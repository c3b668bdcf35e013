package tick

import (
	"math"
	"time"

	"github.com/dgryski/go-farm"
)

// Jitter gives when a tick starts that was planned at a time and may be moved
// by up to most, yet not past the following one (zero where there is none). It
// is always the same for a schedule, whose seed is, and a planned time, and it
// is the engine's (CompiledSpec.addJitter, version 1.32).
func Jitter(seed string, planned time.Time, most time.Duration, following time.Time) time.Time {
	if !following.IsZero() {
		most = min(most, following.Sub(planned))
	}
	text, err := planned.UTC().MarshalBinary()
	if err != nil || most <= 0 {
		return planned
	}
	hash := uint64(farm.Fingerprint32(append(text, seed...)))
	millis := min(uint64(most.Milliseconds()), math.MaxUint32)
	return planned.Add(time.Duration(hash*millis>>32) * time.Millisecond)
}
