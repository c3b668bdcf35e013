package place

import (
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

// engine holds what decisions of one policy share.
type engine struct {
	policy  Policy
	perCPU  float64 // thousandths of a device that weigh as much as a thousandth of a core
	kinds   map[string]*kind
	all     []*host // by name
	racks   []string
	blocks  []string
	scratch []int
	counts  []int // of sums
}

func newEngine(p Policy) *engine { return &engine{policy: p, kinds: map[string]*kind{}} }

// hosts takes over a snapshot: by name, with numbers for racks and blocks. Hosts
// that are of no use are taken for ones that are not up.
func (e *engine) hosts(s Snapshot, useful func(*Host) bool) {
	sorted := make([]*Host, len(s.Hosts))
	for i := range s.Hosts {
		sorted[i] = &s.Hosts[i]
	}
	slices.SortFunc(sorted, func(a, b *Host) int { return strings.Compare(string(a.Name), string(b.Name)) })
	var cpu, devices int64
	racks, blocks := map[string]bool{}, map[string]bool{}
	for _, h := range sorted {
		cpu, devices = cpu+h.CPU, devices+int64(len(h.Devices))
		racks[h.Rack], blocks[h.Block] = true, true
	}
	if e.perCPU = 1; cpu > 0 && devices > 0 {
		e.perCPU = float64(devices) * 1000 / float64(cpu)
	}
	e.racks, e.blocks = names(racks), names(blocks)
	e.all = make([]*host, len(sorted))
	for i, h := range sorted {
		if useful == nil || useful(h) {
			e.all[i] = e.host(*h)
		} else {
			e.all[i] = &host{name: h.Name, rack: -1, block: -1}
		}
	}
}

func names(set map[string]bool) []string {
	var all []string
	for name := range set {
		if name != "" {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

func number(all []string, name string) int {
	if at, known := slices.BinarySearch(all, name); known {
		return at
	}
	return -1
}

func (e *engine) host(h Host) *host {
	key := kindKey(h)
	k, known := e.kinds[key]
	if !known {
		k = newKind(h)
		k.number = len(e.kinds)
		k.typical(e.policy.Typical)
		e.kinds[key] = k
	}
	n := len(h.Devices)
	made := &host{name: h.Name, up: h.Up, rack: number(e.racks, h.Rack), block: number(e.blocks, h.Block),
		ids: make([]bine.DeviceID, n), out: make([]bool, n), held: make([]int, n),
		state: state{kind: k, freeCPU: h.FreeCPU, freeMemory: h.FreeMemory, free: make([]int, n)}}
	for i, d := range h.Devices {
		made.ids[i], made.out[i], made.held[i] = d.ID, d.Out, 1000-d.Free
		if !d.Out {
			made.free[i] = d.Free
		}
	}
	return made
}

// view is what a search looks through.
type view interface {
	// best gives the host with the best offer for all of a task.
	best(d *demand) (*host, offer)
	// candidates gives what each host can do for a part of a task: at least
	// some devices, by the number of the host.
	candidates(d *demand, least int) ([]candidate, []string)
}

// place finds where a task goes.
func (e *engine) place(v view, d *demand) (Placement, error) {
	if d.Hosts <= 1 {
		if h, o := v.best(d); h != nil {
			return e.single(h, d, o), nil
		}
		if d.Hosts == 1 || d.Count < 2 {
			return Placement{}, ErrNone
		}
	}
	return e.gang(v, d)
}

// single makes the placement on one host.
func (e *engine) single(h *host, d *demand, o offer) Placement {
	share := Share{Host: h.name, CPU: d.cpu, Memory: d.memory}
	choice := Choice{Policy: e.policy.Name, Free: h.wholly(o.group), Of: h.kind.devices}
	switch {
	case o.group < 0:
	case d.milli < 1000:
		share.Devices = []Part{{h.ids[o.part], d.milli}}
		choice.Spare = h.free[o.part] - d.milli
	default:
		p := h.pick(o.group, d.Count, d.Within == gpu.LevelLinks && d.Count > 1)
		share.Devices = h.parts(p.devices)
		choice.Joined, choice.Spare = p.joined, choice.Free-d.Count
	}
	return Placement{Shares: []Share{share}, Choice: choice}
}

// parts gives whole devices.
func (h *host) parts(devices []int) []Part {
	all := make([]Part, len(devices))
	for i, d := range devices {
		all[i] = Part{h.ids[d], 1000}
	}
	return all
}

// wholly counts the devices of a group that are wholly free.
func (h *host) wholly(group int) int {
	n := 0
	if group >= 0 {
		for _, i := range h.groups[group].devices {
			if h.free[i] == 1000 {
				n++
			}
		}
	}
	return n
}

// scan is a view that looks at every host.
type scan struct{ *engine }

func (v *scan) best(d *demand) (*host, offer) {
	if v.policy.Name == Random {
		return v.any(d)
	}
	top := leader{tolerance: v.policy.tolerance()}
	offers := make([]offer, len(v.all))
	for i, h := range v.all {
		if h.up && !d.avoids(h.name) {
			if offers[i] = v.offer(&h.state, d); offers[i].fits {
				top.see(&offers[i])
			}
		}
	}
	found := -1
	for i := range offers {
		if o := &offers[i]; o.fits && top.near(o) && (found < 0 || o.closer(&offers[found]) > 0) {
			found = i
		}
	}
	if found < 0 {
		return nil, offer{}
	}
	return v.all[found], offers[found]
}

// any leaves the choice to chance.
func (v *scan) any(d *demand) (found *host, best offer) {
	var least uint64
	for _, h := range v.all {
		if !h.up || d.avoids(h.name) {
			continue
		}
		o := v.offer(&h.state, d)
		if x := v.chance(d, h.name); o.fits && (found == nil || o.rank > best.rank || (o.rank == best.rank && x < least)) {
			found, best, least = h, o, x
		}
	}
	return found, best
}

// leader is the best rank and score that were seen, and what counts as good.
type leader struct {
	tolerance int64
	seen      bool
	rank      int
	score     int64
}

func (l *leader) see(o *offer) {
	if !l.seen || o.rank > l.rank || (o.rank == l.rank && o.score > l.score) {
		l.seen, l.rank, l.score = true, o.rank, o.score
	}
}

// near says whether an offer is as good as the best, or better.
func (l *leader) near(o *offer) bool {
	return o.rank > l.rank || (o.rank == l.rank && o.score >= l.score-l.tolerance)
}

func (v *scan) candidates(d *demand, least int) ([]candidate, []string) {
	var all []candidate
	var flavours []string
	for i, h := range v.all {
		if !h.up || d.avoids(h.name) {
			continue
		}
		for _, o := range capsOf(&h.state, d, &flavours) {
			if o.most >= least {
				all = append(all, candidate{i, o})
			}
		}
	}
	return all, flavours
}
