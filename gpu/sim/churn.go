package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
)

// Churn says how long single decisions take in a cluster of hosts with 8
// devices that is 98 % full, while tasks come and go: 1 to 8 devices on a host,
// and 5 in 100 a gang of 16 to 80 on several.
func Churn(policy place.PolicyName, devices, decisions int) ([]time.Duration, error) {
	mix := mixed()
	p := place.Policy{Name: policy}
	for _, t := range mix {
		p.Typical = append(p.Typical, place.Typical{Task: t, Weight: 1})
	}
	c := &churn{Cluster: place.NewCluster(regular(devices), p), mix: mix, r: rand.New(rand.NewPCG(1, 1)), most: devices * 98 / 100}
	took := make([]time.Duration, 0, decisions)
	for n := -5 * devices; n < decisions; n++ { // first until it is full and mixed
		d, err := c.one()
		if err != nil {
			return nil, err
		}
		if n >= 0 {
			took = append(took, d)
		}
	}
	return took, nil
}

type churn struct {
	*place.Cluster
	mix        []place.Task
	r          *rand.Rand
	held       []place.Placement
	used, most int
}

// one grants one more, and gives back what is in the way.
func (c *churn) one() (time.Duration, error) {
	t := c.mix[c.r.IntN(len(c.mix))]
	for c.used+t.Request.Count > c.most && len(c.held) > 0 {
		if err := c.back(); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	p, placeErr := c.Place(t)
	took := time.Since(start)
	if placeErr != nil {
		if len(c.held) == 0 {
			return took, nil
		}
		return took, c.back()
	}
	c.held, c.used = append(c.held, p), c.used+t.Request.Count
	return took, c.Grant(p)
}

func (c *churn) back() error {
	i, last := c.r.IntN(len(c.held)), len(c.held)-1
	p := c.held[i]
	c.held[i], c.held = c.held[last], c.held[:last]
	c.used -= p.Devices()
	return c.Release(p)
}

// regular makes hosts of 8 devices, 32 to a rack and 10 racks to a block.
func regular(devices int) (s place.Snapshot) {
	for i := 0; devices > 0; i++ {
		h := place.Host{Name: bine.HostName(fmt.Sprintf("h%05d", i)), Up: true, CPU: 128_000, FreeCPU: 128_000, Memory: 1 << 40, FreeMemory: 1 << 40,
			Rack: fmt.Sprintf("r%03d", i/32), Block: fmt.Sprintf("b%02d", i/320)}
		for d := range min(devices, 8) {
			h.Devices = append(h.Devices, place.Device{Free: 1000, Device: bine.Device{ID: bine.DeviceID(fmt.Sprintf("%s/%d", h.Name, d)),
				Vendor: bine.VendorSimulated, Model: "A100", Index: d, NUMA: d / 4}})
		}
		devices -= len(h.Devices)
		s.Hosts = append(s.Hosts, h)
	}
	return s
}

// mixed is what is asked for: each is as likely as the others.
func mixed() []place.Task {
	ask := func(n, hosts int) place.Task {
		return place.Task{Request: gpu.Request{Count: n, Hosts: hosts, PerHost: n / hosts}, CPU: int64(n) * 8000, Memory: int64(n) << 33}
	}
	mix := slices.Concat(slices.Repeat([]place.Task{ask(1, 1)}, 55), slices.Repeat([]place.Task{ask(2, 1)}, 15),
		slices.Repeat([]place.Task{ask(4, 1)}, 15), slices.Repeat([]place.Task{ask(8, 1)}, 10))
	for hosts := 2; hosts <= 10; hosts += 2 {
		mix = append(mix, ask(8*hosts, hosts))
	}
	return mix
}
