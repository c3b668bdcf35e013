package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

const pollEvery = 250 * time.Millisecond

func (a *app) projectCommand() *cobra.Command {
	list := command("list", "List my projects", 0, func(c *cobra.Command, _ []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		all, err := api.Projects(c.Context())
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(p bine.Project) string { return string(p.Name) }), func(t *table) {
			t.row("NAME", "STATE", "ROLE", "CREATED", "REASON")
			for _, p := range all {
				t.row(p.Name, p.State, string(p.Role), p.CreatedAt, p.Reason)
			}
		})
	})
	show := command("show NAME", "Describe a project", 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		p, err := api.Project(c.Context(), bine.ProjectName(args[0]))
		if err != nil {
			return err
		}
		return a.showProject(p)
	})
	use := command("use NAME", "Act in this project from now on", 1, a.useProject)
	return group("project", "Projects: members, files, pipelines, models", list, show, a.createProjectCommand(), a.deleteProjectCommand(), use, a.quotaCommand(), a.standingCommand(), a.sandboxCommand(), a.encryptCommand(), a.spaceCommand(), a.webhookSecretCommand())
}

func (a *app) showProject(p bine.Project) error {
	return a.show(p, one(string(p.Name)), func(t *table) {
		t.row("NAME", "STATE", "ROLE", "CREATED", "BY", "REASON")
		t.row(p.Name, p.State, string(p.Role), p.CreatedAt, p.CreatedBy, p.Reason)
	})
}

func (a *app) useProject(c *cobra.Command, args []string) error {
	api, err := a.client()
	if err != nil {
		return err
	}
	if _, err := api.Project(c.Context(), bine.ProjectName(args[0])); err != nil {
		return err
	}
	all, err := client.ReadContexts(a.contexts)
	if err != nil {
		return err
	}
	name := a.context
	if name == "" {
		name = all.Current
	}
	now := all.Contexts[name]
	now.Project = args[0]
	all.Contexts[name] = now
	return all.Write(a.contexts)
}

func (a *app) createProjectCommand() *cobra.Command {
	var body client.NewProject
	var nowait bool
	c := command("create NAME", "Make a project and wait until it is ready", 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		body.Name = bine.ProjectName(args[0])
		p, err := api.CreateProject(c.Context(), body)
		if err != nil {
			return err
		}
		if !nowait {
			if p, err = WaitProject(c.Context(), api, p.Name); err != nil {
				return err
			}
		}
		return a.showProject(p)
	})
	c.Flags().StringVar(&body.Description, "description", "", "what it is for")
	c.Flags().StringSliceVar(&body.Requires, "requires", nil, "packages of its first environment, as pip writes them")
	c.Flags().StringVar(&body.Python, "python", "", "Python version, for example 3.11")
	c.Flags().BoolVar(&nowait, "no-wait", false, "do not wait")
	return c
}

// WaitProject waits until a project is no longer being provisioned; a failed
// one is an error.
func WaitProject(ctx context.Context, api *client.Client, name bine.ProjectName) (bine.Project, error) {
	for {
		p, err := api.Project(ctx, name)
		if err != nil {
			return p, err
		}
		switch p.State {
		case bine.ProjectReady:
			return p, nil
		case bine.ProjectFailed:
			return p, bine.Errorf(bine.Unavailable, "project %s could not be made: %s", name, p.Reason)
		}
		if err := pause(ctx, pollEvery); err != nil {
			return p, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (a *app) deleteProjectCommand() *cobra.Command {
	var yes bool
	c := command("delete NAME", "Remove a project and everything in it", 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		if err := a.confirm(yes, "project "+args[0]+" and everything in it", args[0]); err != nil {
			return err
		}
		return api.DeleteProject(c.Context(), bine.ProjectName(args[0]))
	})
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// confirm asks for the name of what is going to be lost.
func (a *app) confirm(yes bool, what, name string) error {
	if yes {
		return nil
	}
	fmt.Fprintf(a.Err, "This removes %s for good. Type %s to go on: ", what, name)
	var got string
	if _, err := fmt.Fscanln(a.In, &got); err != nil || got != name {
		return usagef("nothing was removed; --yes does not ask")
	}
	return nil
}

func (a *app) memberCommand() *cobra.Command {
	list := command("list", "List who belongs to the project", 0, func(c *cobra.Command, _ []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		all, err := api.Members(c.Context(), p)
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(m bine.Member) string { return string(m.User) }), func(t *table) {
			t.row("USER", "ROLE", "ADDED", "BY")
			for _, m := range all {
				t.row(m.User, m.Role, m.AddedAt, m.AddedBy)
			}
		})
	})
	var role string
	set := command("set USER", "Add a member, or change its role", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		_, err = api.SetMember(c.Context(), p, bine.UserName(args[0]), bine.Role(role))
		return err
	})
	set.Flags().StringVar(&role, "role", string(bine.DataScientist), "data_scientist or data_owner")
	remove := command("remove USER", "Take a member out of the project", 1, func(c *cobra.Command, args []string) error {
		api, p, err := a.inProject()
		if err != nil {
			return err
		}
		return api.RemoveMember(c.Context(), p, bine.UserName(args[0]))
	})
	return group("member", "Members of the project and their roles", list, alias(set, "add"), remove)
}

func (a *app) userCommand() *cobra.Command {
	list := command("list", "List who can sign in", 0, func(c *cobra.Command, _ []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		all, err := api.Users(c.Context())
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(u bine.User) string { return string(u.Name) }), func(t *table) {
			t.row("NAME", "ADMIN", "CREATED")
			for _, u := range all {
				t.row(u.Name, u.Admin, u.CreatedAt)
			}
		})
	})
	var admin bool
	create := command("create NAME", "Add a person; the password is asked for", 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		password, err := a.readPassword()
		if err != nil {
			return err
		}
		_, err = api.CreateUser(c.Context(), client.NewUser{Name: bine.UserName(args[0]), Password: password, Admin: admin})
		return err
	})
	create.Flags().BoolVar(&admin, "admin", false, "may administer the platform")
	remove := command("delete NAME", "Remove a person", 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		return api.DeleteUser(c.Context(), bine.UserName(args[0]))
	})
	return group("user", "People who can sign in (for administrators)", list, create, remove)
}

func (a *app) keyCommand() *cobra.Command {
	list := command("list", "List my API keys", 0, func(c *cobra.Command, _ []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		all, err := api.Keys(c.Context())
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(k bine.Key) string { return k.ID }), func(t *table) {
			t.row("ID", "NAME", "SCOPES", "PROJECT", "CREATED", "EXPIRES", "USED")
			for _, k := range all {
				t.row(k.ID, k.Name, k.Scopes, k.Project, k.CreatedAt, k.ExpiresAt, k.UsedAt)
			}
		})
	})
	var scopes []string
	var days int
	create := command("create NAME", "Make an API key; it is shown once", 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		body := client.NewKey{Name: args[0]}
		if c.Flags().Changed("project") { // that of the context limits no key
			body.Project = bine.ProjectName(a.project)
		}
		for _, s := range scopes {
			body.Scopes = append(body.Scopes, bine.Scope(s))
		}
		if days > 0 {
			end := time.Now().AddDate(0, 0, days)
			body.Expires = &end
		}
		key, err := api.CreateKey(c.Context(), body)
		if err != nil {
			return err
		}
		return a.show(key, one(key.Key), func(t *table) { t.row(key.Key) })
	})
	create.Flags().StringSliceVar(&scopes, "scope", []string{string(bine.ScopeAll)}, "all, run, read, serve or agent")
	create.Flags().IntVar(&days, "days", 0, "days until it expires; 0 is never")
	remove := command("delete ID", "Revoke an API key", 1, func(c *cobra.Command, args []string) error {
		api, err := a.client()
		if err != nil {
			return err
		}
		return api.DeleteKey(c.Context(), args[0])
	})
	return group("key", "API keys", list, create, remove)
}
