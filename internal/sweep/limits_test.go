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
)

func TestASpaceWithoutConfigurationsEndsTheSweep(t *testing.T) {
	for constraint, want := range map[string]string{
		"params.x > 2.0":                      "of 1000 configurations none kept the constraints",
		"[1, 2][int(params.x * 9.0) + 5] > 1": "index", // reads beyond the end of a list
	} {
		s := asha(1, 2, three, sweep.Minimize)
		s.Space = &space.Space{Params: spaceOf("x: {min: 0.0, max: 1.0}").Params, Constraints: []string{constraint}}
		if reason, over := drive(t, s).Over(); !over || !strings.Contains(reason, want) {
			t.Errorf("%s: over %v: %s", constraint, over, reason)
		}
	}
}

func TestTheBudgetIsOfAllTrials(t *testing.T) {
	s := asha(1, 2, three, sweep.Minimize)
	s.Budget = 5
	d := drive(t, s)
	for range 20 {
		for _, trial := range d.Trials() {
			if trial.State == sweep.TrialRunning {
				d.done(trial.Number, trial.To, trial.Point[0])
				break
			}
		}
	}
	used := int64(0)
	for _, run := range d.all {
		if run.Kind == sweep.Run {
			used += run.To - run.From
		}
	}
	reason, over := d.Over()
	if !over || used < 5 || used > 7 || !strings.Contains(reason, "budget of 5") {
		t.Errorf("over %v after %d: %s", over, used, reason)
	}
	d.take(sweep.Event{Kind: sweep.Extend, Budget: 3})
	if _, over := d.Over(); over {
		t.Error("with more budget nothing goes on")
	}
}

func TestConfigurationsByHandComeBeyondThoseThatAreDrawn(t *testing.T) {
	s := asha(1, 1, three, sweep.Minimize)
	s.Trials = 1
	d := drive(t, s)
	if _, err := d.Decide(sweep.Event{Kind: sweep.Add, Config: []byte(`{"y": 1}`)}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a configuration that is not in the space: %v", err)
	}
	d.take(sweep.Event{Kind: sweep.Add, Config: []byte(`{"x": 0.125}`)})
	if r, ok := find(d.done(1, 1, 0.5), sweep.Run, 2); !ok || string(r.Config) != `{"x":0.125}` {
		t.Errorf("the configuration by hand runs as %+v", r)
	}
	d.done(2, 1, 0.1)
	if _, over := d.Over(); !over || len(d.Trials()) != 2 {
		t.Errorf("over %v with %d trials", over, len(d.Trials()))
	}
	if err := d.Accepts(sweep.Event{Kind: sweep.Add, Config: []byte(`{"x": 0.5}`)}); !bine.IsKind(err, bine.Conflict) {
		t.Errorf("a configuration for a sweep that is over: %v", err)
	}
}

func TestFewerSlotsAreLeftToRunOut(t *testing.T) {
	d := drive(t, asha(1, 4, schedule.Settings{Kind: schedule.None, Max: 1}, sweep.Minimize))
	d.take(sweep.Event{Kind: sweep.Parallel, Count: 2})
	for trial := 1; trial <= 2; trial++ {
		if _, ok := find(d.done(trial, 1, 0.5), sweep.Run, trial+4); ok {
			t.Errorf("with %d trials on 2 slots another one begins", 5-trial)
		}
	}
	if _, ok := find(d.done(3, 1, 0.5), sweep.Run, 5); !ok {
		t.Error("with one trial on 2 slots none begins")
	}
}

func TestStoppingKeepsSlotsUntilJobsHaveEnded(t *testing.T) {
	d := drive(t, asha(1, 2, three, sweep.Minimize))
	out := d.take(sweep.Event{Kind: sweep.Stop, Reason: "enough"})
	if len(out) != 2 || out[0].Kind != sweep.StopJob || out[0].Reason != "enough" {
		t.Fatalf("the sweep does %+v", out)
	}
	d.done(1, 1, 0.25) // was faster than the message
	out = d.job(sweep.Stopped, 2, 0, nil)
	if len(out) != 1 || out[0].Kind != sweep.Finished || out[0].Reason != "enough" {
		t.Errorf("the end is %+v", out)
	}
	if best := d.Best(); best == nil || best.Number != 1 {
		t.Errorf("the result that came late is lost: %+v", best)
	}
	if _, gone := find(d.all, sweep.Discard, 1); gone {
		t.Error("the checkpoint of the best is removed with the sweep's end")
	}
}

func TestInvalidConfigurationsEndSomeTime(t *testing.T) {
	d := drive(t, asha(1, 1, three, sweep.Minimize))
	for trial := 1; trial <= 2000; trial++ {
		d.job(sweep.Invalid, trial, 0, nil)
		if reason, over := d.Over(); over {
			if !strings.Contains(reason, "give the space a constraint") {
				t.Error(reason)
			}
			return
		}
	}
	t.Error("the sweep never ends")
}

func TestASweepWithoutMetricRunsItsTrials(t *testing.T) {
	s := asha(1, 1, schedule.Settings{Kind: schedule.None}, sweep.Minimize)
	s.Metrics, s.Sampler, s.Space = nil, sample.Grid, spaceOf("x: {values: [1, 2]}")
	d := drive(t, s)
	d.job(sweep.Done, 1, 7, nil)
	d.job(sweep.Done, 2, 9, nil)
	if _, over := d.Over(); !over || d.Best() != nil || len(d.Trials()) != 2 {
		t.Errorf("over %v, best %v, %d trials", over, d.Best(), len(d.Trials()))
	}
	s.Schedule = three
	if _, err := sweep.New(s); err == nil {
		t.Error("trials are ranked by nothing")
	}
}

func TestNumbersSurviveJSON(t *testing.T) {
	text, err := json.Marshal(map[string]sweep.Number{"a": sweep.Number(math.NaN()), "b": sweep.Number(math.Inf(1)), "c": sweep.Number(math.Inf(-1)), "d": 0.1})
	if err != nil || string(text) != `{"a":"NaN","b":"Infinity","c":"-Infinity","d":0.1}` {
		t.Fatalf("%s, %v", text, err)
	}
	var again map[string]sweep.Number
	if err := json.Unmarshal(text, &again); err != nil || !math.IsNaN(float64(again["a"])) || !math.IsInf(float64(again["c"]), -1) || again["d"] != 0.1 {
		t.Errorf("%v, %v", again, err)
	}
	if err := json.Unmarshal([]byte(`{"a": "much"}`), &again); err == nil {
		t.Error("a text was taken for a number")
	}
}
