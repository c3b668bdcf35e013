package sim

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
)

// ReplayOptions say how work is replayed.
type ReplayOptions struct {
	Policy   place.PolicyName
	Strict   bool // nobody goes before the first that does not fit
	Fair     bool // projects take turns by what they have had; else who asked first goes first
	Preempt  bool // who has a guarantee may take from who borrows
	HalfLife time.Duration
	Shares   map[string]queue.Share
	Speed    float64                 // arrivals come so many times as fast as recorded; 0 is 1
	Guess    float64                 // what is said of how long work runs, in comparison with how long it does; 0 is 1
	Until    time.Duration           // stop then; 0: when all is done
	Typical  []place.Typical         // tasks that count as such; nil: all that are replayed
	Cells    map[string][]queue.Cell // that projects own; there is no Preempt and no Fair then
}

// Replayed is what came of a replay.
type Replayed struct {
	Tasks      int
	Done       int
	Never      int                     // tasks that the cluster could not take were it idle, or that others' cells leave no place
	Waits      map[int][]time.Duration // by devices asked for
	Makespan   time.Duration
	Used       float64                  // share of all devices, over the whole time
	Service    map[string]float64       // seconds of devices that projects had
	Slowdown   map[string]float64       // of projects: time of waiting and running together, over that of running
	Backfilled int                      // tasks that went before one that asked earlier
	Delayed    int                      // tasks that started later than their reservation said
	Preempted  float64                  // seconds of devices that were lost
	Rounds     int                      // plans that were made
	Waited     map[string]time.Duration // each task, all of the time that it was in line
	Ended      map[string]time.Duration // when each was done
	Took       time.Duration
}

// replay is one in progress.
type replay struct {
	ReplayOptions
	Replayed
	cluster  *place.Cluster
	devices  float64
	now      time.Time
	pods     []Pod // by arrival
	next     int
	waiting  []queue.Job
	running  []queue.Running
	ends     map[string]time.Time // of what runs: when it really ends
	runs     map[string]time.Duration
	usage    map[string]queue.Usage
	reserved *queue.Reservation
	promised map[string]time.Time  // first reservation of each
	total    map[string][2]float64 // seconds that projects waited, and ran
	queued   map[string]time.Time  // since when those in line are
	cells    *celled               // nil without cells
}

// epoch is when replays begin.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Replay lets work come and go as it is recorded, with package queue deciding
// who is next.
func Replay(s place.Snapshot, pods []Pod, o ReplayOptions) (Replayed, error) {
	r := newReplay(s, pods, o)
	began := time.Now()
	for r.step() {
		r.end()
		r.arrive()
		if err := r.plan(); err != nil {
			return r.Replayed, err
		}
		if o.Until > 0 && r.now.Sub(epoch) >= o.Until {
			break
		}
	}
	if o.Until == 0 {
		r.Never += len(r.waiting) // that cells of others leave no place
	}
	r.Took, r.Makespan = time.Since(began), r.now.Sub(epoch)
	total := 0.0
	for _, seconds := range r.Service {
		total += seconds
	}
	if r.Makespan > 0 && r.devices > 0 {
		r.Used = total / r.devices / r.Makespan.Seconds()
	}
	for project, t := range r.total {
		r.Slowdown[project] = (t[0] + t[1]) / max(t[1], 1)
	}
	return r.Replayed, nil
}

func newReplay(s place.Snapshot, pods []Pod, o ReplayOptions) *replay {
	if o.Speed <= 0 {
		o.Speed = 1
	}
	if o.Guess < 1 {
		o.Guess = 1
	}
	r := &replay{ReplayOptions: o, now: epoch, ends: map[string]time.Time{}, runs: map[string]time.Duration{}, usage: map[string]queue.Usage{},
		promised: map[string]time.Time{}, total: map[string][2]float64{}, queued: map[string]time.Time{},
		Replayed: Replayed{Waited: map[string]time.Duration{}, Ended: map[string]time.Duration{}, Waits: map[int][]time.Duration{}, Service: map[string]float64{}, Slowdown: map[string]float64{}}}
	for _, h := range s.Hosts {
		r.devices += float64(len(h.Devices))
	}
	policy := place.Policy{Name: o.Policy, Typical: o.Typical}
	if policy.Typical == nil {
		policy.Typical = TypicalOf(pods)
	}
	r.cluster = place.NewCluster(s, policy)
	seen := map[string]bool{}
	for i, p := range pods {
		p.Created = time.Duration(float64(p.Created) / o.Speed)
		if seen[p.ID] || p.ID == "" {
			p.ID += "#" + strconv.Itoa(i)
		}
		seen[p.ID] = true
		if p.Request.Duration == 0 {
			p.Request.Duration = time.Duration(float64(p.Runs) * o.Guess)
		}
		if p.Runs == 0 || (p.Request.Duration > 0 && p.Runs > p.Request.Duration) {
			p.Runs = p.Request.Duration
		}
		if _, err := r.cluster.Place(p.Task); err != nil || p.Runs == 0 {
			r.Never++ // the cluster is idle yet
			continue
		}
		r.pods = append(r.pods, p)
	}
	slices.SortStableFunc(r.pods, func(a, b Pod) int { return cmp.Compare(a.Created, b.Created) })
	if len(o.Cells) > 0 {
		r.cells = newCelled(s, o.Cells)
	}
	return r
}

// step goes to the next moment at which something happens.
func (r *replay) step() bool {
	next := time.Time{}
	if r.next < len(r.pods) {
		next = epoch.Add(r.pods[r.next].Created)
	}
	for _, end := range r.ends {
		if next.IsZero() || end.Before(next) {
			next = end
		}
	}
	if r.cells != nil {
		next = r.cells.next(next)
	}
	if next.IsZero() {
		return false
	}
	if limit := epoch.Add(r.Until); r.Until > 0 && next.After(limit) {
		next = limit
	}
	held := queue.HeldBy(r.running)
	for project, milli := range held {
		r.Service[project] += float64(milli) / 1000 * next.Sub(r.now).Seconds()
	}
	for project := range r.usage {
		r.usage[project] = r.usage[project].Add(float64(held[project])/1000, next, r.HalfLife)
	}
	r.now = next
	return true
}

// end takes back the places of what is done.
func (r *replay) end() {
	r.running = slices.DeleteFunc(r.running, func(job queue.Running) bool {
		if r.ends[job.ID].After(r.now) {
			return false
		}
		delete(r.ends, job.ID)
		r.Done++
		r.Ended[job.ID] = r.now.Sub(epoch)
		if r.cells != nil {
			r.cells.ended(job)
		}
		runs, waited := r.runs[job.ID].Seconds(), job.Started.Sub(job.Since).Seconds()
		total := r.total[job.Project]
		r.total[job.Project] = [2]float64{total[0] + waited, total[1] + runs}
		return r.cluster.Release(job.Placement) == nil
	})
}

// arrive lets those wait whose time it is.
func (r *replay) arrive() {
	for r.next < len(r.pods) && !epoch.Add(r.pods[r.next].Created).After(r.now) {
		p := r.pods[r.next]
		r.next++
		r.Tasks++
		if _, known := r.usage[p.Project]; !known {
			r.usage[p.Project] = queue.Usage{At: r.now}
		}
		r.runs[p.ID] = p.Runs
		j := queue.Job{ID: p.ID, Project: p.Project, Task: p.Task, Since: r.now, Priority: p.Priority, Yields: p.Yields}
		r.waiting, r.queued[p.ID] = append(r.waiting, j), r.now
		if r.cells != nil {
			r.cells.changed(j.Project)
		}
	}
}

// plan starts who can start.
func (r *replay) plan() error {
	if r.cells != nil {
		return r.planCells()
	}
	if len(r.waiting) == 0 {
		return nil
	}
	if r.Fair {
		r.waiting = queue.Order(r.waiting, queue.Fairness{Now: r.now, HalfLife: r.HalfLife, Usage: r.usage, Shares: r.Shares, Held: queue.HeldBy(r.running)})
	}
	if r.Preempt {
		if err := r.preempt(); err != nil {
			return err
		}
	}
	r.Rounds++
	plan, err := queue.Make(queue.State{Now: r.now, Cluster: r.cluster, Running: r.running, Waiting: r.waiting, Shares: r.Shares, Reserved: r.reserved, Strict: r.Strict})
	if err != nil {
		return err
	}
	started := map[string]bool{}
	for _, s := range plan.Starts {
		if err := r.start(s); err != nil {
			return err
		}
		started[s.ID] = true
	}
	r.waiting = slices.DeleteFunc(r.waiting, func(j queue.Job) bool { return started[j.ID] })
	if r.reserved = plan.Reservation; r.reserved != nil && !r.reserved.At.IsZero() {
		if _, known := r.promised[r.reserved.ID]; !known {
			r.promised[r.reserved.ID] = r.reserved.At
		}
	}
	return nil
}

func (r *replay) start(s queue.Start) error {
	if err := r.cluster.Grant(s.Placement); err != nil {
		return err
	}
	r.running = append(r.running, queue.Running{Job: s.Job, Placement: s.Placement, Started: r.now})
	r.ends[s.ID] = r.now.Add(r.runs[s.ID])
	n := s.Task.Request.Count
	r.Waits[n] = append(r.Waits[n], r.now.Sub(s.Since))
	r.Waited[s.ID] += r.now.Sub(r.queued[s.ID])
	if s.Before {
		r.Backfilled++
	}
	if at, promised := r.promised[s.ID]; promised && r.now.After(at) {
		r.Delayed++
	}
	return nil
}

// preempt lets who borrows give back to those at the head of the line. What
// was done is lost, and it waits again.
func (r *replay) preempt() error {
	for _, j := range r.waiting[:min(len(r.waiting), 8)] {
		if _, err := r.cluster.Place(j.Task); err == nil {
			continue
		}
		victims, _, err := queue.Victims(r.cluster, r.running, j, r.Shares, r.now)
		if err != nil {
			return err
		}
		for _, v := range victims {
			r.Preempted += float64(v.Placement.Devices()) * r.now.Sub(v.Started).Seconds()
			if err := r.cluster.Release(v.Placement); err != nil {
				return err
			}
			delete(r.ends, v.ID)
			r.running = slices.DeleteFunc(r.running, func(o queue.Running) bool { return o.ID == v.ID })
			r.waiting, r.queued[v.ID] = append(r.waiting, v.Job), r.now
		}
		if len(victims) > 0 {
			return nil
		}
	}
	return nil
}
