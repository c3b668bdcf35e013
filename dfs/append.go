package dfs

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/bine-ml/bine"
)

// Append adds data at offset.
//
// The end of a file lies in the database until it is over Options.Inline; then
// it becomes a block, together with the blocks before it that are not larger.
// So sizes of blocks fall by half or more towards the end: a byte is written
// again as often as its file doubles, and the number of blocks grows with the
// logarithm of the size up to BlockSize.
func (t *Tree) Append(ctx context.Context, user User, path string, offset int64, data []byte) (Info, error) {
	parts, err := split(path)
	if err != nil {
		return Info{}, err
	}
	if offset < 0 {
		return Info{}, bine.Errorf(bine.Invalid, "%s: offset %d is negative", path, offset)
	}
	a := &appending{t: t, user: user, parts: parts, offset: offset, data: data}
	err = again(path, func() error { return a.try(ctx) })
	return a.info, t.db.Explain(err)
}

// appendAs adds data to a file of the platform that is to become one at another path,
// and is kept as that would be.
func (t *Tree) appendAs(ctx context.Context, path string, as *manner, offset int64, data []byte) (Info, error) {
	parts, err := split(path)
	if err != nil {
		return Info{}, err
	}
	a := &appending{t: t, user: Platform(), parts: parts, as: as, offset: offset, data: data}
	err = again(path, func() error { return a.try(ctx) })
	return a.info, t.db.Explain(err)
}

// AppendTo adds data at offset to a file that may have been renamed.
func (t *Tree) AppendTo(ctx context.Context, user User, file Info, offset int64, data []byte) (Info, error) {
	if offset < 0 {
		return Info{}, bine.Errorf(bine.Invalid, "%s: offset %d is negative", file.Path, offset)
	}
	path := file.Path
	for moves := 0; ; moves++ {
		parts, err := split(path)
		if err != nil {
			return Info{}, err
		}
		a := &appending{t: t, user: user, parts: parts, id: file.ID, offset: offset, data: data}
		err = again(path, func() error { return a.try(ctx) })
		if path != file.Path && bine.IsKind(err, bine.NotFound) { // where it is now is not told
			err = notFound(file.Path)
		}
		if !errors.Is(err, errElsewhere) {
			return a.info, t.db.Explain(err)
		}
		if path, err = t.Where(ctx, file.ID); err != nil {
			return Info{}, t.db.Explain(err)
		}
		if path[0] != '/' || moves == mostMoves {
			return Info{}, notFound(file.Path)
		}
	}
}

// mostMoves is how often a file may be renamed while it is looked for.
const mostMoves = 5

// errElsewhere says that a path no longer leads to the file that is appended to.
var errElsewhere = errors.New("the file is elsewhere")

// appending is one call of Append.
type appending struct {
	t      *Tree
	user   User
	parts  []string
	id     int64 // of the file; 0 where the path alone says which
	offset int64
	data   []byte
	as     *manner // how it is kept, where the path does not say that
	kept   manner  // how that is
	info   Info
}

// What is left to do after the first transaction.
type appendStep int

const (
	appended appendStep = iota
	compareOverlap
	makeBlocked
	flushTail
)

func (a *appending) try(ctx context.Context) error {
	if done, err := a.atOnce(ctx); done {
		return err
	}
	var c *chain
	var next appendStep
	err := a.t.db.Write(ctx, func(tx *sql.Tx) (err error) {
		if c, err = a.t.walk(ctx, tx, a.user, a.parts, true); err != nil {
			return err
		}
		if a.id != 0 && (!c.complete() || c.last().id != a.id) {
			return errElsewhere
		}
		next, err = a.inPlace(ctx, tx, c)
		return err
	})
	if err != nil {
		return err
	}
	switch next {
	case compareOverlap:
		return a.overlap(ctx, c)
	case makeBlocked:
		_, err := a.t.Create(ctx, a.user, c.path, bytes.NewReader(a.data), CreateOptions{})
		if bine.IsKind(err, bine.Conflict) {
			return errAgain // somebody else made it
		}
		if err != nil {
			return err
		}
		a.info, err = a.t.Stat(ctx, a.user, c.asked)
		return err
	case flushTail:
		return a.flush(ctx, c)
	}
	a.info = c.last().info(c.asked)
	return nil
}

// inPlace appends within the database, if that is enough.
func (a *appending) inPlace(ctx context.Context, tx *sql.Tx, c *chain) (appendStep, error) {
	if err := a.t.reaches(ctx, tx, a.user, c, len(c.parts)); err != nil {
		return 0, err
	}
	if !c.complete() {
		return a.make(ctx, tx, c)
	}
	n := c.last()
	if err := replaceable(c, a.user, true); err != nil {
		return 0, err
	}
	err := a.t.lock(ctx, tx, c)
	if err != nil {
		return 0, err
	}
	if err := a.t.only(ctx, tx, a.user, c); err != nil {
		return 0, err
	}
	if a.kept, err = a.manner(ctx, tx, c); err != nil {
		return 0, err
	}
	switch more := int64(len(a.data)); {
	case a.offset > n.size:
		return 0, bine.Errorf(bine.Conflict, "%s: there is a gap: the file has %d bytes and the next ones are said to begin at %d", c.path, n.size, a.offset)
	case more == 0:
		return appended, nil
	case a.offset < n.size:
		return compareOverlap, nil
	case n.tail+more > a.kept.Inline:
		return flushTail, a.t.checkQuota(ctx, tx, c, Usage{Bytes: more})
	}
	return appended, a.addTail(ctx, tx, c)
}

// manner is how the bytes are kept.
func (a *appending) manner(ctx context.Context, tx *sql.Tx, c *chain) (manner, error) {
	if a.as != nil {
		return *a.as, nil
	}
	return a.t.manner(ctx, tx, c)
}

// make makes the file by its first bytes.
func (a *appending) make(ctx context.Context, tx *sql.Tx, c *chain) (appendStep, error) {
	if a.offset > 0 {
		return 0, notFound(c.path)
	}
	if a.user.Lease != 0 {
		return 0, fenced(c.asked)
	}
	if !c.last().dir() {
		return 0, notDirectory(c.found())
	}
	p, err := a.manner(ctx, tx, c)
	if err != nil {
		return 0, err
	}
	if int64(len(a.data)) > p.Inline {
		return makeBlocked, nil
	}
	return appended, a.t.place(ctx, tx, a.user, c, &content{tail: a.data, block: p.BlockSize, key: p.key}, CreateOptions{})
}

// addTail adds to the bytes that lie in the database.
func (a *appending) addTail(ctx context.Context, tx *sql.Tx, c *chain) error {
	n, more := c.last(), int64(len(a.data))
	if err := a.t.checkQuota(ctx, tx, c, Usage{Bytes: more}); err != nil {
		return err
	}
	had, data := n.tail, a.data
	if p := c.project(); had > 0 && p != nil && p.flags&flagSealed != 0 { // what is there may be sealed, as a whole
		before, err := a.t.smallOf(ctx, tx, n)
		if err != nil {
			return err
		}
		had, data = 0, append(before, a.data...)
	}
	n.size, n.tail, n.version, n.mtime = n.size+more, n.tail+more, n.version+1, a.t.now()
	var err error
	if had == 0 {
		err = a.t.putSmall(ctx, tx, n, data, a.kept.key)
	} else {
		_, err = tx.ExecContext(ctx, "UPDATE dfs_small SET version = ?, data = "+a.t.sql.concat+" WHERE inode_id = ?", n.version, a.data, n.id)
	}
	if err != nil {
		return err
	}
	if err := a.t.update(ctx, tx, n); err != nil {
		return err
	}
	if err := a.t.addUsage(ctx, tx, c, Usage{Bytes: more}); err != nil {
		return err
	}
	return a.t.record(ctx, tx, a.user, c, Written, "")
}

// overlap compares what the file has already, and goes on with what is new.
func (a *appending) overlap(ctx context.Context, c *chain) error {
	n := c.last()
	have := a.data[:min(int64(len(a.data)), n.size-a.offset)]
	same, err := a.t.same(ctx, c.path, n, a.offset, have)
	if err != nil {
		return err
	}
	if !same {
		return bine.Errorf(bine.Conflict, "%s: the file has other bytes at %d already; its size is %d", c.path, a.offset, n.size)
	}
	a.offset, a.data = a.offset+int64(len(have)), a.data[len(have):]
	if len(a.data) > 0 {
		return errAgain
	}
	a.info = n.info(c.asked)
	return nil
}

// flush makes the end of the file a block, with what is appended.
func (a *appending) flush(ctx context.Context, c *chain) error {
	n := c.last()
	start, err := a.mergeFrom(ctx, n)
	if err != nil {
		return err
	}
	old := io.NopCloser(io.Reader(bytes.NewReader(nil)))
	if start < n.size {
		if old, err = a.t.open(ctx, c.path, n, start, 0); err != nil {
			return err
		}
	}
	defer old.Close()
	staged := a.kept.content(n.block)
	err = a.t.stageBlocks(ctx, staged, start, io.MultiReader(old, bytes.NewReader(a.data)))
	if err == nil {
		err = a.t.db.Write(ctx, func(tx *sql.Tx) error { return a.swap(ctx, tx, *n, start, staged) })
	}
	if err != nil {
		a.t.discard(ctx, staged)
		return err
	}
	return nil
}

// mergeFrom says from where on the file is written anew.
func (a *appending) mergeFrom(ctx context.Context, n *node) (int64, error) {
	rows, err := a.t.reader(ctx).QueryContext(ctx, "SELECT size FROM dfs_blocks WHERE inode_id = ? ORDER BY start DESC LIMIT 64", n.id)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	start, total := n.size-n.tail, n.tail+int64(len(a.data))
	for rows.Next() {
		var size int64
		if err := rows.Scan(&size); err != nil {
			return 0, err
		}
		if size > total || size+total > a.t.blockSize(n) {
			break
		}
		start, total = start-size, total+size
	}
	return start, rows.Err()
}

// swap puts the staged blocks in the place of what the file n held from start
// on, unless it has changed since.
func (a *appending) swap(ctx context.Context, tx *sql.Tx, n node, start int64, staged *content) error {
	c, err := a.t.walk(ctx, tx, a.user, a.parts, true)
	if err != nil {
		return err
	}
	if !c.complete() || c.last().id != n.id {
		return errAgain
	}
	at := c.last()
	if err := a.t.lock(ctx, tx, c); err != nil {
		return err
	}
	if at.version != n.version {
		return errAgain
	}
	if err := a.t.only(ctx, tx, a.user, c); err != nil {
		return err
	}
	if err := a.t.checkQuota(ctx, tx, c, Usage{Bytes: int64(len(a.data))}); err != nil {
		return err
	}
	if err := a.t.giveUp(ctx, tx, at, start); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_small WHERE inode_id = ?", n.id); err != nil {
		return err
	}
	if err := a.t.claim(ctx, tx, n.id, staged.extents); err != nil {
		return err
	}
	at.size, at.tail, at.version, at.mtime = n.size+int64(len(a.data)), 0, n.version+1, a.t.now()
	if at.size != start+staged.size() {
		return fmt.Errorf("append to %s: %d bytes were staged from %d on, for a size of %d", c.path, staged.size(), start, at.size)
	}
	if err := a.t.update(ctx, tx, at); err != nil {
		return err
	}
	a.info = at.info(c.asked)
	if err := a.t.addUsage(ctx, tx, c, Usage{Bytes: int64(len(a.data))}); err != nil {
		return err
	}
	return a.t.record(ctx, tx, a.user, c, Written, "")
}
