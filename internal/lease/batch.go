package lease

import (
	"context"
	"iter"
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

// load reads ahead what jobs will ask for.
func (t *tx) load(jobs []*job) error {
	t.loaded = map[bine.AttemptID]*entry{}
	var ids []any
	back := map[bine.AttemptID]bool{}
	for _, j := range jobs {
		if _, twice := t.loaded[j.id]; j.id == "" || twice {
			continue
		}
		t.loaded[j.id] = nil
		ids, back[j.id] = append(ids, j.id), j.back
	}
	if len(ids) < 2 {
		t.loaded = nil
		return nil
	}
	var granted []*entry
	for some := range chunks(ids) {
		found, err := t.entries(some)
		if err != nil {
			return err
		}
		for _, e := range found {
			t.loaded[e.Attempt] = e
			if back[e.Attempt] && e.Host > NoHost {
				granted = append(granted, e)
			}
		}
	}
	return t.having(granted)
}

// entries reads requests with their slots.
func (t *tx) entries(ids []any) (list []*entry, err error) {
	at := map[bine.AttemptID]*entry{}
	err = t.each(func(row scanner) error {
		e, err := scanEntry(row)
		if err == nil {
			at[e.Attempt], list = e, append(list, e)
		}
		return err
	}, "SELECT "+entryColumns+" FROM leases l WHERE l.attempt IN ("+places(len(ids))+")", ids...)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	err = t.each(func(row scanner) error {
		var id bine.AttemptID
		var s slot
		err := row.Scan(&id, &s.Name, &s.Count, &s.Most, &s.held)
		at[id].slots = append(at[id].slots, s)
		return err
	}, "SELECT attempt, slot, count, most, held FROM lease_slots WHERE attempt IN ("+places(len(ids))+")", ids...)
	for _, e := range list {
		slices.SortFunc(e.slots, slotOrder)
	}
	return list, err
}

// chunks are as many of a list as one query names.
func chunks(all []any) iter.Seq[[]any] { return slices.Chunk(all, readAtOnce) }
