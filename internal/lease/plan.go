package lease

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
	"github.com/bine-ml/bine/internal/database"
)

// reservation is the place that is kept for the first who waits for
// accelerators, as it is written down.
type reservation struct {
	Attempt   bine.AttemptID  `json:"attempt"`
	At        int64           `json:"at"` // microseconds; 0 is not known
	Since     int64           `json:"since"`
	Placement place.Placement `json:"placement"`
	Kept      place.Placement `json:"kept"` // what of it has to stay free from now on
}

// queued is the reservation as package queue takes it.
func (r *reservation) queued() *queue.Reservation {
	if r == nil {
		return nil
	}
	q := &queue.Reservation{ID: string(r.Attempt), Placement: r.Placement}
	if r.At > 0 {
		q.At = database.Time(r.At)
	}
	return q
}

// record is the reservation as people see it.
func (r *reservation) record() *bine.Reservation {
	out := &bine.Reservation{Since: database.Time(r.Since), Hosts: []bine.HostName{}, Devices: []bine.DeviceID{}}
	if r.At > 0 {
		out.At = new(database.Time(r.At))
	}
	for _, s := range r.Placement.Shares {
		out.Hosts = append(out.Hosts, s.Host)
		for _, d := range s.Devices {
			out.Devices = append(out.Devices, d.Device)
		}
	}
	return out
}

// reserve keeps a place, or with nil none.
func (t *tx) reserve(r *reservation) {
	if r != nil && t.reserved != nil && r.Attempt == t.reserved.Attempt {
		r.Since = t.reserved.Since
	}
	if !reflect.DeepEqual(r, t.reserved) {
		t.reserved, t.moved = r, true
	}
}

// unreserve keeps no place any more for one that needs none.
func (t *tx) unreserve(id bine.AttemptID) {
	if t.reserved != nil && t.reserved.Attempt == id {
		t.reserve(nil)
	}
}

// lasts is for how long, in microseconds, who asks keeps what it gets at most; 0
// is not known.
func lasts(r Request) int64 {
	most := r.Within
	if request, err := gpu.Of(r.Resources); err == nil && request.Duration > 0 && (most <= 0 || request.Duration < most) {
		most = request.Duration
	}
	return max(most.Microseconds(), 0)
}

// stage is how things stand for those that wait for accelerators: what package
// queue looks at, and the requests behind its jobs.
type stage struct {
	queue.State
	fairness queue.Fairness
	entries  map[string]*entry
}

// waitingShown bounds how many of a project are looked at in one change.
const waitingShown = 64

// stage reads how things stand, with only where it is not written down yet.
func (v view) stage(p *picture, m meter, now int64, reserved *reservation, heads []*entry, only *entry) (*stage, error) {
	s := &stage{entries: map[string]*entry{}}
	running, err := v.running(p)
	if err != nil {
		return nil, err
	}
	s.Now, s.Running, s.Reserved, s.Shares = database.Time(now), running, reserved.queued(), p.shares()
	s.Cluster = p.board.index(false)
	var waiting []*entry
	for _, head := range heads {
		if head.gpus == 0 {
			continue
		}
		some, err := v.waiting(head.project)
		if err != nil {
			return nil, err
		}
		waiting = append(waiting, some...)
	}
	if only != nil && !slices.ContainsFunc(waiting, func(e *entry) bool { return e.Attempt == only.Attempt }) {
		waiting = append(waiting, only)
	}
	jobs := make([]queue.Job, 0, len(waiting))
	bars := p.barred(heads)
	for _, e := range waiting {
		if only != nil && e.Attempt == only.Attempt {
			e = only
		}
		job, err := p.job(e)
		if err != nil {
			continue // it was refused when it was asked
		}
		for _, bar := range bars {
			if bar.place < e.place && bar.project != e.project {
				job.Task.Avoid = append(job.Task.Avoid, bar.hosts...)
			}
		}
		jobs = append(jobs, job)
		s.entries[job.ID] = e
	}
	used, err := v.used(m, p.amounts(), now)
	if err != nil {
		return nil, err
	}
	s.fairness = queue.Fairness{Now: s.Now, HalfLife: m.halfLife, Usage: map[string]queue.Usage{}, Shares: s.Shares, Held: map[string]int{}}
	for project, u := range used {
		s.fairness.Usage[string(project)] = queue.Usage{Amount: u.gpu, At: s.Now}
	}
	for project, h := range p.held {
		s.fairness.Held[string(project)] = int(h.gpus)
	}
	s.fairness.Books = queue.NewBooks(place.Snapshot{Hosts: s.Cluster.Hosts()}, s.Running, s.Shares)
	s.Waiting = queue.Order(jobs, s.fairness)
	return s, nil
}

// waiting reads the first of a project that wait for accelerators.
func (v view) waiting(project bine.ProjectName) (list []*entry, err error) {
	return list, v.each(func(row scanner) error {
		e, err := scanEntry(row)
		list = append(list, e)
		return err
	}, "SELECT "+entryColumns+" FROM leases l WHERE l.host = '' AND l.line = '' AND l.kind = 1 AND l.project = ? ORDER BY l.priority, l.place LIMIT ?", project, waitingShown)
}

// job is a request as package queue takes it.
func (p *picture) job(e *entry) (queue.Job, error) {
	task, err := e.task()
	if err != nil {
		return queue.Job{}, err
	}
	task.Request.Duration = duration(e.lasts)
	if len(task.Avoid) > 0 { // where there is no other, what is to be avoided is taken
		if _, err := place.Place(p.board.snapshot(idle, task.Request.Preemptible), task, p.board.policy); err != nil {
			task.Avoid = nil
		}
	}
	task.Avoid = slices.Clone(task.Avoid)
	return queue.Job{ID: string(e.Attempt), Project: string(e.project), Task: task, Priority: -e.priority, Since: time.UnixMicro(e.place), Yields: e.yields}, nil
}

// shares gives what belongs to projects as package queue takes it. The bounds of
// quotas are kept to by bounds.
func (p *picture) shares() map[string]queue.Share {
	shares := map[string]queue.Share{}
	for project, q := range p.quotas {
		share := queue.Share{Weight: q.weight, Guaranteed: int(q.guaranteed)}
		for _, c := range q.cells {
			share.Stakes = append(share.Stakes, queue.Stake{Level: c.Level, Model: c.Model, Guaranteed: c.Guaranteed, Most: c.Most})
		}
		shares[string(project)] = share
	}
	return shares
}

func (p *picture) amounts() map[bine.ProjectName]amount {
	held := map[bine.ProjectName]amount{}
	for project, h := range p.held {
		held[project] = h.amount
	}
	return held
}

// bounds keeps a plan to the quotas of projects. One that would exceed its
// project's keeps those behind it from going before.
type bounds struct {
	p       *picture
	entries map[string]*entry
	held    map[bine.ProjectName]holding
	stopped map[bine.ProjectName]string
}

// Why says which part of a quota would be exceeded.
func (b *bounds) Why(j queue.Job) string {
	e := b.entries[j.ID]
	if why := b.stopped[e.project]; why != "" {
		return why
	}
	why := b.p.quotas[e.project].exceeds(b.held[e.project].plus(e.amount, 1))
	b.stopped[e.project] = why
	return why
}

// Started counts a job.
func (b *bounds) Started(j queue.Job) {
	e := b.entries[j.ID]
	b.held[e.project] = b.held[e.project].plus(e.amount, 1)
}

func (s *stage) bounded(p *picture) *bounds {
	b := &bounds{p: p, entries: s.entries, held: map[bine.ProjectName]holding{}, stopped: map[bine.ProjectName]string{}}
	for project, h := range p.held {
		b.held[project] = h
	}
	return b
}

// make plans who starts. Where what is written down does not fit together, it
// counts on nobody's end.
func (s *stage) make(p *picture) queue.Plan {
	s.Bounds = s.bounded(p)
	plan, err := queue.Make(s.State)
	if err != nil {
		p.board.forget()
		s.Cluster = p.board.index(false)
		s.Running, s.Reserved, s.Bounds = nil, nil, s.bounded(p)
		if plan, err = queue.Make(s.State); err != nil {
			p.board.forget()
			return queue.Plan{Waits: map[string]string{}}
		}
	}
	return plan
}

// plan starts those that wait for accelerators as package queue says. With
// only, just that one may start, and is told else what it waits for.
func (t *tx) plan(p *picture, heads []*entry, only *entry) (grants []Grant, why string, err error) {
	if p.runs == nil {
		t.undo = append(t.undo, func() { p.runs = nil }) // what is read here may be undone
	}
	s, err := t.stage(p, t.meter, t.now, t.reserved, heads, only)
	if err != nil {
		return nil, "", err
	}
	plan := s.make(p)
	starts := map[string]bool{}
	start := func(j queue.Job, placed place.Placement) error {
		e := s.entries[j.ID]
		starts[j.ID] = true
		if only != nil && e != only {
			return nil
		}
		e.grant(p.board.try(p.board.spots(placed)))
		t.give(p, e)
		s.Running = append(s.Running, queue.Running{Job: j, Placement: placed, Started: s.Now})
		grants = append(grants, e.Grant)
		if only == nil {
			return t.save(e, Request{})
		}
		return nil
	}
	for _, one := range plan.Starts {
		if err := start(one.Job, one.Placement); err != nil {
			return nil, "", err
		}
	}
	if plan.Reservation == nil {
		t.reserve(nil)
	} else {
		r := &reservation{Attempt: bine.AttemptID(plan.Reservation.ID), Since: t.now, Placement: plan.Reservation.Placement, Kept: plan.Kept}
		if at := plan.Reservation.At; !at.IsZero() {
			r.At = database.Micros(at)
		}
		t.reserve(r)
	}
	p.keep(t.reserved)
	for _, j := range s.Waiting {
		if starts[j.ID] || !j.Task.Request.Preemptible || only != nil && s.entries[j.ID] != only {
			continue
		}
		if placed, fits := p.onTrial(j, t.reserved); fits && s.Bounds.Why(j) == "" {
			if err := start(j, placed); err != nil {
				return nil, "", err
			}
		}
	}
	if err := t.askFor(p, s, starts, only); err != nil {
		return nil, "", err
	}
	if only != nil {
		why = plan.Waits[string(only.Attempt)]
	}
	return grants, why, nil
}

// onTrial finds a place for a job that may be asked back, where devices that are
// on probation are of use.
func (p *picture) onTrial(j queue.Job, kept *reservation) (place.Placement, bool) {
	if p.board.probation == 0 {
		return place.Placement{}, false
	}
	var placed place.Placement
	err := p.beside(p.board.index(true), kept, bine.AttemptID(j.ID), func(c *place.Cluster) (err error) {
		placed, err = c.Place(j.Task)
		return err
	})
	return placed, err == nil
}

// beside does something on a cluster where what is kept for another is taken.
func (p *picture) beside(c *place.Cluster, kept *reservation, id bine.AttemptID, f func(c *place.Cluster) error) error {
	if kept == nil || kept.Attempt == id {
		return f(c)
	}
	if err := c.Grant(kept.Kept); err != nil {
		return err
	}
	err := f(c)
	if c.Release(kept.Kept) != nil {
		p.board.forget()
	}
	return err
}

// keep notes on the board what of a reservation has to stay free.
func (p *picture) keep(r *reservation) {
	for _, h := range p.board.promised {
		h.promised = nil
	}
	p.board.promised = p.board.promised[:0]
	if r == nil {
		return
	}
	for _, s := range r.Kept.Shares {
		if h := p.board.byName[s.Host]; h != nil {
			h.promised = &promise{amount{milli: s.CPU, memory: s.Memory}, r.At}
			p.board.promised = append(p.board.promised, h)
		}
	}
}

// bar is hosts that the first of a project, who asks for no accelerators, waits for.
type bar struct {
	project bine.ProjectName
	place   int64
	hosts   []bine.HostName
}

// barred gives the hosts with accelerators that those wait for who ask for none:
// who asks for accelerators later does not go there before them. One that has
// other hosts to wait for keeps nobody away.
func (p *picture) barred(heads []*entry) (all []bar) {
	for _, e := range heads {
		if e.gpus > 0 || p.quotas[e.project].exceeds(p.held[e.project].plus(e.amount, 1)) != "" {
			continue
		}
		b := bar{project: e.project, place: e.place}
		for _, h := range p.board.candidates(e.want) {
			if len(h.devices) == 0 {
				b.hosts = nil
				break
			}
			b.hosts = append(b.hosts, h.name)
		}
		if b.hosts != nil {
			all = append(all, b)
		}
	}
	return all
}

// promisedAt says when a place is kept for a request, for people.
func promisedAt(r *reservation) string {
	if r.At == 0 {
		return "a place is kept for it when others give back"
	}
	return fmt.Sprintf("its place is kept for %s at the latest", database.Time(r.At).Format("2006-01-02 15:04 MST"))
}
