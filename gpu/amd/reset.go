package amd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

// Reset resets a device that is not parted, by the driver's own recovery where
// the kernel shows it (debugfs), else by the reset of its bus.
func (s *Source) Reset(ctx context.Context, id bine.DeviceID) error {
	units, err := s.units(ctx)
	if err != nil {
		return err
	}
	for _, u := range units {
		if u.device.ID != id {
			continue
		}
		if u.parts > 1 || u.device.Parent != "" {
			return gpu.ErrNoReset
		}
		ask := s.path(fmt.Sprintf("sys/kernel/debug/dri/%d/amdgpu_gpu_recover", u.node.minor))
		if _, err := os.ReadFile(ask); err == nil { // to read it is to ask for it
			return nil
		}
		bus := filepath.Join(u.pci, "reset")
		if _, err := os.Stat(bus); err != nil {
			return gpu.ErrNoReset
		}
		if err := os.WriteFile(bus, []byte("1"), 0); err != nil {
			return bine.Errorf(bine.Unavailable, "reset device %s: %w", id, err)
		}
		return nil
	}
	return gpu.ErrNoReset
}
