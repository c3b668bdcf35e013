package sweep_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/sweep/sample"
	"github.com/bine-ml/bine/internal/sweep/schedule"
	"github.com/bine-ml/bine/internal/sweep/space"
	"github.com/bine-ml/bine/internal/sweep/spec"
)

func TestOptunaNaNCountsAsTheWorstOfItsRung(t *testing.T) {
	for _, worst := range []float64{math.NaN(), math.Inf(-1), math.Inf(1)} {
		d := drive(t, asha(1, 3, three, sweep.Minimize))
		out := d.done(1, 1, worst)
		if w, ok := find(out, sweep.Through, 1); !ok || !strings.Contains(w.Reason, "no number") {
			t.Errorf("%g is told as %+v", worst, out)
		}
		d.done(2, 1, 0.5)
		if r, ok := find(d.done(3, 1, 0.9), sweep.Run, 2); !ok || !strings.HasPrefix(r.Reason, "1st of 3") {
			t.Errorf("beside %g the best is not promoted: %+v", worst, r)
		}
	}
	d := drive(t, asha(1, 3, stoppingOf(3), sweep.Minimize))
	if _, stopped := find(d.job(sweep.Report, 1, 1, metric(math.NaN())), sweep.StopJob, 1); !stopped {
		t.Error("a running trial whose metric is NaN goes on")
	}
}

func TestOptunaTheFirstTrialsAreNotStopped(t *testing.T) {
	d := drive(t, asha(1, 3, stoppingOf(3), sweep.Minimize))
	d.job(sweep.Report, 1, 1, metric(0.1))
	if out := d.job(sweep.Report, 2, 1, metric(0.9)); len(out) != 0 { // Optuna goes on with the best so far alone
		t.Errorf("the second of two is judged: %+v", out)
	}
	strict := stoppingOf(3)
	strict.Strict = true
	d = drive(t, asha(1, 3, strict, sweep.Minimize))
	d.job(sweep.Report, 1, 1, metric(0.1))
	if _, stopped := find(d.job(sweep.Report, 2, 1, metric(0.9)), sweep.StopJob, 2); !stopped {
		t.Error("strict lets the second of two go on")
	}
}

func TestOptunaThereIsAGreatestResource(t *testing.T) {
	s := three
	s.Max = 30 // 1, 3, 9, 27 and no further
	if got := s.Rungs(); len(got) != 4 || got[3] != 27 {
		t.Errorf("the rungs are %v", got)
	}
	d := drive(t, asha(1, 1, stoppingOf(3), sweep.Minimize))
	if d.all[0].To != 9 {
		t.Errorf("a trial runs to %d", d.all[0].To)
	}
}

func TestOptunaTheFirstRungDoesNotDependOnTheFirstTrial(t *testing.T) {
	f, err := spec.Parse([]byte("metric: {name: loss}\nearly_terminate: {max_iter: 9}\nparameters: {p: {values: [1]}}"))
	if err != nil || f.Settings.Schedule != three {
		t.Errorf("without min_iter the rungs are those of %+v, %v", f.Settings.Schedule, err)
	}
}

func TestOptunaTrialsCanBePaused(t *testing.T) {
	d := drive(t, asha(1, 2, three, sweep.Minimize))
	d.take(sweep.Event{Kind: sweep.Pause})
	if out := d.done(1, 1, 0.1); len(out) != 1 || out[0].Kind != sweep.Wait {
		t.Errorf("a paused sweep does %+v", out)
	}
	d.job(sweep.Preempted, 2, 0, nil)
	if out := d.take(sweep.Event{Kind: sweep.Resume}); len(out) != 2 || out[0].Trial != 2 || out[0].Job != 2 || out[1].Trial != 3 {
		t.Errorf("resumed, the sweep does %+v", out)
	}
}

func TestOptunaBracketsGetTheirShare(t *testing.T) {
	s := asha(1, 1, schedule.Settings{Kind: schedule.Brackets, Min: 1, Max: 9, Eta: 3}, sweep.Minimize)
	s.Trials = 170
	d := drive(t, s)
	for _, over := d.Over(); !over; _, over = d.Over() {
		last := d.Trials()[len(d.Trials())-1]
		for _, trial := range d.Trials() {
			if trial.State == sweep.TrialRunning {
				last = trial
			}
		}
		d.done(last.Number, last.To, last.Point[0])
	}
	var begun [3]int
	for _, trial := range d.Trials() {
		begun[trial.Bracket]++
	}
	if begun != [3]int{90, 50, 30} { // Hyperband begins 9, 5 and 3
		t.Errorf("the brackets begin %v trials, not by 9, 5 and 3", begun)
	}
}

func TestWandBRungsAreStepsAndNotReports(t *testing.T) {
	d := drive(t, asha(1, 2, stoppingOf(2), sweep.Minimize))
	if at, ok := d.Watch(1); !ok || at != 1 {
		t.Fatalf("the first report of use is at %d", at)
	}
	d.job(sweep.Report, 1, 5, metric(0.1)) // its first report, but of step 5: past the rungs at 1, 2 and 4
	if at, ok := d.Watch(1); !ok || at != 8 {
		t.Errorf("after step 5 the next report of use is at %d", at)
	}
	if _, stopped := find(d.job(sweep.Report, 2, 2, metric(0.5)), sweep.StopJob, 2); !stopped {
		t.Error("a trial that is worse at step 1 already goes on")
	}
}

func TestWandBUnknownKeysOfEarlyTerminateAreFaults(t *testing.T) {
	_, err := spec.Parse([]byte("metric: {name: loss}\nearly_terminate:\n  type: hyperband\n  min_itr: 3\n  min_iter: 3\nparameters: {p: {values: [1]}}"))
	if err == nil || !strings.Contains(err.Error(), `line 4, column 3: early_terminate.min_itr: there is no key "min_itr" here; did you mean min_iter?`) {
		t.Errorf("%v", err)
	}
}

func TestWandBBoundsOfLogUniformAreExponents(t *testing.T) {
	s := spaceOf("p: {distribution: log_uniform, min: 0, max: 1}")
	c, _, err := s.Point([]float64{1})
	var p float64
	if err := json.Unmarshal(c["p"], &p); err != nil || p != math.E {
		t.Errorf("at the upper bound of 1 it is %g, not e", p)
	}
	if err != nil {
		t.Error(err)
	}
	if _, err := space.Parse([]byte("p: {distribution: log_uniform_values, min: 0, max: 1}")); err == nil {
		t.Error("the logarithm of 0 was taken")
	}
}

func TestWandBHasNoConditionsButBineHas(t *testing.T) {
	s := asha(1, 40, schedule.Settings{Kind: schedule.None}, sweep.Minimize)
	s.Space = spaceOf("optimizer: {values: [sgd, adam]}\nmomentum: {min: 0.0, max: 1.0, when: 'params.optimizer == \"sgd\"'}")
	for _, d := range drive(t, s).all {
		if strings.Contains(string(d.Config), "adam") == strings.Contains(string(d.Config), "momentum") {
			t.Errorf("%s", d.Config)
		}
	}
}

func TestDeterminedReplacesInvalidConfigurations(t *testing.T) {
	s := asha(1, 1, three, sweep.Minimize)
	s.Trials = 3
	d := drive(t, s)
	if _, ok := find(d.job(sweep.Invalid, 1, 0, nil), sweep.Run, 2); !ok {
		t.Fatal("the invalid configuration is not replaced")
	}
	d.done(2, 1, 0.2)
	d.done(3, 1, 0.1)
	if r, ok := find(d.done(4, 1, 0.3), sweep.Run, 3); !ok || !strings.HasPrefix(r.Reason, "1st of 3 in rung 0") {
		t.Errorf("the invalid one counts: %+v", r)
	}
}

func TestKatibFailedTrialsCountInTheirRung(t *testing.T) {
	d := drive(t, asha(1, 3, three, sweep.Minimize))
	d.job(sweep.Failed, 1, 0, nil)
	d.done(2, 1, 0.5)
	if _, ok := find(d.done(3, 1, 0.9), sweep.Run, 2); !ok {
		t.Error("with a failed one the rung does not have three")
	}
}

func TestFencedJobsAreRefused(t *testing.T) {
	d := drive(t, asha(1, 1, three, sweep.Minimize))
	d.job(sweep.Preempted, 1, 0, nil) // job 2 runs now
	_, err := d.Decide(sweep.Event{Kind: sweep.Done, Trial: 1, Job: 1, At: 1, Metrics: metric(0)})
	if !bine.IsKind(err, bine.Fenced) || !strings.Contains(err.Error(), "replaced by job 2") {
		t.Errorf("a report of the first job: %v", err)
	}
}

func TestTargetsBoundsAndTheFront(t *testing.T) {
	low, fast := 0.05, 10.0
	s := asha(1, 4, three, sweep.Minimize)
	s.Sampler = sample.Sobol
	s.Metrics[0].Target = &low
	s.Metrics = append(s.Metrics, sweep.Metric{Name: "latency", Goal: sweep.Minimize, AtMost: &fast})
	d := drive(t, s)
	two := func(m, l float64) map[string]sweep.Number {
		return map[string]sweep.Number{"metric": sweep.Number(m), "latency": sweep.Number(l)}
	}
	d.job(sweep.Done, 1, 1, two(0.1, 20)) // the best, but too slow
	d.job(sweep.Done, 2, 1, two(0.3, 5))
	if _, ok := find(d.job(sweep.Done, 3, 1, two(0.2, 9)), sweep.Run, 3); !ok {
		t.Error("the best of those that are fast enough is not promoted")
	}
	d.job(sweep.Done, 4, 1, two(0.4, 7))
	var front []int
	for _, trial := range d.Front() {
		front = append(front, trial.Number)
	}
	if len(front) != 2 || front[0] != 2 || front[1] != 3 {
		t.Errorf("the front is %v", front)
	}
	if out := d.job(sweep.Done, 5, 1, two(0.04, 30)); out[len(out)-1].Kind != sweep.Drain {
		t.Errorf("the target is reached, and the sweep does %+v", out)
	}
}
