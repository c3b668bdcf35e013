package cli

import (
	"github.com/spf13/cobra"

	"github.com/bine-ml/bine/client"
)

// snapshotCommand keeps directories as they are.
func (a *app) snapshotCommand() *cobra.Command {
	create := &cobra.Command{Use: "create DIR [NAME]", Short: "Keep a directory as it is, under a name or the time", Args: atLeast(1, 2), RunE: func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(args[0])
		if err != nil {
			return err
		}
		s, err := r.api.CreateSnapshot(c.Context(), r.project, client.NewSnapshot{Path: at, Name: second(args)})
		if err != nil {
			return err
		}
		return a.show(s, one(s.Path), func(t *table) { t.row(s.Path) })
	}}
	list := &cobra.Command{Use: "ls [DIR]", Short: "List the snapshots of a directory, or the directories of which they may be made", Args: cobra.MaximumNArgs(1), RunE: func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return a.listSnapshotDirs(c)
		}
		return a.listSnapshots(c, args[0])
	}}
	diff := &cobra.Command{Use: "diff DIR FROM [TO]", Short: "Show what is different in a later snapshot, or now", Args: atLeast(2, 3), RunE: func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(args[0])
		if err != nil {
			return err
		}
		all, err := r.api.DiffSnapshots(c.Context(), r.project, at, args[1], second(args[1:]))
		if err != nil {
			return err
		}
		return a.show(all, each(all, func(d client.SnapshotDifference) string { return d.Path }), func(t *table) {
			for _, d := range all {
				path := "./" + d.Path
				if d.Kind == "renamed" {
					path += " -> ./" + d.Target
				}
				t.row(d.Kind, path)
			}
		})
	}}
	rename := command("rename DIR NAME TO", "Give a snapshot another name", 3, func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(args[0])
		if err != nil {
			return err
		}
		return r.api.RenameSnapshot(c.Context(), r.project, client.RenameSnapshot{Path: at, Name: args[1], To: args[2]})
	})
	remove := command("rm DIR NAME", "Remove a snapshot", 2, func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(args[0])
		if err != nil {
			return err
		}
		return r.api.DeleteSnapshot(c.Context(), r.project, at, args[1])
	})
	c := group("snapshot", "Directories as they were at one moment", create, list, diff, rename, remove,
		a.allowCommand("allow DIR", "Allow snapshots of a directory; Data Owners do", true), a.allowCommand("disallow DIR", "Allow no more snapshots of a directory that has none", false))
	c.Long = `Directories as they were at one moment.

What is in a snapshot is read below DIR/.snapshot/NAME and changed by nobody. It is
restored by copying it back: bine fs cp -r :DIR/.snapshot/NAME/sub :DIR/sub. A snapshot
takes no room in the block store, and counts in full towards the project's quota.`
	return c
}

func (a *app) allowCommand(use, short string, may bool) *cobra.Command {
	return command(use, short, 1, func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(args[0])
		if err != nil {
			return err
		}
		return r.api.AllowSnapshots(c.Context(), r.project, at, may)
	})
}

func (a *app) listSnapshots(c *cobra.Command, dir string) error {
	r, at, err := a.remote(dir)
	if err != nil {
		return err
	}
	all, err := r.api.Snapshots(c.Context(), r.project, at)
	if err != nil {
		return err
	}
	return a.show(all, each(all, func(s client.Snapshot) string { return s.Name }), func(t *table) {
		t.row("NAME", "MADE", "BY", "PATH")
		for _, s := range all {
			t.row(s.Name, s.At, s.By, s.Path)
		}
	})
}

func (a *app) listSnapshotDirs(c *cobra.Command) error {
	api, p, err := a.inProject()
	if err != nil {
		return err
	}
	all, err := api.SnapshotDirs(c.Context(), p)
	if err != nil {
		return err
	}
	return a.show(all, each(all, func(d client.SnapshotDir) string { return d.Path }), func(t *table) {
		t.row("DIRECTORY", "SNAPSHOTS")
		for _, d := range all {
			t.row(d.Path, d.Snapshots)
		}
	})
}

// second gives the second argument, where there is one.
func second(args []string) string {
	if len(args) > 1 {
		return args[1]
	}
	return ""
}
