package dags_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dags/expr"
)

// flightsScope is the scope after evaluate has ended.
func flightsScope(t *testing.T, d dags.DAG, better bool) expr.Scope {
	t.Helper()
	params, err := d.ResolveParams(nil)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	run := bine.Run{ID: "flights-3", Number: 3, Pipeline: "flights", Params: params, Tick: &tick}
	value := func(v string) map[string]json.RawMessage {
		return map[string]json.RawMessage{"roc_auc": json.RawMessage(v)}
	}
	rows := []bine.Step{
		{Name: "train", State: bine.Succeeded},
		{Name: "train", Item: "deep", State: bine.Succeeded, Values: value("0.75")},
		{Name: "train", Item: "shallow", State: bine.Cached, Values: value("1")},
		{Name: "evaluate", State: bine.Succeeded, Values: map[string]json.RawMessage{
			"roc_auc": json.RawMessage("0.73"), "baseline": json.RawMessage("0.6"), "better": json.RawMessage(map[bool]string{true: "true", false: "false"}[better]),
		}},
		{Name: "register", State: bine.Succeeded, Values: map[string]json.RawMessage{"version": json.RawMessage("4")}},
		{Name: "gone", State: bine.Succeeded},
	}
	s, err := d.Scope("demo", run, rows)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEvaluateFlights(t *testing.T) {
	d := flights(t)
	scope := flightsScope(t, d, true)
	evaluate, err := step(t, d, "evaluate").Evaluate(t.Context(), scope)
	if want := `{"scores":{"deep":0.75,"shallow":1.0}}`; err != nil || string(evaluate.With) != want {
		t.Errorf("with of evaluate is %s, %v; want %s", evaluate.With, err, want)
	}
	register, err := step(t, d, "register").Evaluate(t.Context(), scope)
	if err != nil {
		t.Fatal(err)
	}
	action, ok := register.Action.(dags.ModelAction)
	metrics, err := action.Numbers()
	if want := map[string]float64{"roc_auc": 0.73, "baseline": 0.6}; !ok || err != nil || !reflect.DeepEqual(metrics, want) {
		t.Errorf("metrics are %v, %v; want %v", metrics, err, want)
	}
	if want := "Trained 2 hours ahead by flights-3."; action.Description != want {
		t.Errorf("description is %q; want %q", action.Description, want)
	}
	deploy, err := step(t, d, "deploy").Evaluate(t.Context(), scope)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := deploy.Action.(dags.DeployAction).Number(); n != 4 || err != nil {
		t.Errorf("version to deploy is %d, %v; want 4", n, err)
	}
}

func TestRunsFollowsWhen(t *testing.T) {
	d := flights(t)
	for _, better := range []bool{true, false} {
		runs, err := step(t, d, "register").Runs(t.Context(), flightsScope(t, d, better))
		if runs != better || err != nil {
			t.Errorf("Runs = %v, %v where better is %v", runs, err, better)
		}
	}
	if runs, err := step(t, d, "ingest").Runs(t.Context(), expr.Scope{}); !runs || err != nil {
		t.Errorf("a step without when: Runs = %v, %v", runs, err)
	}
}

func TestItemsOfFlights(t *testing.T) {
	d := flights(t)
	scope := flightsScope(t, d, true)
	train := step(t, d, "train")
	items, err := train.Items(t.Context(), scope)
	if err != nil || len(items) != 4 || items[0].Key != "shallow" || items[3].Key != "hasty" {
		t.Fatalf("Items = %+v, %v", items, err)
	}
	one, err := train.Evaluate(t.Context(), scope.WithItem(items[2].Key, items[2].Value))
	want := `{"depth":6,"horizon":2,"iterations":200,"learning_rate":0.05,"name":"patient"}`
	if err != nil || string(one.With) != want {
		t.Errorf("with of an item is %s, %v; want %s", one.With, err, want)
	}
	if string(train.With) == want {
		t.Error("Evaluate changed the step that it was called on")
	}
}

func TestItemsRefuses(t *testing.T) {
	d := parse(t, `
name: items
params: {list: {type: list, default: []}, any: {type: map, default: {}}}
steps:
  keyed: {command: [x], foreach: {items: "${{ params.list }}", key: "${{ item.k }}"}}
  plain: {command: [x], foreach: {items: "${{ params.list }}"}}
  odd: {command: [x], foreach: {items: "${{ params.any.list }}"}}
`)
	for _, c := range []struct {
		name string
		step bine.StepName
		list string
		want string
	}{
		{"a key twice", "keyed", `[{"k":"a"},{"k":"a"}]`, "items 0 and 1 both have the key a"},
		{"a key that is none", "keyed", `[{"k":"a/b"}]`, `item key "a/b" is not a name`},
		{"an item without the field", "keyed", `[{}]`, "steps.keyed.foreach.items[0]: ${{ item.k }}: there is no key k"},
		{"a mapping without a key", "plain", `[{"k":"a"}]`, "needs a key"},
		{"a text that is no key", "plain", `["a b"]`, "give foreach a key"},
		{"nothing", "plain", `[null]`, "needs a key"},
		{"what is no list", "odd", `[]`, "a list is expected, not 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			scope := expr.Scope{Params: map[string]json.RawMessage{"list": json.RawMessage(c.list), "any": json.RawMessage(`{"list":3}`)}}
			items, err := step(t, d, c.step).Items(t.Context(), scope)
			if err == nil || !strings.Contains(err.Error(), c.want) || !bine.IsKind(err, bine.Invalid) {
				t.Errorf("Items = %v, %v; want an error with %q", items, err, c.want)
			}
		})
	}
	items, err := step(t, d, "plain").Items(t.Context(), expr.Scope{Params: map[string]json.RawMessage{"list": json.RawMessage(`["a",1,true,2.5]`)}})
	if err != nil || len(items) != 4 || items[1].Key != "1" || items[3].Key != "2.5" {
		t.Errorf("Items = %+v, %v", items, err)
	}
}

func TestReferences(t *testing.T) {
	d := parse(t, string(mustRead(t, "testdata/sales.yml")))
	for name, want := range map[bine.StepName][]bine.StepName{"fetch": nil, "report": {"fetch"}, "total": {"report"}, "tell": {"total"}} {
		if got := step(t, d, name).References(); !reflect.DeepEqual(got, want) {
			t.Errorf("References of %s = %v; want %v", name, got, want)
		}
	}
}

func TestResolveParams(t *testing.T) {
	d := parse(t, `
name: params
params:
  day: {type: string}
  horizon: {type: int, default: 2, min: 0, max: 24}
  sample: {type: float, default: 1, min: 0.01}
  mode: {type: string, default: fast, choices: [fast, full]}
  flag: {type: bool, default: false}
  list: {type: list, default: [1.0]}
  map: {type: map, default: {b: 1, a: 2}}
steps: {a: {command: x}}
`)
	got, err := d.ResolveParams(map[string]json.RawMessage{"day": []byte(`"x"`), "horizon": []byte("3.0"), "sample": []byte("2")})
	want := `{"day":"x","flag":false,"horizon":3,"list":[1.0],"map":{"a":2,"b":1},"mode":"fast","sample":2.0}`
	if err != nil || string(got) != want {
		t.Errorf("ResolveParams = %s, %v; want %s", got, err, want)
	}
	_, err = d.ResolveParams(map[string]json.RawMessage{
		"horizn": []byte("1"), "horizon": []byte("25"), "sample": []byte(`"all"`), "mode": []byte(`"slow"`), "flag": []byte("1"), "list": []byte("{}"), "map": []byte("nul"),
	})
	for _, want := range []string{
		`pipeline params has no param "horizn"; did you mean horizon?`,
		"param day has no default: give it a value of type string",
		"param horizon: a number from 0 to 24 is expected, not 25",
		`param sample: a number is expected, not "all"`,
		`param mode: one of "fast", "full" is expected, not "slow"`,
		"param flag: true or false is expected, not 1",
		"param list: a list is expected, not {}",
		"param map: \"nul\" is not JSON",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ResolveParams = %v\nlacks %s", err, want)
		}
	}
}

func TestParamsFromStrings(t *testing.T) {
	d := flights(t)
	given, err := d.ParamsFromStrings(map[string]string{"horizon": "6", "sample": "0.5", "configurations": `[{"name":"a"}]`})
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.ResolveParams(given)
	if want := `{"configurations":[{"name":"a"}],"horizon":6,"sample":0.5}`; err != nil || string(got) != want {
		t.Errorf("params are %s, %v; want %s", got, err, want)
	}
	_, err = d.ParamsFromStrings(map[string]string{"horizon": "six", "configurations": "a,b", "smaple": "1"})
	for _, want := range []string{`param horizon is of type int, which "six" is not`, "write it as JSON", "did you mean sample?"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParamsFromStrings = %v; lacks %s", err, want)
		}
	}
}

// CheckValue makes what a step gave into what expressions and later steps see.
func TestCheckValue(t *testing.T) {
	for _, c := range []struct {
		t        dags.Type
		in, want string
	}{
		{dags.Float, "1", "1.0"}, {dags.Float, "1e-7", "1e-7"}, {dags.Int, "1.0", "1"}, {dags.Int, "1.5", ""}, {dags.Int, "1e30", ""},
		{dags.String, `"a<b"`, `"a<b"`}, {dags.String, "1", ""}, {dags.Bool, "true", "true"}, {dags.Bool, "0", ""}, {dags.Float, `"1"`, ""},
		{dags.JSON, ` {"b": 1, "a": [1.50]} `, `{"a":[1.5],"b":1}`}, {dags.JSON, "NaN", ""}, {dags.Artifact, "1", ""}, {dags.JSON, "", ""},
	} {
		got, err := dags.CheckValue(c.t, json.RawMessage(c.in))
		if string(got) != c.want && err == nil || (err == nil) != (c.want != "") {
			t.Errorf("CheckValue(%s, %s) = %s, %v; want %s", c.t, c.in, got, err, c.want)
		}
	}
}
