package dags_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/bine-ml/bine/dags"
)

// What the module in testdata does not call.
func TestBuilderGivesWhatTheYAMLGives(t *testing.T) {
	mode := dags.StringParam("mode").OneOf("fast", "full").Default("fast")
	level := dags.IntParam("level").OneOf(1, 2).AtLeast(1).AtMost(2).Describe("How much.")
	clean := dags.Shell("clean", "rm -rf \"$TARGET\"").Env("TARGET", mode.Value())
	work := dags.Python("work", "work.py").Needs(clean).With("level", level.Value()).Output("model", dags.Artifact).Output("score", dags.Float)
	keep := dags.Model("keep", "m", work.Out("model")).Metrics(map[string]any{"score": work.Value("score")}).Notes("level " + level.Value())
	got, err := dags.New("built", mode, level,
		dags.BoolParam("dry").Default(false), dags.MapParam("extra").Default(map[string]any{"a": 1.0}),
		clean, work, keep,
		dags.Deploy("serve", "d", "m").Version(3).CPU(1),
		dags.Message("tell", "http://localhost/hook", "done"),
		dags.OnSuccess("http://localhost/a"), dags.OnEnd("http://localhost/b"),
	)
	if err != nil {
		t.Fatal(err)
	}
	want := parse(t, `
name: built
params:
  mode: {type: string, choices: [fast, full], default: fast}
  level: {type: int, choices: [1, 2], min: 1, max: 2, description: How much.}
  dry: {type: bool, default: false}
  extra: {type: map, default: {a: 1.0}}
steps:
  clean: {command: 'rm -rf "$TARGET"', env: {TARGET: "${{ params.mode }}"}}
  work: {python: work.py, needs: [clean], with: {level: "${{ params.level }}"}, outputs: {model: artifact, score: float}}
  keep:
    model: {name: m, artifact: work.model, metrics: {score: "${{ steps.work.score }}"}, description: "level ${{ params.level }}"}
  serve: {deploy: {name: d, model: m, version: 3}, resources: {cpu: 1}}
  tell: {notify: {webhook: "http://localhost/hook", message: done}}
notify:
  - {on: success, webhook: "http://localhost/a"}
  - {on: always, webhook: "http://localhost/b"}
`)
	if !bytes.Equal(got.JSON(), want.JSON()) {
		t.Errorf("New gave\n%s\nParse\n%s", got.JSON(), want.JSON())
	}
}

func TestReadTakesBothForms(t *testing.T) {
	text := mustRead(t, "examples/flights/pipeline.yml")
	want := flights(t).JSON()
	for name, form := range map[string][]byte{"YAML": text, "JSON": append([]byte("\n "), want...)} {
		d, err := dags.Read(form)
		if err != nil || !bytes.Equal(d.JSON(), want) {
			t.Errorf("Read of %s = %s, %v", name, d.JSON(), err)
		}
	}
}

func TestArgv(t *testing.T) {
	for _, c := range []struct {
		action dags.CommandAction
		want   []string
	}{
		{dags.CommandAction{Args: []string{"a", "b"}}, []string{"a", "b"}},
		{dags.CommandAction{Shell: "a | b"}, []string{"sh", "-c", "a | b"}},
	} {
		if got := c.action.Argv(); !slices.Equal(got, c.want) {
			t.Errorf("Argv of %+v = %v; want %v", c.action, got, c.want)
		}
	}
}
