package queue

import (
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/place"
)

// shape is what a job's place depends on, of one that wants nothing special.
type shape struct {
	project                  string
	count, milli, hosts, per int
	cpu, memory              int64
	duration                 time.Duration
	vendor, profile, within  string
	uneven, preemptible      bool
}

func (j Job) shape() (s shape, simple bool) {
	r := j.Task.Request
	simple = len(r.Labels) == 0 && len(r.Models) == 0 && len(j.Task.Avoid) == 0 && r.Prefer.Within == "" && r.Prefer.Zero()
	return shape{j.Project, r.Count, r.Milli, r.Hosts, r.PerHost, j.Task.CPU, j.Task.Memory, r.Duration, r.Vendor, r.Profile, string(r.Within), r.Uneven, r.Preemptible}, simple
}

// backfill starts a job that is behind one with a reservation, if that does not
// delay it. One of the same shape as one that was refused is not looked at: as
// the plan goes on, there is only less.
func (p *planning) backfill(j Job) error {
	shape, simple := j.shape()
	if why := p.refused[shape]; simple && why != "" {
		p.Waits[j.ID] = why
		return nil
	}
	starts := len(p.Starts)
	err := p.fit(j)
	if simple && len(p.Starts) == starts {
		p.refused[shape] = p.Waits[j.ID]
	}
	return err
}

// fit starts a job if it is done when the reservation begins, or goes where there
// is room for both.
func (p *planning) fit(j Job) error {
	if j.Task.Request.Duration > 0 && !p.Reservation.At.IsZero() && !p.Now.Add(j.Task.Request.Duration).After(p.Reservation.At) {
		if placed, err := p.place(j); err == nil {
			return p.start(j, placed, true)
		}
		p.Waits[j.ID] = Full
		return nil
	}
	kept := p.kept()
	if err := p.Cluster.Grant(kept); err != nil {
		return err
	}
	placed, placeErr := p.place(j)
	if err := p.Cluster.Release(kept); err != nil {
		return err
	}
	if placeErr != nil {
		p.Waits[j.ID] = "what is free now is kept for one that goes before"
		return nil
	}
	return p.start(j, placed, true)
}

// kept is what of the reserved place has to stay free from now on: what will
// not have been given back by then.
func (p *planning) kept() place.Placement {
	var kept place.Placement
	for _, want := range p.Reservation.Placement.Shares {
		share := place.Share{Host: want.Host, CPU: want.CPU, Memory: want.Memory, Devices: slices.Clone(want.Devices)}
		for _, back := range p.released.Shares {
			if back.Host == want.Host {
				share = less(share, back)
			}
		}
		share.CPU, share.Memory = max(share.CPU, 0), max(share.Memory, 0)
		share.Devices = slices.DeleteFunc(share.Devices, func(d place.Part) bool { return d.Milli <= 0 })
		kept.Shares = append(kept.Shares, share)
	}
	return kept
}

// release notes what a job gives back on hosts of the reservation.
func (p *planning) release(r Running) {
	for _, s := range r.Placement.Shares {
		if slices.ContainsFunc(p.Reservation.Placement.Shares, func(want place.Share) bool { return want.Host == s.Host }) {
			p.released.Shares = append(p.released.Shares, s)
		}
	}
}

// less takes one share of a host from another; what is below nothing stays so.
func less(from, take place.Share) place.Share {
	from.CPU, from.Memory = from.CPU-take.CPU, from.Memory-take.Memory
	parts := map[bine.DeviceID]int{}
	for _, d := range take.Devices {
		parts[d.Device] += d.Milli
	}
	for i, d := range from.Devices {
		from.Devices[i].Milli -= parts[d.Device]
	}
	return from
}
