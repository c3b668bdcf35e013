// Go-steps is a pipeline whose steps are functions of this program. Signed in
// with the CLI and with a project chosen:
//
//	go run ./dags/examples/go-steps run -P numbers='[3, 5]'
//
// stores the pipeline with the compiled program and starts a run.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dags/program"
)

func main() {
	program.Main(pipeline, program.Funcs{"factor": factor, "sum": sum})
}

// executable is what the program is called in the pipeline's code.
const executable = "go-steps"

// pipeline takes each number apart and adds up how many parts there are.
func pipeline() (dags.DAG, error) {
	numbers := dags.ListParam("numbers").Default([]int{12, 97, 360}).Describe("What is taken apart.")

	factor := dags.GoFunc("factor", executable, "factor").
		Describe("Finds the prime factors of one number.").
		Foreach(numbers.Value(), "").
		With("number", dags.Expr("item")).
		Output("count", dags.Int).
		Output("factors", dags.Artifact)

	sum := dags.GoFunc("sum", executable, "sum").
		Describe("Adds up the numbers of factors, row by row.").
		Input("counts", factor.Out("count")).
		Output("total", dags.Int)

	return dags.New("go-steps", dags.Description("Steps that are functions of a Go program."), numbers, factor, sum)
}

func factor(ctx context.Context, s *program.Step) error {
	var with struct {
		Number int `json:"number"`
	}
	if err := s.With(&with); err != nil {
		return err
	}
	path, err := s.Path("factors")
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	count := 0
	for rest, p := with.Number, 2; rest > 1 && ctx.Err() == nil; p++ {
		for ; rest%p == 0; rest /= p {
			count++
			if _, err := fmt.Fprintln(f, p); err != nil {
				return err
			}
		}
	}
	s.Log.Info("taken apart", "number", with.Number, "factors", count)
	return s.Set("count", count)
}

func sum(_ context.Context, s *program.Step) error {
	total := 0
	for row, err := range s.Rows("counts") {
		if err != nil {
			return err
		}
		var n int
		if _, err := fmt.Sscan(string(row.Value), &n); err != nil {
			return fmt.Errorf("item %s: %w", row.Key, err)
		}
		total += n
	}
	return s.Set("total", total)
}
