package dfs

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// The inodes that are always there.
const (
	rootID     = 1
	projectsID = 2
	removedID  = 3
	stagedID   = 4 // below it lie copies that are being made; it has no row itself, as removedID
)

// The types of inodes, in the bits of the mode where POSIX has them.
const (
	typeBits = 0o170000
	typeDir  = 0o040000
	typeFile = 0o100000 // and typeLink
	modeBits = 0o777
)

// node is a row of dfs_inodes.
type node struct {
	parent  int64
	name    string
	id      int64
	mode    int64
	owner   string
	group   string
	quota   int64
	flags   int64 // what else there is to know of it
	size    int64
	tail    int64
	version int64
	mtime   int64
	atime   int64
	btime   int64
	block   int64 // of what size its blocks are at most; 0 for that of the installation
}

func (n *node) dir() bool { return n.mode&typeBits == typeDir }

// blocked reports whether bytes of the file lie in blocks.
func (n *node) blocked() bool { return n.size > n.tail }

func (n *node) info(path string) Info {
	return Info{
		Path: path, Name: n.name, ID: n.id, Dir: n.dir(), Size: n.size, Mode: uint32(n.mode & modeBits), ACL: n.flags&hasACL != 0,
		Owner: n.owner, Group: n.group, Version: n.version, BlockSize: n.block, Snapshots: n.snapshottable(),
		Modified: database.Time(n.mtime), Accessed: database.Time(n.atime), Created: database.Time(n.btime),
	}
}

// The columns that are read of an inode: of one that is only passed through, and of the last.
var (
	passColumns = []string{"id", "mode", "owner", "grp", "quota", "flags"}
	moreColumns = []string{"size", "tail", "version", "mtime", "atime", "btime", "block_size"}
)

const allColumns = "id, mode, owner, grp, quota, flags, size, tail, version, mtime, atime, btime, block_size"

func (n *node) pass() []any { return []any{&n.id, &n.mode, &n.owner, &n.group, &n.quota, &n.flags} }

func (n *node) all() []any {
	return append(n.pass(), &n.size, &n.tail, &n.version, &n.mtime, &n.atime, &n.btime, &n.block)
}

// chain is a path with the inodes that were found on it.
type chain struct {
	path  string
	asked string // the path as it was asked for; another one where links were followed
	parts []string
	nodes []node // nodes[i] is that of parts[:i]; nodes[0] is the root
	// shared is what a user of another project may do with the dataset that the
	// path leads to.
	shared bine.ShareAccess
	acls   map[int64]acl // of those nodes that have one
	limits []*limit      // above what the path leads to, when they were asked for
}

// complete reports whether the path leads to something.
func (c *chain) complete() bool { return len(c.nodes) == len(c.parts)+1 }

// last is the inode that the path leads to, or gets nearest to.
func (c *chain) last() *node { return &c.nodes[len(c.nodes)-1] }

// found is the path of last.
func (c *chain) found() string { return join(c.parts, len(c.nodes)-1) }

// project is the inode of the project that the path belongs to, or nil.
func (c *chain) project() *node {
	if projectOf(c.parts) == "" || len(c.nodes) < 3 {
		return nil
	}
	return &c.nodes[2]
}

// projectOf names the project that a path belongs to, "" for none.
func projectOf(parts []string) bine.ProjectName {
	if len(parts) >= 2 && parts[0] == projectsName {
		return bine.ProjectName(parts[1])
	}
	return ""
}

// fixed are the root and /Projects. They never change, so nobody has to read them.
func fixed(parts []string) []node {
	nodes := []node{{id: rootID, mode: typeDir | 0o755, owner: platformName, group: platformName, version: 1}}
	if len(parts) > 0 && parts[0] == projectsName {
		nodes = append(nodes, node{parent: rootID, name: projectsName, id: projectsID, mode: typeDir | 0o755, owner: platformName, group: platformName, version: 1})
	}
	return nodes
}

// levelsAtOnce bounds the tables of one join; the engines allow 61 and 64.
const levelsAtOnce = 20

// resolve finds the inodes of a path, in one round trip up to a depth of 20
// below the project's directory, and one more where one of them has an access list.
func resolve(ctx context.Context, q database.Reader, parts []string) (*chain, error) {
	path := "/" + strings.Join(parts, "/")
	c := &chain{path: path, asked: path, parts: parts, nodes: make([]node, 0, len(parts)+1)}
	c.nodes = append(c.nodes, fixed(parts)...)
	for !c.complete() && c.last().dir() {
		from := len(c.nodes) - 1
		depth := min(len(parts)-from, levelsAtOnce)
		n, err := c.descend(ctx, q, parts[from:from+depth])
		if err != nil {
			return nil, fmt.Errorf("look up %s: %w", c.path, err)
		}
		if n < depth {
			break
		}
	}
	return c, c.loadACLs(ctx, q)
}

// descend adds the inodes of names below the last one and says how many there are.
func (c *chain) descend(ctx context.Context, q database.Reader, names []string) (int, error) {
	depth, parent := len(names), c.last().id
	args := make([]any, 0, depth+1)
	for _, name := range names[1:] {
		args = append(args, name)
	}
	args = append(args, parent, names[0])
	values := make([]any, (depth-1)*len(passColumns)+len(passColumns)+len(moreColumns))
	targets := make([]any, len(values))
	for i := range values {
		targets[i] = &values[i]
	}
	err := q.QueryRowContext(ctx, lookup(depth), args...).Scan(targets...)
	if err == sql.ErrNoRows {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for i, name := range names {
		if values[0] == nil {
			return i, nil
		}
		n := node{parent: parent, name: name}
		if values, err = n.take(values, i == depth-1); err != nil {
			return 0, err
		}
		c.nodes = append(c.nodes, n)
		parent = n.id
	}
	return depth, nil
}

// take sets n from the first values and gives the rest.
func (n *node) take(values []any, all bool) ([]any, error) {
	targets := [...]any{&n.id, &n.mode, &n.owner, &n.group, &n.quota, &n.flags, &n.size, &n.tail, &n.version, &n.mtime, &n.atime, &n.btime, &n.block}
	used := targets[:len(passColumns)]
	if all {
		used = targets[:]
	}
	for i, target := range used {
		if err := assign(target, values[i]); err != nil {
			return nil, err
		}
	}
	return values[len(used):], nil
}

// assign sets target from what a driver gave; nil is left for columns behind the end of a path.
func assign(target, value any) (err error) {
	switch target := target.(type) {
	case *int64:
		switch v := value.(type) {
		case int64:
			*target = v
			return nil
		case []byte:
			*target, err = strconv.ParseInt(string(v), 10, 64)
			return err
		}
	case *string:
		switch v := value.(type) {
		case string:
			*target = v
			return nil
		case []byte:
			*target = string(v)
			return nil
		}
	}
	return fmt.Errorf("a column holds %T", value)
}

// lookups are the statements that look up so many levels at once.
var lookups = sync.OnceValue(func() (queries [levelsAtOnce + 1]string) {
	for depth := 1; depth <= levelsAtOnce; depth++ {
		var columns, joins []string
		for level := 1; level <= depth; level++ {
			names := passColumns
			if level == depth {
				names = append(names[:len(names):len(names)], moreColumns...)
			}
			for _, name := range names {
				columns = append(columns, fmt.Sprintf("i%d.%s", level, name))
			}
			if level > 1 {
				joins = append(joins, fmt.Sprintf(" LEFT JOIN dfs_inodes i%d ON i%d.parent_id = i%d.id AND i%d.name = ?", level, level, level-1, level))
			}
		}
		queries[depth] = "SELECT " + strings.Join(columns, ", ") + " FROM dfs_inodes i1" + strings.Join(joins, "") + " WHERE i1.parent_id = ? AND i1.name = ?"
	}
	return queries
})

func lookup(depth int) string { return lookups()[depth] }

func moved(err error) error {
	if err == sql.ErrNoRows {
		return errAgain
	}
	return err
}

// row is what insertInode inserts.
func (n *node) row() []any {
	return []any{n.parent, n.name, n.id, n.mode, n.owner, n.group, n.size, n.tail, n.version, n.mtime, n.atime, n.btime, n.quota, n.flags, n.block}
}

// insert adds a row. A name that is taken meanwhile is errAgain.
func (t *Tree) insert(ctx context.Context, tx *sql.Tx, n *node) error {
	_, err := tx.ExecContext(ctx, insertInode.plain, n.row()...)
	if err != nil && t.db.IsDuplicate(err) {
		return errAgain
	}
	return err
}

// sortByPlace orders indexes of nodes by where those are.
func sortByPlace(order []int, nodes []node) {
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(nodes[a].parent, nodes[b].parent), cmp.Compare(nodes[a].name, nodes[b].name))
	})
}
