package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
)

// Sharing compares how long tasks wait in a cluster that projects share with how
// long they would wait if each project had its part for itself.
type Sharing struct {
	Rule      string
	Tasks     int           // that could run in both
	Worse     int           // that waited longer in the shared cluster
	Extra     time.Duration // the most that one waited longer
	Later     int           // that were done later
	Wait      time.Duration // mean, in the shared cluster
	Private   time.Duration // mean, in the private ones
	Used      float64       // share of the shared cluster
	Preempted float64       // seconds of devices that were lost in it
}

// Anomaly replays work in private clusters of the cells that projects own, and
// then in the whole cluster in two ways: with a guarantee of as many devices as
// each project's cells have, and with the cells themselves.
func Anomaly(s place.Snapshot, pods []Pod, cells map[string][]queue.Cell, policy place.PolicyName) ([]Sharing, error) {
	pods = apart(pods)
	homes := queue.Settle(s, cells, nil, nil)
	private := Replayed{Waited: map[string]time.Duration{}, Ended: map[string]time.Duration{}}
	shares := map[string]queue.Share{}
	typical := TypicalOf(pods)
	for _, owner := range homes.Owners() {
		if owner == "" {
			continue // it has no cluster of its own
		}
		own, home := ofHome(homes, pods, owner), homes.Snapshot(s, owner)
		devices := 0
		for _, h := range home.Hosts {
			devices += len(h.Devices)
		}
		shares[owner] = queue.Share{Guaranteed: 1000 * devices}
		r, err := Replay(home, own, ReplayOptions{Policy: policy, Typical: typical})
		if err != nil {
			return nil, err
		}
		for id, waited := range r.Waited {
			private.Waited[id], private.Ended[id] = waited, r.Ended[id]
		}
	}
	var all []Sharing
	for _, rule := range []struct {
		name string
		o    ReplayOptions
	}{
		{"guaranteed numbers of devices", ReplayOptions{Fair: true, Preempt: true, HalfLife: 24 * time.Hour, Shares: shares}},
		{"cells", ReplayOptions{Cells: cells}},
	} {
		rule.o.Policy, rule.o.Typical = policy, typical
		r, err := Replay(s, pods, rule.o)
		if err != nil {
			return all, err
		}
		all = append(all, compare(rule.name, r, private))
	}
	return all, nil
}

// apart makes all tasks arrive at different moments, in their order, with names of their own.
func apart(pods []Pod) []Pod {
	all := make([]Pod, len(pods))
	for i, p := range pods {
		p.Created += time.Duration(i)
		p.ID = fmt.Sprintf("%06d", i)
		all[i] = p
	}
	return all
}

func ofHome(homes *queue.Homes, pods []Pod, owner string) (own []Pod) {
	for _, p := range pods {
		if homes.HomeOf(p.Project) == owner {
			own = append(own, p)
		}
	}
	return own
}

func compare(name string, shared, private Replayed) Sharing {
	c := Sharing{Rule: name, Used: shared.Used, Preempted: shared.Preempted}
	for id, alone := range private.Waited {
		waited, ran := shared.Waited[id]
		if !ran {
			continue
		}
		c.Tasks++
		c.Wait, c.Private = c.Wait+waited, c.Private+alone
		if waited > alone {
			c.Worse++
			c.Extra = max(c.Extra, waited-alone)
		}
		if shared.Ended[id] > private.Ended[id] {
			c.Later++
		}
	}
	c.Wait, c.Private = c.Wait/time.Duration(max(c.Tasks, 1)), c.Private/time.Duration(max(c.Tasks, 1))
	return c
}

// Tenants makes a cluster of hosts of 8 in racks that three projects own, and
// work for them: one asks for gangs of hosts, one for parts of hosts, one for
// single devices; each for load of what it owns.
func Tenants(hosts, tasks int, load float64, seed uint64) (place.Snapshot, []Pod, map[string][]queue.Cell) {
	s := regular(8 * hosts)
	third := hosts / 3
	cells := map[string][]queue.Cell{
		"gangs":  {{Level: gpu.LevelHost, Count: third, Devices: 8}},
		"parts":  {{Level: gpu.LevelHost, Count: third, Devices: 8}},
		"single": {{Count: 8 * third}},
	}
	asks := map[string][]gpu.Request{
		"gangs":  {{Count: 8, Hosts: 1, PerHost: 8}, {Count: 16, Hosts: 2, PerHost: 8}, {Count: 32, Hosts: 4, PerHost: 8}},
		"parts":  {{Count: 1, Hosts: 1, PerHost: 1}, {Count: 2, Hosts: 1, PerHost: 2}, {Count: 4, Hosts: 1, PerHost: 4}, {Count: 8, Hosts: 1, PerHost: 8}},
		"single": {{Count: 1, Hosts: 1, PerHost: 1}, {Count: 1, Hosts: 1, PerHost: 1}, {Count: 1, Milli: 500, Hosts: 1, PerHost: 1}},
	}
	var all []Pod
	for i, project := range []string{"gangs", "parts", "single"} {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		own, asked := make([]Pod, tasks/3), 0.0
		for n := range own {
			request := asks[project][r.IntN(len(asks[project]))]
			request.Preemptible = true
			own[n] = Pod{Task: place.Task{Request: request, CPU: int64(request.Count) * 8000}, Project: project, Runs: phillyTime(r)}
			asked += float64(request.Count*request.Each()) / 1000 * own[n].Runs.Seconds()
		}
		gap, at := asked/float64(8*third)/load/float64(len(own)), 0.0
		for n := range own {
			at += r.ExpFloat64() * gap
			own[n].Created = time.Duration(at * float64(time.Second))
		}
		all = append(all, own...)
	}
	return s, sorted(all), cells
}

func sorted(pods []Pod) []Pod {
	slices.SortStableFunc(pods, func(a, b Pod) int { return cmp.Compare(a.Created, b.Created) })
	return pods
}
