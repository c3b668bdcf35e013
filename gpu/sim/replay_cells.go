package sim

import (
	"slices"
	"time"

	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
)

// celled is what a replay knows where projects own cells. Each project's line at
// home moves on as it would if the project had its cells for itself: a task that
// ran elsewhere before its turn keeps its turn, so whoever stands behind it
// finds what it would find in a cluster of its own.
type celled struct {
	homes        *queue.Homes
	reservations map[string]*queue.Reservation
	turns        []queue.Job          // done, or in place elsewhere by right, before their turn at home came
	kept         []queue.Running      // whose turn is now
	until        map[string]time.Time // when a turn is over, by task
	due          map[string]bool      // homes of which something has changed
	rights       map[string]bool      // tasks that had their turn
}

func newCelled(s place.Snapshot, quotas map[string][]queue.Cell) *celled {
	return &celled{homes: queue.Settle(s, quotas, nil, nil), reservations: map[string]*queue.Reservation{},
		until: map[string]time.Time{}, due: map[string]bool{}, rights: map[string]bool{}}
}

// changed notes that the line of a project's home is to be looked at.
func (c *celled) changed(project string) { c.due[c.homes.HomeOf(project)], c.due[""] = true, true }

// next gives the sooner of a moment and the end of the next turn.
func (c *celled) next(at time.Time) time.Time {
	for _, end := range c.until {
		if at.IsZero() || end.Before(at) {
			at = end
		}
	}
	return at
}

// ended notes that a task is done.
func (c *celled) ended(r queue.Running) {
	if r.Guest {
		c.turns = append(c.turns, r.Job)
		return
	}
	c.due[r.Home] = true
}

// over ends the turns that are over.
func (c *celled) over(now time.Time) {
	c.kept = slices.DeleteFunc(c.kept, func(r queue.Running) bool {
		if c.until[r.ID].After(now) {
			return false
		}
		delete(c.until, r.ID)
		c.due[r.Home] = true
		return true
	})
}

// planCells starts who can start, where projects own cells.
func (r *replay) planCells() error {
	c := r.cells
	c.over(r.now)
	state := queue.HomeState{State: queue.State{Now: r.now, Cluster: r.cluster, Running: r.running, Waiting: r.waiting, Shares: r.Shares, Strict: r.Strict},
		Reservations: c.reservations, Only: []string{}, Kept: c.kept, Turns: c.turns}
	for owner := range c.due {
		state.Only = append(state.Only, owner)
	}
	clear(c.due)
	r.Rounds++
	plan, err := c.homes.Make(state)
	if err != nil {
		return err
	}
	c.reservations = plan.Reservations
	for _, guest := range plan.Back {
		if err := r.goesBack(guest); err != nil {
			return err
		}
	}
	began := map[string]bool{}
	for _, t := range plan.Turns {
		began[t.ID] = true
		c.kept = append(c.kept, queue.Running{Job: t.Job, Placement: t.Placement, Started: r.now, Home: c.homes.HomeOf(t.Project)})
		c.until[t.ID] = r.now.Add(r.runs[t.ID])
	}
	c.turns = slices.DeleteFunc(c.turns, func(j queue.Job) bool { return began[j.ID] })
	started := map[string]bool{}
	for _, s := range plan.Starts {
		if err := r.start(s.Start); err != nil {
			return err
		}
		last := &r.running[len(r.running)-1]
		last.Home, last.Guest = s.Home, s.Guest
		if started[s.ID] = true; !s.Guest && s.Home != c.homes.HomeOf(s.Project) {
			c.turns = append(c.turns, s.Job)
		}
	}
	r.waiting = slices.DeleteFunc(r.waiting, func(j queue.Job) bool { return started[j.ID] })
	return nil
}

// goesBack takes the place of a guest. What it did is lost, and it is in line
// again, where it stood.
func (r *replay) goesBack(guest queue.Running) error {
	if err := r.cluster.Release(guest.Placement); err != nil {
		return err
	}
	r.Preempted += float64(guest.Placement.Devices()) * r.now.Sub(guest.Started).Seconds()
	delete(r.ends, guest.ID)
	r.running = slices.DeleteFunc(r.running, func(o queue.Running) bool { return o.ID == guest.ID })
	at, _ := slices.BinarySearchFunc(r.waiting, guest.Job, func(a, b queue.Job) int { return a.Since.Compare(b.Since) })
	r.waiting, r.queued[guest.ID] = slices.Insert(r.waiting, at, guest.Job), r.now
	return nil
}
