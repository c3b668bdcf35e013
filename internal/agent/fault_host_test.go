package agent

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/simulated"
)

// faultHost is a host whose agent keeps the real books of devices and of its
// tenure, on disk. Time, its processes and its network are the test's.
type faultHost struct {
	w      *faultWorld
	name   bine.HostName
	dir    string
	node   simulated.Node
	logs   string // directory of what processes saw
	frozen time.Duration
	dead   time.Duration // until when no agent lives
	cut    time.Duration // until when the server cannot be reached

	// What an agent has in memory.
	devices    *devices
	tenure     *tenure
	registered bool
	beatAt     time.Duration
	tasks      map[bine.AttemptID]bool               // taken, without a process yet
	ready      map[bine.AttemptID][]bine.DeviceGrant // of these, those whose process is started next

	// What is on the host, or on its disk.
	touched time.Duration
	procs   map[bine.AttemptID]*faultProcess
	heard   time.Duration // when the server last had a heartbeat
}

// faultProcess is a process with its shim.
type faultProcess struct {
	id      bine.AttemptID
	grants  []bine.DeviceGrant
	began   time.Duration
	length  time.Duration
	deaf    time.Duration // until when it and its shim are stopped
	stopAt  time.Duration // when it heard that it is to end; 0 is not
	takes   time.Duration // that it needs to end by itself
	ended   bool
	state   bine.State
	insists time.Duration // when the agent kills it
}

// log is what a process writes down on each of its devices, or what is seen of
// it when it is killed.
func (h *faultHost) log(p *faultProcess, what string) {
	for _, g := range p.grants {
		f, err := os.OpenFile(filepath.Join(h.logs, string(g.Device)), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			h.w.t.Fatal(err)
		}
		_, err = fmt.Fprintf(f, "%d %s %s %d %d\n", h.w.now, what, p.id, g.Epoch, g.Milli)
		if closed := f.Close(); err != nil || closed != nil {
			h.w.t.Fatal(err, closed)
		}
	}
}

// boot starts an agent on what an earlier one left.
func (h *faultHost) boot() {
	var err error
	h.devices, err = newDevices(h.dir, []gpu.Source{simulated.New(h.name, h.node)}, slog.New(slog.DiscardHandler))
	if err != nil {
		h.w.t.Fatal(err)
	}
	h.devices.discover(h.w.t.Context())
	h.tenure = newTenure(h.dir, "boot", func() time.Duration { return h.w.now })
	h.registered, h.tasks, h.ready = false, map[bine.AttemptID]bool{}, map[bine.AttemptID][]bine.DeviceGrant{}
	for id, p := range h.procs {
		h.devices.hold(id, p.grants)
	}
}

// step is what a host does in a moment.
func (h *faultHost) step() {
	h.shims()
	if h.w.now < h.dead || h.w.now < h.frozen {
		return
	}
	if h.devices == nil {
		h.boot()
	}
	h.touched = h.w.now
	h.hold()
	for _, id := range sortedKeys(h.tasks) {
		h.take(id)
	}
	for _, id := range sortedKeys(h.procs) {
		if h.procs[id].ended {
			h.report(h.procs[id])
		}
	}
	h.beat()
}

// shims lets processes end: by themselves, since they were asked to, or because
// no agent gives a sign of life.
func (h *faultHost) shims() {
	for _, id := range sortedKeys(h.procs) {
		p := h.procs[id]
		if p.ended || h.w.now < p.deaf {
			continue
		}
		switch {
		case h.w.now-h.touched > faultGrace*3/4:
			h.end(p, bine.Lost)
		case p.stopAt > 0 && h.w.now >= p.stopAt+p.takes:
			h.end(p, bine.Lost)
		case h.w.now-p.began >= p.length:
			h.end(p, bine.Succeeded)
		}
	}
}

func (h *faultHost) end(p *faultProcess, s bine.State) {
	if !p.ended {
		p.ended, p.state = true, s
		h.log(p, "end")
	}
}

func (h *faultHost) stop(p *faultProcess) {
	if p.stopAt == 0 {
		p.stopAt, p.insists = h.w.now, h.w.now+stopSeconds*time.Second+insistAfter
		p.takes = time.Duration(h.w.rand.Int64N(int64(2 * time.Second)))
	}
}

// hold is keepTenure, and insist.
func (h *faultHost) hold() {
	standing := h.tenure.at()
	for _, id := range h.devices.holders() {
		p := h.procs[id]
		switch {
		case p == nil: // it is set up still
			if standing != good {
				h.forget(id)
			}
			continue
		case standing != good:
			h.stop(p)
		}
		if standing == over || p.stopAt > 0 && h.w.now > p.insists {
			h.end(p, bine.Lost) // stopped or not
		}
	}
}

func (h *faultHost) forget(id bine.AttemptID) {
	delete(h.tasks, id)
	delete(h.ready, id)
	h.devices.release(id)
}

// take sets an attempt up, as far as it comes in a moment.
func (h *faultHost) take(id bine.AttemptID) {
	if p := h.procs[id]; p != nil {
		delete(h.tasks, id)
		return
	}
	if !h.registered || h.tenure.at() != good {
		return
	}
	if grants, ready := h.ready[id]; ready {
		h.begin(id, grants)
		return
	}
	r, err := h.call(order{Op: "assignment", Attempt: id})
	switch {
	case bine.IsKind(err, bine.Fenced) || bine.IsKind(err, bine.NotFound):
		h.forget(id)
		h.w.completed(id, bine.Lost)
		return
	case err != nil:
		return // again
	}
	others, err := h.devices.admit(id, r.Grants)
	if err != nil {
		h.forget(id)
		h.w.refused++
		h.w.completed(id, bine.Lost)
		return
	}
	waits := false
	for _, other := range others {
		if p := h.procs[other]; p != nil && !p.ended {
			h.stop(p)
			waits = true
		}
	}
	if waits {
		return
	}
	if h.w.rand.IntN(50) == 0 { // it is stopped just here
		h.frozen = h.w.now + time.Duration(h.w.rand.Int64N(int64(2*faultGrace)))
		h.ready[id] = r.Grants
		h.w.injected("agent paused before a start")
		return
	}
	h.begin(id, r.Grants)
}

func (h *faultHost) begin(id bine.AttemptID, grants []bine.DeviceGrant) {
	delete(h.tasks, id)
	delete(h.ready, id)
	p := &faultProcess{id: id, grants: grants, began: h.w.now, length: time.Duration(h.w.rand.Int64N(int64(40 * time.Second)))}
	h.procs[id] = p
	h.w.begins++
	h.log(p, "begin")
}

// report tells how a process ended until somebody hears.
func (h *faultHost) report(p *faultProcess) {
	h.devices.release(p.id)
	_, err := h.call(order{Op: "ended", Attempt: p.id, State: p.state})
	if err != nil && !bine.IsKind(err, bine.Fenced) && !bine.IsKind(err, bine.NotFound) {
		return
	}
	state := p.state
	if err != nil {
		state = bine.Lost
	}
	delete(h.procs, p.id)
	h.w.completed(p.id, state)
}

func (h *faultHost) call(o order) (reply, error) {
	if h.w.now < h.cut {
		return reply{}, bine.Errorf(bine.Unavailable, "no way to the server")
	}
	o.Host = h.name
	if o.Op == "beat" || o.Op == "register" {
		h.heard = h.w.now // also where the answer is lost
	}
	return h.w.call(o)
}

// beat is the agent's heartbeat.
func (h *faultHost) beat() {
	if !h.registered {
		sent := h.tenure.clock()
		if _, err := h.call(order{Op: "register", Devices: h.devices.list()}); err != nil {
			return
		}
		h.registered = true
		h.renew(sent)
	}
	urgent := false
	select {
	case <-h.devices.urgent:
		urgent = true
	default:
	}
	if h.w.now < h.beatAt && !urgent {
		return
	}
	var b client.Heartbeat
	b.Attempts = append(sortedKeys(h.procs), sortedKeys(h.tasks)...)
	news := h.devices.fill(&b)
	sent := h.tenure.clock()
	r, err := h.call(order{Op: "beat", Beat: b})
	if err != nil {
		h.devices.restore(news)
		h.beatAt = h.w.now + time.Second
		return
	}
	h.devices.told(news)
	h.renew(sent)
	h.beatAt = h.w.now + faultGrace/3
	for _, id := range slices.Concat(r.Orders.Stop, r.Orders.Preempt) {
		if p := h.procs[id]; p != nil {
			h.stop(p)
		}
	}
	for _, id := range r.Orders.Leave {
		h.leave(id)
	}
}

func (h *faultHost) renew(sent time.Duration) {
	if err := h.tenure.renew(sent, faultGrace); err != nil {
		h.w.t.Fatal(err)
	}
}

// leave is the agent's, without its goroutine.
func (h *faultHost) leave(id bine.AttemptID) {
	p := h.procs[id]
	switch {
	case p != nil && !p.ended:
		h.stop(p) // the order comes again
	case h.ready[id] != nil:
		h.forget(id)
		h.w.completed(id, bine.Lost)
	case h.tasks[id]: // it asks for what it is to do, and hears that it has ended
	case h.devices.leaves(id):
		h.devices.hasLeft(id, true)
	}
}

func sortedKeys[V any](m map[bine.AttemptID]V) []bine.AttemptID {
	all := make([]bine.AttemptID, 0, len(m))
	for id := range m {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

func newFaultHost(t testing.TB, w *faultWorld, name bine.HostName, count int, logs string) *faultHost {
	node, err := simulated.Parse([]byte(fmt.Sprintf("devices: [{model: P100, count: %d, memory: 16GiB}]", count)))
	if err != nil {
		t.Fatal(err)
	}
	return &faultHost{w: w, name: name, dir: t.TempDir(), node: node, logs: logs, procs: map[bine.AttemptID]*faultProcess{}}
}
