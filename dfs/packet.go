package dfs

import (
	"strings"
	"sync"

	"github.com/bine-ml/bine/internal/database"
)

// insertion is an INSERT of one row.
type insertion struct {
	plain string // with the row as parameters
	// bound is the same and an error where what the packet was decided by has
	// changed: its first column cannot be NULL.
	bound string
}

func inserting(into, columns, end string) insertion {
	row := marks(strings.Count(columns, ",") + 1)
	into = "INSERT INTO " + into + " (" + columns + ") VALUES ("
	return insertion{into + row + ")" + end, into + "IF(@bine_unchanged = 1, ?, NULL)" + row[1:] + ")" + end}
}

var (
	insertInode  = inserting("dfs_inodes", "parent_id, name, id, mode, owner, grp, size, tail, version, mtime, atime, btime, quota, flags, block_size", "")
	insertSmall  = inserting("dfs_small", "inode_id, version, data", "")
	insertChange = inserting("dfs_changes", "project, op, inode_id, parent_id, dir, size, version, path, came_from, who, at", "")
)

// packet is a change in one round trip: it was decided by inodes that were read
// before, and changes nothing unless they are still as they were then. So a
// packet does what a transaction does that locks the same inodes before it
// decides. Its cost is the server's time to parse and plan, so it says little.
type packet struct{ statements []database.Statement }

func (p *packet) add(text string, args ...any) {
	p.statements = append(p.statements, database.Statement{Text: text, Args: args})
}

// unless makes what follows depend on the nodes, which begin with that of a
// project, being unchanged: at most levelsAtOnce of them, which are locked shared
// from the top down. Owners and modes of all but the last do not count for a
// user who may pass them whatever they are.
func (p *packet) unless(nodes []node, user User) {
	set := "SET @bine_unchanged = ("
	if len(p.statements) > 0 {
		set = "SET @bine_unchanged = @bine_unchanged * ("
	}
	if !user.unbound() {
		p.add(set+unchanged(len(nodes))+" LOCK IN SHARE MODE)", identify(nodes)...)
		return
	}
	var args []any
	for i := range nodes[:len(nodes)-1] {
		n := &nodes[i]
		args = append(args, n.parent, n.name, n.id, n.flags)
		if i == 0 {
			args = append(args, n.quota)
		}
	}
	args = append(args, identify(nodes[len(nodes)-1:])...)
	p.add(set+unchangedPlaces()[len(nodes)]+" LOCK IN SHARE MODE)", args...)
}

// change adds a statement on the row of n, which changes it only if it is as it
// was found and so is everything else. What follows depends on that.
func (p *packet) change(text string, n *node, args ...any) {
	p.add(text+" WHERE parent_id = ? AND name = ? AND id = ? AND version = ? AND mode = ? AND owner = ? AND grp = ? AND mtime = ? AND atime = ? AND flags = 0 AND @bine_unchanged = 1",
		append(args, n.parent, n.name, n.id, n.version, n.mode, n.owner, n.group, n.mtime, n.atime)...)
	p.add("SET @bine_unchanged = ROW_COUNT()")
}

var unchangedPlaces = sync.OnceValue(func() (queries [levelsAtOnce + 1]string) {
	for n := 1; n <= levelsAtOnce; n++ {
		queries[n] = counting(n, func(i int) []string {
			columns := append(place[:len(place):len(place)], "flags")
			switch i {
			case n - 1:
				return whole
			case 0:
				return append(columns, "quota")
			}
			return columns
		})
	}
	return queries
})

// flagged reports whether anything hangs on one of the inodes that changes what
// may be done or what has to be done with it. Snapshots do so for directories that
// are removed only, which no packet does.
func flagged(nodes []node) bool {
	for i := range nodes {
		if nodes[i].flags&^flagSnapshots != 0 {
			return true
		}
	}
	return false
}
