package queue

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
)

// Stake is what a project has of one kind of devices: so many devices, or so many
// whole hosts, racks or blocks of them.
type Stake struct {
	Level      bine.CellLevel
	Model      string // a model or its family; empty is any
	Guaranteed int    // cells that are its own
	Most       int    // cells that it may hold parts of at once; 0 is no bound
}

func (c Stake) whole() bool { return c.Level != "" && c.Level != bine.CellDevice }

// fits says whether devices of a model count.
func (c Stake) fits(model string) bool {
	return c.Model == "" || gpu.Traits{Models: []string{c.Model}}.FitsModel(model)
}

// Books says what of what projects hold is their own, what is borrowed, and
// which hosts belong to whom. It follows what starts and what gives back.
//
// Which hosts are the cells of a project is found anew from what runs, as in
// HiveD (OSDI 2020): those on which nobody else has work that cannot be asked
// back, of these the ones in which the project has work already. So a cell that
// is not in use may be another one later.
type Books struct {
	shares map[string]Share
	held   map[string]int            // thousandths of devices
	of     map[string]map[string]int // by project and model; kept where somebody has cells
	on     map[string]map[bine.HostName]int
	firm   map[bine.HostName]map[string]int // that cannot be asked back, by project
	hosts  []place.Host
	model  map[bine.DeviceID]string
	cells  bool
	bound  map[string][]bond // of projects, cell by cell; nil: to be found anew
	stands map[string]balance
}

// bond is the hosts that are one cell of a project.
type bond struct {
	cell  int // of its share
	hosts []bine.HostName
}

// NewBooks makes them from a picture of the cluster, what runs on it, and what
// belongs to projects.
func NewBooks(s place.Snapshot, running []Running, shares map[string]Share) *Books {
	b := &Books{shares: shares, held: map[string]int{}, stands: map[string]balance{}}
	for _, share := range shares {
		b.cells = b.cells || len(share.Stakes) > 0
	}
	if b.cells {
		b.of, b.on, b.firm = map[string]map[string]int{}, map[string]map[bine.HostName]int{}, map[bine.HostName]map[string]int{}
		b.model = map[bine.DeviceID]string{}
		b.hosts = slices.Clone(s.Hosts)
		slices.SortFunc(b.hosts, func(x, y place.Host) int { return strings.Compare(string(x.Name), string(y.Name)) })
		for _, h := range b.hosts {
			for _, d := range h.Devices {
				b.model[d.ID] = d.Model
			}
		}
	}
	for _, r := range running {
		b.add(r, 1)
	}
	return b
}

// add notes that a job has its place, or with -1 that it gave it back.
func (b *Books) add(r Running, sign int) {
	b.held[r.Project] += sign * r.milli()
	clear(b.stands)
	if !b.cells {
		return
	}
	b.bound = nil
	for _, s := range r.Placement.Shares {
		for _, d := range s.Devices {
			bump(b.of, r.Project, b.model[d.Device], sign*d.Milli)
			bump(b.on, r.Project, s.Host, sign*d.Milli)
			if !r.Task.Request.Preemptible {
				bump(b.firm, s.Host, r.Project, sign*d.Milli)
			}
		}
	}
}

func bump[K, L comparable](of map[K]map[L]int, k K, l L, n int) {
	if of[k] == nil {
		of[k] = map[L]int{}
	}
	of[k][l] += n
}

// Held is the thousandths of devices that a project has.
func (b *Books) Held(project string) int { return b.held[project] }

// bind finds the hosts of the whole cells of all projects: the largest cells
// first, then by project.
func (b *Books) bind() map[string][]bond {
	if b.bound != nil || !b.cells {
		return b.bound
	}
	b.bound = map[string][]bond{}
	taken := map[bine.HostName]bool{}
	for _, level := range []bine.CellLevel{bine.CellBlock, bine.CellRack, bine.CellHost} {
		for _, project := range slices.Sorted(maps.Keys(b.shares)) {
			for i, c := range b.shares[project].Stakes {
				if c.Level != level || c.Guaranteed == 0 {
					continue
				}
				for _, hosts := range b.best(project, c, taken) {
					for _, h := range hosts {
						taken[h] = true
					}
					b.bound[project] = append(b.bound[project], bond{i, hosts})
				}
			}
		}
	}
	return b.bound
}

// groups gives the hosts that have devices for a cell, by what they are together.
func (b *Books) groups(c Stake) map[string][]bine.HostName {
	all := map[string][]bine.HostName{}
	for _, h := range b.hosts {
		key := map[bine.CellLevel]string{bine.CellHost: string(h.Name), bine.CellRack: h.Rack, bine.CellBlock: h.Block}[c.Level]
		if key != "" && slices.ContainsFunc(h.Devices, func(d place.Device) bool { return c.fits(d.Model) }) {
			all[key] = append(all[key], h.Name)
		}
	}
	return all
}

// best chooses the cells of a project: where nobody else has work that cannot
// be asked back, or the least; then where it has the most itself.
func (b *Books) best(project string, c Stake, taken map[bine.HostName]bool) [][]bine.HostName {
	type candidate struct {
		key               string
		hosts             []bine.HostName
		others, own, loan int
		away              int
	}
	var all []candidate
	up := map[bine.HostName]bool{}
	for _, h := range b.hosts {
		up[h.Name] = h.Up
	}
	for key, hosts := range b.groups(c) {
		x := candidate{key: key, hosts: hosts}
		if slices.ContainsFunc(hosts, func(h bine.HostName) bool { return taken[h] }) {
			continue
		}
		for _, h := range hosts {
			for who, milli := range b.firm[h] {
				if who != project {
					x.others += milli
				}
			}
			x.own += b.on[project][h]
			for who, on := range b.on {
				if who != project {
					x.loan += on[h]
				}
			}
			if !up[h] {
				x.away++
			}
		}
		all = append(all, x)
	}
	slices.SortFunc(all, func(x, y candidate) int {
		return cmp.Or(cmp.Compare(x.away, y.away), cmp.Compare(x.others, y.others), cmp.Compare(y.own, x.own), cmp.Compare(x.loan, y.loan), strings.Compare(x.key, y.key))
	})
	var chosen [][]bine.HostName
	for _, x := range all[:min(len(all), c.Guaranteed)] {
		chosen = append(chosen, x.hosts)
	}
	return chosen
}

// balance is what a project has of its own, and beyond.
type balance struct {
	room     int            // of the devices of any kind that are its own, thousandths that it does not have
	rooms    map[string]int // beside that, by model: of its own of one kind
	borrowed int
	loans    map[string]bool // models of which it has more than of its own kind
}

// balance says how a project stands. What is on its own cells counts against
// these, then what there is of a model against what it has of that model; the
// rest against what it has of any kind.
func (b *Books) balance(project string) balance {
	if known, is := b.stands[project]; is {
		return known
	}
	out := b.count(project)
	b.stands[project] = out
	return out
}

func (b *Books) count(project string) balance {
	share := b.shares[project]
	rest := b.held[project]
	out := balance{}
	if len(share.Stakes) > 0 {
		out.rooms, out.loans = map[string]int{}, map[string]bool{}
		left := maps.Clone(b.of[project])
		if left == nil {
			left = map[string]int{}
		}
		for _, bond := range b.bind()[project] {
			rest -= b.cover(project, share.Stakes[bond.cell], bond.hosts, left, out.rooms)
		}
		for _, c := range share.Stakes {
			if c.whole() {
				continue
			}
			room := c.Guaranteed * 1000
			for _, model := range slices.Sorted(maps.Keys(left)) {
				if c.fits(model) {
					n := min(room, left[model])
					left[model], room, rest = left[model]-n, room-n, rest-n
				}
			}
			for _, model := range b.models(c) {
				out.rooms[model] += room
			}
		}
		for model, milli := range left {
			out.loans[model] = milli > 0
		}
	}
	out.room = max(share.Guaranteed-rest, 0)
	out.borrowed = max(rest-share.Guaranteed, 0)
	return out
}

// cover counts what a project has on hosts of a cell, and the room that is left there.
func (b *Books) cover(project string, c Stake, hosts []bine.HostName, left, rooms map[string]int) (covered int) {
	for _, h := range b.hosts {
		if !slices.Contains(hosts, h.Name) {
			continue
		}
		models := map[string]int{}
		for _, d := range h.Devices {
			if c.fits(d.Model) {
				models[d.Model] += 1000
			}
		}
		has := b.on[project][h.Name]
		for _, model := range slices.Sorted(maps.Keys(models)) { // a host has devices of one model, but for few
			n := min(has, models[model], left[model])
			left[model], has, covered = left[model]-n, has-n, covered+n
			rooms[model] += models[model] - n
		}
	}
	return covered
}

// models gives the models that there are for a cell.
func (b *Books) models(c Stake) []string {
	seen := map[string]bool{}
	for _, model := range b.model {
		if c.fits(model) {
			seen[model] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Entitled says whether a job asks for no more than what is its project's own,
// besides so many thousandths that the project will have before.
func (b *Books) Entitled(j Job, ahead int) bool {
	bal := b.balance(j.Project)
	if bal.borrowed > 0 && len(bal.rooms) == 0 {
		return false
	}
	need := ahead + j.milli()
	if need <= bal.room {
		return true
	}
	for model, room := range bal.rooms {
		if j.Task.Request.FitsModel(model) && need <= room+bal.room {
			return true
		}
	}
	return false
}

// Borrowed gives the thousandths of devices that a project has beyond its own.
func (b *Books) Borrowed(project string) int { return b.balance(project).borrowed }

// lent says whether a job holds devices beyond what is its project's own.
func (b *Books) lent(r Running) bool {
	bal := b.balance(r.Project)
	if bal.borrowed == 0 {
		return false
	}
	if len(bal.loans) == 0 {
		return true
	}
	for _, s := range r.Placement.Shares {
		for _, d := range s.Devices {
			if bal.loans[b.model[d.Device]] {
				return true
			}
		}
	}
	return false
}

// onCellOf says whether a job has its place, or a part of it, on a cell of a project.
func (b *Books) onCellOf(project string, r Running) bool {
	for _, bond := range b.bind()[project] {
		for _, s := range r.Placement.Shares {
			if slices.Contains(bond.hosts, s.Host) {
				return true
			}
		}
	}
	return false
}
