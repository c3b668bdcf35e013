// Package queue decides who of those that wait goes next. It is made of
// functions that look at a picture of the cluster and of who waits, and change
// neither: who goes first (Order), who starts now (Plan), who has to give back
// (Victims), and when everybody is likely to start (Forecast).
//
// Order is weighted fair share between projects with usage that fades, and
// priorities within a project. Plan is EASY backfill: the first that does not
// fit gets a reservation, and others go before it only where that does not
// delay it.
package queue

import (
	"math"
	"time"

	"github.com/bine-ml/bine/gpu/place"
)

// Job is what waits or runs.
type Job struct {
	ID       string
	Project  string
	Task     place.Task // its Request.Duration bounds how long it runs; 0 is not known
	Priority int        // within its project: the greater, the sooner
	Since    time.Time  // when it asked
	Yields   bool       // gives back before others: sweeps, idle notebooks
}

// milli is the thousandths of devices that a job asks for.
func (j Job) milli() int { return j.Task.Request.Count * j.Task.Request.Each() }

// Running is a job with its place.
type Running struct {
	Job
	Placement place.Placement
	Started   time.Time
	Saved     time.Time // its last checkpoint; zero: none
	Home      string    // by whose right it stands there, where projects own cells: see Homes
	Guest     bool      // it gives back when one comes whose home that is
}

// ends says by when a job gives back; zero is not known.
func (r Running) ends() time.Time {
	if r.Task.Request.Duration == 0 {
		return time.Time{}
	}
	return r.Started.Add(r.Task.Request.Duration)
}

// lost is the work, in seconds of devices, that would be done again.
func (r Running) lost(now time.Time) float64 {
	from := r.Started
	if r.Saved.After(from) {
		from = r.Saved
	}
	return float64(r.milli()) / 1000 * now.Sub(from).Seconds()
}

// Share is what a project may have.
type Share struct {
	Weight     float64 // in comparison with others; 0 is 1
	Guaranteed int     // thousandths of devices that it gets before others borrow
	Limit      int     // thousandths of devices at once; 0 is no bound
	Stakes     []Stake // of single kinds, beside Guaranteed
}

func (s Share) weight() float64 {
	if s.Weight <= 0 {
		return 1
	}
	return s.Weight
}

// Usage is what a project used, fading with time.
type Usage struct {
	Amount float64 // seconds of devices, as they counted at At
	At     time.Time
}

// Now gives what is left of a usage after some time.
func (u Usage) Now(now time.Time, halfLife time.Duration) float64 {
	if u.Amount == 0 || halfLife <= 0 {
		return u.Amount
	}
	return u.Amount * math.Exp2(-float64(now.Sub(u.At))/float64(halfLife))
}

// Add counts devices that were held from the last time until now.
func (u Usage) Add(devices float64, now time.Time, halfLife time.Duration) Usage {
	left := u.Now(now, halfLife)
	if u.At.IsZero() || !now.After(u.At) {
		return Usage{left, now}
	}
	d := now.Sub(u.At)
	grown := devices * d.Seconds()
	if halfLife > 0 { // the earlier part of it has faded already
		grown = devices * halfLife.Seconds() / math.Ln2 * (1 - math.Exp2(-float64(d)/float64(halfLife)))
	}
	return Usage{left + grown, now}
}
