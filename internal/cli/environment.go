package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) environmentCommand() *cobra.Command {
	list := command("list", "List the versions of the project's environment, newest first", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.Environments(c.Context(), p)
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(e bine.Environment) string { return strconv.Itoa(e.Version) }), func(t *table) {
			t.row("", "VERSION", "STATE", "PYTHON", "ADD", "REMOVE", "CREATED", "REASON")
			for _, e := range all {
				mark := " "
				if e.Current {
					mark = "*"
				}
				t.row(mark, e.Version, e.State, e.Python, e.Add, e.Remove, e.CreatedAt, e.Reason)
			}
		})
	})
	use := a.environmentVerb("use VERSION", "Make a version the current one: rollback, or forward again", func(ctx context.Context, api *client.Client, p bine.ProjectName, version int) error {
		e, err := api.UseEnvironment(ctx, p, version)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.Err, "version %d is the current one\n", e.Version)
		return nil
	})
	log := a.environmentVerb("log VERSION", "Print the log of a build", func(ctx context.Context, api *client.Client, p bine.ProjectName, version int) error {
		text, err := api.EnvironmentLog(ctx, p, version, 0)
		fmt.Fprint(a.Out, text)
		return err
	})
	return group("environment", "The project's Python environment, in immutable versions", alias(list, "ls"), a.createEnvironmentCommand(), a.showEnvironmentCommand(), use, log, a.exportCommand(), a.diffCommand())
}

func (a *app) environmentVerb(use, short string, do func(context.Context, *client.Client, bine.ProjectName, int) error) *cobra.Command {
	return command(use, short, 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		version, err := number(args[0])
		if err != nil {
			return err
		}
		return do(c.Context(), api, p, version)
	})
}

func number(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, usagef("%q is not the number of a version", text)
	}
	return n, nil
}

func (a *app) createEnvironmentCommand() *cobra.Command {
	var body client.NewEnvironment
	var base int
	var nowait bool
	c := command("create", "Make the next version from the current one, and show the build", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		if c.Flags().Changed("base") {
			body.Base = &base
		}
		e, err := api.CreateEnvironment(c.Context(), p, body)
		if err != nil {
			return err
		}
		if nowait {
			fmt.Fprintf(a.Err, "version %d is being built: `bine environment log %d`\n", e.Version, e.Version)
			return nil
		}
		return a.watchBuild(c.Context(), api, p, e.Version)
	})
	c.Flags().StringSliceVar(&body.Add, "add", nil, "requirements as pip writes them")
	c.Flags().StringSliceVar(&body.Remove, "remove", nil, "package names")
	c.Flags().IntVar(&base, "base", 0, "version to start from; 0 is an empty one (default: the current one)")
	c.Flags().StringVar(&body.Python, "python", "", "Python version, for example 3.11")
	c.Flags().BoolVar(&nowait, "no-wait", false, "do not wait")
	return c
}

// watchBuild prints the log of a build until it has ended.
func (a *app) watchBuild(ctx context.Context, api *client.Client, p bine.ProjectName, version int) error {
	var at int64
	for {
		e, err := api.Environment(ctx, p, version)
		if err != nil {
			return err
		}
		text, err := api.EnvironmentLog(ctx, p, version, at)
		if err != nil {
			return err
		}
		fmt.Fprint(a.Err, text)
		at += int64(len(text))
		switch e.State {
		case bine.EnvironmentReady:
			fmt.Fprintf(a.Err, "version %d is ready: Python %s, %d packages\n", version, e.Python, len(e.Packages))
			return nil
		case bine.EnvironmentFailed:
			return fmt.Errorf("version %d could not be built: %s", version, e.Reason)
		}
		if err := pause(ctx, pollEvery); err != nil {
			return err
		}
	}
}

func (a *app) showEnvironmentCommand() *cobra.Command {
	return a.environmentVerb("show VERSION", "List the packages of a version", func(ctx context.Context, api *client.Client, p bine.ProjectName, version int) error {
		e, err := api.Environment(ctx, p, version)
		if err != nil {
			return err
		}
		return a.show(e, each(e.Packages, func(p bine.Package) string { return p.Name }), func(t *table) {
			t.row("PACKAGE", "VERSION")
			for _, p := range e.Packages {
				t.row(p.Name, p.Version)
			}
		})
	})
}

func (a *app) exportCommand() *cobra.Command {
	var format string
	c := a.environmentVerb("export VERSION", "Print a version as a lock file or environment.yml", func(ctx context.Context, api *client.Client, p bine.ProjectName, version int) error {
		text, err := api.EnvironmentExport(ctx, p, version, format)
		fmt.Fprint(a.Out, text)
		return err
	})
	c.Flags().StringVar(&format, "format", "lock", "lock or yml")
	return c
}

func (a *app) diffCommand() *cobra.Command {
	return command("diff VERSION AGAINST", "Say how a version differs from another", 2, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		version, err := number(args[0])
		if err != nil {
			return err
		}
		against, err := number(args[1])
		if err != nil {
			return err
		}
		changes, err := api.EnvironmentDiff(c.Context(), p, version, against)
		if err != nil {
			return err
		}
		return a.show(changes, each(changes, func(p client.PackageChange) string { return p.Name }), func(t *table) {
			t.row("PACKAGE", "FROM", "TO")
			for _, p := range changes {
				t.row(p.Name, p.From, p.To)
			}
		})
	})
}
