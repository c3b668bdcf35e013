package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
)

// Cohorts is a workload of queues that lend to each other what they do not use.
type Cohorts struct {
	Cohorts, Queues int // queues in each cohort
	Nominal         int // units that a queue is guaranteed
	Borrow          int // units that it may have beyond
	Classes         []Class
	Silent          bool // nobody says how long work runs, so nothing goes before on the strength of that
}

// Class is work of one kind that each queue gets, one by one at the same distance.
type Class struct {
	Name     string
	Count    int
	Every    time.Duration
	Runs     time.Duration
	Units    int
	Priority int
}

// KueueBaseline is the workload of Kueue's own scalability test
// (test/performance/scheduler/configs/baseline of its repository): 15,000 pieces.
func KueueBaseline() Cohorts {
	const ms = time.Millisecond
	return Cohorts{Cohorts: 5, Queues: 6, Nominal: 20, Borrow: 100, Classes: []Class{
		{"small", 350, 100 * ms, 200 * ms, 1, 50},
		{"medium", 100, 500 * ms, 500 * ms, 5, 100},
		{"large", 50, 1200 * ms, 1000 * ms, 20, 200},
	}}
}

// Admitted is what came of it. Deciding takes the time that it really takes:
// meanwhile the clock of the workload goes on.
type Admitted struct {
	Pieces   int
	Wall     time.Duration            // until the last is done
	Waited   map[string]time.Duration // mean time to admission, by class
	LeastUse float64                  // of the queues: units used, of its nominal ones, over the time until its last piece is done
	Plans    int
	Deciding time.Duration // of all plans
	Longest  time.Duration // plan
}

// piece is one of a workload.
type piece struct {
	queue.Job
	class string
	runs  time.Duration
}

// cohort is the queues that share, with the devices that are theirs.
type cohort struct {
	pieces   []piece // by arrival
	next     int
	cluster  *place.Cluster
	shares   map[string]queue.Share
	waiting  []queue.Job
	running  []queue.Running
	of       map[string]piece
	reserved *queue.Reservation
	ended    map[string]time.Time // the last of each queue
}

// Admit plays a workload. The cohorts have nothing to do with each other, but
// are decided about by one after the other.
func Admit(w Cohorts) (Admitted, error) {
	a := Admitted{Waited: map[string]time.Duration{}}
	counts := map[string]int{}
	all := make([]*cohort, w.Cohorts)
	for i := range all {
		all[i] = w.cohort()
	}
	used := map[string]float64{}
	for now := epoch; ; {
		next := time.Time{}
		for _, c := range all {
			if at := c.moment(); !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
		if next.IsZero() {
			break
		}
		if next.After(now) {
			now = next
		}
		for i, c := range all {
			if at := c.moment(); at.IsZero() || at.After(now) {
				continue
			}
			began := time.Now()
			if err := c.step(now); err != nil {
				return a, err
			}
			starts, err := c.plan(now)
			if err != nil {
				return a, err
			}
			took := time.Since(began)
			now = now.Add(took)
			a.Plans, a.Deciding, a.Longest = a.Plans+1, a.Deciding+took, max(a.Longest, took)
			for _, s := range starts {
				p := c.start(s, now)
				a.Pieces++
				counts[p.class]++
				a.Waited[p.class] += now.Sub(p.Since)
				used[fmt.Sprint(i, p.Project)] += float64(p.Task.Request.Count) * p.runs.Seconds()
			}
		}
	}
	for class, n := range counts {
		a.Waited[class] /= time.Duration(n)
	}
	a.LeastUse = 1
	for i, c := range all {
		for name, at := range c.ended {
			over := at.Sub(epoch)
			a.Wall = max(a.Wall, over)
			a.LeastUse = min(a.LeastUse, used[fmt.Sprint(i, name)]/float64(w.Nominal)/over.Seconds())
		}
	}
	return a, nil
}

// cohort makes the devices of one, on hosts of 8, and what arrives there.
func (w Cohorts) cohort() *cohort {
	c := &cohort{cluster: place.NewCluster(regular(w.Queues*w.Nominal), place.Policy{Name: place.BestFit}), shares: map[string]queue.Share{}, of: map[string]piece{}, ended: map[string]time.Time{}}
	for q := range w.Queues {
		name := fmt.Sprint("q", q)
		c.shares[name] = queue.Share{Guaranteed: 1000 * w.Nominal, Limit: 1000 * (w.Nominal + w.Borrow)}
		for _, class := range w.Classes {
			for n := range class.Count {
				id := fmt.Sprintf("%s-%s-%04d", name, class.Name, n)
				r := gpu.Request{Count: class.Units}
				if !w.Silent {
					r.Duration = class.Runs
				}
				j := queue.Job{ID: id, Project: name, Task: place.Task{ID: id, Request: r}, Priority: class.Priority, Since: epoch.Add(time.Duration(n+1) * class.Every)}
				c.pieces = append(c.pieces, piece{j, class.Name, class.Runs})
			}
		}
	}
	slices.SortStableFunc(c.pieces, func(a, b piece) int { return a.Since.Compare(b.Since) })
	return c
}

// moment gives when something happens next; zero is never.
func (c *cohort) moment() time.Time {
	next := time.Time{}
	if c.next < len(c.pieces) {
		next = c.pieces[c.next].Since
	}
	for _, r := range c.running {
		if end := c.end(r); next.IsZero() || end.Before(next) {
			next = end
		}
	}
	return next
}

func (c *cohort) end(r queue.Running) time.Time { return r.Started.Add(c.of[r.ID].runs) }

// step lets pieces end and arrive.
func (c *cohort) step(now time.Time) (err error) {
	c.running = slices.DeleteFunc(c.running, func(r queue.Running) bool {
		if c.end(r).After(now) || err != nil {
			return false
		}
		c.ended[r.Project] = c.end(r)
		err = c.cluster.Release(r.Placement)
		return true
	})
	for ; c.next < len(c.pieces) && !c.pieces[c.next].Since.After(now); c.next++ {
		p := c.pieces[c.next]
		c.waiting, c.of[p.ID] = append(c.waiting, p.Job), p
	}
	return err
}

func (c *cohort) plan(now time.Time) ([]queue.Start, error) {
	if len(c.waiting) == 0 {
		return nil, nil
	}
	c.waiting = queue.Order(c.waiting, queue.Fairness{Now: now, Shares: c.shares, Held: queue.HeldBy(c.running)})
	plan, err := queue.Make(queue.State{Now: now, Cluster: c.cluster, Running: c.running, Waiting: c.waiting, Shares: c.shares, Reserved: c.reserved})
	if err != nil {
		return nil, err
	}
	c.reserved = plan.Reservation
	started := map[string]bool{}
	for _, s := range plan.Starts {
		if started[s.ID], err = true, c.cluster.Grant(s.Placement); err != nil {
			return nil, err
		}
	}
	c.waiting = slices.DeleteFunc(c.waiting, func(j queue.Job) bool { return started[j.ID] })
	return plan.Starts, nil
}

func (c *cohort) start(s queue.Start, now time.Time) piece {
	c.running = append(c.running, queue.Running{Job: s.Job, Placement: s.Placement, Started: now})
	return c.of[s.ID]
}
