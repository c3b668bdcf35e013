// Package sealed keeps blocks encrypted in another store: those whose id names a
// key. What others read and list are the plain bytes and sizes.
//
// A block is a stream of packages of 64 KiB, each sealed with AES-256-GCM (DARE
// 2.0, by github.com/minio/sio), under a key that follows from the named one and
// the digits of the block's id. So a package that was changed or is at another
// place, one of another block, and a block that is cut short, are found; a range
// is read without what lies before it, and memory is constant.
package sealed

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/minio/sio"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
)

const (
	packageSize = 64 << 10
	overhead    = 32 // bytes of a package beside what it holds
	keySize     = 32
)

// Keys gives keys by their numbers.
type Keys interface {
	// BlockKey gives the 32 bytes of a key. One that is not there is an error that
	// says what to do.
	BlockKey(ctx context.Context, number int64) ([]byte, error)
}

// Store keeps blocks in another store, sealed where their ids say so.
type Store struct {
	in   block.Store
	keys Keys
}

// New makes a store that keeps its blocks in another.
func New(in block.Store, keys Keys) *Store { return &Store{in, keys} }

// config is how a block is sealed.
func (s *Store) config(ctx context.Context, id block.ID, first int64) (sio.Config, error) {
	c := sio.Config{MinVersion: sio.Version20, CipherSuites: []byte{sio.AES_256_GCM}, SequenceNumber: uint32(first)}
	key, err := s.keys.BlockKey(ctx, id.Key())
	if err != nil {
		return c, err
	}
	c.Key, err = hkdf.Key(sha256.New, key, nil, "bine block "+id.Digits(), keySize)
	return c, err
}

// Put stores what r yields under id.
func (s *Store) Put(ctx context.Context, id block.ID, r io.Reader) error {
	if err := id.Check(); err != nil {
		return err
	}
	if id.Key() == 0 {
		return s.in.Put(ctx, id, r)
	}
	c, err := s.config(ctx, id, 0)
	if err != nil {
		return fmt.Errorf("put block %s: %w", id, err)
	}
	closed, err := sio.EncryptReader(told{r}, c)
	if err != nil {
		return fmt.Errorf("put block %s: %w", id, err)
	}
	return s.in.Put(ctx, id, closed)
}

// Open returns length bytes of the block from offset on.
func (s *Store) Open(ctx context.Context, id block.ID, offset, length int64) (io.ReadCloser, error) {
	if err := id.Check(); err != nil {
		return nil, err
	}
	if id.Key() == 0 {
		return s.in.Open(ctx, id, offset, length)
	}
	if offset < 0 || length < 0 {
		return nil, bine.Errorf(bine.Invalid, "open block %s: there are no %d bytes at %d", id, length, offset)
	}
	first := offset / packageSize
	c, err := s.config(ctx, id, first)
	if err != nil {
		return nil, fmt.Errorf("open block %s: %w", id, err)
	}
	stored := int64(0)
	if length > 0 {
		stored = ((offset+length-1)/packageSize + 1 - first) * (packageSize + overhead)
	}
	in, err := s.in.Open(ctx, id, first*(packageSize+overhead), stored)
	if err != nil {
		return nil, err
	}
	r := &reader{in: in, id: id, skip: offset % packageSize, left: length, limited: length > 0}
	if r.plain, err = sio.DecryptReader(told{&r.source}, c); err != nil {
		in.Close()
		return nil, fmt.Errorf("open block %s: %w", id, err)
	}
	r.source.in = in
	return r, nil
}

// Remove deletes the block.
func (s *Store) Remove(ctx context.Context, id block.ID) error { return s.in.Remove(ctx, id) }

// List gives every block with its plain size.
func (s *Store) List(ctx context.Context) iter.Seq2[block.Stat, error] {
	return func(yield func(block.Stat, error) bool) {
		for stat, err := range s.in.List(ctx) {
			if err == nil && stat.ID.Key() != 0 {
				stat.Size = plainSize(stat.Size)
			}
			if !yield(stat, err) {
				return
			}
		}
	}
}

// plainSize is how many bytes a sealed block of a size holds.
func plainSize(stored int64) int64 {
	whole, rest := stored/(packageSize+overhead), stored%(packageSize+overhead)
	return whole*packageSize + max(0, rest-overhead)
}

// reader opens a range of a sealed block.
type reader struct {
	in      io.ReadCloser
	source  counted
	plain   io.Reader
	id      block.ID
	skip    int64 // of the first package
	left    int64 // of what is wanted
	limited bool
}

// Read reads bytes that are authentic.
func (r *reader) Read(p []byte) (int, error) {
	if r.limited {
		if r.left == 0 {
			return 0, io.EOF
		}
		p = p[:min(int64(len(p)), r.left)]
	}
	if r.skip > 0 {
		n, err := io.CopyN(io.Discard, r.plain, r.skip)
		if r.skip -= n; err != nil {
			return 0, r.explain(err)
		}
	}
	n, err := r.plain.Read(p)
	r.left -= int64(n)
	return n, r.explain(err)
}

// explain says what an error means: bytes that are not what was sealed are damage.
func (r *reader) explain(err error) error {
	var broken sio.Error
	if !errors.As(err, &broken) {
		return err
	}
	if r.source.n == 0 {
		return io.EOF // the range begins where the block ends
	}
	return bine.Errorf(bine.Internal, "read block %s: it is damaged: its bytes are not those that were sealed: %w", r.id, err)
}

// Close gives up the rest.
func (r *reader) Close() error { return r.in.Close() }

// counted is a source of which it is known how much was read.
type counted struct {
	in io.Reader
	n  int64
}

// Read reads from the source.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}

// told is a source whose errors are not taken for its end: one that breaks off
// says io.ErrUnexpectedEOF, and so does whoever reads a last package that is short.
type told struct{ source io.Reader }

// Read reads from the source.
func (t told) Read(p []byte) (int, error) {
	n, err := t.source.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("the source broke off: %w", err)
	}
	return n, err
}
