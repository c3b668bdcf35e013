// Package dir keeps blocks as files of a directory. Several processes of one
// machine, or of several that mount it, may use the directory at once.
//
// A block lies in one of 256 directories named by the first two digits of its
// id. It is written beside its place, made durable, then moved, so that a crash
// at any moment leaves it whole or not at all.
package dir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
)

const (
	incoming   = "incoming"     // where blocks are written before they are whole
	abandoned  = 24 * time.Hour // after which what is left there belongs to nobody
	bufferSize = 256 << 10
)

// Store keeps blocks in a directory.
type Store struct {
	root *os.Root // nothing outside the directory can be reached, whatever lies in it
	path string   // for messages
}

// Open prepares a directory, which is made where it is missing, and removes
// what earlier processes left unfinished.
func Open(path string) (*Store, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("open block directory: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open block directory: %w", err)
	}
	s := &Store{root: root, path: path}
	if err := s.prepare(); err != nil {
		root.Close()
		return nil, fmt.Errorf("prepare block directory %s: %w", path, err)
	}
	return s, nil
}

// Close gives the directory back.
func (s *Store) Close() error { return s.root.Close() }

func (s *Store) prepare() error {
	if err := s.root.Mkdir(incoming, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for n := range 256 {
		if err := s.root.Mkdir(fmt.Sprintf("%02x", n), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := s.sync("."); err != nil {
		return err
	}
	left, err := fs.ReadDir(s.root.FS(), incoming)
	if err != nil {
		return err
	}
	for _, entry := range left {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > abandoned {
			if err := s.root.Remove(incoming + "/" + entry.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

func place(id block.ID) string { return string(id[:2]) + "/" + string(id) }

// Put stores what r yields under id.
func (s *Store) Put(ctx context.Context, id block.ID, r io.Reader) error {
	if err := id.Check(); err != nil {
		return err
	}
	// A name of its own for each try: two that put the same block at once must not write one file.
	part := incoming + "/" + string(id) + "." + string(block.NewID())
	err := s.write(ctx, part, r)
	if err == nil {
		err = s.root.Rename(part, place(id))
	}
	if err == nil {
		err = s.sync(string(id[:2]))
	}
	if err != nil {
		s.root.Remove(part)
		return s.forDomain(id, err)
	}
	return nil
}

func (s *Store) write(ctx context.Context, name string, r io.Reader) (err error) {
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	if _, err = io.CopyBuffer(&flushing{file: f}, r, make([]byte, bufferSize)); err != nil {
		return err
	}
	if err = ctx.Err(); err != nil {
		return err
	}
	return f.Sync()
}

// flushEvery is how many bytes of a block are written before the disk has to
// begin: so it works while the rest comes, and Sync finds little left to do.
const flushEvery = 8 << 20

// flushing writes to a file. It has no ReadFrom, with which the buffer would go unused.
type flushing struct {
	file             *os.File
	written, flushed int64
}

// Write writes to the file.
func (w *flushing) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.written += int64(n)
	if w.written-w.flushed >= flushEvery {
		flush(w.file, w.flushed, w.written-w.flushed)
		w.flushed = w.written
	}
	return n, err
}

// sync makes the names in a directory durable.
func (s *Store) sync(name string) error {
	d, err := s.root.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (s *Store) forDomain(id block.ID, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return bine.Errorf(bine.NoQuota, "no room for a block in %s: free some space on that disk: %w", s.path, err)
	}
	return fmt.Errorf("put block %s: %w", id, err)
}

// Open returns length bytes of the block from offset on.
func (s *Store) Open(_ context.Context, id block.ID, offset, length int64) (io.ReadCloser, error) {
	if err := id.Check(); err != nil {
		return nil, err
	}
	f, err := s.root.Open(place(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open block %s: %w", id, block.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("open block %s: %w", id, err)
	}
	if offset > 0 {
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			f.Close()
			return nil, fmt.Errorf("open block %s at %d: %w", id, offset, err)
		}
	}
	if length == 0 {
		return f, nil
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, length), f}, nil
}

// Remove deletes the block.
func (s *Store) Remove(_ context.Context, id block.ID) error {
	if err := id.Check(); err != nil {
		return err
	}
	if err := s.root.Remove(place(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove block %s: %w", id, err)
	}
	return nil
}

// List gives every block, ordered by id. It holds the names of one of the 256
// directories at a time.
func (s *Store) List(ctx context.Context) iter.Seq2[block.Stat, error] {
	return func(yield func(block.Stat, error) bool) {
		for n := range 256 {
			if err := ctx.Err(); err != nil {
				yield(block.Stat{}, err)
				return
			}
			stats, err := s.listOne(fmt.Sprintf("%02x", n))
			if err != nil {
				yield(block.Stat{}, err)
				return
			}
			for _, stat := range stats {
				if !yield(stat, nil) {
					return
				}
			}
		}
	}
}

func (s *Store) listOne(name string) ([]block.Stat, error) {
	entries, err := fs.ReadDir(s.root.FS(), name)
	if err != nil {
		return nil, fmt.Errorf("list blocks: %w", err)
	}
	var stats []block.Stat
	for _, entry := range entries {
		id := block.ID(entry.Name())
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) || id.Check() != nil {
			continue // removed meanwhile, or not ours
		}
		if err != nil {
			return nil, fmt.Errorf("list blocks: %w", err)
		}
		stats = append(stats, block.Stat{ID: id, Size: info.Size(), Written: info.ModTime()})
	}
	slices.SortFunc(stats, func(a, b block.Stat) int { return cmp.Compare(a.ID, b.ID) })
	return stats, nil
}
