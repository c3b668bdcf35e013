package dags_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

// rendered gives the steps of a pipeline by name, with the default params.
func rendered(t *testing.T, d dags.DAG) map[bine.StepName]dags.RenderedStep {
	t.Helper()
	params, err := d.ResolveParams(nil)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := d.Render(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	all := map[bine.StepName]dags.RenderedStep{}
	for _, s := range steps {
		all[s.Step] = s
	}
	return all
}

func example(t *testing.T, name string) dags.DAG {
	t.Helper()
	return parse(t, string(mustRead(t, "examples/"+name+"/pipeline.yml")))
}

func TestRenderEvaluatesWhatIsKnownAndLeavesTheRest(t *testing.T) {
	s := rendered(t, example(t, "flights"))
	if got, want := string(s["ingest"].With), `{"horizon":2,"sample":1.0}`; got != want || !s["ingest"].Known || s["ingest"].Runs != dags.RunsYes {
		t.Errorf("ingest is %+v; want with %s", s["ingest"], want)
	}
	train := s["train"]
	if train.Items == nil || *train.Items != 4 || !slices.Equal(train.Keys, []string{"shallow", "deep", "patient", "hasty"}) || train.Known {
		t.Errorf("train has items %v %v, known %v", train.Items, train.Keys, train.Known)
	}
	if !strings.Contains(string(train.With), `"horizon":2,`) || !strings.Contains(string(train.With), `"depth":"${{ item.depth }}"`) {
		t.Errorf("train is given %s", train.With)
	}
	if got := string(s["register"].Action); !strings.Contains(got, `"description":"Trained 2 hours ahead by ${{ run.id }}."`) {
		t.Errorf("a text is to be evaluated in part: %s", got)
	}
	if s["register"].Runs != "${{ steps.evaluate.better }}" || s["deploy"].Runs != "register runs" {
		t.Errorf("register runs: %s; deploy runs: %s", s["register"].Runs, s["deploy"].Runs)
	}
}

func TestRenderFollowsWhatStepsComputeFromParamsAlone(t *testing.T) {
	s := rendered(t, example(t, "branch"))
	for name, want := range map[bine.StepName]string{"short_way": dags.RunsYes, "long_way": dags.RunsNo, "nothing_to_do": dags.RunsNo, "report": dags.RunsYes} {
		if s[name].Runs != want {
			t.Errorf("%s runs: %s; want %s", name, s[name].Runs, want)
		}
	}
	if got := string(s["report"].Action); got != `{"way":"short"}` {
		t.Errorf("report comes to %s", got)
	}
	if items := rendered(t, example(t, "nested"))["count"].Items; items == nil || *items != 5 {
		t.Errorf("nested loops have %v items; want 5", items)
	}
	if items := rendered(t, example(t, "per-item"))["label"].Items; items == nil || *items != 5 {
		t.Errorf("a follower has %v items; want those of its fan-out", items)
	}
}

func TestRenderSaysWhatDecides(t *testing.T) {
	s := rendered(t, parse(t, `
name: decisions
params: {off: {type: bool, default: false}}
steps:
  a: {command: [a], outputs: {ok: bool}}
  off: {when: "${{ params.off }}", command: [b]}
  below: {needs: [off], command: [b]}
  any: {needs: [off, a], join: any_succeeded, command: [b]}
  none: {needs: [off, below], join: any_succeeded, command: [b]}
  done: {needs: [off], join: all_done, command: [b]}
  pick: {branch: {cases: [{when: "${{ steps.a.ok }}", steps: [left]}], else: [right]}}
  left: {command: [b]}
  right: {when: "${{ !params.off }}", command: [b]}
  either: {needs: [left, right], join: any_succeeded, command: [b]}
  wrong: {when: "${{ 1 / int(params.off ? 1 : 0) > 0 }}", values: {x: 1}}
on_failure:
  blame: {values: {text: "${{ steps.a.state }}"}}
  more: {needs: [blame], values: {x: 1}}
finally:
  end: {values: {text: "${{ run.state }}"}}
`))
	for name, want := range map[bine.StepName]string{
		"off": "no", "below": "no", "any": "yes", "none": "no", "done": "yes", "left": "pick chooses it", "right": "pick chooses it",
		"either": "left runs or right runs", "blame": "a step fails", "more": "a step fails", "end": "yes",
	} {
		if s[name].Runs != want {
			t.Errorf("%s runs: %q; want %q", name, s[name].Runs, want)
		}
	}
	if !strings.Contains(s["wrong"].Fault, "steps.wrong.when") || s["a"].Fault != "" {
		t.Errorf("the fault of wrong is %q, that of a %q", s["wrong"].Fault, s["a"].Fault)
	}
	if s["blame"].Phase != "on_failure" || s["blame"].Known {
		t.Errorf("blame is %+v", s["blame"])
	}
}

func TestRenderKeepsWhatOnlyLooksLikeAnExpression(t *testing.T) {
	d := parse(t, `
name: literal
params: {text: {type: string}, n: {type: int, default: 3}}
steps:
  all: {command: [echo, "$${{ x }} ${{ params.n }}", "${{ params.n }}"]}
  some: {command: [echo, "$${{ x }} ${{ params.text }} ${{ run.id }}"]}
`)
	s, err := d.Render(t.Context(), []byte(`{"text":"${{ 1 + 1 }}","n":3}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(s[0].Action), `{"args":["echo","${{ x }} 3","3"]}`; got != want {
		t.Errorf("all = %s; want %s", got, want)
	}
	if got, want := string(s[1].Action), `{"args":["echo","$${{ x }} $${{ 1 + 1 }} ${{ run.id }}"]}`; got != want {
		t.Errorf("some = %s; want %s", got, want)
	}
}

func TestRenderEndsWithItsContextAndAtItsLimit(t *testing.T) {
	d := parse(t, `
name: much
params: {n: {type: int, default: 100000}}
steps:
  big: {values: {all: "${{ range(params.n) }}"}}
`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Render(ctx, []byte(`{"n":1}`)); err == nil || bine.KindOf(err) == bine.Invalid {
		t.Errorf("Render after its end: %v", err)
	}
	var many strings.Builder
	many.WriteString("name: much\nparams: {list: {type: list}}\nsteps:\n")
	for i := range 40 {
		fmt.Fprintf(&many, "  s%d: {values: {all: \"${{ params.list }}\"}}\n", i)
	}
	list, err := json.Marshal(map[string]any{"list": slices.Repeat([]string{strings.Repeat("x", 1000)}, 1000)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parse(t, many.String()).Render(t.Context(), list); !bine.IsKind(err, bine.TooLarge) {
		t.Errorf("Render of 40 MB gave %v; want that it is too large", err)
	}
}
