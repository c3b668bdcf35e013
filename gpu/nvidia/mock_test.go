//go:build cgo && linux

package nvidia

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxa100"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/simulated"
)

// rig plays NVML from a node file: the ids, links and instances of a simulated
// source are those of the library, and what happens to the one happens in the
// other.
type rig struct {
	t      *testing.T
	host   bine.HostName
	source *simulated.Source
	server *dgxa100.Server
	gpus   []*dgxa100.Device
	ids    []bine.DeviceID // of the whole devices
	names  map[bine.DeviceID]int
	events chan nvml.EventData

	mu       sync.Mutex
	deaf     bool
	recovery map[int]nvml.DeviceGpuRecoveryAction
	rows     map[int][2]bool // remapping pending, failed
	fails    map[string]nvml.Return
	lacks    map[string]bool // calls that the driver does not have
	fabric   [16]uint8
	switched bool // NVLink goes by way of switches
	pids     map[bine.DeviceID][]uint32
}

func newRig(t *testing.T, text string) *rig {
	t.Helper()
	node, err := simulated.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, host: "h1", source: simulated.New("h1", node), server: dgxa100.New(), names: map[bine.DeviceID]int{},
		events: make(chan nvml.EventData, 100), recovery: map[int]nvml.DeviceGpuRecoveryAction{}, rows: map[int][2]bool{},
		fails: map[string]nvml.Return{}, lacks: map[string]bool{}, pids: map[bine.DeviceID][]uint32{}}
	for _, d := range r.list() {
		if d.Index == len(r.gpus) {
			r.add(d)
		}
	}
	r.server.DeviceGetCountFunc = func() (int, nvml.Return) { return len(r.gpus), r.failing("count") }
	r.server.DeviceGetHandleByIndexFunc = func(i int) (nvml.Device, nvml.Return) {
		if len(r.units(i)) == 0 {
			return nil, nvml.ERROR_GPU_IS_LOST
		}
		return r.gpus[i], nvml.SUCCESS
	}
	r.server.LookupSymbolFunc = func(name string) error {
		if r.lacks[name] {
			return fmt.Errorf("undefined symbol: %s", name)
		}
		return nil
	}
	r.server.EventSetCreateFunc = func() (nvml.EventSet, nvml.Return) {
		return &mock.EventSet{WaitFunc: r.wait, FreeFunc: func() nvml.Return { return nvml.SUCCESS }}, r.failing("events")
	}
	return r
}

func (r *rig) list() []bine.Device {
	all, err := r.source.Devices(r.t.Context())
	if err != nil && r.t.Context().Err() == nil {
		r.t.Error(err)
	}
	return all
}

// units lists what there is of a device.
func (r *rig) units(index int) []bine.Device {
	return slices.DeleteFunc(r.list(), func(d bine.Device) bool { return d.Index != index })
}

func (r *rig) failing(call string) nvml.Return {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fails[call] // SUCCESS is 0
}

func (r *rig) wait(milliseconds uint32) (nvml.EventData, nvml.Return) {
	r.mu.Lock()
	deaf := r.deaf
	r.mu.Unlock()
	if deaf {
		return nvml.EventData{}, nvml.ERROR_UNKNOWN
	}
	select {
	case e := <-r.events:
		return e, nvml.SUCCESS
	case <-time.After(time.Duration(milliseconds) * time.Millisecond):
		return nvml.EventData{}, nvml.ERROR_TIMEOUT
	}
}

func pciOf(bus string) nvml.PciInfo {
	var p nvml.PciInfo
	_, _ = fmt.Sscanf(bus, "%x:%x:%x.0", &p.Domain, &p.Bus, &p.Device)
	return p
}

// add makes the mock of a device.
func (r *rig) add(d bine.Device) {
	i := len(r.gpus)
	id := simulated.ID(r.host, i)
	m := dgxa100.NewDevice(i)
	m.UUID, m.Name, m.MemoryInfo = string(id), "NVIDIA "+d.Model, nvml.Memory{Total: uint64(d.Memory)}
	r.gpus, r.ids = append(r.gpus, m), append(r.ids, id)
	r.names[id] = i
	if d.Parent != "" {
		m.MigMode = nvml.DEVICE_MIG_ENABLE
		m.MemoryInfo.Total = 80 << 30
	}
	m.GetPciInfoFunc = func() (nvml.PciInfo, nvml.Return) { return pciOf(d.Bus), nvml.SUCCESS }
	m.GetMemoryInfoFunc = func() (nvml.Memory, nvml.Return) {
		info := m.MemoryInfo
		for _, u := range r.uses(i) {
			info.Used += uint64(u.MemoryUsed)
		}
		return info, r.failing("memory")
	}
	m.GetMaxMigDeviceCountFunc = func() (int, nvml.Return) { return 7, nvml.SUCCESS }
	m.GetMigDeviceHandleByIndexFunc = func(n int) (nvml.Device, nvml.Return) {
		parts := r.units(i)
		if n >= len(parts) {
			return nil, nvml.ERROR_NOT_FOUND
		}
		return r.part(parts[n], n), nvml.SUCCESS
	}
	r.addTopology(m, i)
	r.addUse(m, i)
	r.addHealth(m, i)
}

func (r *rig) addTopology(m *dgxa100.Device, i int) {
	// peers of NVLink, one for each link
	links := func() (peers []int) {
		for _, l := range r.units(i)[0].Links {
			for range l.Count {
				peers = append(peers, r.indexOf(l.To))
			}
		}
		return peers
	}
	m.GetNvLinkStateFunc = func(link int) (nvml.EnableState, nvml.Return) {
		if link >= len(links()) {
			return nvml.FEATURE_DISABLED, nvml.ERROR_INVALID_ARGUMENT
		}
		return nvml.FEATURE_ENABLED, nvml.SUCCESS
	}
	m.GetNvLinkRemotePciInfoFunc = func(link int) (nvml.PciInfo, nvml.Return) {
		if r.switched {
			return nvml.PciInfo{Domain: 9, Bus: 9}, nvml.SUCCESS
		}
		return pciOf(r.units(links()[link])[0].Bus), nvml.SUCCESS
	}
	m.GetNvLinkRemoteDeviceTypeFunc = func(int) (nvml.IntNvLinkDeviceType, nvml.Return) {
		return nvml.NVLINK_DEVICE_TYPE_SWITCH, nvml.SUCCESS
	}
	m.GetTopologyCommonAncestorFunc = func(other nvml.Device) (nvml.GpuTopologyLevel, nvml.Return) {
		for _, l := range r.units(i)[0].Links {
			if r.indexOf(l.To) == other.(*dgxa100.Device).Index {
				return map[bine.LinkKind]nvml.GpuTopologyLevel{bine.LinkSwitch: nvml.TOPOLOGY_SINGLE, bine.LinkBridge: nvml.TOPOLOGY_MULTIPLE,
					bine.LinkNode: nvml.TOPOLOGY_NODE, bine.LinkSystem: nvml.TOPOLOGY_SYSTEM}[l.Kind], nvml.SUCCESS
			}
		}
		return 0, nvml.ERROR_UNKNOWN
	}
}

func (r *rig) indexOf(id bine.DeviceID) int {
	all := r.list()
	return all[slices.IndexFunc(all, func(d bine.Device) bool { return d.ID == id })].Index
}

// uses lists what the units of a device do.
func (r *rig) uses(i int) (out []bine.DeviceUse) {
	all, _ := r.source.Use(r.t.Context())
	for _, u := range all {
		if slices.ContainsFunc(r.units(i), func(d bine.Device) bool { return d.ID == u.Device }) {
			out = append(out, u)
		}
	}
	return out
}

func (r *rig) running(id bine.DeviceID) func() ([]nvml.ProcessInfo, nvml.Return) {
	return func() (out []nvml.ProcessInfo, _ nvml.Return) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, pid := range r.pids[id] {
			out = append(out, nvml.ProcessInfo{Pid: pid})
		}
		return out, nvml.SUCCESS
	}
}

func (r *rig) addUse(m *dgxa100.Device, i int) {
	m.GetUtilizationRatesFunc = func() (nvml.Utilization, nvml.Return) {
		if m.MigMode == nvml.DEVICE_MIG_ENABLE {
			return nvml.Utilization{}, nvml.ERROR_NOT_SUPPORTED
		}
		all := r.uses(i)
		if len(all) == 0 {
			return nvml.Utilization{}, nvml.ERROR_GPU_IS_LOST
		}
		return nvml.Utilization{Gpu: uint32(all[0].Busy * 100)}, nvml.SUCCESS
	}
	m.GetPowerUsageFunc = func() (uint32, nvml.Return) { return 61500, nvml.SUCCESS }
	m.GetTemperatureFunc = func(nvml.TemperatureSensors) (uint32, nvml.Return) { return 41, nvml.SUCCESS }
	m.GetComputeRunningProcessesFunc = r.running(r.ids[i])
	m.GetMPSComputeRunningProcessesFunc = r.running("mps-" + r.ids[i])
}

func (r *rig) addHealth(m *dgxa100.Device, i int) {
	m.GetSupportedEventTypesFunc = func() (uint64, nvml.Return) {
		return nvml.EventTypeXidCriticalError | nvml.EventTypeDoubleBitEccError | 1<<40, nvml.SUCCESS
	}
	m.RegisterEventsFunc = func(mask uint64, _ nvml.EventSet) nvml.Return {
		if mask != nvml.EventTypeXidCriticalError|nvml.EventTypeDoubleBitEccError {
			r.t.Errorf("events %#x are asked for, of which some are not supported", mask)
		}
		return nvml.SUCCESS
	}
	m.GetFieldValuesFunc = func(fields []nvml.FieldValue) nvml.Return {
		r.mu.Lock()
		defer r.mu.Unlock()
		binary.LittleEndian.PutUint32(fields[0].Value[:], uint32(r.recovery[i]))
		return nvml.SUCCESS
	}
	m.GetRemappedRowsFunc = func() (int, int, bool, bool, nvml.Return) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return 0, 0, r.rows[i][0], r.rows[i][1], nvml.SUCCESS
	}
}

// part makes the mock of the n-th instance of a device.
func (r *rig) part(d bine.Device, n int) nvml.Device {
	slices, _ := strconv.Atoi(strings.Split(d.Profile, "g.")[0])
	return &mock.Device{
		GetUUIDFunc: func() (string, nvml.Return) { return string(d.ID), nvml.SUCCESS },
		GetAttributesFunc: func() (nvml.DeviceAttributes, nvml.Return) {
			return nvml.DeviceAttributes{GpuInstanceSliceCount: uint32(slices), ComputeInstanceSliceCount: uint32(slices), MemorySizeMB: uint64(d.Memory>>20) - 128}, nvml.SUCCESS
		},
		GetGpuInstanceIdFunc:     func() (int, nvml.Return) { return n + 3, nvml.SUCCESS },
		GetComputeInstanceIdFunc: func() (int, nvml.Return) { return 0, nvml.SUCCESS },
		GetMemoryInfoFunc: func() (nvml.Memory, nvml.Return) {
			return nvml.Memory{Total: uint64(d.Memory), Used: 1 << 20}, nvml.SUCCESS
		},
		GetComputeRunningProcessesFunc: r.running(d.ID),
		GetMPSComputeRunningProcessesFunc: func() ([]nvml.ProcessInfo, nvml.Return) {
			return nil, nvml.ERROR_NOT_SUPPORTED
		},
	}
}

// open gives the source on the mock.
func (r *rig) open() *Source {
	root := r.t.TempDir()
	for i, d := range r.gpus {
		pci, _ := d.GetPciInfo()
		write(r.t, filepath.Join(root, "sys/bus/pci/devices", busOf(pci), "numa_node"), fmt.Sprintf("%d\n", i/4))
	}
	return &Source{load: func() (driver, error) {
		l := newLibrary(r.server, Options{Root: root, Ignored: ApplicationXIDs()}, func(nvml.Device) (nvml.GpuFabricInfo_v2, nvml.Return) {
			return nvml.GpuFabricInfo_v2{ClusterUuid: r.fabric, CliqueId: 7, State: nvml.GPU_FABRIC_STATE_COMPLETED}, nvml.SUCCESS
		})
		l.wait, l.look = 20*time.Millisecond, 50*time.Millisecond
		return l, nil
	}}
}
