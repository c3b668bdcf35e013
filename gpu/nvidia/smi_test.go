package nvidia

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/gputest"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// fake answers as nvidia-smi does, with texts in which words can be replaced.
type fake struct {
	mu    sync.Mutex
	texts map[string]string
	err   error
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{texts: map[string]string{}}
	for name, args := range map[string]string{"log.xml": "-q -x", "list.txt": "-L", "topology.txt": "topo -m", "compute.csv": "--query-gpu=uuid,compute_cap --format=csv,noheader"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		f.texts[args] = string(text)
	}
	return f
}

func (f *fake) run(ctx context.Context, args ...string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return []byte(f.texts[strings.Join(args, " ")]), f.err
}

func (f *fake) replace(old, new string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name := range f.texts {
		f.texts[name] = strings.ReplaceAll(f.texts[name], old, new)
	}
}

func (f *fake) fail(err error) func() {
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.err = err
	}
}

func (f *fake) open(t *testing.T) *Source {
	root := t.TempDir()
	write(t, filepath.Join(root, "sys/bus/pci/devices/0000:07:00.0/numa_node"), "3\n")
	write(t, filepath.Join(root, "proc/driver/nvidia/capabilities/gpu1/mig/gi2/access"), "DeviceFileMinor: 30\nDeviceFileMode: 292\n")
	write(t, filepath.Join(root, "proc/driver/nvidia/capabilities/gpu1/mig/gi2/ci0/access"), "DeviceFileMinor: 31\n")
	return &Source{load: func() (driver, error) {
		return &program{o: Options{Root: root}, run: f.run, look: 20 * time.Millisecond}, nil
	}}
}

const one = "GPU-11111111-1111-1111-1111-111111111111"

func TestProgram(t *testing.T) {
	gputest.Run(t, func(t *testing.T) gputest.Host {
		f := newFake(t)
		healthy := maps.Clone(f.texts)
		restore := func(bine.DeviceID) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.texts = maps.Clone(healthy)
		}
		return gputest.Host{Source: f.open(t),
			Fault: func(bine.DeviceID) {
				time.Sleep(100 * time.Millisecond) // it has looked once
				f.replace("<dram_uncorrectable>0</dram_uncorrectable>", "<dram_uncorrectable>2</dram_uncorrectable>")
			},
			Lose: func(bine.DeviceID) { time.Sleep(100 * time.Millisecond); f.replace(one, "") }, Return: restore,
			Break: func(bine.DeviceID) {
				f.replace("<gpu_recovery_action>None<!--0-->", "<gpu_recovery_action>Reset")
			}, Mend: restore,
			Deafen: f.fail(bine.Errorf(bine.Unavailable, "nvidia-smi has failed")), Hear: f.fail(nil)}
	})
}

func TestProgramsAnswers(t *testing.T) {
	s := newFake(t).open(t)
	all, err := s.Devices(t.Context())
	if err != nil || len(all) != 4 {
		t.Fatalf("Devices = %+v, %v", all, err)
	}
	if d := all[0]; d.ID != one || d.Model != "A100-SXM4-80GB" || d.Memory != 81920<<20 || d.Compute != "8.0" || d.Driver != "560.28.03" || d.Bus != "0000:07:00.0" ||
		d.NUMA != 3 || d.Files[0] != "/dev/nvidia0" {
		t.Errorf("device 0 = %+v", d)
	}
	want := []bine.DeviceLink{{To: all[1].ID, Kind: bine.LinkSystem}, {To: all[2].ID, Kind: bine.LinkSystem}, {To: all[3].ID, Kind: bine.LinkNVLink, Count: 12}}
	if !slices.Equal(all[0].Links, want) {
		t.Errorf("device 0 reaches the others by %+v, want %+v", all[0].Links, want)
	}
	p := all[2]
	if p.ID != "MIG-bbbbbbbb-2222-2222-2222-222222222222" || p.Profile != "3g.40gb" || p.Parent != "GPU-22222222-2222-2222-2222-222222222222" || p.Index != 1 || p.Memory != 40192<<20 {
		t.Errorf("the second instance = %+v", p)
	}
	if !slices.Contains(p.Files, "/dev/nvidia-caps/nvidia-cap30") || !slices.Contains(p.Files, "/dev/nvidia-caps/nvidia-cap31") {
		t.Errorf("the second instance has the files %q", p.Files)
	}
	use, err := s.Use(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if u := use[0]; u.Busy != 0.37 || u.MemoryUsed != 1024<<20 || u.Power != 121.5 || u.Temperature != 52 || !slices.Equal(u.Processes, []int{4242}) {
		t.Errorf("Use of device 0 = %+v", u)
	}
	if a, b := use[1], use[2]; a.Busy != 0 || b.Busy != 1 || !slices.Equal(b.Processes, []int{777}) || b.MemoryUsed != 38<<20 {
		t.Errorf("Use of the instances = %+v, %+v", a, b)
	}
}

func TestProgramThatIsNotUnderstood(t *testing.T) {
	f := newFake(t)
	f.texts["-q -x"] = "Failed to initialize NVML"
	if _, err := f.open(t).Devices(t.Context()); !bine.IsKind(err, bine.Unavailable) {
		t.Errorf("Devices = %v", err)
	}
	f = newFake(t)
	f.texts["-L"] = ""
	if _, err := f.open(t).Devices(t.Context()); err == nil || !strings.Contains(err.Error(), "does not name instance 0") {
		t.Errorf("Devices = %v", err)
	}
}

func TestModelOf(t *testing.T) {
	for name, want := range map[string]string{
		"NVIDIA A100-SXM4-80GB": "A100-SXM4-80GB", "Tesla P100-PCIE-16GB": "P100-PCIE-16GB", "NVIDIA H100 80GB HBM3": "H100-80GB-HBM3",
		"NVIDIA GeForce RTX 4090": "RTX-4090", "NVIDIA A100-SXM4-40GB MIG 1g.5gb": "A100-SXM4-40GB", "": "unknown",
	} {
		if got := modelOf(name); got != want {
			t.Errorf("modelOf(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestAResetFindsTheDriverLetGoOf(t *testing.T) {
	f := newFake(t)
	s := f.open(t)
	all, err := s.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var whole, part, parted bine.DeviceID
	for _, d := range all {
		if d.Parent != "" {
			part, parted = d.ID, d.Parent
		} else {
			whole = d.ID
		}
	}
	if whole == "" {
		t.Fatal("no device is whole")
	}
	var reset []bine.DeviceID
	s.reset = func(_ context.Context, id bine.DeviceID) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.driver != nil {
			t.Error("the driver is open while a device is reset")
		}
		reset = append(reset, id)
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(ctx, func(bine.DeviceFault) {}) }()
	if err := s.Reset(t.Context(), whole); err != nil {
		t.Error(err)
	}
	for _, id := range []bine.DeviceID{part, parted, "GPU-nowhere"} {
		if err := s.Reset(t.Context(), id); id != "" && !errors.Is(err, gpu.ErrNoReset) {
			t.Errorf("Reset of %s = %v, want none", id, err)
		}
	}
	if !slices.Equal(reset, []bine.DeviceID{whole}) {
		t.Errorf("%v were reset, want %s", reset, whole)
	}
	if err := s.Test(t.Context(), whole); err != nil {
		t.Errorf("Test after a reset = %v", err)
	}
	select {
	case err := <-ended:
		t.Errorf("the watch ended: %v", err)
	default:
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Watch = %v", err)
	}
}
