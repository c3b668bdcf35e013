package dfs

import "database/sql"

// hanging is what hangs on inodes that are copied, by inode, as the view shows it.
type hanging struct {
	xattrs map[int64]map[string][]byte
	lists  map[int64]acl
	links  map[int64]string
}

// hanging reads what hangs on what is copied.
func (c *cloning) hanging(pairs []*pair) (*hanging, error) {
	h := &hanging{map[int64]map[string][]byte{}, map[int64]acl{}, map[int64]string{}}
	var all, listed, links []int64
	for _, p := range pairs {
		all = append(all, p.from.id)
		if p.from.flags&hasACL != 0 {
			listed = append(listed, p.from.id)
		}
		if p.from.link() {
			links = append(links, p.from.id)
		}
	}
	name, value := "", []byte(nil)
	err := c.each("SELECT inode_id, name, value FROM dfs_xattrs", all, []any{&name, &value}, func(id int64) {
		if c.keep || !ownXattr(name) {
			if h.xattrs[id] == nil {
				h.xattrs[id] = map[string][]byte{}
			}
			h.xattrs[id][name] = append([]byte{}, value...)
		}
	})
	if err != nil {
		return nil, err
	}
	var e aclEntry
	var inherited int64
	err = c.each("SELECT inode_id, inherited, type, name, perm FROM dfs_acls", listed, []any{&inherited, &e.kind, &e.name, &e.perm}, func(id int64) {
		e.inherited = inherited == 1
		h.lists[id] = append(h.lists[id], e)
	})
	if err != nil {
		return nil, err
	}
	target := ""
	return h, c.each("SELECT inode_id, target FROM dfs_links", links, []any{&target}, func(id int64) { h.links[id] = target })
}

// each reads rows of inodes from the view, into columns, and calls f for each.
func (c *cloning) each(query string, ids []int64, columns []any, f func(id int64)) error {
	if len(ids) == 0 {
		return nil
	}
	rows, err := c.view.QueryContext(c.ctx, query+" WHERE inode_id IN ("+marks(len(ids))+")", args(ids)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var id int64
	for rows.Next() {
		if err := rows.Scan(append([]any{&id}, columns...)...); err != nil {
			return err
		}
		f(id)
	}
	return rows.Err()
}

// hang gives copies what hangs on what they are copies of.
func (c *cloning) hang(tx *sql.Tx, pairs []*pair, h *hanging) error {
	for _, p := range pairs {
		if err := c.t.putXattrs(c.ctx, tx, p.to.id, h.xattrs[p.from.id]); err != nil {
			return err
		}
		if err := c.t.putACL(c.ctx, tx, p.to.id, h.lists[p.from.id], false); err != nil {
			return err
		}
		if !p.from.link() {
			continue
		}
		if _, err := tx.ExecContext(c.ctx, "INSERT INTO dfs_links (inode_id, target) VALUES (?, ?)", p.to.id, h.links[p.from.id]); err != nil {
			return err
		}
	}
	return nil
}

// setRoot gives the root of the copy what the directory has.
func (c *cloning) setRoot(n *node) error {
	p := &pair{from: *n, to: c.copyOf(n)}
	p.to.id = c.root.id
	h, err := c.hanging([]*pair{p})
	if err != nil {
		return err
	}
	return c.t.write(c.ctx, c.to.path, func(tx *sql.Tx) error {
		if err := c.step(tx); err != nil {
			return err
		}
		to := &p.to
		_, err := tx.ExecContext(c.ctx, "UPDATE dfs_inodes SET mode = ?, owner = ?, grp = ?, version = ?, mtime = ?, atime = ?, btime = ?, flags = ?, origin = ? WHERE parent_id = ? AND name = ?",
			to.mode, to.owner, to.group, to.version, to.mtime, to.atime, to.btime, to.flags, c.origin(n), c.root.parent, c.root.name)
		if err != nil {
			return err
		}
		return c.hang(tx, []*pair{p}, h)
	})
}
