package spec_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/sweep/sample"
	"github.com/bine-ml/bine/internal/sweep/schedule"
	"github.com/bine-ml/bine/internal/sweep/spec"
)

func parse(t *testing.T, text string) spec.File {
	t.Helper()
	f, err := spec.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestASweepOfWandBIsReadAsItIs(t *testing.T) {
	f := parse(t, `
program: train.py
command: ["${env}", python, "${program}", "${args}"]
project: flights
method: bayes
run_cap: 40
metric: {name: val_loss, goal: minimize, target: 0.1, impute: latest}
early_terminate: {type: hyperband, max_iter: 27, s: 2}
parameters:
  epochs: {value: 27}
  optimizer: {values: [adam, sgd], probabilities: [0.7, 0.3]}
  lr: {distribution: log_uniform_values, min: 1e-5, max: 1e-1}
  dropout: {min: 0.1, max: 0.5}
  layers: {min: 1, max: 4}
  batch_size: {distribution: q_log_uniform_values, q: 8, min: 32, max: 256}
  head:
    parameters:
      width: {values: [64, 128]}
`)
	s := f.Settings
	if s.Sampler != sample.Bayes || s.Trials != 40 || s.Parallel != 1 || *s.Metrics[0].Target != 0.1 || s.Metrics[0].Goal != sweep.Minimize {
		t.Errorf("the settings are %+v", s)
	}
	if want := (schedule.Settings{Kind: schedule.Stopping, Min: 3, Max: 27, Eta: 3}); s.Schedule != want {
		t.Errorf("the scheduler is %+v, want %+v", s.Schedule, want)
	}
	if len(f.Notes) != 2 || f.Notes[0].Line != 4 {
		t.Errorf("what means nothing here is %+v", f.Notes)
	}
	e, err := sweep.New(s)
	if err != nil {
		t.Fatal(err)
	}
	out, err := e.Decide(sweep.Event{Kind: sweep.Start})
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Epochs, Layers int
		BatchSize      int `json:"batch_size"`
		Dropout, Lr    float64
		Optimizer      string
		Head           struct{ Width int }
	}
	if err := json.Unmarshal(out[0].Config, &config); err != nil {
		t.Fatalf("%s: %v", out[0].Config, err)
	}
	if config.BatchSize%8 != 0 || config.Epochs != 27 || config.Head.Width < 64 || config.Dropout < 0.1 || config.Lr < 1e-5 {
		t.Errorf("the configuration is %s", out[0].Config)
	}
}

func TestWhatPeopleWriteForWandBIsRead(t *testing.T) {
	for _, text := range []string{
		// no metric: nothing ranks trials
		"method: grid\nparameters:\n  a: {values: [[32, 128], [64, 256]]}\n  b: {value: [x]}\n  c: {value: {deep: [1, null]}}",
		// names with dots, numbers as people write them, null for nothing
		"method: bayes\nrun_cap: 8\nearly_terminate: null\nmetric: {goal: maximize, name: val/hmean}\nparameters:\n" +
			"  models.optimizer.lr: {distribution: log_uniform_values, min: 6.e-5, max: !!float 1e-3}\n  models.T_max: {value: 24}\n  deterministic: {value: True}",
		// s beside min_iter, which needs none; a command as one text
		"program: t.py\ncommand: \"${env} python ${args}\"\nmetric: {name: loss, goal: minimize}\nearly_terminate: {type: hyperband, min_iter: 15, eta: 3, s: 2}\n" +
			"method: random\nparameters: {dropout: {min: 0, max: 0.5}, seed: {distribution: int_uniform, min: 1, max: 99999}}",
		"method: bayes\nearly_terminate: {type: hyperband, eta: 2, max_iter: 10, s: 3}\nmetric: {name: loss}\nparameters: {o: {distribution: categorical, values: [Adam, SGD]}, m: {distribution: constant, value: 3}}",
		`{"method": "random", "metric": {"name": "loss", "goal": "minimize"}, "parameters": {"lr": {"min": 0.0001, "max": 0.1}}}`,
	} {
		f := parse(t, text)
		if _, err := sweep.New(f.Settings); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSettingsCanBeStoredAsJSON(t *testing.T) {
	f := parse(t, `
method: tpe
metric: {name: loss}
constraint: params.a < params.b
parameters:
  a: {min: 0.0, max: 1.0}
  b: {min: 0.0, max: 1.0}
  c: {values: [1, 2.0, x], when: "params.a > 0.5"}
`)
	text, err := json.Marshal(f.Settings)
	if err != nil {
		t.Fatal(err)
	}
	var again sweep.Settings
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if second, err := json.Marshal(again); err != nil || string(second) != string(text) {
		t.Errorf("settings change when they are stored: %s, %s, %v", text, second, err)
	}
	_, one, err := sweep.Replay(f.Settings, []sweep.Event{{Kind: sweep.Start}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, two, err := sweep.Replay(again, []sweep.Event{{Kind: sweep.Start}}, nil)
	if err != nil || string(one[0].Config) != string(two[0].Config) {
		t.Errorf("stored settings draw %s, not %s: %v", two[0].Config, one[0].Config, err)
	}
}

// Each file in testdata says in comments what is wrong with it: "# line:column: message".
func TestFaultsHaveTheirPlace(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no files: %v", err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range strings.Lines(string(text)) {
			if fault, found := strings.CutPrefix(line, "#! "); found {
				want = append(want, strings.TrimSpace(fault))
			}
		}
		_, err = spec.Parse(text)
		e, ok := errors.AsType[*bine.Error](err)
		if !ok || e.Kind != bine.Invalid {
			t.Errorf("%s: %v", path, err)
			continue
		}
		var got []string
		for _, d := range e.Details {
			got = append(got, strings.Join([]string{number(d.Line), number(d.Column), " " + d.Message}, ":"))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s has the faults\n%s\nwant\n%s", path, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func number(n int) string { text, _ := json.Marshal(n); return string(text) }
