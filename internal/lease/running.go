package lease

import (
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
	"github.com/bine-ml/bine/internal/database"
)

// running gives who holds something on hosts with accelerators, by name, with the
// places that they have there and by when they give back.
func (v view) running(p *picture) ([]queue.Running, error) {
	if p.runs == nil {
		runs, err := v.runs()
		if err != nil {
			return nil, err
		}
		p.runs = runs
	}
	all := make([]queue.Running, 0, len(p.runs))
	for _, r := range p.runs {
		if one := *r; p.board.has(&one.Placement) {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b queue.Running) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// has leaves of a place what is on the board, among accelerators, and reports
// whether that is anything. Of a host that has become smaller than what is held of
// it, nobody's cores and memory count as given back.
func (b *board) has(placed *place.Placement) bool {
	var shares []place.Share
	for _, s := range placed.Shares {
		h := b.byName[s.Host]
		if h == nil || len(h.devices) == 0 {
			continue
		}
		if h.free.milli < 0 {
			s.CPU = 0
		}
		if h.free.memory < 0 {
			s.Memory = 0
		}
		gone := func(part place.Part) bool {
			d := b.devices[part.Device]
			return d == nil || !d.listed || d.host != s.Host
		}
		if slices.ContainsFunc(s.Devices, gone) {
			s.Devices = slices.DeleteFunc(slices.Clone(s.Devices), gone)
		}
		shares = append(shares, s)
	}
	placed.Shares = shares
	return len(shares) > 0
}

// run is who holds something as package queue takes it.
func run(id bine.AttemptID, project bine.ProjectName, w want, rank int, lasts int64, yields bool, granted int64) (*queue.Running, error) {
	task, err := want{amount: w.amount, request: w.request}.task()
	if err != nil {
		return nil, err
	}
	task.Request.Duration = duration(lasts)
	return &queue.Running{Job: queue.Job{ID: string(id), Project: string(project), Priority: -rank, Yields: yields, Task: task}, Started: database.Time(granted)}, nil
}

// runs reads who holds something.
func (v view) runs() (map[bine.AttemptID]*queue.Running, error) {
	all := map[bine.AttemptID]*queue.Running{}
	where := map[bine.AttemptID]*place.Share{}
	members := map[bine.AttemptID][]*place.Share{}
	err := v.each(func(row scanner) error {
		var id, first bine.AttemptID
		var project bine.ProjectName
		var w want
		var granted, most int64
		var rank int
		var yields bool
		var askedBack *int64
		s := &place.Share{}
		if err := row.Scan(&id, &first, &s.Host, &project, &w.milli, &w.memory, &w.gpus, &w.request, &granted, &rank, &most, &yields, &askedBack); err != nil {
			return err
		}
		s.CPU, s.Memory, where[id] = w.milli, w.memory, s
		if first == "" {
			first = id
		}
		members[first] = append(members[first], s)
		if first != id {
			return nil
		}
		if askedBack != nil { // it is about to go
			soon := max(micros(grace)+*askedBack-granted, 1)
			if most == 0 || soon < most {
				most = soon
			}
		}
		if r, err := run(id, project, w, rank, most, yields, granted); err == nil { // it was readable when it was asked
			all[id] = r
		}
		return nil
	}, "SELECT attempt, gang, host, project, cpu_milli, memory, gpu_milli, request, granted_at, priority, lasts, yields, asked_back FROM leases WHERE host > ?", NoHost)
	if err != nil {
		return nil, err
	}
	err = v.each(func(row scanner) error {
		var id bine.AttemptID
		var part place.Part
		if err := row.Scan(&id, &part.Device, &part.Milli); err != nil {
			return err
		}
		if s := where[id]; s != nil {
			s.Devices = append(s.Devices, part)
		}
		return nil
	}, "SELECT attempt, device, milli FROM lease_grants WHERE ended_at IS NULL")
	for id, shares := range members {
		if r := all[id]; r != nil {
			for _, s := range shares {
				r.Placement.Shares = append(r.Placement.Shares, *s)
			}
		}
	}
	return all, err
}

// began notes who was granted something, where it is known who holds what.
func (p *picture) began(e *entry, now int64) {
	if p.runs == nil {
		return
	}
	r, err := run(e.Attempt, e.project, e.want, e.priority, e.lasts, e.yields, now)
	if err != nil {
		p.runs = nil
		return
	}
	for _, s := range e.spots {
		share := place.Share{Host: s.host.name, CPU: s.milli, Memory: s.memory}
		for _, part := range s.shares {
			share.Devices = append(share.Devices, place.Part{Device: part.device.ID, Milli: int(part.milli)})
		}
		r.Placement.Shares = append(r.Placement.Shares, share)
	}
	p.runs[e.Attempt] = r
}
