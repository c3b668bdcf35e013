// Package cli holds the commands of bine that talk to a server: bine <noun>
// <verb>. They use the REST API like anybody else and decide nothing. Data goes
// to standard output, messages to standard error; the exit codes are those of
// ExitCode.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// Streams are what a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// app is what the commands share.
type app struct {
	Streams
	contexts string // path of the contexts file
	context  string
	url      string
	key      string
	project  string
	output   string
}

// New makes the commands and adds them to root. local runs what needs no server.
func New(root *cobra.Command, s Streams, local Local) {
	a := &app{Streams: s, contexts: client.ContextsPath()}
	flags := root.PersistentFlags()
	flags.StringVar(&a.context, "context", "", "server to talk to, as bine context list names it")
	flags.StringVar(&a.url, "url", os.Getenv("BINE_API"), "address of the server; overrides the context (BINE_API)")
	flags.StringVarP(&a.project, "project", "p", os.Getenv("BINE_PROJECT"), "project; overrides the context (BINE_PROJECT)")
	flags.StringVarP(&a.output, "output", "o", "table", "table, json, yaml or name")
	a.key = os.Getenv("BINE_API_KEY")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(a.contextCommand(), a.loginCommand(), a.projectCommand(), a.memberCommand(), a.userCommand(), a.keyCommand(),
		a.pipelineCommand(local), a.runCommand(), a.jobCommand(), a.fsCommand(), a.mountCommand(), a.s3Command(), a.datasetCommand(), a.environmentCommand(), a.experimentCommand(), a.modelCommand(),
		a.deploymentCommand(), a.scheduleCommand(), a.approvalCommand(), a.backfillCommand(), a.triggerCommand(), a.poolCommand(), a.connectorCommand(), a.transfersCommand(), a.hostCommand(), a.gpuCommand(), a.sweepCommand(), initCommand(s))
}

// The exit codes of commands.
const (
	ExitDone         = 0
	ExitFailed       = 1
	ExitUsage        = 2
	ExitNotFound     = 3
	ExitNotAllowed   = 4
	ExitConflict     = 5
	ExitTooLate      = 124
	ExitInterrupted  = 130
	patience         = 30 * time.Second
	followForPatient = 10 * time.Minute
)

// usageError is a command line that makes no sense.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// ExitCode says with which code a command that answered err ends.
func ExitCode(err error) int {
	if err == nil {
		return ExitDone
	}
	if _, usage := errors.AsType[usageError](err); usage {
		return ExitUsage
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return ExitTooLate
	}
	if errors.Is(err, context.Canceled) {
		return ExitInterrupted
	}
	switch bine.KindOf(err) {
	case bine.Invalid, bine.TooLarge:
		return ExitUsage
	case bine.NotFound:
		return ExitNotFound
	case bine.Unauthenticated, bine.Forbidden:
		return ExitNotAllowed
	case bine.Conflict, bine.Leased, bine.Fenced:
		return ExitConflict
	default:
		return ExitFailed
	}
}

// Explain writes an error for people: the message, then its parts.
func Explain(w io.Writer, err error) {
	fmt.Fprintln(w, "bine:", err)
	e, ok := errors.AsType[*bine.Error](err)
	if !ok {
		return
	}
	for _, d := range e.Details {
		fmt.Fprintln(w, "  "+place(d)+d.Message)
	}
}

func place(d bine.Detail) string {
	switch {
	case d.Line > 0 && d.Location != "":
		return fmt.Sprintf("%d:%d: %s: ", d.Line, d.Column, d.Location)
	case d.Line > 0:
		return fmt.Sprintf("%d:%d: ", d.Line, d.Column)
	case d.Location != "":
		return d.Location + ": "
	default:
		return ""
	}
}

// client connects to the server that flags, environment and context name.
func (a *app) client() (*client.Client, error) {
	url, key := a.url, a.key
	if url == "" || key == "" || a.project == "" {
		c, err := a.currentContext()
		if err != nil && (url == "" || key == "") {
			return nil, err
		}
		if url == "" {
			url = c.URL
		}
		if key == "" && (a.url == "" || a.url == c.URL) {
			key = c.Key
		}
		if a.project == "" {
			a.project = c.Project
		}
	}
	return client.New(client.Options{URL: url, Key: key, Patience: patience})
}

// inProject connects and says which project is meant.
func (a *app) inProject() (*client.Client, bine.ProjectName, error) {
	c, err := a.client()
	if err != nil {
		return nil, "", err
	}
	if a.project == "" {
		return nil, "", usagef("no project is chosen: give --project NAME, or choose one for good with `bine project use NAME`")
	}
	return c, bine.ProjectName(a.project), nil
}

// show writes v in the form asked for; fill makes the table for people, names
// lists what to print for -o name.
func (a *app) show(v any, names func() []string, fill func(t *table)) error {
	switch a.output {
	case "json":
		e := json.NewEncoder(a.Out)
		e.SetIndent("", "  ")
		return e.Encode(v)
	case "yaml":
		return writeYAML(a.Out, v)
	case "name":
		for _, name := range names() {
			fmt.Fprintln(a.Out, name)
		}
		return nil
	case "table", "":
		t := &table{}
		fill(t)
		return t.write(a.Out)
	default:
		return usagef("-o %s is not a form of output: use table, json, yaml or name", a.output)
	}
}

// writeYAML writes the JSON form of v as YAML, so that both have the same keys.
func writeYAML(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		return err
	}
	out, err := yaml.Marshal(plain)
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

// each gives the names of a list of things.
func each[T any](list []T, name func(T) string) func() []string {
	return func() []string {
		var out []string
		for _, v := range list {
			out = append(out, name(v))
		}
		return out
	}
}

// one gives a single name.
func one(name string) func() []string { return func() []string { return []string{name} } }

// group makes a command that has only subcommands.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(subs...)
	return c
}

// command makes a command with a number of arguments.
func command(use, short string, args int, run func(c *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, RunE: run, Args: func(c *cobra.Command, got []string) error {
		if len(got) != args {
			return usagef("%s takes %d argument(s), not %d: %s", c.CommandPath(), args, len(got), c.UseLine())
		}
		return nil
	}}
}

// alias gives a command other names.
func alias(c *cobra.Command, names ...string) *cobra.Command {
	c.Aliases = names
	return c
}
