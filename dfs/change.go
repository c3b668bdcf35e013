package dfs

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// ChangeOp says what kind a change is of.
type ChangeOp string

// The kinds of changes.
const (
	Created ChangeOp = "created" // a file or directory is there that was not
	Written ChangeOp = "written" // a file has another content
	Renamed ChangeOp = "renamed" // with all that is below it
	Removed ChangeOp = "removed" // with all that was below it
	Altered ChangeOp = "altered" // attributes or extended attributes are others
)

// Change is one change of what is below the directory of a project, as the feed
// tells it.
type Change struct {
	ID      int64 // its place in the feed
	Project bine.ProjectName
	Op      ChangeOp
	Inode   int64
	Parent  int64 // inode of the directory that it is in, or was when it was removed
	Dir     bool
	Size    int64 // bytes; of a directory 0
	Version int64
	// Path is where it is, and From where it was before a rename, as the caller
	// named them. When a directory above is renamed at the same moment, the feed
	// may tell that first, and Path be the one from before; Parent is always right.
	Path string
	From string
	By   string // the project user, or "bine" for the platform
	At   time.Time
}

// Touches reports whether the change is one of which files are at or below a
// path and what they hold.
func (c *Change) Touches(path string) bool {
	if c.Op == Altered {
		return false
	}
	if below(c.Path, path) || c.From != "" && below(c.From, path) {
		return true
	}
	return c.Op == Removed && below(path, c.Path) || c.Op == Renamed && (below(path, c.Path) || below(path, c.From))
}

// below reports whether a path is at or below another.
func below(inner, outer string) bool {
	return inner == outer || strings.HasPrefix(inner, outer) && inner[len(outer)] == '/'
}

// record adds a change of what c leads to to the feed. It comes last in its
// transaction, when the rows that it speaks of are locked: so two changes of one
// file are in the feed in the order in which they were made. What the platform
// keeps for itself, below directories that begin with a dot, is left out.
func (t *Tree) record(ctx context.Context, tx *sql.Tx, user User, c *chain, op ChangeOp, from string) error {
	n := c.last()
	return t.recordNode(ctx, tx, user, c.parts[:len(c.nodes)-1], n, op, from)
}

func (t *Tree) recordNode(ctx context.Context, tx *sql.Tx, user User, parts []string, n *node, op ChangeOp, from string) error {
	if !told(parts) {
		return nil
	}
	_, err := tx.ExecContext(ctx, insertChange.plain, t.changeRow(user, parts, n, op, from)...)
	return err
}

// told reports whether the feed tells of what is at a path.
func told(parts []string) bool {
	return projectOf(parts) != "" && (len(parts) == 2 || !strings.HasPrefix(parts[2], "."))
}

// changeRow is what insertChange inserts.
func (t *Tree) changeRow(user User, parts []string, n *node, op ChangeOp, from string) []any {
	dir := 0
	if n.dir() {
		dir = 1
	}
	return []any{parts[1], string(op), n.id, n.parent, dir, n.size, n.version, join(parts, len(parts)), from, user.owner(), t.now()}
}
