package dfs

import (
	"context"
	"fmt"
	"strings"

	"github.com/bine-ml/bine/internal/database"
)

// Stat describes what is at path.
func (t *Tree) Stat(ctx context.Context, user User, path string) (Info, error) {
	c, err := t.find(ctx, user, path)
	if err != nil {
		return Info{}, err
	}
	info := c.last().info(c.asked)
	if c.decides() < 0 {
		return info, nil
	}
	p, err := t.policy(ctx, t.reader(ctx), c)
	info.Policy = p.Name
	return info, t.db.Explain(err)
}

// find resolves a path to something that is there, for reading.
func (t *Tree) find(ctx context.Context, user User, path string) (*chain, error) {
	return t.findAs(ctx, user, path, true)
}

// findAs is find, which follows a link at the end of the path only where last is set.
func (t *Tree) findAs(ctx context.Context, user User, path string, last bool) (*chain, error) {
	parts, err := split(path)
	if err != nil {
		return nil, err
	}
	c, err := t.walk(ctx, t.reader(ctx), user, parts, last)
	if err != nil {
		return nil, t.db.Explain(err)
	}
	if err := t.reaches(ctx, t.reader(ctx), user, c, len(c.parts)); err != nil {
		return nil, err
	}
	if !c.complete() {
		return nil, notFound(c.path)
	}
	return c, nil
}

const mostListed = 10_000

// List gives up to limit entries of the directory behind the name after.
func (t *Tree) List(ctx context.Context, user User, dir, after string, limit int) ([]Info, bool, error) {
	return t.list(ctx, user, dir, after, limit, " AND name > ?", after)
}

// Match says which entries of a directory are wanted; the zero value is all.
type Match struct {
	Prefix   string // with which names begin, byte by byte
	Contains string // what is in names, small and capital letters being the same
}

// ListMatching is List for the entries that match.
func (t *Tree) ListMatching(ctx context.Context, user User, dir, after string, limit int, m Match) ([]Info, bool, error) {
	where, args := " AND name > ?", []any{after}
	if m.Prefix != "" {
		if after < m.Prefix { // one bound at each end is a range of the index
			where, args = " AND name >= ?", []any{m.Prefix}
		}
		where, args = where+" AND name < ?", append(args, m.Prefix+"\U0010FFFF")
	}
	if m.Contains != "" {
		where, args = where+" AND INSTR("+t.lowerName()+", ?) > 0", append(args, strings.ToLower(m.Contains))
	}
	return t.list(ctx, user, dir, after, limit, where, args...)
}

// lowerName is the name of an inode in small letters: of ASCII alone on SQLite.
func (t *Tree) lowerName() string {
	if t.db.Dialect() == database.MySQL {
		return "LOWER(CONVERT(name USING utf8mb4))"
	}
	return "LOWER(name)"
}

// list gives entries of a directory that a condition holds for; after is what of
// it counts where there are no rows to ask.
func (t *Tree) list(ctx context.Context, user User, dir, after string, limit int, where string, args ...any) ([]Info, bool, error) {
	c, err := t.find(ctx, user, dir)
	if err != nil {
		return nil, false, err
	}
	at := c.last()
	if !at.dir() {
		return nil, false, notDirectory(c.path)
	}
	if err := user.may(c, len(c.nodes)-1, read); err != nil {
		return nil, false, err
	}
	if at.id == projectsID && !user.Super {
		return t.listOwn(ctx, user, after)
	}
	if limit <= 0 || limit > mostListed {
		limit = mostListed
	}
	if at.flags&flagSnapshots != 0 {
		where += " AND name <> '" + snapshotsName + "'"
	}
	rows, err := t.reader(ctx).QueryContext(ctx, "SELECT name, "+allColumns+" FROM dfs_inodes WHERE parent_id = ?"+where+" ORDER BY name LIMIT ?", append(append([]any{at.id}, args...), limit+1)...)
	if err != nil {
		return nil, false, t.db.Explain(fmt.Errorf("list %s: %w", c.path, err))
	}
	defer rows.Close()
	var entries []Info
	var links map[int64]int // where in entries, by inode
	var own []int64         // of those, which have policies
	base := c.asked
	if base == "/" {
		base = ""
	}
	n := node{parent: at.id}
	targets := append([]any{&n.name}, n.all()...)
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, false, fmt.Errorf("list %s: %w", c.path, err)
		}
		if n.link() {
			if links == nil {
				links = map[int64]int{}
			}
			links[n.id] = len(entries)
		}
		entries = append(entries, n.info(base+"/"+n.name))
		if n.flags&flagPolicy != 0 {
			own = append(own, n.id)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, false, t.db.Explain(fmt.Errorf("list %s: %w", c.path, err))
	}
	if err := t.readLinks(ctx, at.id, entries, links); err != nil {
		return nil, false, t.db.Explain(fmt.Errorf("list %s: %w", c.path, err))
	}
	if err := t.named(ctx, c, entries, own); err != nil {
		return nil, false, t.db.Explain(fmt.Errorf("list %s: %w", c.path, err))
	}
	if len(entries) > limit {
		return entries[:limit], true, nil
	}
	return entries, false, nil
}

// listOwn shows in /Projects the one project that the user acts in.
func (t *Tree) listOwn(ctx context.Context, user User, after string) ([]Info, bool, error) {
	if user.Project == "" || string(user.Project) <= after {
		return nil, false, nil
	}
	info, err := t.Stat(ctx, user, ProjectPath(user.Project))
	if err != nil {
		return nil, false, err
	}
	return []Info{info}, false, nil
}
