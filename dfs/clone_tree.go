package dfs

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

const (
	// cloneBatch is how many inodes of a copy are written in one transaction:
	// SQLite has one writer, for which others wait.
	cloneBatch = 250
	// clonePage is how many are read at once.
	clonePage = 2000
	// abandonedAfter is for how long nothing has been added to a copy when its
	// maker is taken to be gone.
	abandonedAfter = 10 * time.Minute
)

// pair is an inode and its copy.
type pair struct {
	from, to node
	into     *node // the directory of the copy
}

// openDir is a directory of which the entries are to be copied.
type openDir struct {
	from int64
	into *node
	path string // below the directory that is copied
}

// cloning copies a directory. What is copied is read in one view of the
// database, and written below stagedID in transactions of bounded size; the last
// one moves it to its place. Until then a row of dfs_clones stands for it: by it
// Reclaim keeps the blocks that were given up since, and finds what a crash left.
type cloning struct {
	t    *Tree
	ctx  context.Context
	user User
	from *chain
	to   *chain // where the copy comes, as far as it was there
	keep bool   // owners and all attributes, and of what it is a copy
	told func(done, all Usage)

	anew bool  // whether what lies in the database is sealed anew
	key  int64 // with which key

	view   *sql.Tx
	root   node
	batch  []*pair
	blocks int64 // of the batch, about
	done   Usage
	all    Usage
}

// cloneTree copies a directory to where nothing is.
func (t *Tree) cloneTree(ctx context.Context, user User, a *chain, target []string, o CloneOptions) (Info, error) {
	b, err := t.vacant(ctx, user, a, target, o)
	if err != nil {
		return Info{}, err
	}
	c := &cloning{t: t, ctx: ctx, user: user, from: a, to: b, told: o.Progress}
	var info Info
	err = c.run(func(tx *sql.Tx) error {
		b, err := t.walk(ctx, tx, user, target, false)
		if err != nil {
			return err
		}
		if err := t.reaches(ctx, tx, user, b, len(b.parts)); err != nil {
			return err
		}
		if b.complete() {
			return exists(b)
		}
		if err := t.makeAbove(ctx, tx, user, b, o.Parents, nil); err != nil {
			return err
		}
		if err := mayAdd(user, b); err != nil {
			return err
		}
		if within(b.parts, a.parts) {
			return copyUnderItself(a, b)
		}
		n, err := c.moveTo(tx, b, b.parts[len(b.parts)-1])
		if err != nil {
			return err
		}
		info = n.info(b.asked)
		return t.recordNode(ctx, tx, user, b.parts, n, Created, "")
	})
	return info, err
}

// vacant fails early on what would fail after all was copied.
func (t *Tree) vacant(ctx context.Context, user User, a *chain, target []string, o CloneOptions) (*chain, error) {
	b, err := t.walk(ctx, t.reader(ctx), user, target, false)
	if err != nil {
		return nil, t.db.Explain(err)
	}
	if err := t.reaches(ctx, t.reader(ctx), user, b, len(b.parts)); err != nil {
		return nil, err
	}
	switch {
	case within(b.parts, a.parts):
		return nil, copyUnderItself(a, b)
	case b.complete():
		return nil, exists(b)
	case !b.last().dir():
		return nil, notDirectory(b.found())
	case b.project() == nil:
		return nil, notFound(b.path)
	case len(b.nodes) < len(b.parts) && !o.Parents:
		return nil, bine.Errorf(bine.NotFound, "%s: there is no directory %s", b.path, join(b.parts, len(b.nodes)))
	}
	return b, mayAdd(user, b)
}

func copyUnderItself(a, b *chain) error {
	return bine.Errorf(bine.Invalid, "%s cannot be copied to %s: a directory does not go under itself", a.path, b.path)
}

// run makes the copy; place moves it to its place.
func (c *cloning) run(place func(tx *sql.Tx) error) (err error) {
	if c.t.db.Reader(c.ctx) != c.t.db.Reader(context.Background()) {
		return bine.Errorf(bine.Internal, "%s: a directory is not copied within another transaction", c.to.path)
	}
	if err := c.begin(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			c.giveUp()
		}
	}()
	if err := c.copyAll(); err != nil {
		return c.t.db.Explain(err)
	}
	return c.t.write(c.ctx, c.to.path, place)
}

// begin makes the root of the copy, before the view: so no block that the view
// shows is removed as long as the copy is being made.
func (c *cloning) begin() error {
	t := c.t
	return t.write(c.ctx, c.to.path, func(tx *sql.Tx) error {
		now := t.now()
		c.root = node{parent: stagedID, id: t.ids.next(), mode: typeDir | 0o700, owner: c.user.owner(), group: c.to.last().group, version: 1, mtime: now, atime: now, btime: now}
		c.root.name = strconv.FormatInt(c.root.id, 10)
		if err := c.holdProject(tx); err != nil {
			return err
		}
		if err := t.insert(c.ctx, tx, &c.root); err != nil {
			return err
		}
		if _, err := tx.ExecContext(c.ctx, "INSERT INTO dfs_clones (inode_id, project_id, began, seen) VALUES (?, ?, ?, ?)", c.root.id, c.to.project().id, now, now); err != nil {
			return err
		}
		return t.addToProject(c.ctx, tx, c.to.project(), Usage{Directories: 1})
	})
}

// holdProject keeps the project: what is counted for one that is gone nobody takes away.
func (c *cloning) holdProject(tx *sql.Tx) error {
	var one int64
	err := tx.QueryRowContext(c.ctx, "SELECT 1 FROM dfs_inodes WHERE parent_id = ? AND name = ? AND id = ?"+c.t.sql.share, c.to.project().parent, c.to.project().name, c.to.project().id).Scan(&one)
	if err == sql.ErrNoRows {
		return notFound(c.to.path)
	}
	return err
}

// copyAll reads the directory in one view and writes its copy.
func (c *cloning) copyAll() (err error) {
	if c.view, err = c.t.db.View(c.ctx); err != nil {
		return err
	}
	defer func() { _ = c.view.Rollback() }()
	n, err := c.sourceRoot()
	if err != nil {
		return err
	}
	if err := c.view.QueryRowContext(c.ctx, countBelow, n.id).Scan(&c.all.Bytes, &c.all.Files, &c.all.Directories); err != nil {
		return err
	}
	if err := c.t.checkQuota(c.ctx, c.view, c.to, c.all.add(Usage{Directories: 1})); err != nil {
		return err
	}
	if err := c.setRoot(n); err != nil {
		return err
	}
	c.anew = sealsAnew(c.from, c.to)
	if c.key, err = c.t.keyNow(c.ctx, c.view, c.to.project()); err != nil {
		return err
	}
	for open := []openDir{{from: n.id, into: &c.root}}; len(open) > 0; {
		if open, err = c.next(open); err != nil {
			return err
		}
	}
	return c.flush()
}

// sourceRoot finds the directory as the view shows it.
func (c *cloning) sourceRoot() (*node, error) {
	a, err := resolve(c.ctx, c.view, c.from.parts)
	if err != nil {
		return nil, err
	}
	if err := c.t.reaches(c.ctx, c.view, c.user, a, len(a.parts)); err != nil {
		return nil, err
	}
	if !a.complete() {
		return nil, notFound(a.path)
	}
	if c.from = a; !a.last().dir() {
		return nil, bine.Errorf(bine.Unavailable, "%s: it is being replaced at this moment: try again", a.path)
	}
	return a.last(), c.readable(a.last(), "")
}

// readable fails unless the user may read what is at rest below the directory.
func (c *cloning) readable(n *node, rest string) error {
	if c.keep || n.link() { // what is kept keeps its mode and owner, and where a link leads to everybody may know
		return nil
	}
	want := int64(read)
	if n.dir() {
		want = read | pass
	}
	at := c.from
	if rest != "" {
		at = &chain{path: at.path + "/" + rest, parts: append(slices.Clip(at.parts), rest), nodes: append(slices.Clip(at.nodes), *n), shared: at.shared}
		if !c.user.unbound() && n.flags&hasACL != 0 {
			if err := at.loadACLs(c.ctx, c.view); err != nil {
				return err
			}
		}
	}
	return c.user.may(at, len(at.nodes)-1, want)
}

// next copies what is in the first of the open directories, and gives those
// that are open then.
func (c *cloning) next(open []openDir) ([]openDir, error) {
	some := open[:min(len(open), batchSize)]
	slices.SortFunc(some, func(a, b openDir) int { return cmp.Compare(a.from, b.from) })
	ids, dirs := make([]any, len(some)), map[int64]*openDir{}
	for i := range some {
		ids[i] = some[i].from
		dirs[some[i].from] = &some[i]
	}
	last, below, err := c.page(dirs, "parent_id IN ("+marks(len(ids))+")", ids...)
	if err != nil || last == nil {
		return append(slices.Clone(open[len(some):]), below...), err
	}
	at := *last // in this directory there may be more, and nothing of those behind it was read
	for last != nil {
		var more []openDir
		if last, more, err = c.page(dirs, "parent_id = ? AND name > ?", last.parent, last.name); err != nil {
			return nil, err
		}
		below = append(below, more...)
	}
	rest, _ := slices.BinarySearchFunc(some, at.parent+1, func(d openDir, id int64) int { return cmp.Compare(d.from, id) })
	return append(slices.Clone(open[rest:]), below...), nil
}

// page copies a page of what the view shows, by directory and name. It gives the
// last inode of a full page, and the directories that it met.
func (c *cloning) page(dirs map[int64]*openDir, where string, args ...any) (last *node, met []openDir, err error) {
	children, err := c.read(where, args...)
	if err != nil {
		return nil, nil, err
	}
	for i := range children {
		n := &children[i]
		if n.flags&flagSnapshots != 0 && n.name == snapshotsName {
			continue
		}
		in := dirs[n.parent]
		path := strings.TrimPrefix(in.path+"/"+n.name, "/")
		if err := c.readable(n, path); err != nil {
			return nil, nil, err
		}
		p, err := c.add(n, in.into)
		if err != nil {
			return nil, nil, err
		}
		if n.dir() {
			met = append(met, openDir{n.id, &p.to, path})
		}
	}
	if len(children) == clonePage {
		last = &children[len(children)-1]
	}
	return last, met, nil
}

// read gives a page of what the view shows.
func (c *cloning) read(where string, args ...any) ([]node, error) {
	rows, err := c.view.QueryContext(c.ctx, "SELECT parent_id, name, "+allColumns+" FROM dfs_inodes WHERE "+where+" ORDER BY parent_id, name LIMIT ?", append(args, clonePage)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []node
	for rows.Next() {
		var n node
		if err := rows.Scan(append([]any{&n.parent, &n.name}, n.all()...)...); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}
