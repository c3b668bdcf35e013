package dfs

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/internal/database"
)

// sumEvery is how many bytes one checksum of a block is of: as many as are
// held in memory for each open file.
const sumEvery = 256 << 10

// extent is a block as a part of a file.
type extent struct {
	start int64
	size  int64
	id    block.ID
	sums  []byte
}

// content is what a file is to hold: extents, already stored, and then the tail;
// or the same as another file.
type content struct {
	extents []extent
	tail    []byte
	block   int64 // of what size blocks are at most; 0 for that of the installation
	tier    string
	key     int64 // that it is sealed with; 0 is none
	from    *node
	list    acl  // the access list of that
	anew    bool // whether what lies in the database is sealed anew: it may be with a key of another project
}

// content is empty content that is to be kept in that manner, in blocks of a size
// unless that is 0.
func (m *manner) content(block int64) *content {
	return &content{block: cmp.Or(block, m.BlockSize), tier: m.Tier, key: m.key}
}

// inDatabase is how many bytes at the end lie in the database.
func (c *content) inDatabase() int64 {
	if c.from != nil {
		return c.from.tail
	}
	return int64(len(c.tail))
}

func (c *content) size() int64 {
	if c.from != nil {
		return c.from.size
	}
	size := int64(len(c.tail))
	for _, e := range c.extents {
		size += e.size
	}
	return size
}

// stage takes all that r yields: what is small into memory, anything else into
// blocks. Whatever is not small for the installation is asked for first, whether
// it is worth it and by which policy.
func (t *Tree) stage(ctx context.Context, r io.Reader, block int64, early func() (manner, error)) (*content, error) {
	head, err := io.ReadAll(io.LimitReader(r, t.o.Inline+1))
	if err != nil {
		return nil, fmt.Errorf("read the content: %w", err)
	}
	if int64(len(head)) <= t.o.Inline {
		return &content{tail: head, block: block}, nil
	}
	p, err := early()
	if err != nil {
		return nil, err
	}
	c := p.content(block)
	if p.Inline > t.o.Inline {
		more, err := io.ReadAll(io.LimitReader(r, p.Inline-t.o.Inline))
		if err != nil {
			return nil, fmt.Errorf("read the content: %w", err)
		}
		if head = append(head, more...); int64(len(head)) <= p.Inline {
			c.tail = head
			return c, nil
		}
	}
	if err := t.stageBlocks(ctx, c, 0, io.MultiReader(bytes.NewReader(head), r)); err != nil {
		t.discard(ctx, c)
		return nil, err
	}
	return c, nil
}

// stageBlocks stores what r yields in blocks, as part of a file from start on.
//
// A block is garbage by its row from before its first byte is written until
// the row of the file claims it: a crash at any point in between leaves
// nothing that Reclaim does not find.
func (t *Tree) stageBlocks(ctx context.Context, c *content, start int64, r io.Reader) error {
	source := bufio.NewReaderSize(&patient{source: r, t: t, ctx: ctx, c: c, kept: t.o.Now()}, 4096)
	for {
		if _, err := source.Peek(1); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the content: %w", err)
		}
		e := extent{start: start, id: block.NewID().At(c.key, c.tier)}
		if err := t.announce(ctx, e.id); err != nil {
			return err
		}
		c.extents = append(c.extents, e)
		in := &summing{source: io.LimitReader(source, cmp.Or(c.block, t.o.BlockSize)), sum: crc32.New(castagnoli())}
		if err := t.blocks.Put(ctx, e.id, in); err != nil {
			return err
		}
		e.size, e.sums = in.size, in.finish()
		c.extents[len(c.extents)-1] = e
		start += e.size
	}
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// announce makes a block that is about to be written garbage.
func (t *Tree) announce(ctx context.Context, id block.ID) error {
	return t.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO dfs_garbage (block_id, since, taken) VALUES (?, ?, 0)", string(id), t.now())
		return err
	})
}

// patient keeps what was staged from being reclaimed when the source is slow.
type patient struct {
	source io.Reader
	t      *Tree
	ctx    context.Context
	c      *content
	kept   time.Time
}

// Read reads from the source.
func (p *patient) Read(b []byte) (int, error) {
	n, err := p.source.Read(b)
	if now := p.t.o.Now(); err == nil && now.Sub(p.kept) > p.t.o.Grace/6 {
		p.kept = now
		err = p.t.keep(p.ctx, p.c.extents)
	}
	return n, err
}

// keep begins Options.Grace anew for blocks that are garbage.
func (t *Tree) keep(ctx context.Context, extents []extent) error {
	return t.db.Write(ctx, func(tx *sql.Tx) error {
		return inBatches(extents, func(batch []extent) error {
			_, err := tx.ExecContext(ctx, "UPDATE dfs_garbage SET since = ? WHERE block_id IN ("+marks(len(batch))+")", append([]any{t.now()}, blockIDs(batch)...)...)
			return err
		})
	})
}

// claim makes the extents those of a file.
func (t *Tree) claim(ctx context.Context, tx *sql.Tx, inode int64, extents []extent) error {
	return inBatches(extents, func(batch []extent) error {
		result, err := tx.ExecContext(ctx, "DELETE FROM dfs_garbage WHERE taken = 0 AND block_id IN ("+marks(len(batch))+")", blockIDs(batch)...)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != int64(len(batch)) {
			return errors.Join(err, bine.Errorf(bine.Unavailable, "the content came so slowly that its beginning was given up: send it again"))
		}
		return putExtents(ctx, tx, inode, batch)
	})
}

// putExtents adds the rows of blocks to a file.
func putExtents(ctx context.Context, tx *sql.Tx, inode int64, extents []extent) error {
	for _, e := range extents {
		if _, err := tx.ExecContext(ctx, "INSERT INTO dfs_blocks (inode_id, start, size, block_id, sums) VALUES (?, ?, ?, ?, ?)", inode, e.start, e.size, string(e.id), e.sums); err != nil {
			return err
		}
	}
	return nil
}

// discard removes what was staged for nothing. What cannot be removed now,
// Reclaim removes later.
func (t *Tree) discard(ctx context.Context, c *content) {
	if c == nil || len(c.extents) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	ids := make([]string, len(c.extents))
	for i, e := range c.extents {
		ids[i] = string(e.id)
	}
	_, _ = t.removeBlocks(ctx, ids)
}

const batchSize = 200

func inBatches[T any](all []T, f func([]T) error) error {
	for len(all) > 0 {
		n := min(len(all), batchSize)
		if err := f(all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

func blockIDs(extents []extent) []any {
	ids := make([]any, len(extents))
	for i, e := range extents {
		ids[i] = string(e.id)
	}
	return ids
}

// summing makes the checksums of what passes.
type summing struct {
	source io.Reader
	sum    hash.Hash32
	size   int64
	sums   []byte
}

// Read reads from the source.
func (s *summing) Read(p []byte) (int, error) {
	n, err := s.source.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		part := rest[:min(int64(len(rest)), sumEvery-s.size%sumEvery)]
		s.sum.Write(part)
		s.size += int64(len(part))
		if s.size%sumEvery == 0 {
			s.next()
		}
		rest = rest[len(part):]
	}
	return n, err
}

func (s *summing) next() {
	s.sums = binary.BigEndian.AppendUint32(s.sums, s.sum.Sum32())
	s.sum.Reset()
}

// finish gives all checksums.
func (s *summing) finish() []byte {
	if s.size%sumEvery != 0 {
		s.next()
	}
	return s.sums
}

// extentsOf gives the extents of a file that hold bytes from offset to end.
func extentsOf(ctx context.Context, q database.Reader, inode, offset, end int64) ([]extent, error) {
	rows, err := q.QueryContext(ctx, "SELECT start, size, block_id, sums FROM dfs_blocks WHERE inode_id = ? AND start < ? AND start + size > ? ORDER BY start", inode, end, offset)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var extents []extent
	for rows.Next() {
		var e extent
		if err := rows.Scan(&e.start, &e.size, &e.id, &e.sums); err != nil {
			return nil, err
		}
		extents = append(extents, e)
	}
	return extents, rows.Err()
}
