package dfs

import (
	"cmp"
	"context"
	"database/sql"

	"github.com/bine-ml/bine"
)

// Mkdir makes a directory.
func (t *Tree) Mkdir(ctx context.Context, user User, path string, o MkdirOptions) (Info, error) {
	parts, err := split(path)
	if err != nil {
		return Info{}, err
	}
	if err := checkMode(path, o.Mode|o.Unmasked); err != nil {
		return Info{}, err
	}
	if err := user.checkXattrs(path, o.Xattrs); err != nil {
		return Info{}, err
	}
	var info Info
	err = t.write(ctx, path, func(tx *sql.Tx) error {
		c, err := t.walk(ctx, tx, user, parts, true)
		if err != nil {
			return err
		}
		if err := t.reaches(ctx, tx, user, c, len(c.parts)); err != nil {
			return err
		}
		if c.complete() {
			if !c.last().dir() || !o.Parents {
				return exists(c)
			}
			info = c.last().info(c.asked)
			return nil
		}
		if err := t.makeAbove(ctx, tx, user, c, o.Parents, o.Xattrs); err != nil {
			return err
		}
		if err := t.makeDir(ctx, tx, user, c, o); err != nil {
			return err
		}
		info = c.last().info(c.asked)
		return nil
	})
	return info, err
}

func exists(c *chain) error {
	what := "a file"
	switch {
	case c.last().dir():
		what = "a directory"
	case c.last().link():
		what = "a symbolic link"
	}
	return bine.Errorf(bine.Conflict, "%s is there already: it is %s", c.path, what)
}

// makeAbove makes the directories above the last component of c that are
// missing, with extended attributes, or says which one is.
func (t *Tree) makeAbove(ctx context.Context, tx *sql.Tx, user User, c *chain, allowed bool, xattrs map[string][]byte) error {
	if !c.last().dir() && !c.complete() {
		return notDirectory(c.found())
	}
	if len(c.nodes) < len(c.parts) && !allowed {
		return bine.Errorf(bine.NotFound, "%s: there is no directory %s", c.path, join(c.parts, len(c.nodes)))
	}
	for len(c.nodes) < len(c.parts) {
		if err := t.makeDir(ctx, tx, user, c, MkdirOptions{Xattrs: xattrs}); err != nil {
			return err
		}
	}
	return nil
}

// makeDir adds the next directory of c.
func (t *Tree) makeDir(ctx context.Context, tx *sql.Tx, user User, c *chain, o MkdirOptions) error {
	n, err := t.newNode(ctx, tx, user, c)
	if err != nil {
		return err
	}
	if err := t.checkQuota(ctx, tx, c, Usage{Directories: 1}); err != nil {
		return err
	}
	n.mode = typeDir | c.last().mode&modeBits
	if o.Mode != 0 {
		n.mode = typeDir | int64(o.Mode)
	}
	list := c.inherit(n, cmp.Or(o.Unmasked, o.Mode))
	if err := t.insert(ctx, tx, n); err != nil {
		return err
	}
	if len(list) > 0 {
		c.acls[n.id] = list
		if err := t.putACL(ctx, tx, n.id, list, false); err != nil {
			return err
		}
	}
	if err := t.putXattrs(ctx, tx, n.id, o.Xattrs); err != nil {
		return err
	}
	inProject := c.project()
	c.nodes = append(c.nodes, *n)
	if inProject == nil && c.project() != nil { // it is the directory of a project
		_, err = tx.ExecContext(ctx, "INSERT INTO dfs_usage (project_id, slot, bytes, files, directories) VALUES (?, 0, 0, 0, 0)", n.id)
	} else {
		err = t.addUsage(ctx, tx, c, Usage{Directories: 1})
	}
	if err != nil {
		return err
	}
	return t.record(ctx, tx, user, c, Created, "")
}

// newNode prepares the next inode of c, whose directory it holds.
func (t *Tree) newNode(ctx context.Context, tx *sql.Tx, user User, c *chain) (*node, error) {
	at := len(c.nodes)
	if err := mayAdd(user, c); err != nil {
		return nil, err
	}
	if err := t.hold(ctx, tx, c, at); err != nil {
		return nil, err
	}
	n := t.nodeIn(user, c.last(), c.parts[at-1])
	return &n, nil
}

// mayAdd fails if the user may not add the next component of c.
func mayAdd(user User, c *chain) error {
	at := len(c.nodes)
	if err := user.mayChange(c.parts[:at]); err != nil {
		return err
	}
	return user.may(c, at-1, write|pass)
}

// nodeIn is what is common to files and directories that a user makes in dir.
func (t *Tree) nodeIn(user User, dir *node, name string) node {
	now := t.now()
	n := node{parent: dir.id, name: name, id: t.ids.next(), owner: user.owner(), group: dir.group, version: 1, mtime: now, atime: now, btime: now}
	if dir.id == projectsID { // the group under which the tree begins
		n.group = groupOf(bine.ProjectName(n.name), bine.DataScientist)
	}
	return n
}
