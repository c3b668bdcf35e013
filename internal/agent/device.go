package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/internal/shim"
)

// epochsFile keeps the highest epochs of the devices' grants.
const epochsFile = "epochs.json"

// epochs are the highest that were seen of a device. Whole devices are granted
// to one at a time, shares to several: a share says nothing about another one.
type epochs struct {
	Any   int64 `json:"any"`
	Whole int64 `json:"whole"`
}

// late reports whether g was given away again since.
func (e epochs) late(g bine.DeviceGrant) bool {
	if g.Milli >= wholeDevice {
		return g.Epoch < e.Any
	}
	return g.Epoch < e.Whole
}

func (e epochs) with(g bine.DeviceGrant) epochs {
	e.Any = max(e.Any, g.Epoch)
	if g.Milli >= wholeDevice {
		e.Whole = max(e.Whole, g.Epoch)
	}
	return e
}

// wholeDevice is a grant of all of a device, in thousandths.
const wholeDevice = 1000

// devices is what an agent knows of its host's accelerators.
type devices struct {
	dir     string
	log     *slog.Logger
	sources []*source
	resets  bool // whether devices may be reset that fail their test

	urgent  chan struct{} // holds one where something must be told at once
	changed chan struct{} // holds one where the devices are others

	scan   sync.Mutex // held while the sources are asked for their devices
	mu     sync.Mutex
	found  []bine.Device
	of     map[bine.DeviceID]*source // of every device that was ever there
	epochs map[bine.DeviceID]epochs
	sums   map[bine.DeviceID]*sum
	faults []bine.DeviceFault // not told yet
	tests  []bine.DeviceTest
	tested map[bine.DeviceID]bool // being tested, or not told of yet
	held   map[bine.AttemptID][]bine.DeviceGrant
	// leaving are attempts that are made to leave, true where none of their
	// processes is left and the server is to be told.
	leaving map[bine.AttemptID]bool
}

// newDevices reads what an earlier agent left in dir.
func newDevices(dir string, sources []gpu.Source, log *slog.Logger) (*devices, error) {
	d := &devices{dir: dir, log: log, urgent: make(chan struct{}, 1), changed: make(chan struct{}, 1), of: map[bine.DeviceID]*source{},
		epochs: map[bine.DeviceID]epochs{}, sums: map[bine.DeviceID]*sum{}, tested: map[bine.DeviceID]bool{},
		held: map[bine.AttemptID][]bine.DeviceGrant{}, leaving: map[bine.AttemptID]bool{}}
	for _, s := range sources {
		d.sources = append(d.sources, newSource(s))
	}
	err := readJSON(filepath.Join(dir, epochsFile), &d.epochs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, bine.Errorf(bine.Internal, "the epochs of the host's devices cannot be read: %w; where no process of an earlier agent runs any more, remove %s", err, filepath.Join(dir, epochsFile))
	}
	return d, nil
}

// signal puts one into a channel that holds one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// discover asks all sources for their devices. A source that does not answer
// keeps those that it had.
func (d *devices) discover(ctx context.Context) {
	d.scan.Lock()
	defer d.scan.Unlock()
	var now []bine.Device
	for _, s := range d.sources {
		list, err := ask(ctx, s, laneList, discoverWithin, s.Devices)
		if err != nil {
			if ctx.Err() == nil {
				d.log.Warn("accelerators cannot be listed", "error", err)
			}
			list = d.ofSource(s)
		}
		now = append(now, list...)
		d.mu.Lock()
		for _, dev := range list {
			d.of[dev.ID] = s
		}
		d.mu.Unlock()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !reflect.DeepEqual(d.found, now) {
		d.found = now
		signal(d.changed)
	}
}

func (d *devices) ofSource(s *source) []bine.Device {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []bine.Device
	for _, dev := range d.found {
		if d.of[dev.ID] == s {
			out = append(out, dev)
		}
	}
	return out
}

// list gives the devices that are there, to be told.
func (d *devices) list() []bine.Device {
	select {
	case <-d.changed:
	default:
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.found)
}

// errDeviceGone says that a device which was granted is not there.
var errDeviceGone = errors.New("a device that was granted is not there any more")

// admit lets an attempt hold what it was granted, and notes the epochs on disk
// before a process can use it. It refuses grants of which a later one was seen,
// and those of devices that are not there. It answers which attempts still hold
// a device that was granted to this one: they must be gone before it begins.
func (d *devices) admit(id bine.AttemptID, grants []bine.DeviceGrant) ([]bine.AttemptID, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var others []bine.AttemptID
	for other, held := range d.held {
		switch g := conflict(held, grants); {
		case other == id || g == nil:
		case slices.ContainsFunc(held, func(h bine.DeviceGrant) bool { return h.Device == g.Device && h.Epoch >= g.Epoch }):
			return nil, bine.Errorf(bine.Fenced, "device %s was granted again since: this grant has epoch %d, and attempt %s holds it by a later one", g.Device, g.Epoch, other)
		default:
			others = append(others, other)
		}
	}
	if err := d.note(grants); err != nil { // of what is refused nothing is remembered
		return nil, err
	}
	if len(grants) > 0 {
		d.held[id] = grants
	}
	return others, nil
}

// conflict gives a grant of a device that others hold already, so that there is
// not enough of it for both.
func conflict(held, grants []bine.DeviceGrant) *bine.DeviceGrant {
	for i, g := range grants {
		if slices.ContainsFunc(held, func(h bine.DeviceGrant) bool { return h.Device == g.Device && h.Milli+g.Milli > wholeDevice }) {
			return &grants[i]
		}
	}
	return nil
}

// hold notes what an attempt of an earlier agent holds.
func (d *devices) hold(id bine.AttemptID, grants []bine.DeviceGrant) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(grants) > 0 {
		d.held[id] = grants
	}
}

// release notes that no process of an attempt is left.
func (d *devices) release(id bine.AttemptID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.held, id)
}

// note writes down the epochs of grants.
func (d *devices) note(grants []bine.DeviceGrant) error {
	after := maps.Clone(d.epochs)
	for _, g := range grants {
		if g.Milli < 1 || g.Milli > wholeDevice {
			return bine.Errorf(bine.Invalid, "%d thousandths of device %s were granted", g.Milli, g.Device)
		}
		if d.epochs[g.Device].late(g) {
			return bine.Errorf(bine.Fenced, "device %s was granted again since: this grant has epoch %d, and %d was seen", g.Device, g.Epoch, d.epochs[g.Device].Any)
		}
		if !slices.ContainsFunc(d.found, func(dev bine.Device) bool { return dev.ID == g.Device }) {
			return bine.Errorf(bine.Conflict, "%w: %s", errDeviceGone, g.Device)
		}
		after[g.Device] = after[g.Device].with(g)
	}
	if maps.Equal(after, d.epochs) {
		return nil
	}
	if err := writeSynced(d.dir, epochsFile, after); err != nil {
		return err
	}
	d.epochs = after
	return nil
}

// writeSynced makes a file that a power cut leaves whole: as it was, or as it is.
func writeSynced(dir, name string, v any) error {
	const partial = ".next-"
	if err := shim.Write(dir, partial+name, v); err != nil {
		return err
	}
	for _, path := range []string{filepath.Join(dir, partial+name), dir} {
		f, err := os.Open(path)
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		if err == nil && path != dir {
			err = os.Rename(path, filepath.Join(dir, name))
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// The variables that say which devices a process holds, whoever made them.
const (
	gpusVariable   = "BINE_GPUS"       // ids, parted by commas
	epochsVariable = "BINE_GPU_EPOCHS" // the epoch of each, in the same order
)

// environment shows a process what it was granted and nothing else. Variables
// that are empty must be set too.
func (d *devices) environment(grants []bine.DeviceGrant) map[string]string {
	env := map[string]string{}
	for _, s := range d.sources {
		var mine []bine.DeviceID
		d.mu.Lock()
		for _, g := range grants {
			if d.of[g.Device] == s {
				mine = append(mine, g.Device)
			}
		}
		d.mu.Unlock()
		maps.Copy(env, s.Environment(mine))
	}
	var ids, numbers []string
	for _, g := range grants {
		ids, numbers = append(ids, string(g.Device)), append(numbers, strconv.FormatInt(g.Epoch, 10))
	}
	if len(d.sources) > 0 {
		env[gpusVariable], env[epochsVariable] = strings.Join(ids, ","), strings.Join(numbers, ",")
	}
	return env
}

// files lists the device files of what was granted.
func (d *devices) files(grants []bine.DeviceGrant) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for _, dev := range d.found {
		if slices.ContainsFunc(grants, func(g bine.DeviceGrant) bool { return g.Device == dev.ID }) {
			out = append(out, dev.Files...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// close gives back what the sources hold.
func (d *devices) close() {
	for _, s := range d.sources {
		if err := s.Close(); err != nil {
			d.log.Warn("accelerators were not given back well", "error", err)
		}
	}
}

// source is a gpu.Source that is asked one thing of a kind at a time: a driver that hangs
// must not take one more goroutine each second.
type source struct {
	gpu.Source
	lanes [lanes]chan struct{} // each holds one while it is free
}

// The kinds of calls, which do not wait for each other.
const (
	laneList = iota
	laneUse
	laneTest
	lanes
)

func newSource(s gpu.Source) *source {
	out := &source{Source: s}
	for i := range out.lanes {
		out.lanes[i] = make(chan struct{}, 1)
		out.lanes[i] <- struct{}{}
	}
	return out
}

const (
	discoverWithin = 20 * time.Second
	testWithin     = 60 * time.Second
)

// errSilent says that a driver does not answer.
var errSilent = errors.New("the driver does not answer")

// ask calls do, which may hang for ever: then the error is errSilent.
func ask[T any](ctx context.Context, s *source, lane int, within time.Duration, do func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	ctx, done := context.WithTimeoutCause(ctx, within, errSilent)
	defer done()
	var none T
	select {
	case <-s.lanes[lane]:
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
	answers := make(chan answer, 1)
	go func() {
		defer func() { s.lanes[lane] <- struct{}{} }()
		v, err := do(ctx)
		answers <- answer{v, err}
	}()
	select {
	case a := <-answers:
		if a.err != nil && ctx.Err() != nil {
			return none, context.Cause(ctx)
		}
		return a.value, a.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}
