// Pipelines is a module outside of Bine that builds a pipeline with it.
package main

import (
	"fmt"
	"os"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

func main() {
	day := dags.StringParam("day").Describe("Day to report on; the day of the tick if empty.").Default("")
	regions := dags.ListParam("regions").Default([]string{"north", "south"})

	fetch := dags.Command("fetch", "curl", "--fail", "--output", "out", "https://example.com/sales?day="+day.Value()).
		Retry(4, bine.FailureError, bine.FailureTimeout).Backoff("30s", 2).Timeout("10m").
		Output("sales", dags.Artifact)

	report := dags.Python("report", "report.py").
		Foreach(regions.Value(), "").MaxParallel(2).Batch(10).
		Input("sales", fetch.Out("sales")).
		With("region", dags.Expr("item")).
		Env("LANG", "C.UTF-8").
		Output("total", dags.Float).
		CPU(2).Memory("4GiB").GPUs(1).Environment(3).NoCache()

	total := dags.Values("total", map[string]any{"sum": dags.Expr("sum(values(steps.report.total))")})

	tell := dags.Message("tell", "https://chat.example.com/hook", "Sold "+total.Value("sum")+" on "+day.Value()).
		When(dags.Expr("steps.total.sum > 0.0"))

	pipeline, err := dags.New("sales",
		dags.Description("Reports what was sold."),
		day, regions, fetch, report, total, tell,
		dags.Cron("30 6 * * 1-5").In("Europe/Vienna").Overlap("buffer_one").CatchUp("6h"),
		dags.OnFailure("https://chat.example.com/alarm"),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(pipeline.JSON()))
}
