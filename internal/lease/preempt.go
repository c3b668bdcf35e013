package lease

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
	"github.com/bine-ml/bine/internal/database"
)

// grace is how long who is asked to make room has for it.
const grace = 30 * time.Second

// idleFor is how long devices have to be idle for who has them to give back first.
const idleFor = 10 * time.Minute

// askFor asks those that are preemptible to make room for the first of each
// project who waits for accelerators and did not start, where that may take what
// they hold (queue.Books) and it is what it lacks. Nothing is taken: their agents
// end them, they give back as they always do, and who waits is granted then.
// It is not looked again for one for whom somebody was asked already, nor for one
// for whom nobody was found while nothing changed that could be of use to it.
func (t *tx) askFor(p *picture, s *stage, started map[string]bool, only *entry) error {
	var look []queue.Job
	seen := map[string]bool{}
	for _, j := range s.Waiting {
		if seen[j.Project] || started[j.ID] {
			continue
		}
		seen[j.Project] = true
		e := s.entries[j.ID]
		mayTake := func(r queue.Running) bool { return s.fairness.Books.MayTake(j, r) }
		if (only == nil || e == only) && p.quotas[e.project].exceeds(p.held[e.project].plus(e.amount, 1)) == "" && slices.ContainsFunc(s.Running, mayTake) {
			look = append(look, j)
		}
	}
	if len(look) == 0 {
		return nil
	}
	asked, err := t.askedFor()
	if err == nil {
		err = t.yielding(s)
	}
	if err != nil {
		return err
	}
	stands := s.stands(p)
	for _, j := range look {
		e := s.entries[j.ID]
		if asked[e.Attempt] || t.l.futile.is(e.Attempt, stands) {
			continue
		}
		found, err := t.askBack(p, s, e, j)
		if err != nil {
			return err
		}
		if !found {
			t.l.futile.set(e.Attempt, stands)
		}
	}
	return nil
}

// yielding marks those that give back before others since their devices have
// been idle for long.
func (t *tx) yielding(s *stage) error {
	idle := map[string]bool{}
	err := t.each(func(row scanner) error {
		var id string
		var samples, busy int64
		err := row.Scan(&id, &samples, &busy)
		idle[id] = samples > 0 && t.now-busy >= micros(idleFor)
		return err
	}, "SELECT CASE WHEN l.gang = '' THEN l.attempt ELSE l.gang END, MIN(g.samples), MAX(CASE WHEN g.busy_at > g.granted_at THEN g.busy_at ELSE g.granted_at END) FROM lease_grants g JOIN leases l ON l.attempt = g.attempt WHERE g.ended_at IS NULL GROUP BY 1")
	for i := range s.Running {
		s.Running[i].Yields = s.Running[i].Yields || idle[s.Running[i].ID]
	}
	return err
}

// askedFor gives those for whom others were asked to make room, and have not yet.
func (v view) askedFor() (map[bine.AttemptID]bool, error) {
	all := map[bine.AttemptID]bool{}
	return all, v.each(func(row scanner) error {
		var id bine.AttemptID
		err := row.Scan(&id)
		all[id] = true
		return err
	}, "SELECT DISTINCT back_for FROM leases WHERE back_for > ''")
}

// askBack asks who is to make room for a job, and keeps their place for it
// unless one is kept for another already.
func (t *tx) askBack(p *picture, s *stage, e *entry, j queue.Job) (found bool, err error) {
	var victims []queue.Running
	var placed place.Placement
	err = p.beside(p.board.index(j.Task.Request.Preemptible), t.reserved, e.Attempt, func(c *place.Cluster) (err error) {
		victims, placed, err = queue.Victims(c, s.Running, j, s.Shares, s.Now)
		return err
	})
	if err != nil { // the board is not as the ledger says: no grounds to end anybody
		p.board.forget()
		return false, nil
	}
	for _, v := range victims {
		if _, err := t.exec("UPDATE leases SET asked_back = ?, back_for = ? WHERE attempt = ? AND asked_back IS NULL", t.now, e.Attempt, v.ID); err != nil {
			return false, err
		}
	}
	if len(victims) == 0 {
		return false, nil
	}
	p.runs = nil
	if t.reserved == nil || t.reserved.Attempt == e.Attempt || t.reserved.At == 0 {
		t.reserve(&reservation{Attempt: e.Attempt, At: t.now + micros(grace), Since: t.now, Placement: placed, Kept: placed})
		p.keep(t.reserved)
	}
	return true, nil
}

// stands is a number that is another one when something has changed that decides
// who could make room: who holds devices, what there is, and what belongs to whom.
func (s *stage) stands(p *picture) uint64 {
	h := fnv.New64a()
	for _, r := range s.Running {
		fmt.Fprint(h, r.ID, r.Yields, r.Priority, ";")
	}
	for _, one := range p.board.hosts {
		fmt.Fprint(h, one.name, one.takes(), one.capacity, ";")
		for _, d := range one.devices {
			fmt.Fprint(h, d.used, d.usable(true), d.usable(false))
		}
	}
	fmt.Fprint(h, s.Shares)
	return h.Sum64() | 1
}

// futile is for whom nobody was found to make room, by how things stood.
type futile struct {
	mu sync.Mutex
	by map[bine.AttemptID]uint64
}

func (f *futile) is(id bine.AttemptID, stands uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.by[id] == stands
}

// mostFutile bounds what is remembered; beyond, all of it is forgotten.
const mostFutile = 10_000

func (f *futile) set(id bine.AttemptID, stands uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil || len(f.by) >= mostFutile {
		f.by = map[bine.AttemptID]uint64{}
	}
	f.by[id] = stands
}

// AskedBack gives the attempts on a host that are to make room for others.
func (l *Ledger) AskedBack(ctx context.Context, host bine.HostName) (ids []bine.AttemptID, err error) {
	v := view{l.db.Reader(ctx), ctx}
	err = v.each(func(row scanner) error {
		var id bine.AttemptID
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, "SELECT l.attempt FROM leases l WHERE l.host = ? AND (l.asked_back IS NOT NULL OR l.gang <> '' AND EXISTS (SELECT 1 FROM leases f WHERE f.attempt = l.gang AND f.asked_back IS NOT NULL)) ORDER BY l.place", host)
	return ids, l.db.Explain(err)
}

// PruneGrants forgets grants that ended, and events of devices, before a time.
func (l *Ledger) PruneGrants(ctx context.Context, before time.Time) error {
	return l.write(ctx, func(t *tx) error {
		for _, table := range []string{"lease_grants", "lease_history"} {
			if _, err := t.exec("DELETE FROM "+table+" WHERE ended_at < ?", database.Micros(before)); err != nil {
				return err
			}
		}
		_, err := t.exec("DELETE FROM device_events WHERE at < ?", database.Micros(before))
		return err
	})
}
