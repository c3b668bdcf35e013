package dfs

import (
	"context"
	"database/sql"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// SetAttributes changes what a is not nil in.
func (t *Tree) SetAttributes(ctx context.Context, user User, path string, a Attributes) (Info, error) {
	if parts, err := split(path); err == nil {
		if info, done, err := t.attributesAtOnce(ctx, user, parts, a); done {
			return info, err
		}
	}
	var info Info
	err := t.change(ctx, user, path, func(tx *sql.Tx, c *chain) error {
		if err := checkAttributes(user, c, a); err != nil {
			return err
		}
		if err := t.lock(ctx, tx, c); err != nil {
			return err
		}
		n := c.last()
		n.apply(a)
		_, err := tx.ExecContext(ctx, "UPDATE dfs_inodes SET mode = ?, owner = ?, grp = ?, mtime = ?, atime = ? WHERE parent_id = ? AND name = ?", n.mode, n.owner, n.group, n.mtime, n.atime, n.parent, n.name)
		info = n.info(c.asked)
		return err
	})
	return info, err
}

// checkAttributes fails if the user may not give what c leads to the attributes.
func checkAttributes(user User, c *chain, a Attributes) error {
	if !user.owns(c, c.last()) {
		return bine.Errorf(bine.Forbidden, "%s: only its owner and Data Owners may change its attributes", c.path)
	}
	if err := user.checkNames(c, a.Owner, a.Group); err != nil {
		return err
	}
	if a.Mode != nil {
		return checkMode(c.path, *a.Mode)
	}
	return nil
}

func (n *node) apply(a Attributes) {
	if a.Mode != nil {
		n.mode = n.mode&typeBits | int64(*a.Mode)
	}
	if a.Owner != nil {
		n.owner = *a.Owner
	}
	if a.Group != nil {
		n.group = *a.Group
	}
	if a.Modified != nil {
		n.mtime = database.Micros(*a.Modified)
	}
	if a.Accessed != nil {
		n.atime = database.Micros(*a.Accessed)
	}
}

// change runs f in a transaction on what is at path, which may be changed as
// far as its place is concerned.
func (t *Tree) change(ctx context.Context, user User, path string, f func(tx *sql.Tx, c *chain) error) error {
	parts, err := split(path)
	if err != nil {
		return err
	}
	if len(parts) == 0 || (len(parts) == 1 && parts[0] == projectsName) {
		return bine.Errorf(bine.Forbidden, "%s cannot be changed", path)
	}
	return t.write(ctx, path, func(tx *sql.Tx) error {
		c, err := t.walk(ctx, tx, user, parts, true)
		if err != nil {
			return err
		}
		if err := t.reaches(ctx, tx, user, c, len(c.parts)); err != nil {
			return err
		}
		if !c.complete() {
			return notFound(c.path)
		}
		if err := user.mayChange(c.parts); err != nil {
			return err
		}
		if err := f(tx, c); err != nil {
			return err
		}
		return t.record(ctx, tx, user, c, Altered, "")
	})
}
