package dags_test

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

// Whatever the text: no panic, no hang; an error is one that can be shown, and
// a pipeline survives being stored.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range append(files, exampleFiles(f)...) {
		f.Add(mustRead(f, file))
	}
	for _, seed := range forms() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := dags.Parse(text)
		if err != nil {
			if kind := bine.KindOf(err); kind != bine.Invalid && kind != bine.TooLarge || err.Error() == "" {
				t.Errorf("Parse gave an error of kind %s: %v", kind, err)
			}
			return
		}
		again, err := dags.Decode(d.JSON())
		if err != nil {
			t.Fatalf("Decode of what Parse gave: %v\n%s", err, d.JSON())
		}
		if !bytes.Equal(again.JSON(), d.JSON()) {
			t.Errorf("Decode(JSON()) is another pipeline:\n%s\n%s", d.JSON(), again.JSON())
		}
		for i, s := range d.Plan().Steps {
			for _, n := range s.Needs {
				if n >= i {
					t.Errorf("step %d of the plan needs %d", i, n)
				}
			}
			if s.Per > i {
				t.Errorf("step %d of the plan follows %d", i, s.Per-1)
			}
		}
		use(t, d)
	})
}

func FuzzDecode(f *testing.F) {
	for _, file := range append(exampleFiles(f), "testdata/sales.yml", "testdata/forms.yml") {
		d, err := dags.Parse(mustRead(f, file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(d.JSON())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := dags.Decode(text)
		if err != nil {
			return
		}
		again, err := dags.Decode(d.JSON())
		if err != nil || !bytes.Equal(again.JSON(), d.JSON()) {
			t.Errorf("Decode(JSON()) is another pipeline, %v:\n%s\n%s", err, d.JSON(), again.JSON())
		}
		use(t, d)
	})
}

// Whatever a trigger and its event hold: no panic, and params are an object of JSON.
func FuzzEvent(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"path":"${{ event.path }}"}`, `{"path":"Resources/a"}`}, {`{"n":"${{ int(event.value) + 1 }}"}`, `{"key":null,"value":"7","offset":9007199254740993}`},
		{`{"all":["${{ event }}",1.0]}`, `{"run":"a-1","outputs":{"x":[1,2]},"tick":null}`}, {`{}`, `[]`}, {`{"x":"${{ has(event.a) ? event.a : 'b' }}"}`, `{}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, params, event []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		out, err := dags.EvaluateParams(ctx, params, event)
		if ctx.Err() != nil {
			t.Errorf("the params %q of the event %q took too long", params, event)
		}
		for name, raw := range out {
			if err == nil && !json.Valid(raw) {
				t.Errorf("param %s is no JSON: %s", name, raw)
			}
		}
	})
}

// forms are seeds for what no example has.
func forms() []string {
	return []string{
		"name: a\nsteps: {a: {wait: {run: {pipeline: b, tick: \"${{ tick }}\", within: 1d}}, timeout: {step: 1h}}}\n",
		"name: a\nsteps: {a: {go: {program: p, func: f}, retry: [{on: [memory], attempts: 2}, {attempts: 5, within: 1h}], pools: [a, b]}}\n",
		"name: a\nconcurrency: [{key: \"${{ run.id }}\", limit: 1}, {limit: 3}]\nsteps: {a: {values: {x: 1}, concurrency: 3, pools: {a: 2}}}\n",
		"name: a\ntriggers: [{topic: t, params: {x: \"${{ event.value }}\"}}]\nparams: {x: {type: string}}\nsteps: {a: {values: {x: 1}}}\n",
		"name: a\nsteps: {a: {foreach: {items: [1]}, values: {x: 1}}, b: {foreach: {per: a}, values: {x: \"${{ steps.a.x }}\"}}, c: {needs: [b], join: any_succeeded, values: {x: 1}}}\n",
		"name: a\nsteps: {a: {approval: {message: m, by: bob, escalate: {after: 1d, to: [al], notify: [{mail: a@b.c, message: \"${{ link }}\"}]}}}}\nfinally: {z: {values: {x: \"${{ run.reason }}\"}}}\n",
		"name: a\nsteps: {a: {wait: {http: {url: \"https://e.com\", expect: 204}, every: 1m}}, b: {http: {url: \"https://e.com\", method: PUT, body: [1, \"${{ key }}\"]}, foreach: [{as: x, items: [1]}, {as: y, items: \"${{ [item.x] }}\"}]}}\n",
		"name: a\nx: &a {values: {x: 1}}\nsteps: {a: *a, b: {<<: *a, when: \"${{ false }}\"}}\noutputs: {x: [\"${{ steps.a.state }}\"]}\n",
	}
}

func exampleFiles(f *testing.F) []string {
	f.Helper()
	files, err := filepath.Glob("examples/*/pipeline.yml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no examples: %v", err)
	}
	return files
}

// use does with a pipeline what is done with one that is stored.
func use(t *testing.T, d dags.DAG) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if drawn := dags.Graph(d); !utf8.ValidString(drawn) {
		t.Errorf("the drawing is no text: %q", drawn)
	}
	params, err := d.ResolveParams(nil)
	if err != nil {
		return
	}
	steps, err := d.Render(ctx, params)
	if ctx.Err() != nil {
		t.Errorf("it took too long to render\n%s", d.JSON())
	}
	for _, s := range steps {
		if err == nil && len(s.Action) > 0 && !json.Valid(s.Action) {
			t.Errorf("what step %s does is no JSON: %s", s.Step, s.Action)
		}
	}
}
