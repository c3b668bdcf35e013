package agent_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/simulated"
	"github.com/bine-ml/bine/internal/agent"
	"github.com/bine-ml/bine/internal/confine"
)

func devicesOf(t testing.TB, text string) *simulated.Source {
	t.Helper()
	node, err := simulated.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return simulated.New("h1", node)
}

const four = "devices: [{model: P100, count: 4, memory: 16GiB}]"

func with(s gpu.Source) func(*agent.Options) {
	return func(o *agent.Options) { o.Sources = []gpu.Source{s} }
}

func grant(index, milli int, epoch int64) bine.DeviceGrant {
	return bine.DeviceGrant{Device: simulated.ID("h1", index), Milli: milli, Epoch: epoch}
}

func to[T any](v T) *T { return &v }

// beginWith begins an attempt that was granted devices.
func beginWith(t testing.TB, s *server, a *agent.Agent, word string, p bine.Process, grants ...bine.DeviceGrant) bine.AttemptID {
	t.Helper()
	s.set(func() { s.grants[id(word)] = grants })
	return begin(t, s, a, word, p)
}

func (s *server) lastHost() bine.Host {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.hosts) == 0 {
		return bine.Host{}
	}
	return s.hosts[len(s.hosts)-1]
}

// heard gives what heartbeats have told so far.
func (s *server) heard() (all client.Heartbeat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.beaten {
		all.Devices, all.Faults, all.Tests = append(all.Devices, b.Devices...), append(all.Faults, b.Faults...), append(all.Tests, b.Tests...)
	}
	return all
}

func TestAHostRegistersItsDevices(t *testing.T) {
	s := newServer(t)
	source := devicesOf(t, four)
	startAgent(t, s, with(source))
	eventually(t, "the host is registered with its devices", func() bool { return len(s.lastHost().Devices) == 4 })
	s.set(func() {
		if len(s.hosts) != 1 {
			t.Errorf("the host was registered %d times", len(s.hosts))
		}
	})
	source.Do(simulated.Event{Devices: []int{2}, Lost: to(true)})
	eventually(t, "it is registered without the device that was lost", func() bool { return len(s.lastHost().Devices) == 3 })
}

func TestAProcessSeesWhatItWasGranted(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s, with(devicesOf(t, four)))
	p := shell("echo ${BINE_GPUS-unset}/${CUDA_VISIBLE_DEVICES-unset}/${BINE_GPU_EPOCHS-unset}")
	p.Env = map[string]string{"CUDA_VISIBLE_DEVICES": "0,1,2,3"}
	two := beginWith(t, s, a, "two", p, grant(1, 1000, 7), grant(3, 500, 2))
	end(t, s, two)
	ids := fmt.Sprintf("%s,%s", simulated.ID("h1", 1), simulated.ID("h1", 3))
	if got, want := s.log(two), ids+"/"+ids+"/7,2\n"; got != want {
		t.Errorf("a process with two devices sees %q, want %q", got, want)
	}
	none := beginWith(t, s, a, "none", p)
	end(t, s, none)
	if got := s.log(none); got != "//\n" {
		t.Errorf("a process without devices sees %q, want empty variables", got)
	}
}

func TestAProcessOpensTheFilesOfItsDevicesOnly(t *testing.T) {
	if abi, reason := confine.ABI(); abi < 1 {
		t.Skip(reason)
	}
	dir := t.TempDir()
	for i := range 4 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("gpu%d", i)), []byte("memory\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := newServer(t)
	a, _ := startAgent(t, s, with(devicesOf(t, fmt.Sprintf("devices: [{model: P100, count: 4, memory: 16GiB, files: ['%s/gpu{index}', /dev/none-such]}]", dir))))
	script := "for i in 0 1 2 3; do (echo x >>" + dir + "/gpu$i) 2>/dev/null && cat " + dir + "/gpu$i >/dev/null && echo $i; done; true"
	one := beginWith(t, s, a, "one", shell(script), grant(2, 1000, 1))
	if got := end(t, s, one); got.State != bine.Succeeded || s.log(one) != "2\n" {
		t.Errorf("a process that holds device 2 opened %q; %+v", s.log(one), got)
	}
	none := beginWith(t, s, a, "none", shell(script))
	if end(t, s, none); s.log(none) != "" {
		t.Errorf("a process that holds none opened %q", s.log(none))
	}
}

func TestAnAgentRefusesGrantsThatAreLate(t *testing.T) {
	s := newServer(t)
	source := devicesOf(t, four)
	dir := agentDir(t)
	a := startAgentIn(t, s, dir, with(source))
	started := func(word string, grants ...bine.DeviceGrant) bool {
		t.Helper()
		attempt := beginWith(t, s, a, word, shell("true"), grants...)
		<-s.done(attempt)
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.completed["task-"+string(attempt)].State == bine.Succeeded
	}
	for _, step := range []struct {
		word   string
		grants []bine.DeviceGrant
		want   bool
	}{
		{"first", []bine.DeviceGrant{grant(0, 1000, 5)}, true},
		{"late", []bine.DeviceGrant{grant(0, 1000, 4)}, false},
		{"late-share", []bine.DeviceGrant{grant(0, 500, 4)}, false},
		{"one-late-of-two", []bine.DeviceGrant{grant(1, 1000, 9), grant(0, 1000, 4)}, false},
		{"a-refused-one-counts-for-nothing", []bine.DeviceGrant{grant(1, 1000, 8)}, true},
		{"share", []bine.DeviceGrant{grant(0, 500, 8)}, true},
		{"share-beside-a-later-share", []bine.DeviceGrant{grant(0, 500, 7)}, true},
		{"whole-before-a-share", []bine.DeviceGrant{grant(0, 1000, 6)}, false},
	} {
		if got := started(step.word, step.grants...); got != step.want {
			t.Errorf("%s: started = %t, want %t", step.word, got, step.want)
		}
	}
	if err := a.Close(t.Context(), agent.KeepProcesses); err != nil {
		t.Fatal(err)
	}
	a = startAgentIn(t, s, dir, with(devicesOf(t, four)))
	if started("after-a-restart", grant(0, 1000, 6)) {
		t.Error("an agent that started anew took a grant that is late")
	}
	if !started("newest", grant(0, 1000, 9)) {
		t.Error("the newest grant was refused")
	}
}

func TestADeviceThatWasGrantedAgainIsTakenFromItsHolder(t *testing.T) {
	s := newServer(t)
	dir := agentDir(t)
	a := startAgentIn(t, s, dir, with(devicesOf(t, four)))
	old := beginWith(t, s, a, "old", shell("echo up; exec sleep 1000"), grant(0, 1000, 1))
	beside := beginWith(t, s, a, "beside", shell("echo up; exec sleep 1000"), grant(1, 1000, 1))
	eventually(t, "both hold their device", func() bool { return s.log(old) == "up\n" && s.log(beside) == "up\n" })
	if err := a.Close(t.Context(), agent.KeepProcesses); err != nil { // the next agent must know who holds what
		t.Fatal(err)
	}
	source := devicesOf(t, four)
	a = startAgentIn(t, s, dir, with(source))
	next := beginWith(t, s, a, "next", shell("true"), grant(0, 1000, 2))
	if got := end(t, s, next); got.State != bine.Succeeded {
		t.Errorf("the attempt that got the device = %+v", got)
	}
	if got := end(t, s, old); got.State != bine.Cancelled || !strings.Contains(got.Reason, "granted to another attempt") {
		t.Errorf("the attempt that lost its device = %+v", got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.results[old].EndedAt.After(*s.results[next].StartedAt) {
		t.Errorf("the next process began at %s, before the device was free at %s", s.results[next].StartedAt, s.results[old].EndedAt)
	}
	if _, ended := s.results[beside]; ended {
		t.Error("an attempt that holds another device was ended")
	}
}

func TestAnAttemptWhoseDeviceIsGoneIsLost(t *testing.T) {
	s := newServer(t)
	source := devicesOf(t, four)
	source.Do(simulated.Event{Devices: []int{0}, Lost: to(true)})
	a, _ := startAgent(t, s, with(source))
	attempt := beginWith(t, s, a, "gone", shell("true"), grant(0, 1000, 1))
	if got := end(t, s, attempt); got.State != bine.Lost || !strings.Contains(got.Reason, "not there any more") {
		t.Errorf("result = %+v", got)
	}
}

func TestAFatalFaultIsToldAtOnce(t *testing.T) {
	s := newServer(t)
	s.welcome.HeartbeatSeconds = 600
	source := devicesOf(t, four)
	startAgent(t, s, with(source))
	eventually(t, "the host is registered", func() bool { return len(s.lastHost().Devices) == 4 })
	source.Do(simulated.Event{Devices: []int{3}, Fault: &simulated.Fault{Kind: "xid", Code: 13, Text: "a program's own"}})
	began := time.Now()
	source.Do(simulated.Event{Devices: []int{1}, Fault: &simulated.Fault{Kind: "xid", Code: 79, Text: "fell off the bus", Fatal: true}})
	eventually(t, "the fault is told", func() bool {
		return slices.ContainsFunc(s.heard().Faults, func(f bine.DeviceFault) bool { return f.Device == simulated.ID("h1", 1) && f.Code == 79 && f.Fatal })
	})
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestFaultsWaitForTheServer(t *testing.T) {
	s := newServer(t)
	source := devicesOf(t, four)
	startAgent(t, s, with(source))
	eventually(t, "the host is registered", func() bool { return len(s.lastHost().Devices) == 4 })
	s.set(func() { s.away = true })
	source.Do(simulated.Event{Devices: []int{1}, Fault: &simulated.Fault{Kind: "ecc", Text: "two bits", Fatal: true}})
	for range 50 { // the same one again and again is one
		source.Do(simulated.Event{Devices: []int{2}, Fault: &simulated.Fault{Kind: "ecc", Text: "one bit"}})
	}
	time.Sleep(300 * time.Millisecond) // some heartbeats get no answer
	s.set(func() { s.away = false })
	eventually(t, "both faults are told", func() bool { return len(s.heard().Faults) >= 2 })
	time.Sleep(300 * time.Millisecond)
	if got := s.heard().Faults; len(got) != 2 {
		t.Errorf("told of %d faults: %+v", len(got), got)
	}
}

func TestHeartbeatsTellWhatDevicesDo(t *testing.T) {
	s := newServer(t)
	source := devicesOf(t, "devices: [{model: P100, count: 2, memory: 16GiB}]")
	a, _ := startAgent(t, s, with(source))
	attempt := beginWith(t, s, a, "busy", shell("echo $$; exec sleep 1000"), grant(1, 1000, 1))
	eventually(t, "a heartbeat tells of the process on the device", func() bool {
		return slices.ContainsFunc(s.heard().Devices, func(u bine.DeviceUse) bool {
			return u.Device == simulated.ID("h1", 1) && u.Busy == 1 && u.MemoryUsed == 8<<30 && slices.Contains(strings.Fields(s.log(attempt)), fmt.Sprint(slices.Max(append(u.Processes, 0))))
		})
	})
	for _, u := range s.heard().Devices {
		if u.Device == simulated.ID("h1", 0) && (u.Busy != 0 || len(u.Processes) != 0) {
			t.Errorf("an idle device does %+v", u)
		}
	}
}

func TestAServerHasDevicesTested(t *testing.T) {
	s := newServer(t)
	source := devicesOf(t, four)
	startAgent(t, s, with(source))
	eventually(t, "the host is registered", func() bool { return len(s.lastHost().Devices) == 4 })
	source.Do(simulated.Event{Devices: []int{1}, Broken: to("it wants to be reset")})
	s.set(func() { s.test = []bine.DeviceID{simulated.ID("h1", 0), simulated.ID("h1", 1), "GPU-nowhere"} })
	eventually(t, "all tests are answered", func() bool { return len(s.heard().Tests) == 3 })
	for _, got := range s.heard().Tests {
		want := map[bine.DeviceID]string{simulated.ID("h1", 0): "", simulated.ID("h1", 1): "wants to be reset", "GPU-nowhere": "no device"}[got.Device]
		if !strings.Contains(got.Fault, want) || (want == "") != (got.Fault == "") {
			t.Errorf("test of %s = %q, want %q", got.Device, got.Fault, want)
		}
	}
}

// failing is a source whose devices cannot be listed at times.
type failing struct {
	*simulated.Source
	fails func() bool
}

func (f failing) Devices(ctx context.Context) ([]bine.Device, error) {
	if f.fails() {
		return nil, bine.Errorf(bine.Unavailable, "the driver is busy")
	}
	return f.Source.Devices(ctx)
}

func TestADriverThatFailsTakesNoDevicesAway(t *testing.T) {
	s := newServer(t)
	n := 0
	source := failing{devicesOf(t, four), func() bool { n++; return n == 2 }} // asked by one at a time
	startAgent(t, s, with(source))
	eventually(t, "the host is registered", func() bool { return len(s.lastHost().Devices) == 4 })
	source.Do(simulated.Event{Devices: []int{1}, Fault: &simulated.Fault{Kind: "xid", Code: 79, Fatal: true}}) // makes the agent look again
	source.Do(simulated.Event{Devices: []int{2}, Lost: to(true)})
	eventually(t, "the lost device is gone", func() bool { return len(s.lastHost().Devices) == 3 })
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.hosts {
		if len(h.Devices) < 3 {
			t.Errorf("the host was registered with %d devices", len(h.Devices))
		}
	}
}

func TestADeviceThatFailsItsTestIsReset(t *testing.T) {
	s := newServer(t)
	source := devicesOf(t, four)
	a, _ := startAgent(t, s, with(source))
	source.Do(simulated.Event{Broken: to("it wants to be reset")})
	source.Do(simulated.Event{Devices: []int{0, 3}, Reset: to("")})
	source.Do(simulated.Event{Devices: []int{1}, Reset: to("the bus is stuck")})
	used := beginWith(t, s, a, "used", shell("echo up; exec sleep 1000"), grant(3, 1000, 1))
	eventually(t, "a process is on device 3", func() bool { return s.log(used) == "up\n" })
	s.set(func() {
		for i := range 4 {
			s.test = append(s.test, simulated.ID("h1", i))
		}
	})
	eventually(t, "all tests are answered", func() bool { return len(s.heard().Tests) == 4 })
	for _, got := range s.heard().Tests {
		i := slices.IndexFunc([]int{0, 1, 2, 3}, func(i int) bool { return simulated.ID("h1", i) == got.Device })
		fault := []string{"", "wants to be reset", "wants to be reset", "wants to be reset"}[i]
		reset := []string{"after a reset, because", "its reset failed: the bus is stuck", "", ""}[i]
		if !strings.Contains(got.Fault, fault) || (fault == "") != (got.Fault == "") || !strings.HasPrefix(got.Reset, reset) || (reset == "") != (got.Reset == "") {
			t.Errorf("device %d: fault %q, reset %q; want %q and %q", i, got.Fault, got.Reset, fault, reset)
		}
	}
}
