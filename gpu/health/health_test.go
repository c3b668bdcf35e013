package health_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/health"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func rules() health.Rules {
	r := health.Default()
	r.Cordon, r.Retest, r.MostRetest, r.Probation, r.MostProbation, r.Forgive = 10*time.Second, time.Minute, 8*time.Minute, 10*time.Minute, time.Hour, 24*time.Hour
	return r
}

// life is a device whose clock runs, with all that it went through.
type life struct {
	rules   health.Rules
	d       health.Device
	now     time.Time
	history []health.Change
}

func newLife() *life {
	l := &life{rules: rules(), now: start}
	l.take(l.rules.Found(l.d, l.now))
	return l
}

func (l *life) take(d health.Device, changes []health.Change) {
	l.d = d
	l.history = append(l.history, changes...)
}

func (l *life) wait(d time.Duration) { l.now = l.now.Add(d) }

func (l *life) fault() {
	l.take(l.rules.Fault(l.d, bine.DeviceFault{At: l.now, Kind: "xid", Code: 79, Text: "fell off the bus", Fatal: true}, l.now))
}

func (l *life) test(fault string) {
	l.take(l.rules.Tested(l.d, bine.DeviceTest{At: l.now, Fault: fault}, l.now))
}

func (l *life) pass(idle bool) { l.take(l.rules.Pass(l.d, idle, l.now)) }

func (l *life) is(t *testing.T, want bine.DeviceState) {
	t.Helper()
	if l.d.State != want {
		t.Fatalf("state = %s (%s), want %s; history %+v", l.d.State, l.d.Reason, want, l.history)
	}
}

func TestADeviceThatFailsComesBack(t *testing.T) {
	l := newLife()
	l.is(t, bine.DeviceReady)
	l.wait(time.Hour)
	l.fault()
	l.is(t, bine.DeviceCordoned)
	l.wait(5 * time.Second)
	l.pass(false)
	l.is(t, bine.DeviceCordoned)
	l.wait(5 * time.Second)
	l.pass(false)
	l.is(t, bine.DeviceDraining)
	if !l.d.Leave() || l.d.Test(l.now) {
		t.Error("a device that is drained asks for the wrong thing")
	}
	l.wait(time.Second)
	l.pass(true)
	l.is(t, bine.DeviceTesting)
	if !l.d.Test(l.now) {
		t.Error("an idle device is not tested at once")
	}
	l.wait(time.Second)
	l.test("it wants to be reset")
	l.is(t, bine.DeviceTesting)
	if l.d.Test(l.now.Add(59*time.Second)) || !l.d.Test(l.now.Add(time.Minute)) {
		t.Errorf("after a test that failed the next is due at %s", l.d.Due)
	}
	l.wait(time.Minute)
	l.test("")
	l.is(t, bine.DeviceProbation)
	if !l.d.Takes() {
		t.Error("a device on probation takes no work")
	}
	l.wait(9 * time.Minute)
	l.pass(false)
	l.is(t, bine.DeviceProbation)
	l.wait(time.Minute)
	l.pass(false)
	l.is(t, bine.DeviceReady)
	var way []string
	for _, c := range l.history {
		way = append(way, string(c.To)+": "+c.Why)
	}
	want := []string{"ready: ", "cordoned: fell off the bus", "draining: fell off the bus", "testing: fell off the bus", "testing: its test failed: it wants to be reset",
		"probation: its test passed; on probation for 10m0s after a failure", "ready: its probation is over"}
	if !slices.Equal(way, want) {
		t.Errorf("history =\n%s\nwant\n%s", strings.Join(way, "\n"), strings.Join(want, "\n"))
	}
}

func TestFailuresThatRepeatCostMore(t *testing.T) {
	l := newLife()
	for i, want := range []time.Duration{10 * time.Minute, 20 * time.Minute, 40 * time.Minute, time.Hour, time.Hour} {
		l.wait(time.Second)
		l.fault()
		l.pass(true)
		l.wait(time.Second)
		l.test("")
		if got := l.d.Due.Sub(l.now); got != want {
			t.Errorf("probation %d lasts %s, want %s", i+1, got, want)
		}
	}
	l.wait(time.Hour)
	l.pass(true)
	l.is(t, bine.DeviceReady)
	l.wait(25 * time.Hour)
	l.fault()
	if l.d.Failures != 1 {
		t.Errorf("after a day in service it is failure %d, want the first", l.d.Failures)
	}
}

func TestFaultsThatChangeNothing(t *testing.T) {
	l := newLife()
	for name, f := range map[string]bine.DeviceFault{
		"not fatal": {At: start, Kind: "ecc"},
		"ignored":   {At: start, Kind: "xid", Code: 31, Fatal: true},
	} {
		if d, changes := l.rules.Fault(l.d, f, start); d != l.d || len(changes) != 0 {
			t.Errorf("%s: %+v, %+v", name, d, changes)
		}
	}
	l.wait(time.Second)
	f := bine.DeviceFault{At: l.now, Kind: "ecc", Fatal: true}
	l.take(l.rules.Fault(l.d, f, l.now))
	l.pass(true)
	l.wait(time.Second)
	l.test("")
	l.is(t, bine.DeviceProbation)
	if d, changes := l.rules.Fault(l.d, f, l.now); d != l.d || len(changes) != 0 {
		t.Errorf("a fault that is told again: %+v, %+v", d, changes)
	}
}

func TestAnAdministratorsMarkStays(t *testing.T) {
	l := newLife()
	l.take(l.rules.Mark(l.d, true, "new fans", "ada", l.now))
	if l.d.Takes() || l.d.State != bine.DeviceReady || l.d.By != "ada" {
		t.Errorf("a device that is cordoned = %+v", l.d)
	}
	l.wait(time.Second)
	l.fault()
	l.pass(true)
	l.wait(time.Second)
	l.test("")
	l.wait(time.Hour)
	l.pass(true)
	if l.is(t, bine.DeviceReady); l.d.Takes() {
		t.Error("the mark was lost when the device recovered")
	}
	l.take(l.rules.Mark(l.d, false, "done", "bob", l.now))
	if !l.d.Takes() || l.d.By != "" {
		t.Errorf("a device whose mark was taken away = %+v", l.d)
	}
	if c := l.history[len(l.history)-1]; c.User != "bob" || c.Why != "done" || c.From != c.To {
		t.Errorf("the last entry of its history = %+v", c)
	}
}

// allowed are the changes of the table in the package's comment.
func allowed(c health.Change) bool {
	next := map[bine.DeviceState][]bine.DeviceState{
		"":                   {bine.DeviceReady, bine.DeviceLost},
		bine.DeviceReady:     {bine.DeviceCordoned, bine.DeviceLost},
		bine.DeviceProbation: {bine.DeviceCordoned, bine.DeviceReady, bine.DeviceLost},
		bine.DeviceCordoned:  {bine.DeviceCordoned, bine.DeviceDraining, bine.DeviceTesting, bine.DeviceLost},
		bine.DeviceDraining:  {bine.DeviceDraining, bine.DeviceTesting, bine.DeviceLost},
		bine.DeviceTesting:   {bine.DeviceTesting, bine.DeviceProbation, bine.DeviceLost},
		bine.DeviceLost:      {bine.DeviceTesting},
	}
	return slices.Contains(next[c.From], c.To) || c.From == c.To && c.User != ""
}

// TestWhateverHappens lets anything happen in any order: messages come late,
// twice and from a clock that is off.
func TestWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLife()
		skew := time.Duration(rapid.IntRange(-2000, 2000).Draw(t, "skew")) * time.Millisecond
		var told []bine.DeviceFault
		mustPass := false // a fatal fault came, and no test has passed since
		draw := rapid.SampledFrom([]string{"fault", "again", "ignored", "passes", "fails", "idle", "busy", "gone", "found", "cordon", "uncordon"})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			l.wait(time.Duration(rapid.Int64Range(1, int64(2*time.Hour)).Draw(t, "wait")))
			before := l.d
			switch draw.Draw(t, "what") {
			case "fault":
				f := bine.DeviceFault{At: l.now.Add(skew), Kind: "xid", Code: 79, Fatal: true}
				told = append(told, f)
				l.take(l.rules.Fault(l.d, f, l.now))
				mustPass = true
			case "again":
				if len(told) > 0 {
					l.take(l.rules.Fault(l.d, told[rapid.IntRange(0, len(told)-1).Draw(t, "which")], l.now))
					if l.d != before {
						t.Fatalf("a fault that was told twice changed %+v into %+v", before, l.d)
					}
				}
			case "ignored":
				l.take(l.rules.Fault(l.d, bine.DeviceFault{At: l.now.Add(skew), Kind: "xid", Code: 13, Fatal: true}, l.now))
				if l.d != before {
					t.Fatalf("an ignored XID changed %+v into %+v", before, l.d)
				}
			case "passes":
				l.take(l.rules.Tested(l.d, bine.DeviceTest{At: l.now.Add(skew)}, l.now))
				mustPass = mustPass && l.d.State != bine.DeviceProbation
			case "fails":
				l.take(l.rules.Tested(l.d, bine.DeviceTest{At: l.now.Add(skew), Fault: "no"}, l.now))
			case "idle":
				l.pass(true)
			case "busy":
				l.pass(false)
				if before.State != bine.DeviceTesting && l.d.State == bine.DeviceTesting {
					t.Fatal("a device that is used is tested")
				}
			case "gone":
				l.take(l.rules.Gone(l.d, l.now))
			case "found":
				l.take(l.rules.Found(l.d, l.now))
			case "cordon":
				l.take(l.rules.Mark(l.d, true, "why", "ada", l.now))
			case "uncordon":
				l.take(l.rules.Mark(l.d, false, "why", "ada", l.now))
			}
			if mustPass && l.d.Takes() {
				t.Fatalf("a device takes work after a fatal fault, untested: %+v", l.d)
			}
			if l.d.Cordoned && l.d.Takes() {
				t.Fatalf("a device takes work that an administrator keeps back: %+v", l.d)
			}
			if before.State != l.d.State && !l.d.Since.Equal(l.now) {
				t.Fatalf("the time of the change is %s at %s", l.d.Since, l.now)
			}
		}
		var last bine.DeviceState
		for _, c := range l.history {
			if !allowed(c) || c.From != last {
				t.Fatalf("history has %+v after %s", c, last)
			}
			last = c.To
		}
		recovers(t, l)
	})
}

// recovers lets nothing bad happen any more: the device must come back.
func recovers(t *rapid.T, l *life) {
	l.take(l.rules.Mark(l.d, false, "", "ada", l.now))
	end := l.now.Add(l.rules.MostRetest + l.rules.MostProbation + 10*time.Second)
	for l.d.State != bine.DeviceReady && l.now.Before(end) {
		l.wait(time.Second)
		l.take(l.rules.Found(l.d, l.now))
		l.pass(true)
		if l.d.Test(l.now) {
			// by an agent whose clock is ahead of all that was told
			l.take(l.rules.Tested(l.d, bine.DeviceTest{At: l.now.Add(3 * time.Second)}, l.now))
		}
	}
	if !l.d.Takes() || l.d.State != bine.DeviceReady {
		t.Fatalf("the device is well and does not come back: %+v", l.d)
	}
}

func TestTheHistorySaysWhatCameOfAReset(t *testing.T) {
	r, at := health.Default(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for reset, want := range map[string]string{
		"":              "its test passed; on probation",
		"after a reset": "its test passed (after a reset); on probation",
	} {
		d := health.Device{State: bine.DeviceTesting, Failures: 1}
		if _, changes := r.Tested(d, bine.DeviceTest{At: at, Reset: reset}, at); len(changes) != 1 || !strings.HasPrefix(changes[0].Why, want) {
			t.Errorf("%+v, want one that begins with %q", changes, want)
		}
		if _, changes := r.Tested(d, bine.DeviceTest{At: at, Reset: reset, Fault: "no answer"}, at); len(changes) != 1 || !strings.Contains(changes[0].Why, reset) {
			t.Errorf("%+v, want one that says %q", changes, reset)
		}
	}
}
