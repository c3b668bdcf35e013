package queue_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
	"github.com/bine-ml/bine/gpu/sim"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// hosts makes a cluster of hosts with so many devices.
func hosts(devices ...int) place.Snapshot {
	var s place.Snapshot
	for i, n := range devices {
		h := place.Host{Name: bine.HostName(fmt.Sprintf("h%d", i)), Up: true, CPU: 64_000, FreeCPU: 64_000, Memory: 1 << 38, FreeMemory: 1 << 38}
		for d := range n {
			h.Devices = append(h.Devices, place.Device{Free: 1000, Device: bine.Device{ID: bine.DeviceID(fmt.Sprintf("h%d-%d", i, d)), Model: "A100"}})
		}
		s.Hosts = append(s.Hosts, h)
	}
	return s
}

// job makes one from a name, as project/name, and words.
func job(t *testing.T, name, words string, since int) queue.Job {
	t.Helper()
	r, err := gpu.ParseRequest(words)
	if err != nil {
		t.Fatal(err)
	}
	project, _, _ := strings.Cut(name, "/")
	return queue.Job{ID: name, Project: project, Task: place.Task{ID: name, Request: r, CPU: int64(r.Count) * 100}, Since: noon.Add(time.Duration(since) * time.Second)}
}

// world is a cluster with who runs on it.
type world struct {
	t *testing.T
	queue.State
}

func newWorld(t *testing.T, devices ...int) *world {
	return &world{t, queue.State{Now: noon, Cluster: place.NewCluster(hosts(devices...), place.Policy{Name: place.BestFit})}}
}

// run starts a job that began some time ago.
func (w *world) run(j queue.Job, ago time.Duration) {
	w.t.Helper()
	p, err := w.Cluster.Place(j.Task)
	if err == nil {
		err = w.Cluster.Grant(p)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.Running = append(w.Running, queue.Running{Job: j, Placement: p, Started: w.Now.Add(-ago)})
}

func (w *world) make() queue.Plan {
	w.t.Helper()
	before := w.Cluster.Snapshot()
	plan, err := queue.Make(w.State)
	if err != nil {
		w.t.Fatal(err)
	}
	if !reflect.DeepEqual(w.Cluster.Snapshot(), before) {
		w.t.Fatal("the plan changed the cluster")
	}
	return plan
}

func started(p queue.Plan) string {
	var ids []string
	for _, s := range p.Starts {
		ids = append(ids, s.ID)
	}
	return strings.Join(ids, " ")
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name    string
		waiting []string // name and words
		starts  string
		at      int // seconds from now of the reservation; 0: none, -1: not known
		strict  bool
	}{
		{"everybody fits", []string{"a: 1 GPU for 1h", "b: 1 GPU"}, "a b", 0, false},
		{"the first gets a reservation", []string{"a: 4 GPUs for 1h"}, "", 3600, false},
		{"who is done by then goes before", []string{"a: 4 GPUs for 1h", "b: 2 GPUs for 1h"}, "b", 3600, false},
		{"who is not must wait", []string{"a: 4 GPUs for 1h", "b: 2 GPUs for 2h"}, "", 3600, false},
		{"unless there is room for both", []string{"a: 3 GPUs for 1h", "b: 1 GPU for 9h", "c: 1 GPU for 9h"}, "b", 3600, false},
		{"who does not say how long waits", []string{"a: 4 GPUs", "b: 1 GPU"}, "", 3600, false},
		{"strictly nobody goes before", []string{"a: 4 GPUs for 1h", "b: 1 GPU for 1s"}, "", 3600, true},
		{"what fits nowhere stands in nobody's way", []string{"a: 5 GPUs", "b: 1 GPU"}, "b", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 4, 4)
			w.Strict = c.strict
			w.run(job(t, "x/1", "4 GPUs for 3h", 0), time.Hour)
			w.run(job(t, "x/2", "2 GPUs for 2h", 0), time.Hour)
			for i, text := range c.waiting {
				name, words, _ := strings.Cut(text, ": ")
				w.Waiting = append(w.Waiting, job(t, name, words, i))
			}
			plan := w.make()
			if started(plan) != c.starts {
				t.Errorf("%q start, want %q; %v", started(plan), c.starts, plan.Waits)
			}
			at := 0
			if plan.Reservation != nil {
				if at = int(plan.Reservation.At.Sub(noon).Seconds()); plan.Reservation.At.IsZero() {
					at = -1
				}
			}
			if at != c.at {
				t.Errorf("the reservation is at %d s, want %d: %+v", at, c.at, plan.Reservation)
			}
			for _, j := range w.Waiting {
				if !strings.Contains(c.starts, j.ID) && plan.Waits[j.ID] == "" && !c.strict {
					t.Errorf("%s is not told why it waits", j.ID)
				}
			}
		})
	}
}

func TestPlanKeepsToLimits(t *testing.T) {
	w := newWorld(t, 4)
	w.Shares = map[string]queue.Share{"a": {Limit: 2000}}
	w.Waiting = []queue.Job{job(t, "a/1", "2 GPUs", 0), job(t, "a/2", "1 GPU", 1), job(t, "b/1", "1 GPU", 2)}
	plan := w.make()
	if started(plan) != "a/1 b/1" || !strings.Contains(plan.Waits["a/2"], "has 2 of the 2 devices") {
		t.Errorf("%s start; %v", started(plan), plan.Waits)
	}
}

func TestWhoRunsForATimeNotKnownIsWaitedFor(t *testing.T) {
	w := newWorld(t, 4)
	w.run(job(t, "x/1", "1 GPU", 0), 0)
	w.Waiting = []queue.Job{job(t, "a", "4 GPUs for 1h", 0), job(t, "b", "1 GPU for 1m", 1)}
	plan := w.make()
	if started(plan) != "" || plan.Reservation == nil || !plan.Reservation.At.IsZero() {
		t.Errorf("%s start; %+v", started(plan), plan.Reservation)
	}
}

func TestOrder(t *testing.T) {
	names := func(f queue.Fairness, jobs ...queue.Job) string {
		var all []string
		for _, j := range queue.Order(jobs, f) {
			all = append(all, j.ID)
		}
		return strings.Join(all, " ")
	}
	urgent := job(t, "a/9", "1 GPU", 9)
	urgent.Priority = 1
	a, b, c := job(t, "a/1", "1 GPU", 1), job(t, "a/2", "1 GPU", 2), job(t, "b/1", "1 GPU", 3)
	for _, k := range []struct{ got, want string }{
		{names(queue.Fairness{}, a, b, c), "a/1 b/1 a/2"},
		{names(queue.Fairness{}, a, b, c, urgent), "b/1 a/9 a/1 a/2"},
		{names(queue.Fairness{Held: map[string]int{"b": 3000}}, a, b, c), "a/1 a/2 b/1"},
		{names(queue.Fairness{Held: map[string]int{"b": 3000}, Shares: map[string]queue.Share{"b": {Weight: 8}}}, a, b, c), "a/1 b/1 a/2"},
		{names(queue.Fairness{Held: map[string]int{"b": 3000}, Shares: map[string]queue.Share{"b": {Guaranteed: 4000}}}, a, b, c), "b/1 a/1 a/2"},
		{names(queue.Fairness{Now: noon, HalfLife: time.Hour, Usage: map[string]queue.Usage{"a": {Amount: 7200, At: noon}}}, a, b, c), "b/1 a/1 a/2"},
	} {
		if k.got != k.want {
			t.Errorf("got %s, want %s", k.got, k.want)
		}
	}
}

func TestUsageFades(t *testing.T) {
	u := queue.Usage{Amount: 100, At: noon}
	if got := u.Now(noon.Add(time.Hour), time.Hour); math.Abs(got-50) > 1e-9 {
		t.Errorf("after a half-life %g are left", got)
	}
	at := noon
	steps := queue.Usage{At: noon}
	for range 100 {
		at = at.Add(36 * time.Second)
		steps = steps.Add(4, at, time.Hour)
	}
	once := queue.Usage{At: noon}.Add(4, noon.Add(time.Hour), time.Hour)
	if math.Abs(once.Amount-steps.Amount) > 1e-6 || once.Amount < 7200 || once.Amount > 14400 {
		t.Errorf("in steps %g, at once %g", steps.Amount, once.Amount)
	}
}

func TestVictims(t *testing.T) {
	w := newWorld(t, 4, 4)
	shares := map[string]queue.Share{"a": {Guaranteed: 4000}, "b": {Guaranteed: 2000}}
	w.run(job(t, "b/fixed", "1 GPU", 0), 3*time.Hour)
	w.run(job(t, "b/long", "2 GPUs preemptible", 0), 9*time.Hour)
	w.run(job(t, "b/short", "1 GPU preemptible", 0), time.Minute)
	w.run(job(t, "b/saved", "2 GPUs preemptible", 0), 9*time.Hour)
	w.run(job(t, "b/sweep", "1 GPU preemptible", 0), 9*time.Hour)
	w.Running[3].Saved = w.Now.Add(-time.Second)
	w.Running[4].Yields = true
	for _, c := range []struct{ words, want string }{
		{"1 GPU", ""},                  // it fits
		{"2 GPUs", "b/sweep"},          // who yields goes first
		{"3 GPUs", "b/saved"},          // then who loses the least; the sweep is not needed then
		{"4 GPUs", "b/sweep b/saved"},  // all of the second host
		{"8 GPUs on 2 hosts", "none"},  // b/fixed is in the way
		{"5 GPUs on any host", "none"}, // a would be beyond its guarantee
	} {
		before := w.Cluster.Snapshot()
		got, placed, err := queue.Victims(w.Cluster, w.Running, job(t, "a/1", c.words, 0), shares, w.Now)
		if err != nil || !reflect.DeepEqual(w.Cluster.Snapshot(), before) {
			t.Fatalf("%s: %v", c.words, err)
		}
		var ids []string
		for _, v := range got {
			ids = append(ids, v.ID)
		}
		text := strings.Join(ids, " ")
		if len(placed.Shares) == 0 {
			text = "none"
		}
		if text != c.want {
			t.Errorf("%s takes from %q, want %q", c.words, text, c.want)
		}
	}
	urgent := job(t, "b/urgent", "4 GPUs", 0)
	urgent.Priority = 1
	if got, _, err := queue.Victims(w.Cluster, w.Running, urgent, nil, w.Now); err != nil || len(got) == 0 {
		t.Errorf("a job of higher priority takes from nobody in its project: %v", err)
	}
}

func TestForecast(t *testing.T) {
	w := newWorld(t, 4)
	w.run(job(t, "x/1", "2 GPUs for 2h", 0), time.Hour)
	w.Waiting = []queue.Job{job(t, "a", "4 GPUs for 1h", 0), job(t, "b", "2 GPUs for 30m", 1), job(t, "c", "1 GPU", 2), job(t, "d", "5 GPUs", 3)}
	got, err := queue.Forecast(w.State)
	want := map[string]time.Time{"a": noon.Add(time.Hour), "b": noon, "c": noon.Add(2 * time.Hour)}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
}

// TestBackfillDelaysNobody replays 10,000 schedules made by chance: nobody who
// was promised a place starts later than that, whoever goes before.
func TestBackfillDelaysNobody(t *testing.T) {
	before := 0
	for seed := range uint64(10_000) {
		r := rand.New(rand.NewPCG(seed, 11))
		s, pods := someWork(t, r)
		got, err := sim.Replay(s, pods, sim.ReplayOptions{Policy: place.Policies()[seed%4], Guess: 1 + float64(r.IntN(3))})
		if err != nil {
			t.Fatalf("schedule %d: %v", seed, err)
		}
		if got.Delayed > 0 || got.Done+got.Never != len(pods) {
			t.Fatalf("schedule %d: %d of %d were delayed, %d are done", seed, got.Delayed, len(pods), got.Done)
		}
		before += got.Backfilled
	}
	if before < 10_000 {
		t.Errorf("only %d went before others: nothing was tried", before)
	}
}

// someWork makes a small cluster, and tasks that are too many for it.
func someWork(t *testing.T, r *rand.Rand) (place.Snapshot, []sim.Pod) {
	t.Helper()
	var devices []int
	for range 2 + r.IntN(3) {
		devices = append(devices, 1+r.IntN(4))
	}
	s := hosts(devices...)
	for i := range s.Hosts {
		s.Hosts[i].Rack = fmt.Sprint("r", r.IntN(2))
	}
	words := []string{"1 GPU", "1 GPU", "0.5 GPU", "0.3 GPU", "2 GPUs", "3 GPUs", "4 GPUs on any host", "2 GPUs on 2 hosts", "3 GPUs on 2 hosts uneven", "4 GPUs on 2 hosts", "6 GPUs on any host", "2 GPUs on 2 hosts within rack"}
	var pods []sim.Pod
	for i := range 8 + r.IntN(10) {
		j := job(t, fmt.Sprint("p", i), words[r.IntN(len(words))], 0)
		j.Task.CPU = int64(1+r.IntN(20)) * 1000
		pods = append(pods, sim.Pod{Task: j.Task, Project: "p", Created: time.Duration(r.IntN(60)) * time.Second, Runs: time.Duration(1+r.IntN(100)) * time.Second})
	}
	return s, pods
}

// TestFairShare lets projects compete that always want more than there is.
func TestFairShare(t *testing.T) {
	weights := func(w ...float64) map[string]queue.Share {
		shares := map[string]queue.Share{}
		for i, x := range w {
			shares[fmt.Sprint("p", i)] = queue.Share{Weight: x}
		}
		return shares
	}
	for name, shares := range map[string]map[string]queue.Share{"equal": weights(1, 1, 1, 1), "weighted": weights(4, 2, 1, 1)} {
		r := rand.New(rand.NewPCG(3, 3))
		var pods []sim.Pod
		for i, words := range []string{"1 GPU", "2 GPUs", "4 GPUs", "0.5 GPU"} { // each project wants other things
			for n := range 1500 {
				j := job(t, fmt.Sprint("p", i, "/", n), words, 0)
				pods = append(pods, sim.Pod{Task: j.Task, Project: fmt.Sprint("p", i), Runs: time.Duration(60+r.IntN(600)) * time.Second})
			}
		}
		got, err := sim.Replay(hosts(8, 8, 8, 8), pods, sim.ReplayOptions{Policy: place.BestFit, Fair: true, HalfLife: 20 * time.Minute, Shares: shares, Until: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		var had []float64
		for _, project := range slices.Sorted(maps.Keys(shares)) {
			had = append(had, got.Service[project]/shares[project].Weight)
		}
		if j := sim.Jain(had); j < 0.99 || got.Used < 0.95 {
			t.Errorf("%s: Jain's index is %.4f, %v; %.3f of the devices were used", name, j, had, got.Used)
		}
	}
}

func TestGuaranteesAreTakenBack(t *testing.T) {
	var pods []sim.Pod
	for n := range 8 {
		j := job(t, fmt.Sprint("b/", n), "1 GPU preemptible", 0)
		pods = append(pods, sim.Pod{Task: j.Task, Project: "b", Runs: time.Hour})
	}
	a := job(t, "a/1", "4 GPUs", 0)
	pods = append(pods, sim.Pod{Task: a.Task, Project: "a", Created: time.Minute, Runs: time.Hour})
	got, err := sim.Replay(hosts(8), pods, sim.ReplayOptions{Policy: place.FGD, Fair: true, Preempt: true, HalfLife: time.Hour,
		Shares: map[string]queue.Share{"a": {Guaranteed: 4000}, "b": {Guaranteed: 4000}}})
	if err != nil {
		t.Fatal(err)
	}
	if waits := got.Waits[4]; len(waits) != 1 || waits[0] != 0 || got.Preempted != 4*60 || got.Done != 9 {
		t.Errorf("the guarantee was waited for %v, %g s were lost, %d are done", got.Waits[4], got.Preempted, got.Done)
	}
}
