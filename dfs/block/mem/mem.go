// Package mem keeps blocks in memory, for tests and for trying things out.
package mem

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bine-ml/bine/dfs/block"
)

// Store keeps blocks in memory. The zero value is empty and ready.
type Store struct {
	mu     sync.RWMutex
	blocks map[block.ID]held
}

type held struct {
	data    []byte
	written time.Time
}

// Put stores what r yields under id.
func (s *Store) Put(ctx context.Context, id block.ID, r io.Reader) error {
	if err := id.Check(); err != nil {
		return err
	}
	data, err := io.ReadAll(r)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("put block %s: %w", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blocks == nil {
		s.blocks = map[block.ID]held{}
	}
	s.blocks[id] = held{data, time.Now()}
	return nil
}

// Open returns length bytes of the block from offset on.
func (s *Store) Open(_ context.Context, id block.ID, offset, length int64) (io.ReadCloser, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.blocks[id]
	if !ok {
		return nil, fmt.Errorf("open block %s: %w", id, block.ErrNotExist)
	}
	size := int64(len(b.data))
	from := min(max(offset, 0), size)
	to := size
	if length > 0 {
		to = min(from+length, size)
	}
	return io.NopCloser(bytes.NewReader(b.data[from:to])), nil
}

// Remove deletes the block.
func (s *Store) Remove(_ context.Context, id block.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.blocks, id)
	return nil
}

// List gives every block, ordered by id.
func (s *Store) List(ctx context.Context) iter.Seq2[block.Stat, error] {
	return func(yield func(block.Stat, error) bool) {
		s.mu.RLock()
		ids := slices.Sorted(maps.Keys(s.blocks))
		s.mu.RUnlock()
		for _, id := range ids {
			s.mu.RLock()
			b, ok := s.blocks[id]
			s.mu.RUnlock()
			if err := ctx.Err(); err != nil {
				yield(block.Stat{}, err)
				return
			}
			if ok && !yield(block.Stat{ID: id, Size: int64(len(b.data)), Written: b.written}, nil) {
				return
			}
		}
	}
}
