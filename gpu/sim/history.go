package sim

import (
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
)

// Past is what an installation remembers, ready to be replayed.
type Past struct {
	Hosts  place.Snapshot
	Work   []Pod
	Waited map[int][]time.Duration // as it was, by devices asked for
	Since  time.Time               // when the first asked
	Until  time.Time               // of what is not done: what it has run for by then is how long it runs
}

// Remembered makes a past of what an installation knows of its hosts and leases.
// Hosts without devices are left out; the others count as idle and up. The error
// is of kind Invalid if a request cannot be read.
func Remembered(hosts []bine.Host, records []bine.LeaseRecord, now time.Time) (Past, error) {
	p := Past{Waited: map[int][]time.Duration{}, Until: now, Since: now}
	for _, h := range hosts {
		if len(h.Devices) > 0 {
			p.Hosts.Hosts = append(p.Hosts.Hosts, idleHost(h))
		}
	}
	for _, r := range records {
		if r.AskedAt.Before(p.Since) {
			p.Since = r.AskedAt
		}
	}
	for _, r := range records {
		request, err := gpu.Of(bine.Resources{GPUs: r.GPUs, GPU: r.Request})
		if err != nil {
			return p, bine.Errorf(bine.Invalid, "the request of %s cannot be read: %w", r.Attempt, err)
		}
		end := now
		if r.EndedAt != nil {
			end = *r.EndedAt
		}
		p.Waited[request.Count] = append(p.Waited[request.Count], r.GrantedAt.Sub(r.AskedAt))
		p.Work = append(p.Work, Pod{
			Task:    place.Task{ID: string(r.Attempt), Request: request, CPU: int64(r.CPU * 1000), Memory: r.Memory},
			Project: string(r.Project), Priority: map[bine.Priority]int{bine.PriorityHigh: 1, bine.PriorityLow: -1}[r.Priority],
			Created: r.AskedAt.Sub(p.Since), Runs: max(end.Sub(r.GrantedAt), time.Millisecond)})
	}
	return p, nil
}

func idleHost(h bine.Host) place.Host {
	one := place.Host{Name: h.Name, Labels: map[string]string{}, Up: true, CPU: int64(h.Capacity.CPU * 1000), Memory: h.Capacity.Memory}
	one.FreeCPU, one.FreeMemory = one.CPU, one.Memory
	for _, l := range h.Labels {
		key, value, _ := strings.Cut(l, "=")
		one.Labels[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
	}
	one.Rack, one.Block = one.Labels["rack"], one.Labels["block"]
	for _, d := range h.Devices {
		one.Devices = append(one.Devices, place.Device{Device: d, Free: 1000})
	}
	return one
}

// More adds n hosts like one of a cluster. The error is of kind Invalid if there
// is no such host.
func More(s place.Snapshot, n int, like bine.HostName) (place.Snapshot, error) {
	for _, h := range s.Hosts {
		if h.Name != like {
			continue
		}
		more := place.Snapshot{Hosts: append([]place.Host(nil), s.Hosts...)}
		for i := range n {
			more.Hosts = append(more.Hosts, copyOf(h, i))
		}
		return more, nil
	}
	return s, bine.Errorf(bine.Invalid, "there is no host %s with accelerators: bine gpu list shows all", like)
}

// copyOf makes another host like h, whose devices have names of their own.
func copyOf(h place.Host, n int) place.Host {
	suffix := "-copy-" + string(rune('a'+n%26)) + strings.Repeat("'", n/26)
	made := h
	made.Name += bine.HostName(suffix)
	made.Devices = append([]place.Device(nil), h.Devices...)
	for i := range made.Devices {
		d := &made.Devices[i]
		d.ID += bine.DeviceID(suffix)
		if d.Parent != "" {
			d.Parent += bine.DeviceID(suffix)
		}
		d.Links = append([]bine.DeviceLink(nil), d.Links...)
		for j := range d.Links {
			d.Links[j].To += bine.DeviceID(suffix)
		}
	}
	return made
}
