package bench

import (
	"testing"
	"time"
)

func TestPercentiles(t *testing.T) {
	s := sample{50, 10, 40, 20, 30}
	for p, want := range map[float64]time.Duration{0: 10, 20: 10, 21: 20, 50: 30, 95: 50, 100: 50} {
		if got := s.percentile(p); got != want {
			t.Errorf("percentile %v of %v is %d; want %d", p, s, got, want)
		}
	}
	if s[0] != 50 {
		t.Error("the sample was reordered")
	}
	if got := (sample{}).percentile(50); got != 0 {
		t.Errorf("that of nothing is %d; want 0", got)
	}
}

func TestTheMedianIsTheMiddle(t *testing.T) {
	for _, c := range []struct {
		s    sample
		want time.Duration
	}{{nil, 0}, {sample{7}, 7}, {sample{9, 1, 5}, 5}, {sample{8, 2, 4, 100}, 6}} {
		if got := c.s.median(); got != c.want {
			t.Errorf("the median of %v is %d; want %d", c.s, got, c.want)
		}
	}
}

func TestUnits(t *testing.T) {
	if got := ms(1234567 * time.Nanosecond); got != 1.235 {
		t.Errorf("1.234567 ms are %v", got)
	}
	if got := perStep(time.Second, 40); got != 25 {
		t.Errorf("a second for 40 steps is %v ms each; want 25", got)
	}
	if got := rate(250 * time.Microsecond); got != 4000 {
		t.Errorf("250 µs each are %v a second; want 4000", got)
	}
	if got := rate(0); got != 0 {
		t.Errorf("what takes no time has the rate %v; want none", got)
	}
}

func TestResidentMemoryIsReadInBytes(t *testing.T) {
	got, err := parseResident("Name:\tbine\nVmHWM:\t  99 kB\nVmRSS:\t  2048 kB\nThreads:\t3\n")
	if err != nil || got != 2<<20 {
		t.Errorf("got %d, %v; want 2 MiB", got, err)
	}
	if _, err := parseResident("Name:\tbine\n"); err == nil {
		t.Error("a status without the line is no error")
	}
}

func TestLayersAreThoseOfTheReference(t *testing.T) {
	nodes := layers(3, 4)
	if len(nodes) != 12 || len(nodes[0].needs) != 0 || len(nodes[11].needs) != 2 {
		t.Fatalf("3 layers of 4 are %v", nodes)
	}
	seen := map[string]bool{}
	for _, n := range nodes {
		for _, need := range n.needs {
			if !seen[need] {
				t.Errorf("%s needs %s, which is not before it", n.name, need)
			}
		}
		seen[n.name] = true
	}
}
