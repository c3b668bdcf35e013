package place_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
)

// machine makes a host of n devices of a model; options change it.
func machine(name, model string, n int, options ...func(*place.Host)) place.Host {
	h := place.Host{Name: bine.HostName(name), Up: true, CPU: 64_000, FreeCPU: 64_000, Memory: 256 << 30, FreeMemory: 256 << 30, Labels: map[string]string{}}
	for i := range n {
		h.Devices = append(h.Devices, place.Device{Free: 1000, Device: bine.Device{
			ID: bine.DeviceID(fmt.Sprintf("%s-%d", name, i)), Vendor: bine.VendorNvidia, Model: model, Index: i, NUMA: i * 2 / max(n, 1)}})
	}
	for _, o := range options {
		o(&h)
	}
	return h
}

func rack(name, block string) func(*place.Host) {
	return func(h *place.Host) { h.Rack, h.Block = name, block }
}

func label(key, value string) func(*place.Host) {
	return func(h *place.Host) { h.Labels[key] = value }
}

// busy takes devices of a host.
func busy(devices ...int) func(*place.Host) {
	return func(h *place.Host) {
		for _, i := range devices {
			h.Devices[i].Free = 0
		}
	}
}

// joined links devices of a host by NVLink, each to each.
func joined(devices ...int) func(*place.Host) {
	return func(h *place.Host) {
		for _, i := range devices {
			for _, j := range devices {
				if i != j {
					h.Devices[i].Links = append(h.Devices[i].Links, bine.DeviceLink{To: h.Devices[j].ID, Kind: bine.LinkNVLink, Count: 4})
				}
			}
		}
	}
}

func cluster(hosts ...place.Host) place.Snapshot { return place.Snapshot{Hosts: hosts} }

// task makes one from words, with a core and a GiB for each device.
func task(t *testing.T, words string) place.Task {
	t.Helper()
	r, err := gpu.ParseRequest(words)
	if err != nil {
		t.Fatal(err)
	}
	return place.Task{ID: words, Request: r, CPU: int64(r.Count) * 1000, Memory: int64(r.Count) << 30}
}

// text writes a placement as host:devices, by number.
func text(p place.Placement) string {
	var words []string
	for _, s := range p.Shares {
		word := string(s.Host) + ":"
		for i, d := range s.Devices {
			if i > 0 {
				word += ","
			}
			word += strings.TrimPrefix(string(d.Device), string(s.Host)+"-")
			if d.Milli < 1000 {
				word += fmt.Sprintf("(%d)", d.Milli)
			}
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestPlace(t *testing.T) {
	bestfit := place.Policy{Name: place.BestFit}
	racks := func(hosts ...int) place.Snapshot { // racks r0, r1, … with so many hosts of 8
		var s place.Snapshot
		for r, n := range hosts {
			for i := range n {
				s.Hosts = append(s.Hosts, machine(fmt.Sprintf("r%d-%d", r, i), "A100", 8, rack(fmt.Sprintf("r%d", r), fmt.Sprintf("b%d", r/2))))
			}
		}
		return s
	}
	part := func(h *place.Host) { h.Devices[1].Free = 400 }
	mig := func(h *place.Host) {
		for i := range h.Devices {
			h.Devices[i].Profile, h.Devices[i].Parent = "1g.5gb", bine.DeviceID(fmt.Sprintf("card%d", i/2))
		}
	}
	for _, c := range []struct {
		name, words, want string
		snapshot          place.Snapshot
	}{
		{"the fuller host is taken", "2 GPUs", "b:6,7", cluster(machine("a", "A100", 8), machine("b", "A100", 8, busy(0, 1, 2, 3, 4, 5), func(h *place.Host) { h.FreeCPU = 8000 }))},
		{"of hosts that are alike the first by name", "2 GPUs", "a:0,1", cluster(machine("b", "A100", 8), machine("a", "A100", 8))},
		{"a host that is down is not taken", "1 GPU", "b:0", cluster(machine("a", "A100", 8, func(h *place.Host) { h.Up = false }), machine("b", "A100", 8))},
		{"a device that is out is not taken", "1 GPU", "a:1", cluster(machine("a", "A100", 2, func(h *place.Host) { h.Devices[0].Out = true }))},
		{"the model is respected", "1 GPU with H100", "b:0", cluster(machine("a", "A100", 8), machine("b", "H100-SXM5-80GB", 8))},
		{"labels are respected", "1 GPU with zone=x, ssd", "c:0", cluster(machine("a", "A100", 8, label("zone", "x")), machine("b", "A100", 8, label("ssd", "")), machine("c", "A100", 8, label("zone", "x"), label("ssd", "fast")))},
		{"a preference decides", "1 GPU prefer H100", "b:0", cluster(machine("a", "A100", 1), machine("b", "H100", 8))},
		{"a preference is no condition", "1 GPU prefer H200", "a:0", cluster(machine("a", "A100", 1), machine("b", "H100", 8))},
		{"a fraction goes to a device that is in use", "0.4 GPU", "a:1(400)", cluster(machine("a", "A100", 4, part))},
		{"a larger fraction opens another", "0.5 GPU", "a:0(500)", cluster(machine("a", "A100", 4, part))},
		{"NUMA nodes are kept together", "2 GPUs", "a:2,3", cluster(machine("a", "A100", 4, busy(0)))},
		{"links go before NUMA nodes", "2 GPUs", "a:1,2", cluster(machine("a", "A100", 4, joined(1, 2)))},
		{"a group in part used is finished first", "2 GPUs", "a:6,7", cluster(machine("a", "A100", 8, joined(0, 1, 2, 3), joined(4, 5, 6, 7), busy(4, 5)))},
		{"within nvlink is a condition", "3 GPUs within nvlink", "b:1,2,3", cluster(machine("a", "A100", 4, joined(0, 1)), machine("b", "A100", 4, joined(1, 2, 3)))},
		{"prefer nvlink decides between hosts", "2 GPUs prefer nvlink", "b:2,3", cluster(machine("a", "A100", 4), machine("b", "A100", 4, joined(2, 3)))},
		{"partitions are asked for by profile", "2 MIG 1g.5gb", "b:0,1", cluster(machine("a", "A100", 4), machine("b", "A100", 4, mig))},
		{"without a profile partitions are not taken", "2 GPUs", "a:0,1", cluster(machine("a", "A100", 4), machine("b", "A100", 4, mig))},
		{"any host is one where that is possible", "8 GPUs on any host", "b:0,1,2,3,4,5,6,7", cluster(machine("a", "A100", 4), machine("b", "A100", 8))},
		{"else as few as possible", "12 GPUs on any host", "b:0,1,2,3,4,5,6,7 c:0,1,2,3", cluster(machine("a", "A100", 6), machine("b", "A100", 8), machine("c", "A100", 4))},
		{"devices of a task are of one model", "10 GPUs on any host", "c:0,1,2,3,4,5,6,7 d:0,1", cluster(machine("a", "H100", 8), machine("c", "A100", 8), machine("d", "A100", 4))},
		{"a gang goes to the smallest rack that has enough", "16 GPUs on 2 hosts", "r1-0:0,1,2,3,4,5,6,7 r1-1:0,1,2,3,4,5,6,7", racks(3, 2, 1)},
		{"then to a block", "32 GPUs on 4 hosts", "r0-0:0,1,2,3,4,5,6,7 r0-1:0,1,2,3,4,5,6,7 r0-2:0,1,2,3,4,5,6,7 r1-0:0,1,2,3,4,5,6,7", racks(3, 2, 1)},
		{"then anywhere", "48 GPUs on 6 hosts prefer rack", "r0-0:0,1,2,3,4,5,6,7 r0-1:0,1,2,3,4,5,6,7 r0-2:0,1,2,3,4,5,6,7 r1-0:0,1,2,3,4,5,6,7 r1-1:0,1,2,3,4,5,6,7 r2-0:0,1,2,3,4,5,6,7", racks(3, 2, 1)},
		{"within rack is a condition", "32 GPUs on 4 hosts within rack", "", racks(3, 2, 1)},
		{"an uneven gang", "9 GPUs on 2 hosts uneven", "a:0,1,2,3,4,5,6,7 b:0", cluster(machine("a", "A100", 8), machine("b", "A100", 4))},
		{"hosts of a gang have a label in common", "4 GPUs on 2 hosts with infiniband", "b:0,1 d:0,1", cluster(machine("a", "A100", 2, label("infiniband", "x")), machine("b", "A100", 2, label("infiniband", "y")), machine("c", "A100", 2), machine("d", "A100", 2, label("infiniband", "y")))},
		{"a fabric joins hosts", "4 GPUs on 2 hosts within nvlink", "b:0,1 c:0,1", cluster(machine("a", "A100", 2), machine("b", "A100", 2, fabric("f")), machine("c", "A100", 2, fabric("f")), machine("d", "A100", 2, fabric("g")))},
		{"no place", "10 GPUs", "", cluster(machine("a", "A100", 8))},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := place.Place(c.snapshot, task(t, c.words), bestfit)
			if (err != nil) != (c.want == "") || text(p) != c.want {
				t.Errorf("%s goes to %q (%v), want %q", c.words, text(p), err, c.want)
			}
			if err != nil && !bine.IsKind(err, bine.NoQuota) {
				t.Errorf("the error is %#v", err)
			}
		})
	}
}

func fabric(name string) func(*place.Host) {
	return func(h *place.Host) {
		for i := range h.Devices {
			h.Devices[i].Fabric = name
		}
	}
}

func TestHostsToAvoid(t *testing.T) {
	s := cluster(machine("a", "A100", 2), machine("b", "A100", 2))
	w := task(t, "1 GPU")
	w.Avoid = []bine.HostName{"a"}
	p, err := place.Place(s, w, place.Policy{Name: place.FGD})
	if err != nil || text(p) != "b:0" {
		t.Fatalf("got %s, %v", text(p), err)
	}
}

func TestSharesOfCPUAndMemoryAddUp(t *testing.T) {
	s := cluster(machine("a", "A100", 2), machine("b", "A100", 2), machine("c", "A100", 2))
	w := task(t, "6 GPUs on 3 hosts")
	w.CPU, w.Memory = 10_000, 1<<30
	p, err := place.Place(s, w, place.Policy{Name: place.BestFit})
	if err != nil {
		t.Fatal(err)
	}
	var cpu, memory int64
	for _, share := range p.Shares {
		cpu, memory = cpu+share.CPU, memory+share.Memory
	}
	if cpu != w.CPU || memory != w.Memory {
		t.Errorf("the shares have %d and %d: %+v", cpu, memory, p.Shares)
	}
}

func TestWhy(t *testing.T) {
	s := cluster(machine("a", "A100", 8, joined(0, 1, 2, 3, 4, 5, 6, 7)), machine("b", "A100", 8, rack("r", "")), machine("c", "A100", 8, rack("r", "")))
	for words, want := range map[string]string{
		"4 GPUs":             "4 of the 8 free of 8 on host a: best fit, all joined by the vendor's links",
		"0.25 GPU":           "0.25 of a device on host a, 0.75 of it stays free: best fit",
		"12 GPUs on 2 hosts": "12 on 2 hosts in one rack, 0 stay free there: 6 on b, 6 on c",
	} {
		p, err := place.Place(s, task(t, words), place.Policy{Name: place.BestFit})
		if err != nil || p.Why() != want {
			t.Errorf("%s: %q (%v), want %q", words, p.Why(), err, want)
		}
	}
}

func TestAssess(t *testing.T) {
	down := func(h *place.Host) { h.Up = false }
	full := busy(0, 1, 2, 3, 4, 5, 6, 7)
	s := cluster(machine("a", "A100", 8, full, rack("r", "")), machine("b", "A100", 8, busy(0, 1, 2, 3, 4)), machine("c", "H100", 4, down), machine("d", "T4", 1))
	for _, c := range []struct {
		words  string
		answer place.Answer
		says   string
	}{
		{"2 GPUs", place.Now, "2 of the 3 free of 8 on host b"},
		{"6 GPUs", place.NotNow, "it waits for 6 devices to be free on one host; at most 3 are, on b"},
		{"16 GPUs on any host", place.NotNow, "it waits for 16 devices to be free; 4 of 21"},
		{"16 GPUs on 2 hosts", place.NotNow, "it waits for 2 hosts with 8 free devices each; 0 hosts have as many now"},
		{"4 GPUs with H100", place.NotNow, "take no work now, on c"},
		{"10 GPUs", place.Never, "it asks for 10 on one host and the largest has 8"},
		{"2 GPUs with H200", place.Never, "there are no devices that are H200; the cluster has 16 A100 (up to 8 a host, 2 hosts), 4 H100"},
		{"5 GPUs on any host with H100", place.Never, "it asks for 5 and there are only 4 devices that are H100"},
		{"20 GPUs on any host", place.Never, "of one model"},
		{"2 GPUs with zone=x", place.Never, "no host has the labels zone=x"},
		{"1 MIG 1g.5gb", place.Never, "there are no partitions 1g.5gb"},
		{"16 GPUs on 2 hosts within rack", place.Never, "in one rack"},
		{"4 GPUs within nvlink", place.Never, "that the vendor's links join"},
	} {
		t.Run(c.words, func(t *testing.T) {
			got := place.Assess(s, task(t, c.words), place.Policy{Name: place.BestFit})
			if got.Answer != c.answer || !strings.Contains(got.Reason, c.says) {
				t.Errorf("got %s: %s", got.Answer, got.Reason)
			}
			if got != again(s, task(t, c.words)) && got.Placement == nil {
				t.Errorf("a Cluster says %+v", again(s, task(t, c.words)))
			}
		})
	}
	w := task(t, "1 GPU")
	w.CPU = 1 << 40
	if got := place.Assess(s, w, place.Policy{}); got.Answer != place.Never || !strings.Contains(got.Reason, "cores and") {
		t.Errorf("too much CPU: %+v", got)
	}
}

func again(s place.Snapshot, t place.Task) place.Verdict {
	return place.NewCluster(s, place.Policy{Name: place.BestFit}).Assess(t)
}

// TestClusterAgrees plays by chance with a Cluster and asks Place the same.
func TestClusterAgrees(t *testing.T) {
	for seed := range uint64(60) {
		for _, name := range place.Policies() {
			play(t, rand.New(rand.NewPCG(seed, 7)), place.Policy{Name: name, Seed: seed})
		}
	}
}

func play(t *testing.T, r *rand.Rand, policy place.Policy) {
	t.Helper()
	words := []string{"1 GPU", "0.3 GPU", "0.55 GPU", "2 GPUs", "4 GPUs on any host", "8 GPUs on 2 hosts", "6 GPUs on any host with A100", "3 GPUs on 2 hosts uneven",
		"2 GPUs within nvlink", "8 GPUs on 4 hosts within rack", "4 GPUs on 2 hosts with infiniband", "2 GPUs prefer H100", "4 GPUs on 2 hosts prefer zone=x", "4 GPUs on 2 hosts within nvlink", "1 MIG 1g.5gb"}
	for _, w := range words {
		policy.Typical = append(policy.Typical, place.Typical{Task: task(t, w), Weight: 1})
	}
	c := place.NewCluster(someCluster(r), policy)
	fresh := c.Snapshot()
	var held []place.Placement
	for step := range 80 {
		if len(held) > 0 && r.IntN(3) == 0 {
			i := r.IntN(len(held))
			if err := c.Release(held[i]); err != nil {
				t.Fatal(err)
			}
			held = slices.Delete(held, i, i+1)
			continue
		}
		w := task(t, words[r.IntN(len(words))])
		w.ID = fmt.Sprint(step)
		if r.IntN(4) == 0 {
			w.Avoid = []bine.HostName{"h01", "h03"}
		}
		snapshot := c.Snapshot()
		r.Shuffle(len(snapshot.Hosts), func(i, j int) {
			snapshot.Hosts[i], snapshot.Hosts[j] = snapshot.Hosts[j], snapshot.Hosts[i]
		})
		want, wantErr := place.Place(snapshot, w, policy)
		got, err := c.Place(w)
		if !reflect.DeepEqual(got, want) || err != wantErr {
			t.Fatalf("%s, step %d: %s goes to %s by the index and to %s by the scan (%v, %v)", policy.Name, step, w.Request, text(got), text(want), err, wantErr)
		}
		if err != nil {
			continue
		}
		holds(t, w, got)
		if err := c.Grant(got); err != nil {
			t.Fatal(err)
		}
		held = append(held, got)
	}
	for _, p := range held {
		if err := c.Release(p); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(c.Snapshot(), fresh) {
		t.Fatal("something stayed taken")
	}
}

// holds looks whether a placement gives what was asked for.
func holds(t *testing.T, w place.Task, p place.Placement) {
	t.Helper()
	r, n := w.Request, 0
	hosts := map[bine.HostName]bool{}
	for _, s := range p.Shares {
		hosts[s.Host] = true
		if slices.Contains(w.Avoid, s.Host) || (r.PerHost > 0 && len(s.Devices) != r.PerHost) || len(s.Devices) == 0 {
			t.Fatalf("%s got %s", r, text(p))
		}
		n += len(s.Devices)
	}
	if n != r.Count || len(hosts) != len(p.Shares) || (r.Hosts > 0 && len(hosts) != r.Hosts) {
		t.Fatalf("%s got %s", r, text(p))
	}
}

// someCluster makes hosts by chance.
func someCluster(r *rand.Rand) place.Snapshot {
	var s place.Snapshot
	for i := range 6 + r.IntN(20) {
		options := []func(*place.Host){rack(fmt.Sprintf("r%d", r.IntN(4)), fmt.Sprintf("b%d", r.IntN(2)))}
		if r.IntN(3) == 0 {
			options[0] = rack("", "")
		}
		if r.IntN(2) == 0 {
			options = append(options, label("infiniband", fmt.Sprint(r.IntN(2))), label("zone", string("xy"[r.IntN(2)])))
		}
		n := []int{1, 2, 4, 8}[r.IntN(4)]
		switch r.IntN(4) {
		case 0:
			options = append(options, joined(0, n/2))
		case 1:
			options = append(options, fabric("f"))
		case 2:
			options = append(options, func(h *place.Host) { h.Devices[0].Profile = "1g.5gb" })
		}
		h := machine(fmt.Sprintf("h%02d", i), []string{"A100", "H100"}[r.IntN(2)], n, options...)
		h.Up = r.IntN(10) > 0
		h.Devices[n-1].Out = r.IntN(10) == 0
		s.Hosts = append(s.Hosts, h)
	}
	return s
}

func TestClusterRefusesWhatIsNotFree(t *testing.T) {
	c := place.NewCluster(cluster(machine("a", "A100", 2), machine("b", "A100", 2)), place.Policy{Name: place.FGD})
	p, err := c.Place(task(t, "4 GPUs on 2 hosts"))
	if err != nil {
		t.Fatal(err)
	}
	before := c.Snapshot()
	if err := c.Release(p); !bine.IsKind(err, bine.Conflict) {
		t.Errorf("what nobody has was given back: %v", err)
	}
	if err := c.Grant(p); err != nil {
		t.Fatal(err)
	}
	taken := c.Snapshot()
	if err := c.Grant(p); !bine.IsKind(err, bine.Conflict) {
		t.Errorf("it was granted twice: %v", err)
	}
	if !reflect.DeepEqual(c.Snapshot(), taken) {
		t.Error("a grant that was refused took something")
	}
	half := place.Placement{Shares: []place.Share{p.Shares[0], {Host: "b", Devices: []place.Part{{Device: "b-0", Milli: 1000}, {Device: "x", Milli: 1000}}}}}
	if err := c.Release(half); !bine.IsKind(err, bine.Conflict) || !reflect.DeepEqual(c.Snapshot(), taken) {
		t.Errorf("half of it was given back: %v", err)
	}
	if err := c.Release(p); err != nil || !reflect.DeepEqual(c.Snapshot(), before) {
		t.Errorf("it was not given back: %v", err)
	}
}

func TestClusterFollowsHosts(t *testing.T) {
	c := place.NewCluster(cluster(machine("a", "A100", 2)), place.Policy{Name: place.FGD})
	two := task(t, "4 GPUs on 2 hosts")
	if _, err := c.Place(two); err == nil {
		t.Fatal("there is one host only")
	}
	c.Set(machine("b", "A100", 2))
	if p, err := c.Place(two); err != nil || len(p.Shares) != 2 {
		t.Fatalf("with a second host: %v, %v", p, err)
	}
	c.Set(machine("b", "A100", 2, func(h *place.Host) { h.Up = false }))
	if _, err := c.Place(two); err == nil {
		t.Fatal("the second host is down")
	}
	c.Set(machine("b", "A100", 2, func(h *place.Host) { h.Devices[0].Out = true }))
	if p, err := c.Place(task(t, "2 GPUs on 2 hosts")); err != nil || text(p) != "a:0 b:1" {
		t.Fatalf("with a device out: %s, %v", text(p), err)
	}
	c.Remove("a")
	if p, err := c.Place(task(t, "1 GPU")); err != nil || text(p) != "b:1" {
		t.Fatalf("without the first host: %s, %v", text(p), err)
	}
}

func TestClusterUpdatesAndHidesHosts(t *testing.T) {
	c := place.NewCluster(cluster(machine("a", "A100", 2), machine("b", "A100", 2), machine("c", "A100", 2)), place.Policy{Name: place.FGD})
	goes := func(what, words, want string) {
		t.Helper()
		p, err := c.Place(task(t, words))
		if err != nil {
			p.Shares = []place.Share{{Host: "nowhere"}}
		}
		var got []string
		for _, s := range p.Shares {
			got = append(got, string(s.Host))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", what, got, want)
		}
	}
	update := func(name bine.HostName, up bool, cpu int64, free []int, out ...bool) {
		t.Helper()
		if err := c.Update(name, up, cpu, 256<<30, free, out); err != nil {
			t.Error(err)
		}
	}
	update("a", true, 64_000, []int{1000, 400}, true, false)
	goes("one is out, one is shared", "1 GPU", "b")
	goes("a part of the shared one", "0.4 GPU", "a")
	update("b", false, 64_000, []int{1000, 1000}, false, false)
	goes("b is down", "1 GPU", "c")
	c.Hide("c")
	c.Hide("unknown")
	goes("c is hidden", "1 GPU", "nowhere")
	goes("gangs see it neither", "2 GPUs on 2 hosts", "nowhere")
	c.Show()
	update("b", true, 64_000, []int{1000, 1000}, false, false)
	goes("all are back", "4 GPUs on 2 hosts", "b c")
	update("b", true, 0, []int{1000, 1000}, false, false)
	if got := c.Snapshot(); got.Hosts[1].FreeCPU != 0 || !got.Hosts[0].Devices[0].Out || got.Hosts[0].Devices[1].Free != 400 {
		t.Errorf("the snapshot is %+v", got.Hosts)
	}
	for name, free := range map[bine.HostName][]int{"unknown": {1000}, "a": {1000}} {
		if err := c.Update(name, true, 0, 0, free, make([]bool, len(free))); !bine.IsKind(err, bine.Conflict) {
			t.Errorf("%s with %d devices: %v, want a conflict", name, len(free), err)
		}
	}
}
