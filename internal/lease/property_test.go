package lease_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/lease"
)

// model is what has been asked for and granted, kept beside the ledger.
type model struct {
	w        world
	rand     *rand.Rand
	requests map[bine.AttemptID]lease.Request
	held     map[bine.AttemptID]bine.HostName
	pools    map[string]int
	hosts    map[bine.HostName]float64
	quotas   map[bine.ProjectName]bine.Quota
	next     int
}

const longestCore = 4 // no request has more cores

func TestNothingIsEverExceededAndAllIsGrantedInTheEnd(t *testing.T) {
	eachWorld(t, func(w world) {
		seed := rand.Uint64()
		m := &model{w: w, rand: rand.New(rand.NewPCG(seed, 1)), requests: map[bine.AttemptID]lease.Request{}, held: map[bine.AttemptID]bine.HostName{},
			pools: map[string]int{}, hosts: map[bine.HostName]float64{}, quotas: map[bine.ProjectName]bine.Quota{}}
		m.host("h1", longestCore)
		m.pool("a", 3)
		m.pool("b", 2)
		for range 400 {
			m.step()
		}
		m.finish()
		if w.t.Failed() {
			w.t.Logf("seed %d", seed)
		}
	})
}

// step does something at random.
func (m *model) step() {
	switch n := m.rand.IntN(20); {
	case n < 9:
		m.ask()
	case n < 15:
		m.release()
	case n < 16:
		m.pool([]string{"a", "b"}[m.rand.IntN(2)], m.rand.IntN(5))
	case n < 17:
		m.host(bine.HostName(fmt.Sprint("h", 1+m.rand.IntN(3))), float64(longestCore+m.rand.IntN(5)))
	case n < 18:
		m.quota([]bine.ProjectName{"p", "q"}[m.rand.IntN(2)], bine.Quota{Steps: m.rand.IntN(4), CPU: float64(longestCore + m.rand.IntN(4)), Weight: float64(m.rand.IntN(3))})
	default: // asks again
		for _, id := range slices.Sorted(maps.Keys(m.requests)) {
			if m.held[id] == "" && m.rand.IntN(2) == 0 {
				m.do(m.requests[id])
			}
		}
	}
}

// ask asks for some slots of the pools and keys of project p, or cores, or both.
func (m *model) ask() {
	var r lease.Request
	project := "p"
	if m.rand.IntN(3) == 0 {
		project = "q"
	}
	for _, name := range []string{"a", "b"} {
		if n := m.rand.IntN(4); n > 1 && project == "p" {
			r.Slots = append(r.Slots, bine.Slot{Name: bine.PoolSlot("p", bine.PoolName(name)), Count: n - 1})
		}
	}
	if n := m.rand.IntN(4); n > 1 {
		r.Slots = append(r.Slots, bine.Slot{Name: bine.StepKeySlot(bine.ProjectName(project), "flights", "train", fmt.Sprint(n)), Count: 1, Most: n})
	}
	if m.rand.IntN(3) > 0 || len(r.Slots) == 0 {
		r.Resources = cores(float64(1 + m.rand.IntN(longestCore)))
	}
	r.Priority = []bine.Priority{"", bine.PriorityLow, bine.PriorityHigh}[m.rand.IntN(3)]
	m.next++
	m.do(request(fmt.Sprintf("%s/%d", project, m.next), r))
}

func (m *model) do(r lease.Request) {
	m.requests[r.Attempt] = r
	g, reason, err := m.w.Ask(m.w.t.Context(), r)
	if err != nil || (g.Host == "") != (reason != "") {
		m.w.t.Errorf("ask for %s: %+v, %q, %v; want a grant or a reason", r.Attempt, g, reason, err)
	}
	if g.Host != "" {
		m.grants([]lease.Grant{g}, nil)
	}
}

// grants checks that what was granted was waiting and fits.
func (m *model) grants(grants []lease.Grant, err error) {
	if err != nil {
		m.w.t.Error(err)
	}
	for _, g := range grants {
		r, asked := m.requests[g.Attempt]
		if !asked || m.held[g.Attempt] != "" {
			m.w.t.Errorf("%+v was granted: asked for %v, had %q", g, asked, m.held[g.Attempt])
		}
		m.held[g.Attempt] = g.Host
		m.fits(g, r)
	}
}

func (m *model) fits(g lease.Grant, r lease.Request) {
	slots, onHost, ofProject, steps := map[string]int{}, 0.0, 0.0, 0
	for id, host := range m.held {
		other := m.requests[id]
		for _, s := range other.Slots {
			slots[s.Name] += s.Count
		}
		if host == g.Host {
			onHost += other.Resources.CPU
		}
		if other.Owner.Project == r.Owner.Project && other.Resources.CPU > 0 {
			ofProject += other.Resources.CPU
			steps++
		}
	}
	for _, s := range r.Slots {
		most := s.Most
		for name, n := range m.pools {
			if s.Name == bine.PoolSlot("p", bine.PoolName(name)) {
				most = n
			}
		}
		if slots[s.Name] > most {
			m.w.t.Errorf("%s was granted: %d of %s are held, of %d", g.Attempt, slots[s.Name], s.Name, most)
		}
	}
	if (g.Host == lease.NoHost) != (r.Resources.CPU == 0) || (r.Resources.CPU > 0 && onHost > m.hosts[g.Host]) {
		m.w.t.Errorf("%s was granted on %s: %v of %v cores are held", g.Attempt, g.Host, onHost, m.hosts[g.Host])
	}
	if q := m.quotas[r.Owner.Project]; r.Resources.CPU > 0 && (q.CPU > 0 && ofProject > q.CPU || q.Steps > 0 && steps > q.Steps) {
		m.w.t.Errorf("%s was granted: its project holds %v cores in %d processes, of %+v", g.Attempt, ofProject, steps, q)
	}
}

// release ends one that holds something, or now and then one that waits.
func (m *model) release() {
	for _, id := range slices.Sorted(maps.Keys(m.requests)) {
		if (m.held[id] != "" && m.rand.IntN(3) == 0) || m.rand.IntN(40) == 0 {
			m.end(id)
			return
		}
	}
}

func (m *model) end(id bine.AttemptID) {
	delete(m.requests, id)
	delete(m.held, id)
	grants, err := m.w.Release(m.w.t.Context(), id)
	m.grants(grants, err)
}

func (m *model) pool(name string, n int) {
	m.pools[name] = n
	grants, err := m.w.SetPool(m.w.t.Context(), "p", bine.Pool{Name: bine.PoolName(name), Slots: n})
	m.grants(grants, err)
}

func (m *model) host(name bine.HostName, n float64) {
	m.hosts[name] = n
	grants, err := m.w.SetHost(m.w.t.Context(), name, bine.Resources{CPU: n, Memory: 1000 * gib}, true)
	m.grants(grants, err)
}

func (m *model) quota(project bine.ProjectName, q bine.Quota) {
	m.quotas[project] = q
	grants, err := m.w.SetQuota(m.w.t.Context(), project, q, nil)
	m.grants(grants, err)
}

// finish ends whatever holds something until nobody is left: all must have had
// their turn, told by grants alone.
func (m *model) finish() {
	m.pool("a", 3)
	m.pool("b", 3)
	m.quota("p", bine.Quota{})
	m.quota("q", bine.Quota{})
	for _, id := range slices.Sorted(maps.Keys(m.requests)) {
		if m.held[id] == "" {
			m.do(m.requests[id]) // who waits asks again now and then
		}
	}
	for len(m.held) > 0 {
		m.end(slices.Sorted(maps.Keys(m.held))[m.rand.IntN(len(m.held))])
	}
	all, err := m.w.Leases(m.w.t.Context())
	if err != nil || len(all) != 0 || len(m.requests) != 0 {
		m.w.t.Errorf("%d requests were never granted: %+v, %v", len(m.requests), all, err)
	}
}
