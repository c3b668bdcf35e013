// Command bine is the whole of Bine in one program: the server, the worker,
// the agent of a host, all of them in one process (bine up), and the command
// line. It wires and decides nothing.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	_ "time/tzdata" // schedules name time zones, and not every host has them

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine/internal/cli"
)

// version is set by the linker.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// execute is the whole program; a test calls it with its own arguments.
func execute(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	root := newRoot(cli.Streams{In: in, Out: out, Err: errs})
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err != nil {
		cli.Explain(errs, err)
	}
	return cli.ExitCode(err)
}

func newRoot(s cli.Streams) *cobra.Command {
	root := &cobra.Command{
		Use: "bine", Short: "The ML pipeline platform on durable workflows", Version: version,
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.AddGroup(&cobra.Group{ID: roles, Title: "Running Bine:"})
	cli.New(root, s, runLocal(s))
	root.AddCommand(upCommand(s), serverCommand(s), workerCommand(s), agentCommand(s), temporalCommand(s), demoCommand(s),
		configCommand(s), adminCommand(s), resetCommand(s), benchCommand(s))
	return root
}

const roles = "roles"
