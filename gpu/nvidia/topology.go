//go:build cgo && linux

package nvidia

import (
	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/bine-ml/bine"
)

// topology finds the best way between each two devices, by id. What the driver
// does not tell is left out.
func (l *library) topology(units []unit) map[[2]bine.DeviceID]bine.DeviceLink {
	whole := map[bine.DeviceID]nvml.Device{}
	bus := map[string]bine.DeviceID{}
	var order []bine.DeviceID
	for _, u := range units {
		id := u.wholeID()
		if whole[id] == nil {
			whole[id], bus[u.device.Bus] = u.whole, id
			order = append(order, id)
		}
	}
	links := map[[2]bine.DeviceID]int{}
	toSwitch := map[bine.DeviceID]int{}
	for id, h := range whole {
		for peer, n := range l.nvlinks(h, bus) {
			if peer == "" {
				toSwitch[id] = n
			} else {
				links[[2]bine.DeviceID{id, peer}] = n
			}
		}
	}
	out := map[[2]bine.DeviceID]bine.DeviceLink{}
	for i, a := range order {
		for _, b := range order[i+1:] {
			n := max(links[[2]bine.DeviceID{a, b}], links[[2]bine.DeviceID{b, a}], min(toSwitch[a], toSwitch[b]))
			link := bine.DeviceLink{Kind: bine.LinkNVLink, Count: n}
			if n == 0 {
				level, ret := whole[a].GetTopologyCommonAncestor(whole[b])
				if ret != nvml.SUCCESS {
					continue
				}
				link.Kind = kindOf(level)
			}
			link.To = b
			out[[2]bine.DeviceID{a, b}] = link
			link.To = a
			out[[2]bine.DeviceID{b, a}] = link
		}
	}
	return out
}

func (u unit) wholeID() bine.DeviceID {
	if u.device.Parent != "" {
		return u.device.Parent
	}
	return u.device.ID
}

// nvlinks counts the active links of a device by what is at their other end; ""
// is a switch, which joins everything that is linked to it.
func (l *library) nvlinks(h nvml.Device, bus map[string]bine.DeviceID) map[bine.DeviceID]int {
	out := map[bine.DeviceID]int{}
	for link := range nvml.NVLINK_MAX_LINKS {
		state, ret := h.GetNvLinkState(link)
		if ret == nvml.ERROR_NOT_SUPPORTED || ret == nvml.ERROR_INVALID_ARGUMENT {
			break // there are no more
		}
		if ret != nvml.SUCCESS || state != nvml.FEATURE_ENABLED {
			continue
		}
		if pci, ret := h.GetNvLinkRemotePciInfo(link); ret == nvml.SUCCESS {
			if peer, ok := bus[busOf(pci)]; ok {
				out[peer]++
				continue
			}
		}
		if l.has("nvmlDeviceGetNvLinkRemoteDeviceType") {
			if kind, ret := h.GetNvLinkRemoteDeviceType(link); ret == nvml.SUCCESS && kind == nvml.NVLINK_DEVICE_TYPE_SWITCH {
				out[""]++
			}
		}
	}
	return out
}

func kindOf(level nvml.GpuTopologyLevel) bine.LinkKind {
	switch level {
	case nvml.TOPOLOGY_INTERNAL, nvml.TOPOLOGY_SINGLE:
		return bine.LinkSwitch
	case nvml.TOPOLOGY_MULTIPLE:
		return bine.LinkBridge
	case nvml.TOPOLOGY_HOSTBRIDGE, nvml.TOPOLOGY_NODE:
		return bine.LinkNode
	default:
		return bine.LinkSystem
	}
}

// join notes the ways in the units. Instances of MIG do not use NVLink among
// each other; those of one device reach each other within it, which is no link.
func join(ways map[[2]bine.DeviceID]bine.DeviceLink, units []unit) {
	for i := range units {
		for j := range units {
			way, ok := ways[[2]bine.DeviceID{units[i].wholeID(), units[j].wholeID()}]
			if !ok {
				continue
			}
			way.To = units[j].device.ID
			if way.Kind == bine.LinkNVLink && (units[i].device.Parent != "" || units[j].device.Parent != "") {
				way = bine.DeviceLink{To: way.To, Kind: bine.LinkSystem}
				if n := units[i].device.NUMA; n >= 0 && n == units[j].device.NUMA {
					way.Kind = bine.LinkNode
				}
			}
			units[i].device.Links = append(units[i].device.Links, way)
		}
	}
}
