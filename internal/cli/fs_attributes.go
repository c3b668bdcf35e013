package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func (a *app) statCommand() *cobra.Command {
	var follow bool
	c := &cobra.Command{Use: "stat PATH…", Short: "Show what is known of files, directories and symbolic links", Args: atLeast(1, 0), RunE: func(c *cobra.Command, args []string) error {
		all := []client.File{}
		err := a.eachFile(c, args, func(r remote, at string) error {
			look := r.api.LinkInfo
			if follow {
				look = r.api.Stat
			}
			f, err := look(c.Context(), r.project, at)
			if err == nil {
				all = append(all, f)
			}
			return err
		})
		if err != nil && len(all) == 0 {
			return err
		}
		failed := a.show(all, each(all, func(f client.File) string { return f.Path }), func(t *table) {
			t.row("MODE", "OWNER", "GROUP", "BYTES", "MODIFIED", "CREATED", "ATTRIBUTES", "PATH")
			for _, f := range all {
				name := f.Path
				if f.Link != "" {
					name += " -> " + f.Link
				}
				t.row(modeOf(f), f.Owner, f.Group, f.Size, f.Modified, f.Created, len(f.Attrs), name)
			}
		})
		if failed != nil {
			return failed
		}
		return err
	}}
	c.Flags().BoolVarP(&follow, "dereference", "L", false, "what a symbolic link leads to, not the link")
	return c
}

func (a *app) touchCommand() *cobra.Command {
	var noCreate bool
	var date string
	c := &cobra.Command{Use: "touch PATH…", Short: "Make empty files, or give those that are there the time of now", Args: atLeast(1, 0), RunE: func(c *cobra.Command, args []string) error {
		at := time.Now()
		if date != "" {
			var err error
			if at, err = parseDate(date); err != nil {
				return err
			}
		}
		return a.eachFile(c, args, func(r remote, path string) error {
			_, err := r.api.SetFileAttributes(c.Context(), r.project, path, client.FileAttributes{Modified: &at})
			if !bine.IsKind(err, bine.NotFound) || noCreate {
				if noCreate && bine.IsKind(err, bine.NotFound) {
					return nil
				}
				return err
			}
			if _, err := r.api.Upload(c.Context(), r.project, path, strings.NewReader(""), false); err != nil || date == "" {
				return err
			}
			_, err = r.api.SetFileAttributes(c.Context(), r.project, path, client.FileAttributes{Modified: &at})
			return err
		})
	}}
	c.Flags().BoolVarP(&noCreate, "no-create", "c", false, "make no file")
	c.Flags().StringVarP(&date, "date", "d", "", "this time instead of now: 2026-01-31, or 2026-01-31 06:00")
	return c
}

func parseDate(text string) (time.Time, error) {
	for _, form := range dates() {
		if t, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("%q is not a date: write it like 2026-01-31 or 2026-01-31 06:00", text)
}

// eachBelow runs f for every path and, where recursive, for all that is below
// it but symbolic links.
func (a *app) eachBelow(c *cobra.Command, paths []string, recursive bool, f func(r remote, file client.File) error) error {
	return a.eachFile(c, paths, func(r remote, at string) error {
		top, err := r.api.Stat(c.Context(), r.project, at)
		if err != nil {
			return err
		}
		if err := f(r, top); err != nil || !recursive || !top.Dir {
			return err
		}
		return r.files(c.Context(), at, 0, func(file client.File, _ int) error {
			if file.Link != "" {
				return nil
			}
			return f(r, file)
		})
	})
}

func (a *app) chmodCommand() *cobra.Command {
	var recursive bool
	c := &cobra.Command{Use: "chmod MODE PATH…", Short: "Change permission bits: 640, or u+x,g-w,o=r", Args: atLeast(2, 0), RunE: func(c *cobra.Command, args []string) error {
		change, err := parseMode(args[0])
		if err != nil {
			return err
		}
		return a.eachBelow(c, args[1:], recursive, func(r remote, f client.File) error {
			mode := change(f.Mode, f.Dir)
			_, err := r.api.SetFileAttributes(c.Context(), r.project, f.Path, client.FileAttributes{Mode: &mode})
			return err
		})
	}}
	c.Flags().BoolVarP(&recursive, "recursive", "R", false, "directories and everything in them")
	return c
}

// parseMode reads a mode as chmod has it: in octal digits, or as changes.
func parseMode(text string) (func(mode uint32, dir bool) uint32, error) {
	wrong := usagef("%q is not a mode: write it like 640 or u+x,g-w,o=r", text)
	if n, err := strconv.ParseUint(text, 8, 32); err == nil {
		if n > 0o777 {
			return nil, usagef("mode %s is not right: only the permission bits up to 777 can be set", text)
		}
		return func(uint32, bool) uint32 { return uint32(n) }, nil
	}
	var changes []func(uint32, bool) uint32
	for part := range strings.SplitSeq(text, ",") {
		i := strings.IndexAny(part, "+-=")
		if i < 0 || strings.Trim(part[:i], "ugoa") != "" || strings.Trim(part[i+1:], "rwxX") != "" {
			return nil, wrong
		}
		changes = append(changes, modeChange(part[:i], part[i], part[i+1:]))
	}
	return func(mode uint32, dir bool) uint32 {
		for _, change := range changes {
			mode = change(mode, dir)
		}
		return mode
	}, nil
}

func modeChange(who string, operator byte, what string) func(uint32, bool) uint32 {
	if who == "" || strings.Contains(who, "a") {
		who = "ugo"
	}
	return func(mode uint32, dir bool) uint32 {
		var bits, all uint32
		for _, w := range who {
			shift := map[rune]uint32{'u': 6, 'g': 3, 'o': 0}[w]
			all |= 7 << shift
			for _, b := range what {
				if b == 'X' && !dir && mode&0o111 == 0 {
					continue
				}
				bits |= map[rune]uint32{'r': 4, 'w': 2, 'x': 1, 'X': 1}[b] << shift
			}
		}
		switch operator {
		case '+':
			return mode | bits
		case '-':
			return mode &^ bits
		}
		return mode&^all | bits
	}
}

func (a *app) chownCommand() *cobra.Command {
	var recursive bool
	c := &cobra.Command{Use: "chown [OWNER][:GROUP] PATH…", Short: "Change owner and group: a user of the project, data_owner or data_scientist", Args: atLeast(2, 0), RunE: func(c *cobra.Command, args []string) error {
		owner, group, _ := strings.Cut(args[0], ":")
		if owner == "" && group == "" {
			return usagef("%q names neither an owner nor a group: write it like maria, maria:data_scientist or :data_owner", args[0])
		}
		return a.eachBelow(c, args[1:], recursive, func(r remote, f client.File) error {
			change := client.FileAttributes{Owner: inProjectName(r.project, owner), Group: inProjectName(r.project, group)}
			_, err := r.api.SetFileAttributes(c.Context(), r.project, f.Path, change)
			return err
		})
	}}
	c.Flags().BoolVarP(&recursive, "recursive", "R", false, "directories and everything in them")
	return c
}

// inProjectName puts the project before the name of a user or group that lacks it.
func inProjectName(p bine.ProjectName, name string) *string {
	if name == "" {
		return nil
	}
	if prefix := string(p) + "__"; !strings.HasPrefix(name, prefix) {
		name = prefix + name
	}
	return &name
}

func (a *app) xattrCommand() *cobra.Command {
	list := command("list PATH", "List extended attributes", 1, func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(args[0])
		if err != nil {
			return err
		}
		f, err := r.api.Stat(c.Context(), r.project, at)
		if err != nil {
			return err
		}
		if f.Attrs == nil {
			f.Attrs = map[string]string{}
		}
		names := slices.Sorted(maps.Keys(f.Attrs))
		return a.show(f.Attrs, func() []string { return names }, func(t *table) {
			t.row("NAME", "VALUE")
			for _, name := range names {
				t.row(name, f.Attrs[name])
			}
		})
	})
	get := command("get PATH NAME", "Print the value of an extended attribute as it is", 2, func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(args[0])
		if err != nil {
			return err
		}
		value, err := r.api.Xattr(c.Context(), r.project, at, args[1])
		if err != nil {
			return err
		}
		_, err = a.Out.Write(value)
		return err
	})
	set := command("set PATH NAME VALUE", "Make or replace an extended attribute; - takes the value from standard input", 3, func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(args[0])
		if err != nil {
			return err
		}
		value := []byte(args[2])
		if args[2] == stream {
			if value, err = io.ReadAll(a.In); err != nil {
				return fmt.Errorf("read the value: %w", err)
			}
		}
		return r.api.SetXattr(c.Context(), r.project, at, args[1], value)
	})
	remove := &cobra.Command{Use: "rm PATH NAME…", Short: "Remove extended attributes", Args: atLeast(2, 0), RunE: func(c *cobra.Command, args []string) error {
		r, at, err := a.remote(args[0])
		if err != nil {
			return err
		}
		var failed error
		for _, name := range args[1:] {
			failed = errors.Join(failed, r.api.RemoveXattr(c.Context(), r.project, at, name))
		}
		return failed
	}}
	return group("xattr", "Extended attributes of files and directories", list, get, set, remove)
}
