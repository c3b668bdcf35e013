package sweep_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/sweep/schedule"
	"github.com/bine-ml/bine/internal/sweep/space"
)

// The tests here are named by the system whose trap they keep Bine out of.

// driver takes events in by hand and remembers the decisions.
type driver struct {
	t *testing.T
	*sweep.Engine
	all []sweep.Decision
	log []sweep.Event
}

func drive(t *testing.T, s sweep.Settings) *driver {
	t.Helper()
	e, err := sweep.New(s)
	if err != nil {
		t.Fatal(err)
	}
	d := &driver{t: t, Engine: e}
	d.take(sweep.Event{Kind: sweep.Start})
	return d
}

func (d *driver) take(v sweep.Event) []sweep.Decision {
	d.t.Helper()
	out, err := d.Decide(v)
	if err != nil {
		d.t.Fatal(err)
	}
	d.all, d.log = append(d.all, out...), append(d.log, v)
	return out
}

// job is an event of the latest job of a trial.
func (d *driver) job(kind sweep.EventKind, trial int, at int64, metrics map[string]sweep.Number) []sweep.Decision {
	d.t.Helper()
	return d.take(sweep.Event{Kind: kind, Trial: trial, Job: d.Trials()[trial-1].Job, At: at, Metrics: metrics})
}

func (d *driver) done(trial int, at int64, value float64) []sweep.Decision {
	d.t.Helper()
	return d.job(sweep.Done, trial, at, metric(value))
}

// find gives the first decision of a kind about a trial.
func find(out []sweep.Decision, kind sweep.DecisionKind, trial int) (sweep.Decision, bool) {
	for _, d := range out {
		if d.Kind == kind && d.Trial == trial {
			return d, true
		}
	}
	return sweep.Decision{}, false
}

var three = schedule.Settings{Kind: schedule.ASHA, Min: 1, Max: 9, Eta: 3}

func stoppingOf(eta int) schedule.Settings {
	return schedule.Settings{Kind: schedule.Stopping, Min: 1, Max: 9, Eta: eta}
}

func TestMaggyPromotesTheBestWhenMinimising(t *testing.T) {
	for goal, best := range map[sweep.Goal]int{sweep.Minimize: 1, sweep.Maximize: 3} {
		d := drive(t, asha(1, 3, three, goal))
		d.done(1, 1, 0.1)
		d.done(2, 1, 0.5)
		if r, ok := find(d.done(3, 1, 0.9), sweep.Run, best); !ok || r.To != 3 {
			t.Errorf("%s: trial %d is not promoted", goal, best)
		}
	}
}

func TestMaggyDoesNotEndWithTheFirstTrialInTheTopRung(t *testing.T) {
	s := asha(1, 1, schedule.Settings{Kind: schedule.ASHA, Min: 1, Max: 2, Eta: 2}, sweep.Minimize)
	s.Trials = 4
	d := drive(t, s)
	d.done(1, 1, 0.1)
	d.done(2, 1, 0.2) // 1 is promoted
	d.done(1, 2, 0.1) // and is through
	if _, over := d.Over(); over {
		t.Fatal("the sweep is over with the first trial in the top rung")
	}
	d.done(3, 1, 0.05)
	d.done(3, 2, 0.05)
	d.done(4, 1, 0.3)
	if reason, over := d.Over(); !over || d.Best().Number != 3 {
		t.Errorf("over: %v (%s); the best is %d", over, reason, d.Best().Number)
	}
}

func TestMaggyNeedsNoLeastNumberOfTrials(t *testing.T) {
	s := asha(1, 2, three, sweep.Minimize)
	s.Trials = 2 // fewer than eta: nobody is promoted, and that is said
	d := drive(t, s)
	d.done(1, 1, 0.1)
	out := d.done(2, 1, 0.2)
	if _, over := d.Over(); !over {
		t.Errorf("the sweep hangs: %+v", out)
	}
}

func TestMaggyGoesOnFromTheCheckpoint(t *testing.T) {
	d := drive(t, asha(1, 3, three, sweep.Minimize))
	d.done(1, 1, 0.1)
	d.done(2, 1, 0.2)
	if r, _ := find(d.done(3, 1, 0.3), sweep.Run, 1); r.From != 1 || r.To != 3 || r.Job != 2 {
		t.Errorf("the promoted trial runs from %d to %d", r.From, r.To)
	}
	if r, _ := find(d.job(sweep.Preempted, 1, 2, nil), sweep.Run, 1); r.From != 2 || r.Job != 3 {
		t.Errorf("the interrupted trial runs from %d as job %d", r.From, r.Job)
	}
}

func TestMaggyLosesNothingWithItsDriver(t *testing.T) {
	s := asha(5, 2, three, sweep.Minimize)
	s.Trials = 6
	d := drive(t, s)
	for range 30 {
		if _, over := d.Over(); over {
			break
		}
		for _, trial := range d.Trials() {
			if trial.State == sweep.TrialRunning {
				d.done(trial.Number, trial.To, trial.Point[0])
				break
			}
		}
		again, decisions, err := sweep.Replay(s, d.log, nil) // all that is left is the log
		if err != nil || len(decisions) != len(d.all) {
			t.Fatalf("the log gives %d decisions, not %d: %v", len(decisions), len(d.all), err)
		}
		d.Engine = again
	}
	if _, over := d.Over(); !over {
		t.Error("the sweep is not over")
	}
}

func TestMaggySurvivesTrialsThatFail(t *testing.T) {
	s := asha(1, 1, three, sweep.Minimize)
	two := 2
	s.MaxFailed, s.Trials = &two, 50
	d := drive(t, s)
	for trial := 1; trial <= 2; trial++ {
		out := d.job(sweep.Failed, trial, 0, nil)
		if r, ok := find(out, sweep.Run, trial+1); !ok || r.Job != 1 {
			t.Fatalf("after trial %d failed there is no next one: %+v", trial, out)
		}
	}
	d.job(sweep.Failed, 3, 0, nil)
	if reason, over := d.Over(); !over || !strings.Contains(reason, "3 trials failed, and 2 may") {
		t.Errorf("the budget of failed trials does not count: %v, %s", over, reason)
	}
}

func TestMaggyReadsNoPickles(t *testing.T) {
	for _, text := range []string{"p: !!python/object/apply:os.system [ls]", "p: !!binary gASVAAAA", "\x80\x04\x95"} {
		if _, err := space.Parse([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestMaggyEqualDrawsAreDifferentTrials(t *testing.T) {
	s := asha(1, 4, schedule.Settings{Kind: schedule.None}, sweep.Minimize)
	s.Space = spaceOf("only: [CATEGORICAL, [one]]") // Maggy draws no space of categories alone
	d := drive(t, s)
	for trial := 1; trial <= 4; trial++ {
		if r, ok := find(d.all, sweep.Run, trial); !ok || string(r.Config) != `{"only":"one"}` {
			t.Errorf("trial %d is %+v", trial, r)
		}
	}
}

func TestRayPromotesATrialThatWaitedWhenItsRungGrows(t *testing.T) {
	d := drive(t, asha(1, 1, schedule.Settings{Kind: schedule.ASHA, Min: 1, Max: 2, Eta: 2}, sweep.Minimize))
	d.done(1, 1, 0.2)
	d.done(2, 1, 0.1) // promoted at once; 1 waits
	d.done(2, 2, 0.1)
	d.done(3, 1, 0.9)
	if r, ok := find(d.done(4, 1, 0.8), sweep.Run, 1); !ok || r.From != 1 {
		t.Error("the trial that waited is not promoted")
	}
}

func TestRayComparesATrialWithItselfToo(t *testing.T) {
	d := drive(t, asha(1, 4, stoppingOf(3), sweep.Minimize))
	d.job(sweep.Report, 1, 1, metric(0.3))
	d.job(sweep.Report, 2, 1, metric(0.2))
	out := d.job(sweep.Report, 3, 1, metric(0.25)) // of three, only the best goes on
	if _, stopped := find(out, sweep.StopJob, 3); !stopped {
		t.Error("the second of three goes on")
	}
	d = drive(t, asha(1, 4, stoppingOf(3), sweep.Minimize))
	d.job(sweep.Report, 1, 1, metric(0.3))
	d.job(sweep.Report, 2, 1, metric(0.2))
	out = d.job(sweep.Report, 3, 1, metric(0.1))
	if _, stopped := find(out, sweep.StopJob, 3); stopped {
		t.Error("the best of three is stopped")
	}
}

func TestRayPromotesNoneBeforeThereAreEnoughToCompare(t *testing.T) {
	d := drive(t, asha(1, 2, three, sweep.Minimize))
	for trial := 1; trial <= 2; trial++ { // the first arrivals run on there
		if r, promoted := find(d.done(trial, 1, 0.1), sweep.Run, trial); promoted {
			t.Errorf("trial %d is promoted as one of %d: %s", trial, trial, r.Reason)
		}
	}
}

func TestRayLimitsCanBeChangedInTheMiddle(t *testing.T) {
	s := asha(1, 1, schedule.Settings{Kind: schedule.ASHA, Min: 1, Max: 2, Eta: 2}, sweep.Minimize)
	s.Trials = 2
	d := drive(t, s)
	d.done(1, 1, 0.2)
	d.done(2, 1, 0.1)
	d.done(2, 2, 0.1)
	if _, over := d.Over(); !over {
		t.Fatal("the sweep is not over")
	}
	if _, gone := find(d.all, sweep.Discard, 1); !gone {
		t.Error("nobody needs the checkpoint of trial 1, but that is not said")
	}
	text, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if d.Engine, err = sweep.Restore(s, text); err != nil {
		t.Fatal(err)
	}
	if out := d.take(sweep.Event{Kind: sweep.Extend, Count: 2}); len(out) != 1 || out[0].Trial != 3 {
		t.Fatalf("extended, the sweep does %+v", out)
	}
	d.done(3, 1, 0.9)
	r, ok := find(d.done(4, 1, 0.8), sweep.Run, 1)
	if !ok || r.From != 0 || !strings.Contains(r.Reason, "begins anew") {
		t.Errorf("the trial whose checkpoint is gone runs from %d: %s", r.From, r.Reason)
	}
}
