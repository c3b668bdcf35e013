package nvidia

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

// resetByProgram resets a device. The library of the driver has no call for it.
func resetByProgram(ctx context.Context, id bine.DeviceID) error {
	path, err := exec.LookPath("nvidia-smi")
	if err != nil {
		return gpu.ErrNoReset
	}
	out, err := exec.CommandContext(ctx, path, "--gpu-reset", "-i", string(id)).CombinedOutput()
	if err != nil {
		return bine.Errorf(bine.Unavailable, "nvidia-smi --gpu-reset: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// letGo is how long a reset waits for others to let go of the driver.
const letGo = 10 * time.Second

// Reset resets a device, but no instance of MIG: that would reset all of its
// device. The driver is let go of meanwhile, since it resets no device that
// anybody has open, not even to look.
func (s *Source) Reset(ctx context.Context, id bine.DeviceID) error {
	all, err := s.Devices(ctx)
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.Parent == id {
			return gpu.ErrNoReset
		}
		if d.ID == id && d.Parent == "" {
			return s.alone(ctx, func() error { return s.reset(ctx, id) })
		}
	}
	return gpu.ErrNoReset
}

// alone does something while nobody uses the driver and it is closed.
func (s *Source) alone(ctx context.Context, do func() error) error {
	s.gate.Lock()
	defer s.gate.Unlock()
	deadline := time.Now().Add(letGo)
	for !s.using.TryLock() { // no lock that waits: it would keep out those who look, behind one whose call hangs
		s.mu.Lock()
		if s.watching != nil {
			s.watching()
		}
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return bine.Errorf(bine.Unavailable, "the driver is in use by a look that does not end")
		}
	}
	defer s.using.Unlock()
	s.mu.Lock()
	d := s.driver
	s.driver, s.next = nil, time.Time{}
	s.mu.Unlock()
	var closed error
	if d != nil {
		closed = d.close()
	}
	return errors.Join(do(), closed)
}

// watchUntilReset watches until ctx ends, the driver fails, or a device is to be
// reset: then again is set.
func (s *Source) watchUntilReset(ctx context.Context, tell func(bine.DeviceFault)) (again bool, err error) {
	s.gate.Lock()
	s.using.RLock()
	s.gate.Unlock()
	defer s.using.RUnlock()
	d, err := s.open(ctx)
	if err != nil || d == nil {
		return err == nil, err
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.watching = cancel
	s.mu.Unlock()
	err = d.watch(inner, tell)
	return inner.Err() != nil, err
}
