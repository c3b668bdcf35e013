package dfs

import (
	"context"
	"database/sql"

	"github.com/bine-ml/bine"
)

// Rename moves a file or directory.
func (t *Tree) Rename(ctx context.Context, user User, from, to string, o RenameOptions) (Info, error) {
	source, err := split(from)
	if err != nil {
		return Info{}, err
	}
	target, err := split(to)
	if err != nil {
		return Info{}, err
	}
	if err := user.mayRename(source, target); err != nil {
		return Info{}, err
	}
	info, done, err := t.renameAtOnce(ctx, user, source, target)
	if done {
		return info, err
	}
	err = t.write(ctx, from, func(tx *sql.Tx) (err error) {
		a, b, err := t.ends(ctx, tx, user, source, target)
		defer func() { err = t.atOneMoment(ctx, tx, err, a, b) }()
		if err != nil {
			return err
		}
		if a.path == b.path {
			info = a.last().info(b.asked)
			return nil
		}
		n := *a.last()
		if err := t.move(ctx, tx, user, a, b, o); err != nil {
			return err
		}
		n.parent, n.name = b.nodes[len(b.parts)-1].id, b.parts[len(b.parts)-1]
		info = n.info(b.asked)
		return t.recordNode(ctx, tx, user, b.parts, &n, Renamed, a.path)
	})
	return info, err
}

// mayRename checks what can be said from the paths alone.
func (u User) mayRename(source, target []string) error {
	from, to := join(source, len(source)), join(target, len(target))
	for _, parts := range [][]string{source, target} {
		if len(parts) == 0 || (parts[0] == projectsName && len(parts) < 3) {
			return bine.Errorf(bine.Forbidden, "%s cannot be renamed or replaced", join(parts, len(parts)))
		}
		if err := u.mayChange(parts); err != nil {
			return err
		}
	}
	if projectOf(source) != projectOf(target) {
		for _, parts := range [][]string{source, target} {
			if u.foreign(&chain{parts: parts}) { // nothing says whether it is there
				return notFound(join(parts, len(parts)))
			}
		}
		return bine.Errorf(bine.Invalid, "%s cannot be renamed to %s: nothing moves from one project to another", from, to)
	}
	return nil
}

func underItself(from, to string) error {
	return bine.Errorf(bine.Invalid, "%s cannot be renamed to %s: a directory does not go under itself", from, to)
}

// ends resolves both paths. When a directory changes its place, directory
// renames of the project wait for each other: two that are right one by one
// could together make a circle that hangs on nothing.
func (t *Tree) ends(ctx context.Context, tx *sql.Tx, user User, source, target []string) (a, b *chain, err error) {
	if a, err = t.sourceOf(ctx, tx, user, source, target); err != nil {
		return nil, nil, err
	}
	stays := len(target) == len(source) && within(target, source[:len(source)-1])
	if a.last().dir() && !stays && t.sql.locks {
		if err := t.queue(ctx, tx, a); err != nil {
			return nil, nil, err
		}
		if a, err = t.sourceOf(ctx, tx, user, source, target); err != nil {
			return nil, nil, err
		}
	}
	if b, err = t.walk(ctx, tx, user, target, false); err != nil {
		return nil, nil, err
	}
	if len(b.parts) > len(a.parts) && within(b.parts, a.parts) { // and not by its name alone: a may be a link
		return nil, nil, underItself(a.path, b.path)
	}
	if err := t.reaches(ctx, tx, user, b, len(b.parts)); err != nil {
		return nil, nil, err
	}
	if a.path == a.asked && b.path == b.asked {
		return a, b, nil
	}
	return a, b, user.mayRename(a.parts, b.parts)
}

// sourceOf finds what is to be renamed. What cannot be, and would go under itself,
// is told as that.
func (t *Tree) sourceOf(ctx context.Context, tx *sql.Tx, user User, source, target []string) (*chain, error) {
	a, err := t.takeable(ctx, tx, user, source)
	if err != nil && bine.KindOf(err) != bine.Internal && len(target) > len(source) && within(target, source) {
		return nil, underItself(join(source, len(source)), join(target, len(target)))
	}
	return a, err
}

// takeable finds something, a link itself, that the user may take from where it is.
func (t *Tree) takeable(ctx context.Context, tx *sql.Tx, user User, parts []string) (*chain, error) {
	c, err := t.walk(ctx, tx, user, parts, false)
	if err != nil {
		return nil, err
	}
	if err := t.reaches(ctx, tx, user, c, len(c.parts)); err != nil {
		return nil, err
	}
	if err := user.mayChange(c.parts); err != nil {
		return nil, err
	}
	if !c.complete() {
		return nil, notFound(c.path)
	}
	return c, user.may(c, len(c.parts)-1, write|pass)
}

// queue waits until no other directory of the project is being renamed.
func (t *Tree) queue(ctx context.Context, tx *sql.Tx, c *chain) error {
	parent, name := int64(rootID), projectsName
	if project := c.project(); project != nil {
		parent, name = project.parent, project.name
	}
	var id int64
	return moved(tx.QueryRowContext(ctx, "SELECT id FROM dfs_inodes WHERE parent_id = ? AND name = ?"+t.sql.exclusive, parent, name).Scan(&id))
}

// move puts the end of a at the end of b.
func (t *Tree) move(ctx context.Context, tx *sql.Tx, user User, a, b *chain, o RenameOptions) error {
	n := a.last()
	for i := range b.nodes {
		if b.nodes[i].id == n.id && n.dir() {
			return underItself(a.path, b.path)
		}
	}
	if !b.complete() && !b.last().dir() {
		return notDirectory(b.found())
	}
	if len(b.nodes) < len(b.parts) {
		return bine.Errorf(bine.NotFound, "%s: there is no directory %s", b.path, join(b.parts, len(b.nodes)))
	}
	if err := user.may(b, len(b.parts)-1, write|pass); err != nil {
		return err
	}
	dir := b.nodes[len(b.parts)-1].id
	if err := t.hold(ctx, tx, b, len(b.parts)); err != nil {
		return err
	}
	if err := t.lock(ctx, tx, a); err != nil {
		return err
	}
	if b.complete() {
		if !o.Overwrite || n.dir() != b.last().dir() {
			return exists(b)
		}
		drop := t.dropFile
		if n.dir() {
			drop = t.dropEmpty
		}
		if err := drop(ctx, tx, b); err != nil {
			return err
		}
		if err := t.record(ctx, tx, user, b, Removed, ""); err != nil {
			return err
		}
	}
	if err := t.moveLimited(ctx, tx, a, b, n); err != nil {
		return err
	}
	return t.put(ctx, tx, n, dir, b.parts[len(b.parts)-1])
}

// put gives an inode another place.
func (t *Tree) put(ctx context.Context, tx *sql.Tx, n *node, parent int64, name string) error {
	result, err := tx.ExecContext(ctx, "UPDATE dfs_inodes SET parent_id = ?, name = ? WHERE parent_id = ? AND name = ? AND id = ?", parent, name, n.parent, n.name, n.id)
	if err != nil && t.db.IsDuplicate(err) {
		return errAgain
	}
	if err != nil {
		return err
	}
	if affected, err := result.RowsAffected(); err != nil || affected != 1 {
		return errAgain
	}
	return nil
}
