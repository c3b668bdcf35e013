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
	// Timeout is in seconds, of the whole run without what is done after its end; 0 is none.
	Timeout float64 `json:"t,omitempty"`
}

// Step is one node of a plan.
type Step struct {
	Name        bine.StepName `json:"n"`
	Kind        string        `json:"k"`
	Process     bool          `json:"p,omitempty"`  // runs as a process; else a light step
	Needs       []int         `json:"d,omitempty"`  // indices into Plan.Steps, each smaller than this step's
	Foreach     bool          `json:"f,omitempty"`  // runs once for each item of a list
	MaxParallel int           `json:"m,omitempty"`  // items at a time; 0 is no limit
	Batch       int           `json:"b,omitempty"`  // items for one process; 0 and 1 are one
	Retry       Retry         `json:"r,omitzero"`   // when a failed attempt is tried again
	Timeout     float64       `json:"t,omitempty"`  // seconds, of one attempt; 0 is none
	Total       float64       `json:"tt,omitempty"` // seconds, of the step with all of its attempts; 0 is none
	Join        Join          `json:"j,omitempty"`  // when it starts, as far as its needs decide that
	Phase       Phase         `json:"ph,omitempty"`
	Waits       bool          `json:"w,omitempty"`   // waits for something outside of the run, as an approval does
	Per         int           `json:"per,omitempty"` // 1 + the index of the fan-out whose items it follows one by one; 0 is none
	Sweep       bool          `json:"sw,omitempty"`  // runs once for each trial of a search
}

// Join says what must have become of the steps that a step needs for it to run.
// Where that can no longer come true, the step is skipped.
type Join string

// The rules. AllSucceeded is the empty one. AnySucceeded starts as soon as one
// has succeeded; the others, when all have ended.
const (
	AllSucceeded Join = ""
	AllDone      Join = "all_done"
	AnySucceeded Join = "any_succeeded"
	NoneFailed   Join = "none_failed" // each succeeded or was skipped
)

// Phase says in which part of a run a step belongs.
type Phase string

// The phases. Those of OnFailure run when all of the main phase has ended and
// something in it failed; those of Finally run after that in any case, also
// when the run was cancelled or took too long. Needs stay within a phase.
const (
	Main      Phase = ""
	OnFailure Phase = "on_failure"
	Finally   Phase = "finally"
)

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
	Within   float64        `json:"w,omitempty"` // seconds after the start of the first attempt in which another may begin; 0 is no bound
	Or       []Retry        `json:"x,omitempty"` // further rules, for failures that On does not name; theirs are empty
}

// MaxWait is the longest wait between two attempts.
const MaxWait = 24 * time.Hour

// Retryable lists the failures that a retry may name.
func Retryable() []bine.Failure {
	return []bine.Failure{bine.FailureError, bine.FailureOutput, bine.FailureMemory, bine.FailureTimeout, bine.FailureSetup}
}

// Rule finds the rule for a failure: r itself is number 0, those of Or follow.
func (r Retry) Rule(f bine.Failure) (number int, rule Retry, found bool) {
	if !slices.Contains(Retryable(), f) {
		return 0, Retry{}, false
	}
	for i, rule := range append([]Retry{r}, r.Or...) {
		if len(rule.On) == 0 || slices.Contains(rule.On, f) {
			return i, rule, true
		}
	}
	return 0, Retry{}, false
}

// Again reports whether attempt (from 1), which ended with f, is followed by
// another, and how long to wait before that one. Attempts are counted for each
// rule; Within is the caller's to keep, who knows the time.
func (r Retry) Again(f bine.Failure, attempt int) (bool, time.Duration) {
	_, r, found := r.Rule(f)
	if !found || attempt >= r.Attempts {
		return false, 0
	}
	factor := max(r.Factor, 1)
	seconds := r.Backoff * math.Pow(factor, float64(attempt-1))
	if seconds >= MaxWait.Seconds() {
		return true, MaxWait
	}
	return true, time.Duration(seconds * float64(time.Second))
}
