package amd

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
)

// join notes how the units reach each other.
func (s *Source) join(units []unit) {
	for i := range units {
		for j := range units {
			if i != j {
				link := bine.DeviceLink{To: units[j].device.ID, Kind: kindOf(units[i], units[j])}
				if link.Kind == bine.LinkXGMI {
					link.Count = 1
				}
				units[i].device.Links = append(units[i].device.Links, link)
			}
		}
	}
}

// kindOf gives the best way between two units. KFD tells of XGMI; of PCIe the
// places in the tree of devices tell more.
func kindOf(a, b unit) bine.LinkKind {
	if a.node.links[b.node.number] == linkXGMI || b.node.links[a.node.number] == linkXGMI {
		return bine.LinkXGMI
	}
	if a.node.bus == b.node.bus {
		return bine.LinkSwitch
	}
	bridges, otherBridges := bridgesOf(a.pci), bridgesOf(b.pci)
	common := 0
	for common < min(len(bridges), len(otherBridges)) && bridges[common] == otherBridges[common] {
		common++
	}
	switch {
	case common > 1: // below one port of the root, so by a switch
		return bine.LinkSwitch
	case common == 1, a.device.NUMA >= 0 && a.device.NUMA == b.device.NUMA:
		return bine.LinkNode
	default:
		return bine.LinkSystem
	}
}

// bridgesOf lists what is above a device, the root first: pci0000:00, 0000:00:01.1.
func bridgesOf(pci string) []string {
	real, err := filepath.EvalSymlinks(pci)
	if err != nil {
		return nil
	}
	words := strings.Split(filepath.Dir(real), string(filepath.Separator))
	root := slices.IndexFunc(words, func(w string) bool {
		return strings.HasPrefix(w, "pci") && strings.Count(w, ":") == 1 && !strings.HasPrefix(w, "pci:")
	})
	if root < 0 {
		return nil
	}
	return words[root:]
}
