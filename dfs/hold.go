package dfs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/bine-ml/bine"
)

// lock reads the inode that c leads to again, which nobody else changes until tx
// ends, with the directories above it held. What is no longer as it was found is
// errAgain.
func (t *Tree) lock(ctx context.Context, tx *sql.Tx, c *chain) error {
	if err := t.hold(ctx, tx, c, len(c.nodes)-1); err != nil {
		return err
	}
	return t.lockNode(ctx, tx, c.last())
}

// lockNode is lock for an inode whatever leads to it.
func (t *Tree) lockNode(ctx context.Context, tx *sql.Tx, n *node) error {
	row := tx.QueryRowContext(ctx, "SELECT "+allColumns+" FROM dfs_inodes WHERE parent_id = ? AND name = ?"+t.sql.exclusive, n.parent, n.name)
	id := n.id
	if err := row.Scan(n.all()...); err != nil {
		return moved(err)
	}
	if n.id != id {
		return errAgain
	}
	return nil
}

// hold keeps the first n inodes of c where and as they are until tx ends: so what
// was decided by them stays right, and a change of what is below them comes
// wholly before or wholly after a rename of any of them. It locks from the top down.
func (t *Tree) hold(ctx context.Context, tx *sql.Tx, c *chain, n int) error {
	if !t.sql.locks {
		return nil
	}
	for nodes := unfixed(c.nodes[:n]); len(nodes) > 0; {
		some := nodes[:min(len(nodes), levelsAtOnce)]
		nodes = nodes[len(some):]
		var there int64
		if err := tx.QueryRowContext(ctx, unchanged(len(some))+t.sql.share, identify(some)...).Scan(&there); err != nil {
			return err
		}
		if there == 0 {
			return errAgain
		}
	}
	return nil
}

// atOneMoment gives the answer err to a call that was decided by two paths, which
// were looked up one after the other: errAgain if there may have been no moment
// at which both were as they were found. What was held needs no such question.
func (t *Tree) atOneMoment(ctx context.Context, tx *sql.Tx, err error, paths ...*chain) error {
	if _, answer := errors.AsType[*bine.Error](err); !answer || !t.sql.locks {
		return err
	}
	var columns []string
	var args []any
	for _, c := range paths {
		if c == nil {
			return err // it was decided by the other
		}
		for nodes := unfixed(c.nodes); len(nodes) > 0; {
			some := nodes[:min(len(nodes), levelsAtOnce)]
			nodes = nodes[len(some):]
			columns, args = append(columns, "("+unchanged(len(some))+") = 1"), append(args, identify(some)...)
		}
		if !c.complete() {
			columns = append(columns, "NOT EXISTS (SELECT 1 FROM dfs_inodes WHERE parent_id = ? AND name = ?)")
			args = append(args, c.last().id, c.parts[len(c.nodes)-1])
		}
	}
	var so bool
	if fault := tx.QueryRowContext(ctx, "SELECT "+strings.Join(columns, " AND "), args...).Scan(&so); fault != nil {
		return fault
	}
	if !so {
		return errAgain
	}
	return err
}

// unfixed leaves out the root and /Projects, which nothing changes.
func unfixed(nodes []node) []node {
	for len(nodes) > 0 && (nodes[0].id == rootID || nodes[0].id == projectsID) {
		nodes = nodes[1:]
	}
	return nodes
}

// What is compared of an inode: where it is, and what else decisions are made by.
var (
	place = []string{"parent_id", "name", "id"}
	whole = append(place[:len(place):len(place)], "mode", "owner", "grp", "quota", "flags")
)

// unchanged counts 1 if so many inodes are as identify describes them.
func unchanged(n int) string { return unchangedQueries()[n] }

var unchangedQueries = sync.OnceValue(func() (queries [levelsAtOnce + 1]string) {
	for n := 1; n <= levelsAtOnce; n++ {
		queries[n] = counting(n, func(int) []string { return whole })
	}
	return queries
})

// counting is a statement that counts 1 if n inodes have the values of their columns.
func counting(n int, columns func(i int) []string) string {
	var tables, conditions []string
	for i := range n {
		tables = append(tables, fmt.Sprintf("dfs_inodes i%d", i+1))
		for _, column := range columns(i) {
			conditions = append(conditions, fmt.Sprintf("i%d.%s = ?", i+1, column))
		}
	}
	return "SELECT COUNT(*) FROM " + strings.Join(tables, " STRAIGHT_JOIN ") + " WHERE " + strings.Join(conditions, " AND ")
}

// identify gives what unchanged compares.
func identify(nodes []node) []any {
	args := make([]any, 0, len(whole)*len(nodes))
	for i := range nodes {
		n := &nodes[i]
		args = append(args, n.parent, n.name, n.id, n.mode, n.owner, n.group, n.quota, n.flags)
	}
	return args
}
