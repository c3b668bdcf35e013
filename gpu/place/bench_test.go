package place_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
)

// BenchmarkDecision fills a cluster of hosts with 8 devices to 98 % and goes on
// granting and giving back: 1 to 8 devices on a host, and 5 in 100 a gang of 16
// to 80 on several. It reports percentiles of single decisions.
func BenchmarkDecision(b *testing.B) {
	for _, devices := range []int{100, 1_000, 10_000} {
		for _, name := range []place.PolicyName{place.FGD, place.BestFit} {
			b.Run(fmt.Sprintf("%s/%d", name, devices), func(b *testing.B) { decisions(b, name, devices) })
		}
	}
}

func decisions(b *testing.B, name place.PolicyName, devices int) {
	var s place.Snapshot
	for i := range (devices + 7) / 8 {
		h := machine(fmt.Sprintf("h%05d", i), "A100", min(8, devices-8*i), rack(fmt.Sprintf("r%02d", i/32), fmt.Sprintf("b%d", i/320)))
		h.CPU, h.FreeCPU = 128_000, 128_000
		s.Hosts = append(s.Hosts, h)
	}
	mix := mixed()
	policy := place.Policy{Name: name}
	for _, t := range mix {
		policy.Typical = append(policy.Typical, place.Typical{Task: t, Weight: 1})
	}
	c := place.NewCluster(s, policy)
	r := rand.New(rand.NewPCG(1, 1))
	var held []place.Placement
	used := 0
	back := func() {
		i := r.IntN(len(held))
		used -= held[i].Devices()
		if err := c.Release(held[i]); err != nil {
			b.Fatal(err)
		}
		held[i] = held[len(held)-1]
		held = held[:len(held)-1]
	}
	grant := func() time.Duration {
		t := mix[r.IntN(len(mix))]
		for used+t.Request.Count > devices*98/100 && len(held) > 0 {
			back()
		}
		start := time.Now()
		p, err := c.Place(t)
		took := time.Since(start)
		if err != nil {
			if len(held) > 0 {
				back()
			}
			return took
		}
		if err := c.Grant(p); err != nil {
			b.Fatal(err)
		}
		held, used = append(held, p), used+t.Request.Count
		return took
	}
	for range 5 * devices {
		grant()
	}
	var took []time.Duration
	for b.Loop() {
		took = append(took, grant())
	}
	slices.Sort(took)
	at := func(p float64) float64 { return float64(took[int(p*float64(len(took)-1))]) / float64(time.Microsecond) }
	b.ReportMetric(at(0.5), "p50-µs")
	b.ReportMetric(at(0.99), "p99-µs")
	b.ReportMetric(at(0.999), "p99.9-µs")
}

// mixed is what is asked for: each entry is as likely as the others.
func mixed() []place.Task {
	var mix []place.Task
	add := func(times int, words string) {
		r, err := gpu.ParseRequest(words)
		if err != nil {
			panic(err)
		}
		for range times {
			mix = append(mix, place.Task{Request: r, CPU: int64(r.Count) * 8000, Memory: int64(r.Count) << 33})
		}
	}
	add(55, "1 GPU")
	add(15, "2 GPUs")
	add(15, "4 GPUs")
	add(10, "8 GPUs")
	for i := range 5 {
		add(1, fmt.Sprintf("%d GPUs on %d hosts", 16*(i+1), 2*(i+1)))
	}
	return mix
}
