package agent

import (
	"cmp"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// untold is what a heartbeat tells of devices. Where it got no answer, it goes
// back.
type untold struct {
	sums   map[bine.DeviceID]*sum
	faults []bine.DeviceFault
	tests  []bine.DeviceTest
	left   []bine.AttemptID
}

// fill puts what is to be told into a heartbeat.
func (d *devices) fill(beat *client.Heartbeat) untold {
	d.mu.Lock()
	defer d.mu.Unlock()
	u := untold{sums: d.sums, faults: d.faults, tests: d.tests}
	d.sums, d.faults, d.tests = map[bine.DeviceID]*sum{}, nil, nil
	for _, s := range u.sums {
		beat.Devices = append(beat.Devices, s.use())
	}
	slices.SortFunc(beat.Devices, func(a, b bine.DeviceUse) int { return cmp.Compare(a.Device, b.Device) })
	for id, gone := range d.leaving {
		if gone {
			u.left = append(u.left, id)
		}
	}
	beat.Faults, beat.Tests, beat.Left = u.faults, u.tests, u.left
	return u
}

// told forgets the orders to test, and to leave, that were answered.
func (d *devices) told(u untold) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range u.tests {
		delete(d.tested, t.Device)
	}
	for _, id := range u.left {
		delete(d.leaving, id)
	}
}

// restore takes back what nobody heard; pressing says that it must be told soon.
func (d *devices) restore(u untold) (pressing bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, before := range u.sums {
		if now := d.sums[id]; now != nil {
			now.merge(before)
		} else {
			d.sums[id] = before
		}
	}
	before := slices.DeleteFunc(u.faults, func(f bine.DeviceFault) bool { // it came again meanwhile
		return slices.ContainsFunc(d.faults, func(now bine.DeviceFault) bool { return alike(f, now) })
	})
	d.faults = append(before, d.faults...)
	if len(d.faults) > mostUntold {
		d.faults = d.faults[len(d.faults)-mostUntold:]
	}
	d.tests = append(u.tests, d.tests...)
	return len(d.tests) > 0 || len(u.left) > 0 || slices.ContainsFunc(d.faults, func(f bine.DeviceFault) bool { return f.Fatal })
}
