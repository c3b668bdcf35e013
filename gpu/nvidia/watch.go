//go:build cgo && linux

package nvidia

import (
	"context"
	"fmt"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/bine-ml/bine"
)

// wanted are the events that tell of health.
const wanted = nvml.EventTypeXidCriticalError | nvml.EventTypeDoubleBitEccError | nvml.EventTypeSingleBitEccError |
	nvml.EventTypeGpuUnavailableError | nvml.EventTypeGpuRecoveryAction

// wholeDevice is the number of an instance in an event that is of all of them.
const wholeDevice = 0xFFFFFFFF

// watch waits for events, and looks now and then which devices are there. When
// there are others it begins anew, to hear of those too.
func (l *library) watch(ctx context.Context, tell func(bine.DeviceFault)) error {
	before, err := l.handles()
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		if before, err = l.listen(ctx, before, tell); err != nil {
			return err
		}
	}
	return nil
}

// listen hears events of units until there are others, which it gives.
func (l *library) listen(ctx context.Context, units []unit, tell func(bine.DeviceFault)) ([]unit, error) {
	set, ret := l.nvml.EventSetCreate()
	if ret != nvml.SUCCESS {
		return nil, fault(ret, "wait for events of devices")
	}
	defer set.Free()
	l.register(set, units)
	looked := time.Now()
	for ctx.Err() == nil {
		event, ret := set.Wait(uint32(l.wait.Milliseconds()))
		switch {
		case ret == nvml.SUCCESS:
			for _, f := range l.faults(event, units) {
				tell(f)
			}
		case ret != nvml.ERROR_TIMEOUT && !gone(ret):
			return nil, fault(ret, "wait for events of devices")
		}
		if ret == nvml.SUCCESS || time.Since(looked) < l.look {
			if gone(ret) { // it answers at once, again and again
				time.Sleep(l.wait)
			}
			continue
		}
		now, err := l.handles()
		if err != nil {
			return nil, err
		}
		looked = time.Now()
		if vanished, others := compare(units, now); others {
			for _, id := range vanished {
				tell(lost(id))
			}
			return now, nil
		}
	}
	return units, nil
}

// compare says which units are not there any more, and whether there are others.
func compare(before, now []unit) (vanished []bine.DeviceID, others bool) {
	there := map[bine.DeviceID]bool{}
	for _, u := range now {
		there[u.device.ID] = true
	}
	for _, u := range before {
		if !there[u.device.ID] {
			vanished = append(vanished, u.device.ID)
		}
		delete(there, u.device.ID)
	}
	return vanished, len(vanished) > 0 || len(there) > 0
}

// register asks for the events of each device, as far as it has them.
func (l *library) register(set nvml.EventSet, units []unit) {
	done := map[bine.DeviceID]bool{}
	for _, u := range units {
		if done[u.wholeID()] {
			continue
		}
		done[u.wholeID()] = true
		if has, ret := u.whole.GetSupportedEventTypes(); ret == nvml.SUCCESS && has&wanted != 0 {
			_ = u.whole.RegisterEvents(has&wanted, set) // a device that is lost is found by looking
		}
	}
}

// faults puts an event into words, once for each instance that it is of.
func (l *library) faults(e nvml.EventData, units []unit) []bine.DeviceFault {
	f := l.faultOf(e)
	id, known := "", false
	if e.Device != nil {
		var ret nvml.Return
		id, ret = e.Device.GetUUID()
		known = ret == nvml.SUCCESS
	}
	var out []bine.DeviceFault
	for _, u := range units {
		if known && string(u.wholeID()) == id && u.meant(e) {
			f.Device = u.device.ID
			out = append(out, f)
		}
	}
	if len(out) == 0 { // whose it is cannot be said
		out = append(out, f)
	}
	return out
}

// meant says whether an event of a device is of this instance of it.
func (u unit) meant(e nvml.EventData) bool {
	return u.instance < 0 || e.GpuInstanceId == wholeDevice ||
		int(e.GpuInstanceId) == u.instance && (e.ComputeInstanceId == wholeDevice || int(e.ComputeInstanceId) == u.compute)
}

func (l *library) faultOf(e nvml.EventData) bine.DeviceFault {
	f := bine.DeviceFault{At: time.Now().UTC(), Kind: "driver", Fatal: true}
	switch e.EventType {
	case nvml.EventTypeXidCriticalError:
		return xid("", int(e.EventData), l.o.Ignored)
	case nvml.EventTypeDoubleBitEccError:
		f.Kind, f.Text = "ecc", "uncorrectable error of memory"
	case nvml.EventTypeSingleBitEccError:
		f.Kind, f.Text, f.Fatal = "ecc", "corrected error of memory", false
	case nvml.EventTypeGpuUnavailableError:
		f.Text = "the driver calls the device unavailable"
	case nvml.EventTypeGpuRecoveryAction:
		f.Text = "the driver demands that the device be recovered"
	default:
		f.Text, f.Fatal = fmt.Sprintf("event %d", e.EventType), false
	}
	return f
}
