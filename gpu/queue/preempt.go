package queue

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/bine-ml/bine/gpu/place"
)

// MayTake says whether a job may have what another one holds: if that is
// preemptible, and is of lower priority in the same project, or of a project
// that has borrowed beyond its guarantee while the job is within that of its own.
func MayTake(j Job, from Running, held map[string]int, shares map[string]Share) bool {
	if !from.Task.Request.Preemptible {
		return false
	}
	if from.Project == j.Project {
		return from.Priority < j.Priority
	}
	return held[j.Project]+j.milli() <= shares[j.Project].Guaranteed && held[from.Project] > shares[from.Project].Guaranteed
}

// MayTake says whether a job may have what another one holds: if that is
// preemptible, and is of lower priority in the same project; or if the job asks
// for no more than what is its project's own, and the other one is of a project
// that has borrowed, or is on a cell that is the job's project's own.
func (b *Books) MayTake(j Job, from Running) bool {
	switch {
	case !from.Task.Request.Preemptible:
		return false
	case from.Project == j.Project:
		return from.Priority < j.Priority
	case !b.Entitled(j, 0):
		return false
	}
	return b.lent(from) || b.onCellOf(j.Project, from)
}

// Victims chooses who gives back so that a job fits, and where it goes then:
// those that yield first, then those that lose the least work; nobody whose
// place is not needed. Nothing is taken; there are none if nothing that may be
// taken makes room. The cluster holds everything that runs, and is left so.
func Victims(c *place.Cluster, running []Running, j Job, shares map[string]Share, now time.Time) ([]Running, place.Placement, error) {
	books := NewBooks(place.Snapshot{Hosts: c.Hosts()}, running, shares)
	some := books.mayGive(running, j)
	slices.SortFunc(some, func(a, b Running) int {
		return cmp.Or(yields(a)-yields(b), cmp.Compare(a.lost(now), b.lost(now)), strings.Compare(a.ID, b.ID))
	})
	avoid, _ := books.Bars(j)
	j.Task.Avoid = append(slices.Clip(j.Task.Avoid), avoid...)
	var gone []Running
	var placed place.Placement
	placeErr := error(place.ErrNone)
	for _, r := range some {
		if !books.MayTake(j, r) {
			continue // its project is within its guarantee by now
		}
		if err := c.Release(r.Placement); err != nil {
			return nil, placed, err
		}
		gone = append(gone, r)
		books.add(r, -1)
		if placed, placeErr = c.Place(j.Task); placeErr == nil {
			break
		}
	}
	needed := gone
	if placeErr == nil {
		needed = nil
		for _, r := range slices.Backward(gone) {
			if err := c.Grant(r.Placement); err != nil {
				return nil, placed, err
			}
			without, err := c.Place(j.Task)
			if err == nil {
				placed = without // it keeps what it has
				continue
			}
			if err := c.Release(r.Placement); err != nil {
				return nil, placed, err
			}
			needed = append(needed, r)
		}
		if len(needed) > 0 {
			placed, placeErr = c.Place(j.Task)
		}
	}
	for _, r := range needed {
		if err := c.Grant(r.Placement); err != nil {
			return nil, placed, err
		}
	}
	if placeErr != nil {
		return nil, place.Placement{}, nil
	}
	slices.Reverse(needed)
	return needed, placed, nil
}

// mayGive chooses those of whom a job may have what they hold.
func (b *Books) mayGive(running []Running, j Job) (some []Running) {
	for _, r := range running {
		if b.MayTake(j, r) {
			some = append(some, r)
		}
	}
	return some
}

func yields(r Running) int {
	if r.Yields {
		return 0
	}
	return 1
}
