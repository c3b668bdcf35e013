package dfs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/internal/database"
)

// Relocator is the part of a file system that moves the bytes of files.
type Relocator interface {
	Relocate(ctx context.Context, user User, path string, moved func(int64)) (Relocated, error)
	Below(ctx context.Context, dir, after string, limit int) ([]Info, bool, error)
}

var _ Relocator = (*Tree)(nil)

// Relocated says what Relocate did.
type Relocated struct {
	Blocks int64 // that lie elsewhere now, or are sealed otherwise
	Bytes  int64 // of these, and of what was sealed otherwise in the database
}

// Relocate brings what the file at path holds to where it would be if it were
// written now: its blocks into the tier of its policy, and all of it sealed with the
// project's present key, or not at all. Its bytes, version and times stay, and it is
// read meanwhile. Where it lies is as it was or as it is to be, block by block, so
// whoever is interrupted calls it again.
//
// A block that is of several files of the project, copies and snapshots, is moved
// for all of them, whoever of them asks; but a file in a snapshot moves none that one
// outside has, too. Files of other projects keep theirs.
// moved, where it is not nil, is told of bytes that were copied.
func (t *Tree) Relocate(ctx context.Context, user User, path string, moved func(int64)) (Relocated, error) {
	r := &relocating{t: t, ctx: ctx, path: path, told: moved}
	err := again(path, func() error {
		c, err := t.find(ctx, user, path)
		if err != nil {
			return err
		}
		if err := user.mayRelocate(c); err != nil {
			return err
		}
		if c.last().dir() || c.last().link() {
			return bine.Errorf(bine.Conflict, "%s is no file", c.path)
		}
		r.n, r.project, r.frozen = c.last(), c.project().id, inSnapshots(c.parts)
		if r.to, err = t.manner(ctx, t.reader(ctx), c); err != nil {
			return err
		}
		return r.run()
	})
	return r.done, t.db.Explain(err)
}

// mayRelocate fails for whoever is no Data Owner of the project.
func (u User) mayRelocate(c *chain) error {
	switch {
	case c.project() == nil:
		return bine.Errorf(bine.Invalid, "%s is not in a project", c.path)
	case !u.Super && (u.foreign(c) || u.Role != bine.DataOwner):
		return bine.Errorf(bine.Forbidden, "%s: where it is kept is said by Data Owners", c.path)
	}
	return nil
}

// Below gives up to limit entries of a directory as List does, with all that is
// hidden: what the platform keeps, and snapshots. It is for the platform.
func (t *Tree) Below(ctx context.Context, dir, after string, limit int) ([]Info, bool, error) {
	c, err := t.find(ctx, Platform(), dir)
	if err != nil {
		return nil, false, err
	}
	if !c.last().dir() {
		return nil, false, notDirectory(c.path)
	}
	limit = max(1, min(limit, mostListed))
	rows, err := t.reader(ctx).QueryContext(ctx, "SELECT name, "+allColumns+" FROM dfs_inodes WHERE parent_id = ? AND name > ? ORDER BY name LIMIT ?", c.last().id, after, limit+1)
	if err != nil {
		return nil, false, t.db.Explain(fmt.Errorf("list %s: %w", dir, err))
	}
	defer rows.Close()
	var list []Info
	for rows.Next() {
		n := node{parent: c.last().id}
		if err := rows.Scan(append([]any{&n.name}, n.all()...)...); err != nil {
			return nil, false, err
		}
		info := n.info(join(append(c.parts[:len(c.parts):len(c.parts)], n.name), len(c.parts)+1))
		if n.link() {
			info.Link = "?" // where it leads is of no interest
		}
		list = append(list, info)
	}
	if err := rows.Err(); err != nil {
		return nil, false, t.db.Explain(err)
	}
	if len(list) > limit {
		return list[:limit], true, nil
	}
	return list, false, nil
}

// relocating is one call of Relocate.
type relocating struct {
	t       *Tree
	ctx     context.Context
	path    string
	n       *node
	project int64
	frozen  bool // it lies in a snapshot
	to      manner
	told    func(int64)
	done    Relocated
}

// run moves what is not where it should be; errAgain where the file has changed.
func (r *relocating) run() error {
	if r.n.blocked() {
		extents, err := extentsOf(r.ctx, r.t.reader(r.ctx), r.n.id, 0, r.n.size-r.n.tail)
		if err != nil {
			return err
		}
		for i := range extents {
			if err := r.block(&extents[i]); err != nil {
				return err
			}
		}
	}
	if r.n.tail > 0 {
		return r.small()
	}
	return nil
}

// block moves one block, if it is not where it should be.
func (r *relocating) block(e *extent) error {
	if e.id.At(r.to.key, r.to.Tier) == e.id {
		return nil
	}
	if along, err := r.goesAlong(e.id); along || err != nil {
		return err
	}
	id := block.NewID().At(r.to.key, r.to.Tier)
	staged := &content{extents: []extent{{id: id, size: e.size, sums: e.sums}}}
	if err := r.t.announce(r.ctx, id); err != nil {
		return err
	}
	moved := false
	err := r.copy(e, staged)
	if err == nil {
		moved, err = r.t.swapBlock(r.ctx, r.n.id, r.project, e.id, id)
	}
	if !moved {
		r.t.discard(r.ctx, staged)
		return err // without one, the file has another block there now, which was written by the policy
	}
	r.done.Blocks++
	r.done.Bytes += e.size
	return nil
}

// goesAlong reports whether a block of a file in a snapshot is also of a file that is
// in none: that file's policy says where it lies.
func (r *relocating) goesAlong(id block.ID) (bool, error) {
	if !r.frozen {
		return false, nil
	}
	var others int64
	err := r.t.reader(r.ctx).QueryRowContext(r.ctx, `WITH RECURSIVE up (id, parent_id, name, below) AS (SELECT id, parent_id, name, id FROM dfs_inodes WHERE id IN (SELECT inode_id FROM dfs_blocks WHERE block_id = ?)
UNION ALL SELECT i.id, i.parent_id, i.name, up.below FROM up JOIN dfs_inodes i ON i.id = up.parent_id)
SELECT COUNT(*) FROM up mine WHERE mine.id = ? AND NOT EXISTS (SELECT 1 FROM up WHERE up.below = mine.below AND up.name = '`+snapshotsName+`')`, string(id), r.project).Scan(&others)
	return others > 0, err
}

// copy writes a block to where it should be, and reads it again. Both times every
// checksum is compared.
func (r *relocating) copy(e *extent, staged *content) error {
	in := r.through(e)
	defer in.Close()
	source := &patient{source: &telling{in, r.told}, t: r.t, ctx: r.ctx, c: staged, kept: r.t.o.Now()}
	if err := r.t.blocks.Put(r.ctx, staged.extents[0].id, source); err != nil {
		return fmt.Errorf("move a block of %s: %w", r.path, err)
	}
	back := r.through(&extent{size: e.size, id: staged.extents[0].id, sums: e.sums})
	defer back.Close()
	n, err := io.Copy(io.Discard, &patient{source: back, t: r.t, ctx: r.ctx, c: staged, kept: r.t.o.Now()})
	if err == nil && n != e.size {
		err = bine.Errorf(bine.Internal, "%d of %d bytes came back", n, e.size)
	}
	if err != nil {
		return fmt.Errorf("move a block of %s: what was written cannot be read again: %w", r.path, err)
	}
	return nil
}

// through reads a block as a file of its own.
func (r *relocating) through(e *extent) *file {
	alone := *e
	alone.start = 0
	return &file{ctx: r.ctx, path: r.path, blocks: r.t.blocks, end: e.size, extents: []extent{alone}}
}

// telling tells of what is read.
type telling struct {
	source io.Reader
	told   func(int64)
}

// Read reads from the source.
func (r *telling) Read(p []byte) (int, error) {
	n, err := r.source.Read(p)
	if r.told != nil && n > 0 {
		r.told(int64(n))
	}
	return n, err
}

// small seals anew what lies in the database, if it is not sealed as it should be.
func (r *relocating) small() error {
	if is, err := r.sealedAsItShould(r.t.reader(r.ctx)); is || err != nil {
		return err
	}
	err := r.t.db.Write(r.ctx, func(tx *sql.Tx) error {
		var version int64
		err := tx.QueryRowContext(r.ctx, "SELECT version FROM dfs_inodes WHERE id = ?"+r.t.sql.exclusive, r.n.id).Scan(&version)
		if err != nil || version != r.n.version {
			return errors.Join(moved(err), errAgain)
		}
		data, err := r.t.smallOf(r.ctx, tx, r.n)
		if err != nil {
			return err
		}
		return r.t.putSmall(r.ctx, tx, r.n, data, r.to.key)
	})
	if err == nil {
		r.done.Bytes += r.n.tail
	}
	return err
}

func (r *relocating) sealedAsItShould(q database.Reader) (bool, error) {
	var version int64
	var data []byte
	if err := q.QueryRowContext(r.ctx, "SELECT version, data FROM dfs_small WHERE inode_id = ?", r.n.id).Scan(&version, &data); err != nil {
		return false, moved(err)
	}
	if version != r.n.version {
		return false, errAgain
	}
	with, _ := sealedWith(data, r.n.tail)
	return with == r.to.key, nil
}

// swapBlock puts a block, which holds the same bytes, in the place of another in
// a file, and in all files of its project that have it. It reports whether the file
// still had it. The other becomes garbage once no file has it: who reads it now goes
// on for Options.Grace.
func (t *Tree) swapBlock(ctx context.Context, inode, project int64, old, id block.ID) (done bool, err error) {
	err = t.db.Write(ctx, func(tx *sql.Tx) error {
		done = false
		holders, err := t.lockHoldersOf(ctx, tx, inode, old)
		if err != nil || len(holders) == 0 {
			return err
		}
		mine, shared := holders, len(holders) > 1
		if shared {
			if mine, err = t.ofProject(ctx, tx, holders, project); err != nil || len(mine) == 0 {
				return err
			}
		}
		err = inBatches(mine, func(batch []int64) error {
			_, err := tx.ExecContext(ctx, "UPDATE dfs_blocks SET block_id = ? WHERE block_id = ? AND inode_id IN ("+marks(len(batch))+")", append([]any{string(id), string(old)}, args(batch)...)...)
			return err
		})
		if err != nil {
			return err
		}
		if err := t.noteSwapped(ctx, tx, old, id, len(mine) == len(holders)); err != nil {
			return err
		}
		done = true
		return nil
	})
	return done, err
}

// lockHoldersOf locks the files that have a block, and the row that says so of a
// block of several. It gives none where the file no longer has it. While they are
// locked no other file gets the block, and none of them loses it.
func (t *Tree) lockHoldersOf(ctx context.Context, tx *sql.Tx, inode int64, id block.ID) ([]int64, error) {
	const who = "SELECT DISTINCT inode_id FROM dfs_blocks WHERE block_id = ? ORDER BY inode_id"
	before, err := columnOf[int64](tx.QueryContext(ctx, who, string(id)))
	if err != nil || len(before) == 0 {
		return nil, err
	}
	err = inBatches(before, func(batch []int64) error {
		_, err := columnOf[int64](tx.QueryContext(ctx, "SELECT id FROM dfs_inodes WHERE id IN ("+marks(len(batch))+") ORDER BY id"+t.sql.exclusive, args(batch)...))
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := columnOf[string](tx.QueryContext(ctx, "SELECT block_id FROM dfs_shared_blocks WHERE block_id = ?"+t.sql.exclusive, string(id))); err != nil {
		return nil, err
	}
	holders, err := columnOf[int64](tx.QueryContext(ctx, who, string(id)))
	if err != nil {
		return nil, err
	}
	if len(except(holders, before)) > 0 {
		return nil, errAgain
	}
	if len(except([]int64{inode}, holders)) > 0 {
		return nil, nil
	}
	return holders, nil
}

// ofProject gives those of the inodes that lie below the directory of a project.
func (t *Tree) ofProject(ctx context.Context, tx *sql.Tx, inodes []int64, project int64) (mine []int64, err error) {
	err = inBatches(inodes, func(batch []int64) error {
		some, err := columnOf[int64](tx.QueryContext(ctx, `WITH RECURSIVE up (id, parent_id, below) AS (SELECT id, parent_id, id FROM dfs_inodes WHERE id IN (`+marks(len(batch))+`)
UNION ALL SELECT i.id, i.parent_id, up.below FROM up JOIN dfs_inodes i ON i.id = up.parent_id)
SELECT below FROM up WHERE id = ?`, append(args(batch), project)...))
		mine = append(mine, some...)
		return err
	})
	return mine, err
}

// noteSwapped makes a new block one of files, and the old one garbage where all
// that had it have the new one. Who had the old one noted as one of several has the
// new one noted so.
func (t *Tree) noteSwapped(ctx context.Context, tx *sql.Tx, old, id block.ID, all bool) error {
	if _, err := tx.ExecContext(ctx, "INSERT INTO dfs_shared_blocks (block_id) SELECT ? FROM dfs_shared_blocks WHERE block_id = ?", string(id), string(old)); err != nil {
		return err
	}
	if err := t.takeGarbage(ctx, tx, []string{string(id)}); errors.Is(err, errAgain) {
		return bine.Errorf(bine.Unavailable, "the block was copied so slowly that it was given up: try again")
	} else if err != nil || !all {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM dfs_shared_blocks WHERE block_id = ?", string(old)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO dfs_garbage (block_id, since, taken) VALUES (?, ?, 0)", string(old), t.now())
	return err
}
