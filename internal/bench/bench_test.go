package bench_test

import (
	"testing"

	"github.com/bine-ml/bine/internal/bench"
)

func TestARatioIsOfValueToReference(t *testing.T) {
	r := bench.Row{Value: 3, Unit: "ms"}.Against(2)
	if r.Reference != 2 || r.Ratio != 1.5 {
		t.Errorf("3 against 2 has reference %v and ratio %v; want 2 and 1.5", r.Reference, r.Ratio)
	}
	if r := (bench.Row{Value: 3}).Against(0); r.Ratio != 0 {
		t.Errorf("against nothing the ratio is %v; want none", r.Ratio)
	}
}

func TestARowIsHeldToItsGoal(t *testing.T) {
	for name, c := range map[string]struct {
		value, reference float64
		goal             bench.Goal
		says             string
		met              bool
	}{
		"value below":          {79, 0, bench.AtMost(80), "≤ 80 ms", true},
		"value at the bound":   {80, 0, bench.AtMost(80), "≤ 80 ms", true},
		"value above":          {80.1, 0, bench.AtMost(80), "≤ 80 ms", false},
		"ratio below":          {14, 10, bench.RatioAtMost(1.5), "≤ 1.5 ×", true},
		"ratio above":          {16, 10, bench.RatioAtMost(1.5), "≤ 1.5 ×", false},
		"ratio at least":       {8, 10, bench.RatioAtLeast(0.7), "≥ 0.7 ×", true},
		"ratio not even that":  {6, 10, bench.RatioAtLeast(0.7), "≥ 0.7 ×", false},
		"ratio to nothing":     {6, 0, bench.RatioAtMost(1.5), "≤ 1.5 ×", false},
		"ratio, value ignored": {1000, 1000, bench.RatioAtMost(3), "≤ 3 ×", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := bench.Row{Value: c.value, Unit: "ms"}.Against(c.reference).HeldTo(c.goal)
			if r.Goal != c.says || r.Met == nil || *r.Met != c.met {
				t.Errorf("%v against %v: goal %q, met %v; want %q, %v", c.value, c.reference, r.Goal, r.Met, c.says, c.met)
			}
		})
	}
}

func TestMissedGoalsAreCounted(t *testing.T) {
	rows := []bench.Row{
		{Name: "without a goal", Value: 5},
		bench.Row{Name: "met", Value: 5}.HeldTo(bench.AtMost(5)),
		bench.Row{Name: "missed", Value: 6}.HeldTo(bench.AtMost(5)),
	}
	if n := bench.Missed(rows); n != 1 {
		t.Errorf("%d goals count as missed; want 1", n)
	}
}
