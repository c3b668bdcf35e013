package tick_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine/internal/tick"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fates runs ticks a minute apart, each for so long, and gives what became of
// them: when each started and ended, in minutes after the first.
func fates(n int, length time.Duration, down []tick.Span, p tick.Policy) string {
	ticks := make([]time.Time, n)
	for i := range ticks {
		ticks[i] = noon.Add(time.Duration(i) * time.Minute)
	}
	var list []string
	for _, o := range tick.Simulate(ticks, func(time.Time) time.Duration { return length }, down, p) {
		text := string(o.Fate)
		if o.Fate == tick.Ran {
			text = fmt.Sprintf("%g-%g", o.Start.Sub(noon).Minutes(), o.End.Sub(noon).Minutes())
		}
		if o.Cancelled {
			text += "!"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

func TestOverlapPolicies(t *testing.T) {
	long := 150 * time.Second
	for _, c := range []struct {
		overlap string
		length  time.Duration
		want    string
	}{
		{"skip", time.Minute, "0-1, 1-2, 2-3, 3-4, 4-5"}, // an end and a tick at once: the end is first
		{"skip", long, "0-2.5, skipped, skipped, 3-5.5, skipped"},
		{"buffer_one", long, "0-2.5, 2.5-5, skipped, 5-7.5, skipped"},
		{"buffer_all", long, "0-2.5, 2.5-5, 5-7.5, 7.5-10, 10-12.5"},
		{"cancel_other", long, "0-1!, 1-2!, 2-3!, 3-4!, 4-6.5"},
		{"allow_all", long, "0-2.5, 1-3.5, 2-4.5, 3-5.5, 4-6.5"},
	} {
		if got := fates(5, c.length, nil, tick.Policy{Overlap: c.overlap}); got != c.want {
			t.Errorf("%s with runs of %s:\n got %s\nwant %s", c.overlap, c.length, got, c.want)
		}
	}
}

func TestARunThatIsSlowToCancelKeepsTheNextWaiting(t *testing.T) {
	want := "0-1.5!, 1.5-2.5!, 2.5-3.5!, 3.5-4.5!, 4.5-6.5"
	got := fates(5, 2*time.Minute, nil, tick.Policy{Overlap: "cancel_other", Cancel: 30 * time.Second})
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestCatchUpWindows(t *testing.T) {
	down := []tick.Span{{From: noon.Add(30 * time.Second), To: noon.Add(270 * time.Second)}} // over the ticks 1 to 4
	for _, c := range []struct {
		overlap string
		window  time.Duration
		want    string
	}{
		{"allow_all", time.Hour, "0-0.1, 4.5-4.6, 4.5-4.6, 4.5-4.6, 4.5-4.6, 5-5.1"},
		{"allow_all", 2 * time.Minute, "0-0.1, too late, too late, 4.5-4.6, 4.5-4.6, 5-5.1"},
		{"allow_all", 0, "0-0.1, too late, too late, too late, too late, 5-5.1"},
		{"allow_all", 90 * time.Second, "0-0.1, too late, too late, 4.5-4.6, 4.5-4.6, 5-5.1"}, // to the second
		{"skip", time.Hour, "0-0.1, 4.5-4.6, skipped, skipped, skipped, 5-5.1"},
		{"buffer_one", time.Hour, "0-0.1, 4.5-4.6, 4.6-4.7, skipped, skipped, 5-5.1"},
		{"buffer_all", time.Hour, "0-0.1, 4.5-4.6, 4.6-4.7, 4.7-4.8, 4.8-4.9, 5-5.1"},
		{"cancel_other", time.Hour, "0-0.1, skipped, skipped, skipped, 4.5-4.6, 5-5.1"},
	} {
		if got := fates(6, 6*time.Second, down, tick.Policy{Overlap: c.overlap, CatchUp: c.window}); got != c.want {
			t.Errorf("%s, window %s:\n got %s\nwant %s", c.overlap, c.window, got, c.want)
		}
	}
}

// Every policy keeps its promise at 10^5 ticks: each has one outcome; runs do not
// overlap unless they may; buffer_all and allow_all run every tick that is not too late.
func TestPoliciesKeepTheirPromisesAtAHundredThousandTicks(t *testing.T) {
	const n = 100_000
	ticks := parse(t, "* * * * *", "Europe/Vienna").Between(noon, noon.AddDate(1, 0, 0), n)
	var down []tick.Span
	for i := 1; i < n/500; i++ { // 20 minutes of every 500
		down = append(down, tick.Span{From: ticks[i*500].Add(time.Second), To: ticks[i*500+20].Add(30 * time.Second)})
	}
	length := func(at time.Time) time.Duration { return time.Duration(1+at.Unix()/60%7) * 7 * time.Second }
	for _, overlap := range []string{"skip", "buffer_one", "buffer_all", "cancel_other", "allow_all"} {
		out := tick.Simulate(ticks, length, down, tick.Policy{Overlap: overlap, CatchUp: 10 * time.Minute})
		late, ran := 0, 0
		var end time.Time
		for i, o := range out {
			switch {
			case !o.At.Equal(ticks[i]):
				t.Fatalf("%s: outcome %d is of %s", overlap, i, o.At)
			case o.Fate == tick.TooLate:
				late++
			case o.Fate == tick.Ran:
				ran++
				if overlap != "allow_all" && o.Start.Before(end) {
					t.Fatalf("%s: %s starts while another runs until %s", overlap, o.At, end)
				}
				end = o.End
			case o.Fate == "" || overlap == "allow_all" || overlap == "buffer_all":
				t.Fatalf("%s: tick %s is %q", overlap, o.At, o.Fate)
			}
		}
		if want := (n/500 - 1) * 10; late != want { // of 20, those older than 10 minutes
			t.Errorf("%s: %d ticks were too late, want %d", overlap, late, want)
		}
		if all := overlap == "allow_all" || overlap == "buffer_all"; all && ran+late != n {
			t.Errorf("%s: %d ran", overlap, ran)
		}
	}
}

func TestMoreTicksThanTheEngineKeepsAreDropped(t *testing.T) {
	down := []tick.Span{{From: noon.Add(-time.Hour), To: noon.Add(1500 * time.Minute)}}
	dropped := strings.Count(fates(1200, time.Second, down, tick.Policy{Overlap: "buffer_all", CatchUp: 100 * time.Hour}), "no buffer")
	if dropped != 200 {
		t.Errorf("%d were dropped, want 200", dropped)
	}
}
