package dfs

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

// The feed of changes is an outbox as ePipe has it (Ismail et al., CCGRID 2019):
// rows that are written in the transaction of the change, read from a position
// on, and removed when they are old. Whoever reads keeps the position, best in
// one transaction with what it does.
//
// On SQLite, rows appear in the order of their ids. On MySQL a transaction may
// commit after one with a higher id. A locking read over the ids waits for those
// that are not committed yet, so that after it an id that is missing was either
// undone, or its transaction has taken the number but is not at the row yet,
// which is a matter of microseconds. The feed ends before such an id until
// gapGrace has passed.

// ChangesQuery says what is read of the feed.
type ChangesQuery struct {
	Project bine.ProjectName // empty is all projects
	After   int64            // the position behind which it begins; 0 is the beginning
	Limit   int              // how many changes at most; 0 or over 10,000 is 10,000
}

const (
	mostChanges = 10_000
	gapGrace    = time.Second
	finalAtOnce = 5_000
	finalWait   = 5 * time.Second
)

// Changes gives changes in their order, each exactly once to one who asks again
// with what came as next. Changes that were removed before they were read are a
// Conflict that is [ErrForgotten]. It is not asked within database.Together.
func (t *Tree) Changes(ctx context.Context, q ChangesQuery) (list []Change, next int64, err error) {
	limit := q.Limit
	if limit <= 0 || limit > mostChanges {
		limit = mostChanges
	}
	final, err := t.final(ctx)
	if err != nil {
		return nil, q.After, t.db.Explain(fmt.Errorf("read changes: %w", err))
	}
	where, args := "id > ? AND id <= ?", []any{q.After, final}
	if q.Project != "" {
		where, args = "project = ? AND "+where, append([]any{string(q.Project)}, args...)
	}
	rows, err := t.reader(ctx).QueryContext(ctx, "SELECT "+changeColumns+" FROM dfs_changes WHERE "+where+" ORDER BY id LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, q.After, t.db.Explain(fmt.Errorf("read changes: %w", err))
	}
	defer rows.Close()
	next = q.After
	for rows.Next() {
		c, err := scanChange(rows)
		if err != nil {
			return nil, q.After, err
		}
		next = c.ID
		list = append(list, c)
	}
	if err := rows.Err(); err != nil {
		return nil, q.After, t.db.Explain(err)
	}
	if len(list) < limit && final != math.MaxInt64 {
		next = max(next, final)
	}
	// Asked last: what was removed meanwhile cannot be missing unnoticed.
	removed, err := t.feedAt(ctx, "removed")
	if err == nil && q.After < removed {
		err = fmt.Errorf("%w: those up to %d are asked for from %d on", ErrForgotten, removed, q.After)
	}
	return list, next, err
}

// ErrForgotten is in the chain of errors about changes that were removed before
// they were read: whoever follows them has to look at everything anew, and goes
// on from [Tree.ChangesSince].
var ErrForgotten = bine.Errorf(bine.Conflict, "changes that were not read yet are removed")

// ChangesSince gives the position behind which the changes of a project come
// that were made after a moment.
func (t *Tree) ChangesSince(ctx context.Context, project bine.ProjectName, since time.Time) (int64, error) {
	removed, err := t.feedAt(ctx, "removed")
	if err != nil {
		return 0, err
	}
	var id int64
	err = t.reader(ctx).QueryRowContext(ctx, "SELECT id FROM dfs_changes WHERE project = ? AND at <= ? ORDER BY id DESC LIMIT 1", string(project), database.Micros(since)).Scan(&id)
	if err == sql.ErrNoRows {
		err = nil
	}
	return max(id, removed), t.db.Explain(err)
}

func (t *Tree) feedAt(ctx context.Context, name string) (position int64, err error) {
	err = t.reader(ctx).QueryRowContext(ctx, "SELECT position FROM dfs_feed WHERE name = ?", name).Scan(&position)
	return position, t.db.Explain(err)
}

// finality is what this process knows of how far the feed is final.
type finality struct {
	mu     sync.Mutex
	loaded bool
	at     int64
	saved  int64               // the position in the database
	gaps   map[int64]time.Time // when ids were first missed, by the id that follows them
}

// final gives the position up to which no change can come in between any more.
func (t *Tree) final(ctx context.Context) (int64, error) {
	if !t.sql.locks {
		return math.MaxInt64, nil
	}
	f := &t.finality
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.loaded {
		var err error
		if err = t.reader(ctx).QueryRowContext(ctx, "SELECT MAX(position) FROM dfs_feed").Scan(&f.at); err != nil {
			return 0, err
		}
		f.saved, f.loaded = f.at, true
	}
	for more := true; more; {
		ids, err := t.committed(ctx, f.at)
		if err != nil {
			return f.at, err
		}
		more = f.pass(ids, t.o.Now()) && len(ids) == finalAtOnce
	}
	if f.at < f.saved+finalAtOnce {
		return f.at, nil
	}
	f.saved = f.at // a start after a crash looks at what is behind it once more
	return f.at, t.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE dfs_feed SET position = ? WHERE name = 'final' AND position < ?", f.at, f.at)
		return err
	})
}

// committed gives the next ids after a position when none before them is of a
// transaction that goes on.
func (t *Tree) committed(ctx context.Context, after int64) (ids []int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, finalWait)
	defer cancel()
	tx, err := t.db.Read().BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	rows, err := tx.QueryContext(ctx, "SELECT id FROM dfs_changes WHERE id > ? ORDER BY id LIMIT ?"+t.sql.share, after, finalAtOnce)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// pass moves over ids and says whether it came to their end. Ids that are
// missing hold it up for gapGrace, all of them for the same.
func (f *finality) pass(ids []int64, now time.Time) bool {
	gaps := map[int64]time.Time{}
	last := f.at
	for _, id := range ids {
		if id > last+1 {
			since, known := f.gaps[id]
			if !known {
				since = now
			}
			if len(gaps) > 0 || now.Sub(since) < gapGrace {
				gaps[id] = since
			}
		}
		if last = id; len(gaps) == 0 {
			f.at = id
		}
	}
	f.gaps = gaps
	return len(gaps) == 0
}

// forgetChanges removes up to limit changes that are older than Options.Changes.
func (t *Tree) forgetChanges(ctx context.Context, limit int) (int, error) {
	before := database.Micros(t.o.Now().Add(-t.o.Changes))
	var last int64
	n := 0
	err := t.db.Write(ctx, func(tx *sql.Tx) error {
		var err error
		if n, last, err = oldest(ctx, tx, before, limit); err != nil || n == 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE dfs_feed SET position = ? WHERE name = 'removed' AND position < ?", last, last); err != nil {
			return err
		}
		if err := bury(ctx, tx, last); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM dfs_changes WHERE id <= ?", last)
		return err
	})
	return n, err
}

// oldest counts the changes at the beginning of the feed that are of before a moment.
func oldest(ctx context.Context, tx *sql.Tx, before int64, limit int) (n int, last int64, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT id, at FROM dfs_changes ORDER BY id LIMIT ?", limit)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, at int64
		if err := rows.Scan(&id, &at); err != nil {
			return 0, 0, err
		}
		if at >= before {
			break
		}
		n, last = n+1, id
	}
	return n, last, rows.Err()
}

// FeedState says how the feed stands.
type FeedState struct {
	Newest  int64         // the newest change; 0 for none
	Final   int64         // up to where it is final, and may be read
	Removed int64         // up to where old changes were removed
	Lag     time.Duration // how old the oldest change is that is not final
}

// Feed says how the feed stands.
func (t *Tree) Feed(ctx context.Context) (s FeedState, err error) {
	if s.Removed, err = t.feedAt(ctx, "removed"); err != nil {
		return s, err
	}
	final, err := t.final(ctx)
	if err != nil {
		return s, t.db.Explain(err)
	}
	if err := t.reader(ctx).QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0) FROM dfs_changes").Scan(&s.Newest); err != nil {
		return s, t.db.Explain(err)
	}
	if s.Final = min(final, max(s.Newest, s.Removed)); s.Final >= s.Newest {
		return s, nil
	}
	var at int64
	err = t.reader(ctx).QueryRowContext(ctx, "SELECT at FROM dfs_changes WHERE id > ? ORDER BY id LIMIT 1", s.Final).Scan(&at)
	if err == nil {
		s.Lag = max(0, t.o.Now().Sub(database.Time(at)))
	}
	return s, t.db.Explain(err)
}
