package plan_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/plan"
)

func TestRetryAgain(t *testing.T) {
	three := plan.Retry{Attempts: 3, Backoff: 10, Factor: 2}
	for _, c := range []struct {
		name    string
		retry   plan.Retry
		failure bine.Failure
		attempt int
		again   bool
		wait    time.Duration
	}{
		{"the zero value tries once", plan.Retry{}, bine.FailureError, 1, false, 0},
		{"the second try waits the backoff", three, bine.FailureError, 1, true, 10 * time.Second},
		{"the third waits twice as long", three, bine.FailureTimeout, 2, true, 20 * time.Second},
		{"there is no fourth", three, bine.FailureError, 3, false, 0},
		{"a cancelled attempt stays cancelled", three, bine.FailureCancelled, 1, false, 0},
		{"a refused attempt stays refused", three, bine.FailureRefused, 1, false, 0},
		{"only the failures that it names", plan.Retry{Attempts: 2, On: []bine.Failure{bine.FailureMemory}}, bine.FailureError, 1, false, 0},
		{"the failure that it names", plan.Retry{Attempts: 2, On: []bine.Failure{bine.FailureMemory}}, bine.FailureMemory, 1, true, 0},
		{"without a factor the wait stays", plan.Retry{Attempts: 9, Backoff: 5}, bine.FailureError, 7, true, 5 * time.Second},
		{"a wait never exceeds a day", plan.Retry{Attempts: 100, Backoff: 60, Factor: 10}, bine.FailureError, 90, true, plan.MaxWait},
	} {
		t.Run(c.name, func(t *testing.T) {
			again, wait := c.retry.Again(c.failure, c.attempt)
			if again != c.again || wait != c.wait {
				t.Errorf("Again(%s, %d) = %v, %s; want %v, %s", c.failure, c.attempt, again, wait, c.again, c.wait)
			}
		})
	}
}

// A workflow's input may be 512 KiB before Temporal warns.
func TestThreeThousandStepsFitIntoOnePayload(t *testing.T) {
	var p plan.Plan
	for i := range 3000 {
		s := plan.Step{Name: bine.StepName(fmt.Sprintf("transform_partition_%04d", i)), Kind: "python", Process: true,
			Retry: plan.Retry{Attempts: 3, Backoff: 30, Factor: 2}, Timeout: 3600}
		for j := max(0, i-2); j < i; j++ {
			s.Needs = append(s.Needs, j)
		}
		p.Steps = append(p.Steps, s)
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("3000 steps are %d KiB", len(b)>>10)
	if len(b) > 400<<10 {
		t.Errorf("3000 steps are %d bytes, want at most 400 KiB", len(b))
	}
}
