package dfs

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"github.com/bine-ml/bine/dfs/block"
)

// Reclaim removes what has been in the trash for Options.Trash and uploads that
// nobody went on with for Options.Uploads, frees what removed trees and copies that
// were never completed hold and the blocks that nothing refers to since Options.Grace,
// destroys the keys of removed projects that nothing needs any more,
// ends leases whose writers are gone,
// and removes changes that are older than Options.Changes: up to about limit rows
// and blocks. It finishes counting for quotas where a crash interrupted that. It says how many those were; whoever calls it calls again until
// that is 0. It may be stopped at any moment and run by several at once.
func (t *Tree) Reclaim(ctx context.Context, limit int) (int, error) {
	done, err := t.expireTrash(ctx, min(limit, batchSize))
	if err != nil {
		return done, fmt.Errorf("empty the trash: %w", err)
	}
	n, err := t.recoverLeases(ctx, min(limit, batchSize))
	if done += n; err != nil {
		return done, fmt.Errorf("recover leases: %w", err)
	}
	n, err = t.expireUploads(ctx, min(limit, batchSize))
	if done += n; err != nil {
		return done, fmt.Errorf("remove parts of uploads: %w", err)
	}
	n, err = t.expireMultipart(ctx, min(limit, batchSize))
	if done += n; err != nil {
		return done, fmt.Errorf("remove uploads of S3 that were given up: %w", err)
	}
	n, err = t.reclaimClones(ctx, min(limit-done, batchSize))
	if done += n; err != nil {
		return done, fmt.Errorf("reclaim copies that were not completed: %w", err)
	}
	for done < limit {
		n, err := t.reclaimTree(ctx, min(limit-done, batchSize))
		done += n
		if err != nil {
			return done, fmt.Errorf("reclaim removed files: %w", err)
		}
		if n == 0 {
			break
		}
	}
	for done < limit {
		n, err := t.reclaimBlocks(ctx, min(limit-done, batchSize))
		done += n
		if err != nil {
			return done, fmt.Errorf("reclaim blocks: %w", err)
		}
		if n == 0 {
			break
		}
	}
	if done < limit {
		n, err := t.countAbandoned(ctx, min(limit-done, batchSize))
		done += n
		if err != nil {
			return done, fmt.Errorf("count what is below directories with quotas: %w", err)
		}
	}
	if done < limit {
		n, err := t.destroyKeys(ctx, min(limit-done, batchSize))
		done += n
		if err != nil {
			return done, fmt.Errorf("destroy keys of removed projects: %w", err)
		}
	}
	if done < limit {
		n, err := t.forgetChanges(ctx, min(limit-done, batchSize))
		done += n
		if err != nil {
			return done, fmt.Errorf("remove old changes: %w", err)
		}
	}
	return done, nil
}

// reclaimTree frees up to limit entries of one removed directory; directories
// in it become removed directories themselves, so that depth does not matter.
func (t *Tree) reclaimTree(ctx context.Context, limit int) (int, error) {
	done := 0
	err := t.write(ctx, "removed files", func(tx *sql.Tx) error {
		done = 0
		var dir, project int64
		var limits string
		err := tx.QueryRowContext(ctx, "SELECT inode_id, project_id, limits FROM dfs_removed ORDER BY removed_at, inode_id LIMIT 1"+t.sql.exclusive).Scan(&dir, &project, &limits)
		if err == sql.ErrNoRows {
			return nil
		}
		if err != nil {
			return err
		}
		n := node{parent: removedID, name: strconv.FormatInt(dir, 10), id: dir}
		if err := t.lockNode(ctx, tx, &n); err != nil {
			return err
		}
		children, err := t.takeChildren(ctx, tx, dir, limit)
		if err != nil {
			return err
		}
		freed, err := t.free(ctx, tx, dir, project, limits, children)
		if err != nil {
			return err
		}
		done = len(children)
		if len(children) < limit { // none is left, and none can come: the directory is locked
			done++
			freed.Directories--
			if err := t.forget(ctx, tx, &n, project); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "UPDATE dfs_usage SET bytes = bytes + ?, files = files + ?, directories = directories + ? WHERE project_id = ? AND slot = 0",
			freed.Bytes, freed.Files, freed.Directories, project)
		if err != nil {
			return err
		}
		return t.changeLimited(ctx, tx, append([]any{freed.Bytes, freed.Files, freed.Directories, 0}, namedIn(limits)...))
	})
	return done, err
}

// takeChildren locks entries of a removed directory: who found one of them before
// the removal may be moving it away at this moment.
func (t *Tree) takeChildren(ctx context.Context, tx *sql.Tx, dir int64, limit int) ([]node, error) {
	rows, err := tx.QueryContext(ctx, "SELECT name, "+allColumns+" FROM dfs_inodes WHERE parent_id = ? ORDER BY name LIMIT ?"+t.sql.exclusive, dir, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var children []node
	for rows.Next() {
		n := node{parent: dir}
		if err := rows.Scan(append([]any{&n.name}, n.all()...)...); err != nil {
			return nil, err
		}
		children = append(children, n)
	}
	return children, rows.Err()
}

// free removes the entries of a removed directory and says by how much the usage changes.
func (t *Tree) free(ctx context.Context, tx *sql.Tx, dir, project int64, limits string, children []node) (Usage, error) {
	var freed Usage
	names := []any{dir}
	for i := range children {
		n := &children[i]
		if n.dir() {
			if err := t.detach(ctx, tx, n, project, limits); err != nil {
				return freed, err
			}
			continue
		}
		if n.blocked() {
			if err := t.giveUp(ctx, tx, n, 0); err != nil {
				return freed, err
			}
		}
		names = append(names, n.name)
		freed.Bytes -= n.size
		freed.Files--
	}
	if len(names) == 1 {
		return freed, nil
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM dfs_inodes WHERE parent_id = ? AND name IN ("+marks(len(names)-1)+")", names...)
	return freed, err
}

// forget removes the row of a removed directory that is empty.
func (t *Tree) forget(ctx context.Context, tx *sql.Tx, n *node, project int64) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_inodes WHERE parent_id = ? AND name = ?", n.parent, n.name); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_removed WHERE inode_id = ?", n.id); err != nil {
		return err
	}
	if n.id != project {
		return nil
	}
	if err := t.retireKeys(ctx, tx, project); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM dfs_usage WHERE project_id = ?", project)
	return err
}

// reclaimBlocks removes up to limit blocks that have been garbage for long enough.
func (t *Tree) reclaimBlocks(ctx context.Context, limit int) (int, error) {
	since := t.now()
	var began sql.NullInt64 // of what a copy that is being made may need, nothing is removed
	if err := t.reader(ctx).QueryRowContext(ctx, "SELECT MIN(began) FROM dfs_clones").Scan(&began); err != nil {
		return 0, err
	}
	if began.Valid {
		since = min(since, began.Int64)
	}
	since -= t.o.Grace.Microseconds()
	rows, err := t.reader(ctx).QueryContext(ctx, "SELECT block_id FROM dfs_garbage WHERE since < ? ORDER BY since LIMIT ?", since, limit)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return 0, err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	return t.takeBlocks(ctx, ids, since)
}

// takeBlocks removes those of the blocks that are still garbage since then.
func (t *Tree) takeBlocks(ctx context.Context, ids []string, since int64) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	args := make([]any, 0, len(ids)+1)
	for _, id := range ids {
		args = append(args, id)
	}
	// Taken first: from here on no file can claim them, and a crash leaves them to be found again.
	var taken []string
	err := t.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE dfs_garbage SET taken = 1 WHERE block_id IN ("+marks(len(ids))+") AND since < ?", append(args, since)...); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, "SELECT block_id FROM dfs_garbage WHERE taken = 1 AND block_id IN ("+marks(len(ids))+")", args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		taken = nil
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			taken = append(taken, id)
		}
		return rows.Err()
	})
	if err != nil {
		return 0, err
	}
	for i, id := range taken {
		if err := t.blocks.Remove(ctx, block.ID(id)); err != nil {
			return i, err
		}
	}
	return len(taken), t.forgetBlocks(ctx, taken)
}

func (t *Tree) forgetBlocks(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	return t.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM dfs_garbage WHERE taken = 1 AND block_id IN ("+marks(len(ids))+")", args...)
		return err
	})
}

// removeBlocks removes blocks that were staged for nothing, at once.
func (t *Tree) removeBlocks(ctx context.Context, ids []string) (int, error) {
	removed := 0
	err := inBatches(ids, func(batch []string) error {
		n, err := t.takeBlocks(ctx, batch, t.now()+1)
		removed += n
		return err
	})
	return removed, err
}

// Scrubbed says what Scrub found.
type Scrubbed struct {
	Blocks  int        // in the store
	Removed int        // of them, because no row names them
	Missing []block.ID // named by a file, but not in the store
}

// Scrub compares the block store with the rows: it removes blocks that no row
// names and that are older than Options.Grace (there are none, unless one of
// the two was restored from a backup), and reports those that are missing.
func (t *Tree) Scrub(ctx context.Context) (Scrubbed, error) {
	var s scrub
	s.t = t
	for stat, err := range t.blocks.List(ctx) {
		if err != nil {
			return s.found, fmt.Errorf("scrub: %w", err)
		}
		s.page = append(s.page, stat)
		if len(s.page) == batchSize {
			if err := s.compare(ctx, string(stat.ID)); err != nil {
				return s.found, fmt.Errorf("scrub: %w", err)
			}
		}
	}
	if err := s.compare(ctx, "g"); err != nil { // behind every id
		return s.found, fmt.Errorf("scrub: %w", err)
	}
	return s.found, nil
}
