package lease

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/place"
)

// amount is resources in whole units, so that sums are exact.
// accelerators are counted in thousandths, as cores are.
type amount struct{ milli, memory, gpus int64 }

// wantOfResources rounds up: nobody gets less than asked for.
func wantOfResources(r bine.Resources) amount {
	return amount{int64(math.Ceil(r.CPU*1000 - 1e-6)), r.Memory, int64(math.Ceil(r.GPUs*whole - 1e-6))}
}

// capacityOf rounds down: nothing is promised that is not there.
func capacityOf(r bine.Resources) amount {
	return amount{int64(math.Floor(r.CPU*1000 + 1e-6)), r.Memory, int64(math.Floor(r.GPUs*whole + 1e-6))}
}

func (a amount) resources() bine.Resources {
	return bine.Resources{CPU: float64(a.milli) / 1000, Memory: a.memory, GPUs: float64(a.gpus) / whole}
}

func (a amount) fits(in amount) bool {
	return a.milli <= in.milli && a.memory <= in.memory && a.gpus <= in.gpus
}

func (a amount) plus(b amount) amount {
	return amount{a.milli + b.milli, a.memory + b.memory, a.gpus + b.gpus}
}

// String says the amount for people.
func (a amount) String() string {
	parts := []string{cores(a.milli), size(a.memory) + " of memory"}
	if a.gpus != 0 {
		parts = append(parts, gpus(a.gpus))
	}
	return strings.Join(parts, ", ")
}

func cores(milli int64) string {
	return strconv.FormatFloat(float64(milli)/1000, 'g', -1, 64) + " cores"
}

func gpus(milli int64) string {
	if milli == whole {
		return "1 GPU"
	}
	return strconv.FormatFloat(float64(milli)/whole, 'g', -1, 64) + " GPUs"
}

func size(bytes int64) string {
	if bytes >= 1<<30 {
		return strconv.FormatFloat(math.Round(float64(bytes)/(1<<30)*10)/10, 'g', -1, 64) + " GiB"
	}
	return strconv.FormatFloat(math.Round(float64(bytes)/(1<<20)*10)/10, 'g', -1, 64) + " MiB"
}

// want is one request as the board sees it.
type want struct {
	amount         // of one process; of a gang, of each
	request string // how accelerators are asked for, where that is more than their number
	avoid   []bine.HostName
}

func wantOf(r Request) want { return want{wantOfResources(r.Resources), r.Resources.GPU, r.Avoid} }

// host is a host on the board.
type host struct {
	name     bine.HostName
	up       bool
	cordoned bool
	labels   []string
	capacity amount
	free     amount
	devices  []*device // that it has now
	gone     []*device // that it had
	models   []string  // of its devices, each once
	by       map[bine.ProjectName]holding
	kept     bool // for the first of a project, who waits for cores alone
	promised *promise
	dirty    [2]bool // in which clusters it is not as it is here
}

// promise is what of a host has to stay free until a moment, for one who waits
// for accelerators.
type promise struct {
	amount
	at int64 // microseconds; 0 is not known
}

// offers is what a host has for one who asks for cores alone, and gives back at a
// moment at the latest; 0 is not known.
func (h *host) offers(ends int64) amount {
	if h.promised == nil || ends > 0 && h.promised.at > 0 && ends <= h.promised.at {
		return h.free
	}
	return amount{h.free.milli - h.promised.milli, h.free.memory - h.promised.memory, h.free.gpus}
}

// add gives a host a device.
func (h *host) add(d *device) {
	if !d.listed {
		h.gone = append(h.gone, d)
		return
	}
	h.devices = append(h.devices, d)
	h.capacity.gpus += whole
	if d.usable(false) {
		h.free.gpus += whole - d.used
	}
	if !slices.Contains(h.models, d.Model) {
		h.models = append(h.models, d.Model)
	}
}

// takes reports whether a host takes new work.
func (h *host) takes() bool { return h.up && !h.cordoned }

// spot is what one process gets.
type spot struct {
	host *host
	amount
	shares []share
}

// share is a part of a device, or all of it.
type share struct {
	device *device
	milli  int64
}

// board decides who gets what. It is a picture of the ledger: requests are put
// to it in the order in which they were made. What is placed is taken at once;
// settle gives back what was not confirmed.
type board struct {
	hosts     []*host // by name
	byName    map[bine.HostName]*host
	devices   map[bine.DeviceID]*device // also those that their hosts have no more
	probation int                       // devices that take what is preemptible alone
	kept      []*host
	promised  []*host // those of which something is kept for who waits for accelerators
	tried     []spot  // placed, but not confirmed
	policy    place.Policy
	indexes
}

// take takes what a spot says from the board, or with sign -1 gives it back.
func (b *board) take(s spot, sign int64) {
	s.host.free.milli, s.host.free.memory = s.host.free.milli-sign*s.milli, s.host.free.memory-sign*s.memory
	for _, part := range s.shares {
		part.device.used += sign * part.milli
		if h := b.byName[part.device.host]; h != nil && part.device.listed {
			if part.device.usable(false) {
				h.free.gpus -= sign * part.milli
			}
			b.soil(h) // which is another one where the device has moved
		}
	}
	b.soil(s.host)
}

// keep keeps a host for the first of a project, until settle.
func (b *board) keep(h *host) {
	if !h.kept {
		h.kept, b.kept = true, append(b.kept, h)
	}
}

// confirm lets spots be taken that were placed last.
func (b *board) confirm(spots []spot) { b.tried = b.tried[:len(b.tried)-len(spots)] }

// settle gives back what was placed and not confirmed, and keeps no host for anybody.
func (b *board) settle() {
	for _, s := range slices.Backward(b.tried) {
		b.take(s, -1)
	}
	for _, h := range b.kept {
		h.kept = false
	}
	b.tried, b.kept = b.tried[:0], b.kept[:0]
}

// candidates are the hosts that could take w if they were empty: those that it
// avoids only where there is no other.
func (b *board) candidates(w want) []*host {
	var good, avoided []*host
	for _, h := range b.hosts {
		switch {
		case !h.takes() || !w.fits(h.capacity):
		case slices.Contains(w.avoid, h.name):
			avoided = append(avoided, h)
		default:
			good = append(good, h)
		}
	}
	if len(good) == 0 {
		return avoided
	}
	return good
}

// try takes spots from the board, until settle unless they are confirmed.
func (b *board) try(spots []spot) []spot {
	for _, s := range spots {
		b.take(s, 1)
	}
	b.tried = append(b.tried, spots...)
	return spots
}

// place gives w, who asks for cores and memory alone, a host: of those where it
// fits, the one with the least left, then the first by name, so the same picture
// always gives the same answer. Where it fits nowhere and keep is set, every host
// that could take it is kept for it. ends is when it gives back at the latest; 0 is not known.
func (b *board) place(w want, ends int64, keep bool) ([]spot, bool) {
	all := b.candidates(w)
	fitting := slices.DeleteFunc(slices.Clone(all), func(h *host) bool { return h.kept || !w.fits(h.offers(ends)) })
	if len(fitting) == 0 {
		for _, h := range all {
			if keep {
				b.keep(h)
			}
		}
		return nil, false
	}
	best := slices.MinFunc(fitting, func(a, b *host) int {
		return cmp.Or(cmp.Compare(a.free.gpus, b.free.gpus), cmp.Compare(a.free.milli, b.free.milli), cmp.Compare(a.free.memory, b.free.memory), cmp.Compare(a.name, b.name))
	})
	return b.try([]spot{{host: best, amount: w.amount}}), true
}

// full reports whether nobody else can be granted anything.
func (b *board) full() bool {
	return !slices.ContainsFunc(b.hosts, func(h *host) bool { return h.takes() && !h.kept })
}

// total is what all hosts that are up have together.
func (b *board) total() (all amount) {
	for _, h := range b.hosts {
		if h.up {
			all = all.plus(h.capacity)
		}
	}
	return all
}

// bound is the most of each resource that a host has free which is not kept.
func (b *board) bound() (most amount, any bool) {
	for _, h := range b.hosts {
		if h.takes() && !h.kept {
			most = amount{max(most.milli, h.free.milli), max(most.memory, h.free.memory), max(most.gpus, h.free.gpus)}
			any = true
		}
	}
	return most, any
}

// refuse is an error of kind NoQuota when no known host has the capacity. While
// no host is known, everybody waits.
func (b *board) refuse(r Request) error {
	w := wantOf(r)
	if w.gpus > 0 && len(b.hosts) > 0 {
		return b.refuseDevices(w)
	}
	if len(b.hosts) == 0 || slices.ContainsFunc(b.hosts, func(h *host) bool { return w.fits(h.capacity) }) {
		return nil
	}
	largest := slices.MaxFunc(b.hosts, func(a, b *host) int {
		return cmp.Or(cmp.Compare(a.capacity.gpus, b.capacity.gpus), cmp.Compare(a.capacity.milli, b.capacity.milli), cmp.Compare(a.capacity.memory, b.capacity.memory))
	})
	return bine.Errorf(bine.NoQuota, "it asks for %s, which no host has: the largest, %s, has %s. Ask for less under resources, or add a host",
		w.amount, largest.name, largest.capacity)
}

// reason says what a request for cores and memory that was not placed waits for.
func (b *board) reason(w want) string {
	all := b.candidates(w)
	if len(all) == 0 {
		return fmt.Sprintf("waits for a host with %s to come up", w.amount)
	}
	for _, h := range all {
		if w.fits(h.free) {
			return fmt.Sprintf("waits for %s: others go before", w.amount)
		}
	}
	return fmt.Sprintf("waits for %s to become free", w.amount)
}
