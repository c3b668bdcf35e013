package dfs

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
)

// mostClonedBlocks bounds the blocks that are shared in one transaction, about.
const mostClonedBlocks = 5000

// copyOf prepares the copy of an inode.
func (c *cloning) copyOf(n *node) node {
	to := *n
	to.id, to.flags, to.quota = c.t.ids.next(), n.flags&(hasACL|aclNumber), 0
	if n.blocked() {
		to.flags |= flagShared
	}
	if !c.keep {
		to.owner, to.group, to.btime = c.user.owner(), c.to.last().group, c.t.now()
	}
	return to
}

// add puts an inode into the batch.
func (c *cloning) add(n, into *node) (*pair, error) {
	p := &pair{from: *n, to: c.copyOf(n), into: into}
	c.batch = append(c.batch, p)
	if n.blocked() {
		c.blocks += 1 + n.size/c.t.o.BlockSize
	}
	if len(c.batch) < cloneBatch && c.blocks < mostClonedBlocks {
		return p, nil
	}
	return p, c.flush()
}

// flush writes the batch.
func (c *cloning) flush() error {
	if len(c.batch) == 0 {
		return nil
	}
	var sum Usage
	for _, p := range c.batch {
		if sum.Bytes += p.from.size; p.from.dir() {
			sum.Directories++
		} else {
			sum.Files++
		}
	}
	hung, err := c.hanging(c.batch)
	if err != nil {
		return err
	}
	err = c.t.write(c.ctx, c.to.path, func(tx *sql.Tx) error {
		if err := c.step(tx); err != nil {
			return err
		}
		if err := c.write(tx, hung); err != nil {
			return err
		}
		return c.t.addToProject(c.ctx, tx, c.to.project(), sum)
	})
	if err != nil {
		return err
	}
	c.batch, c.blocks = c.batch[:0], 0
	c.done = Usage{Bytes: c.done.Bytes + sum.Bytes, Files: c.done.Files + sum.Files, Directories: c.done.Directories + sum.Directories}
	if c.told != nil {
		c.told(c.done, c.all)
	}
	return nil
}

// step says that the copy goes on, if nobody has given it up.
func (c *cloning) step(tx *sql.Tx) error {
	if err := c.holdProject(tx); err != nil {
		return err
	}
	result, err := tx.ExecContext(c.ctx, "UPDATE dfs_clones SET seen = ? WHERE inode_id = ?", c.t.now(), c.root.id)
	if err != nil {
		return err
	}
	return c.still(result)
}

func (c *cloning) still(result sql.Result) error {
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return bine.Errorf(bine.Unavailable, "%s: the copy stood still for so long that it was given up: try again", c.to.path)
	}
	return nil
}

// write writes the inodes of the batch with all that hangs on them.
func (c *cloning) write(tx *sql.Tx, hung *hanging) error {
	if err := c.insert(tx); err != nil {
		return err
	}
	var small, blocked []*pair
	for _, p := range c.batch {
		if p.from.tail > 0 {
			small = append(small, p)
		}
		if p.from.blocked() {
			blocked = append(blocked, p)
		}
	}
	if err := c.copySmall(tx, small); err != nil {
		return err
	}
	changed, err := c.t.shareBlocks(c.ctx, tx, blocked)
	if err != nil {
		return err
	}
	for _, p := range changed {
		extents, err := extentsOf(c.ctx, c.view, p.from.id, 0, p.from.size)
		if err != nil {
			return err
		}
		if err := c.t.holdAgain(c.ctx, tx, p.to.id, extents); err != nil {
			return err
		}
	}
	return c.hang(tx, c.batch, hung)
}

// insert writes the rows of the inodes. An id that another process has made as
// well is errAgain, with others.
func (c *cloning) insert(tx *sql.Tx) error {
	const row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	values := make([]any, 0, 16*len(c.batch))
	for _, p := range c.batch {
		n := &p.to
		n.parent = p.into.id
		values = append(values, n.parent, n.name, n.id, n.mode, n.owner, n.group, n.size, n.tail, n.version, n.mtime, n.atime, n.btime, n.quota, n.flags, n.block, c.origin(&p.from))
	}
	_, err := tx.ExecContext(c.ctx, "INSERT INTO dfs_inodes (parent_id, name, id, mode, owner, grp, size, tail, version, mtime, atime, btime, quota, flags, block_size, origin) VALUES "+rowsOf(row, len(c.batch)), values...)
	if err != nil && c.t.db.IsDuplicate(err) {
		for _, p := range c.batch {
			p.to.id = c.t.ids.next()
		}
		return errAgain
	}
	return err
}

// origin is what is kept of where a copy comes from.
func (c *cloning) origin(n *node) any {
	if !c.keep {
		return nil
	}
	return n.id
}

// copySmall copies what lies in the database, within it as far as it has not
// changed since the view.
func (c *cloning) copySmall(tx *sql.Tx, pairs []*pair) error {
	if len(pairs) == 0 {
		return nil
	}
	if c.anew {
		for _, p := range pairs {
			data, err := c.t.smallOf(c.ctx, c.view, &p.from)
			if err != nil {
				return err
			}
			if err := c.t.putSmall(c.ctx, tx, &p.to, data, c.key); err != nil {
				return err
			}
		}
		return nil
	}
	choice, from := copied(pairs)
	if _, err := tx.ExecContext(c.ctx, "INSERT INTO dfs_small (inode_id, version, data) SELECT "+choice.expression+", version, data FROM dfs_small WHERE inode_id IN ("+marks(len(from))+")", append(choice.args, from...)...); err != nil {
		return err
	}
	ids := make([]int64, len(pairs))
	for i, p := range pairs {
		ids[i] = p.to.id
	}
	others, err := columnOf[int64](tx.QueryContext(c.ctx, "SELECT i.id FROM dfs_inodes i LEFT JOIN dfs_small s ON s.inode_id = i.id WHERE i.id IN ("+marks(len(ids))+") AND (s.version IS NULL OR s.version <> i.version)", args(ids)...))
	if err != nil || len(others) == 0 {
		return err
	}
	for _, p := range pairs {
		if !slices.Contains(others, p.to.id) {
			continue
		}
		var data []byte
		if err := c.view.QueryRowContext(c.ctx, "SELECT data FROM dfs_small WHERE inode_id = ?", p.from.id).Scan(&data); err != nil {
			return err
		}
		if err := c.t.putSmall(c.ctx, tx, &p.to, data, 0); err != nil {
			return err
		}
	}
	return nil
}

// moveTo puts the complete copy into the last directory of b.
func (c *cloning) moveTo(tx *sql.Tx, b *chain, name string) (*node, error) {
	if err := c.t.hold(c.ctx, tx, b, len(b.nodes)); err != nil {
		return nil, err
	}
	result, err := tx.ExecContext(c.ctx, "DELETE FROM dfs_clones WHERE inode_id = ?", c.root.id)
	if err != nil {
		return nil, err
	}
	if err := c.still(result); err != nil {
		return nil, err
	}
	n := c.root
	if err := c.t.lockNode(c.ctx, tx, &n); err != nil {
		return nil, err
	}
	if err := c.t.moveLimited(c.ctx, tx, &chain{}, b, &n); err != nil {
		return nil, err
	}
	dir := b.last().id
	if err := c.t.put(c.ctx, tx, &n, dir, name); err != nil {
		return nil, err
	}
	n.parent, n.name = dir, name
	return &n, nil
}

// giveUp leaves what was copied to Reclaim.
func (c *cloning) giveUp() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), 10*time.Second)
	defer cancel()
	_ = c.t.abandon(ctx, c.root.id, c.t.now()+1) // or Reclaim finds it later
}

// abandon makes a copy to which nothing was added since then a removed directory.
func (t *Tree) abandon(ctx context.Context, root, since int64) error {
	return t.write(ctx, "a copy", func(tx *sql.Tx) error {
		var project int64
		err := tx.QueryRowContext(ctx, "SELECT project_id FROM dfs_clones WHERE inode_id = ? AND seen < ?"+t.sql.exclusive, root, since).Scan(&project)
		if err == sql.ErrNoRows {
			return nil // it is complete, or somebody was faster
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_clones WHERE inode_id = ?", root); err != nil {
			return err
		}
		n := node{parent: stagedID, name: strconv.FormatInt(root, 10), id: root}
		if err := t.lockNode(ctx, tx, &n); err != nil {
			return err
		}
		return t.detach(ctx, tx, &n, project, "")
	})
}

// reclaimClones gives up to limit copies up whose makers are gone.
func (t *Tree) reclaimClones(ctx context.Context, limit int) (int, error) {
	since := t.now() - abandonedAfter.Microseconds()
	roots, err := columnOf[int64](t.reader(ctx).QueryContext(ctx, "SELECT inode_id FROM dfs_clones WHERE seen < ? ORDER BY seen LIMIT ?", since, limit))
	if err != nil {
		return 0, err
	}
	for i, root := range roots {
		if err := t.abandon(ctx, root, since); err != nil {
			return i, err
		}
	}
	return len(roots), nil
}
