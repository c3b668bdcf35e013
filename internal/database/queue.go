package database

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"
)

// How much one commit may carry: more would make the first wait for the last.
const (
	mostShared    = 64
	longestShared = 4 * time.Millisecond
)

// queue lets writers of SQLite take turns. Whoever is first leads: it runs its
// own transaction and those of all that wait, commits once for all of them (a
// commit costs a write to the disk, the rest next to nothing), and hands the lead on.
type queue struct {
	mu      sync.Mutex
	led     bool
	waiting []*turn
}

// turn is one writer's place in the queue.
type turn struct {
	f        func(tx *sql.Tx) error
	err      error
	panicked any
	call     chan bool // true: lead now; false: done
}

func newQueue() *queue { return new(queue) }

// do runs f in a transaction when its turn comes, and gives its error.
func (q *queue) do(ctx context.Context, pool *sql.DB, f func(tx *sql.Tx) error) error {
	t := &turn{f: f, call: make(chan bool, 1)}
	if !q.enter(t) {
		var lead bool
		select {
		case lead = <-t.call:
		case <-ctx.Done():
			if q.leave(t) {
				return ctx.Err()
			}
			lead = <-t.call
		}
		if !lead {
			return t.result()
		}
	}
	defer q.handOver()
	q.lead(pool, t)
	return t.result()
}

func (t *turn) result() error {
	if t.panicked != nil {
		panic(t.panicked)
	}
	return t.err
}

// enter reports whether t leads at once; else it waits.
func (q *queue) enter(t *turn) (leads bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.led {
		q.led = true
		return true
	}
	q.waiting = append(q.waiting, t)
	return false
}

// leave takes t out, unless it was called already.
func (q *queue) leave(t *turn) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, t)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// next takes the first that waits.
func (q *queue) next() *turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.take()
}

// take is next for those who hold the lock.
func (q *queue) take() *turn {
	if len(q.waiting) == 0 {
		return nil
	}
	t := q.waiting[0]
	q.waiting = slices.Delete(q.waiting, 0, 1)
	return t
}

// handOver gives the lead to the first that waits.
func (q *queue) handOver() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t := q.take(); t != nil {
		t.call <- true
		return
	}
	q.led = false
}

var errPanicked = errors.New("a transaction panicked")

// guarded runs one writer's function; its panic is for that writer alone.
func (t *turn) guarded(tx *sql.Tx) (err error) {
	t.panicked = nil
	defer func() {
		if p := recover(); p != nil {
			t.panicked, err = p, errPanicked
		}
	}()
	return t.f(tx)
}

// alone runs t in a transaction of its own.
func (t *turn) alone(pool *sql.DB) {
	t.err = once(context.Background(), pool, t.guarded)
}

// lead runs first and, in the same commit, those that wait. What cannot be
// shared is run again alone, so that nobody pays for another's fault.
func (q *queue) lead(pool *sql.DB, first *turn) {
	tx, err := pool.BeginTx(context.Background(), nil)
	if err == nil {
		err = first.guarded(tx)
	}
	if err != nil {
		first.err = err
		if tx != nil {
			_ = tx.Rollback()
		}
		return
	}
	shared, broken := q.share(tx)
	if broken == nil {
		first.err = tx.Commit()
	}
	if broken != nil || (first.err != nil && len(shared) > 0) {
		_ = tx.Rollback()
		first.alone(pool)
		for _, t := range shared {
			t.alone(pool)
		}
	}
	for _, t := range shared {
		t.call <- false
	}
}

// share runs those that wait within tx, each in a savepoint. broken is set when
// the whole transaction was lost.
func (q *queue) share(tx *sql.Tx) (shared []*turn, broken error) {
	began := time.Now()
	for len(shared) < mostShared && time.Since(began) < longestShared {
		t := q.next()
		if t == nil {
			return shared, nil
		}
		shared = append(shared, t)
		if _, err := tx.Exec("SAVEPOINT turn"); err != nil {
			return shared, err
		}
		end := "RELEASE turn"
		if t.err = t.guarded(tx); t.err != nil {
			end = "ROLLBACK TO turn; RELEASE turn"
		}
		if _, err := tx.Exec(end); err != nil {
			return shared, err
		}
	}
	return shared, nil
}
