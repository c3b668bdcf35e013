package queue

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/place"
)

// State is what Plan looks at.
type State struct {
	Now      time.Time
	Cluster  *place.Cluster // with everything that runs granted; Plan leaves it as it was
	Running  []Running
	Waiting  []Job            // in the order in which they go
	Shares   map[string]Share // of projects: Plan keeps to their limits
	Reserved *Reservation     // of the last plan, if there was one
	Bounds   Bounds           // what else keeps jobs from starting; nil: nothing
	Strict   bool             // nobody goes before the first that does not fit
	Depth    int              // how many behind it are looked at; 0 is 256
}

// Bounds keep jobs from starting for reasons that are none of the cluster's.
type Bounds interface {
	// Why says why a job may not start now, if so.
	Why(j Job) string
	// Started tells that a job starts.
	Started(j Job)
}

// Reservation is the place that is kept for the first that does not fit.
type Reservation struct {
	ID        string
	At        time.Time // zero: when those that run for a time not known give back
	Placement place.Placement
}

// Start is a job that starts now.
type Start struct {
	Job
	Placement place.Placement
	Before    bool // it went before one that asked earlier
}

// Plan is what happens now.
type Plan struct {
	Starts      []Start
	Reservation *Reservation
	Waits       map[string]string // why, by the job's id; not of those beyond the depth
	Kept        place.Placement   // what of the reserved place has to stay free from now on
}

// What is said of a job that waits because of what others have alone.
const (
	Full    = "nothing that it fits in is free now"
	Nowhere = "it fits nowhere, even if all that runs now gives back"
)

// usualDepth bounds how many are looked at behind the first that does not fit.
const usualDepth = 256

// planning is a plan in the making.
type planning struct {
	State
	Plan
	held     map[string]int
	books    *Books          // where projects have cells
	barred   []bine.HostName // to the job that is looked at
	released place.Placement // by those that have ended when the reservation begins, on its hosts
	undo     []func() error
	refused  map[shape]string // what found no place behind the reservation
}

// Make says who starts now. The jobs that wait are tried in turn; the first
// that does not fit gets a reservation, for the first moment at which enough
// has been given back if everybody takes as long as was said. A job behind it starts if it
// is done by then, or has its place beside the reserved one. A reservation of
// the last plan is kept unless there is an earlier one, and whoever has one for
// a moment that is known is tried first, so nobody who starts meanwhile, or comes
// before it in the line, delays it. The error is Conflict when the cluster does not hold what runs.
func Make(s State) (Plan, error) {
	p := &planning{State: s, held: HeldBy(s.Running), refused: map[shape]string{}, Plan: Plan{Waits: map[string]string{}}}
	p.Waiting = promisedFirst(s.Waiting, s.Reserved)
	for _, share := range s.Shares {
		if len(share.Stakes) > 0 && p.books == nil {
			p.books = NewBooks(place.Snapshot{Hosts: s.Cluster.Hosts()}, s.Running, s.Shares)
		}
	}
	err := p.fill()
	if p.Reservation != nil {
		p.Kept = p.kept()
	}
	for _, undo := range slices.Backward(p.undo) {
		if e := undo(); e != nil && err == nil {
			err = e
		}
	}
	return p.Plan, err
}

// promisedFirst puts the one first who has a reservation for a moment that is known.
func promisedFirst(waiting []Job, reserved *Reservation) []Job {
	if reserved == nil || reserved.At.IsZero() {
		return waiting
	}
	at := slices.IndexFunc(waiting, func(j Job) bool { return j.ID == reserved.ID })
	if at <= 0 {
		return waiting
	}
	return slices.Concat(waiting[at:at+1], waiting[:at], waiting[at+1:])
}

func (p *planning) fill() error {
	depth := p.Depth
	if depth == 0 {
		depth = usualDepth
	}
	behind := 0
	for _, j := range p.Waiting {
		if limit := p.Shares[j.Project].Limit; limit > 0 && p.held[j.Project]+j.milli() > limit {
			p.Waits[j.ID] = fmt.Sprintf("project %s has %.4g of the %.4g devices that it may have at once", j.Project, float64(p.held[j.Project])/1000, float64(limit)/1000)
			continue
		}
		if p.Bounds != nil {
			if why := p.Bounds.Why(j); why != "" {
				p.Waits[j.ID] = why
				continue
			}
		}
		why := ""
		if p.barred = nil; p.books != nil {
			p.barred, why = p.books.Bars(j)
		}
		if err := p.try(j, &behind, depth); err != nil {
			return err
		}
		if p.Waits[j.ID] != "" && why != "" && (p.Reservation == nil || p.Reservation.ID != j.ID) {
			p.Waits[j.ID] = why
		}
		if p.Strict && p.Reservation != nil || behind > depth {
			return nil
		}
	}
	return nil
}

// try starts a job, or reserves a place for it.
func (p *planning) try(j Job, behind *int, depth int) error {
	if p.Reservation == nil {
		if placed, fits := p.now(j); fits {
			return p.start(j, placed, false)
		}
		return p.reserve(j)
	}
	if *behind++; *behind > depth {
		return nil
	}
	return p.backfill(j)
}

// now finds a place that is free now, be it the one that was kept.
func (p *planning) now(j Job) (place.Placement, bool) {
	placed, err := p.place(j)
	if err != nil && p.Reserved != nil && p.Reserved.ID == j.ID {
		return p.Reserved.Placement, p.Cluster.Free(p.Reserved.Placement)
	}
	return placed, err == nil
}

// place finds a place for a job where it may have one.
func (p *planning) place(j Job) (place.Placement, error) {
	if len(p.barred) > 0 {
		j.Task.Avoid = append(slices.Clip(j.Task.Avoid), p.barred...)
	}
	return p.Cluster.Place(j.Task)
}

// start grants a place for the time of planning.
func (p *planning) start(j Job, placed place.Placement, before bool) error {
	if err := p.Cluster.Grant(placed); err != nil {
		return err
	}
	p.undo = append(p.undo, func() error { return p.Cluster.Release(placed) })
	p.Starts = append(p.Starts, Start{j, placed, before})
	p.held[j.Project] += j.milli()
	if p.Bounds != nil {
		p.Bounds.Started(j)
	}
	r := Running{Job: j, Placement: placed, Started: p.Now}
	p.Running = append(slices.Clip(p.Running), r)
	if p.books != nil {
		p.books.add(r, 1)
	}
	if p.Reservation != nil && p.endsBy(r) {
		p.release(r)
	}
	return nil
}

// endsBy says whether a job has ended when the reservation begins.
func (p *planning) endsBy(r Running) bool {
	at, end := p.Reservation.At, r.ends()
	return at.IsZero() || (!end.IsZero() && !end.After(at))
}

// reserve finds the first moment at which a job fits, and its place then.
func (p *planning) reserve(j Job) error {
	found, err := p.earliest(j)
	if err != nil {
		return err
	}
	if old := p.Reserved; old != nil && old.ID == j.ID && !found.sooner(old) {
		still, err := p.stillFree(old)
		if err != nil {
			return err
		}
		if still {
			found = old
		}
	}
	if found == nil {
		p.Waits[j.ID] = Nowhere
		return nil
	}
	p.Reservation = found
	p.Waits[j.ID] = "its place is kept for when others give back"
	if !found.At.IsZero() {
		p.Waits[j.ID] = fmt.Sprintf("its place is kept for %s at the latest", found.At.UTC().Format("2006-01-02 15:04:05"))
	}
	for _, r := range p.Running {
		if p.endsBy(r) {
			p.release(r)
		}
	}
	return nil
}

// sooner says whether a reservation is for an earlier moment than another.
func (r *Reservation) sooner(than *Reservation) bool {
	switch {
	case r == nil || r.At.IsZero():
		return false
	case than.At.IsZero():
		return true
	}
	return r.At.Before(than.At)
}

// inOrder gives those that run, by number, by when they end; those that end
// nobody knows when are last.
func (p *planning) inOrder() []int {
	order, ends := make([]int, len(p.Running)), make([]int64, len(p.Running))
	for i, r := range p.Running {
		order[i], ends[i] = i, math.MaxInt64
		if end := r.ends(); !end.IsZero() {
			ends[i] = end.UnixNano()
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(ends[a], ends[b]), cmp.Compare(a, b)) })
	return order
}

// earliest lets jobs end in turn until one fits.
func (p *planning) earliest(j Job) (*Reservation, error) {
	var gone []Running
	var found *Reservation
	sorted := p.inOrder()
	for i, at := range sorted {
		r := p.Running[at]
		if err := p.Cluster.Release(r.Placement); err != nil {
			return nil, err
		}
		gone = append(gone, r)
		if i+1 < len(sorted) && (r.ends().IsZero() || p.Running[sorted[i+1]].ends().Equal(r.ends())) {
			continue // others end at the same moment; when those of unknown end do, all have
		}
		if placed, fits := p.now(j); fits {
			found = &Reservation{j.ID, later(r.ends(), p.Now), placed}
			break
		}
	}
	return found, p.again(gone)
}

// later gives a moment, but not one before now: who is over the time is about to end.
func later(t, now time.Time) time.Time {
	if t.IsZero() || t.After(now) {
		return t
	}
	return now
}

// again grants what was released to see what would be.
func (p *planning) again(gone []Running) error {
	for _, r := range slices.Backward(gone) {
		if err := p.Cluster.Grant(r.Placement); err != nil {
			return err
		}
	}
	return nil
}

// stillFree says whether a reservation can be kept: whether its place is free
// at its moment.
func (p *planning) stillFree(old *Reservation) (bool, error) {
	var gone []Running
	for _, r := range p.Running {
		if end := r.ends(); old.At.IsZero() || (!end.IsZero() && !end.After(old.At)) {
			if err := p.Cluster.Release(r.Placement); err != nil {
				return false, err
			}
			gone = append(gone, r)
		}
	}
	return p.Cluster.Free(old.Placement), p.again(gone)
}
