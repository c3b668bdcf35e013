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

// Homes says which devices are the cells of which project at the moment. The
// home of a project is all of its cells; what nobody owns is the common home,
// whose owner is "".
type Homes struct {
	owners  map[bine.DeviceID]string
	at      map[bine.DeviceID]bine.HostName
	missing map[string][]Cell
	known   map[string]bool // projects with cells, also those of which none was found
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Settle decides which devices are whose. A project keeps the cells that it has,
// those where its jobs run first, unless they are out of order; before is the
// last answer, or nil. What cannot be found is in Missing.
func Settle(s place.Snapshot, quotas map[string][]Cell, running []Running, before *Homes) *Homes {
	g := &settling{Homes: &Homes{owners: map[bine.DeviceID]string{}, at: map[bine.DeviceID]bine.HostName{}, missing: map[string][]Cell{}, known: map[string]bool{}}}
	g.hosts = slices.Clone(s.Hosts)
	slices.SortFunc(g.hosts, func(a, b place.Host) int { return strings.Compare(string(a.Name), string(b.Name)) })
	g.kept = map[bine.DeviceID]claim{}
	for _, h := range g.hosts {
		for _, d := range h.Devices {
			g.at[d.ID] = h.Name
			if before != nil && before.owners[d.ID] != "" {
				g.kept[d.ID] = claim{before.owners[d.ID], 1}
			}
		}
	}
	for _, r := range running {
		for _, share := range r.Placement.Shares {
			for _, d := range share.Devices {
				if _, owns := quotas[r.Project]; owns && !r.Guest && (before == nil || g.kept[d.Device].project == r.Project) {
					g.kept[d.Device] = claim{r.Project, 2}
				}
			}
		}
	}
	for _, project := range sortedKeys(quotas) {
		g.known[project] = len(quotas[project]) > 0
	}
	for _, w := range wishes(quotas) {
		if !g.grant(w) {
			g.miss(w)
		}
	}
	return g.Homes
}

// claim is why a device should stay with a project.
type claim struct {
	project string
	weight  int
}

type settling struct {
	*Homes
	hosts []place.Host // by name
	kept  map[bine.DeviceID]claim
}

func (g *settling) miss(w wish) {
	all := g.missing[w.project]
	for i := range all {
		if c := all[i]; c.Level == w.Level && c.Devices == w.Devices && c.Model == w.Model {
			all[i].Count++
			return
		}
	}
	g.missing[w.project] = append(all, w.Cell)
}

// grant finds the cell for a wish: one that is up, of these what the project
// has already, then what is the smallest, then the first by name.
func (g *settling) grant(w wish) bool {
	var best unit
	var claims [2]int
	for _, u := range g.units(w) {
		if c := g.claims(u, w.project); best.hosts == nil || u.before(best, c, claims) {
			best, claims = u, c
		}
	}
	for _, i := range best.hosts {
		for at, d := range g.hosts[i].Devices {
			if best.devices == nil || slices.Contains(best.devices, at) {
				g.owners[d.ID] = w.project
			}
		}
	}
	return best.hosts != nil
}

// before says whether a unit is a better cell than another one; claims are
// those of others on each, and those of the project.
func (u unit) before(o unit, claims, than [2]int) bool {
	if u.up != o.up {
		return u.up
	}
	return cmp.Or(claims[0]-than[0], than[1]-claims[1], u.size-o.size) < 0
}

// claims weighs what others have of a unit, and what the project has.
func (g *settling) claims(u unit, project string) (kept [2]int) {
	for _, i := range u.hosts {
		for at, d := range g.hosts[i].Devices {
			if u.devices != nil && !slices.Contains(u.devices, at) {
				continue
			}
			switch c := g.kept[d.ID]; c.project {
			case "":
			case project:
				kept[1] += c.weight
			default:
				kept[0] += c.weight
			}
		}
	}
	return kept
}

// units gives what could become a cell.
func (g *settling) units(w wish) (all []unit) {
	if w.Level == "" || w.Level == gpu.LevelHost {
		for i := range g.hosts {
			all = append(all, g.ofHost(i, w)...)
		}
		return all
	}
	domains := map[string][]int{}
	for i, h := range g.hosts {
		name := h.Rack
		if w.Level == gpu.LevelBlock {
			name = h.Block
		}
		if name != "" {
			domains[name] = append(domains[name], i)
		}
	}
	for _, name := range sortedKeys(domains) {
		u := unit{up: true}
		for _, i := range domains[name] {
			if one := g.ofHost(i, wish{Cell: Cell{Level: gpu.LevelHost, Model: w.Model}}); len(one) > 0 {
				u = unit{append(u.hosts, i), nil, u.size + one[0].size, u.up && one[0].up}
			} else if len(g.hosts[i].Devices) > 0 {
				u.hosts = nil
				break // some of it is of another model, or somebody else's
			}
		}
		if len(u.hosts) > 0 && u.size >= w.Devices {
			all = append(all, u)
		}
	}
	return all
}

// ofHost gives the host as a whole, or one of its devices, if nobody owns it. The
// size of a single device is how many nobody owns there, so that hosts are broken
// up one by one.
func (g *settling) ofHost(i int, w wish) (all []unit) {
	h := &g.hosts[i]
	fits := gpu.Traits{}
	if w.Model != "" {
		fits.Models = []string{w.Model}
	}
	free, healthy, best := 0, h.Up, -1
	for at, d := range h.Devices {
		if healthy = healthy && !d.Out; g.owners[d.ID] != "" || !fits.FitsModel(d.Model) {
			continue
		}
		if free++; best < 0 || g.worth(d, w.project) > g.worth(h.Devices[best], w.project) {
			best = at
		}
	}
	switch {
	case w.Level == "" && best >= 0:
		return []unit{{[]int{i}, []int{best}, free, h.Up && !h.Devices[best].Out}}
	case w.Level != "" && free > 0 && free == len(h.Devices) && free >= w.Devices:
		return []unit{{[]int{i}, nil, free, healthy}}
	}
	return nil
}

// worth orders single devices of a host: those in order, that nobody else has a
// claim to, that the project has.
func (g *settling) worth(d place.Device, project string) int {
	c, n := g.kept[d.ID], 0
	if !d.Out {
		n += 100
	}
	switch c.project {
	case "":
		n += 10
	case project:
		n += 10 + c.weight
	}
	return n
}

// Missing gives the cells of projects that there are not now.
func (h *Homes) Missing() map[string][]Cell { return h.missing }

// Owner gives the project whose cell a device is; "" is nobody.
func (h *Homes) Owner(d bine.DeviceID) string { return h.owners[d] }

// Owners gives who has cells, by name, and "" at the end for what is common.
func (h *Homes) Owners() []string {
	var all []string
	for _, project := range sortedKeys(h.known) {
		if h.known[project] {
			all = append(all, project)
		}
	}
	return append(all, "")
}

// HomeOf gives the home that a project has a right to: its own, or the common one.
func (h *Homes) HomeOf(project string) string {
	if h.known[project] {
		return project
	}
	return ""
}

// Stands says by whose right a job stands where it is: its project's, nobody's
// (""), or as a guest of others. A job without devices stands at its home.
func (h *Homes) Stands(r Running) (home string, guest bool) {
	home, first := h.HomeOf(r.Project), true
	for _, s := range r.Placement.Shares {
		for _, d := range s.Devices {
			owner := h.owners[d.Device]
			if owner != "" && owner != r.Project {
				return h.HomeOf(r.Project), true
			}
			if !first && owner != home {
				return h.HomeOf(r.Project), true // half of it at home
			}
			home, first = owner, false
		}
	}
	return home, false
}

// Snapshot gives the home of an owner as a cluster of its own, idle: the hosts
// with only its devices, and CPU and memory by the share of these. Hosts without
// devices are common.
func (h *Homes) Snapshot(s place.Snapshot, owner string) place.Snapshot {
	var home place.Snapshot
	for _, host := range s.Hosts {
		all := int64(len(host.Devices))
		var own []place.Device
		for _, d := range host.Devices {
			if h.owners[d.ID] == owner {
				d.Free = 1000
				own = append(own, d)
			}
		}
		n := int64(len(own))
		if n == 0 && (all > 0 || owner != "") {
			continue
		}
		if all > 0 {
			host.CPU, host.Memory = host.CPU*n/all, host.Memory/all*n
		}
		host.FreeCPU, host.FreeMemory, host.Devices = host.CPU, host.Memory, own
		home.Hosts = append(home.Hosts, host)
	}
	return home
}
