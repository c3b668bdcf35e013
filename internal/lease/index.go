package lease

import (
	"slices"

	"github.com/bine-ml/bine/gpu/place"
)

// indexes are the devices of a board as gpu/place searches them fast. The board
// is what counts: they are made from it when they are asked for, and brought up
// to date by those hosts that have changed since.
type indexes struct {
	clusters [2]*place.Cluster // what is free: for anything, and for what is preemptible
	idle     *place.Cluster    // what there would be if nobody had anything and all hosts were up
	dirty    [2][]*host        // that differ from clusters
}

// index gives what is free, to what is preemptible or is not.
func (b *board) index(preemptible bool) *place.Cluster {
	at := 0
	if preemptible && b.probation > 0 {
		at = 1
	}
	if b.clusters[at] != nil && b.follow(at) {
		return b.clusters[at]
	}
	for _, h := range b.dirty[at] {
		h.dirty[at] = false
	}
	b.dirty[at] = b.dirty[at][:0]
	b.clusters[at] = place.NewCluster(b.snapshot(free, at == 1), b.policy)
	return b.clusters[at]
}

// follow brings a cluster up to date; false says that it has to be made anew.
func (b *board) follow(at int) bool {
	var free []int
	var out []bool
	for i, h := range b.dirty[at] {
		free, out = free[:0], out[:0]
		for _, d := range h.devices {
			free, out = append(free, int(whole-d.used)), append(out, !d.usable(at == 1))
		}
		if b.clusters[at].Update(h.name, h.takes(), max(h.free.milli, 0), max(h.free.memory, 0), free, out) != nil {
			b.dirty[at] = b.dirty[at][i:]
			return false
		}
		h.dirty[at] = false
	}
	b.dirty[at] = b.dirty[at][:0]
	return true
}

// empty gives the cluster as if nobody had anything of it.
func (b *board) empty() *place.Cluster {
	if b.idle == nil {
		b.idle = place.NewCluster(b.snapshot(idle, false), b.policy)
	}
	return b.idle
}

// soil notes that a host has changed, but not in how it is made.
func (b *board) soil(h *host) {
	if len(h.devices) == 0 {
		return
	}
	for at, c := range b.clusters {
		if c != nil && !h.dirty[at] {
			h.dirty[at], b.dirty[at] = true, append(b.dirty[at], h)
		}
	}
}

// forget drops the indexes: hosts are made otherwise now.
func (b *board) forget() {
	b.indexes = indexes{}
	for _, h := range b.hosts {
		h.dirty = [2]bool{}
	}
}

// put puts a host on the board, in the place of the one of that name.
func (b *board) put(h *host) {
	at, known := slices.BinarySearchFunc(b.hosts, h, byName)
	if !known {
		b.hosts = slices.Insert(b.hosts, at, h)
		b.arrive(h)
		b.forget()
		return
	}
	old := b.hosts[at]
	for _, d := range slices.Concat(old.devices, old.gone) {
		if b.devices[d.ID] == d {
			delete(b.devices, d.ID)
		}
		b.probation -= d.onProbation()
	}
	b.hosts[at] = h
	b.arrive(h)
	if !old.madeAs(h) {
		b.forget()
		return
	}
	for i := range old.dirty {
		if old.dirty[i] {
			b.dirty[i] = slices.DeleteFunc(b.dirty[i], func(o *host) bool { return o == old })
		}
	}
	b.soil(h)
}

// arrive makes a host and its devices known by name.
func (b *board) arrive(h *host) {
	b.byName[h.name] = h
	for _, d := range slices.Concat(h.devices, h.gone) {
		b.devices[d.ID] = d
		b.probation += d.onProbation()
	}
}

// madeAs reports whether two hosts differ in nothing but what is free of them.
func (h *host) madeAs(o *host) bool {
	return h.capacity == o.capacity && slices.Equal(h.labels, o.labels) &&
		slices.EqualFunc(h.devices, o.devices, func(a, b *device) bool { return a.ID == b.ID && a.spec == b.spec })
}
