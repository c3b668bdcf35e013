package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) runCommand() *cobra.Command {
	return group("run", "Runs of pipelines and jobs",
		a.listRunsCommand(), a.showRunCommand(),
		a.startCommand("start PIPELINE", "Start a run", func(ctx context.Context, api *client.Client, p bine.ProjectName, name bine.PipelineName, body client.NewRun) (bine.Run, error) {
			return api.StartRun(ctx, p, name, body)
		}),
		a.logsCommand(),
		a.runVerb("cancel RUN", "Stop a run", (*client.Client).CancelRun),
		a.retryCommand(), a.continueCommand(), a.compareCommand(),
		a.waitCommand(), a.historyCommand(), a.noticesCommand())
}

func (a *app) listRunsCommand() *cobra.Command {
	var f client.RunFilter
	var limit int
	c := command("list", "List runs, newest first", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		page, err := api.Runs(c.Context(), p, f, client.List{Limit: limit})
		if err != nil {
			return err
		}
		return a.show(page.Items, each(page.Items, func(r bine.Run) string { return string(r.ID) }), func(t *table) {
			t.row("RUN", "STATE", "VERSION", "STARTED", "TOOK", "BY", "REASON")
			for _, r := range page.Items {
				t.row(r.ID, r.State, r.Version, r.CreatedAt, took(r.StartedAt, r.EndedAt), r.StartedBy, r.Reason)
			}
		})
	})
	c.Flags().StringVar((*string)(&f.Pipeline), "pipeline", "", "only of this pipeline or job")
	c.Flags().StringVar((*string)(&f.State), "state", "", "only in this state")
	c.Flags().IntVar(&limit, "limit", 20, "how many")
	return c
}

func (a *app) showRunCommand() *cobra.Command {
	return command("show RUN", "Describe a run and its steps", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		run, err := api.Run(c.Context(), p, bine.RunID(args[0]))
		if err != nil {
			return err
		}
		steps, err := api.Steps(c.Context(), p, run.ID)
		if err != nil {
			return err
		}
		return a.showRun(run, steps)
	})
}

func (a *app) showRun(run bine.Run, steps []bine.Step) error {
	type whole struct {
		bine.Run
		All []bine.Step `json:"all_steps"`
	}
	return a.show(whole{run, steps}, one(string(run.ID)), func(t *table) {
		t.row("RUN", string(run.ID), string(run.State), took(run.StartedAt, run.EndedAt), run.Reason)
		for _, s := range steps {
			t.row("  "+string(s.Name), s.Kind, stateOf(s), took(s.StartedAt, s.EndedAt), s.Reason)
		}
	})
}

func stateOf(s bine.Step) string {
	if s.Items == 0 {
		return string(s.State)
	}
	var parts []string
	for _, state := range []bine.State{bine.Succeeded, bine.Cached, bine.Running, bine.Waiting, bine.Pending, bine.Skipped, bine.Failed, bine.Cancelled} {
		if n := s.ItemStates[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return fmt.Sprintf("%s (%s)", s.State, strings.Join(parts, ", "))
}

type startFunc func(context.Context, *client.Client, bine.ProjectName, bine.PipelineName, client.NewRun) (bine.Run, error)

func (a *app) startCommand(use, short string, start startFunc) *cobra.Command {
	var body client.NewRun
	var params []string
	var follow bool
	c := command(use, short, 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		if body.Params, err = parseParams(params); err != nil {
			return err
		}
		run, err := start(c.Context(), api, p, bine.PipelineName(args[0]), body)
		if err != nil {
			return err
		}
		if !follow {
			return a.showRun(run, nil)
		}
		return a.follow(c.Context(), api, p, run)
	})
	c.Flags().StringArrayVarP(&params, "param", "P", nil, "name=value; JSON where it is no plain text")
	c.Flags().IntVar(&body.Version, "version", 0, "version of the pipeline; 0 is the newest")
	c.Flags().StringVar(&body.Key, "key", "", "idempotency key: the same key answers the same run")
	c.Flags().BoolVar(&body.NoCache, "no-cache", false, "run every step, whatever the cache holds")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "show progress until the run has ended; the exit code says how")
	return c
}

// parseParams reads name=value. The server knows the types; text that is JSON is
// sent as that, anything else as a string.
func parseParams(list []string) (map[string]json.RawMessage, error) {
	out := map[string]json.RawMessage{}
	for _, p := range list {
		name, value, found := strings.Cut(p, "=")
		if !found || name == "" {
			return nil, usagef("--param %s: write name=value", p)
		}
		if json.Valid([]byte(value)) {
			out[name] = json.RawMessage(value)
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		out[name] = text
	}
	return out, nil
}

// patient gives a client that waits for a server that restarts.
func (a *app) patient(api *client.Client) *client.Client { return api.WithPatience(followForPatient) }

// follow shows each change of a run until it has ended, and fails where it did.
func (a *app) follow(ctx context.Context, api *client.Client, p bine.ProjectName, run bine.Run) error {
	seen := map[bine.StepName]string{}
	fmt.Fprintf(a.Err, "run %s started\n", run.ID)
	end, err := a.patient(api).Follow(ctx, p, run.ID, func(_ bine.Run, steps []bine.Step) {
		for _, s := range steps {
			line := fmt.Sprintf("  %-24s %s %s", s.Name, stateOf(s), s.Reason)
			if s.State.Ended() {
				line = fmt.Sprintf("  %-24s %s %s %s", s.Name, stateOf(s), took(s.StartedAt, s.EndedAt), s.Reason)
			}
			if s.State != bine.Pending && seen[s.Name] != stateOf(s) {
				seen[s.Name] = stateOf(s)
				fmt.Fprintln(a.Err, strings.TrimRight(line, " "))
			}
		}
	})
	if err != nil {
		return err
	}
	if err := a.showRun(end, nil); err != nil {
		return err
	}
	return howEnded(end)
}

// howEnded is an error where a run did not succeed.
func howEnded(run bine.Run) error {
	if run.State == bine.Succeeded {
		return nil
	}
	return fmt.Errorf("run %s is %s: %s", run.ID, run.State, run.Reason)
}

func (a *app) waitCommand() *cobra.Command {
	return command("wait RUN", "Wait until a run has ended; the exit code says how", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		end, err := a.patient(api).Follow(c.Context(), p, bine.RunID(args[0]), nil)
		if err != nil {
			return err
		}
		return howEnded(end)
	})
}

func (a *app) runVerb(use, short string, do func(*client.Client, context.Context, bine.ProjectName, bine.RunID) (bine.Run, error)) *cobra.Command {
	return command(use, short, 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		run, err := do(api, c.Context(), p, bine.RunID(args[0]))
		if err != nil {
			return err
		}
		return a.showRun(run, nil)
	})
}

func (a *app) logsCommand() *cobra.Command {
	var ref client.StepRef
	var follow bool
	c := command("logs RUN", "Print the log of a step, or of every step in turn", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		run := bine.RunID(args[0])
		if ref.Step != "" {
			return a.copyLog(c.Context(), api, p, run, ref, follow)
		}
		steps, err := api.Steps(c.Context(), p, run)
		if err != nil {
			return err
		}
		for _, s := range slices.DeleteFunc(steps, func(s bine.Step) bool { return s.Attempts == 0 }) {
			fmt.Fprintf(a.Err, "==> %s\n", s.Name)
			if err := a.copyLog(c.Context(), api, p, run, client.StepRef{Step: s.Name}, follow); err != nil {
				return err
			}
		}
		return nil
	})
	c.Flags().StringVarP((*string)(&ref.Step), "step", "s", "", "step")
	c.Flags().StringVar(&ref.Item, "item", "", "key of the item, for a step with foreach")
	c.Flags().IntVar(&ref.Attempt, "attempt", 0, "attempt; 0 is the newest")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the step has ended")
	return c
}

// copyLog prints a log; where it is followed and the connection breaks, it goes on where it was.
func (a *app) copyLog(ctx context.Context, api *client.Client, p bine.ProjectName, run bine.RunID, ref client.StepRef, follow bool) error {
	var at int64
	for {
		body, err := a.patient(api).Logs(ctx, p, run, ref, at, follow)
		if err != nil {
			return err
		}
		n, err := io.Copy(a.Out, body)
		body.Close()
		at += n
		if err == nil || !follow || ctx.Err() != nil {
			return err
		}
	}
}

func (a *app) historyCommand() *cobra.Command {
	return command("history RUN", "Print the history of a run's workflow", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		h, err := api.RunHistory(c.Context(), p, bine.RunID(args[0]))
		if err != nil {
			return err
		}
		return a.show(h, one(h.WorkflowID), func(t *table) {
			t.row("EVENT", "TIME", "TYPE", "SUMMARY")
			for _, e := range h.Events {
				t.row(e.ID, e.At, e.Type, e.Summary)
			}
		})
	})
}
