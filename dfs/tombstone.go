package dfs

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// A tombstone is what is left of a path that was removed, once the feed has
// forgotten the change: who removed it when, and what it was. What described
// the file (attributes, access, shares) has gone with it. Tombstones go with
// their project.

// bury makes tombstones of the removals that are about to be forgotten.
func bury(ctx context.Context, tx *sql.Tx, last int64) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO dfs_tombstones (id, project, inode_id, parent_id, dir, size, version, path, who, at)
SELECT c.id, c.project, c.inode_id, c.parent_id, c.dir, c.size, c.version, c.path, c.who, c.at FROM dfs_changes c
WHERE c.id <= ? AND c.op = ? AND EXISTS (SELECT 1 FROM dfs_inodes p WHERE p.parent_id = ? AND p.name = c.project AND p.btime <= c.at)`, last, Removed, projectsID)
	return err
}

// forgetProject removes the tombstones of a project.
func forgetProject(ctx context.Context, tx *sql.Tx, project bine.ProjectName) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM dfs_tombstones WHERE project = ?", string(project))
	return err
}

// removals gives up to limit removals of a path that is not there any more, or
// of a directory that it was in, the last first. Only who reads everything in
// the project is told.
func (t *Tree) removals(ctx context.Context, user User, path string, before int64, limit int) ([]Change, error) {
	parts, err := split(path)
	if err != nil {
		return nil, err
	}
	project := projectOf(parts)
	if project == "" || len(parts) < 3 {
		return nil, nil
	}
	c, err := t.readable(ctx, user, ProjectPath(project))
	if err != nil || !user.Super && (user.Role != bine.DataOwner || user.foreign(c)) {
		return nil, err
	}
	args := []any{string(project), before, c.last().btime}
	for n := 3; n <= len(parts); n++ {
		args = append(args, "/"+strings.Join(parts[:n], "/"))
	}
	where := "project = ? AND id < ? AND at >= ? AND path IN (?" + strings.Repeat(", ?", len(parts)-3) + ")"
	args = append(append(args, args...), limit)
	rows, err := t.reader(ctx).QueryContext(ctx, "SELECT id, inode_id, parent_id, dir, size, version, path, who, at FROM dfs_changes WHERE op = '"+string(Removed)+"' AND "+where+
		" UNION ALL SELECT id, inode_id, parent_id, dir, size, version, path, who, at FROM dfs_tombstones WHERE "+where+" ORDER BY id DESC LIMIT ?", args...)
	if err != nil {
		return nil, fmt.Errorf("read what was removed at %s: %w", path, err)
	}
	defer rows.Close()
	var list []Change
	for rows.Next() {
		c := Change{Project: project, Op: Removed}
		var at int64
		if err := rows.Scan(&c.ID, &c.Inode, &c.Parent, &c.Dir, &c.Size, &c.Version, &c.Path, &c.By, &at); err != nil {
			return nil, err
		}
		c.At = database.Time(at)
		list = append(list, c)
	}
	return list, rows.Err()
}
