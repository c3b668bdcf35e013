package expr_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// A text that is one expression yields its typed value, any other a string.
func ExampleEval() {
	scope := expr.Scope{
		Params: map[string]json.RawMessage{"horizon": []byte("2")},
		Steps: map[bine.StepName]expr.StepValues{
			"train": {State: bine.Succeeded, Values: map[string]json.RawMessage{"roc_auc": []byte(`{"deep":0.75,"shallow":0.71}`)}},
		},
	}
	for _, text := range []string{
		"${{ params.horizon * 60 }}",
		"${{ params.horizon }} hours before departure",
		"${{ max(values(steps.train.roc_auc)) > 0.7 }}",
	} {
		value, err := expr.Eval(context.Background(), text, scope)
		fmt.Println(string(value), err)
	}
	// Output:
	// 120 <nil>
	// "2 hours before departure" <nil>
	// true <nil>
}

// Names that don't exist are found when a pipeline is stored, not when it runs.
func ExampleCheck() {
	names := expr.Names{Params: map[string]expr.Type{"horizon": expr.Int}}
	_, err := expr.Check("${{ params.horizn * 2 }}", names)
	fmt.Println(err)
	// Output:
	// there is no param "horizn"; did you mean horizon?
}
