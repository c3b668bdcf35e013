package sim

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/bine-ml/bine/gpu/place"
)

// Filling is what came of filling a cluster.
type Filling struct {
	Policy     place.PolicyName
	Seed       uint64
	Allocated  float64     // share of all devices, 0 to 1
	Fragmented float64     // share of the free devices that typical tasks are expected not to be able to use
	Tasks      int         // that arrived
	Refused    map[int]int // tasks that found no place, by devices asked for
	Took       time.Duration
	Decisions  []time.Duration // each, if they were asked for
}

// FillOptions say how a cluster is filled.
type FillOptions struct {
	Policy place.PolicyName
	Seed   uint64
	Until  float64 // arrivals stop when they have asked for this share of all devices; 1.3 is 130 %
	Each   bool    // whether the time of each decision is kept
}

// Fill lets work arrive in an order by chance until it has asked for more than
// the cluster has, and nobody leaves: what is allocated then is how well the
// policy packs. When all of the work has arrived, work drawn from it goes on
// arriving. The protocol is that of the evaluation of FGD (USENIX ATC 2023).
func Fill(s place.Snapshot, pods []Pod, o FillOptions) Filling {
	policy := place.Policy{Name: o.Policy, Typical: TypicalOf(pods), Seed: o.Seed}
	c := place.NewCluster(s, policy)
	r := rand.New(rand.NewPCG(o.Seed, 0x9e3779b97f4a7c15))
	order := r.Perm(len(pods))
	capacity := 0
	for _, h := range s.Hosts {
		capacity += 1000 * len(h.Devices)
	}
	f := Filling{Policy: o.Policy, Seed: o.Seed, Refused: map[int]int{}}
	if !slices.ContainsFunc(pods, func(p Pod) bool { return p.Request.Count > 0 }) {
		return f // it would never ask for enough
	}
	asked, held := 0, 0
	limit := int(o.Until * float64(capacity))
	began := time.Now()
	for asked < limit {
		next := r.IntN(len(pods))
		if f.Tasks < len(order) {
			next = order[f.Tasks]
		}
		task := pods[next].Task
		task.ID += "#" + strconv.Itoa(f.Tasks)
		f.Tasks++
		milli := task.Request.Count * task.Request.Each()
		asked += milli
		start := time.Time{}
		if o.Each {
			start = time.Now()
		}
		p, err := c.Place(task)
		if err == nil {
			err = c.Grant(p)
		}
		if o.Each {
			f.Decisions = append(f.Decisions, time.Since(start))
		}
		if err != nil {
			f.Refused[task.Request.Count]++
			continue
		}
		held += milli
	}
	f.Took = time.Since(began)
	f.Allocated = float64(held) / float64(capacity)
	if free := capacity - held; free > 0 {
		f.Fragmented = place.Fragmentation(c.Snapshot(), policy.Typical) / float64(free)
	}
	return f
}

// TypicalOf counts how often each kind of task is in some work.
func TypicalOf(pods []Pod) []place.Typical {
	type kind struct {
		cpu          int64
		count, milli int
		words        string
	}
	at := map[kind]int{}
	var all []place.Typical
	for _, p := range pods {
		k := kind{p.CPU, p.Request.Count, p.Request.Milli, p.Request.Traits.String()}
		i, known := at[k]
		if !known {
			i = len(all)
			at[k] = i
			all = append(all, place.Typical{Task: place.Task{Request: p.Request, CPU: p.CPU}})
		}
		all[i].Weight += 1 / float64(len(pods))
	}
	return all
}
