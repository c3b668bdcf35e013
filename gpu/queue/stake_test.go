package queue_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
)

// on says that a job runs on so many devices of a host, from a number on.
func (w *world) on(j queue.Job, host string, from, n int) {
	w.t.Helper()
	s := place.Share{Host: bine.HostName(host)}
	for i := range n {
		s.Devices = append(s.Devices, place.Part{Device: bine.DeviceID(fmt.Sprintf("%s-%d", host, from+i)), Milli: 1000})
	}
	r := queue.Running{Job: j, Placement: place.Placement{Shares: []place.Share{s}}, Started: w.Now.Add(-time.Hour)}
	if err := w.Cluster.Grant(r.Placement); err != nil {
		w.t.Fatal(err)
	}
	w.Running = append(w.Running, r)
}

func (w *world) books() *queue.Books {
	return queue.NewBooks(w.Cluster.Snapshot(), w.Running, w.Shares)
}

func TestWholeHostsAreKeptWhole(t *testing.T) {
	w := newWorld(t, 4, 4, 4)
	w.Shares = map[string]queue.Share{"a": {Stakes: []queue.Stake{{Level: bine.CellHost, Guaranteed: 2}}}}
	w.on(job(t, "b/firm", "1 GPU", 0), "h1", 0, 1)
	if _, hosts, own := w.books().Stake("a", 0); fmt.Sprint(hosts, own) != "[h0 h2] 0" {
		t.Fatalf("its own are %v, %v in use: want the hosts on which nobody else is", hosts, own)
	}
	w.Waiting = []queue.Job{job(t, "b/1", "3 GPUs", 1), job(t, "b/2", "1 GPU", 2), job(t, "b/3", "4 GPUs preemptible", 3), job(t, "a/1", "4 GPUs", 4)}
	plan := w.make()
	if started(plan) != "b/1 b/3 a/1" {
		t.Errorf("%s start: what is preemptible may have a's hosts, what is not may not; %v", started(plan), plan.Waits)
	}
	if r := plan.Reservation; r == nil || r.ID != "b/2" || r.Placement.Shares[0].Host != "h1" {
		t.Errorf("the place that is kept for b/2 is not where b may be: %+v", r)
	}
	w.Waiting = []queue.Job{job(t, "b/4", "8 GPUs on 2 hosts", 1)}
	if plan = w.make(); plan.Reservation != nil || !strings.Contains(plan.Waits["b/4"], "belongs to other projects") {
		t.Errorf("b/4 is told %q, %+v", plan.Waits["b/4"], plan.Reservation)
	}
}

func TestWhatIsLentOfACellComesBack(t *testing.T) {
	w := newWorld(t, 4, 4)
	w.Shares = map[string]queue.Share{"a": {Stakes: []queue.Stake{{Level: bine.CellHost, Guaranteed: 1}}}, "b": {Guaranteed: 8000}}
	w.on(job(t, "b/firm", "4 GPUs", 0), "h1", 0, 4)
	w.on(job(t, "b/1", "2 GPUs preemptible", 0), "h0", 0, 2) // b has not borrowed, but is on a's
	w.on(job(t, "b/2", "1 GPU preemptible", 0), "h0", 2, 1)
	victims, _, err := queue.Victims(w.Cluster, w.Running, job(t, "a/1", "4 GPUs", 1), w.Shares, w.Now)
	if err != nil || len(victims) != 2 {
		t.Errorf("%d give back, %v; want both that are on a's host", len(victims), err)
	}
	if victims, _, err = queue.Victims(w.Cluster, w.Running, job(t, "a/2", "2 GPUs", 1), w.Shares, w.Now); err != nil || len(victims) != 1 || victims[0].ID != "b/2" {
		t.Errorf("%+v give back, %v; want the one alone that is enough and loses the least", victims, err)
	}
	if victims, _, err = queue.Victims(w.Cluster, w.Running, job(t, "c/1", "1 GPU", 1), w.Shares, w.Now); err != nil || len(victims) != 0 {
		t.Errorf("%d give back for one to whom nothing belongs, %v", len(victims), err)
	}
}

func TestStakesOfModelsAreApart(t *testing.T) {
	w := newWorld(t, 4, 4)
	s := hosts(4, 4)
	for i := range s.Hosts[1].Devices {
		s.Hosts[1].Devices[i].Model = "H100-SXM"
	}
	w.Cluster = place.NewCluster(s, place.Policy{Name: place.BestFit})
	w.Shares = map[string]queue.Share{
		"a": {Guaranteed: 1000, Stakes: []queue.Stake{{Level: bine.CellDevice, Model: "H100", Guaranteed: 2, Most: 3}}},
		"b": {Stakes: []queue.Stake{{Level: bine.CellHost, Model: "H100", Most: 0, Guaranteed: 0}, {Level: bine.CellDevice, Model: "A100", Most: 1}}},
	}
	for _, c := range []struct {
		words string
		ahead int
		want  bool
	}{
		{"1 GPU", 0, true}, {"3 GPUs with H100", 0, true}, {"4 GPUs with H100", 0, false}, {"2 GPUs with A100", 0, false}, {"1 GPU with A100", 0, true},
		{"2 GPUs with H100", 1000, true}, {"2 GPUs with H100", 2000, false},
	} {
		if got := w.books().Entitled(job(t, "a/1", c.words, 0), c.ahead); got != c.want {
			t.Errorf("%s besides %d: entitled is %v, want %v", c.words, c.ahead, got, c.want)
		}
	}
	w.on(job(t, "a/0", "2 GPUs with H100", 0), "h1", 0, 2)
	w.on(job(t, "a/9", "2 GPUs with A100", 0), "h0", 0, 2)
	if got := w.books().Borrowed("a"); got != 1000 {
		t.Errorf("a has borrowed %d: 2 of its kind and 1 of any are its own", got)
	}
	w.Waiting = []queue.Job{job(t, "a/1", "2 GPUs with H100", 1), job(t, "a/2", "1 GPU with H100", 2), job(t, "b/1", "2 GPUs with A100", 3), job(t, "b/2", "1 GPU with A100", 4), job(t, "b/3", "1 GPU", 5)}
	plan := w.make()
	if started(plan) != "a/2 b/2 b/3" || !strings.Contains(plan.Waits["a/1"], "has 2 of the 3 H100 ") || !strings.Contains(plan.Waits["b/1"], "of the 1 A100 ") {
		t.Errorf("%s start; %v", started(plan), plan.Waits)
	}
	at := slices.IndexFunc(plan.Starts, func(s queue.Start) bool { return s.ID == "b/3" })
	if at < 0 || plan.Starts[at].Placement.Shares[0].Host != "h1" {
		t.Errorf("what asks for any model does not go where there is one that its project may have: %+v", plan.Starts)
	}
}

func TestAProjectHoldsPartsOfSoManyHosts(t *testing.T) {
	w := newWorld(t, 4, 4, 4)
	w.Shares = map[string]queue.Share{"a": {Stakes: []queue.Stake{{Level: bine.CellHost, Most: 2}}}}
	w.on(job(t, "a/0", "3 GPUs", 0), "h0", 0, 3)
	w.on(job(t, "a/9", "4 GPUs", 0), "h1", 0, 4)
	w.Waiting = []queue.Job{job(t, "a/1", "2 GPUs", 1), job(t, "a/2", "1 GPU", 2)}
	plan := w.make()
	if r := plan.Reservation; r == nil || r.ID != "a/1" || r.Placement.Shares[0].Host == "h2" {
		t.Errorf("%+v: a has its 2 hosts, and its first waits for what is on them", r)
	}
	if started(plan) != "a/2" || plan.Starts[0].Placement.Shares[0].Host != "h0" {
		t.Errorf("%s start: there is room on a host that it has", started(plan))
	}
}

// TestAPromiseHoldsWhoeverComesBefore lets one who comes first in the line find
// that what is free is promised to another.
func TestAPromiseHoldsWhoeverComesBefore(t *testing.T) {
	w := newWorld(t, 4)
	w.run(job(t, "x/1", "2 GPUs for 2h", 0), time.Hour)
	w.Waiting = []queue.Job{job(t, "a", "4 GPUs for 1h", 0)}
	w.Reserved = w.make().Reservation
	w.Waiting = []queue.Job{job(t, "urgent", "2 GPUs for 2h", 1), job(t, "short", "2 GPUs for 1h", 2), w.Waiting[0]}
	plan := w.make()
	if started(plan) != "short" || plan.Reservation == nil || plan.Reservation.ID != "a" || !plan.Reservation.At.Equal(noon.Add(time.Hour)) {
		t.Errorf("%s start, %+v: a is promised its place in an hour", started(plan), plan.Reservation)
	}
	w.Reserved.At = time.Time{} // which promises nothing
	if plan = w.make(); started(plan) != "urgent" {
		t.Errorf("%s start, %+v", started(plan), plan.Reservation)
	}
}
