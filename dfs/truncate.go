package dfs

import (
	"context"
	"database/sql"
	"fmt"
	"io"

	"github.com/bine-ml/bine"
)

// Truncate shortens a file.
func (t *Tree) Truncate(ctx context.Context, user User, path string, size int64) (Info, error) {
	parts, err := split(path)
	if err != nil {
		return Info{}, err
	}
	if size < 0 {
		return Info{}, bine.Errorf(bine.Invalid, "%s: a size of %d bytes is negative", path, size)
	}
	var info Info
	err = again(path, func() error {
		c, err := t.find(ctx, user, path)
		if err != nil {
			return err
		}
		n := *c.last()
		switch {
		case n.dir():
			return bine.Errorf(bine.Conflict, "%s is a directory, not a file", c.path)
		case size > n.size:
			return bine.Errorf(bine.Invalid, "%s: the file has %d bytes and cannot be cut to %d: append to it instead", c.path, n.size, size)
		}
		if err := replaceable(c, user, true); err != nil {
			return err
		}
		if info = n.info(c.asked); size == n.size {
			return nil
		}
		start, kept, err := t.stageEnd(ctx, c, &n, size)
		if err == nil {
			info, err = t.cut(ctx, user, parts, &n, start, kept)
		}
		if err != nil {
			t.discard(ctx, kept)
		}
		return err
	})
	return info, t.db.Explain(err)
}

// stageEnd stages the bytes that come last when a file is cut to size, from the
// beginning of the block in which it is cut.
func (t *Tree) stageEnd(ctx context.Context, c *chain, n *node, size int64) (start int64, kept *content, err error) {
	if start = n.size - n.tail; size < start {
		err := t.reader(ctx).QueryRowContext(ctx, "SELECT start FROM dfs_blocks WHERE inode_id = ? AND start <= ? ORDER BY start DESC LIMIT 1", n.id, size).Scan(&start)
		if err != nil {
			return 0, nil, moved(err)
		}
	}
	if start == size {
		return start, &content{}, nil
	}
	p, err := t.manner(ctx, t.reader(ctx), c)
	if err != nil {
		return 0, nil, err
	}
	r, err := t.open(ctx, c.path, n, start, size-start)
	if err != nil {
		return 0, nil, err
	}
	defer r.Close()
	kept = p.content(n.block)
	if size-start <= p.Inline {
		kept.tail, err = io.ReadAll(r)
	} else {
		err = t.stageBlocks(ctx, kept, start, r)
	}
	return start, kept, err
}

// cut replaces everything from start on by what was kept of it, if the file n
// is still as it was found.
func (t *Tree) cut(ctx context.Context, user User, parts []string, n *node, start int64, kept *content) (Info, error) {
	var info Info
	err := t.db.Write(ctx, func(tx *sql.Tx) error {
		c, err := t.walk(ctx, tx, user, parts, true)
		if err != nil {
			return err
		}
		if err := t.lockSame(ctx, tx, c, n); err != nil {
			return err
		}
		if err := t.only(ctx, tx, user, c); err != nil {
			return err
		}
		at := c.last()
		had, before := at.tail, at.size
		if err := t.giveUp(ctx, tx, at, start); err != nil {
			return err
		}
		if err := t.claim(ctx, tx, at.id, kept.extents); err != nil {
			return err
		}
		at.size, at.tail, at.version, at.mtime = start+kept.size(), int64(len(kept.tail)), at.version+1, t.now()
		if err := t.putTail(ctx, tx, at, had, kept); err != nil {
			return err
		}
		if err := t.update(ctx, tx, at); err != nil {
			return err
		}
		info = at.info(c.asked)
		if err := t.addUsage(ctx, tx, c, Usage{Bytes: at.size - before}); err != nil {
			return err
		}
		return t.record(ctx, tx, user, c, Written, "")
	})
	return info, err
}

// lockSame locks the file at the end of c, if it is n and has the same content still.
func (t *Tree) lockSame(ctx context.Context, tx *sql.Tx, c *chain, n *node) error {
	if !c.complete() || c.last().id != n.id {
		return errAgain
	}
	if err := t.lock(ctx, tx, c); err != nil {
		return err
	}
	if c.last().version != n.version {
		return errAgain
	}
	return nil
}

// Concat adds files to the end of another.
func (t *Tree) Concat(ctx context.Context, user User, path string, sources []string) (Info, error) {
	target, err := split(path)
	if err != nil {
		return Info{}, err
	}
	if len(sources) == 0 || len(sources) > mostConcat {
		return Info{}, bine.Errorf(bine.Invalid, "%s: 1 to %d files can be added to it at once, not %d", path, mostConcat, len(sources))
	}
	all := [][]string{target}
	seen := map[string]bool{join(target, len(target)): true}
	for _, source := range sources {
		parts, err := split(source)
		if err != nil {
			return Info{}, err
		}
		at := join(parts, len(parts))
		if seen[at] {
			return Info{}, bine.Errorf(bine.Invalid, "%s is named twice: a file is added once, and not to itself", at)
		}
		if seen[at] = true; projectOf(parts) != projectOf(target) {
			return Info{}, bine.Errorf(bine.Invalid, "%s cannot be added to %s: nothing moves from one project to another", at, path)
		}
		all = append(all, parts)
	}
	j := &joining{t: t, user: user, parts: all}
	err = again(path, func() error { return j.try(ctx) })
	return j.info, t.db.Explain(err)
}

// mostConcat is how many files are added to another at once.
const mostConcat = 1000

// joining adds files to the first one.
type joining struct {
	t      *Tree
	user   User
	parts  [][]string // as they were asked for
	at     [][]string // where those lead to
	found  []node
	kept   manner     // how the first is
	staged []*content // of each file but the last: the bytes of its tail, as a block
	info   Info
}

// try adds them as they are found; errAgain if one of them has changed meanwhile.
func (j *joining) try(ctx context.Context) (err error) {
	j.at, j.found, j.staged = nil, nil, nil
	defer func() {
		if err != nil {
			for _, c := range j.staged {
				j.t.discard(ctx, c)
			}
		}
	}()
	whole := &content{} // where all of it together is small
	total := int64(0)
	for _, parts := range j.parts {
		c, err := j.look(ctx, parts)
		if err != nil {
			return err
		}
		for i := range j.found {
			if j.found[i].id == c.last().id {
				return bine.Errorf(bine.Invalid, "%s is named twice: a file is added once, and not to itself", c.path)
			}
		}
		j.at, j.found = append(j.at, c.parts), append(j.found, *c.last())
		if len(j.found) == 1 {
			if j.kept, err = j.t.manner(ctx, j.t.reader(ctx), c); err != nil {
				return err
			}
		}
		if total += c.last().size; total > j.kept.Inline || c.last().blocked() {
			whole = nil
		}
	}
	offset := int64(0)
	for i := range j.found {
		n := &j.found[i]
		if err := j.stage(ctx, n, join(j.parts[i], len(j.parts[i])), offset, whole, i == len(j.found)-1); err != nil {
			return err
		}
		offset += n.size
	}
	return j.t.db.Write(ctx, func(tx *sql.Tx) error { return j.swap(ctx, tx, whole) })
}

// look finds a file that the user may change, and remove where it is a source.
func (j *joining) look(ctx context.Context, parts []string) (*chain, error) {
	c, err := j.t.find(ctx, j.user, join(parts, len(parts)))
	if err != nil {
		return nil, err
	}
	if c.last().dir() {
		return nil, bine.Errorf(bine.Conflict, "%s is a directory, not a file", c.path)
	}
	if err := replaceable(c, j.user, true); err != nil {
		return nil, err
	}
	if len(j.found) == 0 {
		return c, nil
	}
	if err := j.user.may(c, len(c.nodes)-1, read); err != nil {
		return nil, err
	}
	return c, j.user.may(c, len(c.parts)-1, write|pass)
}

// stage makes the tail of a file a block at its place in the whole, unless the
// whole is small itself or the tail is its end.
func (j *joining) stage(ctx context.Context, n *node, path string, offset int64, whole *content, last bool) error {
	c := j.kept.content(j.found[0].block)
	j.staged = append(j.staged, c)
	if n.tail == 0 {
		return nil
	}
	r, err := j.t.open(ctx, path, n, n.size-n.tail, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	if whole == nil && !last {
		return j.t.stageBlocks(ctx, c, offset+n.size-n.tail, r)
	}
	tail, err := io.ReadAll(r)
	if whole == nil {
		c.tail = tail
		return err
	}
	whole.tail = append(whole.tail, tail...)
	return err
}

// swap makes the blocks of all files those of the first and removes the others.
func (j *joining) swap(ctx context.Context, tx *sql.Tx, whole *content) error {
	chains := make([]*chain, len(j.parts))
	for _, i := range j.order() {
		c, err := resolve(ctx, tx, j.at[i])
		if err != nil {
			return err
		}
		if err := j.t.lockSame(ctx, tx, c, &j.found[i]); err != nil {
			return err
		}
		user := j.user
		if i > 0 { // what it says is of the first
			user.Lease = 0
		}
		if err := j.t.only(ctx, tx, user, c); err != nil {
			return err
		}
		chains[i] = c
	}
	target := chains[0].last()
	had, size := target.tail, int64(0)
	for i, c := range chains {
		n := c.last()
		if i > 0 {
			if err := j.take(ctx, tx, c, target, size); err != nil {
				return err
			}
		}
		if err := j.t.claim(ctx, tx, target.id, j.staged[i].extents); err != nil {
			return err
		}
		size += n.size
	}
	end := j.staged[len(chains)-1]
	if whole != nil {
		end.tail = whole.tail
	}
	target.size, target.tail, target.version, target.mtime = size, int64(len(end.tail)), target.version+1, j.t.now()
	if err := j.t.putTail(ctx, tx, target, had, end); err != nil {
		return err
	}
	if err := j.t.update(ctx, tx, target); err != nil {
		return err
	}
	j.info = target.info(join(j.parts[0], len(j.parts[0])))
	if err := j.count(ctx, tx, chains); err != nil {
		return err
	}
	return j.t.record(ctx, tx, j.user, chains[0], Written, "")
}

// count says what was moved into the first file: no byte more for the project,
// but maybe for a directory with limits.
func (j *joining) count(ctx context.Context, tx *sql.Tx, chains []*chain) error {
	if err := j.t.addToProject(ctx, tx, chains[0].project(), Usage{Files: -int64(len(chains) - 1)}); err != nil {
		return err
	}
	moved := int64(0)
	for i, c := range chains[1:] {
		limits, err := j.t.limitsAbove(ctx, tx, c)
		if err != nil {
			return err
		}
		size := j.found[i+1].size
		if err := j.t.addLimited(ctx, tx, limits, Usage{Bytes: -size, Files: -1}); err != nil {
			return err
		}
		moved += size
	}
	limits, err := j.t.limitsAbove(ctx, tx, chains[0])
	if err != nil {
		return err
	}
	gained := Usage{Bytes: moved}
	if err := fits(chains[0].path, belowProject(limits), gained); err != nil {
		return err
	}
	return j.t.addLimited(ctx, tx, limits, gained)
}

// belowProject leaves out the limit of the project.
func belowProject(limits []*limit) []*limit { return without(limits, nil) }

// take gives the blocks of a file to another, from offset on, and removes it.
func (j *joining) take(ctx context.Context, tx *sql.Tx, c *chain, to *node, offset int64) error {
	n := c.last()
	if n.blocked() {
		if n.flags&flagShared != 0 {
			if err := j.t.markShared(ctx, tx, to); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "UPDATE dfs_blocks SET inode_id = ?, start = start + ? WHERE inode_id = ?", to.id, offset, n.id); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_inodes WHERE parent_id = ? AND name = ?", n.parent, n.name); err != nil {
		return fmt.Errorf("remove %s: %w", c.path, err)
	}
	return j.t.record(ctx, tx, j.user, c, Removed, "")
}

// order gives the files in the order in which all who lock several do.
func (j *joining) order() []int {
	order := make([]int, len(j.found))
	for i := range order {
		order[i] = i
	}
	sortByPlace(order, j.found)
	return order
}
