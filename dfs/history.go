package dfs

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// PathHistory says where in the history of a path to go on: the zero value
// begins with the last change.
type PathHistory struct {
	Before int64  // the change behind which it goes on, back in time; 0 is the last
	Was    string // where the path was at that time; empty is where it is
}

// How far one call looks back: changes of a project are not ordered by path, and
// a busy project has many.
const (
	historyBatch = 2_000
	historyScan  = 50_000
)

// History gives up to limit changes of what is at path, and of what is below it
// where it is a directory, the last first. It follows renames back, also those of
// directories above. A call looks at 50,000 changes of the project at most, so it
// may give fewer than there are; next is where to go on, nil at the end. Changes
// older than Options.Changes are forgotten, and changes below directories that the
// user may not read are left out. Of a path that is not there any more, its
// removals are told to who reads everything, for as long as the project exists.
func (t *Tree) History(ctx context.Context, user User, path string, from PathHistory, limit int) (list []Change, next *PathHistory, err error) {
	if limit <= 0 || limit > mostListed {
		limit = mostListed
	}
	c, err := t.readable(ctx, user, path)
	if bine.IsKind(err, bine.NotFound) {
		before := from.Before
		if before <= 0 {
			before = math.MaxInt64
		}
		if gone, fault := t.removals(ctx, user, path, before, limit); fault == nil && len(gone) == limit {
			return gone, &PathHistory{Before: gone[limit-1].ID}, nil
		} else if fault == nil && (len(gone) > 0 || from.Before > 0) {
			return gone, nil, nil
		}
	}
	if err != nil {
		return nil, nil, err
	}
	project := projectOf(c.parts)
	if project == "" {
		return nil, nil, bine.Errorf(bine.Invalid, "%s is not in a project: only that has a history", path)
	}
	h := &tracing{t: t, user: user, inode: c.last().id, dir: c.last().dir(), at: c.path, before: from.Before, readable: map[string]bool{}}
	h.sees = user.Super || user.Role == bine.DataOwner && !user.foreign(c)
	if from.Was != "" {
		h.at = from.Was
	}
	if h.before <= 0 {
		h.before = math.MaxInt64
	}
	for seen := 0; seen < historyScan; seen += historyBatch {
		batch, err := t.changesBefore(ctx, project, h.before)
		if err != nil {
			return nil, nil, t.db.Explain(fmt.Errorf("read the history of %s: %w", path, err))
		}
		for i := range batch {
			change := &batch[i]
			h.before = change.ID
			if h.concerns(change) && h.mayTell(ctx, change) {
				list = append(list, *change)
			}
			if h.follow(change); h.over || len(list) == limit {
				break
			}
		}
		if h.over || len(batch) < historyBatch && len(list) < limit {
			return list, nil, nil
		}
		if len(list) == limit {
			break
		}
	}
	return list, &PathHistory{Before: h.before, Was: h.at}, nil
}

// changesBefore gives changes of a project before one, the last first.
func (t *Tree) changesBefore(ctx context.Context, project bine.ProjectName, before int64) ([]Change, error) {
	rows, err := t.reader(ctx).QueryContext(ctx, "SELECT "+changeColumns+" FROM dfs_changes WHERE project = ? AND id < ? ORDER BY id DESC LIMIT ?", string(project), before, historyBatch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Change
	for rows.Next() {
		c, err := scanChange(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

const changeColumns = "id, project, op, inode_id, parent_id, dir, size, version, path, came_from, who, at"

func scanChange(rows *sql.Rows) (c Change, err error) {
	var at int64
	err = rows.Scan(&c.ID, &c.Project, &c.Op, &c.Inode, &c.Parent, &c.Dir, &c.Size, &c.Version, &c.Path, &c.From, &c.By, &at)
	c.At = database.Time(at)
	return c, err
}

// tracing goes back in time with a path.
type tracing struct {
	t        *Tree
	user     User
	inode    int64
	dir      bool
	at       string // where it was at the time that is looked at
	before   int64
	over     bool // it was made: before that there is nothing
	sees     bool // the user may read everything in the project
	readable map[string]bool
}

// concerns reports whether a change is one of the path.
func (h *tracing) concerns(c *Change) bool {
	if c.Inode == h.inode {
		return true
	}
	if below(c.Path, h.at) || c.From != "" && below(c.From, h.at) {
		return h.dir
	}
	return c.Op == Renamed && c.Dir && below(h.at, c.Path) // moved with it
}

// follow takes the path to where it was before a change.
func (h *tracing) follow(c *Change) {
	switch {
	case c.Op == Renamed && (c.Inode == h.inode || c.Dir && below(h.at, c.Path)):
		if rest, ok := strings.CutPrefix(h.at, c.Path); ok {
			h.at = c.From + rest
		}
	case c.Op == Created && c.Inode == h.inode && h.dir:
		h.over = true
	}
}

// mayTell reports whether the user may know what lies where a change was made:
// it depends on what is there of the directories above it now.
func (h *tracing) mayTell(ctx context.Context, c *Change) bool {
	if h.sees {
		return true
	}
	for _, path := range []string{c.Path, c.From} {
		if path == "" {
			continue
		}
		dir := path[:strings.LastIndexByte(path, '/')]
		told, known := h.readable[dir]
		if !known {
			told = h.t.mayRead(ctx, h.user, dir)
			h.readable[dir] = told
		}
		if !told {
			return false
		}
	}
	return true
}

// mayRead reports whether the user may read a directory, or what is left of the
// way to it.
func (t *Tree) mayRead(ctx context.Context, user User, path string) bool {
	parts, err := split(path)
	if err != nil {
		return false
	}
	c, err := t.walk(ctx, t.reader(ctx), user, parts, true)
	if err != nil {
		return false
	}
	return t.reaches(ctx, t.reader(ctx), user, c, len(c.parts)) == nil && user.may(c, len(c.nodes)-1, read) == nil
}
