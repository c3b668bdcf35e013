package dfs

import (
	"context"
	"errors"

	"github.com/bine-ml/bine/dfs/block"
)

// Sample looks for at most n of the blocks that files have in a tier, "" is the
// first, to find out whether the block store is the one that they are in. It says how many blocks it asked
// for and how many were found.
func (t *Tree) Sample(ctx context.Context, tier string, n int) (asked, found int, err error) {
	ids, err := t.someBlocks(ctx, tier, n)
	if err != nil {
		return 0, 0, err
	}
	for _, id := range ids {
		r, err := t.tiered.Open(ctx, id, 0, 1)
		if errors.Is(err, block.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		r.Close()
		found++
	}
	return len(ids), found, nil
}

func (t *Tree) someBlocks(ctx context.Context, tier string, n int) ([]block.ID, error) {
	where := "block_id NOT LIKE '%@%'"
	if tier != "" {
		where = "block_id LIKE '%@" + tier + "'" // a name of letters and digits
	}
	rows, err := t.reader(ctx).QueryContext(ctx, "SELECT DISTINCT block_id FROM dfs_blocks WHERE "+where+" ORDER BY block_id LIMIT ?", n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []block.ID
	for rows.Next() {
		var id block.ID
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
