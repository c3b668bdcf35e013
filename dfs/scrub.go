package dfs

import (
	"context"
	"errors"

	"github.com/bine-ml/bine/dfs/block"
)

// scrub goes through the store and the rows side by side, both ordered by id.
type scrub struct {
	t     *Tree
	after string // up to where both were compared
	page  []block.Stat
	found Scrubbed
}

// compare compares the page with the rows up to the id to.
func (s *scrub) compare(ctx context.Context, to string) error {
	named, err := s.named(ctx, "SELECT block_id FROM dfs_blocks WHERE block_id > ? AND block_id <= ?", to)
	if err != nil {
		return err
	}
	garbage, err := s.named(ctx, "SELECT block_id FROM dfs_garbage WHERE block_id > ? AND block_id <= ?", to)
	if err != nil {
		return err
	}
	oldest := s.t.o.Now().Add(-s.t.o.Grace)
	for _, stat := range s.page {
		s.found.Blocks++
		if named[stat.ID] || garbage[stat.ID] || stat.Written.After(oldest) {
			delete(named, stat.ID)
			continue
		}
		if err := s.t.blocks.Remove(ctx, stat.ID); err != nil {
			return err
		}
		s.found.Removed++
	}
	s.after, s.page = to, s.page[:0]
	return s.missing(ctx, named)
}

func (s *scrub) named(ctx context.Context, query, to string) (map[block.ID]bool, error) {
	rows, err := s.t.reader(ctx).QueryContext(ctx, query, s.after, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ids := map[block.ID]bool{}
	for rows.Next() {
		var id block.ID
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids[id] = true
	}
	return ids, rows.Err()
}

// missing reports those of the ids that are really not there: a block may have
// been put, or given up, since the store was listed.
func (s *scrub) missing(ctx context.Context, ids map[block.ID]bool) error {
	for id := range ids {
		r, err := s.t.tiered.Open(ctx, id, 0, 1)
		if err == nil {
			r.Close()
			continue
		}
		if !errors.Is(err, block.ErrNotExist) {
			return err
		}
		var named int
		if err := s.t.reader(ctx).QueryRowContext(ctx, "SELECT COUNT(*) FROM dfs_blocks WHERE block_id = ?", string(id)).Scan(&named); err != nil {
			return err
		}
		if named > 0 {
			s.found.Missing = append(s.found.Missing, id)
		}
	}
	return nil
}
