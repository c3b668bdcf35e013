package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
)

// isFile reports whether an argument means a file, or a directory with one,
// rather than the name of a stored pipeline.
func isFile(arg string) bool {
	if strings.ContainsRune(arg, filepath.Separator) || slices.Contains([]string{".yml", ".yaml", ".json"}, filepath.Ext(arg)) || arg == "." {
		return true
	}
	_, err := os.Stat(filepath.Join(arg, "pipeline.yml"))
	return !errors.Is(err, fs.ErrNotExist)
}

// definition reads a pipeline of a file or, by its name, the newest version stored.
func (a *app) definition(ctx context.Context, arg string) (dags.DAG, error) {
	if isFile(arg) {
		dag, _, err := ReadPipeline(arg)
		return dag, err
	}
	api, p, err := a.inProject()
	if err != nil {
		return dags.DAG{}, err
	}
	v, err := api.PipelineVersion(ctx, p, bine.PipelineName(arg), 0)
	if err != nil {
		return dags.DAG{}, err
	}
	return dags.Decode(v.DAG)
}

func (a *app) graphCommand() *cobra.Command {
	var svg bool
	c := command("graph FILE|NAME", "Draw the steps of a pipeline and what needs what; of a file, without a server", 1, func(c *cobra.Command, args []string) error {
		dag, err := a.definition(c.Context(), args[0])
		if err != nil {
			return err
		}
		draw := dags.Graph
		if svg {
			draw = graphSVG
		}
		_, err = a.Out.Write([]byte(draw(dag)))
		return err
	})
	c.Flags().BoolVar(&svg, "svg", false, "as a picture, SVG, on standard output")
	return c
}

func (a *app) renderCommand() *cobra.Command {
	var params []string
	var version int
	c := command("render FILE|NAME", "Show what a run with some params would do, and start none; of a file, without a server", 1, func(c *cobra.Command, args []string) error {
		given, err := parseParams(params)
		if err != nil {
			return err
		}
		if !isFile(args[0]) {
			api, p, err := a.inProject()
			if err != nil {
				return err
			}
			r, err := api.RenderPipeline(c.Context(), p, bine.PipelineName(args[0]), client.RenderRun{Params: given, Version: version})
			if err != nil {
				return err
			}
			return a.showRendered(r)
		}
		if version != 0 {
			return usagef("--version is for a stored pipeline")
		}
		dag, _, err := ReadPipeline(args[0])
		if err != nil {
			return err
		}
		r := client.Rendered{Pipeline: dag.Name}
		if r.Params, err = dag.ResolveParams(given); err != nil {
			return err
		}
		steps, err := dag.Render(c.Context(), r.Params)
		if err != nil {
			return err
		}
		for _, s := range steps {
			r.Steps = append(r.Steps, client.RenderedStep(s))
		}
		return a.showRendered(r)
	})
	c.Flags().StringArrayVarP(&params, "param", "P", nil, "name=value; JSON where it is no plain text")
	c.Flags().IntVar(&version, "version", 0, "of a stored pipeline; the newest if absent")
	return c
}

// widest bounds what a cell of the table shows of a step's parameters; -o json has all.
const widest = 100

func (a *app) showRendered(r client.Rendered) error {
	return a.show(r, each(r.Steps, func(s client.RenderedStep) string { return string(s.Step) }), func(t *table) {
		t.row("STEP", "KIND", "RUNS", "ITEMS", "WITH")
		for _, s := range r.Steps {
			items, what := "", string(s.With)
			if s.Items != nil {
				items = cell(*s.Items)
			}
			if what == "" {
				what = string(s.Action)
			}
			if s.Fault != "" {
				what = "would fail: " + s.Fault
			}
			if text := []rune(what); len(text) > widest {
				what = string(text[:widest]) + "…"
			}
			t.row(s.Step, s.Kind, s.Runs, items, what)
		}
	})
}
