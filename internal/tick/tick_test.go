package tick_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/tick"
)

func parse(t *testing.T, cron, zone string) tick.Spec {
	t.Helper()
	s, err := tick.Parse(cron, zone)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// times gives the planned times of a span in the schedule's zone, as text.
func times(t *testing.T, cron, zone, from, to string) string {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", text, loc)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	var list []string
	for _, v := range parse(t, cron, zone).Between(at(from), at(to), -1) {
		list = append(list, v.In(loc).Format("02 15:04-0700"))
	}
	return strings.Join(list, ", ")
}

func TestPlannedTimes(t *testing.T) {
	for name, c := range map[string]struct{ cron, zone, from, to, want string }{
		"the start is in, the end is not":    {"0 6 * * *", "UTC", "2026-03-01 06:00", "2026-03-03 06:00", "01 06:00+0000, 02 06:00+0000"},
		"every quarter of working hours":     {"*/15 9-10 * * MON-FRI", "UTC", "2026-03-06 10:20", "2026-03-09 09:20", "06 10:30+0000, 06 10:45+0000, 09 09:00+0000, 09 09:15+0000"},
		"a day of month or a day of week":    {"0 0 13 * 5", "UTC", "2026-03-10 00:00", "2026-03-21 00:00", "13 00:00+0000, 20 00:00+0000"},
		"a day of month in steps and a week": {"0 0 */2 * 1", "UTC", "2026-03-08 00:00", "2026-03-14 00:00", "09 00:00+0000, 11 00:00+0000, 13 00:00+0000"},
		"a question mark":                    {"0 0 ? * 1", "UTC", "2026-03-01 00:00", "2026-03-10 00:00", "02 00:00+0000, 09 00:00+0000"},
		"the 29th of February":               {"0 0 29 2 *", "UTC", "2026-01-01 00:00", "2029-01-01 00:00", "29 00:00+0000"},
		"a day that never is":                {"0 0 31 2 *", "UTC", "2026-01-01 00:00", "2029-01-01 00:00", ""},
		"weekly":                             {"@weekly", "UTC", "2026-03-01 00:00", "2026-03-09 00:00", "01 00:00+0000, 08 00:00+0000"},
		"an interval counts from 1970":       {"@every 7m", "UTC", "1970-01-01 00:00", "1970-01-01 00:20", "01 00:00+0000, 01 00:07+0000, 01 00:14+0000"},

		"Vienna leaves an hour out":               {"30 2 * * *", "Europe/Vienna", "2026-03-28 00:00", "2026-03-31 00:00", "28 02:30+0100, 30 02:30+0200"},
		"Vienna has an hour twice":                {"30 2 * * *", "Europe/Vienna", "2026-10-24 00:00", "2026-10-27 00:00", "24 02:30+0200, 25 02:30+0100, 26 02:30+0100"},
		"Vienna by the hour in spring":            {"0 * * * *", "Europe/Vienna", "2026-03-29 00:30", "2026-03-29 04:30", "29 01:00+0100, 29 03:00+0200, 29 04:00+0200"},
		"Vienna by the hour in autumn":            {"0 * * * *", "Europe/Vienna", "2026-10-25 01:30", "2026-10-25 03:30", "25 02:00+0200, 25 02:00+0100, 25 03:00+0100"},
		"New York leaves an hour out":             {"15 2 * * *", "America/New_York", "2026-03-07 00:00", "2026-03-10 00:00", "07 02:15-0500, 09 02:15-0400"},
		"New York has an hour twice":              {"15 1 * * *", "America/New_York", "2026-10-31 12:00", "2026-11-02 12:00", "01 01:15-0400, 01 01:15-0500, 02 01:15-0500"},
		"Lord Howe moves a minute out of a gap":   {"15 2 * * *", "Australia/Lord_Howe", "2026-10-03 00:00", "2026-10-06 00:00", "03 02:15+1030, 04 02:45+1100, 05 02:15+1100"},
		"Lord Howe has a minute twice":            {"45 1 * * *", "Australia/Lord_Howe", "2026-04-04 00:00", "2026-04-07 00:00", "04 01:45+1100, 05 01:45+1030, 06 01:45+1030"},
		"Sao Paulo once had days that begin at 1": {"0 0 * * *", "America/Sao_Paulo", "2018-11-03 00:00", "2018-11-06 12:00", "03 00:00-0300, 05 00:00-0200, 06 00:00-0200"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := times(t, c.cron, c.zone, c.from, c.to); got != c.want {
				t.Errorf("%s in %s:\n got %s\nwant %s", c.cron, c.zone, got, c.want)
			}
		})
	}
}

func TestWhatIsNoScheduleIsRefused(t *testing.T) {
	for _, c := range [][2]string{{"every day", ""}, {"60 * * * *", ""}, {"* * * *", ""}, {"TZ=UTC * * * * *", ""}, {"CRON_TZ=UTC 0 0 * * *", ""}, {"0 0 * * *", "Mars/Olympus"}, {"0 0 * * *", "Local"}} {
		if _, err := tick.Parse(c[0], c[1]); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("%q in %q: got %v, want it refused", c[0], c[1], err)
		}
	}
}

func TestExpressionsAreInNumbers(t *testing.T) {
	for cron, want := range map[string][]string{
		"*/20 6-8 * jan,dec MON": {"0,20,40 6,7,8 * 1,12 1"},
		"0 0 13 * FRI":           {"0 0 13 * *", "0 0 * * 5"},
		"5/25 * ? * *":           {"5,30,55 * * * *"},
		"@hourly":                {"0 * * * *"},
		"@every 90s":             nil,
	} {
		if got := parse(t, cron, "").Expressions(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q, want %q", cron, got, want)
		}
	}
	if got := parse(t, "@every 90s", "").Every(); got != 90*time.Second {
		t.Errorf("every %s", got)
	}
}

func TestAHundredThousandTicksAreInOrderAndNoneTwice(t *testing.T) {
	const n = 100_000
	for _, zone := range []string{"Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "UTC"} {
		spec := parse(t, "*/10 * * * *", zone)
		from := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
		all := spec.Between(from, from.AddDate(50, 0, 0), n)
		if len(all) != n {
			t.Fatalf("%s: %d ticks", zone, len(all))
		}
		odd := 0
		for i := 1; i < n; i++ {
			if !all[i].After(all[i-1]) {
				t.Fatalf("%s: %s follows %s", zone, all[i], all[i-1])
			}
			if all[i].Sub(all[i-1]) != 10*time.Minute {
				odd++
			}
		}
		if zone == "Australia/Lord_Howe" && odd <= 4 { // half an hour comes twice, but is planned once
			odd = 0
		}
		if odd != 0 {
			t.Errorf("%s: %d of %d gaps are not 10 minutes", zone, odd, n)
		}
		// Between in parts is the same as Between at once.
		half := spec.Between(from, all[n/2], -1)
		if rest := spec.Between(all[n/2], all[n-1].Add(1), -1); len(half) != n/2 || !reflect.DeepEqual(append(half, rest...), all) {
			t.Errorf("%s: the ticks of two halves are not those of the whole", zone)
		}
	}
}

func TestJitterIsTheSameForEver(t *testing.T) {
	at := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	seen := map[time.Time]bool{}
	for i := range 1000 {
		planned := at.Add(time.Duration(i) * time.Hour)
		moved := tick.Jitter("p/schedule/a", planned, 5*time.Minute, planned.Add(time.Hour))
		if moved != tick.Jitter("p/schedule/a", planned, 5*time.Minute, planned.Add(time.Hour)) {
			t.Fatal("it changes")
		}
		if moved.Before(planned) || !moved.Before(planned.Add(5*time.Minute)) {
			t.Fatalf("%s is moved to %s", planned, moved)
		}
		seen[moved.Add(-time.Duration(i)*time.Hour)] = true
	}
	if len(seen) < 900 {
		t.Errorf("1000 ticks are moved by %d different times", len(seen))
	}
	if moved := tick.Jitter("s", at, time.Hour, at.Add(time.Second)); moved.Sub(at) >= time.Second {
		t.Errorf("moved past the next tick: %s", moved)
	}
	if moved := tick.Jitter("s", at, 0, time.Time{}); moved != at {
		t.Errorf("moved without jitter: %s", moved)
	}
}
