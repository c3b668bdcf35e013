package lease

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/bine-ml/bine"
)

// How much one transaction may carry, and how long it may take.
const (
	mostShared    = 256
	longestShared = 30 * time.Second
)

// job is a change of the ledger that waits for its turn.
type job struct {
	f    func(t *tx) error
	id   bine.AttemptID // of which it will ask; empty: none
	back bool           // it will give back what that has
	err  error
	call chan bool // true: lead now; false: done
}

// together lets changes be made in one transaction: whoever is first leads. It runs its
// own change and those of all that wait in one transaction, and hands the lead on.
type together struct {
	mu      sync.Mutex
	led     bool
	waiting []*job
}

// share runs a job as write does, but in one transaction with those of others
// that come meanwhile. That of one that fails is run again alone.
func (l *Ledger) share(ctx context.Context, j *job) error {
	if l.db.Joined(ctx) {
		return l.transact(ctx, []*job{j})
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	j.call = make(chan bool, 1)
	if !l.turns.enter(j) {
		var lead bool
		select {
		case lead = <-j.call:
		case <-ctx.Done():
			if l.turns.leave(j) {
				return ctx.Err()
			}
			lead = <-j.call
		}
		if !lead {
			return j.err
		}
	}
	defer l.turns.handOver()
	return l.lead(ctx, j)
}

// lead runs a job, and those that wait.
func (l *Ledger) lead(ctx context.Context, first *job) error {
	jobs := append([]*job{first}, l.turns.take(mostShared-1)...)
	if len(jobs) == 1 {
		return l.transact(ctx, jobs)
	}
	all, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestShared)
	defer cancel()
	if err := l.transact(all, jobs); err != nil {
		for _, j := range jobs {
			j.err = l.transact(all, []*job{j})
		}
	}
	for _, j := range jobs[1:] {
		j.call <- false
	}
	return first.err
}

// enter reports whether a job leads at once; else it waits.
func (w *together) enter(j *job) (leads bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.led {
		w.led = true
		return true
	}
	w.waiting = append(w.waiting, j)
	return false
}

// leave takes a job out, unless it was called already.
func (w *together) leave(j *job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.waiting, j)
	if i >= 0 {
		w.waiting = slices.Delete(w.waiting, i, i+1)
	}
	return i >= 0
}

// take takes the first of those that wait.
func (w *together) take(most int) []*job {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(most, len(w.waiting))
	some := slices.Clone(w.waiting[:n])
	w.waiting = slices.Delete(w.waiting, 0, n)
	return some
}

// handOver gives the lead to the first that waits.
func (w *together) handOver() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		w.led = false
		return
	}
	j := w.waiting[0]
	w.waiting = slices.Delete(w.waiting, 0, 1)
	j.call <- true
}
