package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
)

func (a *app) pipelineCommand(local Local) *cobra.Command {
	list := command("list", "List the pipelines of the project", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.Pipelines(c.Context(), p)
		if err != nil {
			return err
		}
		return a.showPipelines(all)
	})
	check := command("check FILE", "Check a pipeline; needs no server", 1, func(_ *cobra.Command, args []string) error {
		dag, _, err := ReadPipeline(args[0])
		if err != nil {
			return err
		}
		fmt.Fprintf(a.Err, "%s: pipeline %s with %d steps is well-formed\n", args[0], dag.Name, len(dag.Steps))
		return nil
	})
	store := command("store FILE", "Store a pipeline, and the files beside it, as its next version", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		v, err := StorePipeline(c.Context(), api, p, args[0])
		if err != nil {
			return err
		}
		return a.show(v, one(string(v.Pipeline)), func(t *table) {
			t.row("PIPELINE", "VERSION", "HASH")
			t.row(v.Pipeline, v.Version, v.Hash[:12])
		})
	})
	show := command("show NAME", "Print the newest version of a pipeline", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		v, err := api.PipelineVersion(c.Context(), p, bine.PipelineName(args[0]), 0)
		if err != nil {
			return err
		}
		if a.output == "table" {
			fmt.Fprint(a.Out, v.Source)
			return nil
		}
		return a.show(v, one(string(v.Pipeline)), func(t *table) { t.row(v.Source) })
	})
	schema := command("schema", "Print the JSON schema of the YAML, for editors", 0, func(*cobra.Command, []string) error {
		_, err := a.Out.Write(append(dags.JSONSchema(), '\n'))
		return err
	})
	remove := command("delete NAME", "Remove a pipeline with its versions and runs", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		return api.DeletePipeline(c.Context(), p, bine.PipelineName(args[0]))
	})
	return group("pipeline", "Pipelines", list, check, store, a.runPipelineCommand(local), show, a.graphCommand(), a.renderCommand(), a.versionDiffCommand(), schema, remove)
}

func (a *app) showPipelines(all []bine.Pipeline) error {
	return a.show(all, each(all, func(p bine.Pipeline) string { return string(p.Name) }), func(t *table) {
		t.row("NAME", "VERSION", "RUNS", "LAST RUN", "STATE", "REASON")
		for _, p := range all {
			run := bine.Run{}
			if p.LastRun != nil {
				run = *p.LastRun
			}
			t.row(p.Name, p.Latest, p.Runs, string(run.ID), string(run.State), run.Reason)
		}
	})
}

// ReadPipeline reads and checks a pipeline's file, or pipeline.yml in a
// directory. It gives the directory with the code too.
func ReadPipeline(path string) (dags.DAG, Source, error) {
	if about, err := os.Stat(path); err == nil && about.IsDir() {
		path = filepath.Join(path, "pipeline.yml")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return dags.DAG{}, Source{}, bine.Errorf(bine.NotFound, "no pipeline to read: %v", err)
	}
	dag, err := dags.Read(text)
	if err != nil {
		return dag, Source{}, err
	}
	source := Source{Text: text, Dir: filepath.Dir(path), File: filepath.Base(path)}
	for _, name := range dag.Files() {
		if _, err := os.Stat(filepath.Join(source.Dir, name)); err != nil {
			return dag, source, bine.Errorf(bine.Invalid, "%s is named by a step but is not in %s", name, source.Dir)
		}
	}
	return dag, source, nil
}

// Source is the text of a pipeline, the directory of its code, and its own name there.
type Source struct {
	Text []byte
	Dir  string
	File string
}

// codeDir is what a step calls the directory of the code.
const codeDir = "code/"

// StorePipeline checks a pipeline, uploads the code beside it and stores both
// as its next version. What is stored already is not sent again.
func StorePipeline(ctx context.Context, api *client.Client, p bine.ProjectName, path string) (bine.PipelineVersion, error) {
	dag, source, err := ReadPipeline(path)
	if err != nil {
		return bine.PipelineVersion{}, err
	}
	var code bine.Hash
	if len(dag.Files()) > 0 || bytes.Contains(source.Text, []byte(codeDir)) {
		// The definition is no code: a change of it alone leaves the cache valid.
		ref, err := UploadDir(ctx, api, p, source.Dir, source.File)
		if err != nil {
			return bine.PipelineVersion{}, err
		}
		code = ref.Hash
	}
	return api.StorePipeline(ctx, p, source.Text, code)
}

func (a *app) jobCommand() *cobra.Command {
	list := command("list", "List the jobs of the project", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.Jobs(c.Context(), p)
		if err != nil {
			return err
		}
		return a.showPipelines(all)
	})
	var python, dir string
	var cpu, memory float64
	store := &cobra.Command{Use: "store NAME [-- COMMAND…]", Short: "Store a job: a Python file with the files beside it, or a command", Args: cobra.MinimumNArgs(1), RunE: func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		body := client.NewJob{Name: bine.PipelineName(args[0]), Command: args[1:]}
		if cpu > 0 || memory > 0 {
			body.Resources = &bine.Resources{CPU: cpu, Memory: int64(memory * (1 << 20))}
		}
		if python != "" {
			dir = filepath.Dir(python)
			body.Python = filepath.Base(python)
		}
		if dir != "" {
			ref, err := UploadDir(c.Context(), api, p, dir)
			if err != nil {
				return err
			}
			body.Code = ref.Hash
		}
		v, err := api.StoreJob(c.Context(), p, body)
		if err != nil {
			return err
		}
		return a.show(v, one(string(v.Pipeline)), func(t *table) {
			t.row("JOB", "VERSION")
			t.row(v.Pipeline, v.Version)
		})
	}}
	store.Flags().StringVar(&python, "python", "", "Python file to run; its directory is the code")
	store.Flags().StringVar(&dir, "code", "", "directory that a command finds as code/")
	store.Flags().Float64Var(&cpu, "cpu", 0, "cores")
	store.Flags().Float64Var(&memory, "memory", 0, "MiB")
	start := a.startCommand("start NAME", "Run a job", func(ctx context.Context, api *client.Client, p bine.ProjectName, name bine.PipelineName, body client.NewRun) (bine.Run, error) {
		return api.StartExecution(ctx, p, name, body)
	})
	remove := command("delete NAME", "Remove a job with its executions", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		return api.DeleteJob(c.Context(), p, bine.PipelineName(args[0]))
	})
	return group("job", "Jobs: programs with settings. Follow an execution with `bine run`", list, store, alias(start, "run"), remove)
}
