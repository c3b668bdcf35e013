package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

// resetWithin is how long a reset may take.
const resetWithin = 3 * time.Minute

// reset resets a device whose test failed, where that is possible and nobody is
// on it, and tests it again. It says what was done, if anything, and gives the
// error of the test that counts.
func (d *devices) reset(ctx context.Context, s *source, id bine.DeviceID, failed error) (done string, err error) {
	resetter, can := s.Source.(gpu.Resetter)
	if !can || !d.resets || ctx.Err() != nil || d.inUse(ctx, s, id) {
		return "", failed
	}
	_, err = ask(ctx, s, laneTest, resetWithin, func(ctx context.Context) (struct{}, error) { return struct{}{}, resetter.Reset(ctx, id) })
	switch {
	case errors.Is(err, gpu.ErrNoReset):
		return "", failed
	case err != nil:
		d.log.Warn("an accelerator could not be reset", "device", id, "error", err)
		return "its reset failed: " + err.Error(), failed
	}
	d.log.Warn("an accelerator was reset", "device", id, "because", failed)
	_, err = ask(ctx, s, laneTest, testWithin, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.Test(ctx, id) })
	return "after a reset, because " + failed.Error(), err
}

// inUse reports whether an attempt holds a device or a part of it, or a process is on it.
func (d *devices) inUse(ctx context.Context, s *source, id bine.DeviceID) bool {
	d.mu.Lock()
	same := map[bine.DeviceID]bool{id: true}
	for _, dev := range d.found {
		same[dev.ID] = same[dev.ID] || dev.Parent == id
	}
	held := false
	for _, grants := range d.held {
		held = held || slices.ContainsFunc(grants, func(g bine.DeviceGrant) bool { return same[g.Device] })
	}
	d.mu.Unlock()
	if held {
		return true
	}
	uses, err := ask(ctx, s, laneUse, testWithin, s.Use)
	if err != nil {
		return false // it does not answer: its driver knows whether anybody is on it
	}
	return slices.ContainsFunc(uses, func(u bine.DeviceUse) bool { return same[u.Device] && len(u.Processes) > 0 })
}
