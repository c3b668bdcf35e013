// Package simulated is a gpu.Source of devices that a node file declares. They
// compute nothing; what they answer, and how they break, follows from a script
// in the file, from a control file that is looked at all the time, and from the
// processes that were started on them. Demonstrations, tests and the simulator
// of policies use it, and package nvidia plays its own library from it.
package simulated

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

// Variables by which a process finds its devices. Programs that know the
// vendor's variable find ids there too.
const (
	Variable       = "BINE_GPUS"
	vendorVariable = "CUDA_VISIBLE_DEVICES"
)

// look is how often a watcher looks at the control file.
const look = 250 * time.Millisecond

// Source is a gpu.Source. Its script begins when it is opened.
type Source struct {
	node    Node
	devices []device
	start   time.Time

	mu      sync.Mutex
	states  []state           // of each device
	failing map[string]string // call to what it says
	done    int               // events of the script that are
	control control
	users   users
	faults  []bine.DeviceFault // all that ever were
	told    int                // of these, how many some watcher knows
	changed chan struct{}      // closed with each change
}

// state is what a device answers now.
type state struct {
	busy, power, temperature *float64
	memory                   *int64
	lost                     bool
	broken                   string
	reset                    *string
}

// New makes the devices of a host. What its control file holds already has
// happened: its faults are not told again.
func New(host bine.HostName, node Node) *Source {
	devices := node.expand(host)
	s := &Source{node: node, devices: devices, start: time.Now(), states: make([]state, len(devices)),
		failing: map[string]string{}, control: control{path: node.Control}, changed: make(chan struct{})}
	events, err := s.control.read()
	for _, e := range events {
		s.apply(e)
	}
	if s.faults = nil; err != nil {
		s.complain(err)
	}
	return s
}

// Open makes the devices that a node file declares.
func Open(path string, host bine.HostName) (*Source, error) {
	node, err := Read(path)
	if err != nil {
		return nil, err
	}
	return New(host, node), nil
}

// Labels are those that the node file gives the host.
func (s *Source) Labels() []string { return slices.Clone(s.node.Labels) }

// Devices lists what can be granted.
func (s *Source) Devices(ctx context.Context) ([]bine.Device, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call(ctx, "devices"); err != nil {
		return nil, err
	}
	lost := map[bine.DeviceID]bool{}
	for i, d := range s.devices {
		for _, unit := range d.units {
			lost[unit.ID] = s.states[i].lost
		}
	}
	var out []bine.Device
	for _, d := range s.devices {
		for _, unit := range d.units {
			if lost[unit.ID] {
				continue
			}
			unit.Files = slices.Clone(unit.Files)
			unit.Links = slices.DeleteFunc(slices.Clone(unit.Links), func(l bine.DeviceLink) bool { return lost[l.To] })
			out = append(out, unit)
		}
	}
	return out, nil
}

// Use says what each device does: what the script says, or else that a device
// which processes were started on is busy.
func (s *Source) Use(ctx context.Context) ([]bine.DeviceUse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	users := s.users.find(time.Now())
	if err := s.call(ctx, "use"); err != nil {
		return nil, err
	}
	var out []bine.DeviceUse
	for i, d := range s.devices {
		for _, unit := range d.units {
			if !s.states[i].lost {
				out = append(out, s.states[i].use(unit, users[unit.ID]))
			}
		}
	}
	return out, nil
}

func (s state) use(unit bine.Device, pids []int) bine.DeviceUse {
	u := bine.DeviceUse{Device: unit.ID, At: time.Now().UTC(), Processes: pids}
	if len(pids) > 0 {
		u.Busy, u.MemoryUsed = 1, unit.Memory/2
	}
	if s.busy != nil && *s.busy >= 0 {
		u.Busy = *s.busy
	}
	if s.memory != nil && *s.memory >= 0 {
		u.MemoryUsed = min(*s.memory, unit.Memory)
	}
	u.Power, u.Temperature = 60+240*u.Busy, 35+40*u.Busy
	if s.power != nil {
		u.Power = *s.power
	}
	if s.temperature != nil {
		u.Temperature = *s.temperature
	}
	return u
}

// Test says what the script has broken.
func (s *Source) Test(ctx context.Context, id bine.DeviceID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call(ctx, "test"); err != nil {
		return err
	}
	for i, d := range s.devices {
		for _, unit := range d.units {
			switch {
			case unit.ID != id:
			case s.states[i].lost:
				return bine.Errorf(bine.NotFound, "device %s is lost", id)
			case s.states[i].broken != "":
				return bine.Errorf(bine.Unavailable, "device %s: %s", id, s.states[i].broken)
			default:
				return nil
			}
		}
	}
	return bine.Errorf(bine.NotFound, "this host has no device %s", id)
}

// Reset does what the script says of resets. A part of a device is not reset alone.
func (s *Source) Reset(ctx context.Context, id bine.DeviceID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call(ctx, "reset"); err != nil {
		return err
	}
	for i, d := range s.devices {
		st := &s.states[i]
		switch {
		case d.id != id:
		case st.lost || st.reset == nil:
			return gpu.ErrNoReset
		case *st.reset != "":
			return bine.Errorf(bine.Unavailable, "%s", *st.reset)
		default:
			st.broken = ""
			return nil
		}
	}
	return gpu.ErrNoReset
}

// Watch tells of the faults of the script, those included that came up while
// nobody watched.
func (s *Source) Watch(ctx context.Context, tell func(bine.DeviceFault)) error {
	s.mu.Lock()
	at := s.told
	s.mu.Unlock()
	for {
		s.mu.Lock()
		err := s.call(ctx, "watch")
		news, changed, pause := slices.Clone(s.faults[at:]), s.changed, s.pause()
		at = len(s.faults)
		s.told = max(s.told, at)
		s.mu.Unlock()
		for _, f := range news {
			tell(f)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Do lets an event happen now, whatever its time.
func (s *Source) Do(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apply(e)
}

// Environment gives the ids of the devices.
func (s *Source) Environment(granted []bine.DeviceID) map[string]string {
	words := make([]string, len(granted))
	for i, id := range granted {
		words[i] = string(id)
	}
	list := strings.Join(words, ",")
	return map[string]string{Variable: list, vendorVariable: list}
}

// Close does nothing: there is nothing to give back.
func (s *Source) Close() error { return nil }

// call brings the state up to now, and fails where the script wants the call to.
func (s *Source) call(ctx context.Context, name string) error {
	s.advance()
	if text, fails := s.failing[name]; fails {
		return bine.Errorf(bine.Unavailable, "%s", text)
	}
	return ctx.Err()
}

// advance lets happen what is due.
func (s *Source) advance() {
	passed := time.Since(s.start)
	for ; s.done < len(s.node.Script) && s.node.Script[s.done].At <= passed; s.done++ {
		s.apply(s.node.Script[s.done])
	}
	events, err := s.control.read()
	if err != nil {
		s.complain(err)
	}
	for _, e := range events {
		s.apply(e)
	}
}

// complain tells of a control file that is not understood.
func (s *Source) complain(err error) {
	text := fmt.Sprintf("the control file %s is not understood: %v", s.control.path, err)
	s.faults = append(s.faults, bine.DeviceFault{At: time.Now().UTC(), Kind: "driver", Text: text})
}

// pause is how long nothing can happen by itself.
func (s *Source) pause() time.Duration {
	pause := time.Hour
	if s.done < len(s.node.Script) {
		pause = time.Until(s.start.Add(s.node.Script[s.done].At))
	}
	if s.control.path != "" {
		pause = min(pause, look)
	}
	return max(pause, time.Millisecond)
}

func (s *Source) apply(e Event) {
	if e.Fail != nil {
		clear(s.failing)
		for _, name := range e.Fail {
			s.failing[name] = e.Error
			if e.Error == "" {
				s.failing[name] = "the devices do not answer"
			}
		}
	}
	for i := range s.devices {
		if len(e.Devices) == 0 || slices.Contains(e.Devices, s.devices[i].index) {
			s.applyTo(i, e)
		}
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Source) applyTo(i int, e Event) {
	st := &s.states[i]
	set(&st.busy, e.Busy)
	set(&st.memory, e.Memory)
	set(&st.power, e.Power)
	set(&st.temperature, e.Temperature)
	if e.Broken != nil {
		st.broken = *e.Broken
	}
	set(&st.reset, e.Reset)
	if e.Fault != nil {
		s.tell(i, *e.Fault)
	}
	if e.Lost != nil {
		if *e.Lost && !st.lost {
			s.tell(i, Fault{Kind: "lost", Text: "the device is gone", Fatal: true})
		}
		st.lost = *e.Lost
	}
}

func set[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// tell notes a fault for each part of a device.
func (s *Source) tell(i int, f Fault) {
	for _, unit := range s.devices[i].units {
		s.faults = append(s.faults, bine.DeviceFault{Device: unit.ID, At: time.Now().UTC(), Kind: f.Kind, Code: f.Code, Text: f.Text, Fatal: f.Fatal})
	}
}
