package lease

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
)

// task is a request for accelerators as it is placed. CPU and memory are of all
// its processes together; each gets a part of them by its devices.
func (w want) task() (place.Task, error) {
	r, err := gpu.Of(bine.Resources{GPUs: float64(w.gpus) / whole, GPU: w.request})
	return place.Task{Request: r, CPU: w.milli, Memory: w.memory, Avoid: w.avoid}, err
}

// sight is how the board is looked at.
type sight int

const (
	free sight = iota // what is free
	idle              // what there would be if nobody had anything and all hosts were up
)

// snapshot is the board as gpu/place sees it for what is preemptible, or is not.
func (b *board) snapshot(by sight, preemptible bool) place.Snapshot {
	var s place.Snapshot
	for _, h := range b.hosts {
		if len(h.devices) == 0 {
			continue
		}
		one := place.Host{Name: h.name, Labels: map[string]string{}, Up: h.takes(),
			CPU: h.capacity.milli, FreeCPU: h.free.milli, Memory: h.capacity.memory, FreeMemory: h.free.memory}
		for _, l := range h.labels {
			key, value, _ := strings.Cut(l, "=")
			one.Labels[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
		}
		one.Rack, one.Block = one.Labels["rack"], one.Labels["block"]
		if by == idle {
			one.Up = true
			one.FreeCPU, one.FreeMemory = one.CPU, one.Memory
		}
		one.FreeCPU, one.FreeMemory = max(one.FreeCPU, 0), max(one.FreeMemory, 0)
		for _, d := range h.devices {
			device := place.Device{Device: d.Device, Free: int(whole - d.used), Out: !d.usable(preemptible)}
			if by == idle {
				device.Free, device.Out = whole, false
			}
			one.Devices = append(one.Devices, device)
		}
		s.Hosts = append(s.Hosts, one)
	}
	return s
}

// placeDevices finds devices for w; nil where there are none now.
func (b *board) placeDevices(w want) []spot {
	task, err := w.task()
	if err != nil {
		return nil // it was refused when it was asked
	}
	if len(task.Avoid) > 0 { // where there is no other, what is to be avoided is taken
		if _, err := b.empty().Place(task); err != nil {
			task.Avoid = nil
		}
	}
	found, err := b.index(task.Request.Preemptible).Place(task)
	if err != nil {
		return nil
	}
	return b.spots(found)
}

// spots gives the hosts and devices of the board that a placement names.
func (b *board) spots(found place.Placement) []spot {
	spots := make([]spot, len(found.Shares))
	for i, s := range found.Shares {
		at := spot{host: b.byName[s.Host], amount: amount{milli: s.CPU, memory: s.Memory}, shares: make([]share, len(s.Devices))}
		for j, p := range s.Devices {
			at.shares[j] = share{b.devices[p.Device], int64(p.Milli)}
			at.gpus += int64(p.Milli)
		}
		spots[i] = at
	}
	return spots
}

// refuseDevices is an error where w fits on no hosts that are known, even if
// nobody had anything of them.
func (b *board) refuseDevices(w want) error {
	task, err := w.task()
	if err != nil {
		return err
	}
	task.Avoid = nil
	if _, err := b.empty().Place(task); err == nil {
		return nil
	}
	if v := place.Assess(b.snapshot(idle, task.Request.Preemptible), task, b.policy); v.Answer == place.Never {
		return bine.Errorf(bine.NoQuota, "%s will never be granted as things stand: %s", task.Request, v.Reason)
	}
	return nil
}

// reasonForDevices says what a request for devices waits for, with what a plan
// said of it.
func (b *board) reasonForDevices(w want, why string) string {
	task, err := w.task()
	if err != nil {
		return err.Error()
	}
	v := b.assess(task)
	switch {
	case v.Answer == place.Now && why != "":
		v.Reason = why
	case v.Answer == place.Now:
		v.Reason = "others go before"
	case why != "" && why != queue.Full && why != queue.Nowhere:
		v.Reason += "; " + why
	}
	return fmt.Sprintf("waits for %s: %s", task.Request, v.Reason)
}

// assess says whether a task has a place, and else what it waits for: on a large
// cluster of which nothing is out of order, without a look at all of it.
func (b *board) assess(task place.Task) place.Verdict {
	c := b.index(task.Request.Preemptible)
	if _, err := c.Place(task); err == nil {
		return place.Verdict{Answer: place.Now}
	}
	whole := len(task.Avoid) == 0
	for _, h := range b.hosts {
		whole = whole && (len(h.devices) == 0 || h.takes() && !slices.ContainsFunc(h.devices, func(d *device) bool { return !d.usable(false) }))
	}
	if whole {
		if _, err := b.empty().Place(task); err == nil {
			return place.Verdict{Answer: place.NotNow, Reason: c.Waits(task)}
		}
	}
	return place.Assess(b.snapshot(free, task.Request.Preemptible), task, b.policy)
}
