package dfs

import "context"

// What follows does by one packet what people do most. Each answers done if the
// answer is that of the long way; else nothing was changed, and the long way
// finds out what there is to do or to say.

// createAtOnce makes a small file by one packet, if it can be done so: the
// answer is then that of createStaged. Else nothing has been done, and
// createStaged says what there is to say. The directory is the one that was found the
// last time, if it was: whether it still is there, the packet finds out.
func (t *Tree) createAtOnce(ctx context.Context, user User, parts []string, staged *content, o CreateOptions) (info Info, done bool, err error) {
	if !t.db.Packets(ctx) || o.Overwrite || user.Lease != 0 || len(parts) < 3 || len(parts) > levelsAtOnce || len(staged.extents) > 0 || len(o.Xattrs) > 0 {
		return Info{}, false, nil
	}
	c := t.hints.get(parts)
	for hinted := c != nil; ; hinted = false {
		if !hinted {
			if c, err = resolve(ctx, t.reader(ctx), parts); err != nil {
				return Info{}, true, t.db.Explain(err)
			}
		}
		info, done, err = t.sendCreate(ctx, user, c, staged, o)
		if done || err != nil || !hinted {
			break
		}
		t.hints.forget(parts)
	}
	if done && err == nil {
		t.hints.put(c)
	}
	return info, done, err
}

// sendCreate tries to make the file at the end of c.
func (t *Tree) sendCreate(ctx context.Context, user User, c *chain, staged *content, o CreateOptions) (Info, bool, error) {
	if len(c.nodes) != len(c.parts) || !t.simple(ctx, user, c) || !c.last().dir() || mayAdd(user, c) != nil {
		return Info{}, false, nil
	}
	dir, project := c.last(), c.project()
	if err := t.checkQuota(ctx, t.reader(ctx), c, Usage{Bytes: staged.size(), Files: 1}); err != nil {
		return Info{}, false, nil
	}
	n := t.nodeIn(user, dir, c.parts[len(c.parts)-1])
	n.become(dir, staged, o.Mode)
	var p packet
	p.unless(unfixed(c.nodes), user)
	p.add(insertInode.bound, n.row()...)
	if n.tail > 0 {
		p.add(insertSmall.plain, n.id, n.version, staged.tail)
	}
	p.add(t.sql.insertUsage.plain, usageRow(project.id, Usage{Bytes: n.size, Files: 1})...)
	if told(c.parts) {
		p.add(insertChange.plain, t.changeRow(user, c.parts, &n, Created, "")...)
	}
	done, err := t.send(ctx, &p)
	return n.info(c.path), done, err
}

// simple reports whether a packet is a way to change what c leads to: it is in
// the user's own project, they may go there, and nothing on the way is special.
func (t *Tree) simple(ctx context.Context, user User, c *chain) bool {
	return c.project() != nil && len(c.nodes) > 3 && len(c.parts) <= levelsAtOnce && !flagged(c.nodes) && !user.foreign(c) &&
		t.reaches(ctx, t.reader(ctx), user, c, len(c.parts)) == nil && user.mayChange(c.parts) == nil
}

// send sends a packet and reports whether it changed anything.
func (t *Tree) send(ctx context.Context, p *packet) (done bool, err error) {
	_, err = t.db.Packet(ctx, p.statements)
	if t.db.IsDuplicate(err) || t.db.IsNull(err) {
		return false, nil
	}
	return true, err
}

// findSimple resolves a path to something that a packet can change. Links are
// followed the long way.
func (t *Tree) findSimple(ctx context.Context, user User, parts []string) *chain {
	if !t.db.Packets(ctx) || len(parts) < 3 || projectOf(parts) == "" {
		return nil
	}
	c, err := resolve(ctx, t.reader(ctx), parts)
	if err != nil || !c.complete() || c.last().link() || !t.simple(ctx, user, c) {
		return nil
	}
	return c
}

// above are the inodes of the directories that c leads through.
func (c *chain) above() []node { return unfixed(c.nodes[:len(c.nodes)-1]) }

// removeAtOnce removes a small file.
func (t *Tree) removeAtOnce(ctx context.Context, user User, parts []string) (done bool, err error) {
	c := t.findSimple(ctx, user, parts)
	if c == nil || c.last().dir() || c.last().blocked() || user.may(c, len(parts)-1, write|pass) != nil {
		return false, nil
	}
	n := c.last()
	var p packet
	p.unless(c.above(), user)
	p.change("DELETE FROM dfs_inodes", n)
	p.add(t.sql.insertUsage.bound, usageRow(c.project().id, Usage{Bytes: -n.size, Files: -1})...)
	if told(parts) {
		p.add(insertChange.plain, t.changeRow(user, parts, n, Removed, "")...)
	}
	return t.send(ctx, &p)
}

// renameAtOnce renames a file to where nothing is.
func (t *Tree) renameAtOnce(ctx context.Context, user User, source, target []string) (info Info, done bool, err error) {
	if !told(source) || !told(target) || len(target) < 4 || within(target, source) {
		return Info{}, false, nil
	}
	a := t.findSimple(ctx, user, source)
	if a == nil || a.last().dir() || user.may(a, len(source)-1, write|pass) != nil {
		return Info{}, false, nil
	}
	b := &chain{path: join(target, len(target)), parts: target, nodes: a.nodes[:len(a.nodes)-1]}
	stays := len(target) == len(source) && within(target, source[:len(source)-1])
	if !stays {
		if b, err = resolve(ctx, t.reader(ctx), target); err != nil {
			return Info{}, true, t.db.Explain(err)
		}
	}
	if len(b.nodes) != len(target) || !b.last().dir() || !t.simple(ctx, user, b) || user.may(b, len(target)-1, write|pass) != nil {
		return Info{}, false, nil
	}
	n, to := *a.last(), *a.last()
	to.parent, to.name = b.last().id, target[len(target)-1]
	var p packet
	p.unless(a.above(), user)
	if !stays {
		p.unless(unfixed(b.nodes), user)
	}
	p.change("UPDATE dfs_inodes SET parent_id = ?, name = ?", &n, to.parent, to.name)
	p.add(insertChange.bound, t.changeRow(user, target, &to, Renamed, a.path)...)
	done, err = t.send(ctx, &p)
	return to.info(b.path), done, err
}

// atOnce adds to the end of a file that lies in the database.
func (a *appending) atOnce(ctx context.Context) (done bool, err error) {
	t, more := a.t, int64(len(a.data))
	c := t.findSimple(ctx, a.user, a.parts)
	if c == nil || more == 0 || a.user.Lease != 0 || replaceable(c, a.user, true) != nil {
		return false, nil
	}
	n := *c.last()
	if a.offset != n.size || n.tail == 0 || n.tail+more > t.o.Inline || t.checkQuota(ctx, t.reader(ctx), c, Usage{Bytes: more}) != nil {
		return false, nil
	}
	to := n
	to.size, to.tail, to.version, to.mtime = n.size+more, n.tail+more, n.version+1, t.now()
	var p packet
	p.unless(c.above(), a.user)
	p.change("UPDATE dfs_inodes SET size = ?, tail = ?, version = ?, mtime = ?", &n, to.size, to.tail, to.version, to.mtime)
	p.add(t.sql.insertUsage.bound, usageRow(c.project().id, Usage{Bytes: more})...)
	p.add("UPDATE dfs_small SET version = ?, data = "+t.sql.concat+" WHERE inode_id = ?", to.version, a.data, n.id)
	if told(a.parts) {
		p.add(insertChange.plain, t.changeRow(a.user, a.parts, &to, Written, "")...)
	}
	if done, err = t.send(ctx, &p); done && err == nil {
		a.info = to.info(c.path)
	}
	return done, err
}

// attributesAtOnce changes attributes.
func (t *Tree) attributesAtOnce(ctx context.Context, user User, parts []string, a Attributes) (info Info, done bool, err error) {
	c := t.findSimple(ctx, user, parts)
	if c == nil || !told(parts) || checkAttributes(user, c, a) != nil {
		return Info{}, false, nil
	}
	n, to := *c.last(), *c.last()
	to.apply(a)
	var p packet
	p.unless(c.above(), user)
	p.change("UPDATE dfs_inodes SET mode = ?, owner = ?, grp = ?, mtime = ?, atime = ?", &n, to.mode, to.owner, to.group, to.mtime, to.atime)
	p.add(insertChange.bound, t.changeRow(user, parts, &to, Altered, "")...)
	done, err = t.send(ctx, &p)
	return to.info(c.path), done, err
}
