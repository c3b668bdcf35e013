package dfs

import (
	"context"
	"database/sql"

	"github.com/bine-ml/bine"
)

// Clone copies a file or a directory without copying blocks.
func (t *Tree) Clone(ctx context.Context, user User, from, to string, o CloneOptions) (Info, error) {
	source, err := split(from)
	if err != nil {
		return Info{}, err
	}
	target, err := split(to)
	if err != nil {
		return Info{}, err
	}
	if err := user.mayClone(source, target); err != nil {
		return Info{}, err
	}
	a, err := t.find(ctx, user, from)
	if err != nil {
		return Info{}, err
	}
	if !a.last().dir() {
		return t.cloneFile(ctx, user, source, target, o)
	}
	return t.cloneTree(ctx, user, a, target, o)
}

// mayClone checks what can be said from the paths alone.
func (u User) mayClone(source, target []string) error {
	if len(target) < 3 || projectOf(target) == "" {
		return bine.Errorf(bine.Forbidden, "%s: a copy is made below the directory of a project", join(target, len(target)))
	}
	if err := u.mayChange(target); err != nil {
		return err
	}
	if len(source) < 3 || projectOf(source) == "" {
		return bine.Errorf(bine.Invalid, "%s cannot be copied: only what is below the directory of a project can", join(source, len(source)))
	}
	return nil
}

// cloneFile copies a file in one transaction.
func (t *Tree) cloneFile(ctx context.Context, user User, source, target []string, o CloneOptions) (Info, error) {
	var info Info
	err := t.write(ctx, join(target, len(target)), func(tx *sql.Tx) error {
		a, err := t.source(ctx, tx, user, source)
		if err != nil {
			return err
		}
		b, err := t.walk(ctx, tx, user, target, true)
		if err != nil {
			return err
		}
		n := *a.last()
		if b.complete() && b.last().id == n.id {
			return bine.Errorf(bine.Invalid, "%s would be copied to itself", a.path)
		}
		if n.blocked() {
			versions, err := t.lockSources(ctx, tx, []int64{n.id})
			if err != nil {
				return err
			}
			if versions[n.id] != n.version {
				return errAgain
			}
		}
		there := b.complete()
		staged := &content{from: &n, list: a.acls[n.id], block: n.block, anew: sealsAnew(a, b)}
		if staged.key, err = t.keyNow(ctx, tx, b.project()); err != nil {
			return err
		}
		if err := t.place(ctx, tx, user, b, staged, CreateOptions{Overwrite: o.Overwrite, Parents: o.Parents}); err != nil {
			return err
		}
		info = b.last().info(b.asked)
		if there {
			return nil
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO dfs_xattrs (inode_id, name, value) SELECT ?, name, value FROM dfs_xattrs WHERE inode_id = ? AND name NOT LIKE 'bine.%'", b.last().id, n.id)
		return err
	})
	return info, err
}

// sealsAnew reports whether what lies in the database of files at a is sealed anew
// when it is copied to b: nothing there is sealed with a key of another project, which
// goes with that one. Blocks are shared as they are, and keep the key.
func sealsAnew(a, b *chain) bool {
	from, to := a.project(), b.project()
	return from.id != to.id && (from.flags|to.flags)&flagSealed != 0
}

// source finds a file that the user may read.
func (t *Tree) source(ctx context.Context, tx *sql.Tx, user User, parts []string) (*chain, error) {
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
	if c.last().dir() {
		return nil, errAgain
	}
	return c, user.may(c, len(c.parts), read)
}
