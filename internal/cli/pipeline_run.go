package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// Local runs everything of Bine in this process, makes a project with an
// environment of requires in it, and calls use with them. Where data is empty,
// the data directory is a temporary one, which is removed afterwards. The
// program's main gives it, because commands of this package only talk to servers.
type Local func(ctx context.Context, data string, requires []string, use func(context.Context, *client.Client, bine.ProjectName) error) error

// runPipelineCommand stores and runs a pipeline's file in one go.
func (a *app) runPipelineCommand(local Local) *cobra.Command {
	var body client.NewRun
	var params, requires []string
	var here bool
	var data string
	c := command("run FILE", "Store a pipeline and run it, showing how it goes", 1, func(c *cobra.Command, args []string) (err error) {
		if _, _, err := ReadPipeline(args[0]); err != nil {
			return err
		}
		if body.Params, err = parseParams(params); err != nil {
			return err
		}
		run := func(ctx context.Context, api *client.Client, p bine.ProjectName) error {
			version, err := StorePipeline(ctx, api, p, args[0])
			if err != nil {
				return err
			}
			body.Version = version.Version
			started, err := api.StartRun(ctx, p, version.Pipeline, body)
			if err != nil {
				return err
			}
			err = a.follow(ctx, api, p, started)
			if here {
				a.logsOfFailed(ctx, api, p, started.ID)
			}
			return err
		}
		if here {
			return local(c.Context(), data, requires, run)
		}
		if data != "" || len(requires) > 0 {
			return usagef("--data and --requires are for --local")
		}
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		return run(c.Context(), api, p)
	})
	c.Flags().StringArrayVarP(&params, "param", "P", nil, "name=value; JSON where it is no plain text")
	c.Flags().BoolVar(&body.NoCache, "no-cache", false, "run every step, whatever the cache holds")
	c.Flags().BoolVar(&here, "local", false, "run it in this process, without a server")
	c.Flags().StringVar(&data, "data", "", "with --local: data directory, kept for the next time, so that the cache holds; a temporary one if absent")
	c.Flags().StringArrayVar(&requires, "requires", nil, "with --local: a package of the environment, as pip writes it; without any, steps run on this machine's python3")
	return c
}

// logsOfFailed prints the logs of the steps that failed: after a local run
// they are gone.
func (a *app) logsOfFailed(ctx context.Context, api *client.Client, p bine.ProjectName, run bine.RunID) {
	steps, err := api.Steps(ctx, p, run)
	if err != nil {
		return
	}
	for _, s := range steps {
		ref := client.StepRef{Step: s.Name}
		if s.State != bine.Failed || s.Attempts == 0 && s.Items == 0 {
			continue
		}
		if s.Items > 0 {
			items, err := api.Items(ctx, p, run, s.Name, client.List{Limit: 1})
			if err != nil || len(items.Items) == 0 {
				continue
			}
			ref.Item = items.Items[0].Item
		}
		log, err := api.Logs(ctx, p, run, ref, 0, false)
		if err != nil {
			continue
		}
		fmt.Fprintf(a.Err, "\n--- log of %s %s\n", s.Name, ref.Item)
		_, _ = io.Copy(a.Err, log)
		log.Close()
	}
}
