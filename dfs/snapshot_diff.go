package dfs

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
)

// DifferenceKind says how something is different in the later of two snapshots.
type DifferenceKind string

// The kinds of differences.
const (
	DiffCreated  DifferenceKind = "created"  // with everything below it that does not come from elsewhere
	DiffDeleted  DifferenceKind = "deleted"  // with everything below it that has not gone elsewhere
	DiffModified DifferenceKind = "modified" // content or attributes; of a directory also which entries it has
	DiffRenamed  DifferenceKind = "renamed"  // it has another place, or another name
)

// Difference is one between two snapshots of a directory. Paths are relative to
// it, and empty for itself.
type Difference struct {
	Kind   DifferenceKind
	Path   string // where it is in the later one if it is created, else in the earlier one
	Target string // where it is in the later one, if it was renamed
	Dir    bool
}

// seen is an inode as one side has it, known on both by the number that it had
// before it was copied.
type seen struct {
	node
	path string // below the directory
	top  bool   // its directory is on the other side, too
}

// diff compares two sides of a directory, directory by directory. What it keeps
// are the differences: what is on one side only may be elsewhere on the other.
type diff struct {
	t        *Tree
	ctx      context.Context
	view     *sql.Tx
	check    [2]func(n *node, path string) error
	copied   [2]bool // whether a side is a snapshot
	only     [2]map[int64]seen
	open     [2][]seen // of only: directories whose entries are still to be looked at
	matched  map[int64]bool
	together [][2]seen
	found    []Difference
}

// DiffSnapshots says what is different between two snapshots of a directory.
func (t *Tree) DiffSnapshots(ctx context.Context, user User, dir, from, to string) ([]Difference, error) {
	view, err := t.db.View(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = view.Rollback() }()
	d := &diff{t: t, ctx: ctx, view: view, matched: map[int64]bool{}}
	var roots [2]seen
	for side, name := range []string{from, to} {
		var below []string
		if name != "" {
			if err := checkSnapshotName(dir, name); err != nil {
				return nil, err
			}
			below = []string{name}
		}
		c, at, err := t.snapshotted(ctx, view, user, dir, below...)
		if err != nil {
			return nil, err
		}
		if !c.complete() {
			return nil, bine.Errorf(bine.NotFound, "%s has no snapshot %q", dir, name)
		}
		if name == "" {
			if c, err = resolve(ctx, view, c.parts[:at]); err != nil {
				return nil, t.db.Explain(err)
			}
			if err := t.reaches(ctx, view, user, c, len(c.parts)); err != nil {
				return nil, err
			}
		}
		looking := &cloning{t: t, ctx: ctx, user: user, from: c, view: view}
		d.check[side], d.copied[side], d.only[side] = looking.readable, name != "", map[int64]seen{}
		roots[side] = seen{node: *c.last()}
		if err := d.check[side](c.last(), ""); err != nil {
			return nil, err
		}
	}
	d.together = [][2]seen{roots}
	if err := d.run(); err != nil {
		return nil, t.db.Explain(err)
	}
	return d.found, nil
}

// run compares until every directory was looked at that may hold a difference.
func (d *diff) run() error {
	for {
		switch {
		case len(d.together) > 0:
			pair := d.together[len(d.together)-1]
			d.together = d.together[:len(d.together)-1]
			if err := d.compare(pair[0], pair[1]); err != nil {
				return err
			}
		case d.match():
		case len(d.open[0])+len(d.open[1]) > 0:
			if err := d.expand(); err != nil {
				return err
			}
		default:
			d.finish()
			return nil
		}
	}
}

// compare compares something that both sides have.
func (d *diff) compare(a, b seen) error {
	changed := a.mode != b.mode || a.owner != b.owner || a.group != b.group || a.mtime != b.mtime || a.version != b.version || a.size != b.size ||
		(a.flags^b.flags)&(hasACL|aclNumber) != 0
	if a.dir() {
		entries, err := d.entries(a, b)
		if err != nil {
			return err
		}
		changed = changed || entries
	}
	if changed {
		d.found = append(d.found, Difference{Kind: DiffModified, Path: a.path, Dir: a.dir()})
	}
	return nil
}

// entries compares those of a directory, and says whether others are in it.
func (d *diff) entries(a, b seen) (changed bool, err error) {
	left, err := d.children(0, a)
	if err != nil {
		return false, err
	}
	right, err := d.children(1, b)
	if err != nil {
		return false, err
	}
	for id, n := range left {
		other, both := right[id]
		if !both {
			d.add(0, id, n, true)
			changed = true
			continue
		}
		delete(d.only[0], id)
		delete(d.only[1], id)
		if n.name != other.name {
			d.found = append(d.found, Difference{Kind: DiffRenamed, Path: n.path, Target: other.path, Dir: n.dir()})
			changed = true
		}
		d.together = append(d.together, [2]seen{n, other})
	}
	for id, n := range right {
		if _, both := left[id]; !both {
			d.add(1, id, n, true)
			changed = true
		}
	}
	return changed, nil
}

// add notes what only one side has in a directory.
func (d *diff) add(side int, id int64, n seen, top bool) {
	if d.matched[id] {
		return
	}
	_, known := d.only[side][id]
	n.top = top
	if d.only[side][id] = n; n.dir() && !known {
		d.open[side] = append(d.open[side], n)
	}
}

// match finds what both sides have, at different places.
func (d *diff) match() (any bool) {
	for id, a := range d.only[0] {
		b, both := d.only[1][id]
		if !both {
			continue
		}
		any, d.matched[id] = true, true
		delete(d.only[0], id)
		delete(d.only[1], id)
		d.found = append(d.found, Difference{Kind: DiffRenamed, Path: a.path, Target: b.path, Dir: a.dir()})
		d.together = append(d.together, [2]seen{a, b})
	}
	return any
}

// expand looks into directories that only one side has: what is in them may be
// elsewhere on the other.
func (d *diff) expand() error {
	for side := range d.open {
		dirs := d.open[side]
		d.open[side] = nil
		for _, dir := range dirs {
			children, err := d.children(side, dir)
			if err != nil {
				return err
			}
			for id, n := range children {
				if _, known := d.only[side][id]; !known {
					d.add(side, id, n, false)
				}
			}
		}
	}
	return nil
}

func (d *diff) finish() {
	for side, kind := range []DifferenceKind{DiffDeleted, DiffCreated} {
		for n := range maps.Values(d.only[side]) {
			if n.top {
				d.found = append(d.found, Difference{Kind: kind, Path: n.path, Dir: n.dir()})
			}
		}
	}
	slices.SortFunc(d.found, func(a, b Difference) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(string(a.Kind), string(b.Kind)))
	})
}

// children gives the entries of a directory by the number that they had at first.
func (d *diff) children(side int, dir seen) (map[int64]seen, error) {
	if err := d.check[side](&dir.node, dir.path); err != nil {
		return nil, err
	}
	rows, err := d.view.QueryContext(d.ctx, "SELECT name, origin, "+allColumns+" FROM dfs_inodes WHERE parent_id = ?", dir.id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[int64]seen{}
	for rows.Next() {
		var origin sql.NullInt64
		n := seen{node: node{parent: dir.id}}
		if err := rows.Scan(append([]any{&n.name, &origin}, n.all()...)...); err != nil {
			return nil, err
		}
		if n.name == snapshotsName && n.flags&flagSnapshots != 0 {
			continue
		}
		n.path = strings.TrimPrefix(dir.path+"/"+n.name, "/")
		id := n.id
		if d.copied[side] {
			id = origin.Int64
		}
		all[id] = n
	}
	return all, rows.Err()
}
