package main

import (
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/amd"
	"github.com/bine-ml/bine/gpu/nvidia"
	"github.com/bine-ml/bine/gpu/simulated"
)

// noDevices is what host.devices is where accelerators of the machine are not to be used.
const noDevices = "none"

// accelerators gives the sources of the host's accelerators, and its labels
// with those of the node file.
func accelerators(c hostConfig) ([]gpu.Source, []string, error) {
	switch c.Devices {
	case "":
		return []gpu.Source{nvidia.New(nvidia.Options{Ignored: c.IgnoredXIDs}), amd.New("")}, c.Labels, nil
	case noDevices:
		return nil, c.Labels, nil
	}
	s, err := simulated.Open(c.Devices, bine.HostName(c.Name))
	if err != nil {
		return nil, nil, err
	}
	labels := append(slices.Clone(c.Labels), s.Labels()...)
	slices.Sort(labels)
	return []gpu.Source{s}, slices.Compact(labels), nil
}
