package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) fsCommand() *cobra.Command {
	c := group("fs", "Files of the project", a.lsCommand(), a.catCommand(), a.tailCommand(), a.statCommand(), a.findCommand(), a.duCommand(), a.usageCommand(),
		a.checksumCommand(), a.cpCommand(), a.putCommand(), a.getCommand(), a.syncCommand(), a.mkdirCommand(), a.touchCommand(), a.mvCommand(), a.lnCommand(), a.rmCommand(), a.trashCommand(),
		a.chmodCommand(), a.chownCommand(), a.getfaclCommand(), a.setfaclCommand(), a.xattrCommand(), a.fileQuotaCommand(), a.policyCommand(), a.snapshotCommand(), a.leaseCommand(), a.recoverCommand())
	c.Long = `Files of the project.

A path names a file of the chosen project: Resources/a.csv, or :Resources/a.csv where
local files could be meant as well (cp, sync). bine://PROJECT/Resources/a.csv names one of
any project.`
	return c
}

// atLeast demands a number of arguments or more; at most most, where that is not 0.
func atLeast(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, got []string) error {
		if len(got) < least || (most > 0 && len(got) > most) {
			return usagef("%s takes other arguments than these %d: %s", c.CommandPath(), len(got), c.UseLine())
		}
		return nil
	}
}

// eachFile runs f for every path, goes on after errors, and answers the first.
func (a *app) eachFile(c *cobra.Command, paths []string, f func(r remote, path string) error) error {
	var failed []error
	for _, arg := range paths {
		r, at, err := a.remote(arg)
		if err == nil {
			err = f(r, at)
		}
		if c.Context().Err() != nil {
			return c.Context().Err()
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) > 1 {
		for _, err := range failed[1:] {
			fmt.Fprintln(a.Err, "bine:", err)
		}
	}
	if len(failed) > 0 {
		return failed[0]
	}
	return nil
}

func (a *app) catCommand() *cobra.Command {
	return &cobra.Command{Use: "cat PATH…", Short: "Print files", Args: atLeast(1, 0), RunE: func(c *cobra.Command, args []string) error {
		return a.eachFile(c, args, func(r remote, at string) error {
			body, err := r.open(c.Context(), at)
			if err != nil {
				return err
			}
			defer body.Close()
			_, err = io.Copy(a.Out, body)
			return err
		})
	}}
}

func (a *app) mkdirCommand() *cobra.Command {
	return &cobra.Command{Use: "mkdir PATH…", Short: "Make directories, and those above them", Args: atLeast(1, 0), RunE: func(c *cobra.Command, args []string) error {
		return a.eachFile(c, args, func(r remote, at string) error { return r.mkdir(c.Context(), at) })
	}}
}

func (a *app) mvCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{Use: "mv FROM… TO", Short: "Rename a file or directory, or move several into a directory", Args: atLeast(2, 0), RunE: func(c *cobra.Command, args []string) error {
		to, last, err := a.remote(args[len(args)-1])
		if err != nil {
			return err
		}
		info, err := to.api.Stat(c.Context(), to.project, last)
		if err != nil && !bine.IsKind(err, bine.NotFound) {
			return err
		}
		into := info.Dir || (err != nil && strings.HasSuffix(args[len(args)-1], "/"))
		if len(args) > 2 && !into {
			return usagef("%s is not a directory: only one file can be moved to it", args[len(args)-1])
		}
		return a.eachFile(c, args[:len(args)-1], func(r remote, at string) error {
			if r.project != to.project {
				return usagef("%s and %s are in different projects: copy it with `bine fs cp -r`, then remove it", r.name(at), to.name(last))
			}
			target := last
			if into {
				target = path.Join(last, path.Base(at))
			}
			_, err := r.api.ChangeFile(c.Context(), r.project, at, client.FileChange{Op: "rename", To: target, Overwrite: force})
			return err
		})
	}}
	c.Flags().BoolVarP(&force, "force", "f", false, "replace a file that is there by a file")
	return c
}

func (a *app) rmCommand() *cobra.Command {
	var recursive, force, permanent bool
	c := &cobra.Command{Use: "rm PATH…", Short: "Put files into the trash, or directories with -r", Args: atLeast(1, 0), RunE: func(c *cobra.Command, args []string) error {
		return a.eachFile(c, args, func(r remote, at string) error {
			err := r.discard(c.Context(), at, recursive, permanent)
			if force && bine.IsKind(err, bine.NotFound) {
				return nil
			}
			return err
		})
	}}
	c.Flags().BoolVarP(&recursive, "recursive", "r", false, "a directory and everything in it")
	c.Flags().BoolVarP(&force, "force", "f", false, "what is not there is no error")
	c.Flags().BoolVar(&permanent, "permanent", false, "remove for good, at once")
	return c
}

// discard puts a file or directory into the trash, or removes it for good.
func (r remote) discard(ctx context.Context, at string, recursive, permanent bool) error {
	if at == "" {
		return usagef("name a file or directory of the project; `bine project delete` removes all of it")
	}
	if permanent {
		return r.api.RemoveFile(ctx, r.project, at, recursive)
	}
	if f, err := r.api.LinkInfo(ctx, r.project, at); err != nil {
		return err
	} else if f.Dir && !recursive {
		return usagef("%s is a directory: give -r to put it into the trash with everything in it", at)
	}
	return r.api.TrashFile(ctx, r.project, at)
}

func (a *app) checksumCommand() *cobra.Command {
	return &cobra.Command{Use: "checksum PATH…", Short: "Print the SHA-256 of files as sha256sum does; the server reads them", Args: atLeast(1, 0), RunE: func(c *cobra.Command, args []string) error {
		var all []client.FileChecksum
		err := a.eachFile(c, args, func(r remote, at string) error {
			sum, err := r.api.Checksum(c.Context(), r.project, at)
			if err == nil {
				all = append(all, sum)
			}
			return err
		})
		if a.output == "table" {
			for _, s := range all {
				fmt.Fprintf(a.Out, "%s  %s\n", s.Checksum, s.Path)
			}
			return err
		}
		return errors.Join(a.show(all, each(all, func(s client.FileChecksum) string { return s.Checksum }), nil), err)
	}}
}
