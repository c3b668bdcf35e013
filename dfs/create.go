package dfs

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io"

	"github.com/bine-ml/bine"
)

// Create makes a file of what r yields.
func (t *Tree) Create(ctx context.Context, user User, path string, r io.Reader, o CreateOptions) (Info, error) {
	parts, err := split(path)
	if err != nil {
		return Info{}, err
	}
	if err := checkMode(path, o.Mode|o.Unmasked); err != nil {
		return Info{}, err
	}
	if err := CheckBlockSize(o.BlockSize); err != nil {
		return Info{}, err
	}
	for _, all := range []map[string][]byte{o.Xattrs, o.AboveXattrs} {
		if err := user.checkXattrs(path, all); err != nil {
			return Info{}, err
		}
	}
	release := func() {}
	defer func() { release() }()
	staged, err := t.stage(ctx, r, o.BlockSize, func() (m manner, err error) {
		if m, err = t.precheck(ctx, user, parts, o); err == nil && o.Holder != "" && o.Overwrite && user.Lease == 0 {
			user, release, err = t.seize(ctx, user, path, o.Holder)
		}
		return m, err
	})
	if err != nil {
		return Info{}, fmt.Errorf("create %s: %w", path, err)
	}
	info, err := t.createStaged(ctx, user, parts, staged, o)
	if err != nil {
		t.discard(ctx, staged)
	}
	return info, err
}

// createStaged makes the file when all of its content is there.
func (t *Tree) createStaged(ctx context.Context, user User, parts []string, staged *content, o CreateOptions) (Info, error) {
	if o.At != nil {
		path, err := o.At()
		if err != nil {
			return Info{}, err
		}
		if parts, err = split(path); err != nil {
			return Info{}, err
		}
	}
	info, done, err := t.createAtOnce(ctx, user, parts, staged, o)
	if done {
		return info, err
	}
	var p manner
	large := false // where it goes
	err = t.write(ctx, join(parts, len(parts)), func(tx *sql.Tx) error {
		large = false
		c, err := t.walk(ctx, tx, user, parts, true)
		if err != nil {
			return err
		}
		if p, err = t.manner(ctx, tx, c); err != nil {
			return err
		}
		if int64(len(staged.tail)) > p.Inline && len(staged.extents) == 0 {
			large = true
			return nil
		}
		staged.block, staged.key = cmp.Or(staged.block, p.BlockSize), p.key
		if err := t.place(ctx, tx, user, c, staged, o); err != nil {
			return err
		}
		info = c.last().info(c.asked)
		return nil
	})
	if err != nil || !large {
		return info, err
	}
	if err := t.toBlocks(ctx, staged, p); err != nil {
		return Info{}, err
	}
	o.At = nil // parts is what it said
	return t.createStaged(ctx, user, parts, staged, o)
}

// toBlocks stages in blocks what was thought to be small, and is not where it goes.
func (t *Tree) toBlocks(ctx context.Context, staged *content, p manner) error {
	data := staged.tail
	*staged = *p.content(staged.block)
	return t.stageBlocks(ctx, staged, 0, bytes.NewReader(data))
}

// precheck fails early on what would fail after all of the content was sent, and
// says how that is kept.
func (t *Tree) precheck(ctx context.Context, user User, parts []string, o CreateOptions) (manner, error) {
	c, err := t.walk(ctx, t.reader(ctx), user, parts, true)
	if err != nil {
		return manner{}, err
	}
	if err := t.precheckAt(ctx, user, c, o); err != nil {
		return manner{}, err
	}
	return t.manner(ctx, t.reader(ctx), c)
}

func (t *Tree) precheckAt(ctx context.Context, user User, c *chain, o CreateOptions) error {
	if o.At != nil { // its own path is not known yet
		return t.checkQuota(ctx, t.reader(ctx), c, Usage{Bytes: t.o.Inline + 1, Files: 1})
	}
	if err := t.reaches(ctx, t.reader(ctx), user, c, len(c.parts)); err != nil {
		return err
	}
	if c.complete() {
		if err := replaceable(c, user, o.Overwrite); err != nil {
			return err
		}
		return t.checkQuota(ctx, t.reader(ctx), c, Usage{Bytes: t.o.Inline + 1 - c.last().size})
	}
	if !c.last().dir() {
		return notDirectory(c.found())
	}
	if len(c.nodes) < len(c.parts) && !o.Parents {
		return bine.Errorf(bine.NotFound, "%s: there is no directory %s", c.path, join(c.parts, len(c.nodes)))
	}
	if err := user.mayChange(c.parts); err != nil {
		return err
	}
	if err := user.may(c, len(c.nodes)-1, write|pass); err != nil {
		return err
	}
	return t.checkQuota(ctx, t.reader(ctx), c, Usage{Bytes: t.o.Inline + 1, Files: 1})
}

// replaceable fails if what c leads to may not get another content.
func replaceable(c *chain, user User, overwrite bool) error {
	if c.last().dir() || c.last().link() || !overwrite { // a link is followed before, or has no content
		return exists(c)
	}
	if err := user.mayChange(c.parts); err != nil {
		return err
	}
	return user.may(c, len(c.nodes)-1, write)
}

// place puts staged content at a path.
func (t *Tree) place(ctx context.Context, tx *sql.Tx, user User, c *chain, staged *content, o CreateOptions) error {
	if err := t.reaches(ctx, tx, user, c, len(c.parts)); err != nil {
		return err
	}
	if c.complete() {
		if err := replaceable(c, user, o.Overwrite); err != nil {
			return err
		}
		if err := t.replace(ctx, tx, user, c, staged, o); err != nil {
			return err
		}
		return t.record(ctx, tx, user, c, Written, "")
	}
	if user.Lease != 0 { // the file that it was of is gone
		return fenced(c.asked)
	}
	if err := t.makeAbove(ctx, tx, user, c, o.Parents, o.AboveXattrs); err != nil {
		return err
	}
	if err := t.addFile(ctx, tx, user, c, staged, o); err != nil {
		return err
	}
	if err := t.putXattrs(ctx, tx, c.last().id, o.Xattrs); err != nil {
		return err
	}
	return t.record(ctx, tx, user, c, Created, "")
}

// addFile adds the last component of c as a file.
func (t *Tree) addFile(ctx context.Context, tx *sql.Tx, user User, c *chain, staged *content, o CreateOptions) error {
	n, err := t.newNode(ctx, tx, user, c)
	if err != nil {
		return err
	}
	if err := t.checkQuota(ctx, tx, c, Usage{Bytes: staged.size(), Files: 1}); err != nil {
		return err
	}
	n.become(c.last(), staged, o.Mode)
	list := staged.list
	if staged.from != nil {
		n.mark(list)
	} else {
		list = c.inherit(n, cmp.Or(o.Unmasked, o.Mode))
	}
	if err := t.insert(ctx, tx, n); err != nil {
		return err
	}
	if err := t.putACL(ctx, tx, n.id, list, false); err != nil {
		return err
	}
	if err := t.fill(ctx, tx, n, 0, staged); err != nil {
		return err
	}
	c.nodes = append(c.nodes, *n)
	return t.addUsage(ctx, tx, c, Usage{Bytes: n.size, Files: 1})
}

// become makes a file of n, in the directory dir.
func (n *node) become(dir *node, staged *content, mode uint32) {
	n.mode = typeFile | dir.mode&0o666
	if mode != 0 {
		n.mode = typeFile | int64(mode)
	}
	if from := staged.from; from != nil {
		n.mode, n.mtime, n.atime = from.mode, from.mtime, from.atime
		if from.blocked() {
			n.flags = flagShared
		}
	}
	n.size, n.tail, n.block = staged.size(), staged.inDatabase(), staged.block
}

// replace gives the file that c leads to another content.
func (t *Tree) replace(ctx context.Context, tx *sql.Tx, user User, c *chain, staged *content, o CreateOptions) error {
	n := c.last()
	if err := t.lock(ctx, tx, c); err != nil {
		return err
	}
	if err := t.overwrites(ctx, tx, user, c); err != nil {
		return err
	}
	more := staged.size() - n.size
	if err := t.checkQuota(ctx, tx, c, Usage{Bytes: more}); err != nil {
		return err
	}
	if n.blocked() {
		if err := t.giveUp(ctx, tx, n, 0); err != nil {
			return err
		}
	}
	had := n.tail
	n.size, n.tail, n.version, n.mtime, n.block = staged.size(), staged.inDatabase(), n.version+1, t.now(), staged.block
	if err := t.fill(ctx, tx, n, had, staged); err != nil {
		return err
	}
	if err := t.putXattrs(ctx, tx, n.id, o.Xattrs); err != nil {
		return err
	}
	if err := t.update(ctx, tx, n); err != nil {
		return err
	}
	return t.addUsage(ctx, tx, c, Usage{Bytes: more})
}

// update writes what changes with the content.
func (t *Tree) update(ctx context.Context, tx *sql.Tx, n *node) error {
	_, err := tx.ExecContext(ctx, "UPDATE dfs_inodes SET size = ?, tail = ?, version = ?, mtime = ?, block_size = ? WHERE parent_id = ? AND name = ?", n.size, n.tail, n.version, n.mtime, n.block, n.parent, n.name)
	return err
}

// fill gives a file whose blocks were given up the content that was staged.
func (t *Tree) fill(ctx context.Context, tx *sql.Tx, n *node, had int64, staged *content) error {
	if err := t.putTail(ctx, tx, n, had, staged); err != nil {
		return err
	}
	if from := staged.from; from != nil {
		n.mtime = from.mtime
		if from.blocked() {
			if err := t.markShared(ctx, tx, n); err != nil {
				return err
			}
		}
		return t.shareOne(ctx, tx, n, staged)
	}
	return t.claim(ctx, tx, n.id, staged.extents)
}

// putTail replaces the bytes of a file that lie in the database, which were had.
func (t *Tree) putTail(ctx context.Context, tx *sql.Tx, n *node, had int64, staged *content) error {
	if len(staged.tail) > 0 {
		return t.putSmall(ctx, tx, n, staged.tail, staged.key)
	}
	if had == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM dfs_small WHERE inode_id = ?", n.id)
	return err
}

// putSmall writes what lies in the database, sealed with a key unless that is 0.
func (t *Tree) putSmall(ctx context.Context, tx *sql.Tx, n *node, data []byte, key int64) error {
	data, err := t.sealSmall(ctx, tx, data, key)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, insertSmall.plain+t.sql.setSmall, n.id, n.version, data)
	return err
}
