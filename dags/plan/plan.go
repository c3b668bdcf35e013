// Package plan holds the compact form of a pipeline that a run's workflow gets
// as its input: names, edges and what the workflow must decide by itself. The
// text of a step (its program, parameters, expressions) is not in it; the
// activity that runs the step loads that by the definition's hash.
//
// The package imports the root package only, so that workflow code can use it.
// Its JSON form is stored in histories: keys may be added, never renamed.
package plan

import (
	"math"
	"slices"
	"time"

	"github.com/bine-ml/bine"
)

// Plan is a pipeline as its workflow sees it.
type Plan struct {
	// Steps is in an order in which every step comes after those it needs; of
	// several such orders it is the one nearest to how the steps were written.
	Steps []Step `json:"s"`
}

// Step is one node of a plan.
type Step struct {
	Name        bine.StepName `json:"n"`
	Kind        string        `json:"k"`
	Process     bool          `json:"p,omitempty"` // runs as a process; else a light step
	Needs       []int         `json:"d,omitempty"` // indices into Plan.Steps, each smaller than this step's
	Foreach     bool          `json:"f,omitempty"` // runs once for each item of a list
	MaxParallel int           `json:"m,omitempty"` // items at a time; 0 is no limit
	Batch       int           `json:"b,omitempty"` // items for one process; 0 and 1 are one
	Retry       Retry         `json:"r,omitzero"`  // when a failed attempt is tried again
	Timeout     float64       `json:"t,omitempty"` // seconds, of one attempt; 0 is none
}

// Retry says when a failed attempt is followed by another. The zero value is
// one attempt and no more.
//
// FailureLost and FailureInterrupted are never decided here: the platform
// caused them, so the workflow always tries again and doesn't count them.
type Retry struct {
	Attempts int            `json:"a,omitempty"` // tries in all; 0 and 1 are one
	Backoff  float64        `json:"b,omitempty"` // seconds before the second try
	Factor   float64        `json:"f,omitempty"` // what each further wait grows by; 0 is 1
	On       []bine.Failure `json:"o,omitempty"` // the failures that are tried again; none is every one that may be
}

// MaxWait is the longest wait between two attempts.
const MaxWait = 24 * time.Hour

// Retryable lists the failures that a retry may name.
func Retryable() []bine.Failure {
	return []bine.Failure{bine.FailureError, bine.FailureOutput, bine.FailureMemory, bine.FailureTimeout, bine.FailureSetup}
}

// Again reports whether attempt (from 1), which ended with f, is followed by
// another, and how long to wait before that one.
func (r Retry) Again(f bine.Failure, attempt int) (bool, time.Duration) {
	on := r.On
	if len(on) == 0 {
		on = Retryable()
	}
	if attempt >= r.Attempts || !slices.Contains(on, f) {
		return false, 0
	}
	factor := max(r.Factor, 1)
	seconds := r.Backoff * math.Pow(factor, float64(attempt-1))
	if seconds >= MaxWait.Seconds() {
		return true, MaxWait
	}
	return true, time.Duration(seconds * float64(time.Second))
}
