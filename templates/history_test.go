package templates_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

// longHistory has n activities, each with three events, of which one in a
// hundred failed.
func longHistory(view string, n int) templates.HistoryPage {
	f := &fixture{text: same}
	p := f.history(view)
	p.Self = "/projects/demo/history?workflow=run%2Fwide-1&view=" + view
	p.History.Events = nil
	for i := range n {
		first := int64(3*i + 1)
		at := func(d time.Duration) string {
			return before(time.Hour).Add(time.Duration(i)*time.Second + d).Format(time.RFC3339Nano)
		}
		end := "ActivityTaskCompleted"
		if i%100 == 99 {
			end = "ActivityTaskFailed"
		}
		p.History.Events = append(p.History.Events,
			client.HistoryEvent{ID: first, At: at(0), Type: "ActivityTaskScheduled", Summary: fmt.Sprintf("step%d", i), Group: first, Attributes: map[string]any{"input": "x"}},
			client.HistoryEvent{ID: first + 1, At: at(1), Type: "ActivityTaskStarted", Group: first},
			client.HistoryEvent{ID: first + 2, At: at(time.Second), Type: end, Group: first})
	}
	return p
}

func TestLongHistoriesHavePages(t *testing.T) {
	full := longHistory("full", 1000)
	full.Number = 2
	if v := full.Part(); v.First != 201 || v.Last != 400 || v.All != 3000 || v.Events[0].ID != 201 || !strings.Contains(v.After, "page=3") || !strings.Contains(v.Before, "page=1") {
		t.Errorf("page 2 shows %d to %d of %d, and leads to %q and %q", v.First, v.Last, v.All, v.Before, v.After)
	}
	compact := longHistory("compact", 1000)
	compact.Number = 99
	if v := compact.Part(); v.Last != 1000 || v.After != "" || len(v.Groups) != templates.EventsOnPage {
		t.Errorf("a page after the last shows %d groups up to %d, and leads to %q", len(v.Groups), v.Last, v.After)
	}
}

func TestTimelineOfALongHistoryShowsWhatFailed(t *testing.T) {
	c := longHistory("timeline", 3000).Chart()
	failed := 0
	for _, r := range c.Rows {
		if r.State == "failed" {
			failed++
			if !strings.Contains(r.URL, "#event-") || !strings.Contains(r.URL, "page=") {
				t.Errorf("%s leads to %q, want where its event stands", r.Name, r.URL)
			}
		}
	}
	if failed != 30 || len(c.Rows) != templates.MostBars {
		t.Errorf("%d of 30 failed activities in %d rows", failed, len(c.Rows))
	}
	if url := c.Rows[failedAt(c)].URL; !strings.Contains(url, "page=2") || !strings.HasSuffix(url, "#event-298") {
		t.Errorf("the first failed activity leads to %q, want event 298 on page 2", url)
	}
}

func failedAt(c templates.GanttView) int {
	for i, r := range c.Rows {
		if r.State == "failed" {
			return i
		}
	}
	return 0
}

func BenchmarkHistoryPage(b *testing.B) {
	for _, view := range []string{"compact", "timeline", "full"} {
		for _, n := range []int{100, 1000, 3000} {
			b.Run(fmt.Sprintf("view=%s/activities=%d", view, n), func(b *testing.B) {
				page := longHistory(view, n)
				for b.Loop() {
					if err := templates.Render(io.Discard, page); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
