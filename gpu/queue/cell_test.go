package queue_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
)

func TestParseCells(t *testing.T) {
	for text, want := range map[string]string{
		"2 hosts of 8 with a100, 4 GPUs": "2 hosts of 8 with A100, 4 GPUs",
		" 1 RACK with H100 ,1 gpu":       "1 rack with H100, 1 GPU",
		"3 blocks of 64":                 "3 blocks of 64",
		"":                               "",
	} {
		cells, err := queue.ParseCells(text)
		if err != nil || queue.FormatCells(cells) != want {
			t.Errorf("%q: got %q (%v), want %q", text, queue.FormatCells(cells), err, want)
			continue
		}
		if again, err := queue.ParseCells(want); err != nil || !reflect.DeepEqual(again, cells) {
			t.Errorf("%q does not read back: %v, %v", want, again, err)
		}
	}
	for text, says := range map[string]string{
		"2 hosts, many": "at column 10", "0 hosts": "at column 1", "4 GPUs of 8": "at column 1", "9999999999999999999 hosts": "1 to", "2 shelves": "An example", "1 host,": "at column 8",
	} {
		if _, err := queue.ParseCells(text); !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func cellsOf(t *testing.T, words map[string]string) map[string][]queue.Cell {
	t.Helper()
	all := map[string][]queue.Cell{}
	for project, text := range words {
		cells, err := queue.ParseCells(text)
		if err != nil {
			t.Fatal(err)
		}
		all[project] = cells
	}
	return all
}

// owned counts the devices of each host that projects own.
func owned(s place.Snapshot, h *queue.Homes) string {
	var words []string
	for _, host := range s.Hosts {
		n := map[string]int{}
		for _, d := range host.Devices {
			n[h.Owner(d.ID)]++
		}
		var parts []string
		for _, owner := range h.Owners() {
			if n[owner] > 0 && owner != "" {
				parts = append(parts, fmt.Sprintf("%s%d", owner, n[owner]))
			}
		}
		words = append(words, string(host.Name)+":"+strings.Join(parts, "+"))
	}
	return strings.Join(words, " ")
}

func TestSettle(t *testing.T) {
	s := hosts(8, 8, 4, 8)
	for i, rack := range []string{"r0", "r0", "r1", "r1"} {
		s.Hosts[i].Rack = rack
	}
	down := hosts(8, 8, 4, 8)
	down.Hosts[0].Up = false
	for _, c := range []struct{ name, a, b, want, missing string }{
		{"large ones first", "3 GPUs", "3 hosts of 8", "h0:b8 h1:b8 h2:a3 h3:b8", ""},
		{"the smallest that will do", "1 host", "1 host of 5", "h0:b8 h1: h2:a4 h3:", ""},
		{"devices stay together", "3 GPUs", "2 GPUs", "h0:b1 h1: h2:a3+b1 h3:", ""},
		{"a rack", "1 rack", "1 host", "h0:b8 h1: h2:a4 h3:a8", ""},
		{"a rack of enough", "1 rack of 16", "4 GPUs", "h0:a8 h1:a8 h2:b4 h3:", ""},
		{"what is missing is said", "2 hosts of 8", "3 hosts of 8 with A100", "h0:b8 h1:b8 h2: h3:b8", "a: 2 hosts of 8"},
		{"no such model", "1 GPU with H100", "", "h0: h1: h2: h3:", "a: 1 GPU with H100"},
	} {
		quotas := cellsOf(t, map[string]string{"a": c.a, "b": c.b})
		h := queue.Settle(s, quotas, nil, nil)
		if got := owned(s, h); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		missing := ""
		for project, cells := range h.Missing() {
			missing += project + ": " + queue.FormatCells(cells)
		}
		if missing != c.missing || (queue.CheckCells(s, quotas) == nil) != (c.missing == "") {
			t.Errorf("%s: missing are %q, want %q; %v", c.name, missing, c.missing, queue.CheckCells(s, quotas))
		}
		if again := queue.Settle(s, quotas, nil, h); owned(s, again) != c.want {
			t.Errorf("%s: the second time it is %s", c.name, owned(s, again))
		}
	}
	quotas := cellsOf(t, map[string]string{"a": "1 host of 8"})
	before := queue.Settle(s, quotas, nil, nil)
	if got := owned(s, queue.Settle(down, quotas, nil, before)); got != "h0: h1:a8 h2: h3:" {
		t.Errorf("its host is down, and it has %s", got)
	}
	running := queue.Running{Job: job(t, "a/1", "2 GPUs", 0), Placement: place.Placement{Shares: []place.Share{{Host: "h3", Devices: []place.Part{{Device: "h3-1", Milli: 1000}}}}}}
	if got := owned(s, queue.Settle(s, quotas, []queue.Running{running}, nil)); got != "h0: h1: h2: h3:a8" {
		t.Errorf("after a restart its cell is not where its job runs: %s", got)
	}
	if err := queue.CheckCells(down, quotas); err != nil {
		t.Errorf("a host that is down counts for nothing: %v", err)
	}
}

func TestHomes(t *testing.T) {
	w := newWorld(t, 8, 8)
	h := queue.Settle(w.Cluster.Snapshot(), cellsOf(t, map[string]string{"a": "1 host"}), nil, nil)
	home := h.Snapshot(w.Cluster.Snapshot(), "a")
	if len(home.Hosts) != 1 || home.Hosts[0].Name != "h0" || len(h.Snapshot(w.Cluster.Snapshot(), "").Hosts) != 1 {
		t.Fatalf("the home is %+v", home)
	}
	make := func(jobs ...queue.Job) queue.HomePlan {
		t.Helper()
		before := w.Cluster.Snapshot()
		w.Waiting = jobs
		plan, err := h.Make(queue.HomeState{State: w.State})
		if err != nil || !reflect.DeepEqual(w.Cluster.Snapshot(), before) {
			t.Fatalf("%v, or the plan changed the cluster", err)
		}
		return plan
	}
	text := func(p queue.HomePlan) string {
		var words []string
		for _, r := range p.Back {
			words = append(words, "-"+r.ID)
		}
		for _, s := range p.Starts {
			word := s.ID + "@" + string(s.Placement.Shares[0].Host)
			if s.Guest {
				word += "?"
			}
			words = append(words, word)
		}
		return strings.Join(words, " ")
	}
	apply := func(p queue.HomePlan) {
		t.Helper()
		for _, r := range p.Back {
			if err := w.Cluster.Release(r.Placement); err != nil {
				t.Fatal(err)
			}
			w.Running = slices.DeleteFunc(w.Running, func(o queue.Running) bool { return o.ID == r.ID })
		}
		for _, s := range p.Starts {
			if err := w.Cluster.Grant(s.Placement); err != nil {
				t.Fatal(err)
			}
			w.Running = append(w.Running, queue.Running{Job: s.Job, Placement: s.Placement, Started: w.Now, Home: s.Home, Guest: s.Guest})
		}
	}
	fixed, guest, kept := job(t, "b/1", "8 GPUs", 0), job(t, "b/2", "8 GPUs preemptible", 1), job(t, "b/3", "8 GPUs", 2)
	plan := make(fixed, guest, kept)
	if text(plan) != "b/1@h1 b/2@h0?" || plan.Waits["b/3"] == "" {
		t.Fatalf("%s; %v", text(plan), plan.Waits)
	}
	apply(plan)
	for i, want := range map[int]string{0: " false", 1: " true"} {
		if home, is := h.Stands(w.Running[i]); fmt.Sprint(home, " ", is) != want {
			t.Errorf("%s stands at %q, a guest: %v", w.Running[i].ID, home, is)
		}
	}
	plan = make(kept, job(t, "a/1", "2 GPUs", 3))
	if text(plan) != "-b/2 a/1@h0" {
		t.Fatalf("%s; %v", text(plan), plan.Waits)
	}
	apply(plan)
	away := job(t, "a/2", "8 GPUs preemptible", 4)
	if plan = make(away); text(plan) != "" {
		t.Fatalf("it has no place anywhere, but %s", text(plan))
	}
	if err := w.Cluster.Release(w.Running[0].Placement); err != nil { // b/1 is done
		t.Fatal(err)
	}
	w.Running = w.Running[1:]
	if plan = make(away); text(plan) != "a/2@h1" || plan.Starts[0].Home != "" {
		t.Fatalf("what is nobody's is for everybody: %s", text(plan))
	}
	if plan = make(kept, away); text(plan) != "b/3@h1" {
		t.Fatalf("who asked first goes first: %s", text(plan))
	}
}

// TestHomesKeepTheirPromise lets jobs come and go by chance: whoever has cells
// is never refused what is free of them but for guests.
func TestHomesKeepTheirPromise(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 5))
		w := newWorld(t, 4, 4, 8, 2)
		h := queue.Settle(w.Cluster.Snapshot(), cellsOf(t, map[string]string{"a": "1 host of 8, 3 GPUs", "b": "1 host", "c": "2 GPUs"}), nil, nil)
		for step := range 60 {
			w.Now = w.Now.Add(time.Minute)
			var waiting []queue.Job
			for i := range 4 {
				words := []string{"1 GPU", "0.4 GPU preemptible", "2 GPUs preemptible", "4 GPUs preemptible", "3 GPUs on any host", "1 GPU preemptible"}[r.IntN(6)]
				j := job(t, fmt.Sprintf("%c/%d-%d", 'a'+rune(r.IntN(4)), step, i), words, step)
				j.Task.CPU = int64(r.IntN(6)) * 1000
				waiting = append(waiting, j)
			}
			w.Waiting = waiting
			plan, err := h.Make(queue.HomeState{State: w.State})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for _, b := range plan.Back {
				if !b.Guest {
					t.Fatalf("seed %d: %s is no guest and gives back", seed, b.ID)
				}
				if err := w.Cluster.Release(b.Placement); err != nil {
					t.Fatal(err)
				}
				w.Running = slices.DeleteFunc(w.Running, func(o queue.Running) bool { return o.ID == b.ID })
			}
			for _, s := range plan.Starts {
				if err := w.Cluster.Grant(s.Placement); err != nil {
					t.Fatalf("seed %d: %s: %v", seed, s.ID, err)
				}
				run := queue.Running{Job: s.Job, Placement: s.Placement, Started: w.Now, Home: s.Home, Guest: s.Guest}
				if _, away := h.Stands(run); !s.Guest && away {
					t.Fatalf("seed %d: %s stands on cells of others by right", seed, s.ID)
				}
				w.Running = append(w.Running, run)
			}
			for _, j := range waiting { // who still waits finds no room at home beside those that are there by right
				if slices.ContainsFunc(plan.Starts, func(s queue.HomeStart) bool { return s.ID == j.ID }) || plan.Reservations[h.HomeOf(j.Project)] != nil {
					continue
				}
				home := place.NewCluster(h.Snapshot(w.Cluster.Snapshot(), h.HomeOf(j.Project)), w.Cluster.Policy())
				for _, o := range w.Running {
					if !o.Guest && o.Home == h.HomeOf(j.Project) {
						if err := home.Grant(o.Placement); err != nil {
							t.Fatal(err)
						}
					}
				}
				if where, err := home.Place(j.Task); err == nil {
					t.Fatalf("seed %d: %s waits, though %s is its", seed, j.ID, where.Why())
				}
			}
			for range 2 { // some are done
				if n := len(w.Running); n > 0 {
					i := r.IntN(n)
					if err := w.Cluster.Release(w.Running[i].Placement); err != nil {
						t.Fatal(err)
					}
					w.Running = slices.Delete(w.Running, i, i+1)
				}
			}
		}
	}
}
