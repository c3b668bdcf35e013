// Package gpu knows accelerators: how people ask for them (Request), and the
// contract by which an agent finds those of its host (Source). Packages nvidia,
// amd and simulated are the ways to be a Source, gputest holds the tests that
// all of them pass, place decides where a request goes, and sim tries out
// policies of placement on recorded or invented work.
package gpu

import (
	"context"
	"errors"

	"github.com/bine-ml/bine"
)

// Source finds the accelerators of the host that it runs on, and watches them.
// Its methods may be called at once from several goroutines.
type Source interface {
	// Devices lists what can be granted, by index: of a device that is parted,
	// its parts. A host without such devices or without their driver has none,
	// and that is no error.
	Devices(ctx context.Context) ([]bine.Device, error)

	// Use says what each device does now.
	Use(ctx context.Context) ([]bine.DeviceUse, error)

	// Watch calls tell with each fault until ctx ends, and then returns nil;
	// else it returns the error after which it cannot see any more, and may be
	// called again. A device that vanishes is a fault, of kind lost. A fault
	// names one of Devices, each part of what broke if that is parted, or none
	// where the driver did not say which.
	Watch(ctx context.Context, tell func(bine.DeviceFault)) error

	// Test looks whether a device works: whether it is there, answers, and
	// demands no reset. The error says what is wrong; it is of kind NotFound
	// where there is no such device, or not any more.
	Test(ctx context.Context, id bine.DeviceID) error

	// Environment gives the variables that show a process these devices and no
	// others. It is never empty: a process that was granted none sees none. It
	// has the same variables whatever is granted, some of them with empty values,
	// which must be set too.
	Environment(granted []bine.DeviceID) map[string]string

	// Close gives back what the source holds.
	Close() error
}

// Resetter is a Source that can reset devices.
type Resetter interface {
	// Reset resets a device on which no process is, and nothing beside it. What
	// cannot be reset, as a part of a device, is ErrNoReset.
	Reset(ctx context.Context, id bine.DeviceID) error
}

// ErrNoReset says that a device cannot be reset from here.
var ErrNoReset = errors.New("the device cannot be reset from here")
