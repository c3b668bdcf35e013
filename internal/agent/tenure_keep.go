package agent

import (
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/shim"
)

// tenureEvery is how often an agent looks whether its tenure ends.
const tenureEvery = 250 * time.Millisecond

// keepTenure ends the processes on devices when the server was not heard of for
// so long that it is about to grant them to others.
func (a *Agent) keepTenure() { every(a.ctx, tenureEvery, a.endTenure) }

// endTenure does that once. It comes before every heartbeat too: an agent that
// stood still must not have a tenure renewed under which a process is left.
func (a *Agent) endTenure() {
	standing := a.tenure.at()
	if standing == good {
		return
	}
	for _, id := range a.devices.holders() {
		t := a.find(id)
		if t == nil {
			continue
		}
		t.stop(shim.Stop{Cause: shim.Abandoned, Reason: "the server was not heard of, and what was granted of devices is good for a time only", Seconds: a.tenure.notice().Seconds()})
		if standing == over {
			t.kill()
		}
	}
}

// kill ends the process of an attempt without its shim, which may be stopped itself.
func (t *attempt) kill() {
	if pid, err := shim.Living(t.dir); err == nil && pid > 0 {
		destroy(pid)
	}
	killMarked(t.id)
}

// holders gives the attempts that hold devices.
func (d *devices) holders() (ids []bine.AttemptID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.held {
		ids = append(ids, id)
	}
	return ids
}

// holds reports whether an attempt holds devices.
func (d *devices) holds(id bine.AttemptID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.held[id]) > 0
}

// leave makes sure that no process of an attempt is on the host, and has the
// server told so.
func (a *Agent) leave(id bine.AttemptID) {
	if !a.devices.leaves(id) {
		return
	}
	a.work.Go(func() {
		certain := true
		if t := a.find(id); t != nil {
			t.stop(shim.Stop{Cause: shim.Cancelled, Reason: "the server ended this attempt", Seconds: stopSeconds})
			select {
			case <-t.gone:
			case <-a.ctx.Done():
				certain = false
			}
		} else { // also one that an agent with another directory left
			certain = killMarked(id)
		}
		a.devices.hasLeft(id, certain)
	})
}

// leaves notes that an attempt is made to leave; false where it is so already.
func (d *devices) leaves(id bine.AttemptID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.leaving[id]; known {
		return false
	}
	d.leaving[id] = false
	return true
}

// hasLeft notes that no process of an attempt is left, to be told soon.
func (d *devices) hasLeft(id bine.AttemptID, certain bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !certain {
		delete(d.leaving, id) // the server asks again
		return
	}
	d.leaving[id] = true
	signal(d.urgent)
}
