package nvidia

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/bine-ml/bine"
)

// program looks at devices by nvidia-smi. It sees no XIDs: of what goes wrong it
// tells errors of memory, what the driver demands, and devices that vanish.
type program struct {
	o    Options
	run  func(ctx context.Context, args ...string) ([]byte, error)
	look time.Duration // between looks at the health of devices
}

// loadProgram finds nvidia-smi.
func loadProgram(o Options) (driver, error) {
	path, err := exec.LookPath("nvidia-smi")
	if err != nil {
		return nil, nil // there is no driver
	}
	run := func(ctx context.Context, args ...string) ([]byte, error) {
		out, err := exec.CommandContext(ctx, path, args...).Output()
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			return nil, bine.Errorf(bine.Unavailable, "nvidia-smi %v ended with code %d: %s", args, e.ExitCode(), slices.Concat(out, e.Stderr))
		}
		return out, err
	}
	return &program{o: o, run: run, look: 5 * time.Second}, nil
}

// state is all that nvidia-smi tells of a unit.
type state struct {
	device bine.Device
	use    bine.DeviceUse
	errors int    // uncorrected, of memory, since the driver was loaded
	wants  string // what must be done with the device; "" is nothing
}

func (p *program) states(ctx context.Context) ([]state, error) {
	text, err := p.run(ctx, "-q", "-x")
	if err != nil {
		return nil, err
	}
	log, err := parseLog(text)
	if err != nil {
		return nil, err
	}
	var names []byte
	if log.parted() {
		if names, err = p.run(ctx, "-L"); err != nil {
			return nil, err
		}
	}
	return log.states(p.o.Root, parseNames(names))
}

func (p *program) devices(ctx context.Context) ([]bine.Device, error) {
	states, err := p.states(ctx)
	if err != nil {
		return nil, err
	}
	compute := map[bine.DeviceID]string{}
	if text, err := p.run(ctx, "--query-gpu=uuid,compute_cap", "--format=csv,noheader"); err == nil { // old ones do not know it
		compute = parseCompute(text)
	}
	matrix := map[[2]int]bine.DeviceLink{}
	if text, err := p.run(ctx, "topo", "-m"); err == nil {
		matrix = parseTopology(text)
	}
	out := make([]bine.Device, len(states))
	for i, s := range states {
		out[i] = s.device
		out[i].Compute = compute[s.whole()]
	}
	link(out, matrix)
	return out, nil
}

func (s state) whole() bine.DeviceID {
	if s.device.Parent != "" {
		return s.device.Parent
	}
	return s.device.ID
}

// link notes how the devices reach each other, by their indices.
func link(devices []bine.Device, matrix map[[2]int]bine.DeviceLink) {
	for i := range devices {
		for j := range devices {
			a, b := &devices[i], devices[j]
			way, ok := matrix[[2]int{a.Index, b.Index}]
			if !ok {
				continue
			}
			way.To = b.ID
			if way.Kind == bine.LinkNVLink && (a.Parent != "" || b.Parent != "") {
				way = bine.DeviceLink{To: b.ID, Kind: bine.LinkSystem}
				if a.NUMA >= 0 && a.NUMA == b.NUMA {
					way.Kind = bine.LinkNode
				}
			}
			a.Links = append(a.Links, way)
		}
	}
}

func (p *program) use(ctx context.Context) ([]bine.DeviceUse, error) {
	states, err := p.states(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]bine.DeviceUse, len(states))
	for i, s := range states {
		out[i] = s.use
	}
	return out, nil
}

func (p *program) test(ctx context.Context, id bine.DeviceID) error {
	states, err := p.states(ctx)
	if err != nil {
		return err
	}
	for _, s := range states {
		if s.device.ID == id && s.wants != "" {
			return bine.Errorf(bine.Unavailable, "device %s demands %s", id, s.wants)
		}
		if s.device.ID == id {
			return nil
		}
	}
	return unknown(id)
}

// watch compares what is told now with what was before.
func (p *program) watch(ctx context.Context, tell func(bine.DeviceFault)) error {
	var before []state
	for first := true; ; first = false {
		now, err := p.states(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if !first {
			for _, f := range differences(before, now) {
				tell(f)
			}
		}
		before = now
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(p.look):
		}
	}
}

// differences are the faults that came up between two looks.
func differences(before, now []state) []bine.DeviceFault {
	var out []bine.DeviceFault
	for _, b := range before {
		i := slices.IndexFunc(now, func(n state) bool { return n.device.ID == b.device.ID })
		if i < 0 {
			out = append(out, lost(b.device.ID))
			continue
		}
		f := bine.DeviceFault{Device: b.device.ID, At: time.Now().UTC(), Fatal: true}
		if n := now[i].errors - b.errors; n > 0 {
			f.Kind, f.Text = "ecc", fmt.Sprintf("%d uncorrectable errors of memory", n)
			out = append(out, f)
		}
		if wants := now[i].wants; wants != "" && wants != b.wants {
			f.Kind, f.Text = "driver", "the device demands "+wants
			out = append(out, f)
		}
	}
	return out
}

func (p *program) close() error { return nil }
