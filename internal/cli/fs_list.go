package cli

import (
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine/client"
)

func (a *app) lsCommand() *cobra.Command {
	var long, recursive bool
	c := &cobra.Command{Use: "ls [PATH…]", Short: "List directories of the project", RunE: func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			args = []string{""}
		}
		all := []client.File{}
		byPath := recursive || len(args) > 1
		err := a.eachFile(c, args, func(r remote, at string) error {
			f, err := r.api.Stat(c.Context(), r.project, at)
			if err != nil {
				return err
			}
			if !f.Dir {
				all, byPath = append(all, f), true
				return nil
			}
			depth := 1
			if recursive {
				depth = 0
			}
			return r.files(c.Context(), at, depth, func(f client.File, _ int) error {
				all = append(all, f)
				return nil
			})
		})
		if err != nil && len(all) == 0 {
			return err
		}
		if failed := a.show(all, each(all, func(f client.File) string { return f.Path }), func(t *table) { fillFiles(t, all, long, byPath) }); failed != nil {
			return failed
		}
		return err
	}}
	c.Flags().BoolVarP(&long, "long", "l", false, "groups and exact sizes too")
	c.Flags().BoolVarP(&recursive, "recursive", "R", false, "everything below, too")
	return c
}

func fillFiles(t *table, all []client.File, long, byPath bool) {
	if long {
		t.row("MODE", "OWNER", "GROUP", "BYTES", "MODIFIED", "NAME")
	} else {
		t.row("MODE", "OWNER", "SIZE", "MODIFIED", "NAME")
	}
	for _, f := range all {
		name := f.Name
		if byPath {
			name = f.Path
		}
		switch {
		case f.Dir:
			name += "/"
		case f.Link != "" && long:
			name += " -> " + f.Link
		case f.Link != "":
			name += "@"
		}
		if long {
			t.row(modeOf(f), f.Owner, f.Group, f.Size, f.Modified, name)
		} else {
			t.row(modeOf(f), f.Owner, size(f.Size), f.Modified, name)
		}
	}
}

// modeOf writes the type and the permission bits as ls does; a plus says that an
// access list says more.
func modeOf(f client.File) string {
	mode := fs.FileMode(f.Mode)
	switch {
	case f.Dir:
		mode |= fs.ModeDir
	case f.Link != "":
		return "l" + mode.String()[1:]
	}
	if f.ACL {
		return mode.String() + "+"
	}
	return mode.String()
}

func (a *app) usageCommand() *cobra.Command {
	return &cobra.Command{Use: "usage [PATH]", Short: "Sum up what is below a directory", Args: atLeast(0, 1), RunE: func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(strings.Join(args, ""))
		if err != nil {
			return err
		}
		u, err := r.api.Usage(c.Context(), r.project, at)
		if err != nil {
			return err
		}
		return a.show(u, one(size(u.Bytes)), func(t *table) {
			t.row("SIZE", "FILES", "DIRECTORIES")
			t.row(size(u.Bytes), u.Files, u.Directories)
		})
	}}
}

// diskUse is a line of du.
type diskUse struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	Files int64  `json:"files"`
}

func (a *app) duCommand() *cobra.Command {
	var summarize, bytes bool
	var depth int
	c := &cobra.Command{Use: "du [PATH…]", Short: "Sum up the files of each directory, those in it first", RunE: func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			args = []string{""}
		}
		all := []diskUse{}
		err := a.eachFile(c, args, func(r remote, at string) error {
			if summarize || depth == 0 {
				u, err := r.api.Usage(c.Context(), r.project, at)
				if err == nil {
					all = append(all, diskUse{at, u.Bytes, u.Files})
				}
				return err
			}
			some, err := diskUses(c, r, at, depth)
			all = append(all, some...)
			return err
		})
		if err != nil && len(all) == 0 {
			return err
		}
		failed := a.show(all, each(all, func(u diskUse) string { return u.Path }), func(t *table) {
			t.row("SIZE", "FILES", "PATH")
			for _, u := range all {
				shown := size(u.Bytes)
				if bytes {
					shown = cell(u.Bytes)
				}
				if u.Path == "" {
					u.Path = "."
				}
				t.row(shown, u.Files, u.Path)
			}
		})
		if failed != nil {
			return failed
		}
		return err
	}}
	c.Flags().BoolVarP(&summarize, "summarize", "s", false, "only the sum of each PATH")
	c.Flags().BoolVarP(&bytes, "bytes", "b", false, "exact sizes")
	c.Flags().IntVarP(&depth, "max-depth", "d", -1, "directories as deep as this only; 0 is PATH alone, -1 all")
	return c
}

// diskUses sums up a directory and those below it, each after those in it.
func diskUses(c *cobra.Command, r remote, top string, depth int) ([]diskUse, error) {
	info, err := r.api.Stat(c.Context(), r.project, top)
	if err != nil {
		return nil, err
	}
	if !info.Dir {
		return []diskUse{{info.Path, info.Size, 1}}, nil
	}
	var done []diskUse
	open := []diskUse{{Path: top}} // the directories that the walk is in
	leave := func(keep func(dir string) bool) {
		for len(open) > 1 && !keep(open[len(open)-1].Path) {
			last := open[len(open)-1]
			open = open[:len(open)-1]
			open[len(open)-1].Bytes += last.Bytes
			open[len(open)-1].Files += last.Files
			if depth < 0 || len(open) <= depth {
				done = append(done, last)
			}
		}
	}
	err = r.files(c.Context(), top, 0, func(f client.File, _ int) error {
		leave(func(dir string) bool { return strings.HasPrefix(f.Path, dir+"/") })
		if f.Dir {
			open = append(open, diskUse{Path: f.Path})
			return nil
		}
		open[len(open)-1].Bytes += f.Size
		open[len(open)-1].Files++
		return nil
	})
	leave(func(string) bool { return false })
	return append(done, open[0]), err
}
