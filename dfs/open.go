package dfs

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
)

// Open reads length bytes from offset on.
func (t *Tree) Open(ctx context.Context, user User, path string, offset, length int64) (io.ReadCloser, Info, error) {
	if offset < 0 || length < 0 {
		return nil, Info{}, bine.Errorf(bine.Invalid, "%s: offset %d and length %d must not be negative", path, offset, length)
	}
	var r io.ReadCloser
	var info Info
	err := again(path, func() error {
		c, err := t.find(ctx, user, path)
		if err != nil {
			return err
		}
		n := c.last()
		if n.dir() {
			return bine.Errorf(bine.Conflict, "%s is a directory, not a file", c.path)
		}
		if err := user.may(c, len(c.nodes)-1, read); err != nil {
			return err
		}
		if offset > n.size {
			return bine.Errorf(bine.Invalid, "%s: offset %d lies behind the end: the file has %d bytes", c.path, offset, n.size)
		}
		info = n.info(c.asked)
		f, err := t.open(ctx, c.path, n, offset, length)
		if err != nil {
			return err
		}
		if user.foreign(c) {
			f.still, f.asked = func() error { return t.admit(ctx, t.reader(ctx), user, c) }, time.Now()
		}
		r = f
		return nil
	})
	return r, info, t.db.Explain(err)
}

// open reads a range of the file n as it was found; errAgain if it is no longer that one.
func (t *Tree) open(ctx context.Context, path string, n *node, offset, length int64) (*file, error) {
	f := &file{ctx: ctx, path: path, blocks: t.blocks, pos: offset, end: n.size}
	if length > 0 {
		f.end = min(n.size-offset, length) + offset
	}
	if f.end == f.pos {
		return f, nil
	}
	inBlocks := n.size - n.tail
	if f.end > inBlocks {
		var version int64
		err := t.reader(ctx).QueryRowContext(ctx, "SELECT version, data FROM dfs_small WHERE inode_id = ?", n.id).Scan(&version, &f.tail)
		if err != nil {
			return nil, moved(err)
		}
		if version != n.version {
			return nil, errAgain
		}
		if f.tail, err = t.openSmall(ctx, t.db.Read(), f.tail, n.tail); err != nil {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
		f.tailStart = inBlocks
	}
	if f.pos >= inBlocks {
		return f, nil
	}
	var err error
	if f.extents, err = extentsOf(ctx, t.reader(ctx), n.id, f.pos, min(f.end, inBlocks)); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	// The blocks were read after the inode. If that is still the same, they belong together.
	var version int64
	err = t.reader(ctx).QueryRowContext(ctx, "SELECT version FROM dfs_inodes WHERE parent_id = ? AND name = ? AND id = ?", n.parent, n.name, n.id).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && version != n.version) {
		return nil, errAgain
	}
	return f, err
}

// file reads a range of a file: extents, one after the other, then the tail.
type file struct {
	ctx       context.Context
	path      string
	blocks    block.Store
	pos, end  int64
	extents   []extent // those not yet read to their end
	tail      []byte
	tailStart int64

	still func() error // whether what is shared may still be read; nil for always
	asked time.Time    // when that was asked

	in      io.ReadCloser // of the first extent
	at      int64         // where in the file the next bytes of in belong
	buffer  []byte        // of one checksum
	checked []byte        // the part of buffer that was checked and not yet handed out
}

// Read hands out bytes whose checksum was checked.
func (f *file) Read(p []byte) (int, error) {
	if f.pos >= f.end {
		return 0, io.EOF
	}
	if len(f.checked) == 0 {
		if err := f.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.checked[:min(int64(len(f.checked)), f.end-f.pos)])
	f.checked = f.checked[n:]
	f.pos += int64(n)
	return n, nil
}

// WriteTo writes everything to w without another copy.
func (f *file) WriteTo(w io.Writer) (total int64, err error) {
	for f.pos < f.end {
		if len(f.checked) == 0 {
			if err := f.fill(); err != nil {
				return total, err
			}
		}
		n, err := w.Write(f.checked[:min(int64(len(f.checked)), f.end-f.pos)])
		f.checked = f.checked[n:]
		f.pos += int64(n)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// Close gives up the rest.
func (f *file) Close() error {
	f.pos = f.end
	if f.in == nil {
		return nil
	}
	in := f.in
	f.in = nil
	return in.Close()
}

// revokedWithin is for how long one who reads goes on after a dataset is no
// longer shared.
const revokedWithin = time.Second

// fill makes the bytes at pos those that are handed out next.
func (f *file) fill() error {
	if f.still != nil && time.Since(f.asked) > revokedWithin {
		if err := f.still(); err != nil {
			return err
		}
		f.asked = time.Now()
	}
	for len(f.extents) > 0 && f.pos >= f.extents[0].start+f.extents[0].size {
		if err := f.leave(); err != nil {
			return err
		}
	}
	if len(f.extents) == 0 {
		if f.pos < f.tailStart || f.pos-f.tailStart >= int64(len(f.tail)) {
			return fmt.Errorf("read %s: no block holds the bytes at %d", f.path, f.pos)
		}
		f.checked = f.tail[f.pos-f.tailStart:]
		return nil
	}
	e := &f.extents[0]
	if f.pos < e.start {
		return fmt.Errorf("read %s: no block holds the bytes at %d", f.path, f.pos)
	}
	if f.in == nil {
		if err := f.enter(e); err != nil {
			return err
		}
	}
	return f.check(e)
}

// enter opens the block of e at the checksum that pos falls under.
func (f *file) enter(e *extent) error {
	skip := (f.pos - e.start) / sumEvery * sumEvery
	stop := min(e.size, (f.end-e.start+sumEvery-1)/sumEvery*sumEvery)
	in, err := f.blocks.Open(f.ctx, e.id, skip, stop-skip)
	if errors.Is(err, block.ErrNotExist) {
		return bine.Errorf(bine.Internal, "read %s: block %s is gone: %w", f.path, e.id, err)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", f.path, err)
	}
	f.in, f.at = in, e.start+skip
	if f.buffer == nil {
		f.buffer = make([]byte, min(sumEvery, e.size))
	}
	return nil
}

func (f *file) leave() error {
	f.extents = f.extents[1:]
	if f.in == nil {
		return nil
	}
	err := f.in.Close()
	f.in = nil
	return err
}

// check reads the bytes of the next checksum of e and compares it.
func (f *file) check(e *extent) error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	size := min(sumEvery, e.start+e.size-f.at)
	if int64(cap(f.buffer)) < size {
		f.buffer = make([]byte, size)
	}
	part := f.buffer[:size]
	if _, err := io.ReadFull(f.in, part); err != nil {
		return fmt.Errorf("read %s: block %s is shorter than its %d bytes or cannot be read: %w", f.path, e.id, e.size, err)
	}
	i := (f.at - e.start) / sumEvery * 4
	want := e.sums[min(i, int64(len(e.sums))):]
	if len(want) < 4 || binary.BigEndian.Uint32(want) != crc32.Checksum(part, castagnoli()) {
		return bine.Errorf(bine.Internal, "read %s: block %s is damaged: bytes %d to %d of the file do not have their checksum", f.path, e.id, f.at, f.at+size)
	}
	f.checked = part[f.pos-f.at:]
	f.at += size
	return nil
}

// same reports whether the file has the bytes of data at offset.
func (t *Tree) same(ctx context.Context, path string, n *node, offset int64, data []byte) (bool, error) {
	r, err := t.open(ctx, path, n, offset, int64(len(data)))
	if err != nil {
		return false, err
	}
	defer r.Close()
	have := make([]byte, len(data))
	if _, err := io.ReadFull(r, have); err != nil {
		return false, err
	}
	return bytes.Equal(have, data), nil
}
