package sim

import (
	"maps"
	"math"
	"slices"
	"time"
)

func mean(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sum := 0.0
	for _, x := range all {
		sum += x
	}
	return sum / float64(len(all))
}

// Mean gives the mean and the standard deviation of some figures.
func Mean(all []float64) (m, deviation float64) {
	m = mean(all)
	for _, x := range all {
		deviation += (x - m) * (x - m)
	}
	if len(all) > 1 {
		deviation = math.Sqrt(deviation / float64(len(all)-1))
	}
	return m, deviation
}

// Percentile gives the smallest duration that p of 100 do not exceed.
func Percentile(all []time.Duration, p float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(max(int(math.Ceil(p/100*float64(len(sorted))))-1, 0), len(sorted)-1)]
}

// Jain gives Jain's index of fairness: 1 if all are equal, 1/n if one has all.
func Jain(all []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, x := range all {
		sum, squares = sum+x, squares+x*x
	}
	if squares == 0 {
		return 1
	}
	return sum * sum / (float64(len(all)) * squares)
}

// Fairness is Jain's index over how little projects were slowed down by waiting.
func (r Replayed) Fairness() float64 {
	var all []float64
	for _, project := range slices.Sorted(maps.Keys(r.Slowdown)) {
		all = append(all, 1/r.Slowdown[project])
	}
	return Jain(all)
}

// Wait gives all waits of tasks of some width; most is 0 for no bound.
func (r Replayed) Wait(least, most int) (all []time.Duration) {
	for _, n := range slices.Sorted(maps.Keys(r.Waits)) {
		if n >= least && (most == 0 || n <= most) {
			all = append(all, r.Waits[n]...)
		}
	}
	return all
}
