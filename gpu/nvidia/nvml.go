//go:build cgo && linux

package nvidia

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/bine-ml/bine"
)

// load opens the library of the driver.
func load(o Options) (driver, error) {
	n := nvml.New()
	switch ret := n.Init(); ret {
	case nvml.SUCCESS:
	case nvml.ERROR_LIBRARY_NOT_FOUND:
		return loadProgram(o) // which may find it elsewhere
	case nvml.ERROR_DRIVER_NOT_LOADED:
		return nil, nil
	default:
		return nil, fault(ret, "open the library of Nvidia's driver")
	}
	return newLibrary(n, o, func(d nvml.Device) (nvml.GpuFabricInfo_v2, nvml.Return) { return d.GetGpuFabricInfoV().V2() }), nil
}

// library looks at devices by NVML.
type library struct {
	o      Options
	nvml   nvml.Interface
	fabric func(nvml.Device) (nvml.GpuFabricInfo_v2, nvml.Return)
	wait   time.Duration // for one event
	look   time.Duration // between looks for devices that vanished

	mu    sync.Mutex
	known map[string]bool // whether the driver has a call of this name
	last  []unit          // as they were found the last time
	found time.Time       // when that was
}

func newLibrary(n nvml.Interface, o Options, fabric func(nvml.Device) (nvml.GpuFabricInfo_v2, nvml.Return)) *library {
	return &library{o: o, nvml: n, fabric: fabric, wait: time.Second, look: 2 * time.Second, known: map[string]bool{}}
}

// has asks whether the driver has a call. Calling one that it has not would end
// the program.
func (l *library) has(call string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	has, asked := l.known[call]
	if !asked {
		has = l.nvml.Extensions().LookupSymbol(call) == nil
		l.known[call] = has
	}
	return has
}

// fault puts what NVML answers into an error.
func fault(ret nvml.Return, what string) error {
	return bine.Errorf(bine.Unavailable, "%s: the driver answers %w", what, ret)
}

// unit is what can be granted: a device, or an instance of one.
type unit struct {
	device            bine.Device
	handle            nvml.Device
	whole             nvml.Device // the device that an instance is part of
	instance, compute int         // of an instance; -1
	parts             int         // into which the device is parted
}

// gone says that a device does not answer because it is not there any more.
func gone(ret nvml.Return) bool {
	return ret == nvml.ERROR_GPU_IS_LOST || ret == nvml.ERROR_NOT_FOUND
}

// units finds what is there. Devices that are lost are left out.
func (l *library) units() ([]unit, error) {
	n, ret := l.nvml.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return nil, fault(ret, "count devices")
	}
	version, _ := l.nvml.SystemGetDriverVersion() // "" where it is not told
	var out []unit
	for i := range n {
		handle, ret := l.nvml.DeviceGetHandleByIndex(i)
		if gone(ret) {
			continue
		}
		if ret != nvml.SUCCESS {
			return nil, fault(ret, fmt.Sprintf("open device %d", i))
		}
		d, err := l.describe(i, handle)
		if errors.Is(err, nvml.ERROR_GPU_IS_LOST) || errors.Is(err, nvml.ERROR_NOT_FOUND) {
			continue
		}
		if err != nil {
			return nil, err
		}
		d.Driver = version
		parts, err := l.instances(d, handle)
		if err != nil {
			return nil, err
		}
		out = append(out, parts...)
	}
	return out, nil
}

// keep is how long what is known of devices counts, where they are the same.
const keep = 10 * time.Second

// handles finds the units, for watching and sampling: where the devices are
// those of a moment ago, all else is not asked for again.
func (l *library) handles() ([]unit, error) {
	n, ret := l.nvml.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return nil, fault(ret, "count devices")
	}
	there := map[bine.DeviceID]bool{}
	for i := range n {
		if handle, ret := l.nvml.DeviceGetHandleByIndex(i); ret == nvml.SUCCESS {
			if id, ret := handle.GetUUID(); ret == nvml.SUCCESS {
				there[bine.DeviceID(id)] = true
			}
		}
	}
	l.mu.Lock()
	last, fresh := l.last, time.Since(l.found) < keep
	l.mu.Unlock()
	same := map[bine.DeviceID]bool{}
	for _, u := range last {
		same[u.wholeID()] = true
	}
	if fresh && maps.Equal(there, same) {
		return last, nil
	}
	now, err := l.units()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.found = now, time.Now()
	return now, nil
}

// describe asks for what stays the same of a device.
func (l *library) describe(index int, h nvml.Device) (bine.Device, error) {
	what := fmt.Sprintf("ask device %d", index)
	id, ret := h.GetUUID()
	if ret != nvml.SUCCESS {
		return bine.Device{}, fault(ret, what)
	}
	name, ret := h.GetName()
	if ret != nvml.SUCCESS {
		return bine.Device{}, fault(ret, what)
	}
	memory, ret := h.GetMemoryInfo()
	if ret != nvml.SUCCESS {
		return bine.Device{}, fault(ret, what)
	}
	pci, ret := h.GetPciInfo()
	if ret != nvml.SUCCESS {
		return bine.Device{}, fault(ret, what)
	}
	d := bine.Device{ID: bine.DeviceID(id), Vendor: bine.VendorNvidia, Model: modelOf(name), Index: index, Memory: int64(memory.Total), Bus: busOf(pci)}
	d.NUMA = numaOf(l.o.Root, d.Bus)
	if major, minor, ret := h.GetCudaComputeCapability(); ret == nvml.SUCCESS {
		d.Compute = fmt.Sprintf("%d.%d", major, minor)
	}
	if minor, ret := h.GetMinorNumber(); ret == nvml.SUCCESS {
		d.Files = files(fmt.Sprint(minor))
	}
	d.Fabric = l.fabricOf(h)
	return d, nil
}

func busOf(p nvml.PciInfo) string { return fmt.Sprintf("%04x:%02x:%02x.0", p.Domain, p.Bus, p.Device) }

// fabricOf names what joins devices of several hosts: cluster and clique.
func (l *library) fabricOf(h nvml.Device) string {
	if !l.has("nvmlDeviceGetGpuFabricInfoV") {
		return ""
	}
	info, ret := l.fabric(h)
	if ret != nvml.SUCCESS || info.State != nvml.GPU_FABRIC_STATE_COMPLETED || nvml.Return(info.Status) != nvml.SUCCESS || info.ClusterUuid == [16]uint8{} {
		return ""
	}
	return fmt.Sprintf("%x.%d", info.ClusterUuid, info.CliqueId)
}

// instances gives the instances of a device in MIG mode, or the device.
func (l *library) instances(d bine.Device, h nvml.Device) ([]unit, error) {
	whole := unit{device: d, handle: h, whole: h, instance: -1, compute: -1, parts: 1}
	mode, _, ret := h.GetMigMode()
	if ret != nvml.SUCCESS || mode != nvml.DEVICE_MIG_ENABLE {
		return []unit{whole}, nil
	}
	most, ret := h.GetMaxMigDeviceCount()
	if ret != nvml.SUCCESS {
		return nil, fault(ret, fmt.Sprintf("count the instances of device %d", d.Index))
	}
	var out []unit
	for i := range most {
		part, ret := h.GetMigDeviceHandleByIndex(i)
		if ret == nvml.ERROR_NOT_FOUND || ret == nvml.ERROR_INVALID_ARGUMENT {
			continue
		}
		if ret != nvml.SUCCESS {
			return nil, fault(ret, fmt.Sprintf("open instance %d of device %d", i, d.Index))
		}
		u, err := l.instance(d, h, part)
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	for i := range out {
		out[i].parts = len(out)
	}
	return out, nil
}

func (l *library) instance(d bine.Device, whole, part nvml.Device) (unit, error) {
	what := fmt.Sprintf("ask an instance of device %d", d.Index)
	id, ret := part.GetUUID()
	if ret != nvml.SUCCESS {
		return unit{}, fault(ret, what)
	}
	attributes, ret := part.GetAttributes()
	if ret != nvml.SUCCESS {
		return unit{}, fault(ret, what)
	}
	instance, ret := part.GetGpuInstanceId()
	if ret != nvml.SUCCESS {
		return unit{}, fault(ret, what)
	}
	compute, ret := part.GetComputeInstanceId()
	if ret != nvml.SUCCESS {
		return unit{}, fault(ret, what)
	}
	d.Parent, d.ID, d.Memory = d.ID, bine.DeviceID(id), int64(attributes.MemorySizeMB)<<20
	d.Profile = profileOf(attributes)
	if minor, ret := whole.GetMinorNumber(); ret == nvml.SUCCESS {
		d.Files = append(d.Files, instanceFiles(l.o.Root, minor, instance, compute)...)
	}
	return unit{device: d, handle: part, whole: whole, instance: instance, compute: compute}, nil
}

// profileOf names an instance as nvidia-smi does: by its slices and its memory
// in whole GiB, rounded up.
func profileOf(a nvml.DeviceAttributes) string {
	size := math.Ceil(float64(a.MemorySizeMB) / 1024)
	if a.ComputeInstanceSliceCount != a.GpuInstanceSliceCount {
		return fmt.Sprintf("%dc.%dg.%.0fgb", a.ComputeInstanceSliceCount, a.GpuInstanceSliceCount, size)
	}
	return fmt.Sprintf("%dg.%.0fgb", a.GpuInstanceSliceCount, size)
}

func (l *library) devices(ctx context.Context) ([]bine.Device, error) {
	units, err := l.units()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	join(l.topology(units), units)
	out := make([]bine.Device, len(units))
	for i, u := range units {
		out[i] = u.device
	}
	return out, nil
}

func (l *library) close() error {
	if ret := l.nvml.Shutdown(); ret != nvml.SUCCESS {
		return fault(ret, "close the library of Nvidia's driver")
	}
	return nil
}

// find opens a device or an instance.
func (l *library) find(id bine.DeviceID) (unit, error) {
	units, err := l.units()
	if err != nil {
		return unit{}, err
	}
	for _, u := range units {
		if u.device.ID == id {
			return u, nil
		}
	}
	return unit{}, unknown(id)
}

// test asks a device what it needs: an answer, no reset, and rows of memory to
// spare.
func (l *library) test(ctx context.Context, id bine.DeviceID) error {
	u, err := l.find(id)
	if err != nil {
		return err
	}
	if _, ret := u.handle.GetMemoryInfo(); ret != nvml.SUCCESS {
		return fault(ret, fmt.Sprintf("ask device %s for its memory", id))
	}
	if action := l.recovery(u.whole); action != "" {
		return bine.Errorf(bine.Unavailable, "device %s demands %s", id, action)
	}
	if l.has("nvmlDeviceGetRemappedRows") {
		_, _, pending, failed, ret := u.whole.GetRemappedRows()
		switch {
		case ret == nvml.SUCCESS && failed:
			return bine.Errorf(bine.Unavailable, "device %s has no spare rows of memory left: it must be replaced", id)
		case ret == nvml.SUCCESS && pending:
			return bine.Errorf(bine.Unavailable, "device %s has rows of memory that a reset remaps", id)
		}
	}
	return ctx.Err()
}

// recovery says what the driver wants done with a device; "" is nothing.
func (l *library) recovery(h nvml.Device) string {
	fields := []nvml.FieldValue{{FieldId: nvml.FI_DEV_GET_GPU_RECOVERY_ACTION}}
	if ret := h.GetFieldValues(fields); ret != nvml.SUCCESS || nvml.Return(fields[0].NvmlReturn) != nvml.SUCCESS {
		return "" // drivers before 560 do not tell
	}
	switch action := nvml.DeviceGpuRecoveryAction(binary.LittleEndian.Uint32(fields[0].Value[:])); action {
	case nvml.GPU_RECOVERY_ACTION_NONE:
		return ""
	case nvml.GPU_RECOVERY_ACTION_GPU_RESET, nvml.GPU_RECOVERY_ACTION_DRAIN_AND_RESET:
		return "a reset"
	case nvml.GPU_RECOVERY_ACTION_NODE_REBOOT:
		return "that the host is started again"
	case nvml.GPU_RECOVERY_ACTION_DRAIN_P2P:
		return "that its peers are drained"
	default:
		return fmt.Sprintf("recovery action %d", action)
	}
}
