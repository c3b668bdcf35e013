package docs_test

import (
	"fmt"

	"github.com/bine-ml/bine/dags"
)

func weekly() (dags.DAG, error) {
	days := dags.IntParam("days").Default(7).Between(1, 90).
		Describe("How far back to look.")

	load := dags.Python("load", "load.py").
		With("days", days.Value()).
		Output("table", dags.Artifact).
		Output("shops", dags.JSON)

	forecast := dags.Python("forecast", "forecast.py").
		Foreach(load.Value("shops"), dags.Expr("item.id")).
		MaxParallel(8).
		Input("table", load.Out("table")).
		With("shop", dags.Expr("item")).
		Output("error", dags.Float).
		CPU(1).Memory("1GiB").
		Retry(3).Backoff("30s", 2)

	worst := dags.Values("worst", map[string]any{
		"error": dags.Expr("max(values(steps.forecast.error))"),
	})

	return dags.New("weekly",
		dags.Cron("0 6 * * 1").In("Europe/Vienna"),
		days, load, forecast, worst)
}

func Example() {
	pipeline, err := weekly()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range pipeline.Steps {
		fmt.Println(s.Name, s.Kind(), s.Needs)
	}
	// Output:
	// load python []
	// forecast python [load]
	// worst values [forecast]
}
