package dfs

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// flagShared is the bit of node.flags of a file whose blocks may be of other
// files, too. It stays when it is no longer so.
const flagShared = 8

// giveUp makes the blocks of a file, which is locked, from an offset on garbage.
func (t *Tree) giveUp(ctx context.Context, tx *sql.Tx, n *node, from int64) error {
	if n.flags&flagShared != 0 {
		return t.giveUpShared(ctx, tx, n.id, from)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO dfs_garbage (block_id, since, taken) SELECT block_id, ?, 0 FROM dfs_blocks WHERE inode_id = ? AND start >= ?", t.now(), n.id, from); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM dfs_blocks WHERE inode_id = ? AND start >= ?", n.id, from)
	return err
}

// giveUpShared is giveUp for a file whose blocks may be of others: those that no
// other has become garbage. Who takes a block from its last two files at once is
// made to wait by the block's row in dfs_shared_blocks, and then sees what the
// other left. Nobody adds a file without a lock on one that has the block.
func (t *Tree) giveUpShared(ctx context.Context, tx *sql.Tx, inode, from int64) error {
	ids, err := columnOf[string](tx.QueryContext(ctx, "SELECT DISTINCT block_id FROM dfs_blocks WHERE inode_id = ? AND start >= ? ORDER BY block_id", inode, from))
	if err != nil {
		return err
	}
	err = inBatches(ids, func(batch []string) error {
		_, err := columnOf[string](tx.QueryContext(ctx, "SELECT block_id FROM dfs_shared_blocks WHERE block_id IN ("+marks(len(batch))+") ORDER BY block_id"+t.sql.exclusive, args(batch)...))
		return err
	})
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_blocks WHERE inode_id = ? AND start >= ?", inode, from); err != nil {
		return err
	}
	return inBatches(ids, func(batch []string) error { return t.dropUnheld(ctx, tx, batch) })
}

// dropUnheld makes those of the blocks garbage that no file has any more.
func (t *Tree) dropUnheld(ctx context.Context, tx *sql.Tx, ids []string) error {
	held, err := columnOf[string](tx.QueryContext(ctx, "SELECT DISTINCT block_id FROM dfs_blocks WHERE block_id IN ("+marks(len(ids))+")", args(ids)...))
	if err != nil {
		return err
	}
	unheld := except(ids, held)
	if len(unheld) == 0 {
		return nil
	}
	var values []any
	for _, id := range unheld {
		values = append(values, id, t.now())
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO dfs_garbage (block_id, since, taken) VALUES "+rowsOf("(?, ?, 0)", len(unheld)), values...); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM dfs_shared_blocks WHERE block_id IN ("+marks(len(unheld))+")", args(unheld)...)
	return err
}

// shareBlocks makes the blocks of files also those of their copies. A file that
// is no longer as it was found is in the answer: nothing was done for it.
func (t *Tree) shareBlocks(ctx context.Context, tx *sql.Tx, pairs []*pair) (changed []*pair, err error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	ids := make([]int64, len(pairs))
	for i := range pairs {
		ids[i] = pairs[i].from.id
	}
	now, err := t.lockSources(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	var same []*pair
	for _, p := range pairs {
		if n, there := now[p.from.id]; there && n == p.from.version {
			same = append(same, p)
		} else {
			changed = append(changed, p)
		}
	}
	if len(same) == 0 {
		return changed, nil
	}
	choice, from := copied(same)
	where := " FROM dfs_blocks WHERE inode_id IN (" + marks(len(from)) + ")"
	if _, err := tx.ExecContext(ctx, t.sql.ignoring+" INTO dfs_shared_blocks (block_id) SELECT DISTINCT block_id"+where+" ORDER BY block_id", from...); err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO dfs_blocks (inode_id, start, size, block_id, sums) SELECT "+choice.expression+", start, size, block_id, sums"+where, append(choice.args, from...)...)
	return changed, err
}

// lockSources locks files wherever they are, and says of each that is there that
// others may have its blocks. It gives their versions.
func (t *Tree) lockSources(ctx context.Context, tx *sql.Tx, ids []int64) (map[int64]int64, error) {
	rows, err := tx.QueryContext(ctx, "SELECT id, version, flags FROM dfs_inodes WHERE id IN ("+marks(len(ids))+") ORDER BY id"+t.sql.exclusive, args(ids)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	versions := map[int64]int64{}
	var alone []int64
	for rows.Next() {
		var id, version, flags int64
		if err := rows.Scan(&id, &version, &flags); err != nil {
			return nil, err
		}
		if versions[id] = version; flags&flagShared == 0 {
			alone = append(alone, id)
		}
	}
	if err := rows.Err(); err != nil || len(alone) == 0 {
		return versions, err
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf("UPDATE dfs_inodes SET flags = flags | %d WHERE id IN (%s)", flagShared, marks(len(alone))), args(alone)...)
	return versions, err
}

// holdAgain makes blocks those of a file that some other had: they have gone to
// another, or are garbage that is kept for as long as a copy is made.
func (t *Tree) holdAgain(ctx context.Context, tx *sql.Tx, inode int64, extents []extent) error {
	return inBatches(extents, func(batch []extent) error {
		var ids []string
		for _, e := range batch {
			ids = append(ids, string(e.id))
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		held, err := t.lockHolders(ctx, tx, ids)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, t.sql.ignoring+" INTO dfs_shared_blocks (block_id) VALUES "+rowsOf("(?)", len(ids)), args(ids)...); err != nil {
			return err
		}
		if err := t.takeGarbage(ctx, tx, except(ids, held)); err != nil {
			return err
		}
		return putExtents(ctx, tx, inode, batch)
	})
}

// lockHolders locks files that have some of the blocks, and says which these are.
func (t *Tree) lockHolders(ctx context.Context, tx *sql.Tx, ids []string) ([]string, error) {
	some := "block_id IN (" + marks(len(ids)) + ")"
	holders, err := columnOf[int64](tx.QueryContext(ctx, "SELECT DISTINCT inode_id FROM dfs_blocks WHERE "+some+" ORDER BY inode_id LIMIT 1000", args(ids)...))
	if err != nil || len(holders) == 0 {
		return nil, err
	}
	if _, err := t.lockSources(ctx, tx, holders); err != nil {
		return nil, err
	}
	return columnOf[string](tx.QueryContext(ctx, "SELECT DISTINCT block_id FROM dfs_blocks WHERE "+some+" AND inode_id IN ("+marks(len(holders))+")", append(args(ids), args(holders)...)...))
}

// takeGarbage takes blocks out of the garbage, or answers errAgain where one is
// not there: then a file has taken it meanwhile.
func (t *Tree) takeGarbage(ctx context.Context, tx *sql.Tx, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	result, err := tx.ExecContext(ctx, "DELETE FROM dfs_garbage WHERE taken = 0 AND block_id IN ("+marks(len(ids))+")", args(ids)...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != int64(len(ids)) {
		return errAgain
	}
	return nil
}

// choice is an expression that gives the copy of the inode in the column inode_id.
type choice struct {
	expression string
	args       []any
}

// copied gives a choice for pairs, and the ids of what is copied.
func copied(pairs []*pair) (choice, []any) {
	c, from := choice{expression: "CASE inode_id"}, make([]any, len(pairs))
	for i := range pairs {
		c.expression += " WHEN ? THEN ?"
		c.args = append(c.args, pairs[i].from.id, pairs[i].to.id)
		from[i] = pairs[i].from.id
	}
	c.expression += " END"
	return c, from
}

// markShared notes on a file, which is locked, that others may have its blocks.
func (t *Tree) markShared(ctx context.Context, tx *sql.Tx, n *node) error {
	if n.flags&flagShared != 0 {
		return nil
	}
	n.flags |= flagShared
	_, err := tx.ExecContext(ctx, "UPDATE dfs_inodes SET flags = ? WHERE parent_id = ? AND name = ?", n.flags, n.parent, n.name)
	return err
}

// shareOne makes the content of a file also that of another, which has none.
func (t *Tree) shareOne(ctx context.Context, tx *sql.Tx, to *node, staged *content) error {
	from := staged.from
	if from.tail > 0 && staged.anew {
		data, err := t.smallOf(ctx, tx, from)
		if err != nil {
			return err
		}
		if err := t.putSmall(ctx, tx, to, data, staged.key); err != nil {
			return err
		}
	} else if from.tail > 0 {
		result, err := tx.ExecContext(ctx, "INSERT INTO dfs_small (inode_id, version, data) SELECT ?, ?, data FROM dfs_small WHERE inode_id = ? AND version = ?", to.id, to.version, from.id, from.version)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errAgain
		}
	}
	if !from.blocked() {
		return nil
	}
	changed, err := t.shareBlocks(ctx, tx, []*pair{{from: *from, to: *to}})
	if err == nil && len(changed) > 0 {
		return errAgain
	}
	return err
}

// columnOf gives the only column of a query.
func columnOf[T any](rows *sql.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// args gives values as those of a statement.
func args[T any](values []T) []any {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return list
}

// except gives what of all is not among some.
func except[T comparable](all, some []T) (rest []T) {
	for _, v := range all {
		if !slices.Contains(some, v) {
			rest = append(rest, v)
		}
	}
	return rest
}

// rowsOf repeats the row of an INSERT.
func rowsOf(row string, n int) string { return strings.Repeat(row+", ", n-1) + row }
