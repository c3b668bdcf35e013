package expr_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

var names = expr.Names{
	Params: map[string]expr.Type{"horizon": expr.Int, "sample": expr.Float, "label": expr.String, "configurations": expr.List},
	Steps: map[bine.StepName]expr.StepNames{
		"split":    {Outputs: map[string]expr.Type{"rows": expr.Int, "train": expr.Artifact}},
		"train":    {Outputs: map[string]expr.Type{"roc_auc": expr.Float, "model": expr.Artifact}, Foreach: true},
		"evaluate": {Outputs: map[string]expr.Type{"better": expr.Bool, "report": expr.JSON}},
	},
	Item: true,
}

func scope() expr.Scope {
	tick := time.Date(2013, 11, 30, 6, 0, 0, 0, time.UTC)
	return expr.Scope{
		Params: map[string]json.RawMessage{"horizon": []byte("2"), "sample": []byte("1.0"), "label": []byte(`"late <b>"`), "configurations": []byte(`[{"name":"a"},{"name":"b"}]`)},
		Steps: map[bine.StepName]expr.StepValues{
			"split":    {State: bine.Cached, Values: map[string]json.RawMessage{"rows": []byte("10")}},
			"train":    {State: bine.Succeeded, Values: map[string]json.RawMessage{"roc_auc": []byte(`{"b":0.75,"a":0.5}`)}},
			"evaluate": {State: bine.Succeeded, Values: map[string]json.RawMessage{"better": []byte("true"), "report": []byte(`{"rows":[1,2.0,null]}`)}},
		},
		Key: "a", Item: []byte(`{"name":"a","depth":3}`),
		Run:     expr.RunValues{ID: "flights-7", Number: 7, Pipeline: "flights"},
		Project: "demo", Tick: &tick,
	}
}

func TestEval(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a text without expressions stays", "plain $5 {{x}}", `"plain $5 {{x}}"`},
		{"one expression keeps its type", "${{ params.horizon }}", `2`},
		{"white space around it makes a text", " ${{ params.horizon }}", `" 2"`},
		{"several make a text", "${{ params.horizon }}h of ${{ run.id }}", `"2h of flights-7"`},
		{"an escaped opening stays", "$${{ x }} ${{ key }}", `"${{ x }} a"`},
		{"a decimal keeps its point", "${{ params.sample }}", `1.0`},
		{"a decimal of whole numbers too", "${{ float(params.horizon) * 2.0 }}", `4.0`},
		{"markup is not escaped", "${{ params.label }}", `"late <b>"`},
		{"a fan-out is a map by key", "${{ steps.train.roc_auc }}", `{"a":0.5,"b":0.75}`},
		{"the best key of a fan-out", "${{ keys(steps.train.roc_auc).filter(k, steps.train.roc_auc[k] == max(values(steps.train.roc_auc)))[0] }}", `"b"`},
		{"a state", "${{ steps.split.state == 'cached' }}", `true`},
		{"braces inside", `${{ {"a": {"b": params.horizon}} }}`, `{"a":{"b":2}}`},
		{"braces inside a string", `${{ "}}" + '"}}' }}`, `"}}\"}}"`},
		{"the item", "${{ item.name }}-${{ item.depth }}", `"a-3"`},
		{"a nested report", "${{ steps.evaluate.report.rows }}", `[1,2.0,null]`},
		{"a day", "${{ date(tick) }}", `"2013-11-30"`},
		{"a time", "${{ tick - duration('24h') }}", `"2013-11-29T06:00:00Z"`},
		{"a condition", "${{ params.horizon > 1 ? 'far' : 'near' }}", `"far"`},
		{"sum of numbers", "${{ sum([1, 2.5]) }}", `3.5`},
		{"round", "${{ round(-2.5) }}", `-3`},
		{"join and split", "${{ join(split('a b', ' '), '+') }}", `"a+b"`},
		{"lists made", "${{ range(3).map(i, i * 2) }}", `[0,2,4]`},
		{"an empty list", "${{ [] }}", `[]`},
		{"keys in order", "${{ {'b': 1, 'a': 2} }}", `{"a":2,"b":1}`},
		{"a map in a text is JSON", "scores: ${{ steps.train.roc_auc }}", `"scores: {\"a\":0.5,\"b\":0.75}"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := expr.Check(c.text, names); err != nil {
				t.Fatalf("Check(%s) = %v", c.text, err)
			}
			got, err := expr.Eval(t.Context(), c.text, scope())
			if err != nil || string(got) != c.want {
				t.Errorf("Eval(%s) = %s, %v; want %s", c.text, got, err, c.want)
			}
		})
	}
}

func TestCheckSaysWhatIsWrongAndWhere(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		column           int
	}{
		{"no end", "a ${{ params.horizon", "${{ has no closing }}", 3},
		{"empty", "${{ }}", "the expression is empty: write what it is between ${{ and }}", 1},
		{"a param that is not there", "${{ params.horizn }}", `there is no param "horizn"; did you mean horizon?`, 5},
		{"a step that is not there", "${{ steps.trian.roc_auc }}", `there is no step "trian"; did you mean train?`, 5},
		{"an output that is not there", "${{ 1 + steps.split.row }}", `there is no output of step split "row"; did you mean rows?`, 9},
		{"an artifact", "${{ steps.split.train }}", `split.train is a file or directory, which an expression cannot read: take it as an input, as in inputs: {train: split.train}`, 5},
		{"a step without its root", "${{ evaluate.better }}", "there is no evaluate here; did you mean steps.evaluate?", 5},
		{"a param without its root", "${{ horizon }}", "there is no horizon here; did you mean params.horizon?", 5},
		{"a root misspelt", "${{ parms.horizon }}", "there is no parms here; did you mean params?", 5},
		{"a whole step", "${{ steps.split }}", "steps.split is not a value: name one of its outputs, as in steps.split.rows", 5},
		{"two kinds of number", "${{ params.horizon * params.sample }}", "* does not take int, float: whole numbers and decimals do not mix, convert with float() or int()", 20},
		{"text plus number", "${{ params.label + 1 }}", "+ does not take string, int", 18},
		{"a function that is not there", "${{ avg([1]) }}", "there is no function avg()", 8},
		{"a function misspelt", "${{ lowr('A') }}", "there is no function lowr(); did you mean lower()?", 9},
		{"it ends too early", "${{ 1 + }}", "the expression ends too early", 9},
		{"what does not parse", "${{ a b }}", `the expression does not parse at "b"`, 7},
		{"a reserved word", "${{ while }}", "while is a reserved word of expressions", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := expr.Check(c.text, names)
			e, ok := err.(*bine.Error)
			if !ok || e.Kind != bine.Invalid || len(e.Details) != 1 {
				t.Fatalf("Check(%s) = %#v; want one fault", c.text, err)
			}
			if d := e.Details[0]; d.Message != c.want || d.Line != 1 || d.Column != c.column {
				t.Errorf("Check(%s) = %d:%d %s\nwant 1:%d %s", c.text, d.Line, d.Column, d.Message, c.column, c.want)
			}
		})
	}
}

func TestCheckTellsTheType(t *testing.T) {
	for text, want := range map[string]expr.Type{
		"plain": expr.String, "${{ params.horizon }}": expr.Int, "${{ params.horizon }} h": expr.String,
		"${{ params.sample > 0.5 }}": expr.Bool, "${{ steps.train.roc_auc }}": expr.Map, "${{ steps.train.roc_auc['a'] }}": expr.Float,
		"${{ item }}": expr.JSON, "${{ params.configurations }}": expr.List,
	} {
		if got, err := expr.Check(text, names); got != want || err != nil {
			t.Errorf("Check(%s) = %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestItemExistsOnlyInAFanOut(t *testing.T) {
	n := names
	n.Item = false
	_, err := expr.Check("${{ item.name }}", n)
	if err == nil || err.Error() != "item exists only in a step with foreach" {
		t.Errorf("Check = %v", err)
	}
}

func TestEvalIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"operations":    "${{ range(100000).map(x, range(1000).map(y, x * y)).size() }}",
		"doubling":      "${{ ['0123456789']" + strings.Repeat(".map(x, x + x)", 60) + " }}",
		"our functions": "${{ range(99999).map(i, join(range(i), ',').size()) }}",
		"many lists":    "${{ range(99999).map(i, sum(range(99999))) }}",
		"join":          "${{ join(range(100000), 'a long separator that makes the text much longer than it may be') }}",
		"source":        "${{ '" + strings.Repeat("a", expr.MaxSource) + "' }}",
		"nesting":       "${{ " + strings.Repeat("(", 500) + "1" + strings.Repeat(")", 500) + " }}",
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			got, err := expr.Eval(t.Context(), text, scope())
			if err == nil {
				t.Errorf("Eval gave %d bytes, want an error", len(got))
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("Eval took %s", took)
			}
			t.Log(err)
		})
	}
}

func TestEvalErrorsNameTheExpression(t *testing.T) {
	for text, want := range map[string]string{
		"${{ item.colour }}":      "${{ item.colour }}: there is no key colour",
		"${{ item.depth / 0 }}":   "${{ item.depth / 0 }}: division by zero",
		"${{ item.depth * 0.5 }}": "${{ item.depth * 0.5 }}: an operator or function was given a value of a type that it does not take; whole numbers and decimals do not mix in arithmetic",
		"${{ [1][5] }}":           "${{ [1][5] }}: index out of bounds: 5",
		"${{ 0.0 / 0.0 }}":        "${{ 0.0 / 0.0 }}: the number is not finite",
		"${{ int }}":              "${{ int }}: the result is a type, which is no value of a pipeline",
	} {
		_, err := expr.Eval(t.Context(), text, scope())
		if err == nil || err.Error() != want || !bine.IsKind(err, bine.Invalid) {
			t.Errorf("Eval(%s) = %v; want %s", text, err, want)
		}
	}
}

func TestEvalStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := expr.Eval(ctx, "${{ range(1000).map(x, x * x) }}", scope()); err == nil {
		t.Error("Eval went on after its context ended")
	}
}

func TestEvalTree(t *testing.T) {
	got, err := expr.EvalTree(t.Context(), []byte(`{"b":"${{ params.horizon }}","a":["x ${{ key }}",{"${{ key }}":1.0}],"n":12345678901234567890}`), scope())
	want := `{"a":["x a",{"${{ key }}":1.0}],"b":2,"n":12345678901234567890}`
	if err != nil || string(got) != want {
		t.Errorf("EvalTree = %s, %v; want %s", got, err, want)
	}
}

func TestReferences(t *testing.T) {
	got, err := expr.References([]byte(`{"a":"${{ steps.split.rows + 1 }} ${{ [1].map(steps, steps + 1) }}","b":["${{ has(steps.train.roc_auc) && steps.split.rows > params.horizon }}"]}`))
	if err != nil || len(got) != 2 || got[0] != "split" || got[1] != "train" {
		t.Errorf("References = %v, %v; want split, train", got, err)
	}
}

func TestNearest(t *testing.T) {
	choices := []string{"needs", "when", "with", "inputs", "outputs", "python"}
	for word, want := range map[string]string{"pyhton": "python", "need": "needs", "output": "outputs", "Python": "python", "zzzz": "", "witj": "with", "": ""} {
		if got := expr.Nearest(word, choices); got != want {
			t.Errorf("Nearest(%q) = %q; want %q", word, got, want)
		}
	}
}

func BenchmarkEval(b *testing.B) {
	s := scope()
	for b.Loop() {
		if _, err := expr.Eval(b.Context(), "${{ steps.split.rows > params.horizon }}", s); err != nil {
			b.Fatal(err)
		}
	}
}
