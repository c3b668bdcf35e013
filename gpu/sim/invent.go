package sim

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
)

// Invented says what work is made up.
type Invented struct {
	Tasks    int
	Load     float64   // what is asked for, in comparison with what there is
	Projects []float64 // the share of each in the tasks; none is four equal ones
	Seed     uint64
}

// philly is the distribution of how long jobs ran in Microsoft's Philly
// clusters in 2017: quantiles, in seconds.
var philly = []struct{ part, seconds float64 }{{0, 10}, {0.25, 131}, {0.5, 1186}, {0.75, 3342}, {0.9, 12_860}, {0.99, 287_333}}

// longest cuts off the longest twentieth, which would outlast the replay: what
// is left is at most 20 hours.
const longest = 0.95

// phillyTime draws how long a job runs; between quantiles logarithms are even.
func phillyTime(r *rand.Rand) time.Duration {
	x := r.Float64() * longest
	i := 1
	for philly[i].part < x {
		i++
	}
	a, b := philly[i-1], philly[i]
	at := (x - a.part) / (b.part - a.part)
	seconds := math.Exp(math.Log(a.seconds) + at*(math.Log(b.seconds)-math.Log(a.seconds)))
	return time.Duration(math.Ceil(seconds)) * time.Second
}

// Invent makes work that comes by chance: what is asked for is drawn from
// recorded work, how long it runs from another recorded distribution, and who asks by
// shares. What the cluster could never take is left out.
func Invent(s place.Snapshot, pods []Pod, in Invented) []Pod {
	if len(in.Projects) == 0 {
		in.Projects = []float64{1, 1, 1, 1}
	}
	c := place.NewCluster(s, place.Policy{Name: place.BestFit})
	fit := slices.DeleteFunc(slices.Clone(pods), func(p Pod) bool { _, err := c.Place(p.Task); return err != nil || p.Request.Zero() })
	if len(fit) == 0 {
		return nil
	}
	capacity := 0.0
	for _, h := range s.Hosts {
		capacity += float64(len(h.Devices))
	}
	r := rand.New(rand.NewPCG(in.Seed, 17))
	work, asked := make([]Pod, in.Tasks), 0.0
	for i := range work {
		p := fit[r.IntN(len(fit))]
		p.ID, p.Runs, p.Request.Duration = fmt.Sprint("t", i), phillyTime(r), 0
		p.Project = fmt.Sprint("p", draw(r, in.Projects))
		asked += float64(p.Request.Count*p.Request.Each()) / 1000 * p.Runs.Seconds()
		work[i] = p
	}
	gap := asked / capacity / in.Load / float64(max(in.Tasks, 1)) // seconds between two, on average
	at := 0.0
	for i := range work {
		at += r.ExpFloat64() * gap
		work[i].Created = time.Duration(at * float64(time.Second))
	}
	return work
}

// Contest says how fair the queue is between projects that always want more
// than there is, over an hour: Jain's index of what each of four projects of the
// same weight got, which ask for half a device, 1, 2 and 4, and the share of the
// devices that was used.
func Contest(seed uint64) (jain, used float64, err error) {
	r := rand.New(rand.NewPCG(seed, 19))
	var work []Pod
	for i, request := range []gpu.Request{{Count: 1, Milli: 500, Hosts: 1, PerHost: 1}, {Count: 1, Hosts: 1, PerHost: 1}, {Count: 2, Hosts: 1, PerHost: 2}, {Count: 4, Hosts: 1, PerHost: 4}} {
		for range 1500 {
			work = append(work, Pod{Task: place.Task{ID: fmt.Sprint("t", len(work)), Request: request}, Project: fmt.Sprint("p", i), Runs: time.Duration(60+r.IntN(600)) * time.Second})
		}
	}
	got, err := Replay(regular(32), work, ReplayOptions{Policy: place.FGD, Fair: true, HalfLife: 20 * time.Minute, Until: time.Hour})
	return Jain(slices.Collect(maps.Values(got.Service))), got.Used, err
}

// draw gives a number with a chance.
func draw(r *rand.Rand, parts []float64) int {
	sum := 0.0
	for _, p := range parts {
		sum += p
	}
	x := r.Float64() * sum
	for i, p := range parts {
		if x -= p; x < 0 {
			return i
		}
	}
	return len(parts) - 1
}

// Every takes each n-th host of a cluster, to have a smaller one like it.
func Every(s place.Snapshot, n int) place.Snapshot {
	var some place.Snapshot
	for i := 0; i < len(s.Hosts); i += max(n, 1) {
		some.Hosts = append(some.Hosts, s.Hosts[i])
	}
	return some
}
