// Package gputest holds the tests that every gpu.Source passes.
package gputest

import (
	"context"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
)

// Host is a host with at least two devices, its source, and the means to make
// things happen to a device. Means that are nil are not there: what they would
// show is not tested.
type Host struct {
	Source   gpu.Source
	Fault    func(bine.DeviceID) // it tells of something after which it takes no work
	Harmless func(bine.DeviceID) // it tells of a fault of a program
	Lose     func(bine.DeviceID) // it vanishes
	Return   func(bine.DeviceID) // it is there again
	Break    func(bine.DeviceID) // it demands a reset
	Mend     func(bine.DeviceID) // it is well again
	Deafen   func()              // watching fails
	Hear     func()              // watching works again
}

// within is how long anything may take to be noticed.
const within = time.Minute

// Run checks the promises of gpu.Source on hosts that open makes.
func Run(t *testing.T, open func(*testing.T) Host) {
	for _, check := range []struct {
		name string
		do   func(*testing.T, Host)
	}{
		{"DevicesAreWellFormed", devicesAreWellFormed},
		{"DevicesStayTheSame", devicesStayTheSame},
		{"LinksGoBothWays", linksGoBothWays},
		{"UseIsOfTheDevices", useIsOfTheDevices},
		{"EnvironmentShowsWhatIsGranted", environmentShowsWhatIsGranted},
		{"TestPassesAndKnowsWhatIsThere", testKnowsWhatIsThere},
		{"CallsEndWithTheirContext", callsEndWithTheirContext},
		{"WatchEndsWithItsContext", watchEndsWithItsContext},
		{"FatalFaultIsTold", fatalFaultIsTold},
		{"FaultOfAProgramIsNotFatal", faultOfAProgramIsNotFatal},
		{"LostDeviceIsToldAndComesBack", lostDeviceComesBack},
		{"BrokenDeviceFailsItsTest", brokenDeviceFailsItsTest},
		{"WatchIsTakenUpAgain", watchIsTakenUpAgain},
		{"CallsGoSideBySide", callsGoSideBySide},
		{"CloseTwice", closeTwice},
	} {
		t.Run(check.name, func(t *testing.T) {
			h := open(t)
			t.Cleanup(func() { _ = h.Source.Close() })
			check.do(t, h)
		})
	}
}

func list(t *testing.T, s gpu.Source) []bine.Device {
	t.Helper()
	all, err := s.Devices(t.Context())
	if err != nil {
		t.Fatalf("Devices: %v", err)
	}
	return all
}

func first(t *testing.T, s gpu.Source) bine.DeviceID {
	t.Helper()
	all := list(t, s)
	if len(all) < 2 {
		t.Fatalf("the host has %d devices; the tests want two", len(all))
	}
	return all[0].ID
}

func ids(all []bine.Device) map[bine.DeviceID]bool {
	out := map[bine.DeviceID]bool{}
	for _, d := range all {
		out[d.ID] = true
	}
	return out
}

func devicesAreWellFormed(t *testing.T, h Host) {
	all := list(t, h.Source)
	if len(ids(all)) != len(all) {
		t.Error("two devices have one id")
	}
	if !slices.IsSortedFunc(all, func(a, b bine.Device) int { return a.Index - b.Index }) {
		t.Error("the devices are not in the order of their indices")
	}
	for _, d := range all {
		if d.ID == "" || strings.ContainsAny(string(d.ID), ", \t\n=") {
			t.Errorf("device %d has the id %q", d.Index, d.ID)
		}
		if d.Vendor == "" || d.Model == "" || strings.ContainsAny(d.Model, " ,=") || d.Memory <= 0 || d.NUMA < -1 || d.Index < 0 {
			t.Errorf("device %s is not described: %+v", d.ID, d)
		}
		if (d.Parent == "") != (d.Profile == "") || d.Parent == d.ID {
			t.Errorf("device %s is a part of %q by profile %q", d.ID, d.Parent, d.Profile)
		}
		if ids(all)[d.Parent] {
			t.Errorf("device %s is listed, and so is its part %s", d.Parent, d.ID)
		}
		for _, f := range d.Files {
			if !filepath.IsAbs(f) {
				t.Errorf("device %s has a file %q", d.ID, f)
			}
		}
	}
}

func devicesStayTheSame(t *testing.T, h Host) {
	if a, b := list(t, h.Source), list(t, h.Source); !reflect.DeepEqual(a, b) {
		t.Errorf("Devices answered\n%+v\nand then\n%+v", a, b)
	}
}

func linksGoBothWays(t *testing.T, h Host) {
	all := list(t, h.Source)
	links := map[[2]bine.DeviceID]bine.DeviceLink{}
	for _, d := range all {
		for _, l := range d.Links {
			if _, twice := links[[2]bine.DeviceID{d.ID, l.To}]; twice || l.To == d.ID || !ids(all)[l.To] || l.Kind == "" || l.Count < 0 {
				t.Errorf("device %s has the link %+v", d.ID, l)
			}
			links[[2]bine.DeviceID{d.ID, l.To}] = l
		}
	}
	for ends, l := range links {
		back, ok := links[[2]bine.DeviceID{ends[1], ends[0]}]
		if !ok || back.Kind != l.Kind || back.Count != l.Count {
			t.Errorf("%s reaches %s by %+v, and is reached by %+v", ends[0], ends[1], l, back)
		}
	}
}

func useIsOfTheDevices(t *testing.T, h Host) {
	memory := map[bine.DeviceID]int64{}
	for _, d := range list(t, h.Source) {
		memory[d.ID] = d.Memory
	}
	before := time.Now().Add(-time.Second)
	all, err := h.Source.Use(t.Context())
	if err != nil || len(all) != len(memory) {
		t.Fatalf("Use of %d devices = %+v, %v", len(memory), all, err)
	}
	for _, u := range all {
		size, ok := memory[u.Device]
		if !ok || u.Busy < 0 || u.Busy > 1 || u.MemoryUsed < 0 || u.MemoryUsed > size || u.Power < 0 || u.At.Before(before) || u.At.After(time.Now().Add(time.Second)) {
			t.Errorf("Use says %+v of a device with %d bytes", u, size)
		}
		delete(memory, u.Device)
	}
}

func environmentShowsWhatIsGranted(t *testing.T, h Host) {
	all := list(t, h.Source)
	none := h.Source.Environment(nil)
	if len(none) == 0 {
		t.Fatal("a process that was granted nothing gets no environment, and would see all devices")
	}
	seen := map[string]bine.DeviceID{}
	for _, d := range all {
		one := h.Source.Environment([]bine.DeviceID{d.ID})
		if !slices.Equal(slices.Sorted(maps.Keys(one)), slices.Sorted(maps.Keys(none))) {
			t.Errorf("Environment sets %v for one device and %v for none", one, none)
		}
		text := ""
		for _, name := range slices.Sorted(maps.Keys(one)) {
			text += name + "=" + one[name] + "\n"
		}
		if other, same := seen[text]; same || maps.Equal(one, none) {
			t.Errorf("Environment of %s and of %q is the same: %v", d.ID, other, one)
		}
		seen[text] = d.ID
	}
	two := h.Source.Environment([]bine.DeviceID{all[0].ID, all[1].ID})
	if maps.Equal(two, h.Source.Environment([]bine.DeviceID{all[0].ID})) {
		t.Errorf("Environment of two devices = %v, that of one", two)
	}
}

func testKnowsWhatIsThere(t *testing.T, h Host) {
	for _, d := range list(t, h.Source) {
		if err := h.Source.Test(t.Context(), d.ID); err != nil {
			t.Errorf("Test(%s) = %v", d.ID, err)
		}
	}
	if err := h.Source.Test(t.Context(), "GPU-nowhere"); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("Test of what is not there = %v, want not_found", err)
	}
}

func callsEndWithTheirContext(t *testing.T, h Host) {
	id := first(t, h.Source)
	ctx, done := context.WithCancel(t.Context())
	done()
	if _, err := h.Source.Devices(ctx); err == nil {
		t.Error("Devices gave no error after its context had ended")
	}
	if _, err := h.Source.Use(ctx); err == nil {
		t.Error("Use gave no error after its context had ended")
	}
	if err := h.Source.Test(ctx, id); err == nil {
		t.Error("Test gave no error after its context had ended")
	}
}

// watch watches in the background; the faults come by the channel.
func watch(t *testing.T, s gpu.Source) (<-chan bine.DeviceFault, <-chan error, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	faults, ended := make(chan bine.DeviceFault, 1000), make(chan error, 1)
	go func() { ended <- s.Watch(ctx, func(f bine.DeviceFault) { faults <- f }) }()
	t.Cleanup(cancel)
	return faults, ended, cancel
}

// next gives the next fault that is as it should be.
func next(t *testing.T, faults <-chan bine.DeviceFault, what string, is func(bine.DeviceFault) bool) bine.DeviceFault {
	t.Helper()
	late := time.After(within)
	for {
		select {
		case f := <-faults:
			if is(f) {
				return f
			}
			t.Logf("told of %+v", f)
		case <-late:
			t.Fatalf("nobody was told that %s", what)
		}
	}
}

func watchEndsWithItsContext(t *testing.T, h Host) {
	_, ended, cancel := watch(t, h.Source)
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Watch = %v after its context had ended, want nil", err)
		}
	case <-time.After(within):
		t.Error("Watch goes on after its context has ended")
	}
}

func fatalFaultIsTold(t *testing.T, h Host) {
	if h.Fault == nil {
		t.Skip("this host has no faults")
	}
	id := first(t, h.Source)
	faults, _, _ := watch(t, h.Source)
	h.Fault(id)
	f := next(t, faults, "the device failed", func(f bine.DeviceFault) bool { return f.Device == id && f.Fatal })
	if f.Kind == "" || f.Text == "" || time.Since(f.At).Abs() > time.Minute {
		t.Errorf("the fault is not described: %+v", f)
	}
}

func faultOfAProgramIsNotFatal(t *testing.T, h Host) {
	if h.Harmless == nil {
		t.Skip("this host has no such faults")
	}
	id := first(t, h.Source)
	faults, _, _ := watch(t, h.Source)
	h.Harmless(id)
	if f := next(t, faults, "the program failed", func(f bine.DeviceFault) bool { return f.Device == id }); f.Fatal {
		t.Errorf("a fault of a program is fatal for the device: %+v", f)
	}
}

func lostDeviceComesBack(t *testing.T, h Host) {
	if h.Lose == nil {
		t.Skip("this host loses no devices")
	}
	id := first(t, h.Source)
	faults, _, _ := watch(t, h.Source)
	if _, err := h.Source.Use(t.Context()); err != nil { // now the source has seen the device
		t.Fatalf("Use: %v", err)
	}
	if h.Harmless != nil { // what is told of it shows that the watch has begun
		h.Harmless(id)
		next(t, faults, "the program failed", func(f bine.DeviceFault) bool { return f.Device == id })
	}
	h.Lose(id)
	next(t, faults, "the device is lost", func(f bine.DeviceFault) bool { return f.Device == id && f.Kind == "lost" && f.Fatal })
	all := list(t, h.Source)
	if ids(all)[id] {
		t.Error("the lost device is listed")
	}
	for _, d := range all {
		if slices.ContainsFunc(d.Links, func(l bine.DeviceLink) bool { return l.To == id }) {
			t.Errorf("device %s has a link to the lost one", d.ID)
		}
	}
	if err := h.Source.Test(t.Context(), id); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("Test of the lost device = %v, want not_found", err)
	}
	if _, err := h.Source.Use(t.Context()); err != nil {
		t.Errorf("Use of those that are left: %v", err)
	}
	h.Return(id)
	if !ids(list(t, h.Source))[id] {
		t.Error("the device came back and is not listed")
	}
	if err := h.Source.Test(t.Context(), id); err != nil {
		t.Errorf("Test of a device that came back = %v", err)
	}
}

func brokenDeviceFailsItsTest(t *testing.T, h Host) {
	if h.Break == nil {
		t.Skip("devices of this host do not break")
	}
	all := list(t, h.Source)
	h.Break(all[0].ID)
	if err := h.Source.Test(t.Context(), all[0].ID); err == nil || bine.IsKind(err, bine.NotFound) {
		t.Errorf("Test of a broken device = %v", err)
	}
	for _, d := range all[1:] {
		if d.Parent == "" || d.Parent != all[0].Parent {
			if err := h.Source.Test(t.Context(), d.ID); err != nil {
				t.Errorf("Test of a device beside the broken one = %v", err)
			}
		}
	}
	h.Mend(all[0].ID)
	if err := h.Source.Test(t.Context(), all[0].ID); err != nil {
		t.Errorf("Test of a device that was mended = %v", err)
	}
}

func watchIsTakenUpAgain(t *testing.T, h Host) {
	if h.Deafen == nil {
		t.Skip("watching never fails here")
	}
	id := first(t, h.Source)
	_, ended, _ := watch(t, h.Source)
	h.Deafen()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("Watch gave no error when it could see no more")
		}
	case <-time.After(within):
		t.Fatal("Watch did not say that it sees nothing any more")
	}
	h.Hear()
	faults, _, _ := watch(t, h.Source)
	h.Fault(id)
	next(t, faults, "the device failed, after watching was taken up again", func(f bine.DeviceFault) bool { return f.Device == id && f.Fatal })
}

func callsGoSideBySide(t *testing.T, h Host) {
	id := first(t, h.Source)
	_, _, cancel := watch(t, h.Source)
	defer cancel()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				if _, err := h.Source.Devices(t.Context()); err != nil {
					t.Errorf("Devices: %v", err)
				}
				if _, err := h.Source.Use(t.Context()); err != nil {
					t.Errorf("Use: %v", err)
				}
				if err := h.Source.Test(t.Context(), id); err != nil {
					t.Errorf("Test: %v", err)
				}
				h.Source.Environment([]bine.DeviceID{id})
			}
		})
	}
	all.Wait()
}

func closeTwice(t *testing.T, h Host) {
	list(t, h.Source)
	if err := h.Source.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := h.Source.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}
