package dfs

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// trashName is the directory of a project in which lies what can be restored.
const trashName = ".trash"

// Trashed is something that was removed and can be restored.
type Trashed struct {
	ID      int64 // inode
	Path    string
	Dir     bool
	Size    int64 // bytes; of a directory 0
	By      string
	Removed time.Time
	Expires time.Time // when it is removed for good
}

// Trash removes what is at path as Remove does with RemoveOptions.Recursive,
// but so that Restore brings it back until Options.Trash has passed. Until then
// it counts towards the quota of the project, but no longer towards those of the
// directories that it was in: a tree is counted for that, if there are some.
func (t *Tree) Trash(ctx context.Context, user User, path string) error {
	parts, err := split(path)
	if err != nil {
		return err
	}
	if projectOf(parts) == "" || len(parts) < 3 {
		return bine.Errorf(bine.Forbidden, "%s cannot be put into the trash", path)
	}
	if err := user.mayChange(parts); err != nil {
		return err
	}
	return t.write(ctx, path, func(tx *sql.Tx) error {
		c, err := t.takeable(ctx, tx, user, parts)
		if err != nil {
			return err
		}
		can, err := t.can(ctx, tx, parts[1])
		if err != nil {
			return err
		}
		if err := t.hold(ctx, tx, can, len(can.nodes)); err != nil {
			return err
		}
		if err := t.lock(ctx, tx, c); err != nil {
			return err
		}
		if err := t.keepsSnapshots(ctx, tx, c); err != nil {
			return err
		}
		n := c.last()
		if err := t.moveLimited(ctx, tx, c, can, n); err != nil {
			return err
		}
		if err := t.put(ctx, tx, n, can.last().id, strconv.FormatInt(n.id, 10)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO dfs_trash (inode_id, project, path, who, removed_at) VALUES (?, ?, ?, ?, ?)", n.id, parts[1], c.path, user.owner(), t.now()); err != nil {
			return err
		}
		return t.record(ctx, tx, user, c, Removed, "")
	})
}

// can finds the trash of a project, or makes it.
func (t *Tree) can(ctx context.Context, tx *sql.Tx, project string) (*chain, error) {
	c, err := resolve(ctx, tx, []string{projectsName, project, trashName})
	if err != nil {
		return nil, err
	}
	if !c.complete() {
		if err := t.makeDir(ctx, tx, Platform(), c, MkdirOptions{Mode: 0o700}); err != nil {
			return nil, err
		}
	}
	return c, nil
}

const trashColumns = "t.inode_id, t.path, t.who, t.removed_at, i.mode, i.size"

func (t *Tree) scanTrashed(row interface{ Scan(...any) error }) (v Trashed, err error) {
	var mode, at int64
	err = row.Scan(&v.ID, &v.Path, &v.By, &at, &mode, &v.Size)
	v.Dir, v.Removed = mode&typeBits == typeDir, database.Time(at)
	v.Expires = v.Removed.Add(t.o.Trash)
	return v, err
}

// Trashed gives what of the user's project can be restored, what was removed
// last first, in pages: that which comes behind the one of id after. A Data
// Scientist sees what they removed themselves.
func (t *Tree) Trashed(ctx context.Context, user User, after int64, limit int) ([]Trashed, error) {
	if limit <= 0 || limit > mostListed {
		limit = mostListed
	}
	where, args := "t.project = ?", []any{string(user.Project)}
	if user.Role != bine.DataOwner && !user.Super {
		where, args = where+" AND t.who = ?", append(args, user.owner())
	}
	if after != 0 {
		where += " AND (t.removed_at, t.inode_id) < (SELECT removed_at, inode_id FROM dfs_trash WHERE inode_id = ?)"
		args = append(args, after)
	}
	rows, err := t.reader(ctx).QueryContext(ctx, "SELECT "+trashColumns+" FROM dfs_trash t JOIN dfs_inodes i ON i.id = t.inode_id WHERE "+where+" ORDER BY t.removed_at DESC, t.inode_id DESC LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, t.db.Explain(fmt.Errorf("list the trash: %w", err))
	}
	defer rows.Close()
	list := []Trashed{}
	for rows.Next() {
		v, err := t.scanTrashed(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, t.db.Explain(rows.Err())
}

// Restore brings back what is in the trash of the user's project, to where it
// was, or to another path of the project; directories above that are gone are
// made again. Something that is there meanwhile is a Conflict.
func (t *Tree) Restore(ctx context.Context, user User, id int64, to string) (Info, error) {
	var info Info
	err := t.write(ctx, to, func(tx *sql.Tx) error {
		v, n, err := t.inTrash(ctx, tx, user, id)
		if err != nil {
			return err
		}
		path := to
		if path == "" {
			path = v.Path
		}
		parts, err := split(path)
		if err != nil {
			return err
		}
		if projectOf(parts) != user.Project || len(parts) < 3 {
			return bine.Errorf(bine.Invalid, "%s cannot be restored to %s: it belongs to project %s", v.Path, path, user.Project)
		}
		c, err := t.walk(ctx, tx, user, parts, false)
		if err != nil {
			return err
		}
		if err := t.reaches(ctx, tx, user, c, len(c.parts)); err != nil {
			return err
		}
		if c.complete() {
			return exists(c)
		}
		if parts = c.parts; len(parts) < 3 {
			return notFound(c.path)
		}
		if err := user.mayChange(parts); err != nil {
			return err
		}
		if err := t.makeAbove(ctx, tx, user, c, true, nil); err != nil {
			return err
		}
		if err := user.may(c, len(parts)-1, write|pass); err != nil {
			return err
		}
		dir := c.last()
		if err := t.hold(ctx, tx, c, len(parts)); err != nil {
			return err
		}
		if err := t.lockNode(ctx, tx, n); err != nil {
			return err
		}
		if err := t.moveLimited(ctx, tx, &chain{}, c, n); err != nil {
			return err
		}
		if err := t.put(ctx, tx, n, dir.id, parts[len(parts)-1]); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_trash WHERE inode_id = ?", id); err != nil {
			return err
		}
		n.parent, n.name = dir.id, parts[len(parts)-1]
		info = n.info(c.asked)
		return t.recordNode(ctx, tx, user, parts, n, Created, "")
	})
	return info, err
}

// inTrash finds what the user may restore or remove for good.
func (t *Tree) inTrash(ctx context.Context, tx *sql.Tx, user User, id int64) (Trashed, *node, error) {
	v, err := t.scanTrashed(tx.QueryRowContext(ctx, "SELECT "+trashColumns+" FROM dfs_trash t JOIN dfs_inodes i ON i.id = t.inode_id WHERE t.inode_id = ? AND t.project = ?", id, string(user.Project)))
	if err == sql.ErrNoRows || err == nil && user.Role != bine.DataOwner && v.By != user.owner() {
		return v, nil, bine.Errorf(bine.NotFound, "there is nothing of that number in the trash of %s, or it was removed by somebody else: Data Owners see all of it", user.Project)
	}
	if err != nil {
		return v, nil, err
	}
	c, err := resolve(ctx, tx, []string{projectsName, string(user.Project), trashName, strconv.FormatInt(id, 10)})
	if err != nil {
		return v, nil, err
	}
	if !c.complete() {
		return v, nil, errAgain
	}
	return v, c.last(), nil
}

// Discard removes something in the trash of the user's project for good.
func (t *Tree) Discard(ctx context.Context, user User, id int64) error {
	return t.write(ctx, "the trash", func(tx *sql.Tx) error {
		if _, _, err := t.inTrash(ctx, tx, user, id); err != nil {
			return err
		}
		return t.discardTrashed(ctx, tx, string(user.Project), id)
	})
}

// discardTrashed removes what is in the trash of a project for good.
func (t *Tree) discardTrashed(ctx context.Context, tx *sql.Tx, project string, id int64) error {
	c, err := resolve(ctx, tx, []string{projectsName, project, trashName, strconv.FormatInt(id, 10)})
	if err != nil || !c.complete() {
		return err // somebody else was faster
	}
	if !c.last().dir() {
		return t.dropFile(ctx, tx, c)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_trash WHERE inode_id = ?", id); err != nil {
		return err
	}
	return t.dropDir(ctx, tx, c, true)
}

// expireTrash removes up to limit things for good that were removed before Options.Trash.
func (t *Tree) expireTrash(ctx context.Context, limit int) (int, error) {
	type old struct {
		project string
		id      int64
	}
	var all []old
	rows, err := t.db.Read().QueryContext(ctx, "SELECT project, inode_id FROM dfs_trash WHERE removed_at < ? ORDER BY removed_at LIMIT ?", database.Micros(t.o.Now().Add(-t.o.Trash)), limit)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var o old
		if err := rows.Scan(&o.project, &o.id); err != nil {
			return 0, err
		}
		all = append(all, o)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	for i, o := range all {
		if err := t.write(ctx, "the trash", func(tx *sql.Tx) error { return t.discardTrashed(ctx, tx, o.project, o.id) }); err != nil {
			return i, err
		}
	}
	return len(all), nil
}
