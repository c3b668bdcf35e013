//go:build cgo && linux

package nvidia

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxa100"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/gputest"
	"github.com/bine-ml/bine/gpu/simulated"
)

const (
	eight  = "{devices: [{model: A100-SXM4-80GB, count: 8, memory: 80GiB}], links: {nvlink: {count: 2, among: [[0, 1, 2, 3], [4, 5, 6, 7]]}, bridge: [[0, 4]]}}"
	parted = "{devices: [{model: A100-SXM4-80GB, count: 2, memory: 80GiB, mig: [3g.40gb, 1g.10gb]}, {model: H100-PCIe, memory: 80GiB}], links: {nvlink: {count: 2, among: all}}}"
)

func to[T any](v T) *T { return &v }

// event tells of something on the device that a unit is, or is part of.
func (r *rig) event(kind, data uint64) func(bine.DeviceID) {
	return func(id bine.DeviceID) {
		e := nvml.EventData{Device: r.gpus[r.indexOf(id)], EventType: kind, EventData: data, GpuInstanceId: wholeDevice, ComputeInstanceId: wholeDevice}
		r.events <- e
	}
}

func (r *rig) bench() gputest.Host {
	index := map[bine.DeviceID]int{}
	for _, d := range r.list() {
		index[d.ID] = d.Index
	}
	lose := func(gone bool) func(bine.DeviceID) {
		return func(id bine.DeviceID) { r.source.Do(simulated.Event{Devices: []int{index[id]}, Lost: to(gone)}) }
	}
	demand := func(action nvml.DeviceGpuRecoveryAction) func(bine.DeviceID) {
		return func(id bine.DeviceID) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.recovery[index[id]] = action
		}
	}
	hear := func(deaf bool) func() {
		return func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.deaf = deaf
		}
	}
	return gputest.Host{Source: r.open(), Fault: r.event(nvml.EventTypeXidCriticalError, 79), Harmless: r.event(nvml.EventTypeXidCriticalError, 31),
		Lose: lose(true), Return: lose(false), Break: demand(nvml.GPU_RECOVERY_ACTION_GPU_RESET), Mend: demand(nvml.GPU_RECOVERY_ACTION_NONE),
		Deafen: hear(true), Hear: hear(false)}
}

func TestSource(t *testing.T) {
	for name, text := range map[string]string{"whole": eight, "parted": parted} {
		t.Run(name, func(t *testing.T) {
			gputest.Run(t, func(t *testing.T) gputest.Host { return newRig(t, text).bench() })
		})
	}
}

func TestDevices(t *testing.T) {
	r := newRig(t, eight)
	all, err := r.open().Devices(t.Context())
	if err != nil || len(all) != 8 {
		t.Fatalf("Devices = %d, %v", len(all), err)
	}
	d := all[4]
	if d.ID != simulated.ID("h1", 4) || d.Vendor != bine.VendorNvidia || d.Model != "A100-SXM4-80GB" || d.Index != 4 || d.Memory != 80<<30 ||
		d.Compute != "8.0" || d.Driver != "550.54.15" || d.Bus != "0000:01:04.0" || d.NUMA != 1 || d.Fabric != "" || d.Files[0] != "/dev/nvidia4" || !slices.Contains(d.Files, "/dev/nvidiactl") {
		t.Errorf("device 4 = %+v", d)
	}
	want := []bine.DeviceLink{{To: all[0].ID, Kind: bine.LinkBridge}, {To: all[1].ID, Kind: bine.LinkNode}, {To: all[2].ID, Kind: bine.LinkNode}, {To: all[3].ID, Kind: bine.LinkNode},
		{To: all[5].ID, Kind: bine.LinkNVLink, Count: 2}, {To: all[6].ID, Kind: bine.LinkNVLink, Count: 2}, {To: all[7].ID, Kind: bine.LinkNVLink, Count: 2}}
	if !slices.Equal(d.Links, want) {
		t.Errorf("device 4 reaches the others by %+v, want %+v", d.Links, want)
	}
}

func TestDevicesBehindSwitches(t *testing.T) {
	r := newRig(t, "{devices: [{model: H100, count: 3, memory: 80GiB}], links: {nvlink: {count: 9, among: all}}}")
	r.switched, r.fabric = true, [16]uint8{0xab, 0xcd}
	all, err := r.open().Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if len(d.Links) != 2 || d.Links[0].Kind != bine.LinkNVLink || d.Links[0].Count != 18 || d.Fabric != "abcd0000000000000000000000000000.7" {
			t.Errorf("device %d = %+v", d.Index, d)
		}
	}
}

func TestInstancesOfMIG(t *testing.T) {
	r := newRig(t, parted)
	r.pids[simulated.PartID("h1", 0, 1)] = []uint32{77}
	s := r.open()
	all, err := s.Devices(t.Context())
	if err != nil || len(all) != 5 {
		t.Fatalf("Devices = %+v, %v", all, err)
	}
	d := all[1]
	if d.ID != simulated.PartID("h1", 0, 1) || d.Parent != simulated.ID("h1", 0) || d.Profile != "1g.10gb" || d.Memory != 10<<30-128<<20 || d.Model != "A100-SXM4-80GB" {
		t.Errorf("the second instance = %+v", d)
	}
	if all[4].Parent != "" || all[4].Profile != "" {
		t.Errorf("a device without MIG = %+v", all[4])
	}
	for _, l := range d.Links {
		if l.Kind == bine.LinkNVLink {
			t.Errorf("an instance is linked by NVLink: %+v", l)
		}
	}
	use, err := s.Use(t.Context())
	if err != nil || use[0].Busy != 0 || use[1].Busy != 1 || !slices.Equal(use[1].Processes, []int{77}) || use[1].Power != 30.75 {
		t.Errorf("Use = %+v, %v", use, err)
	}
	r.events <- nvml.EventData{Device: r.gpus[0], EventType: nvml.EventTypeXidCriticalError, EventData: 94, GpuInstanceId: 4, ComputeInstanceId: 0}
	told := watchFor(t, s, 1)
	if told[0].Device != d.ID || told[0].Code != 94 {
		t.Errorf("an event of one instance told of %+v", told)
	}
	r.event(nvml.EventTypeDoubleBitEccError, 0)(all[2].ID)
	told = watchFor(t, s, 2)
	if told[0].Device != all[2].ID || told[1].Device != all[3].ID || told[0].Kind != "ecc" || !told[0].Fatal {
		t.Errorf("an event of a whole device told of %+v", told)
	}
}

// watchFor gives the next n faults.
func watchFor(t *testing.T, s *Source, n int) (told []bine.DeviceFault) {
	t.Helper()
	faults := make(chan bine.DeviceFault, 100)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- s.Watch(ctx, func(f bine.DeviceFault) { faults <- f }) }()
	for len(told) < n {
		select {
		case f := <-faults:
			told = append(told, f)
		case err := <-ended:
			t.Fatalf("Watch = %v", err)
		case <-time.After(10 * time.Second):
			t.Fatalf("told of %+v, want %d faults", told, n)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Watch = %v", err)
	}
	return told
}

func TestAnEventOfNobodyIsOfTheHost(t *testing.T) {
	r := newRig(t, eight)
	r.events <- nvml.EventData{Device: dgxa100.NewDevice(9), EventType: nvml.EventTypeXidCriticalError, EventData: 79}
	r.events <- nvml.EventData{EventType: nvml.EventTypeXidCriticalError, EventData: 13}
	told := watchFor(t, r.open(), 2)
	if told[0].Device != "" || told[0].Code != 79 || !told[0].Fatal || told[1].Device != "" || told[1].Fatal {
		t.Errorf("told of %+v", told)
	}
}

func TestUse(t *testing.T) {
	r := newRig(t, eight)
	r.source.Do(simulated.Event{Devices: []int{2}, Busy: to(0.42), Memory: to(int64(3 << 30))})
	r.pids[r.ids[2]], r.pids["mps-"+r.ids[2]] = []uint32{9, 4}, []uint32{5, 4}
	all, err := r.open().Use(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if u := all[2]; u.Busy != 0.42 || u.MemoryUsed != 3<<30 || u.Power != 61.5 || u.Temperature != 41 || !slices.Equal(u.Processes, []int{4, 5, 9}) {
		t.Errorf("Use = %+v", u)
	}
}

func TestTestSaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*rig)
		want string
	}{
		"reset":   {func(r *rig) { r.recovery[0] = nvml.GPU_RECOVERY_ACTION_DRAIN_AND_RESET }, "a reset"},
		"reboot":  {func(r *rig) { r.recovery[0] = nvml.GPU_RECOVERY_ACTION_NODE_REBOOT }, "started again"},
		"new":     {func(r *rig) { r.recovery[0] = 77 }, "recovery action 77"},
		"pending": {func(r *rig) { r.rows[0] = [2]bool{true, false} }, "a reset remaps"},
		"failed":  {func(r *rig) { r.rows[0] = [2]bool{true, true} }, "replaced"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, eight)
			c.set(r)
			if err := r.open().Test(t.Context(), r.ids[0]); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Test = %v, want %q", err, c.want)
			}
		})
	}
}

func TestOldDriver(t *testing.T) {
	r := newRig(t, eight)
	for _, call := range []string{"nvmlDeviceGetGpuFabricInfoV", "nvmlDeviceGetRemappedRows", "nvmlDeviceGetMPSComputeRunningProcesses", "nvmlDeviceGetNvLinkRemoteDeviceType"} {
		r.lacks[call] = true
	}
	for _, m := range r.gpus { // calling what is not there ends a program
		m.GetRemappedRowsFunc, m.GetMPSComputeRunningProcessesFunc, m.GetNvLinkRemoteDeviceTypeFunc = nil, nil, nil
	}
	r.switched, r.fabric = true, [16]uint8{1}
	s := r.open()
	all, err := s.Devices(t.Context())
	if err != nil || len(all) != 8 || all[0].Fabric != "" {
		t.Errorf("Devices = %d, %v", len(all), err)
	}
	if _, err := s.Use(t.Context()); err != nil {
		t.Errorf("Use: %v", err)
	}
	if err := s.Test(t.Context(), all[0].ID); err != nil {
		t.Errorf("Test: %v", err)
	}
}

func TestCallsThatFail(t *testing.T) {
	r := newRig(t, eight)
	s := r.open()
	r.fails["count"] = nvml.ERROR_UNKNOWN
	if _, err := s.Devices(t.Context()); !bine.IsKind(err, bine.Unavailable) || !strings.Contains(err.Error(), "count devices") {
		t.Errorf("Devices = %v", err)
	}
	delete(r.fails, "count")
	r.fails["memory"] = nvml.ERROR_UNKNOWN
	if err := s.Test(t.Context(), r.ids[0]); err == nil {
		t.Error("Test of a device that does not answer passed")
	}
	delete(r.fails, "memory")
	r.fails["events"] = nvml.ERROR_INSUFFICIENT_RESOURCES
	if err := s.Watch(t.Context(), func(bine.DeviceFault) {}); err == nil {
		t.Error("Watch without events gave no error")
	}
}

func TestAHostWithoutADriver(t *testing.T) {
	if d, err := load(Options{}); d != nil || err != nil {
		t.Skip("this host has a driver")
	}
	s := New(Options{})
	if all, err := s.Devices(t.Context()); len(all) != 0 || err != nil {
		t.Errorf("Devices = %v, %v", all, err)
	}
	if all, err := s.Use(t.Context()); len(all) != 0 || err != nil {
		t.Errorf("Use = %v, %v", all, err)
	}
	if err := s.Test(t.Context(), "GPU-1"); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("Test = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}
