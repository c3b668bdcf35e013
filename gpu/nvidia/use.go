//go:build cgo && linux

package nvidia

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/bine-ml/bine"
)

// use asks each device what it does. One that is lost meanwhile is left out.
func (l *library) use(ctx context.Context) ([]bine.DeviceUse, error) {
	units, err := l.handles()
	if err != nil {
		return nil, err
	}
	var out []bine.DeviceUse
	for _, u := range units {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		one, ret := l.useOf(u)
		if gone(ret) {
			continue
		}
		if ret != nvml.SUCCESS {
			return nil, fault(ret, fmt.Sprintf("ask device %s what it does", u.device.ID))
		}
		out = append(out, one)
	}
	return out, nil
}

func (l *library) useOf(u unit) (bine.DeviceUse, nvml.Return) {
	out := bine.DeviceUse{Device: u.device.ID, At: time.Now().UTC()}
	memory, ret := u.handle.GetMemoryInfo()
	if ret != nvml.SUCCESS {
		return out, ret
	}
	out.MemoryUsed = min(int64(memory.Used), int64(memory.Total))
	if out.Processes, ret = l.processes(u.handle); ret != nvml.SUCCESS {
		return out, ret
	}
	busy, ret := u.whole.GetUtilizationRates()
	switch {
	case u.instance >= 0 || ret == nvml.ERROR_NOT_SUPPORTED: // the driver does not tell
		if len(out.Processes) > 0 {
			out.Busy = 1
		}
	case ret != nvml.SUCCESS:
		return out, ret
	default:
		out.Busy = min(float64(busy.Gpu)/100, 1)
	}
	if milliwatts, ret := u.whole.GetPowerUsage(); ret == nvml.SUCCESS {
		out.Power = float64(milliwatts) / 1000 / float64(u.parts)
	}
	if degrees, ret := u.whole.GetTemperature(nvml.TEMPERATURE_GPU); ret == nvml.SUCCESS {
		out.Temperature = float64(degrees)
	}
	return out, nvml.SUCCESS
}

// processes lists those that compute, with a context of their own or by MPS.
func (l *library) processes(h nvml.Device) ([]int, nvml.Return) {
	list, ret := h.GetComputeRunningProcesses()
	if ret != nvml.SUCCESS && ret != nvml.ERROR_NOT_SUPPORTED {
		return nil, ret
	}
	if l.has("nvmlDeviceGetMPSComputeRunningProcesses") {
		if more, ret := h.GetMPSComputeRunningProcesses(); ret == nvml.SUCCESS {
			list = append(list, more...)
		}
	}
	var out []int
	for _, p := range list {
		out = append(out, int(p.Pid))
	}
	slices.Sort(out)
	return slices.Compact(out), nvml.SUCCESS
}
