package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) continueCommand() *cobra.Command {
	var body client.Continue
	var from, params []string
	var latest, dry, follow bool
	c := command("continue RUN", "Go on from a run that has ended: keep what holds, run the rest", 1, func(c *cobra.Command, args []string) error {
		if latest && body.Version != 0 {
			return usagef("--latest and --version exclude each other")
		}
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		for _, name := range from {
			body.From = append(body.From, bine.StepName(name))
		}
		if body.Params, err = parseParams(params); err != nil {
			return err
		}
		run := bine.RunID(args[0])
		if latest {
			if body.Version, err = newestFor(c.Context(), api, p, run); err != nil {
				return err
			}
		}
		plan, err := api.PlanContinuation(c.Context(), p, run, body)
		if err != nil {
			return err
		}
		if dry {
			return a.showContinuation(plan)
		}
		a.tellContinuation(plan)
		next, err := api.ContinueRun(c.Context(), p, run, body)
		if err != nil {
			return err
		}
		if follow {
			return a.follow(c.Context(), api, p, next)
		}
		return a.showRun(next, nil)
	})
	c.Flags().StringArrayVar(&from, "from", nil, "step that runs again in any case, with all that needs it; may be given more than once")
	c.Flags().IntVar(&body.Version, "version", 0, "version of the pipeline; 0 is that of the run")
	c.Flags().BoolVar(&latest, "latest", false, "the newest version of the pipeline")
	c.Flags().StringArrayVarP(&params, "param", "P", nil, "name=value, of params that change")
	c.Flags().StringVar(&body.Key, "key", "", "idempotency key: the same key answers the same run")
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would run and what differs, and start nothing")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "show progress until the run has ended; the exit code says how")
	return c
}

// newestFor gives the newest version of the pipeline of a run.
func newestFor(ctx context.Context, api *client.Client, p bine.ProjectName, id bine.RunID) (int, error) {
	run, err := api.Run(ctx, p, id)
	if err != nil {
		return 0, err
	}
	version, err := api.PipelineVersion(ctx, p, run.Pipeline, 0)
	return version.Version, err
}

func (a *app) retryCommand() *cobra.Command {
	return command("retry RUN", "Continue a run with what did not succeed", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		run := bine.RunID(args[0])
		plan, err := api.PlanContinuation(c.Context(), p, run, client.Continue{})
		if err != nil {
			return err
		}
		a.tellContinuation(plan)
		next, err := api.RetryRun(c.Context(), p, run)
		if err != nil {
			return err
		}
		return a.showRun(next, nil)
	})
}

// showContinuation prints what a continuation does, and what differs.
func (a *app) showContinuation(plan bine.Continuation) error {
	names := []string{}
	for _, s := range plan.Steps {
		if s.Runs {
			names = append(names, string(s.Step))
		}
	}
	err := a.show(plan, func() []string { return names }, func(t *table) {
		t.row("STEP", "RUNS", "WHY")
		for _, s := range plan.Steps {
			t.row(s.Step, map[bool]string{true: "yes", false: "no"}[s.Runs], why(s))
		}
	})
	if err == nil && plan.Diff != "" && a.output == "table" {
		_, err = fmt.Fprintf(a.Out, "\n%s", plan.Diff)
	}
	return err
}

// why says why a step runs or not.
func why(s bine.ContinuationStep) string {
	if s.Items == 0 {
		return s.Why
	}
	return fmt.Sprintf("%s; up to %d items keep their outputs", s.Why, s.Items)
}

// tellContinuation says beforehand which steps will run.
func (a *app) tellContinuation(plan bine.Continuation) {
	kept := 0
	fmt.Fprintf(a.Err, "going on from %s with version %d:\n", plan.Of, plan.Version)
	for _, s := range plan.Steps {
		if !s.Runs {
			kept++
			continue
		}
		fmt.Fprintf(a.Err, "  %-24s runs: %s\n", s.Step, why(s))
	}
	fmt.Fprintf(a.Err, "  %d of %d steps keep their outputs\n", kept, len(plan.Steps))
}

func (a *app) compareCommand() *cobra.Command {
	return command("compare LEFT RIGHT", "Show how a run differs from another of its pipeline", 2, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		out, err := api.CompareRuns(c.Context(), p, bine.RunID(args[0]), bine.RunID(args[1]))
		if err != nil {
			return err
		}
		return a.showCompared(out)
	})
}

func (a *app) showCompared(out client.Compared) error {
	names := []string{}
	for _, s := range out.Steps {
		if s.Left != s.Right || len(s.Values) > 0 {
			names = append(names, string(s.Step))
		}
	}
	err := a.show(out, func() []string { return names }, func(t *table) {
		t.row("", string(out.Left.ID), string(out.Right.ID), "TOOK")
		t.row("run", out.Left.State, out.Right.State, took(out.Left.StartedAt, out.Left.EndedAt)+" → "+took(out.Right.StartedAt, out.Right.EndedAt))
		for _, d := range out.Params {
			t.row("param "+d.Name, string(d.Left), string(d.Right))
		}
		for _, s := range out.Steps {
			t.row("step "+string(s.Step), string(s.Left), string(s.Right), fmt.Sprintf("%.1fs → %.1fs", s.Seconds[0], s.Seconds[1]))
			for _, d := range s.Values {
				t.row("  "+d.Name, brief(string(d.Left)), brief(string(d.Right)))
			}
		}
	})
	if err == nil && out.Diff != "" && a.output == "table" {
		_, err = fmt.Fprintf(a.Out, "\n%s", out.Diff)
	}
	return err
}

// brief shortens a value so that it fits into a table.
func brief(text string) string {
	const most = 40
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most]) + "…"
	}
	return text
}

func (a *app) versionDiffCommand() *cobra.Command {
	c := command("diff NAME [FROM [TO]]", "Show the difference of two versions of a pipeline; without numbers, of the newest and the one before", 1, func(c *cobra.Command, args []string) error {
		var versions [2]int
		for i, text := range args[1:] {
			n, err := strconv.Atoi(strings.TrimPrefix(text, "v"))
			if err != nil || n < 1 {
				return usagef("%q is no version: give a number from 1", text)
			}
			versions[i] = n
		}
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		out, err := api.PipelineDiff(c.Context(), p, bine.PipelineName(args[0]), versions[0], versions[1])
		if err != nil {
			return err
		}
		if a.output != "table" {
			return a.show(out, one(args[0]), func(*table) {})
		}
		if out.Diff == "" {
			fmt.Fprintf(a.Err, "versions %d and %d of %s are the same\n", out.From, out.To, args[0])
		}
		_, err = fmt.Fprint(a.Out, out.Diff)
		return err
	})
	c.Args = func(c *cobra.Command, got []string) error {
		if len(got) < 1 || len(got) > 3 {
			return usagef("%s takes 1 to 3 arguments, not %d: %s", c.CommandPath(), len(got), c.UseLine())
		}
		return nil
	}
	return c
}
