// Flights-go is the flights pipeline of the directory beside it, built in Go.
// It prints the pipeline's canonical JSON, which bine pipeline create takes as
// it takes YAML:
//
//	go run ./dags/examples/flights-go > flights.json
package main

import (
	"fmt"
	"os"

	"github.com/bine-ml/bine/dags"
)

func main() {
	pipeline, err := flights()
	if err != nil {
		fmt.Fprintln(os.Stderr, "flights-go:", err)
		os.Exit(1)
	}
	fmt.Println(string(pipeline.JSON()))
}

// configuration is one way to train the model.
type configuration struct {
	Name         string  `json:"name"`
	LearningRate float64 `json:"learning_rate"`
	Depth        int     `json:"depth"`
	Iterations   int     `json:"iterations"`
}

// flights predicts whether a flight will arrive late: it trains four models
// side by side on the flights of 2013, takes the best, and serves it if it
// beats the base rate of its carrier and hour.
func flights() (dags.DAG, error) {
	horizon := dags.IntParam("horizon").Default(2).Between(0, 24).
		Describe("Hours before departure at which the prediction is made.")
	sample := dags.FloatParam("sample").Default(1).Between(0.01, 1).
		Describe("Share of the flights that is used.")
	configurations := dags.ListParam("configurations").
		Describe("What is trained side by side.").
		Default([]configuration{
			{"shallow", 0.1, 4, 100},
			{"deep", 0.1, 8, 100},
			{"patient", 0.05, 6, 200},
			{"hasty", 0.3, 6, 50},
		})

	ingest := dags.Python("ingest", "ingest.py").
		Describe("Joins flights with weather and planes, as known before departure.").
		With("horizon", horizon.Value()).
		With("sample", sample.Value()).
		Output("table", dags.Artifact).
		Output("rows", dags.Int).
		Memory("2GiB")

	validate := dags.Python("validate", "validate.py").
		Describe("Refuses a table that no good model could come of.").
		Input("table", ingest.Out("table")).
		Output("report", dags.Artifact).
		Output("rows", dags.Int)

	split := dags.Python("split", "split.py").
		Describe("Splits by time, so that the test lies in the models' future.").
		Needs(validate).
		Input("table", ingest.Out("table")).
		With("test_from", "2013-11-01").
		Output("train", dags.Artifact).
		Output("test", dags.Artifact)

	train := dags.Python("train", "train.py").
		Describe("Trains one configuration.").
		Foreach(configurations.Value(), dags.Expr("item.name")).
		MaxParallel(4).
		Input("train", split.Out("train")).
		With("name", dags.Expr("item.name")).
		With("learning_rate", dags.Expr("item.learning_rate")).
		With("depth", dags.Expr("item.depth")).
		With("iterations", dags.Expr("item.iterations")).
		With("horizon", horizon.Value()).
		Output("model", dags.Artifact).
		Output("roc_auc", dags.Float).
		CPU(1).
		Memory("1GiB")

	evaluate := dags.Python("evaluate", "evaluate.py").
		Describe("Measures the best model, and the base rate, on flights that none has seen.").
		Input("models", train.Out("model")).
		Input("test", split.Out("test")).
		With("scores", train.Value("roc_auc")).
		Output("best", dags.Artifact).
		Output("roc_auc", dags.Float).
		Output("baseline", dags.Float).
		Output("better", dags.Bool).
		Output("report", dags.Artifact)

	register := dags.Model("register", "delay", evaluate.Out("best")).
		Metrics(map[string]string{
			"roc_auc":  evaluate.Value("roc_auc"),
			"baseline": evaluate.Value("baseline"),
		}).
		Notes("Trained " + horizon.Value() + " hours ahead by " + dags.Expr("run.id") + ".").
		When(evaluate.Value("better")).
		Describe("Keeps the best model as a new version.")

	deploy := dags.Deploy("deploy", "delay", "delay").
		Version(register.Value("version")).
		Describe("Answers requests with the new version.")

	return dags.New("flights",
		dags.Description("Predicts whether a flight will arrive more than 15 minutes late."),
		horizon, sample, configurations,
		ingest, validate, split, train, evaluate, register, deploy,
	)
}
