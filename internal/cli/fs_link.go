package cli

import (
	"context"
	"crypto/rand"
	"path"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) lnCommand() *cobra.Command {
	var symbolic, force, plain bool
	c := &cobra.Command{Use: "ln -s TARGET LINK", Short: "Make a symbolic link: TARGET begins at the directory of LINK, or with a slash at the project's", Args: atLeast(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if !symbolic {
				return usagef("only symbolic links are made: give -s")
			}
			r, at, err := a.remote(args[1])
			if err != nil {
				return err
			}
			if !plain {
				if f, err := r.api.Stat(c.Context(), r.project, at); err == nil && f.Dir {
					at = path.Join(at, path.Base(args[0]))
				}
			}
			return r.link(c.Context(), at, args[0], force)
		}}
	c.Flags().BoolVarP(&symbolic, "symbolic", "s", false, "a symbolic link; there are no others")
	c.Flags().BoolVarP(&force, "force", "f", false, "replace a file or link that is there")
	c.Flags().BoolVarP(&plain, "no-dereference", "n", false, "a LINK that leads to a directory is the link itself, not that directory")
	return c
}

// link makes a link. One that takes the place of another does so at once.
func (r remote) link(ctx context.Context, at, target string, force bool) error {
	_, err := r.api.ChangeFile(ctx, r.project, at, client.FileChange{Op: "link", To: target})
	if !force || !bine.IsKind(err, bine.Conflict) {
		return err
	}
	beside := path.Join(path.Dir(at), ".link-"+rand.Text())
	if _, err := r.api.ChangeFile(ctx, r.project, beside, client.FileChange{Op: "link", To: target}); err != nil {
		return err
	}
	if _, err := r.api.ChangeFile(ctx, r.project, beside, client.FileChange{Op: "rename", To: at, Overwrite: true}); err != nil {
		_ = r.api.RemoveFile(context.WithoutCancel(ctx), r.project, beside, false) // what remains is harmless
		return err
	}
	return nil
}
