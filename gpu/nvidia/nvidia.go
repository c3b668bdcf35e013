// Package nvidia finds the accelerators of Nvidia in this host: by NVML, the
// library of the driver, which is loaded at run time, or where the program was
// built without cgo by the program nvidia-smi. A host without a driver has no
// such accelerators, and one whose driver is loaded later has them from then on.
//
// Devices are known by UUID. The instances of a device in MIG mode are devices
// themselves. Several processes may look at once: nothing here changes a device.
package nvidia

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bine-ml/bine"
)

// Options say how devices are looked at. Zero values are those of a real host.
type Options struct {
	Root string // where /dev, /proc and /sys are; "" is /
	// Ignored are the numbers of XIDs that are a program's own fault; nil is
	// ApplicationXIDs.
	Ignored []int
}

// ApplicationXIDs are those that a program causes on a device that is well: 13
// (exception of the graphics engine), 31 (page fault), 43 (reset of a channel),
// 45 (channels that were cleaned up), 68 (exception of the video processor) and
// 109 (time-out of a context switch). The device plugin of Nvidia for Kubernetes
// ignores the same.
func ApplicationXIDs() []int { return []int{13, 31, 43, 45, 68, 109} }

// driver is a way to look at devices.
type driver interface {
	devices(ctx context.Context) ([]bine.Device, error)
	use(ctx context.Context) ([]bine.DeviceUse, error)
	watch(ctx context.Context, tell func(bine.DeviceFault)) error
	test(ctx context.Context, id bine.DeviceID) error
	close() error
}

// Source is a gpu.Source.
type Source struct {
	load  func() (driver, error) // nil and no error: there is no driver
	reset func(ctx context.Context, id bine.DeviceID) error

	using    sync.RWMutex       // held by who uses the driver, for writing by who resets a device
	gate     sync.Mutex         // held by who resets a device: no watch begins
	watching context.CancelFunc // ends a watch for a reset; nil: there is none

	mu     sync.Mutex
	driver driver
	closed bool
	next   time.Time // when to look for a driver again
}

// retry is how often a driver is looked for that was not there.
const retry = 30 * time.Second

// New gives the devices of this host.
func New(o Options) *Source {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Ignored == nil {
		o.Ignored = ApplicationXIDs()
	}
	return &Source{load: func() (driver, error) { return load(o) }, reset: resetByProgram}
}

// open gives the driver; nil where there is none.
func (s *Source) open(ctx context.Context) (driver, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.driver != nil || s.closed || time.Now().Before(s.next) {
		return s.driver, nil
	}
	d, err := s.load()
	if err != nil || d == nil {
		s.next = time.Now().Add(retry)
		return nil, err
	}
	s.driver = d
	return d, nil
}

// Devices lists devices, and the instances of those in MIG mode.
func (s *Source) Devices(ctx context.Context) ([]bine.Device, error) {
	s.using.RLock()
	defer s.using.RUnlock()
	d, err := s.open(ctx)
	if d == nil {
		return nil, err
	}
	return d.devices(ctx)
}

// Use says what each device does. Of an instance of MIG the driver does not say
// how busy it is: it counts as busy while a process is on it.
func (s *Source) Use(ctx context.Context) ([]bine.DeviceUse, error) {
	s.using.RLock()
	defer s.using.RUnlock()
	d, err := s.open(ctx)
	if d == nil {
		return nil, err
	}
	return d.use(ctx)
}

// Watch tells of XIDs, errors of memory and devices that vanish.
func (s *Source) Watch(ctx context.Context, tell func(bine.DeviceFault)) error {
	for {
		d, err := s.open(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if d != nil || err != nil {
			again := false
			if err == nil {
				again, err = s.watchUntilReset(ctx, tell)
			}
			if ctx.Err() != nil {
				return nil
			}
			if again {
				continue
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retry):
		}
	}
}

// Test looks whether a device answers, and demands no reset.
func (s *Source) Test(ctx context.Context, id bine.DeviceID) error {
	s.using.RLock()
	defer s.using.RUnlock()
	d, err := s.open(ctx)
	if err == nil && d == nil {
		err = unknown(id)
	}
	if err != nil {
		return err
	}
	return d.test(ctx, id)
}

// Close lets go of the driver.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.driver
	s.driver, s.closed = nil, true
	if d == nil {
		return nil
	}
	return d.close()
}

// Environment shows a process its devices. CUDA takes the UUIDs of devices and of
// instances, and shows none at all where the variable is set and empty; the
// container runtime of Nvidia has a variable and a word of its own.
func (s *Source) Environment(granted []bine.DeviceID) map[string]string {
	if len(granted) == 0 {
		return map[string]string{"CUDA_VISIBLE_DEVICES": "", "NVIDIA_VISIBLE_DEVICES": "void"}
	}
	words := make([]string, len(granted))
	for i, id := range granted {
		words[i] = string(id)
	}
	list := strings.Join(words, ",")
	return map[string]string{"CUDA_VISIBLE_DEVICES": list, "NVIDIA_VISIBLE_DEVICES": list}
}

func unknown(id bine.DeviceID) error {
	return bine.Errorf(bine.NotFound, "this host has no device %s of Nvidia", id)
}

// modelOf makes one word of a name, without what all names have.
func modelOf(name string) string {
	var words []string
	for word := range strings.FieldsSeq(name) {
		switch word {
		case "NVIDIA", "Tesla", "GeForce", "Quadro", "Graphics", "Device":
		case "MIG":
			return strings.Join(words, "-") // the profile follows
		default:
			words = append(words, strings.NewReplacer(",", "-", "=", "-").Replace(word))
		}
	}
	if len(words) == 0 {
		return "unknown"
	}
	return strings.Join(words, "-")
}

// files lists what a process opens to use the device of a minor number.
func files(minor string) []string {
	return []string{"/dev/nvidia" + minor, "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"}
}

// lost is the fault of a device that is not there any more.
func lost(id bine.DeviceID) bine.DeviceFault {
	return bine.DeviceFault{Device: id, At: time.Now().UTC(), Kind: "lost", Text: "the driver does not show the device any more", Fatal: true}
}

// numaOf reads the node of memory that is nearest to a PCI address. NVML has a
// call of that name, but it tells of devices that are nodes themselves.
func numaOf(root, bus string) int {
	return readInt(filepath.Join(root, "sys/bus/pci/devices", bus, "numa_node"), -1)
}
