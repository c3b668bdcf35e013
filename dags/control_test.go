package dags_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dags/plan"
)

func TestEveryExampleIsWellFormedAndSurvivesBeingStored(t *testing.T) {
	files, err := filepath.Glob("examples/*/pipeline.yml")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d examples were found (%v)", len(files), err)
	}
	for _, file := range files {
		d, err := dags.Parse(mustRead(t, file))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		again, err := dags.Decode(d.JSON())
		if err != nil || string(again.JSON()) != string(d.JSON()) {
			t.Errorf("%s is another pipeline after being stored: %v\n%s\n%s", file, err, d.JSON(), again.JSON())
		}
		if string(d.Name) != filepath.Base(filepath.Dir(file)) {
			t.Errorf("%s is called %s", file, d.Name)
		}
	}
}

func planOf(t *testing.T, d dags.DAG) map[bine.StepName]plan.Step {
	t.Helper()
	steps := map[bine.StepName]plan.Step{}
	for _, s := range d.Plan().Steps {
		steps[s.Name] = s
	}
	return steps
}

func needsOf(p plan.Plan, name bine.StepName) []bine.StepName {
	i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Name == name })
	var names []bine.StepName
	for _, n := range p.Steps[i].Needs {
		names = append(names, p.Steps[n].Name)
	}
	return names
}

func TestAFanOutNeedsWhatItsFollowersNeed(t *testing.T) {
	d := parse(t, `
name: chains
steps:
  model: {values: {m: 1}}
  load: {foreach: {items: [a, b]}, values: {n: "${{ key }}"}}
  score: {foreach: {per: load}, values: {s: "${{ steps.load.n + string(steps.model.m) }}"}}
  label: {foreach: {per: score}, values: {l: "${{ steps.score.s + steps.load.n }}"}}
  all: {values: {x: "${{ steps.label.l }}"}}
`)
	p := d.Plan()
	if got := needsOf(p, "load"); !slices.Equal(got, []bine.StepName{"model"}) {
		t.Errorf("load needs %v; want model, which its follower needs", got)
	}
	if got := needsOf(p, "label"); !slices.Equal(got, []bine.StepName{"score"}) {
		t.Errorf("label needs %v; want score alone", got)
	}
	steps := planOf(t, d)
	if per := steps["label"].Per; per == 0 || p.Steps[per-1].Name != "score" {
		t.Errorf("label follows %d; want score", per)
	}
	if got := d.Chain("label"); !slices.Equal(got, []bine.StepName{"score", "load"}) {
		t.Errorf("label follows %v", got)
	}
	if got := d.Followers("load"); !slices.Equal(got, []bine.StepName{"score", "label"}) {
		t.Errorf("load is followed by %v", got)
	}
}

func TestItemScopeReadsTheItemsOfThoseThatAreFollowed(t *testing.T) {
	d := parse(t, `
name: chain
steps:
  load: {foreach: {items: [a, b]}, values: {n: "${{ key }}"}}
  score: {foreach: {per: load}, values: {s: "${{ steps.load.n + '!' + item }}"}}
`)
	scope, err := d.Scope("p", bine.Run{}, []bine.Step{{Name: "load"}})
	if err != nil {
		t.Fatal(err)
	}
	item := bine.Step{Name: "score", Item: "a", With: json.RawMessage(`"a"`)}
	up := []bine.Step{{Name: "load", Item: "a", State: bine.Succeeded, Values: map[string]json.RawMessage{"n": json.RawMessage(`"one"`)}}}
	if scope, err = d.ItemScope(scope, item, up); err != nil {
		t.Fatal(err)
	}
	s, err := step(t, d, "score").Evaluate(t.Context(), scope)
	if got := string(s.Action.(dags.ValuesAction)["s"]); err != nil || got != `"one!a"` {
		t.Errorf("score of a is %s, %v", got, err)
	}
}

func TestNestedLoopsMakeAnItemOfEachWayThrough(t *testing.T) {
	d := parse(t, string(mustRead(t, "examples/nested/pipeline.yml")))
	params, err := d.ResolveParams(nil)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(params, &all); err != nil {
		t.Fatal(err)
	}
	row := bine.Step{Name: "list", State: bine.Succeeded, Values: map[string]json.RawMessage{"shops": all["shops"]}}
	scope, err := d.Scope("p", bine.Run{Params: params}, []bine.Step{row})
	if err != nil {
		t.Fatal(err)
	}
	items, err := step(t, d, "count").Items(t.Context(), scope)
	var keys []string
	for _, item := range items {
		keys = append(keys, item.Key)
	}
	if want := []string{"graz,mon", "graz,tue", "wien,mon", "wien,tue", "wien,wed"}; err != nil || !slices.Equal(keys, want) {
		t.Errorf("items are %v, %v; want %v", keys, err, want)
	}
}

func TestOutputsOfWhatDidNotSucceedAreNull(t *testing.T) {
	d := parse(t, "name: a\nsteps:\n  x: {command: [\"true\"], outputs: {n: int}}\n  y: {values: {m: 2}}\noutputs: {n: \"${{ steps.x.n }}\", m: \"${{ steps.y.m }}\"}\n")
	scope, err := d.Scope("p", bine.Run{}, []bine.Step{{Name: "x", State: bine.Failed}, {Name: "y", State: bine.Succeeded, Values: map[string]json.RawMessage{"m": json.RawMessage("2")}}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.EvaluateOutputs(t.Context(), scope)
	if err != nil || string(out["n"]) != "null" || string(out["m"]) != "2" {
		t.Errorf("outputs are %s, %v", out, err)
	}
}

func TestKeysAndMessagesAndTriggersAreEvaluated(t *testing.T) {
	d := parse(t, `
name: a
params: {h: {type: string, default: x}}
concurrency: {key: "shop/${{ params.h }}", limit: 2}
steps:
  s: {foreach: {items: [1, 2]}, concurrency: [{key: "/api/${{ item }}", limit: 1}, {limit: 4}], values: {n: 1}}
notify:
  - {on: late, slack: "https://example.com/x", message: "${{ run.id }} ${{ event }}: ${{ reason }} ${{ link }}"}
triggers:
  - {pipeline: b, params: {h: "${{ event.run }}"}}
`)
	scope, err := d.Scope("p", bine.Run{ID: "a-1", Params: json.RawMessage(`{"h":"y"}`), Reason: "slow"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := d.RunKeys(t.Context(), scope); err != nil || len(keys) != 1 || keys[0] != (dags.Concurrency{Key: "shop/y", Limit: 2}) {
		t.Errorf("keys of the run are %v, %v", keys, err)
	}
	if keys, err := step(t, d, "s").Keys(t.Context(), scope.WithItem("1", json.RawMessage("1"))); err != nil || keys[0].Key != "/api/1" || keys[1].Key != "" {
		t.Errorf("keys of the item are %v, %v", keys, err)
	}
	scope.Event, scope.Link = json.RawMessage(`"late"`), "http://l"
	if text, err := d.Notify[0].Text(t.Context(), scope); err != nil || text != "a-1 late: slow http://l" {
		t.Errorf("the message is %q, %v", text, err)
	}
	if params, err := dags.EvaluateParams(t.Context(), d.Triggers[0].Params, json.RawMessage(`{"run":"b-7"}`)); err != nil || string(params["h"]) != `"b-7"` {
		t.Errorf("the trigger gives %s, %v", params, err)
	}
	if got := step(t, d, "s").Params(); len(got) != 0 {
		t.Errorf("s reads params %v", got)
	}
}

func TestOldStoredPipelinesStillDecode(t *testing.T) {
	d, err := dags.Decode([]byte(`{"name":"a","steps":[{"name":"x","no_cache":true,"resources":{"cpu":0.5,"memory":536870912},"kind":"command","action":{"args":["true"]}}]}`))
	if err != nil || !d.Steps[0].NoCache || d.Steps[0].Reads() || d.Steps[0].Writes() {
		t.Errorf("cache: off of before is %v, %v", d.Steps, err)
	}
}

func TestFaultsOfControlAreNamed(t *testing.T) {
	for says, text := range map[string]string{
		"there is no step \"lod\"; did you mean load?":         "steps: {load: {foreach: {items: [a]}, values: {n: 1}}, s: {foreach: {per: lod}, values: {n: 1}}}",
		"load has no items to follow":                          "steps: {load: {values: {n: 1}}, s: {foreach: {per: load}, values: {n: 1}}}",
		"in a circle":                                          "steps: {load: {foreach: {items: [a]}, values: {n: 1}}, m: {values: {x: \"${{ steps.load.n }}\"}}, s: {foreach: {per: load}, values: {n: \"${{ steps.m.x }}\"}}}",
		"exactly one of items, per and a list of loops":        "steps: {load: {foreach: {items: [a]}, values: {n: 1}}, s: {foreach: {per: load, items: [b]}, values: {n: 1}}}",
		"did you mean any_succeeded?":                          "steps: {a: {values: {n: 1}}, b: {needs: [a], join: any_suceeded, values: {n: 1}}}",
		"belongs to another part of the pipeline":              "steps: {a: {values: {n: 1}}}\nfinally: {b: {needs: [a], values: {n: 1}}}",
		"there are two steps a":                                "steps: {a: {values: {n: 1}}}\nfinally: {a: {values: {n: 1}}}",
		"makes no attempts":                                    "steps: {a: {wait: {for: 1s}, retry: 3}}",
		"exactly one of for, until, file":                      "steps: {a: {wait: {for: 1s, file: x}}}",
		"no other can follow it":                               "steps: {a: {command: [x], retry: [{attempts: 2}, {on: [memory], attempts: 3}]}}",
		"exactly one of webhook, slack and mail":               "steps: {a: {values: {n: 1}}}\nnotify: [{on: failure}]",
		"is not a mail address":                                "steps: {a: {values: {n: 1}}}\nnotify: [{on: failure, mail: [\"a b\"]}]",
		"there is no steps here":                               "params: {n: {type: int, default: 1}}\nsteps: {a: {values: {n: 1}}}\ntriggers: [{pipeline: b, params: {n: \"${{ steps.a.n }}\"}}]",
		"a pipeline that starts itself never ends":             "steps: {a: {values: {n: 1}}}\ntriggers: [{pipeline: a}]",
		"param n has no default":                               "params: {n: {type: int}}\nsteps: {a: {values: {n: 1}}}\ntriggers: [{pipeline: b}]",
		"is not one of code, with.<name>":                      "steps: {a: {command: [x], cache: {ignore: [resources]}}}",
		"a branch cannot choose itself":                        "steps: {a: {branch: {cases: [{when: \"${{ true }}\", steps: [a]}]}}}",
		"every field needs a default":                          "steps: {a: {approval: {message: x, deadline: 1h, otherwise: approve, form: {n: {type: int}}}}}",
		"a GET request has no body":                            "steps: {a: {http: {url: \"http://x\", body: {}}}}",
		"a step that follows items takes them one by one":      "steps: {load: {foreach: {items: [a]}, values: {n: 1}}, s: {foreach: {per: load, batch: 2}, python: \"a\\nb\"}}",
		"max_parallel and batch count for all loops together":  "steps: {s: {foreach: [{as: x, items: [1]}, {as: y, items: [2], batch: 3}], values: {n: 1}}}",
		"read it with ${{ steps.load.n }}":                     "steps: {load: {foreach: {items: [a]}, values: {n: 1}}, s: {foreach: {per: load}, command: [x], inputs: {n: load.n}}}",
		"a step does one thing, and this one has wait already": "steps: {a: {wait: {for: 1s}, approval: {message: x}}}",
		"a whole number from 1 is expected, not 0":             "concurrency: 0\nsteps: {a: {values: {n: 1}}}",
		"exactly one of from and artifact":                     "steps: {a: {copy: {to: x}}}",
		"its name must end in .ipynb":                          "steps: {a: {notebook: x.py}}",
	} {
		_, err := dags.Parse([]byte("name: a\n" + text + "\n"))
		var said []string
		if e, ok := errors.AsType[*bine.Error](err); ok {
			for _, d := range e.Details {
				said = append(said, d.Message)
			}
		}
		if !strings.Contains(strings.Join(said, "\n"), says) {
			t.Errorf("%s\nhas the faults %q\nwant %q", text, said, says)
		}
	}
}
