package expr_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/bine-ml/bine/dags/expr"
)

// Whatever the text: no panic and no hang, and what is evaluated is JSON.
func FuzzExpr(f *testing.F) {
	for _, seed := range []string{
		"plain", "${{ params.horizon }}", "a ${{ item.name }} b ${{ key }}", "$${{ x }}", "${{ {'a': [1, 2.0, null]} }}",
		"${{ steps.train.roc_auc.map(k, steps.train.roc_auc[k]).filter(x, x > 0.5) }}", "${{ \"}}\" + '}' }}", "${{ r'\\' }}",
		"${{ has(steps.split.rows) && tick > timestamp('2020-01-01T00:00:00Z') }}", "${{ '''a\n''' }}", "${{ b'x' }}", "${{ int }}",
		"${{ range(10).map(i, join(range(i), ',')) }}", "${{ sum(values(steps.train.roc_auc)) / float(size(keys(steps.train.roc_auc))) }}",
		"${{ 9223372036854775807 + 1 }}", "${{ duration('1h') }}", "${{ round(1e300) }}", "${{ min([]) }}", "${{ {1: 2} }}", "${{ 'a'.matches('(a+)+$') }}",
		"$${{ a }} ${{ params.horizon }} ${{ item.name }}", "${{ has(steps.split.nothing) ? 1 : 2 }}", "${{ run.state == 'failed' ? run.reason : '' }}",
		"host/${{ item.host }}", "${{ [1, 2].map(x, x + params.horizon) }}", "${{ 1 / 0 }}", "${{ steps.split.state }}",
	} {
		f.Add(seed)
	}
	s := scope()
	f.Fuzz(func(t *testing.T, text string) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, _ = expr.Check(text, names)
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = expr.References(quoted)
		_, _ = expr.Params(quoted)
		if some, all, err := expr.EvalKnown(ctx, quoted, s, func(root string, _ []string) bool { return root == "params" }); err == nil && !json.Valid(some) {
			t.Errorf("EvalKnown(%q) gave what is no JSON (all: %v): %s", text, all, some)
		}
		out, err := expr.Eval(ctx, text, s)
		if err == nil && !json.Valid(out) {
			t.Errorf("Eval(%q) gave what is no JSON: %s", text, out)
		}
		if ctx.Err() != nil {
			t.Errorf("Eval(%q) took too long", text)
		}
	})
}
