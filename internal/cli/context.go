package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) currentContext() (client.Context, error) {
	all, err := client.ReadContexts(a.contexts)
	if err != nil {
		return client.Context{}, err
	}
	name := a.context
	if name == "" {
		name = all.Current
	}
	c, found := all.Contexts[name]
	if !found && a.context != "" {
		return client.Context{}, usagef("context %q is not known: `bine context list` names those that are", a.context)
	}
	if !found {
		return client.Context{}, bine.Errorf(bine.Unauthenticated, "not signed in: `bine login --url http://127.0.0.1:7070` signs in, `bine up` starts a server here")
	}
	return c, nil
}

func (a *app) contextCommand() *cobra.Command {
	list := command("list", "List the servers that are known", 0, func(*cobra.Command, []string) error {
		all, err := client.ReadContexts(a.contexts)
		if err != nil {
			return err
		}
		var names []string
		for name := range all.Contexts {
			names = append(names, name)
		}
		slices.Sort(names)
		for name, c := range all.Contexts {
			c.Key = ""
			all.Contexts[name] = c
		}
		return a.show(all, each(names, strings.Clone), func(t *table) {
			t.row("", "NAME", "URL", "PROJECT")
			for _, name := range names {
				mark := " "
				if name == all.Current {
					mark = "*"
				}
				t.row(mark, name, all.Contexts[name].URL, all.Contexts[name].Project)
			}
		})
	})
	use := command("use NAME", "Talk to this server from now on", 1, func(_ *cobra.Command, args []string) error {
		all, err := client.ReadContexts(a.contexts)
		if err != nil {
			return err
		}
		if _, found := all.Contexts[args[0]]; !found {
			return usagef("context %q is not known: `bine context list` names those that are", args[0])
		}
		all.Current = args[0]
		return all.Write(a.contexts)
	})
	return group("context", "Servers that this computer knows", list, use)
}

func (a *app) loginCommand() *cobra.Command {
	var user, name string
	c := command("login", "Sign in to a server and keep a key for it", 0, func(c *cobra.Command, _ []string) error {
		if a.url == "" {
			return usagef("which server? give --url, for example --url http://127.0.0.1:7070")
		}
		password, err := a.readPassword()
		if err != nil {
			return err
		}
		key, err := SignIn(c.Context(), a.url, bine.UserName(user), password)
		if err != nil {
			return err
		}
		if err := Remember(a.contexts, name, client.Context{URL: a.url, Key: key, Project: a.project}); err != nil {
			return err
		}
		fmt.Fprintf(a.Err, "signed in to %s as %s\n", a.url, user)
		return nil
	})
	c.Flags().StringVarP(&user, "user", "u", "admin", "user to sign in as")
	c.Flags().StringVar(&name, "name", "default", "name of the context")
	return c
}

// readPassword asks on a terminal, and otherwise reads a line.
func (a *app) readPassword() (string, error) {
	if f, ok := a.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(a.Err, "password: ")
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(a.Err)
		return string(text), err
	}
	var text string
	if _, err := fmt.Fscanln(a.In, &text); err != nil {
		return "", usagef("no password came on standard input")
	}
	return text, nil
}

// Remember makes c the current context under a name.
func Remember(path, name string, c client.Context) error {
	all, err := client.ReadContexts(path)
	if err != nil {
		return err
	}
	if c.Project == "" {
		c.Project = all.Contexts[name].Project
	}
	all.Contexts[name], all.Current = c, name
	return all.Write(path)
}
