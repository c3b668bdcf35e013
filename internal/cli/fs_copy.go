package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
)

// copying are the flags of commands that copy.
type copying struct {
	transferOptions
	recursive bool
	blockSize string
}

func (o *copying) flags(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVarP(&o.recursive, "recursive", "r", false, "directories and everything in them")
	c.Flags().IntVarP(&o.parallel, "jobs", "j", 4, "files that are copied at once")
	c.Flags().BoolVar(&o.times, "preserve", false, "give copies the modification times and permission bits of their originals")
	c.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "name each file when it was copied")
	return c
}

func (a *app) cpCommand() *cobra.Command {
	o := &copying{}
	c := &cobra.Command{Use: "cp FROM… TO", Short: "Copy files: a path is local, or of the project with a colon before it (:Resources/a.csv), or bine://PROJECT/PATH; - is standard input or output",
		Args: atLeast(2, 0), RunE: func(c *cobra.Command, args []string) error {
			o.overwrite = !o.noClobber
			return a.copyCommand(c.Context(), args, o)
		}}
	c.Flags().BoolVarP(&o.noClobber, "no-clobber", "n", false, "leave files that are there as they are")
	o.blockFlag(c)
	return o.flags(c)
}

func (o *copying) blockFlag(c *cobra.Command) {
	c.Flags().StringVar(&o.blockSize, "block-size", "", "how large blocks of what is made in a project are at most, from 1MiB to 1GiB")
}

// destination is where copies go, made as the flags say.
func (a *app) destination(arg string, o *copying) (location, error) {
	to, err := a.location(arg)
	if err != nil {
		return to, err
	}
	if r, ok := to.side.(remote); ok {
		if r.blockSize, err = parseSize("--block-size", o.blockSize); err != nil {
			return to, err
		}
		to.side = r
	}
	return to, nil
}

func (a *app) putCommand() *cobra.Command {
	o := &copying{}
	c := &cobra.Command{Use: "put FILE… PATH", Short: "Upload files", Args: atLeast(2, 0), RunE: func(c *cobra.Command, args []string) error {
		args = append([]string{}, args...)
		args[len(args)-1] = asRemote(args[len(args)-1])
		for i := range args[:len(args)-1] {
			args[i] = asLocal(args[i])
		}
		return a.copyCommand(c.Context(), args, o)
	}}
	c.Flags().BoolVar(&o.overwrite, "overwrite", false, "replace files that are there")
	o.blockFlag(c)
	return o.flags(c)
}

func (a *app) getCommand() *cobra.Command {
	o := &copying{}
	c := &cobra.Command{Use: "get PATH… FILE", Short: "Download files", Args: atLeast(2, 0), RunE: func(c *cobra.Command, args []string) error {
		args = append([]string{}, args...)
		args[len(args)-1] = asLocal(args[len(args)-1])
		for i := range args[:len(args)-1] {
			args[i] = asRemote(args[i])
		}
		o.overwrite = !o.noClobber
		return a.copyCommand(c.Context(), args, o)
	}}
	c.Flags().BoolVarP(&o.noClobber, "no-clobber", "n", false, "leave files that are there as they are")
	return o.flags(c)
}

// asRemote writes a path of the project so that it cannot be taken for a local one.
func asRemote(arg string) string {
	if strings.HasPrefix(arg, projectScheme) || strings.HasPrefix(arg, ":") {
		return arg
	}
	return ":" + arg
}

// asLocal writes a local path so that it cannot be taken for one of a project.
func asLocal(arg string) string {
	if strings.HasPrefix(arg, ":") || strings.HasPrefix(arg, projectScheme) {
		return "./" + arg
	}
	return arg
}

const stream = "-" // standard input or output

func (a *app) copyCommand(ctx context.Context, args []string, o *copying) error {
	o.modes = o.times
	sources, last := args[:len(args)-1], args[len(args)-1]
	if len(sources) == 1 && (sources[0] == stream || last == stream) {
		return a.copyStream(ctx, sources[0], last, o)
	}
	to, err := a.destination(last, o)
	if err != nil {
		return err
	}
	into, err := isDirectory(ctx, to, strings.HasSuffix(last, "/") || last == ":")
	if err != nil {
		return err
	}
	if len(sources) > 1 && !into {
		return usagef("%s is not a directory: only one file can be copied to it", to)
	}
	var all []transfer
	for _, arg := range sources {
		from, err := a.location(arg)
		if err != nil {
			return err
		}
		if err := needsProject(from, to); err != nil {
			return err
		}
		target := to
		if into {
			target = to.below(from.base(from.path))
		}
		some, err := planCopy(ctx, from, target, o.recursive)
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	return a.transferAll(ctx, all, o.transferOptions)
}

// needsProject refuses a copy between two local places: mostly somebody forgot the colon.
func needsProject(from, to location) error {
	_, fromHere := from.side.(local)
	_, toHere := to.side.(local)
	if fromHere && toHere {
		return usagef("%s and %s are both local: write a path of the project with a colon, :%s", from, to, filepath.ToSlash(to.path))
	}
	return nil
}

// isDirectory reports whether copies go into what is at p: a directory, or one
// that is to be made because its name was written with a slash.
func isDirectory(ctx context.Context, p location, slash bool) (bool, error) {
	e, err := p.stat(ctx, p.path)
	if bine.IsKind(err, bine.NotFound) {
		return slash, nil
	}
	if err == nil && slash && !e.dir {
		return false, bine.Errorf(bine.Conflict, "%s is not a directory", p)
	}
	return e.dir, err
}

// planCopy lists what copying one thing to a location means.
func planCopy(ctx context.Context, from, to location, recursive bool) ([]transfer, error) {
	top, err := from.stat(ctx, from.path)
	if err != nil {
		return nil, err
	}
	if !top.dir {
		if same(from, to) {
			return nil, usagef("%s and %s are the same file", from, to)
		}
		return []transfer{{from: from, to: to, entry: top}}, nil
	}
	if !recursive {
		return nil, usagef("%s is a directory: copy it with -r", from)
	}
	if inside(from, to) {
		return nil, usagef("%s cannot be copied into itself, %s", from, to)
	}
	e, err := to.stat(ctx, to.path)
	switch {
	case err == nil && !e.dir:
		return nil, bine.Errorf(bine.Conflict, "%s is a file: the directory %s cannot take its place", to, from)
	case err != nil && !bine.IsKind(err, bine.NotFound):
		return nil, err
	case err != nil && oneProject(from, to) && from.path != "" && to.side.(remote).blockSize == 0: // the server can do it in one step
		return []transfer{{from: from, to: to, entry: top, whole: true}}, nil
	}
	entries, err := from.walk(ctx, from.path)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", from, err)
	}
	all := []transfer{{from: from, to: to, entry: top}}
	for _, e := range entries {
		all = append(all, transfer{from: from.below(e.path), to: to.below(e.path), entry: e})
	}
	return all, nil
}

// oneProject reports whether both are of the same project.
func oneProject(a, b location) bool {
	from, fromRemote := a.side.(remote)
	to, toRemote := b.side.(remote)
	return fromRemote && toRemote && from.project == to.project
}

func same(a, b location) bool { return key(a) == key(b) }

// inside reports whether b is a or below it.
func inside(a, b location) bool {
	return strings.HasPrefix(key(b)+"/", strings.TrimSuffix(key(a), "/")+"/")
}

// key names a location in one way only.
func key(p location) string {
	if _, here := p.side.(local); !here {
		return strings.TrimSuffix(p.String(), "/")
	}
	full, err := filepath.Abs(p.path)
	if err != nil {
		return p.path
	}
	if target, err := filepath.EvalSymlinks(full); err == nil {
		return target
	}
	return full
}

// copyStream copies from standard input or to standard output.
func (a *app) copyStream(ctx context.Context, source, last string, o *copying) error {
	if source == stream && last == stream {
		return usagef("name a file: standard input and output cannot both be meant")
	}
	if source == stream {
		to, err := a.destination(last, o)
		if err != nil {
			return err
		}
		err = to.create(ctx, to.path, &counted{ctx: ctx, r: a.In}, o.overwrite)
		if o.noClobber && bine.IsKind(err, bine.Conflict) {
			return nil
		}
		return err
	}
	from, err := a.location(source)
	if err != nil {
		return err
	}
	content, err := from.open(ctx, from.path)
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(a.Out, content)
	return err
}
