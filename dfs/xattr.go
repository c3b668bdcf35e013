package dfs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bine-ml/bine"
)

// The limits of extended attributes.
const (
	mostXattrs   = 100
	longestXattr = 16 << 10
	ownXattrs    = "bine."
)

// ownXattr reports whether an extended attribute is the platform's.
func ownXattr(name string) bool { return strings.HasPrefix(name, ownXattrs) }

func (u User) checkXattr(path, name string, value []byte) error {
	switch {
	case name == "" || len(name) > MaxName || strings.IndexByte(name, 0) >= 0 || !utf8.ValidString(name):
		return bine.Errorf(bine.Invalid, "%s: %q is not the name of an extended attribute: 1 to %d bytes of UTF-8 are expected", path, prefix(name, 60), MaxName)
	case len(value) > longestXattr:
		return bine.Errorf(bine.TooLarge, "%s: the extended attribute %s has %d bytes; at most %d are allowed", path, name, len(value), longestXattr)
	case ownXattr(name) && !u.Super:
		return bine.Errorf(bine.Forbidden, "%s: extended attributes that begin with %q are set by the platform only", path, ownXattrs)
	}
	return nil
}

func (u User) checkXattrs(path string, all map[string][]byte) error {
	for name, value := range all {
		if err := u.checkXattr(path, name, value); err != nil {
			return err
		}
	}
	return nil
}

// Xattrs gives all extended attributes.
func (t *Tree) Xattrs(ctx context.Context, user User, path string) (map[string][]byte, error) {
	c, err := t.readable(ctx, user, path)
	if err != nil {
		return nil, err
	}
	rows, err := t.reader(ctx).QueryContext(ctx, "SELECT name, value FROM dfs_xattrs WHERE inode_id = ?", c.last().id)
	if err != nil {
		return nil, t.db.Explain(fmt.Errorf("read attributes of %s: %w", c.path, err))
	}
	defer rows.Close()
	all := map[string][]byte{}
	for rows.Next() {
		var name string
		var value []byte
		if err := rows.Scan(&name, &value); err != nil {
			return nil, fmt.Errorf("read attributes of %s: %w", c.path, err)
		}
		all[name] = value
	}
	return all, t.db.Explain(rows.Err())
}

// Xattr gives one extended attribute.
func (t *Tree) Xattr(ctx context.Context, user User, path, name string) ([]byte, error) {
	c, err := t.readable(ctx, user, path)
	if err != nil {
		return nil, err
	}
	var value []byte
	err = t.reader(ctx).QueryRowContext(ctx, "SELECT value FROM dfs_xattrs WHERE inode_id = ? AND name = ?", c.last().id, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noXattr(c.path, name)
	}
	return value, t.db.Explain(err)
}

func noXattr(path, name string) error {
	return bine.Errorf(bine.NotFound, "%s has no extended attribute %q", path, name)
}

func (t *Tree) readable(ctx context.Context, user User, path string) (*chain, error) {
	c, err := t.find(ctx, user, path)
	if err != nil {
		return nil, err
	}
	return c, user.may(c, len(c.nodes)-1, read)
}

// SetXattr makes or replaces an extended attribute.
func (t *Tree) SetXattr(ctx context.Context, user User, path, name string, value []byte) error {
	if err := user.checkXattr(path, name, value); err != nil {
		return err
	}
	return t.change(ctx, user, path, func(tx *sql.Tx, c *chain) error {
		if err := user.may(c, len(c.nodes)-1, write); err != nil {
			return err
		}
		n := c.last()
		if err := t.lock(ctx, tx, c); err != nil {
			return err
		}
		var others int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM dfs_xattrs WHERE inode_id = ? AND name <> ?", n.id, name).Scan(&others); err != nil {
			return err
		}
		if others >= mostXattrs {
			return bine.Errorf(bine.TooLarge, "%s has %d extended attributes, and more are not allowed", c.path, others)
		}
		return t.putXattrs(ctx, tx, n.id, map[string][]byte{name: value})
	})
}

func (t *Tree) putXattrs(ctx context.Context, tx *sql.Tx, inode int64, all map[string][]byte) error {
	for name, value := range all {
		if value == nil {
			value = []byte{}
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO dfs_xattrs (inode_id, name, value) VALUES (?, ?, ?)"+t.sql.setXattr, inode, name, value); err != nil {
			return err
		}
	}
	return nil
}

// RemoveXattr removes an extended attribute.
func (t *Tree) RemoveXattr(ctx context.Context, user User, path, name string) error {
	if err := user.checkXattr(path, name, nil); err != nil {
		return err
	}
	return t.change(ctx, user, path, func(tx *sql.Tx, c *chain) error {
		if err := user.may(c, len(c.nodes)-1, write); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, "DELETE FROM dfs_xattrs WHERE inode_id = ? AND name = ?", c.last().id, name)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, noXattr(c.path, name))
		}
		return nil
	})
}
