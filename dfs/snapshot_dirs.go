package dfs

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
)

// AllowSnapshots says that snapshots of a directory may be made.
func (t *Tree) AllowSnapshots(ctx context.Context, user User, dir string) error {
	return t.allowing(ctx, user, dir, func(tx *sql.Tx, c *chain) error {
		n, project := c.last(), c.project()
		if n.snapshottable() {
			return nil
		}
		if project.flags&flagSnapshots == 0 { // before what is below it
			if err := t.lockNode(ctx, tx, project); err != nil {
				return err
			}
			if err := t.setSnapshots(ctx, tx, project, true); err != nil {
				return err
			}
		}
		if err := t.lock(ctx, tx, c); err != nil {
			return err
		}
		if err := t.setSnapshots(ctx, tx, n, true); err != nil {
			return err
		}
		holder, err := resolve(ctx, tx, append(slices.Clip(c.parts), snapshotsName))
		if err != nil {
			return err
		}
		if holder.complete() {
			return bine.Errorf(bine.Conflict, "%s is there: as long as something else has this name, no snapshots can be made", holder.path)
		}
		entry := t.nodeIn(Platform(), n, snapshotsName)
		entry.mode, entry.flags = typeDir|0o555, flagSnapshots
		if err := t.insert(ctx, tx, &entry); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO dfs_snapshot_dirs (inode_id, project_id) VALUES (?, ?)", n.id, project.id); err != nil {
			return err
		}
		return t.addUsage(ctx, tx, holder, Usage{Directories: 1})
	})
}

// DisallowSnapshots takes back that snapshots of a directory may be made.
func (t *Tree) DisallowSnapshots(ctx context.Context, user User, dir string) error {
	return t.allowing(ctx, user, dir, func(tx *sql.Tx, c *chain) error {
		if !c.last().snapshottable() {
			return nil
		}
		if err := t.lock(ctx, tx, c); err != nil {
			return err
		}
		n := c.last()
		if err := t.refuse(ctx, tx, c, []int64{n.id}, "be closed to snapshots"); err != nil {
			return err
		}
		if err := t.setSnapshots(ctx, tx, n, false); err != nil {
			return err
		}
		holder, err := resolve(ctx, tx, append(slices.Clip(c.parts), snapshotsName))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_inodes WHERE parent_id = ? AND name = ?", n.id, snapshotsName); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_snapshot_dirs WHERE inode_id = ?", n.id); err != nil {
			return err
		}
		return t.addUsage(ctx, tx, holder, Usage{Directories: -1})
	})
}

// allowing runs f on a directory for which a Data Owner says whether snapshots may be made.
func (t *Tree) allowing(ctx context.Context, user User, dir string, f func(tx *sql.Tx, c *chain) error) error {
	parts, err := split(dir)
	if err != nil {
		return err
	}
	if err := user.mayChange(parts); err != nil {
		return err
	}
	if projectOf(parts) == "" || len(parts) < 3 || strings.HasPrefix(parts[2], ".") {
		return bine.Errorf(bine.Invalid, "%s: snapshots are made of directories of a project: name one below its own", dir)
	}
	return t.write(ctx, dir, func(tx *sql.Tx) error {
		c, err := t.walk(ctx, tx, user, parts, true)
		if err != nil {
			return err
		}
		if err := t.reaches(ctx, tx, user, c, len(c.parts)); err != nil {
			return err
		}
		if err := user.mayChange(c.parts); err != nil {
			return err
		}
		if !c.complete() {
			return notFound(c.path)
		}
		if !c.last().dir() {
			return notDirectory(c.path)
		}
		if user.foreign(c) || !user.unbound() {
			return bine.Errorf(bine.Forbidden, "%s: whether snapshots may be made of it Data Owners of its project say", c.path)
		}
		return f(tx, c)
	})
}

func (t *Tree) setSnapshots(ctx context.Context, tx *sql.Tx, n *node, may bool) error {
	n.flags &^= flagSnapshots
	if may {
		n.flags |= flagSnapshots
	}
	_, err := tx.ExecContext(ctx, "UPDATE dfs_inodes SET flags = ? WHERE parent_id = ? AND name = ?", n.flags, n.parent, n.name)
	return err
}

// keepsSnapshots fails if the directory at the end of c, which is locked, or one
// below it has snapshots. With a project they go, whoever has some.
func (t *Tree) keepsSnapshots(ctx context.Context, tx *sql.Tx, c *chain) error {
	project := c.project()
	if project == nil || project.flags&flagSnapshots == 0 || !c.last().dir() || c.last().id == project.id {
		return nil
	}
	dirs, err := columnOf[int64](tx.QueryContext(ctx, "SELECT d.inode_id FROM dfs_snapshot_dirs d WHERE d.project_id = ? AND EXISTS (SELECT 1 FROM dfs_snapshots s WHERE s.dir_id = d.inode_id)", project.id))
	if err != nil {
		return err
	}
	var below []int64
	for _, dir := range dirs {
		for at := dir; at > projectsID && at != project.id; {
			if at == c.last().id {
				below = append(below, dir)
				break
			}
			if err := tx.QueryRowContext(ctx, "SELECT parent_id FROM dfs_inodes WHERE id = ?", at).Scan(&at); err != nil {
				return moved(err)
			}
			if at == removedID {
				break
			}
		}
	}
	return t.refuse(ctx, tx, c, below, "be removed")
}

// refuse fails if one of the directories has snapshots, and names some of them.
func (t *Tree) refuse(ctx context.Context, tx *sql.Tx, c *chain, dirs []int64, what string) error {
	if len(dirs) == 0 {
		return nil
	}
	names, err := columnOf[string](tx.QueryContext(ctx, "SELECT i.name FROM dfs_snapshots s JOIN dfs_inodes i ON i.id = s.inode_id WHERE s.dir_id IN ("+marks(len(dirs))+") ORDER BY s.at LIMIT 4", args(dirs)...))
	if err != nil || len(names) == 0 {
		return err
	}
	if len(names) == 4 {
		names[3] = "more"
	}
	return bine.Errorf(bine.Conflict, "%s cannot %s: there are snapshots of it or of a directory in it (%s), which have to be deleted first", c.path, what, strings.Join(names, ", "))
}

// SnapshotDirs gives the directories of the user's project of which snapshots may be made.
func (t *Tree) SnapshotDirs(ctx context.Context, user User) ([]SnapshotDir, error) {
	project, err := t.Stat(ctx, user, ProjectPath(user.Project))
	if err != nil {
		return nil, err
	}
	ids, err := columnOf[int64](t.reader(ctx).QueryContext(ctx, "SELECT inode_id FROM dfs_snapshot_dirs WHERE project_id = ?", project.ID))
	if err != nil {
		return nil, t.db.Explain(err)
	}
	list := []SnapshotDir{}
	for _, id := range ids {
		path, err := t.Where(ctx, id)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(path, project.Path+"/") {
			continue // it was removed
		}
		d := SnapshotDir{}
		if d.Info, err = t.Stat(ctx, user, path); bine.IsKind(err, bine.NotFound) || bine.IsKind(err, bine.Forbidden) {
			continue
		} else if err != nil {
			return nil, err
		}
		if err := t.reader(ctx).QueryRowContext(ctx, "SELECT COUNT(*) FROM dfs_snapshots WHERE dir_id = ?", id).Scan(&d.Snapshots); err != nil {
			return nil, t.db.Explain(err)
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b SnapshotDir) int { return strings.Compare(a.Path, b.Path) })
	return list, nil
}
