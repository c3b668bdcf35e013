package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bine-ml/bine"
)

const (
	sampleEvery = time.Second
	rescanEvery = 30 * time.Second
	// silentAfter is how long a driver may keep its answer before its devices
	// are given no more work.
	silentAfter = 30 * time.Second
	// mostUntold is how many faults wait for a server that is away.
	mostUntold = 1000
)

// run watches the devices until ctx ends.
func (d *devices) run(ctx context.Context, start func(func())) {
	if len(d.sources) == 0 {
		return
	}
	for _, s := range d.sources {
		start(func() { d.watch(ctx, s, start) })
		start(func() { d.sample(ctx, s) })
	}
	start(func() { every(ctx, rescanEvery, func() { d.discover(ctx) }) })
}

// watch notes the faults of a source, and watches again when it cannot see them
// any more.
func (d *devices) watch(ctx context.Context, s *source, start func(func())) {
	for pause := time.Second; ; pause = min(2*pause, 30*time.Second) {
		began := time.Now()
		err := s.Watch(ctx, func(f bine.DeviceFault) {
			d.keep(f)
			if f.Fatal {
				start(func() { d.discover(ctx) }) // the device may be gone
			}
		})
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			d.keep(bine.DeviceFault{At: time.Now().UTC(), Kind: "driver", Text: fmt.Sprintf("faults of accelerators were not seen for a moment: %v", err)})
		}
		if time.Since(began) > time.Minute {
			pause = time.Second
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// keep keeps a fault until it is told; of those that are alike, the last.
func (d *devices) keep(f bine.DeviceFault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	like := func(have bine.DeviceFault) bool { return alike(have, f) }
	switch {
	case f.Fatal:
		d.log.Error("an accelerator failed", "device", f.Device, "kind", f.Kind, "code", f.Code, "text", f.Text)
		signal(d.urgent)
	case !slices.ContainsFunc(d.faults, like): // there may be thousands
		d.log.Warn("an accelerator tells of a fault", "device", f.Device, "kind", f.Kind, "code", f.Code, "text", f.Text)
	}
	d.faults = slices.DeleteFunc(d.faults, like)
	if len(d.faults) >= mostUntold {
		d.faults = d.faults[1:]
	}
	d.faults = append(d.faults, f)
}

// alike reports whether two faults are the same one, again.
func alike(a, b bine.DeviceFault) bool {
	return a.Device == b.Device && a.Kind == b.Kind && a.Code == b.Code && a.Fatal == b.Fatal
}

// sample looks every second what the devices of a source do. Where the driver
// has kept its answer for too long, its devices have failed.
func (d *devices) sample(ctx context.Context, s *source) {
	failed, silent := 0, false
	every(ctx, sampleEvery, func() {
		mine := d.ofSource(s)
		if len(mine) == 0 {
			return
		}
		uses, err := ask(ctx, s, laneUse, silentAfter, s.Use)
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, errSilent):
			for _, dev := range mine {
				if silent {
					break // that was said
				}
				d.keep(bine.DeviceFault{Device: dev.ID, At: time.Now().UTC(), Kind: "driver", Text: fmt.Sprintf("its driver has not answered for %s", silentAfter), Fatal: true})
			}
			silent = true
		case err != nil:
			if failed++; failed == 5 {
				d.keep(bine.DeviceFault{At: time.Now().UTC(), Kind: "driver", Text: "what accelerators do cannot be seen: " + err.Error()})
			}
		default:
			failed, silent = 0, false
			d.add(uses)
		}
	})
}

// sum is what a device did since the last heartbeat.
type sum struct {
	n                        int
	last                     bine.DeviceUse // the processes and the time; the most memory
	busy, power, temperature float64
}

func (d *devices) add(uses []bine.DeviceUse) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, u := range uses {
		s := d.sums[u.Device]
		if s == nil {
			s = &sum{}
			d.sums[u.Device] = s
		}
		u.MemoryUsed = max(u.MemoryUsed, s.last.MemoryUsed)
		s.n, s.last = s.n+1, u
		s.busy, s.power, s.temperature = s.busy+u.Busy, s.power+u.Power, s.temperature+u.Temperature
	}
}

func (s *sum) use() bine.DeviceUse {
	u, n := s.last, float64(s.n)
	u.Busy, u.Power, u.Temperature = s.busy/n, s.power/n, s.temperature/n
	return u
}

// merge adds what was before s.
func (s *sum) merge(before *sum) {
	s.n += before.n
	s.busy, s.power, s.temperature = s.busy+before.busy, s.power+before.power, s.temperature+before.temperature
	s.last.MemoryUsed = max(s.last.MemoryUsed, before.last.MemoryUsed)
}

// test tests a device in the background and keeps the answer for the next
// heartbeat. One that is being tested is not tested again.
func (d *devices) test(ctx context.Context, id bine.DeviceID, start func(func())) {
	d.mu.Lock()
	s, known, running := d.of[id], d.of[id] != nil, d.tested[id]
	d.tested[id] = true
	d.mu.Unlock()
	if running {
		return
	}
	start(func() {
		err := error(bine.Errorf(bine.NotFound, "this host has no device %s", id))
		if known {
			_, err = ask(ctx, s, laneTest, testWithin, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.Test(ctx, id) })
		}
		t := bine.DeviceTest{Device: id}
		if known && err != nil {
			t.Reset, err = d.reset(ctx, s, id, err)
		}
		if ctx.Err() != nil {
			return
		}
		if t.At = time.Now().UTC(); err != nil {
			t.Fault = err.Error()
		}
		d.discover(ctx) // what was lost may be back
		d.mu.Lock()
		d.tests = append(d.tests, t)
		d.mu.Unlock()
		signal(d.urgent)
	})
}
