package cli

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bine-ml/bine"
)

// syncing are the settings of a sync.
type syncing struct {
	transferOptions
	checksum bool
	remove   bool
	dry      bool
}

func (a *app) syncCommand() *cobra.Command {
	o := &syncing{transferOptions: transferOptions{overwrite: true, times: true}}
	c := &cobra.Command{Use: "sync FROM TO", Short: "Make a directory hold what another holds: a path is local, or of the project with a colon before it",
		Args: atLeast(2, 2), RunE: func(c *cobra.Command, args []string) error { return a.sync(c.Context(), args[0], args[1], o) }}
	c.Flags().BoolVar(&o.checksum, "checksum", false, "compare the contents of files of the same size, not their times")
	c.Flags().BoolVar(&o.remove, "delete", false, "remove what is in TO and not in FROM, when all else went well; what a project loses lies in its trash")
	c.Flags().BoolVar(&o.dry, "dry-run", false, "say what would be done, and do nothing")
	c.Flags().IntVarP(&o.parallel, "jobs", "j", 4, "files that are copied at once")
	c.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "name each file when it was copied")
	return c
}

func (a *app) sync(ctx context.Context, source, target string, o *syncing) error {
	from, err := a.location(source)
	if err != nil {
		return err
	}
	to, err := a.location(target)
	if err != nil {
		return err
	}
	if err := o.check(from, to); err != nil {
		return err
	}
	plan, err := planSync(ctx, from, to, o)
	if err != nil {
		return err
	}
	if o.dry {
		for _, line := range plan.lines() {
			fmt.Fprintln(a.Out, line)
		}
		return nil
	}
	if err := a.transferAll(ctx, plan.copies, o.transferOptions); err != nil {
		if len(plan.extra) > 0 {
			fmt.Fprintln(a.Err, "bine: nothing was removed, because not everything was copied")
		}
		return err
	}
	for _, p := range plan.extra {
		if err := p.remove(ctx, p.path); err != nil && !bine.IsKind(err, bine.NotFound) {
			return fmt.Errorf("remove %s: %w", p, err)
		}
	}
	return nil
}

func (o *syncing) check(from, to location) error {
	if err := needsProject(from, to); err != nil {
		return err
	}
	if inside(from, to) || inside(to, from) {
		return usagef("%s and %s lie in each other", from, to)
	}
	if _, whole := to.side.(remote); whole && to.path == "" && o.remove {
		return usagef("--delete is refused for the whole of a project: name a directory of it")
	}
	return nil
}

// syncPlan is what a sync does.
type syncPlan struct {
	copies []transfer
	extra  []location // what is removed, with what is in it
}

// lines says it for people, and for scripts.
func (p syncPlan) lines() []string {
	var all []string
	for _, t := range p.copies {
		verb := "copy"
		if t.entry.dir {
			verb = "mkdir"
		}
		all = append(all, fmt.Sprintf("%s %s", verb, t.to))
	}
	for _, one := range p.extra {
		all = append(all, fmt.Sprintf("delete %s", one))
	}
	return all
}

func planSync(ctx context.Context, from, to location, o *syncing) (syncPlan, error) {
	var plan syncPlan
	wanted, err := walkDir(ctx, from)
	if err != nil {
		return plan, err // before anything is removed, above all where FROM is not there
	}
	have, err := walkDir(ctx, to)
	absent := bine.IsKind(err, bine.NotFound)
	if err != nil && !absent {
		return plan, err
	}
	if absent {
		plan.copies = append(plan.copies, transfer{from: from, to: to, entry: entry{dir: true}})
	}
	there := map[string]entry{}
	for _, e := range have {
		there[e.path] = e
	}
	for _, e := range wanted {
		t := transfer{from: from.below(e.path), to: to.below(e.path), entry: e}
		old, found := there[e.path]
		delete(there, e.path)
		if found && old.dir != e.dir {
			return plan, bine.Errorf(bine.Conflict, "%s is a %s and %s a %s: remove one of them first", t.from, kindOf(e), t.to, kindOf(old))
		}
		differs := !found
		if found && !e.dir {
			if differs, err = o.differs(ctx, t, old); err != nil {
				return plan, err
			}
		}
		if differs {
			plan.copies = append(plan.copies, t)
		}
	}
	if o.remove {
		plan.extra = extras(have, there, to)
	}
	return plan, nil
}

// extras gives what is in a directory and not wanted there, without what is in
// a directory that is not wanted itself.
func extras(have []entry, unwanted map[string]entry, to location) []location {
	var all []location
	for _, e := range have {
		_, extra := unwanted[e.path]
		if _, above := unwanted[path.Dir(e.path)]; extra && !above {
			all = append(all, to.below(e.path))
		}
	}
	return all
}

func kindOf(e entry) string {
	if e.dir {
		return "directory"
	}
	return "file"
}

// walkDir lists what is in a directory.
func walkDir(ctx context.Context, p location) ([]entry, error) {
	top, err := p.stat(ctx, p.path)
	if err != nil {
		return nil, err
	}
	if !top.dir {
		return nil, usagef("%s is a file, and directories are synced: use `bine fs cp`", p)
	}
	all, err := p.walk(ctx, p.path)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", p, err)
	}
	slices.SortStableFunc(all, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	return all, nil
}

// sameTime compares by the microsecond, as projects keep times, and by the
// second where one of the two has no more.
func sameTime(a, b time.Time) bool {
	unit := time.Microsecond
	if a.Nanosecond() == 0 || b.Nanosecond() == 0 {
		unit = time.Second
	}
	return a.Truncate(unit).Equal(b.Truncate(unit))
}

// differs reports whether a file is to be copied.
func (o *syncing) differs(ctx context.Context, t transfer, old entry) (bool, error) {
	if t.entry.size != old.size {
		return true, nil
	}
	if !o.checksum {
		return !sameTime(t.entry.modified, old.modified), nil
	}
	a, err := t.from.checksum(ctx, t.from.path)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", t.from, err)
	}
	b, err := t.to.checksum(ctx, t.to.path)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", t.to, err)
	}
	return a != b, nil
}
