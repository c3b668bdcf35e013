// Package amd finds the accelerators of AMD in this host, from the files in
// which the kernel's driver amdgpu and its compute part KFD describe them: no
// library is needed, and all is read below one directory, so that tests give a
// tree of their own. A host without the driver has no such accelerators.
//
// The compute partitions of a device (MI300 in CPX, DPX, …) are devices
// themselves.
package amd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bine-ml/bine"
)

// Source is a gpu.Source.
type Source struct {
	root string
	look time.Duration // between looks at the health of devices

	mu     sync.Mutex
	tokens map[bine.DeviceID]string // by which ROCm knows a device
}

// New gives the devices that the files below root describe; "" is /.
func New(root string) *Source {
	return &Source{root: cmp.Or(root, "/"), look: 2 * time.Second, tokens: map[bine.DeviceID]string{}}
}

// unit is what can be granted: a device, or a partition of one.
type unit struct {
	device bine.Device
	node   node
	pci    string // directory of the device, or of the one that it is a partition of
	parts  int
	token  string
}

// units finds what is there.
func (s *Source) units(ctx context.Context) ([]unit, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	nodes, err := s.nodes()
	if err != nil {
		return nil, err
	}
	ids, shared := map[uint64]int{}, map[string]int{}
	for _, n := range nodes {
		ids[n.unique]++
		shared[n.bus]++
	}
	seen := map[string]int{}
	var out []unit
	for i, n := range nodes {
		u := unit{node: n, pci: s.path("sys/module/amdgpu/drivers/pci:amdgpu", n.bus), parts: shared[n.bus], token: strconv.Itoa(i)}
		if _, err := os.Stat(u.pci); err != nil {
			continue // another driver has it, or it is lost
		}
		u.device = s.describe(u)
		u.device.Index = i
		if n.unique != 0 && ids[n.unique] == 1 {
			u.device.ID = bine.DeviceID(fmt.Sprintf("GPU-%016x", n.unique))
			u.token = string(u.device.ID)
		} else {
			u.device.ID = bine.DeviceID(fmt.Sprintf("%s.%d", wholeID(n.bus), seen[n.bus]))
		}
		seen[n.bus]++
		out = append(out, u)
	}
	files := filesOf(out)
	for i := range out {
		out[i].device.Files = files
	}
	s.remember(out)
	return out, nil
}

// filesOf lists what a process opens to use any of the devices: the runtime of
// ROCm opens the files of all, and does not begin where it may not. What it
// then shows to the process follows from the environment.
func filesOf(units []unit) []string {
	out := []string{"/dev/kfd"}
	for _, u := range units {
		out = append(out, fmt.Sprintf("/dev/dri/renderD%d", u.node.minor))
	}
	return out
}

// wholeID names a device that is parted, or that has no number of its own.
func wholeID(bus string) string { return "AMD-" + strings.ReplaceAll(bus, ":", "-") }

func (s *Source) remember(units []unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range units {
		s.tokens[u.device.ID] = u.token
	}
}

// describe reads what stays the same of a unit.
func (s *Source) describe(u unit) bine.Device {
	d := bine.Device{Vendor: bine.VendorAMD, Bus: u.node.bus, NUMA: int(number(filepath.Join(u.pci, "numa_node"), -1)),
		Compute: u.node.architecture(), Memory: u.node.memory, Driver: text(s.path("sys/module/amdgpu/version"))}
	d.Model = cmp.Or(modelOf(text(filepath.Join(u.pci, "product_name"))), modelOfChip(u.node.chip), d.Compute)
	if d.Memory == 0 {
		d.Memory = number(filepath.Join(u.pci, "mem_info_vram_total"), 0) / int64(u.parts)
	}
	if u.parts > 1 {
		d.Parent = bine.DeviceID(wholeID(u.node.bus))
		d.Profile = cmp.Or(strings.ToLower(text(filepath.Join(u.pci, "current_compute_partition"))), "xcp")
	}
	return d
}

// Devices lists devices, and the partitions of those that are parted.
func (s *Source) Devices(ctx context.Context) ([]bine.Device, error) {
	units, err := s.units(ctx)
	if err != nil {
		return nil, err
	}
	s.join(units)
	out := make([]bine.Device, len(units))
	for i, u := range units {
		out[i] = u.device
	}
	return out, nil
}

// Use says what each device does. Of a partition the driver does not say how
// busy it is: it counts as busy while a process has memory on it.
func (s *Source) Use(ctx context.Context) ([]bine.DeviceUse, error) {
	units, err := s.units(ctx)
	if err != nil {
		return nil, err
	}
	held := s.held()
	out := make([]bine.DeviceUse, len(units))
	for i, u := range units {
		use := bine.DeviceUse{Device: u.device.ID, At: time.Now().UTC()}
		for pid, bytes := range held[u.node.gpu] {
			use.Processes, use.MemoryUsed = append(use.Processes, pid), use.MemoryUsed+bytes
		}
		slices.Sort(use.Processes)
		switch busy := number(filepath.Join(u.pci, "gpu_busy_percent"), -1); {
		case u.parts == 1 && busy >= 0:
			use.Busy = min(float64(busy)/100, 1)
		case len(use.Processes) > 0:
			use.Busy = 1
		}
		if u.parts == 1 {
			use.MemoryUsed = number(filepath.Join(u.pci, "mem_info_vram_used"), use.MemoryUsed)
		}
		use.MemoryUsed = min(use.MemoryUsed, u.device.Memory)
		use.Power = sensor(u.pci, 1e6, "power1_average", "power1_input") / float64(u.parts)
		use.Temperature = sensor(u.pci, 1e3, "temp1_input", "temp2_input")
		out[i] = use
	}
	return out, nil
}

// held gives the memory that processes have, by the number of the device and
// their own. KFD lists every process at every device.
func (s *Source) held() map[uint64]map[int]int64 {
	out := map[uint64]map[int]int64{}
	files, _ := filepath.Glob(s.path("sys/class/kfd/kfd/proc/[0-9]*/vram_*")) // the pattern is well-formed
	for _, path := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		gpu, bad := strconv.ParseUint(strings.TrimPrefix(filepath.Base(path), "vram_"), 10, 64)
		bytes := number(path, 0)
		if err != nil || bad != nil || bytes <= 0 {
			continue
		}
		if out[gpu] == nil {
			out[gpu] = map[int]int64{}
		}
		out[gpu][pid] = bytes
	}
	return out
}

// sensor reads the first of some files of the device's sensors, in parts of a unit.
func sensor(pci string, parts float64, names ...string) float64 {
	for _, name := range names {
		found, _ := filepath.Glob(filepath.Join(pci, "hwmon", "hwmon*", name)) // the pattern is well-formed
		for _, path := range found {
			if n := number(path, 0); n > 0 {
				return float64(n) / parts
			}
		}
	}
	return 0
}

// Test looks whether a device is there and its files can be opened.
func (s *Source) Test(ctx context.Context, id bine.DeviceID) error {
	units, err := s.units(ctx)
	if err != nil {
		return err
	}
	for _, u := range units {
		if u.device.ID != id {
			continue
		}
		for _, path := range []string{"dev/kfd", fmt.Sprintf("dev/dri/renderD%d", u.node.minor)} {
			f, err := os.OpenFile(s.path(path), os.O_RDWR, 0)
			if errors.Is(err, fs.ErrPermission) {
				return bine.Errorf(bine.Unavailable, "device %s: the agent may not open /%s: add its user to the group of that file (render or video)", id, path)
			}
			if err != nil {
				return bine.Errorf(bine.Unavailable, "device %s: /%s cannot be opened: %w", id, path, err)
			}
			_ = f.Close()
		}
		return nil
	}
	return bine.Errorf(bine.NotFound, "this host has no device %s of AMD", id)
}

// Environment shows a process its devices. ROCm's runtime takes the number that
// a device was made with; partitions that share one, and devices without, are
// known to it by their place. It shows none where the variable is set and empty.
// HIP, which is above it, counts what it leaves.
func (s *Source) Environment(granted []bine.DeviceID) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tokens, places []string
	for _, id := range granted {
		if token, known := s.tokens[id]; known {
			places = append(places, strconv.Itoa(len(tokens)))
			tokens = append(tokens, token)
		}
	}
	return map[string]string{"ROCR_VISIBLE_DEVICES": strings.Join(tokens, ","), "HIP_VISIBLE_DEVICES": strings.Join(places, ",")}
}

// Close does nothing: there is nothing to give back.
func (s *Source) Close() error { return nil }
