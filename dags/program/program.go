// Package program makes a Go program a pipeline whose steps are its functions.
//
//	func main() {
//		program.Main(pipeline, program.Funcs{"train": train})
//	}
//
// Run by hand, the program checks, stores and starts the pipeline; it talks to
// the server that the CLI is signed in to. Storing uploads the program itself
// as the file that the steps of the kind go name, so that a host runs exactly
// what was stored. There it is run once for each such step, with --bine-func
// and the name of the function.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
)

// Func is the body of a step. The context ends when the process is asked to stop.
type Func func(ctx context.Context, s *Step) error

// Funcs are the functions that steps name, by name.
type Funcs map[string]Func

// funcFlag is what a step runs its program with.
const funcFlag = "--bine-func"

// Main runs the program: the function that --bine-func names, or what its
// arguments ask for by hand. It does not return.
func Main(build func() (dags.DAG, error), funcs Funcs) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := Run(ctx, os.Args[1:], build, funcs, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		explain(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Run is Main for a program that has arguments of its own: it gives the error
// instead of ending the process. args are those after the program's name.
func Run(ctx context.Context, args []string, build func() (dags.DAG, error), funcs Funcs, out, errs io.Writer) error {
	if len(args) > 0 && args[0] == funcFlag {
		if len(args) != 2 {
			return bine.Errorf(bine.Invalid, "%s takes the name of one function", funcFlag)
		}
		return call(ctx, args[1], funcs, out)
	}
	dag, err := build()
	if err != nil {
		return err
	}
	if err := check(dag, funcs); err != nil {
		return err
	}
	return byHand(ctx, args, dag, out, errs)
}

// call runs the function of a step.
func call(ctx context.Context, name string, funcs Funcs, out io.Writer) error {
	f, found := funcs[name]
	if !found {
		return bine.Errorf(bine.NotFound, "this program has no function %q; it has %s", name, known(funcs))
	}
	s, err := current(out)
	if err != nil {
		return err
	}
	return f(ctx, s)
}

func known(funcs Funcs) string {
	var names []string
	for name := range funcs {
		names = append(names, name)
	}
	if len(names) == 0 {
		return "none"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// check says which functions of steps the program does not have.
func check(dag dags.DAG, funcs Funcs) error {
	var faults []bine.Detail
	programs := map[string]bool{}
	for _, s := range dag.Steps {
		action, ok := s.Action.(dags.GoAction)
		if !ok {
			continue
		}
		programs[action.Program] = true
		if funcs[action.Func] == nil {
			faults = append(faults, bine.Detail{Location: fmt.Sprintf("steps.%s.go.func", s.Name),
				Message: fmt.Sprintf("step %s: this program has no function %q; it has %s", s.Name, action.Func, known(funcs))})
		}
	}
	if len(programs) > 1 {
		faults = append(faults, bine.Detail{Message: "the steps name several programs: one program is uploaded, so all of them must give it the same name"})
	}
	if len(faults) == 0 {
		return nil
	}
	return &bine.Error{Kind: bine.Invalid, Message: faults[0].Message, Details: faults}
}

// explain writes an error for people: the message, then its parts.
func explain(w io.Writer, err error) {
	fmt.Fprintln(w, err)
	e, ok := errors.AsType[*bine.Error](err)
	if !ok || len(e.Details) < 2 {
		return
	}
	for _, d := range e.Details {
		fmt.Fprintln(w, "  "+d.Message)
	}
}
