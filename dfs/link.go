package dfs

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// typeLink is a symbolic link. What it leads to is its row of dfs_links.
const typeLink = 0o120000

func (n *node) link() bool { return n.mode&typeBits == typeLink }

// mostHops is how many links one path may lead through.
const mostHops = 40

// walk resolves a path for a user and follows the links on it; one that the path
// ends at only where last is set. So the chain has the place that the path leads
// to, and no link on it but at its end: whatever is decided by it is decided for
// that place, however it was named. Who may not pass through the directories above
// a link does not learn where it leads. The platform follows none: it goes to
// places that it knows, with every right, and nobody is to lead it elsewhere.
func (t *Tree) walk(ctx context.Context, q database.Reader, user User, parts []string, last bool) (*chain, error) {
	c, err := resolve(ctx, q, parts)
	for hops := 0; err == nil && c.last().link() && (last || !c.complete()); hops++ {
		if hops == mostHops {
			return nil, bine.Errorf(bine.Conflict, "%s leads through more than %d symbolic links: they may lead in a circle", join(parts, len(parts)), mostHops)
		}
		if user.Super {
			return nil, bine.Errorf(bine.Conflict, "%s: %s is a symbolic link, and the platform itself follows none", c.asked, c.found())
		}
		if err := t.reaches(ctx, q, user, c, len(c.nodes)-1); err != nil {
			return nil, err
		}
		var to []string
		if to, err = t.follow(ctx, q, user, c); err != nil {
			return nil, err
		}
		asked := c.asked
		if c, err = resolve(ctx, q, to); err == nil {
			c.asked = asked
		}
	}
	return c, err
}

// follow gives the path that the link at which c got stuck makes of it.
func (t *Tree) follow(ctx context.Context, q database.Reader, user User, c *chain) ([]string, error) {
	var target string
	err := q.QueryRowContext(ctx, "SELECT target FROM dfs_links WHERE inode_id = ?", c.last().id).Scan(&target)
	if errors.Is(err, sql.ErrNoRows) { // it was removed meanwhile
		return nil, notFound(c.path)
	}
	if err != nil {
		return nil, err
	}
	at := len(c.nodes) - 1 // the link is the last of so many parts
	to, inside := aim(c.parts[:at], target)
	if !inside || user.foreign(c) && to[2] != c.parts[2] {
		return nil, notFound(c.found())
	}
	to = append(to, c.parts[at:]...)
	if path := join(to, len(to)); len(to) > MaxDepth || len(path) > MaxPath {
		return nil, bine.Errorf(bine.Conflict, "%s leads to a path that is too long", c.path)
	}
	return to, nil
}

// aim gives the path that a link leads to, and whether that lies below the
// directory of the link's project. What is relative begins at the directory of the
// link; ".." takes the part before away, as it is written.
func aim(link []string, target string) (to []string, inside bool) {
	if !strings.HasPrefix(target, "/") {
		to = slices.Clone(link[:len(link)-1])
	}
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if len(to) == 0 {
				return nil, false
			}
			to = to[:len(to)-1]
		default:
			to = append(to, part)
		}
	}
	return to, len(to) >= 3 && projectOf(to) != "" && projectOf(to) == projectOf(link)
}

// checkTarget says whether a link at the path of c may lead to target.
func (u User) checkTarget(c *chain, target string) error {
	if target == "" || len(target) > MaxPath {
		return bine.Errorf(bine.Invalid, "%s: a symbolic link leads to a path of 1 to %d bytes", c.path, MaxPath)
	}
	if projectOf(c.parts) == "" || len(c.parts) < 3 {
		return bine.Errorf(bine.Invalid, "%s: symbolic links are made below the directory of a project only", c.path)
	}
	for part := range strings.SplitSeq(target, "/") {
		if part == "" || part == "." || part == ".." {
			continue
		}
		if err := checkName(target, part); err != nil {
			return err
		}
	}
	to, inside := aim(c.parts, target)
	if !inside {
		return bine.Errorf(bine.Invalid, "%s cannot lead to %q: a symbolic link leads to what is in its own project", c.path, prefix(target, 200))
	}
	if u.foreign(c) && to[2] != c.parts[2] {
		return bine.Errorf(bine.Invalid, "%s cannot lead to %q: in what another project shares, links stay in the dataset", c.path, prefix(target, 200))
	}
	return nil
}

// Symlink makes a symbolic link.
func (t *Tree) Symlink(ctx context.Context, user User, path, target string, o SymlinkOptions) (Info, error) {
	parts, err := split(path)
	if err != nil {
		return Info{}, err
	}
	var info Info
	err = t.write(ctx, path, func(tx *sql.Tx) error {
		c, err := t.walk(ctx, tx, user, parts, false)
		if err != nil {
			return err
		}
		if err := t.reaches(ctx, tx, user, c, len(c.parts)); err != nil {
			return err
		}
		if c.complete() {
			return exists(c)
		}
		if err := user.checkTarget(c, target); err != nil {
			return err
		}
		if err := t.makeAbove(ctx, tx, user, c, o.Parents, nil); err != nil {
			return err
		}
		if err := t.addLink(ctx, tx, user, c, target); err != nil {
			return err
		}
		info = c.last().info(c.asked)
		info.Link = target
		return t.record(ctx, tx, user, c, Created, "")
	})
	return info, err
}

// addLink adds the last component of c as a link.
func (t *Tree) addLink(ctx context.Context, tx *sql.Tx, user User, c *chain, target string) error {
	n, err := t.newNode(ctx, tx, user, c)
	if err != nil {
		return err
	}
	if err := t.checkQuota(ctx, tx, c, Usage{Files: 1}); err != nil {
		return err
	}
	n.mode = typeLink | 0o777
	if err := t.insert(ctx, tx, n); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO dfs_links (inode_id, target) VALUES (?, ?)", n.id, target); err != nil {
		return err
	}
	c.nodes = append(c.nodes, *n)
	return t.addUsage(ctx, tx, c, Usage{Files: 1})
}

// LinkInfo describes what is at path, a link itself.
func (t *Tree) LinkInfo(ctx context.Context, user User, path string) (Info, error) {
	c, err := t.findAs(ctx, user, path, false)
	if err != nil {
		return Info{}, err
	}
	info := c.last().info(c.asked)
	if !c.last().link() {
		return info, nil
	}
	err = t.reader(ctx).QueryRowContext(ctx, "SELECT target FROM dfs_links WHERE inode_id = ?", info.ID).Scan(&info.Link)
	if errors.Is(err, sql.ErrNoRows) {
		return Info{}, notFound(c.path)
	}
	return info, t.db.Explain(err)
}

// readLinks fills in where the links of a page of a directory lead to, if there are any.
func (t *Tree) readLinks(ctx context.Context, dir int64, page []Info, links map[int64]int) error {
	if len(links) == 0 {
		return nil
	}
	rows, err := t.reader(ctx).QueryContext(ctx, "SELECT i.id, l.target FROM dfs_inodes i JOIN dfs_links l ON l.inode_id = i.id WHERE i.parent_id = ? AND i.name >= ? AND i.name <= ?", dir, page[0].Name, page[len(page)-1].Name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var target string
		if err := rows.Scan(&id, &target); err != nil {
			return err
		}
		if i, found := links[id]; found {
			page[i].Link = target
		}
	}
	return rows.Err()
}
