package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/auth"
)

// clusterRoutes show the cluster as a whole.
func (a *API) clusterRoutes() {
	see := auth.Access{User: true, Scopes: follows}
	add(a, route{id: "show-host", method: http.MethodGet, path: "hosts/{host}", tag: "hosts", summary: "A host with its accelerators and what runs there", access: see}, a.host)
	add(a, route{id: "show-cluster", method: http.MethodGet, path: "cluster", tag: "hosts", summary: "Sums of the hosts, of what is granted, and of who waits", access: see}, a.cluster)
	add(a, route{id: "show-cluster-picture", method: http.MethodGet, path: "cluster/picture", tag: "hosts",
		summary: "The hosts with their accelerators in groups by rack; of many, sums by rack or block", access: see}, a.clusterPicture)
}

func (a *API) cluster(ctx context.Context, _ *none) (*body[bine.Cluster], error) {
	return answer(a.Ledger.Cluster(ctx))
}

const hostEvents = 50

func (a *API) host(ctx context.Context, in *InHost) (*body[client.HostView], error) {
	know, err := a.mayKnow(ctx)
	if err != nil {
		return nil, err
	}
	var out client.HostView
	hosts, err := a.Ledger.Picture(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(hosts, func(h bine.HostPicture) bool { return h.Name == in.Host })
	if i < 0 {
		return nil, bine.Errorf(bine.NotFound, "there is no host %q: bine host list shows all", string(in.Host))
	}
	out.Picture = hosts[i]
	for j := range out.Picture.Devices {
		out.Picture.Devices[j].By = hidden(out.Picture.Devices[j].By, know)
	}
	known, err := a.Store.Hosts(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range known {
		if h.Name == in.Host {
			out.Host = h
		}
	}
	leases, err := a.Ledger.HostLeases(ctx, in.Host)
	if err != nil {
		return nil, err
	}
	out.Leases = slices.DeleteFunc(leases, func(l bine.Lease) bool { return !know(l.Owner.Project) })
	out.Others = len(leases) - len(out.Leases)
	out.Events, err = a.Ledger.HostEvents(ctx, in.Host, hostEvents)
	return answer(out, err)
}

func (a *API) clusterPicture(ctx context.Context, in *struct{ client.ClusterFilter }) (*body[client.ClusterPicture], error) {
	know, err := a.mayKnow(ctx)
	if err != nil {
		return nil, err
	}
	hosts, err := a.Ledger.Picture(ctx)
	return answer(pictureOf(hosts, in.ClusterFilter, know), err)
}

// How much a picture has: hosts and accelerators one by one up to here, then
// sums of racks, then of blocks. Hosts that say no rack are put together with
// their neighbours.
const (
	devicesDrawn = 512
	hostsDrawn   = 256
	groupsDrawn  = 400
	neighbours   = 32
)

// pictureOf picks what a filter wants and groups it. It changes hosts.
func pictureOf(hosts []bine.HostPicture, f client.ClusterFilter, know func(bine.ProjectName) bool) client.ClusterPicture {
	p := client.ClusterPicture{By: "host"}
	seen := &census{}
	var found []bine.HostPicture
	for _, h := range hosts {
		for i := range h.Devices {
			h.Devices[i].By = hidden(h.Devices[i].By, know)
		}
		seen.count(h)
		if h, wanted := pick(h, f); wanted {
			p.Devices += len(h.Devices)
			found = append(found, h)
		}
	}
	p.Hosts = len(found)
	seen.tell(&p)
	if p.Devices > devicesDrawn || p.Hosts > hostsDrawn {
		p.By = "rack"
	}
	p.Groups = byRack(found, f, p.By == "host")
	if len(p.Groups) > groupsDrawn {
		p.By, p.Groups = "block", byBlock(found, f)
	}
	for i := range p.Groups {
		sum(&p.Groups[i], p.By == "host")
	}
	return p
}

// hidden puts together what is held by projects that the reader does not know.
func hidden(by []bine.ProjectShares, know func(bine.ProjectName) bool) []bine.ProjectShares {
	var shown []bine.ProjectShares
	for _, s := range by {
		if !know(s.Project) {
			s.Project = ""
		}
		shown = addShare(shown, s)
	}
	return shown
}

func addShare(to []bine.ProjectShares, s bine.ProjectShares) []bine.ProjectShares {
	for i := range to {
		if to[i].Project == s.Project {
			to[i].Milli += s.Milli
			return to
		}
	}
	return append(to, s)
}

// pick leaves of a host what a filter wants.
func pick(h bine.HostPicture, f client.ClusterFilter) (bine.HostPicture, bool) {
	if !says(f.Block, h.Block) || !says(f.Rack, h.Rack) || f.First != "" && h.Name < f.First || f.Last != "" && h.Name > f.Last ||
		!strings.Contains(string(h.Name), f.Host) {
		return h, false
	}
	if f.Model == "" && f.Project == "" && f.State == "" {
		return h, true
	}
	h.Devices = slices.DeleteFunc(slices.Clone(h.Devices), func(d bine.DevicePicture) bool { return !wanted(d, f) })
	return h, len(h.Devices) > 0
}

// sayNone asks for hosts that do not say their rack or block.
const sayNone = "-"

func says(wanted, is string) bool {
	return wanted == "" || wanted == is || wanted == sayNone && is == ""
}

func wanted(d bine.DevicePicture, f client.ClusterFilter) bool {
	switch {
	case f.Model != "" && d.Model != f.Model:
		return false
	case f.Project != "" && !slices.ContainsFunc(d.By, func(s bine.ProjectShares) bool { return s.Project == f.Project }):
		return false
	case f.State == "free":
		return d.State == bine.DeviceReady && d.Used == 0
	case f.State == "granted":
		return d.Used > 0
	}
	return f.State == "" || d.State == bine.DeviceState(f.State)
}

// byRack groups hosts by their racks. All that say none are one group where the
// hosts are drawn one by one, and else some groups of neighbours.
func byRack(hosts []bine.HostPicture, f client.ClusterFilter, one bool) []client.ClusterGroup {
	slices.SortStableFunc(hosts, func(a, b bine.HostPicture) int {
		return cmp.Or(cmp.Compare(a.Block, b.Block), cmp.Compare(a.Rack, b.Rack))
	})
	var groups []client.ClusterGroup
	for _, h := range hosts {
		n := len(groups)
		if n == 0 || !inGroup(groups[n-1], h) || h.Rack == "" && !one && len(groups[n-1].Members) == neighbours {
			g := client.ClusterGroup{Name: strings.Trim(h.Block+" / "+h.Rack, " /"), Filter: f}
			g.Filter.Block, g.Filter.Rack = cmp.Or(h.Block, sayNone), cmp.Or(h.Rack, sayNone)
			groups = append(groups, g)
			n++
		}
		groups[n-1].Members = append(groups[n-1].Members, h)
	}
	for i := range groups {
		if groups[i].Filter.Rack == sayNone && !one {
			bound(&groups[i])
		}
	}
	return groups
}

func inGroup(g client.ClusterGroup, h bine.HostPicture) bool {
	return says(g.Filter.Block, h.Block) && says(g.Filter.Rack, h.Rack)
}

// byBlock groups hosts by the blocks of their racks; those that say none, in
// groups of neighbours that are as large as it takes.
func byBlock(hosts []bine.HostPicture, f client.ClusterFilter) []client.ClusterGroup {
	slices.SortStableFunc(hosts, func(a, b bine.HostPicture) int {
		return cmp.Or(cmp.Compare(a.Block, b.Block), cmp.Compare(a.Name, b.Name))
	})
	size := max(neighbours, (len(hosts)+groupsDrawn/2-1)/(groupsDrawn/2))
	var groups []client.ClusterGroup
	for _, h := range hosts {
		n := len(groups)
		if n == 0 || !says(groups[n-1].Filter.Block, h.Block) || h.Block == "" && len(groups[n-1].Members) == size {
			g := client.ClusterGroup{Name: h.Block, Filter: f}
			g.Filter.Block = cmp.Or(h.Block, sayNone)
			groups = append(groups, g)
			n++
		}
		groups[n-1].Members = append(groups[n-1].Members, h)
	}
	for i := range groups {
		if groups[i].Filter.Block == sayNone {
			bound(&groups[i])
		}
	}
	return groups
}

// bound names a group of neighbours by its first and last host.
func bound(g *client.ClusterGroup) {
	first, last := g.Members[0].Name, g.Members[len(g.Members)-1].Name
	g.Filter.First, g.Filter.Last = first, last
	name := string(first)
	if first != last {
		name += " … " + string(last)
	}
	g.Name = strings.TrimPrefix(g.Name+" / "+name, " / ")
}

// sum fills in what the hosts of a group are together, and leaves them out
// unless they are to be shown.
func sum(g *client.ClusterGroup, members bool) {
	g.Hosts, g.States = len(g.Members), map[bine.DeviceState]int{}
	told, busy := 0, 0.0
	for _, h := range g.Members {
		if !h.Up {
			g.Lost++
		}
		if h.Cordoned {
			g.Cordoned++
		}
		g.Total.CPU, g.Used.CPU = g.Total.CPU+h.Total.CPU, g.Used.CPU+h.Used.CPU
		g.Total.Memory, g.Used.Memory = g.Total.Memory+h.Total.Memory, g.Used.Memory+h.Used.Memory
		for _, d := range h.Devices {
			g.States[d.State]++
			g.Total.GPUs++
			g.Used.GPUs += float64(d.Used) / 1000
			for _, s := range d.By {
				g.Projects = addShare(g.Projects, s)
			}
			if d.Busy != nil {
				told, busy = told+1, busy+*d.Busy
			}
		}
	}
	g.Busy = busy / float64(max(1, told))
	slices.SortFunc(g.Projects, func(a, b bine.ProjectShares) int {
		return cmp.Or(cmp.Compare(b.Milli, a.Milli), cmp.Compare(a.Project, b.Project))
	})
	if !members {
		g.Members = nil
	}
}

// census is what there is of models, labels and so on, for people to choose from.
type census struct {
	models, profiles, labels map[string]bool
	projects                 map[bine.ProjectName]bool
	states                   map[bine.DeviceState]bool
}

func (c *census) count(h bine.HostPicture) {
	for _, l := range h.Labels {
		key, _, _ := strings.Cut(l, "=")
		note(&c.labels, strings.TrimSpace(key))
	}
	for _, d := range h.Devices {
		note(&c.models, d.Model)
		note(&c.profiles, d.Profile)
		note(&c.states, d.State)
		for _, s := range d.By {
			note(&c.projects, s.Project)
		}
	}
}

func note[T ~string](set *map[T]bool, value T) {
	if *set == nil {
		*set = map[T]bool{}
	}
	if value != "" {
		(*set)[value] = true
	}
}

func (c *census) tell(p *client.ClusterPicture) {
	p.Models, p.Profiles, p.Labels, p.Projects, p.States = sorted(c.models), sorted(c.profiles), sorted(c.labels), sorted(c.projects), sorted(c.states)
}

func sorted[T ~string](set map[T]bool) []T {
	var all []T
	for value := range set {
		all = append(all, value)
	}
	slices.Sort(all)
	return all
}
