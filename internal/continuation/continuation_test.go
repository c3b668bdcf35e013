package continuation_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/continuation"
)

const flights = `name: flights
params: {days: {type: int, default: 3}, hosts: {type: list, default: [a, b]}}
steps:
  ingest: {python: ingest.py, with: {days: "${{ params.days }}"}, outputs: {table: artifact, shops: json}}
  clean: {python: clean.py, inputs: {table: ingest.table}, outputs: {rows: int}}
  each: {command: [fit, "${{ item }}"], foreach: {items: "${{ steps.ingest.shops }}"}, outputs: {error: float}}
  fetch: {command: [get, "${{ item }}"], foreach: {items: "${{ params.hosts }}"}}
  best: {values: {worst: "${{ steps.clean.rows }}"}}
  tell: {needs: [best], notify: {webhook: "http://x", message: hello}}
on_failure:
  alert: {notify: {webhook: "http://x", message: failed}}
finally:
  tidy: {command: [rm]}
`

func side(t *testing.T, yaml string, params string, files ...string) continuation.Side {
	t.Helper()
	dag, err := dags.Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	s := continuation.Side{DAG: dag, Params: json.RawMessage(params)}
	for _, f := range files {
		name, text, _ := strings.Cut(f, "=")
		s.Code = append(s.Code, bine.ArtifactEntry{Path: name, Hash: bine.HashOf([]byte(text))})
	}
	return s
}

// ended gives rows of steps: all succeeded but those that are named.
func ended(s continuation.Side, states map[bine.StepName]bine.State) []bine.Step {
	var rows []bine.Step
	for _, step := range s.DAG.Steps {
		row := bine.Step{Name: step.Name, State: bine.Succeeded}
		if state, found := states[step.Name]; found {
			row.State = state
		}
		if step.Foreach != nil {
			row.Items, row.ItemStates = 3, map[bine.State]int{bine.Succeeded: 1, bine.Cached: 1, bine.Failed: 1}
		}
		rows = append(rows, row)
	}
	return rows
}

// told gives what happens to the main steps that run, one text for each.
func told(t *testing.T, old, next continuation.Side, states map[bine.StepName]bine.State, from ...bine.StepName) []string {
	t.Helper()
	steps, err := continuation.Plan(old, next, ended(old, states), from)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range steps {
		if s.Runs && s.Step != "alert" && s.Step != "tidy" {
			text := fmt.Sprintf("%s: %s", s.Step, s.Why)
			if s.KeepsItems {
				text += fmt.Sprintf(" (%d items)", s.Items)
			}
			out = append(out, text)
		}
	}
	return out
}

func is(t *testing.T, got, want []string) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(want, "\n "))
	}
}

const params = `{"days":3,"hosts":["a","b"]}`

var code = []string{"ingest.py=1", "clean.py=1", "util.py=1"}

func TestWhatDidNotSucceedRunsAndWhatNeedsIt(t *testing.T) {
	s := side(t, flights, params, code...)
	is(t, told(t, s, s, map[bine.StepName]bine.State{"clean": bine.Failed, "best": bine.Skipped, "tell": bine.Cancelled}), []string{
		"clean: it failed", "best: it needs clean, which runs again", "tell: it needs best, which runs again",
	})
	is(t, told(t, s, s, map[bine.StepName]bine.State{"tell": bine.Cancelled, "fetch": bine.Pending}), []string{"fetch: it had not begun (2 items)", "tell: it was cancelled"})
	is(t, told(t, s, s, nil), nil)
	is(t, told(t, s, s, map[bine.StepName]bine.State{"best": bine.Skipped}), nil) // by its own condition: it would be again
}

func TestStepsThatAreChosenRun(t *testing.T) {
	s := side(t, flights, params, code...)
	is(t, told(t, s, s, nil, "clean"), []string{"clean: it was chosen", "best: it needs clean, which runs again", "tell: it needs best, which runs again"})
	is(t, told(t, s, s, nil, "fetch"), []string{"fetch: it was chosen"})
	if _, err := continuation.Plan(s, s, nil, []bine.StepName{"nothing"}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a step that is not there: %v", err)
	}
}

func TestStepsWhoseDefinitionChangedRun(t *testing.T) {
	old := side(t, flights, params, code...)
	for change, want := range map[[2]string][]string{
		{"[get, ", "[fetch, "}:                           {"fetch: its definition changed"},
		{"message: hello", "message: bye"}:               {"tell: its definition changed"},
		{"[get, ", "[get, "}:                             nil,
		{"  best:", "  more: {values: {x: 1}}\n  best:"}: {"more: it is new"},
		{"outputs: {rows: int}}", "outputs: {rows: int}, retry: 5, timeout: 1h, resources: {cpu: 2}, cache: off, description: text}"}: nil,
		{"foreach: {items: \"${{ params.hosts }}\"}", "foreach: {items: \"${{ params.hosts }}\", max_parallel: 3}"}:                   nil,
	} {
		next := side(t, strings.Replace(flights, change[0], change[1], 1), params, code...)
		is(t, told(t, old, next, nil), want)
	}
}

func TestStepsWhoseFileChangedRun(t *testing.T) {
	old := side(t, flights, params, code...)
	is(t, told(t, old, side(t, flights, params, "ingest.py=1", "clean.py=2", "util.py=1"), nil), []string{
		"clean: its file clean.py changed", "best: it needs clean, which runs again", "tell: it needs best, which runs again",
	})
	is(t, told(t, old, side(t, flights, params, "ingest.py=1", "clean.py=1", "util.py=2"), nil)[:2], []string{
		"ingest: the file util.py changed, which any step may read", "clean: the file util.py changed, which any step may read",
	})
}

func TestWhoChoosesAStepKeepsTheOthersThoughASharedFileChanged(t *testing.T) {
	old, next := side(t, flights, params, code...), side(t, flights, params, "ingest.py=1", "clean.py=1", "util.py=2")
	is(t, told(t, old, next, nil, "clean"), []string{"clean: it was chosen", "best: it needs clean, which runs again", "tell: it needs best, which runs again"})
}

func TestStepsThatReadAParamThatChangedRun(t *testing.T) {
	old := side(t, flights, params, code...)
	next := side(t, flights, `{"days":3,"hosts":["a","c"]}`, code...)
	is(t, told(t, old, next, nil), []string{"fetch: param hosts changed, which it reads (2 items)"})
}

func TestItemsAreKeptWhereOnlyTheListIsMadeAgainDagster30077(t *testing.T) {
	s := side(t, flights, params, code...)
	got := told(t, s, s, nil, "ingest")
	is(t, got[:3], []string{"ingest: it was chosen", "clean: it needs ingest, which runs again", "each: it needs ingest, which runs again (2 items)"})
	body := strings.Replace(flights, `[fit, "${{ item }}"]`, `[fit, "${{ item }}", "${{ size(steps.ingest.shops) }}"]`, 1)
	s = side(t, body, params, code...)
	is(t, told(t, s, s, nil, "ingest")[2:3], []string{"each: it needs ingest, which runs again"})
	order := strings.Replace(flights, "foreach: {items: \"${{ params.hosts }}\"}", "needs: [clean], foreach: {items: \"${{ params.hosts }}\"}", 1)
	s = side(t, order, params, code...) // who knows what clean leaves in the project's files
	is(t, told(t, s, s, nil, "clean")[1:2], []string{"fetch: it needs clean, which runs again"})
}

const chain = `name: c
steps:
  load: {command: [l], foreach: {items: [a, b, c]}, outputs: {x: int}}
  fit: {command: [f, "${{ steps.load.x }}"], foreach: {per: load}}
`

func TestItemsThatFollowOthersAreKeptAsThoseAre(t *testing.T) {
	s := side(t, chain, "{}")
	is(t, told(t, s, s, map[bine.StepName]bine.State{"load": bine.Failed, "fit": bine.Failed}), []string{"load: it failed (2 items)", "fit: it needs load, which runs again (2 items)"})
	is(t, told(t, s, s, map[bine.StepName]bine.State{"fit": bine.Failed}), []string{"fit: it failed (2 items)"})
	is(t, told(t, s, s, nil, "load"), []string{"load: it was chosen", "fit: it needs load, which runs again"})
}

func TestStepsAtTheEndRunInAnyCase(t *testing.T) {
	s := side(t, flights, params, code...)
	steps, err := continuation.Plan(s, s, ended(s, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	why := map[bine.StepName]string{}
	for _, step := range steps {
		why[step.Step] = step.Why
	}
	if why["alert"] != "it runs where this run fails" || why["tidy"] != "it runs at the end of every run" {
		t.Errorf("the steps at the end: %v", why)
	}
	if continuation.Runs(steps, s.DAG) {
		t.Error("nothing runs, but Runs says so")
	}
}

func TestParamsAreThoseOfTheRunAndWhatIsGiven(t *testing.T) {
	s := side(t, strings.Replace(flights, "days: {", "extra: {type: string, default: x}, days: {", 1), "{}")
	got, err := continuation.Params(s.DAG, json.RawMessage(`{"days":5,"hosts":["q"],"gone":1}`), map[string]json.RawMessage{"hosts": json.RawMessage(`["z"]`)})
	if err != nil || string(got) != `{"days":5,"extra":"x","hosts":["z"]}` {
		t.Errorf("got %s, %v", got, err)
	}
	_, err = continuation.Params(s.DAG, nil, map[string]json.RawMessage{"nobody": json.RawMessage("1")})
	if !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a param that is not there: %v", err)
	}
}

func TestADifferenceIsShownInUnifiedForm(t *testing.T) {
	got, err := continuation.Diff("flights, version 1", "flights, version 2", "a\nb\nc\n", "a\nx\nc\n")
	want := "--- flights, version 1\n+++ flights, version 2\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"
	if err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	if same, err := continuation.Diff("a", "b", "x\n", "x\n"); same != "" || err != nil {
		t.Errorf("the same text: %q, %v", same, err)
	}
}
