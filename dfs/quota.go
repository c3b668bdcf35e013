package dfs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// SetQuota limits what may be below a directory.
//
// What is there when a directory gets its first quota is counted without
// stopping its writers: first the flag is set, from when on they count what they
// change. Then what is there and what they counted are read at one moment, and
// the difference is what was there before. Reclaim does that if a crash comes
// between.
func (t *Tree) SetQuota(ctx context.Context, user User, dir string, q Quota) error {
	parts, err := split(dir)
	if err != nil {
		return err
	}
	if err := user.mayLimit(parts, q); err != nil {
		return err
	}
	var uncounted int64
	err = t.write(ctx, dir, func(tx *sql.Tx) error {
		uncounted = 0
		c, err := t.directory(ctx, tx, user, parts)
		if err != nil {
			return err
		}
		if len(parts) == 2 {
			if _, err := tx.ExecContext(ctx, "UPDATE dfs_inodes SET quota = ? WHERE parent_id = ? AND name = ?", q.Bytes, projectsID, parts[1]); err != nil {
				return err
			}
			q := Quota{Names: q.Names} // that of bytes is known of every chain
			_, err = t.limitTo(ctx, tx, c.last(), q, true)
			return err
		}
		uncounted, err = t.limitTo(ctx, tx, c.last(), q, false)
		return err
	})
	if err != nil || uncounted == 0 {
		return err
	}
	return t.countLimited(ctx, uncounted)
}

// mayLimit checks what can be said from the path alone.
func (u User) mayLimit(parts []string, q Quota) error {
	dir := join(parts, len(parts))
	switch {
	case q.Bytes < 0 || q.Names < 0:
		return bine.Errorf(bine.Invalid, "%s: a quota is not negative; 0 is none", dir)
	case inSnapshots(parts):
		return bine.Errorf(bine.Forbidden, "%s: nobody changes what is in a snapshot", dir)
	case projectOf(parts) == "":
		return bine.Errorf(bine.Invalid, "%s: quotas are those of projects and of directories below them", dir)
	case u.foreign(&chain{parts: parts}):
		return notFound(dir)
	case len(parts) == 2 && !u.Super:
		return bine.Errorf(bine.Forbidden, "%s: only administrators set the quota of a project", dir)
	case len(parts) > 2 && (parts[2] == artifactsName || parts[2] == trashName):
		return bine.Errorf(bine.Invalid, "%s: what is below %s has no quota of its own", dir, parts[2])
	case !u.Super && u.Role != bine.DataOwner:
		return bine.Errorf(bine.Forbidden, "%s: only Data Owners set quotas and policies", dir)
	}
	return nil
}

// directory finds a directory and locks it: no writer is below it until tx ends.
func (t *Tree) directory(ctx context.Context, tx *sql.Tx, user User, parts []string) (*chain, error) {
	c, err := t.walk(ctx, tx, user, parts, true)
	if err != nil {
		return nil, err
	}
	if err := t.reaches(ctx, tx, user, c, len(c.parts)); err != nil {
		return nil, err
	}
	if !c.complete() {
		return nil, notFound(c.path)
	}
	if c.path != c.asked { // what was there is asked for by the path
		return nil, bine.Errorf(bine.Invalid, "%s leads to %s by a symbolic link: name the directory itself", c.asked, c.path)
	}
	if !c.last().dir() {
		return nil, notDirectory(c.path)
	}
	return c, t.lock(ctx, tx, c)
}

// limitTo sets the quota of a directory and gives the limit if what is below it is not counted.
func (t *Tree) limitTo(ctx context.Context, tx *sql.Tx, n *node, q Quota, counted bool) (uncounted int64, err error) {
	if n.flags&flagLimits == 0 {
		if q == (Quota{}) {
			return 0, nil
		}
		id, err := t.beginLimits(ctx, tx, n, q, counted)
		if counted {
			id = 0
		}
		return id, err
	}
	if q == (Quota{}) {
		return 0, t.endLimits(ctx, tx, n)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE dfs_limits SET names_quota = ?, bytes_quota = ? WHERE inode_id = ?", q.Names, q.Bytes, n.id); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, "SELECT limit_id FROM dfs_limits WHERE inode_id = ? AND counted = 0", n.id).Scan(&uncounted)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return uncounted, err
}

func (t *Tree) beginLimits(ctx context.Context, tx *sql.Tx, n *node, q Quota, counted bool) (int64, error) {
	id := t.ids.next()
	if _, err := tx.ExecContext(ctx, "INSERT INTO dfs_limits (limit_id, inode_id, names_quota, bytes_quota, counted, at) VALUES (?, ?, ?, ?, ?, ?)", id, n.id, q.Names, q.Bytes, counted, t.now()); err != nil {
		return 0, err
	}
	for slot := range usageSlots {
		if counted {
			break // elsewhere
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO dfs_limit_usage (limit_id, slot, bytes, files, directories) VALUES (?, ?, 0, 0, 0)", id, slot); err != nil {
			return 0, err
		}
	}
	_, err := tx.ExecContext(ctx, "UPDATE dfs_inodes SET flags = flags | ? WHERE parent_id = ? AND name = ?", flagLimits, n.parent, n.name)
	return id, err
}

func (t *Tree) endLimits(ctx context.Context, tx *sql.Tx, n *node) error {
	if _, err := tx.ExecContext(ctx, "UPDATE dfs_inodes SET flags = flags - ? WHERE parent_id = ? AND name = ? AND flags & ? <> 0", flagLimits, n.parent, n.name, flagLimits); err != nil {
		return err
	}
	n.flags &^= flagLimits
	_, err := tx.ExecContext(ctx, "DELETE FROM dfs_limits WHERE inode_id = ?", n.id)
	return err
}

// countHeld counts what counts towards a limit: what is below its directory, and
// what was removed from there and is not reclaimed.
const countHeld = `WITH RECURSIVE held (id, mode, size) AS (
SELECT id, mode, size FROM dfs_inodes WHERE parent_id = ?
UNION ALL SELECT i.id, i.mode, i.size FROM dfs_removed r JOIN dfs_inodes i ON i.id = r.inode_id WHERE r.limits LIKE ?
UNION ALL SELECT i.id, i.mode, i.size FROM held JOIN dfs_inodes i ON i.parent_id = held.id WHERE held.mode >= 16384 AND held.mode < 20480)
SELECT COALESCE(SUM(size), 0), COALESCE(SUM(CASE WHEN mode >= 16384 AND mode < 20480 THEN 0 ELSE 1 END), 0),
COALESCE(SUM(CASE WHEN mode >= 16384 AND mode < 20480 THEN 1 ELSE 0 END), 0),
(SELECT SUM(bytes) FROM dfs_limit_usage WHERE limit_id = ?), (SELECT SUM(files) FROM dfs_limit_usage WHERE limit_id = ?), (SELECT SUM(directories) FROM dfs_limit_usage WHERE limit_id = ?) FROM held`

// held gives what is there and what is counted of a limit, of one moment: it is
// one statement.
func (t *Tree) held(ctx context.Context, q database.Reader, limit, inode int64) (there, counted Usage, err error) {
	var bytes, files, directories sql.NullInt64
	err = q.QueryRowContext(ctx, countHeld, inode, fmt.Sprintf("%%,%d,%%", limit), limit, limit, limit).
		Scan(&there.Bytes, &there.Files, &there.Directories, &bytes, &files, &directories)
	return there, Usage{Bytes: bytes.Int64, Files: files.Int64, Directories: directories.Int64}, err
}

// countLimited adds what was below a directory before it had the limit to what
// was counted since. Who does it a second time changes nothing.
func (t *Tree) countLimited(ctx context.Context, limit int64) error {
	q := t.db.Reader(ctx)
	var inode int64
	err := q.QueryRowContext(ctx, "SELECT inode_id FROM dfs_limits WHERE limit_id = ? AND counted = 0", limit).Scan(&inode)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return t.db.Explain(err)
	}
	there, counted, err := t.held(ctx, q, limit, inode)
	if err != nil {
		return t.db.Explain(fmt.Errorf("count what is below a directory with a quota: %w", err))
	}
	before := there.add(counted.negative())
	return t.db.Write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "UPDATE dfs_limits SET counted = 1 WHERE limit_id = ? AND counted = 0", limit)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err // somebody else was faster, or it was taken back
		}
		return t.changeLimited(ctx, tx, []any{before.Bytes, before.Files, before.Directories, 0, limit})
	})
}

// abandoned is after what time Reclaim counts for a limit what the one who set it has not.
const abandoned = time.Minute

// countAbandoned counts up to most limits that were set before a crash.
func (t *Tree) countAbandoned(ctx context.Context, most int) (int, error) {
	rows, err := t.db.Reader(ctx).QueryContext(ctx, "SELECT limit_id FROM dfs_limits WHERE counted = 0 AND at < ? LIMIT ?", t.now()-abandoned.Microseconds(), most)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var all []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return 0, err
		}
		all = append(all, id)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	for i, id := range all {
		if err := t.countLimited(ctx, id); err != nil {
			return i, err
		}
	}
	return len(all), nil
}

// Limits gives the quotas that what is at path counts towards.
func (t *Tree) Limits(ctx context.Context, user User, path string) ([]Limit, error) {
	c, err := t.find(ctx, user, path)
	if err != nil {
		return nil, err
	}
	list := []Limit{}
	project := c.project()
	if project == nil {
		return list, nil
	}
	at := c.limitedAbove()
	if n := len(c.nodes) - 1; c.last().dir() && c.last().flags&flagLimits != 0 {
		at = append(at, n)
	}
	var limits []*limit
	if len(at) > 0 {
		if limits, err = readLimits(ctx, t.reader(ctx), c, at); err != nil {
			return nil, t.db.Explain(err)
		}
	}
	if !user.foreign(c) && (project.quota != 0 || project.flags&flagLimits != 0) {
		u, err := used(ctx, t.reader(ctx), project.id)
		if err != nil {
			return nil, t.db.Explain(err)
		}
		list = append(list, Limit{Path: join(c.parts, 2), Quota: Quota{Bytes: project.quota}, Bytes: u.Bytes, Names: u.names()})
	}
	for _, i := range at {
		for _, l := range limits {
			switch {
			case l.inode != c.nodes[i].id:
			case !l.project:
				list = append(list, Limit{Path: l.path, Quota: l.quota, Bytes: l.used.Bytes, Names: l.used.names(), Counting: !l.counted})
			case len(list) > 0:
				list[0].Quota.Names = l.quota.Names
			}
		}
	}
	return list, nil
}

// checkLimits compares what is counted of each directory with a quota with what
// is there: below it, and in trees that were removed from there and are not
// reclaimed yet.
func (t *Tree) checkLimits(ctx context.Context) (found []Problem, err error) {
	rows, err := t.db.Read().QueryContext(ctx, "SELECT l.limit_id, l.inode_id, i.name FROM dfs_limits l JOIN dfs_inodes i ON i.id = l.inode_id WHERE l.counted = 1 AND i.parent_id <> ? ORDER BY l.limit_id", projectsID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []limit
	for rows.Next() {
		var l limit
		if err := rows.Scan(&l.id, &l.inode, &l.path); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for _, l := range all {
		there, counted, err := t.held(ctx, t.db.Read(), l.id, l.inode)
		if err != nil {
			return nil, err
		}
		if there != counted {
			found = append(found, Problem{l.inode, fmt.Sprintf("%q is said to hold %d bytes in %d files and %d directories, but holds %d in %d and %d",
				l.path, counted.Bytes, counted.Files, counted.Directories, there.Bytes, there.Files, there.Directories)})
		}
	}
	return found, nil
}
