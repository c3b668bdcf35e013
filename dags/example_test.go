package dags_test

import (
	"errors"
	"fmt"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

// A pipeline in Go: steps are values, and refer to each other's outputs.
func ExampleNew() {
	horizon := dags.IntParam("horizon").Default(2).Between(0, 24)

	ingest := dags.Python("ingest", "ingest.py").
		With("horizon", horizon.Value()).
		Output("table", dags.Artifact)

	train := dags.Python("train", "train.py").
		Foreach([]string{"shallow", "deep"}, "").MaxParallel(2).
		Input("table", ingest.Out("table")).
		With("configuration", dags.Expr("item")).
		Output("roc_auc", dags.Float).
		CPU(1).Memory("1GiB").Retry(3)

	report := dags.Values("report", map[string]any{
		"best": dags.Expr("max(values(steps.train.roc_auc))"),
	})

	pipeline, err := dags.New("flights", horizon, ingest, train, report)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range pipeline.Steps {
		fmt.Println(s.Name, s.Kind(), s.Needs)
	}
	// Output:
	// ingest python []
	// train python [ingest]
	// report values [train]
}

// Parse reports every fault at once, each with its line and column.
func ExampleParse() {
	_, err := dags.Parse([]byte(`
name: flights
steps:
  ingest:
    python: ingest.py
    ouputs: {table: artifact}
  train:
    python: train.py
    with: {rows: "${{ steps.ingset.rows }}"}
`))
	if e, ok := errors.AsType[*bine.Error](err); ok {
		for _, d := range e.Details {
			fmt.Printf("%d:%d %s: %s\n", d.Line, d.Column, d.Location, d.Message)
		}
	}
	// Output:
	// 6:5 steps.ingest.ouputs: there is no key "ouputs" in a step; did you mean outputs?
	// 9:23 steps.train.with.rows: there is no step "ingset"; did you mean ingest?
}

// The params of a run are checked, and defaults filled in.
func ExampleDAG_ResolveParams() {
	pipeline, err := dags.Parse([]byte(`
name: flights
params:
  horizon: {type: int, default: 2, max: 24}
  sample: {type: float, default: 1}
steps:
  ingest: {python: ingest.py}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	given, err := pipeline.ParamsFromStrings(map[string]string{"horizon": "6"})
	if err != nil {
		fmt.Println(err)
		return
	}
	params, err := pipeline.ResolveParams(given)
	fmt.Println(string(params), err)

	given["horizon"] = []byte("48")
	_, err = pipeline.ResolveParams(given)
	fmt.Println(err)
	// Output:
	// {"horizon":6,"sample":1.0} <nil>
	// param horizon: at most 24 is expected, not 48
}
