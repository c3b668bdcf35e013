package dfs

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/bine-ml/bine"
)

// Remove removes what is at path.
func (t *Tree) Remove(ctx context.Context, user User, path string, o RemoveOptions) error {
	parts, err := split(path)
	if err != nil {
		return err
	}
	if len(parts) == 0 || (len(parts) == 1 && parts[0] == projectsName) {
		return bine.Errorf(bine.Forbidden, "%s cannot be removed", path)
	}
	if err := user.mayChange(parts); err != nil {
		return err
	}
	if done, err := t.removeAtOnce(ctx, user, parts); done {
		return err
	}
	return t.write(ctx, path, func(tx *sql.Tx) error {
		c, err := t.takeable(ctx, tx, user, parts)
		if err != nil {
			return err
		}
		if c.last().dir() {
			err = t.dropDir(ctx, tx, c, o.Recursive)
		} else {
			err = t.dropFile(ctx, tx, c)
		}
		if err != nil {
			return err
		}
		return t.record(ctx, tx, user, c, Removed, "")
	})
}

// dropFile removes the file at the end of c with all that hangs on it.
func (t *Tree) dropFile(ctx context.Context, tx *sql.Tx, c *chain) error {
	n := c.last()
	if err := t.lock(ctx, tx, c); err != nil {
		return err
	}
	if n.blocked() {
		if err := t.giveUp(ctx, tx, n, 0); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_inodes WHERE parent_id = ? AND name = ?", n.parent, n.name); err != nil {
		return err
	}
	return t.addUsage(ctx, tx, c, Usage{Bytes: -n.size, Files: -1})
}

// dropDir removes the directory at the end of c: one with entries goes below
// removedID as it is, where no path leads.
func (t *Tree) dropDir(ctx context.Context, tx *sql.Tx, c *chain, recursive bool) error {
	n := c.last()
	if err := t.lock(ctx, tx, c); err != nil {
		return err
	}
	if err := t.keepsSnapshots(ctx, tx, c); err != nil {
		return err
	}
	empty, err := isEmpty(ctx, tx, n.id)
	if err != nil {
		return err
	}
	if !empty && !recursive {
		return bine.Errorf(bine.Conflict, "%s is not empty: it is removed with everything in it only if that is asked for (recursive)", c.path)
	}
	var project int64
	if p := c.project(); p != nil {
		project = p.id
	}
	if !empty || n.flags&flagSnapshots != 0 {
		limits, err := t.limitsAbove(ctx, tx, c)
		if err != nil {
			return err
		}
		return t.detach(ctx, tx, n, project, listOf(limits))
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_inodes WHERE parent_id = ? AND name = ?", n.parent, n.name); err != nil {
		return err
	}
	if n.id == project {
		if err := t.retireKeys(ctx, tx, project); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM dfs_usage WHERE project_id = ?", n.id)
		return err
	}
	return t.addUsage(ctx, tx, c, Usage{Directories: -1})
}

func (t *Tree) dropEmpty(ctx context.Context, tx *sql.Tx, c *chain) error {
	return t.dropDir(ctx, tx, c, false)
}

func isEmpty(ctx context.Context, tx *sql.Tx, dir int64) (bool, error) {
	var one int64
	err := tx.QueryRowContext(ctx, "SELECT 1 FROM dfs_inodes WHERE parent_id = ? AND NOT (name = '"+snapshotsName+"' AND flags <> 0) LIMIT 1", dir).Scan(&one)
	if err == sql.ErrNoRows {
		return true, nil
	}
	return false, err
}

// detach takes a directory out of the tree, to be reclaimed. What is below it
// counts for the project, and towards the limits that are listed, until then.
// Its own limits end.
func (t *Tree) detach(ctx context.Context, tx *sql.Tx, n *node, project int64, limits string) error {
	if n.flags&flagLimits != 0 {
		if err := t.endLimits(ctx, tx, n); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE dfs_inodes SET parent_id = ?, name = ? WHERE parent_id = ? AND name = ?", removedID, strconv.FormatInt(n.id, 10), n.parent, n.name); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO dfs_removed (inode_id, project_id, removed_at, limits) VALUES (?, ?, ?, ?)", n.id, project, t.now(), limits)
	return err
}
