package dfs

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// hasACL is the bit of node.flags that says that rows of dfs_acls hang on it. The
// upper half of the flags is then a number that is another one after each change
// of the list: who has decided by a list sees by the flags whether it still is that.
const hasACL = 1

const aclNumber = (1<<31 - 1) << 32

// mark sets the flags for a list that is new.
func (n *node) mark(list acl) {
	if n.flags &^= hasACL | aclNumber; len(list) > 0 {
		n.flags |= hasACL | rand.Int64()&aclNumber
	}
}

// aclEntry is a row of dfs_acls. Of the access list the mode holds what is for
// the owner, the mask and the others, so that chmod and a list cannot contradict
// each other; the row of the group is there whenever the group's bits of the
// mode are a mask. The default list has all of its entries as rows.
type aclEntry struct {
	inherited bool // it is a default entry
	kind      bine.ACLType
	name      string
	perm      int64
}

// acl is what rows of dfs_acls say of an inode.
type acl []aclEntry

// masked reports whether the group's bits of the mode are a mask.
func (l acl) masked() bool { return len(l) > 0 && !l[0].inherited }

// defaults are the entries for what is made in the directory.
func (l acl) defaults() acl {
	for i := range l {
		if l[i].inherited {
			return l[i:]
		}
	}
	return nil
}

// loadACLs reads the lists of those inodes of c that have one, together with
// the modes that they belong to: nobody is judged by the mask of one list and
// the entries of another. Where none has, it asks nothing.
func (c *chain) loadACLs(ctx context.Context, q database.Reader) error {
	var ids []any
	for i := range c.nodes {
		if c.nodes[i].flags&hasACL != 0 {
			ids = append(ids, c.nodes[i].id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := q.QueryContext(ctx, "SELECT i.id, i.mode, i.owner, i.grp, i.flags, a.inherited, a.type, a.name, a.perm FROM dfs_inodes i LEFT JOIN dfs_acls a ON a.inode_id = i.id WHERE i.id IN ("+marks(len(ids))+") ORDER BY i.id, a.inherited, a.type, a.name", ids...)
	if err != nil {
		return fmt.Errorf("read the access lists of %s: %w", c.path, err)
	}
	defer rows.Close()
	c.acls = map[int64]acl{}
	for rows.Next() {
		var now node
		var inherited, perm sql.NullInt64
		var kind, name sql.NullString
		if err := rows.Scan(&now.id, &now.mode, &now.owner, &now.group, &now.flags, &inherited, &kind, &name, &perm); err != nil {
			return fmt.Errorf("read the access lists of %s: %w", c.path, err)
		}
		for i := range c.nodes {
			if n := &c.nodes[i]; n.id == now.id {
				n.mode, n.owner, n.group, n.flags = now.mode, now.owner, now.group, now.flags
			}
		}
		if kind.Valid {
			c.acls[now.id] = append(c.acls[now.id], aclEntry{inherited.Int64 == 1, bine.ACLType(kind.String), name.String, perm.Int64})
		}
	}
	return rows.Err()
}

// allowed decides for whom mode and list decide, as POSIX.1e has it: the first
// of owner, named user, groups and others that fits counts, and of several
// groups any that allows it.
func (u User) allowed(c *chain, n *node, want int64) bool {
	who := u.owner()
	if n.owner == who {
		return n.mode>>6&want == want
	}
	list := c.acls[n.id]
	if n.flags&hasACL == 0 || len(list) > 0 && !list.masked() {
		bits := n.mode
		if u.in(n.group) {
			bits >>= 3
		}
		return bits&want == want
	}
	mask, among := n.mode>>3, len(list) == 0 // a list that went away meanwhile allows nothing
	for _, e := range list {
		if !e.inherited && e.kind == bine.ACLUser && e.name == who {
			return e.perm&mask&want == want
		}
	}
	for _, e := range list {
		if e.inherited || e.kind != bine.ACLGroup || !u.in(e.groupOf(n)) {
			continue
		}
		if among = true; e.perm&mask&want == want {
			return true
		}
	}
	return !among && n.mode&want == want
}

// groupOf is the group that an entry of n is about.
func (e aclEntry) groupOf(n *node) string {
	if e.name == "" {
		return n.group
	}
	return e.name
}

// inherit gives n, which is about to be made in the last directory of c, the
// default entries of that, filtered by the mode that is asked for; 0 is none.
// Without default entries it leaves n as it is.
func (c *chain) inherit(n *node, mode uint32) acl {
	from := c.acls[c.last().id].defaults()
	if len(from) == 0 {
		return nil
	}
	asked := int64(mode)
	if asked == 0 {
		asked = 0o777
		if !n.dir() {
			asked = 0o666
		}
	}
	bits, minimal := [3]int64{}, len(from) == 3
	var list acl
	for _, e := range from {
		switch {
		case e.name != "" || e.kind == bine.ACLGroup && !minimal:
			list = append(list, aclEntry{kind: e.kind, name: e.name, perm: e.perm})
		case e.kind == bine.ACLUser:
			bits[0] = e.perm & (asked >> 6)
		case e.kind == bine.ACLOther:
			bits[2] = e.perm & asked
		default: // the mask, or the group where that is all there is
			bits[1] = e.perm & (asked >> 3)
		}
	}
	n.mode = n.mode&typeBits | bits[0]<<6 | bits[1]<<3 | bits[2]
	if n.dir() {
		list = append(list, from...)
	}
	n.mark(list)
	return list
}

// putACL replaces the rows of an inode.
func (t *Tree) putACL(ctx context.Context, tx *sql.Tx, inode int64, list acl, had bool) error {
	if had {
		if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_acls WHERE inode_id = ?", inode); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	query := "INSERT INTO dfs_acls (inode_id, inherited, type, name, perm) VALUES "
	var args []any
	for i, e := range list {
		if i > 0 {
			query += ", "
		}
		inherited := 0
		if e.inherited {
			inherited = 1
		}
		query += "(?, ?, ?, ?, ?)"
		args = append(args, inode, inherited, string(e.kind), e.name, e.perm)
	}
	_, err := tx.ExecContext(ctx, query, args...)
	return err
}

// whole writes the list of n as everybody sees it, with what the mode says.
func (l acl) whole(n *node) []bine.ACLEntry {
	entry := func(inherited bool, kind bine.ACLType, name string, perm int64) bine.ACLEntry {
		return bine.ACLEntry{Default: inherited, Type: kind, Name: name, Perm: bine.PermText(uint32(perm & 7))}
	}
	all := []bine.ACLEntry{entry(false, bine.ACLUser, "", n.mode>>6), entry(false, bine.ACLOther, "", n.mode)}
	between := bine.ACLGroup
	if l.masked() {
		between = bine.ACLMask
	}
	all = append(all, entry(false, between, "", n.mode>>3))
	for _, e := range l {
		all = append(all, entry(e.inherited, e.kind, e.name, e.perm))
	}
	bine.SortACL(all)
	return all
}
