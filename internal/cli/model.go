package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) modelCommand() *cobra.Command {
	list := command("list", "List the registered models", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.Models(c.Context(), p)
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(m bine.Model) string { return string(m.Name) }), func(t *table) {
			t.row("NAME", "LATEST", "CREATED")
			for _, m := range all {
				t.row(m.Name, m.Latest, m.CreatedAt)
			}
		})
	})
	versions := command("versions NAME", "List the versions of a model, newest first", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.ModelVersions(c.Context(), p, bine.ModelName(args[0]))
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(m bine.ModelVersion) string { return fmt.Sprint(m.Version) }), func(t *table) {
			t.row("VERSION", "RUN", "METRICS", "SIZE", "CREATED")
			for _, m := range all {
				t.row(m.Version, string(m.Run), numbers(m.Metrics), size(m.Artifact.Size), m.CreatedAt)
			}
		})
	})
	return group("model", "Registered models", list, versions)
}

func numbers(metrics map[string]float64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		parts = append(parts, fmt.Sprintf("%s %.4g", name, metrics[name]))
	}
	return strings.Join(parts, ", ")
}

func (a *app) deploymentCommand() *cobra.Command {
	list := command("list", "List the deployments of the project", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.Deployments(c.Context(), p)
		if err != nil {
			return err
		}
		return a.showDeployments(api, p, all)
	})
	remove := command("delete NAME", "Stop and forget a deployment", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		return api.DeleteDeployment(c.Context(), p, bine.DeploymentName(args[0]))
	})
	stop := command("stop NAME", "Stop the servers of a deployment", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		_, err = api.StopDeployment(c.Context(), p, bine.DeploymentName(args[0]))
		return err
	})
	return group("deployment", "Models that answer requests", list, a.deployCommand(), stop, remove, a.predictCommand())
}

func (a *app) showDeployments(api *client.Client, p bine.ProjectName, all []bine.Deployment) error {
	return a.show(all, each(all, func(d bine.Deployment) string { return string(d.Name) }), func(t *table) {
		t.row("NAME", "MODEL", "VERSION", "SERVING", "STATE", "URL", "REASON")
		for _, d := range all {
			t.row(d.Name, d.Model, d.Version, d.Serving, d.State, api.ServingURL(p, d.Name), d.Reason)
		}
	})
}

func (a *app) deployCommand() *cobra.Command {
	var body client.NewDeployment
	var nowait bool
	c := command("create NAME", "Serve a model, or move a deployment to another version", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		if body.Model == "" {
			return usagef("which model? give --model")
		}
		d, err := api.Deploy(c.Context(), p, bine.DeploymentName(args[0]), body)
		if err != nil {
			return err
		}
		if !nowait {
			if d, err = WaitDeployment(c.Context(), api, p, d.Name, d.Version); err != nil {
				return err
			}
		}
		return a.showDeployments(api, p, []bine.Deployment{d})
	})
	c.Flags().StringVar((*string)(&body.Model), "model", "", "model to serve")
	c.Flags().IntVar(&body.Version, "version", 0, "its version; 0 is the newest")
	c.Flags().BoolVar(&nowait, "no-wait", false, "do not wait")
	return alias(c, "update")
}

// WaitDeployment waits until a deployment serves a version.
func WaitDeployment(ctx context.Context, api *client.Client, p bine.ProjectName, name bine.DeploymentName, version int) (bine.Deployment, error) {
	for {
		d, err := api.Deployment(ctx, p, name)
		if err != nil {
			return d, err
		}
		if d.State == bine.DeploymentReady && d.Serving == version {
			return d, nil
		}
		if d.State == bine.DeploymentFailed || d.State == bine.DeploymentStopped || (d.State == bine.DeploymentReady && d.Reason != "") {
			return d, fmt.Errorf("deployment %s is %s: %s", name, d.State, d.Reason)
		}
		if err := pause(ctx, pollEvery); err != nil {
			return d, err
		}
	}
}

func (a *app) predictCommand() *cobra.Command {
	return command("predict NAME ROW", "Ask a deployment about a row in JSON, or - for rows on standard input", 2, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		text := []byte(args[1])
		if args[1] == "-" {
			if text, err = io.ReadAll(a.In); err != nil {
				return err
			}
		}
		var rows []json.RawMessage
		if json.Unmarshal(text, &rows) != nil {
			rows = []json.RawMessage{text}
		}
		if !json.Valid(text) {
			return usagef("%s is not JSON: write a row like {\"carrier\": \"UA\"}", text)
		}
		out, err := api.Predict(c.Context(), p, bine.DeploymentName(args[0]), client.Rows{Instances: rows})
		if err != nil {
			return err
		}
		return a.show(out, each(out.Predictions, func(p json.RawMessage) string { return string(p) }), func(t *table) {
			for _, row := range out.Predictions {
				t.row(string(row))
			}
		})
	})
}
