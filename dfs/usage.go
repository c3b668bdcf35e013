package dfs

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// usageSlots is over how many rows the usage of a project is spread.
const usageSlots = 16

// addUsage counts a change of what is below the directories of c: for its
// project, if there is one, and for those with limits.
func (t *Tree) addUsage(ctx context.Context, tx *sql.Tx, c *chain, u Usage) error {
	if err := t.addToProject(ctx, tx, c.project(), u); err != nil {
		return err
	}
	if u == (Usage{}) {
		return nil
	}
	limits, err := t.limitsAbove(ctx, tx, c)
	if err != nil {
		return err
	}
	return t.addLimited(ctx, tx, limits, u)
}

// addToProject counts a change of what is below a project; nil is none.
func (t *Tree) addToProject(ctx context.Context, tx *sql.Tx, project *node, u Usage) error {
	if project == nil || u == (Usage{}) {
		return nil
	}
	_, err := tx.ExecContext(ctx, t.sql.insertUsage.plain, usageRow(project.id, u)...)
	return err
}

// usageRow is what insertUsage inserts, in a slot at random.
func usageRow(project int64, u Usage) []any {
	return []any{project, rand.IntN(usageSlots), u.Bytes, u.Files, u.Directories}
}

// used is what counts towards the quota of a project.
func used(ctx context.Context, q querier, project int64) (Usage, error) {
	var u Usage
	err := q.QueryRowContext(ctx, "SELECT COALESCE(SUM(bytes), 0), COALESCE(SUM(files), 0), COALESCE(SUM(directories), 0) FROM dfs_usage WHERE project_id = ?", project).
		Scan(&u.Bytes, &u.Files, &u.Directories)
	return u, err
}

// querier is what one row can be asked of.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// checkQuota fails if more does not fit into the project of c, or below one of
// its directories with limits. Each counts what is committed and what it writes
// itself: of writers at the same moment each may find that there is room, and
// together they exceed a quota by what all but one of them write then.
func (t *Tree) checkQuota(ctx context.Context, q database.Reader, c *chain, more Usage) error {
	limits, err := t.limitsAbove(ctx, q, c)
	if err != nil {
		return err
	}
	if err := fits(c.path, limits, more); err != nil {
		return err
	}
	project := c.project()
	if project == nil || project.quota == 0 || more.Bytes <= 0 {
		return nil
	}
	have, err := used(ctx, q, project.id)
	if err != nil {
		return err
	}
	if have.Bytes+more.Bytes > project.quota {
		return bine.Errorf(bine.NoQuota, "%s: %d bytes more do not fit: project %s has a quota of %d bytes and uses %d", c.path, more.Bytes, project.name, project.quota, have.Bytes)
	}
	return nil
}

const countBelow = `WITH RECURSIVE below (id, mode, size) AS (
SELECT id, mode, size FROM dfs_inodes WHERE parent_id = ?
UNION ALL SELECT i.id, i.mode, i.size FROM below JOIN dfs_inodes i ON i.parent_id = below.id WHERE below.mode >= 16384 AND below.mode < 20480)
SELECT COALESCE(SUM(size), 0), COALESCE(SUM(CASE WHEN mode >= 16384 AND mode < 20480 THEN 0 ELSE 1 END), 0),
COALESCE(SUM(CASE WHEN mode >= 16384 AND mode < 20480 THEN 1 ELSE 0 END), 0) FROM below`

// Usage sums up what is below path.
func (t *Tree) Usage(ctx context.Context, user User, path string) (Usage, error) {
	c, err := t.find(ctx, user, path)
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	n := c.last()
	switch {
	case !n.dir():
		u = Usage{Bytes: n.size, Files: 1}
	case n == c.project():
		u, err = used(ctx, t.reader(ctx), n.id)
	default:
		if err := user.may(c, len(c.nodes)-1, read|pass); err != nil {
			return Usage{}, err
		}
		if n.id == rootID || n.id == projectsID {
			if !user.Super {
				return Usage{}, user.forbidden(c.path, read)
			}
		}
		err = t.reader(ctx).QueryRowContext(ctx, countBelow, n.id).Scan(&u.Bytes, &u.Files, &u.Directories)
	}
	if err != nil {
		return Usage{}, t.db.Explain(fmt.Errorf("sum up %s: %w", c.path, err))
	}
	if project := c.project(); project != nil && !user.foreign(c) {
		u.Quota = Quota{Bytes: project.quota}
	}
	return u, nil
}

// ChildUsage is what is at and below one entry of a directory.
type ChildUsage struct {
	Name string
	Dir  bool
	Usage
}

const countByChild = `WITH RECURSIVE below (top, id, mode, size) AS (
SELECT id, id, mode, size FROM dfs_inodes WHERE parent_id = ?
UNION ALL SELECT below.top, i.id, i.mode, i.size FROM below JOIN dfs_inodes i ON i.parent_id = below.id WHERE below.mode >= 16384 AND below.mode < 20480),
sums (top, bytes, files, directories) AS (SELECT top, SUM(size), SUM(CASE WHEN mode >= 16384 AND mode < 20480 THEN 0 ELSE 1 END),
SUM(CASE WHEN mode >= 16384 AND mode < 20480 THEN 1 ELSE 0 END) FROM below GROUP BY top),
ranked (top, bytes, files, directories, all_bytes, all_files, all_directories) AS (
SELECT top, bytes, files, directories, SUM(bytes) OVER (), SUM(files) OVER (), SUM(directories) OVER () FROM sums ORDER BY bytes DESC, files DESC, top LIMIT ?)
SELECT i.name, i.mode, bytes, files, directories, all_bytes, all_files, all_directories FROM ranked JOIN dfs_inodes i ON i.id = ranked.top
ORDER BY bytes DESC, files DESC, top`

// UsageByChild sums up what is below each entry of a directory, in one statement:
// the limit largest entries, and what all of them have together. That of a
// directory counts the directory itself.
func (t *Tree) UsageByChild(ctx context.Context, user User, dir string, limit int) (list []ChildUsage, total Usage, err error) {
	c, err := t.find(ctx, user, dir)
	if err != nil {
		return nil, total, err
	}
	n := c.last()
	if !n.dir() {
		return nil, total, notDirectory(c.path)
	}
	if err := user.may(c, len(c.nodes)-1, read|pass); err != nil {
		return nil, total, err
	}
	if (n.id == rootID || n.id == projectsID) && !user.Super {
		return nil, total, user.forbidden(c.path, read)
	}
	if limit <= 0 || limit > mostListed {
		limit = mostListed
	}
	rows, err := t.reader(ctx).QueryContext(ctx, countByChild, n.id, limit)
	if err != nil {
		return nil, total, t.db.Explain(fmt.Errorf("sum up %s: %w", c.path, err))
	}
	defer rows.Close()
	for rows.Next() {
		var u ChildUsage
		var mode int64
		if err := rows.Scan(&u.Name, &mode, &u.Bytes, &u.Files, &u.Directories, &total.Bytes, &total.Files, &total.Directories); err != nil {
			return nil, total, err
		}
		u.Dir = mode&typeBits == typeDir
		list = append(list, u)
	}
	if project := c.project(); project != nil && !user.foreign(c) {
		total.Quota = Quota{Bytes: project.quota}
	}
	return list, total, t.db.Explain(rows.Err())
}
