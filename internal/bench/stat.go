package bench

import (
	"math"
	"slices"
	"time"
)

// sample is a set of durations.
type sample []time.Duration

// percentile gives the smallest duration that at least p per cent of the sample
// do not exceed; of an empty sample, 0.
func (s sample) percentile(p float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	place := int(math.Ceil(p/100*float64(len(sorted)))) - 1
	return sorted[min(max(place, 0), len(sorted)-1)]
}

// median gives the middle of a sample, or the mean of its two middles.
func (s sample) median() time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// ms gives milliseconds with three digits behind the point.
func ms(d time.Duration) float64 { return round(float64(d) / float64(time.Millisecond)) }

// micros gives microseconds.
func micros(d time.Duration) float64 { return round(float64(d) / float64(time.Microsecond)) }

// perStep gives milliseconds for each of n.
func perStep(d time.Duration, n int) float64 {
	return round(float64(d) / float64(time.Millisecond) / float64(n))
}

// rate gives how many there are in a second of what takes d.
func rate(d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return math.Round(float64(time.Second) / float64(d))
}

func round(x float64) float64 { return math.Round(x*1000) / 1000 }
