package dfs

import (
	"context"
	"database/sql"
	"strings"

	"github.com/bine-ml/bine"
)

// mostACL bounds the entries of a list, those of access and by default each.
const mostACL = 32

// ACL gives the access list of what is at path.
func (t *Tree) ACL(ctx context.Context, user User, path string) (bine.ACL, error) {
	c, err := t.find(ctx, user, path)
	if err != nil {
		return bine.ACL{}, err
	}
	return c.acl(), nil
}

func (c *chain) acl() bine.ACL {
	n := c.last()
	return bine.ACL{Owner: n.owner, Group: n.group, Mode: uint32(n.mode & modeBits), Entries: c.acls[n.id].whole(n)}
}

// SetACL replaces the access list, the default list or both, as entries has them.
func (t *Tree) SetACL(ctx context.Context, user User, path string, entries []bine.ACLEntry) (bine.ACL, error) {
	return t.changeEntries(ctx, user, path, entries, true, func(l *aclChange, spec []bine.ACLEntry) {
		for _, e := range spec {
			l.add(e)
		}
		for _, e := range l.had {
			if !l.of(e).touched {
				l.keep(e)
			}
		}
	})
}

// ModifyACL adds entries to the list, or replaces those of the same type and name.
func (t *Tree) ModifyACL(ctx context.Context, user User, path string, entries []bine.ACLEntry) (bine.ACL, error) {
	return t.changeEntries(ctx, user, path, entries, true, func(l *aclChange, spec []bine.ACLEntry) {
		for _, e := range spec {
			l.add(e)
		}
		for _, e := range l.had {
			if !names(spec, e) {
				l.keep(e)
			}
		}
	})
}

// RemoveACLEntries removes entries from the list. What they allow is not looked at.
func (t *Tree) RemoveACLEntries(ctx context.Context, user User, path string, entries []bine.ACLEntry) (bine.ACL, error) {
	return t.changeEntries(ctx, user, path, entries, false, func(l *aclChange, spec []bine.ACLEntry) {
		for _, e := range spec {
			l.remove(e)
		}
		for _, e := range l.had {
			if !names(spec, e) {
				l.keep(e)
			}
		}
	})
}

// RemoveDefaultACL removes the default list of a directory.
func (t *Tree) RemoveDefaultACL(ctx context.Context, user User, path string) (bine.ACL, error) {
	return t.changeACL(ctx, user, path, nil, false, func(l *aclChange, _ []bine.ACLEntry) {
		for _, e := range l.had {
			if !e.Default {
				l.keep(e)
			}
		}
	})
}

// RemoveACL removes the list. What the group may do without it, it may still do.
func (t *Tree) RemoveACL(ctx context.Context, user User, path string) (bine.ACL, error) {
	return t.changeACL(ctx, user, path, nil, false, func(l *aclChange, _ []bine.ACLEntry) {
		for _, e := range l.had {
			if !e.Default && e.Name == "" && e.Type != bine.ACLMask {
				l.keep(e)
			}
		}
	})
}

// changeEntries is changeACL where it takes entries.
func (t *Tree) changeEntries(ctx context.Context, user User, path string, spec []bine.ACLEntry, perms bool, f func(*aclChange, []bine.ACLEntry)) (bine.ACL, error) {
	if len(spec) == 0 {
		return bine.ACL{}, bine.Errorf(bine.Invalid, "%s: name at least one entry of its access list", path)
	}
	return t.changeACL(ctx, user, path, spec, perms, f)
}

// changeACL makes another list of the one that is there. Whoever may change the
// mode may change the list.
func (t *Tree) changeACL(ctx context.Context, user User, path string, spec []bine.ACLEntry, perms bool, f func(*aclChange, []bine.ACLEntry)) (bine.ACL, error) {
	var after bine.ACL
	err := t.change(ctx, user, path, func(tx *sql.Tx, c *chain) error {
		n := c.last()
		if !user.owns(c, n) {
			return bine.Errorf(bine.Forbidden, "%s: only its owner and Data Owners may change its access list", c.path)
		}
		if err := checkACLSpec(c, spec, perms); err != nil {
			return err
		}
		if err := t.lock(ctx, tx, c); err != nil {
			return err
		}
		had, err := t.lockedACL(ctx, tx, n)
		if err != nil {
			return err
		}
		l := &aclChange{had: had.whole(n)}
		f(l, spec)
		if err := l.finish(c.path, n.dir()); err != nil {
			return err
		}
		list := l.rows(n)
		n.mark(list)
		if err := t.putACL(ctx, tx, n.id, list, len(had) > 0); err != nil {
			return err
		}
		c.acls = map[int64]acl{n.id: list}
		after = c.acl()
		_, err = tx.ExecContext(ctx, "UPDATE dfs_inodes SET mode = ?, flags = ? WHERE parent_id = ? AND name = ?", n.mode, n.flags, n.parent, n.name)
		return err
	})
	return after, err
}

// lockedACL reads the list of n, which is locked, as it is now.
func (t *Tree) lockedACL(ctx context.Context, tx *sql.Tx, n *node) (acl, error) {
	if n.flags&hasACL == 0 {
		return nil, nil
	}
	rows, err := tx.QueryContext(ctx, "SELECT inherited, type, name, perm FROM dfs_acls WHERE inode_id = ? ORDER BY inherited, type, name"+t.sql.exclusive, n.id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list acl
	for rows.Next() {
		var e aclEntry
		var inherited int64
		if err := rows.Scan(&inherited, &e.kind, &e.name, &e.perm); err != nil {
			return nil, err
		}
		e.inherited = inherited == 1
		list = append(list, e)
	}
	return list, rows.Err()
}

// checkACLSpec says what is wrong with entries that are asked for.
func checkACLSpec(c *chain, spec []bine.ACLEntry, perms bool) error {
	seen := map[bine.ACLEntry]bool{}
	for _, e := range spec {
		if perms {
			if _, err := e.Bits(); err != nil {
				return bine.Errorf(bine.Invalid, "%s: %w", c.path, err)
			}
		}
		if err := checkACLName(c, e); err != nil {
			return err
		}
		if e.Default && !c.last().dir() {
			return bine.Errorf(bine.Invalid, "%s is a file: only directories have default entries", c.path)
		}
		key := e
		if key.Perm = ""; seen[key] {
			return bine.Errorf(bine.Invalid, "%s: the entry %s is there twice", c.path, e)
		}
		seen[key] = true
	}
	return nil
}

// checkACLName says whether an entry is about somebody of the project.
func checkACLName(c *chain, e bine.ACLEntry) error {
	project := projectOf(c.parts)
	prefix := string(project) + "__"
	wrong := func(text string) error { return bine.Errorf(bine.Invalid, "%s: the entry %s %s", c.path, e, text) }
	switch {
	case e.Type != bine.ACLUser && e.Type != bine.ACLGroup && e.Type != bine.ACLMask && e.Type != bine.ACLOther:
		return bine.Errorf(bine.Invalid, "%s: %q is no type of an entry: user, group, mask or other", c.path, prefix60(string(e.Type)))
	case e.Name == "":
		return nil
	case e.Type == bine.ACLMask || e.Type == bine.ACLOther:
		return wrong("has a name, and those of its type have none")
	case len(e.Name) > 190:
		return bine.Errorf(bine.Invalid, "%s: the name %q… is too long", c.path, prefix60(e.Name))
	case e.Type == bine.ACLGroup && e.Name != groupOf(project, bine.DataScientist) && e.Name != groupOf(project, bine.DataOwner):
		return wrong("is about no group of the project: they are " + groupOf(project, bine.DataScientist) + " and " + groupOf(project, bine.DataOwner))
	case e.Type == bine.ACLUser && (project == "" || !strings.HasPrefix(e.Name, prefix) || bine.UserName(e.Name[len(prefix):]).Check() != nil):
		return wrong("is about no user of the project: they are named " + prefix + "<user>")
	}
	return nil
}

func prefix60(s string) string { return prefix(s, 60) }

// names reports whether one of the entries is about the same as e.
func names(spec []bine.ACLEntry, e bine.ACLEntry) bool {
	for _, s := range spec {
		if s.Default == e.Default && s.Type == e.Type && s.Name == e.Name {
			return true
		}
	}
	return false
}

// aclChange makes a new list, by the rules of HDFS (its AclTransformation) and setfacl.
type aclChange struct {
	had   []bine.ACLEntry
	list  []bine.ACLEntry
	parts [2]aclPart // that of access, and the default one
}

// aclPart is what is known of the access list or the default list.
type aclPart struct {
	touched bool           // an entry of it was named
	asked   bool           // its mask was named
	mask    *bine.ACLEntry // that it is to have, if it stays so
}

func (l *aclChange) of(e bine.ACLEntry) *aclPart {
	if e.Default {
		return &l.parts[1]
	}
	return &l.parts[0]
}

func (l *aclChange) add(e bine.ACLEntry) {
	part := l.of(e)
	if part.touched = true; e.Type == bine.ACLMask {
		part.asked, part.mask = true, &e
		return
	}
	l.list = append(l.list, e)
}

func (l *aclChange) remove(e bine.ACLEntry) {
	part := l.of(e)
	part.touched = true
	part.asked = part.asked || e.Type == bine.ACLMask
}

func (l *aclChange) keep(e bine.ACLEntry) {
	if e.Type == bine.ACLMask {
		l.of(e).mask = &e
		return
	}
	l.list = append(l.list, e)
}

// finish adds what follows from the rest, and says what is wrong.
func (l *aclChange) finish(path string, dir bool) error {
	l.completeDefaults()
	for _, inherited := range []bool{false, true} {
		if err := l.addMask(path, inherited); err != nil {
			return err
		}
		if err := l.check(path, inherited, dir); err != nil {
			return err
		}
	}
	bine.SortACL(l.list)
	return nil
}

// completeDefaults copies what every list has from that of access into the
// default one, where there is one.
func (l *aclChange) completeDefaults() {
	some := l.parts[1].mask != nil
	for _, e := range l.list {
		some = some || e.Default
	}
	if !some {
		return
	}
	for _, kind := range []bine.ACLType{bine.ACLUser, bine.ACLGroup, bine.ACLOther} {
		if _, there := l.find(true, kind); there {
			continue
		}
		if e, there := l.find(false, kind); there {
			e.Default = true
			l.list = append(l.list, e)
		}
	}
}

func (l *aclChange) find(inherited bool, kind bine.ACLType) (bine.ACLEntry, bool) {
	for _, e := range l.list {
		if e.Default == inherited && e.Type == kind && e.Name == "" {
			return e, true
		}
	}
	return bine.ACLEntry{}, false
}

// addMask gives a list the mask that was asked for, or the one that it had if
// nothing else of it changes, or what all whom it bounds may do together.
func (l *aclChange) addMask(path string, inherited bool) error {
	part := l.of(bine.ACLEntry{Default: inherited})
	named, union := false, uint32(0)
	for _, e := range l.list {
		if e.Default != inherited {
			continue
		}
		named = named || e.Name != ""
		if e.Name != "" || e.Type == bine.ACLGroup {
			bits, err := e.Bits()
			if err != nil {
				return err
			}
			union |= bits
		}
	}
	switch {
	case part.mask == nil && named && part.asked:
		return bine.Errorf(bine.Invalid, "%s: the mask cannot be removed from a list with named users or groups", path)
	case part.mask != nil && (part.asked || !part.touched):
		l.list = append(l.list, *part.mask)
	case named || part.mask != nil:
		l.list = append(l.list, bine.ACLEntry{Default: inherited, Type: bine.ACLMask, Perm: bine.PermText(union)})
	}
	return nil
}

func (l *aclChange) check(path string, inherited, dir bool) error {
	count := 0
	for _, e := range l.list {
		if e.Default == inherited {
			count++
		}
	}
	which := "access"
	if inherited {
		if which = "default"; count == 0 {
			return nil
		}
		if !dir {
			return bine.Errorf(bine.Invalid, "%s is a file: only directories have default entries", path)
		}
	}
	for _, kind := range []bine.ACLType{bine.ACLUser, bine.ACLGroup, bine.ACLOther} {
		if _, there := l.find(inherited, kind); !there {
			return bine.Errorf(bine.Invalid, "%s: the %s list lacks the entry %s::, and every list has user::, group:: and other::", path, which, kind)
		}
	}
	if count > mostACL {
		return bine.Errorf(bine.Invalid, "%s: the %s list would have %d entries; at most %d are allowed", path, which, count, mostACL)
	}
	return nil
}

// rows parts the list into the mode of n and the rows that hang on it.
func (l *aclChange) rows(n *node) acl {
	masked := false
	var list acl
	for _, e := range l.list {
		masked = masked || !e.Default && (e.Type == bine.ACLMask || e.Name != "")
	}
	for _, e := range l.list {
		bits, _ := e.Bits() // checked before
		perm := int64(bits)
		switch {
		case e.Default || e.Name != "":
			list = append(list, aclEntry{e.Default, e.Type, e.Name, perm})
		case e.Type == bine.ACLUser:
			n.mode = n.mode&^0o700 | perm<<6
		case e.Type == bine.ACLOther:
			n.mode = n.mode&^0o007 | perm
		case e.Type == bine.ACLMask || !masked:
			n.mode = n.mode&^0o070 | perm<<3
		default:
			list = append(list, aclEntry{kind: e.Type, perm: perm})
		}
	}
	return list
}
