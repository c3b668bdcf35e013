package gantt_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/bine-ml/bine/templates/gantt"
)

func at(seconds float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func TestLayPlacesSpansInProportion(t *testing.T) {
	c := gantt.Lay([]gantt.Span{
		{ID: "a", Asked: at(0), Start: at(0), End: at(5)},
		{ID: "b", Asked: at(5), Start: at(5), End: at(10), Needs: []string{"a"}},
	}, at(20))
	if c.Length != 10*time.Second {
		t.Errorf("length is %v, want 10s", c.Length)
	}
	if b := c.Rows[1]; b.X != 50 || b.Width != 50 {
		t.Errorf("b stands at %v with width %v, want 50 and 50", b.X, b.Width)
	}
}

func TestLayMarksTheCriticalPath(t *testing.T) {
	c := gantt.Lay([]gantt.Span{
		{ID: "a", Start: at(0), End: at(5)},
		{ID: "quick", Start: at(5), End: at(6), Needs: []string{"a"}},
		{ID: "slow", Start: at(5), End: at(9), Needs: []string{"a"}},
		{ID: "end", Start: at(9), End: at(10), Needs: []string{"quick", "slow"}},
	}, at(20))
	want := map[string]bool{"a": true, "slow": true, "end": true}
	for _, r := range c.Rows {
		if r.Critical != want[r.ID] {
			t.Errorf("critical of %s is %v, want %v", r.ID, r.Critical, want[r.ID])
		}
	}
}

func TestLayCompressesALongGap(t *testing.T) {
	c := gantt.Lay([]gantt.Span{
		{ID: "a", Start: at(0), End: at(10)},
		{ID: "b", Asked: at(10), Start: at(3610), End: at(3620)},
	}, at(4000))
	if len(c.Gaps) != 1 || c.Gaps[0].Length != time.Hour {
		t.Fatalf("gaps are %v, want one of an hour", c.Gaps)
	}
	if w := c.Rows[0].Width; w < 40 {
		t.Errorf("a takes %v percent, want nearly half", w)
	}
	if c.Rows[1].WaitWidth <= 0 {
		t.Errorf("b shows no waiting time")
	}
}

func TestLayLeavesRoomForBarsBetweenManyGaps(t *testing.T) {
	var spans []gantt.Span
	for i := range 60 {
		spans = append(spans, gantt.Span{ID: fmt.Sprint(i), Start: at(float64(i * 3600)), End: at(float64(i*3600 + 5))})
	}
	c := gantt.Lay(spans, at(60*3600))
	last := -1.0
	for _, r := range c.Rows {
		if r.X <= last || r.Width <= 0 || r.X+r.Width > 100.5 {
			t.Fatalf("row %s stands at %v with width %v after one at %v", r.ID, r.X, r.Width, last)
		}
		last = r.X
	}
	if len(c.Gaps) != 59 {
		t.Errorf("%d gaps, want 59", len(c.Gaps))
	}
}

func TestLayTakesAnything(t *testing.T) {
	for name, spans := range map[string][]gantt.Span{
		"nothing":          nil,
		"not begun":        {{ID: "a"}},
		"going on":         {{ID: "a", Start: at(0)}},
		"no time at all":   {{ID: "a", Start: at(0), End: at(0)}},
		"ends before it":   {{ID: "a", Start: at(5), End: at(0)}},
		"begins after now": {{ID: "a", Start: at(500)}},
		"a cycle":          {{ID: "a", Start: at(0), End: at(1), Needs: []string{"b"}}, {ID: "b", Start: at(0), End: at(1), Needs: []string{"a"}}},
		"a year":           {{ID: "a", Start: at(0), End: at(86400 * 365)}},
	} {
		t.Run(name, func(t *testing.T) {
			c := gantt.Lay(spans, at(100))
			for _, r := range c.Rows {
				if math.IsNaN(r.X+r.Width) || r.X < 0 || r.X > 100 || r.Width < 0 {
					t.Errorf("row %+v is not on the axis", r)
				}
			}
			if len(c.Ticks) > 12 {
				t.Errorf("%d ticks", len(c.Ticks))
			}
		})
	}
}
