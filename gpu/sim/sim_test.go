package sim_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/place"
	"github.com/bine-ml/bine/gpu/queue"
	"github.com/bine-ml/bine/gpu/sim"
)

func nodes(t testing.TB) place.Snapshot {
	t.Helper()
	f, err := os.Open("testdata/nodes.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := sim.ReadNodes(f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pods(t testing.TB) []sim.Pod {
	t.Helper()
	f, err := os.Open("testdata/pods.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := sim.ReadPods(f)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRead(t *testing.T) {
	s := nodes(t)
	if len(s.Hosts) != 5 || len(s.Hosts[2].Devices) != 8 || s.Hosts[2].Devices[7].Model != "G2" || s.Hosts[2].Memory != 393216<<20 || s.Hosts[2].Rack != "r1" || !s.Hosts[2].Up {
		t.Errorf("the hosts are %+v", s.Hosts[2])
	}
	got, err := sim.ReadPods(strings.NewReader("name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,creation_time,deletion_time,request\n" +
		"a,1500,1024,1,460,V100M32|V100M16|V100M32,BE,10,70,\n" +
		"b,0,0,0,0,,,0,0,8 GPUs on 2 hosts for 1h\n"))
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	a := got[0]
	if a.Request.String() != "0.46 GPU with V100M16 or V100M32" || a.Project != "BE" || a.Created != 10*time.Second || a.Runs != time.Minute || a.CPU != 1500 || a.Memory != 1<<30 {
		t.Errorf("the first is %+v", a)
	}
	if b := got[1]; b.Request.String() != "8 GPUs on 2 hosts for 1h" || b.Runs != time.Hour {
		t.Errorf("the second is %+v", b)
	}
}

func TestReadWhatOthersWrite(t *testing.T) {
	hosts, err := sim.ReadNodes(strings.NewReader("sn,cpu_milli,memory_mib,gpu,model\nbare,32000,262144,0,nan\nfull,96000,393216,8,G2\n"))
	if err != nil || len(hosts.Hosts) != 2 || len(hosts.Hosts[0].Devices) != 0 {
		t.Fatalf("%+v, %v", hosts, err)
	}
	for text, want := range map[string]string{
		"name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time\na,1000,1,1,1000,nan,nan,nan\n": "1 GPU on 1 host",
		"\ufeffname,cpu_milli,memory_mib,num_gpu,gpu_milli\r\na,1000.0,1,1.0,460.0\r\n":                                   "0.46 GPU",
		"name,cpu_milli,memory_mib,num_gpu\na,1000,1,2\n":                                                                 "2 GPUs on 1 host",
		"memory_mib,name,cpu_milli\n1,a,1000\n":                                                                           "0 GPUs",
		"name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\na,1000,1,1,0,G2|P100|G2\n":                                 "1 GPU on 1 host with G2 or P100",
	} {
		pods, err := sim.ReadPods(strings.NewReader(text))
		if err != nil || len(pods) != 1 || pods[0].Request.String() != want || pods[0].CPU != 1000 {
			t.Errorf("%q: %+v, %v", text, pods, err)
			continue
		}
		for _, policy := range place.Policies() {
			f := sim.Fill(hosts, pods, sim.FillOptions{Policy: policy, Until: 1.3})
			if (f.Tasks == 0) != (want == "0 GPUs") {
				t.Errorf("%q, %s: %+v", text, policy, f)
			}
		}
		if r, err := sim.Replay(hosts, pods, sim.ReplayOptions{Policy: place.FGD}); err != nil || r.Done+r.Never != 1 {
			t.Errorf("%q: %+v, %v", text, r, err)
		}
	}
}

func TestReadSaysWhereItIsWrong(t *testing.T) {
	for text, says := range map[string]string{
		"":                                 "the header cannot be read",
		"name,cpu_milli\n":                 "there is no column memory_mib",
		"name,cpu_milli,memory_mib\n":      "there is no work",
		"name,cpu_milli,memory_mib\na,x,1": `line 2: cpu_milli is "x"`,
		"name,cpu_milli,memory_mib,num_gpu,gpu_milli\na,1,1,1,1\nb,1,1,2,500\n": "line 3: 2 GPUs of 500 thousandths",
		"name,cpu_milli,memory_mib\na,1\n":                                      "line 2",
		"name,cpu_milli,memory_mib,request\na,1,1,many GPUs\n":                  "line 2: \"many GPUs\": at column 1",
	} {
		if _, err := sim.ReadPods(strings.NewReader(text)); !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, says := range map[string]string{
		"sn,cpu_milli,memory_mib,gpu,model\n":                     "no hosts",
		"sn,cpu_milli,memory_mib,gpu,model\na,1,1,1,\na,1,1,1,\n": "line 3",
		"sn,cpu_milli,memory_mib,gpu,model\na,1,1,9999999,\n":     "more than a host has",
	} {
		if _, err := sim.ReadNodes(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestFill(t *testing.T) {
	s, work := nodes(t), pods(t)
	mean := map[place.PolicyName]float64{}
	for _, name := range place.Policies() {
		for seed := range uint64(10) {
			o := sim.FillOptions{Policy: name, Seed: seed, Until: 1.3}
			f := sim.Fill(s, work, o)
			if f.Allocated <= 0.5 || f.Allocated > 1 || f.Tasks < 10 {
				t.Fatalf("%s, seed %d: %+v", name, seed, f)
			}
			again := sim.Fill(s, work, o)
			again.Took = f.Took
			if !reflect.DeepEqual(f, again) {
				t.Fatalf("%s, seed %d: the same gives another answer", name, seed)
			}
			mean[name] += f.Allocated / 10
		}
	}
	if mean[place.FGD] <= mean[place.Random] {
		t.Errorf("fragmentation counts for nothing: %v", mean)
	}
	if !reflect.DeepEqual(s, nodes(t)) {
		t.Error("filling changed the snapshot")
	}
	if f := sim.Fill(s, []sim.Pod{{}}, sim.FillOptions{Policy: place.FGD, Until: 1.3}); f.Tasks != 0 {
		t.Errorf("work without devices fills the cluster: %+v", f)
	}
}

func TestReplay(t *testing.T) {
	s, work := nodes(t), pods(t)
	waits := map[string]time.Duration{}
	for name, o := range map[string]sim.ReplayOptions{
		"fifo": {Policy: place.FGD, Speed: 4, Strict: true},
		"easy": {Policy: place.FGD, Speed: 4},
		"fair": {Policy: place.FGD, Speed: 4, Fair: true, HalfLife: time.Hour, Shares: map[string]queue.Share{"LS": {Weight: 3}}},
	} {
		r, err := sim.Replay(s, work, o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Never != 0 || r.Done != len(work) || r.Used <= 0 || r.Used > 1 || r.Fairness() <= 0 || r.Fairness() > 1.0000001 || len(r.Wait(0, 0)) != len(work) {
			t.Errorf("%s: %+v", name, r)
		}
		if name != "fair" && r.Delayed != 0 {
			t.Errorf("%s: %d were delayed", name, r.Delayed)
		}
		for _, w := range r.Wait(0, 0) {
			waits[name] += w
		}
		if (r.Backfilled > 0) == o.Strict {
			t.Errorf("%s: %d went before others", name, r.Backfilled)
		}
	}
	if waits["easy"] >= waits["fifo"] {
		t.Errorf("going before others helps nobody: %v", waits)
	}
}

func TestInvent(t *testing.T) {
	s, in := nodes(t), sim.Invented{Tasks: 2000, Load: 0.8, Seed: 5}
	work := sim.Invent(s, pods(t), in)
	if len(work) != 2000 || !reflect.DeepEqual(work, sim.Invent(s, pods(t), in)) {
		t.Fatalf("%d tasks, or others the second time", len(work))
	}
	projects, asked := map[string]int{}, 0.0
	for i, p := range work {
		projects[p.Project]++
		asked += float64(p.Request.Count*p.Request.Each()) / 1000 * p.Runs.Seconds()
		if p.Runs < 10*time.Second || p.Runs > 20*time.Hour || (i > 0 && p.Created < work[i-1].Created) {
			t.Fatalf("task %d: %+v", i, p)
		}
	}
	if load := asked / 26 / work[1999].Created.Seconds(); load < 0.7 || load > 0.9 || len(projects) != 4 {
		t.Errorf("the load is %g, by %v", load, projects)
	}
	if n := len(sim.Every(s, 2).Hosts); n != 3 {
		t.Errorf("every second of 5 hosts are %d", n)
	}
}

func TestContest(t *testing.T) {
	if jain, used, err := sim.Contest(1); err != nil || jain < 0.99 || used < 0.95 {
		t.Errorf("Jain's index is %.4f, %.3f used, %v", jain, used, err)
	}
}

func TestChurn(t *testing.T) {
	took, err := sim.Churn(place.FGD, 200, 1000)
	if err != nil || len(took) != 1000 || sim.Percentile(took, 50) <= 0 {
		t.Errorf("%d decisions, %v", len(took), err)
	}
}

func TestFigures(t *testing.T) {
	if j := sim.Jain([]float64{1, 0, 0, 0}); j != 0.25 {
		t.Errorf("one has all: %g", j)
	}
	if j := sim.Jain([]float64{2, 2}); j != 1 {
		t.Errorf("both have the same: %g", j)
	}
	if m, d := sim.Mean([]float64{1, 3}); m != 2 || fmt.Sprintf("%.3f", d) != "1.414" {
		t.Errorf("mean %g, deviation %g", m, d)
	}
	if p := sim.Percentile([]time.Duration{3, 1, 2}, 50); p != 2 {
		t.Errorf("the median is %d", p)
	}
}

// BenchmarkDecision reports percentiles of single decisions, on clusters of
// several sizes: see Churn.
func BenchmarkDecision(b *testing.B) {
	for _, devices := range []int{100, 1_000, 10_000} {
		for _, name := range []place.PolicyName{place.FGD, place.BestFit} {
			b.Run(fmt.Sprintf("%s/%d", name, devices), func(b *testing.B) {
				took, err := sim.Churn(name, devices, b.N)
				if err != nil {
					b.Fatal(err)
				}
				for _, p := range []float64{50, 99, 99.9} {
					b.ReportMetric(float64(sim.Percentile(took, p))/1000, fmt.Sprintf("p%g-µs", p))
				}
			})
		}
	}
}
