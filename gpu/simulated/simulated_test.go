package simulated_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/gputest"
	"github.com/bine-ml/bine/gpu/simulated"
)

var update = flag.Bool("update", false, "write what is wanted anew")

func to[T any](v T) *T { return &v }

// host drives a simulated source by events.
func host(s *simulated.Source, index func(bine.DeviceID) []int) gputest.Host {
	do := func(e simulated.Event) func(bine.DeviceID) {
		return func(id bine.DeviceID) { e.Devices = index(id); s.Do(e) }
	}
	return gputest.Host{
		Source:   s,
		Fault:    do(simulated.Event{Fault: &simulated.Fault{Kind: "xid", Code: 79, Text: "fell off the bus", Fatal: true}}),
		Harmless: do(simulated.Event{Fault: &simulated.Fault{Kind: "xid", Code: 13, Text: "a program's own"}}),
		Lose:     do(simulated.Event{Lost: to(true)}),
		Return:   do(simulated.Event{Lost: to(false)}),
		Break:    do(simulated.Event{Broken: to("it wants to be reset")}),
		Mend:     do(simulated.Event{Broken: to("")}),
		Deafen:   func() { s.Do(simulated.Event{Fail: []string{"watch"}}) },
		Hear:     func() { s.Do(simulated.Event{Fail: []string{}}) },
	}
}

func indexOf(t *testing.T, s *simulated.Source) func(bine.DeviceID) []int {
	all, err := s.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func(id bine.DeviceID) []int {
		i := slices.IndexFunc(all, func(d bine.Device) bool { return d.ID == id })
		return []int{all[i].Index}
	}
}

func TestSource(t *testing.T) {
	for name, text := range map[string]string{
		"whole":  "{devices: [{model: A100, count: 4, memory: 80GiB, numa: [0, 0, 1, 1]}], links: {nvlink: all}}",
		"parted": "{devices: [{model: A100, memory: 80GiB, mig: [1g.10gb, 1g.10gb]}, {model: P100, memory: 16GiB}]}",
	} {
		t.Run(name, func(t *testing.T) {
			gputest.Run(t, func(t *testing.T) gputest.Host {
				node, err := simulated.Parse([]byte(text))
				if err != nil {
					t.Fatal(err)
				}
				s := simulated.New("gpu-1", node)
				return host(s, indexOf(t, s))
			})
		})
	}
}

func TestParse(t *testing.T) {
	s, err := simulated.Open("testdata/node.yml", "gpu-1")
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Devices(t.Context())
	if err != nil || len(all) != 6 {
		t.Fatalf("Devices = %d devices, %v; want 6", len(all), err)
	}
	a := bine.Device{ID: simulated.ID("gpu-1", 0), Vendor: bine.VendorSimulated, Model: "A100-SXM4-80GB", Memory: 80 << 30, Compute: "8.0",
		Driver: "550.54", Bus: "0000:01:00.0", Fabric: "pod-1", Files: []string{"/dev/sim0"}, Links: []bine.DeviceLink{
			{To: all[1].ID, Kind: bine.LinkNVLink, Count: 12}, {To: all[2].ID, Kind: bine.LinkBridge}, {To: all[3].ID, Kind: bine.LinkSystem},
			{To: all[4].ID, Kind: bine.LinkSystem}, {To: all[5].ID, Kind: bine.LinkSystem}}}
	if !reflect.DeepEqual(all[0], a) {
		t.Errorf("device 0 =\n%+v, want\n%+v", all[0], a)
	}
	if p := all[5]; p.Parent != simulated.ID("gpu-1", 4) || p.Profile != "3g.40gb" || p.Memory != 40<<30 || p.ID != simulated.PartID("gpu-1", 4, 1) {
		t.Errorf("the second part = %+v", p)
	}
	if got := s.Labels(); !slices.Equal(got, []string{"infiniband", "rack=r1"}) {
		t.Errorf("Labels = %q", got)
	}
}

func TestIDsOfAHostStayTheSame(t *testing.T) {
	if got := simulated.ID("gpu-1", 0); got != "SIM-e0ffbf29-d59c-57d4-0447-fa912c7b1d38" {
		t.Errorf("ID = %s: ledgers hold the ids of earlier starts", got)
	}
	if simulated.ID("gpu-1", 11) == simulated.PartID("gpu-1", 1, 1) || simulated.ID("gpu-1", 0) == simulated.ID("gpu-2", 0) {
		t.Error("two devices have one id")
	}
}

func TestParseTellsEveryFault(t *testing.T) {
	_, err := simulated.Read("testdata/faults.bad.yml")
	if !bine.IsKind(err, bine.Invalid) {
		t.Fatalf("Read = %v, want invalid", err)
	}
	const want = "testdata/faults.bad.want"
	if *update {
		if err := os.WriteFile(want, []byte(err.Error()+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, _ := os.ReadFile(want)
	if err.Error()+"\n" != string(text) {
		t.Errorf("Read says\n%s\nwant\n%s", err, text)
	}
	for _, text := range []string{"", "[", "devices: [}", "3", "- a\n- b", "devices: {}\ndevices: {}", "a: &a [*a]"} {
		if _, err := simulated.Parse([]byte(text)); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("Parse(%q) = %v, want invalid", text, err)
		}
	}
	if _, err := simulated.Read("testdata/nowhere.yml"); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("Read of no file = %v, want not_found", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"node.yml", "faults.bad.yml"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		node, err := simulated.Parse(text)
		if err != nil {
			return
		}
		node.Control = ""
		s := simulated.New("h", node)
		if all, err := s.Devices(t.Context()); err == nil && len(all) > 0 {
			_ = s.Test(t.Context(), all[0].ID)
		}
	})
}

func TestScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, err := simulated.Read("testdata/node.yml")
		if err != nil {
			t.Fatal(err)
		}
		node.Control = ""
		s := simulated.New("gpu-1", node)
		busy := func() float64 {
			all, err := s.Use(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return all[0].Busy
		}
		told := make(chan bine.DeviceFault, 8)
		go func() { _ = s.Watch(t.Context(), func(f bine.DeviceFault) { told <- f }) }()
		if got := busy(); got != 0 {
			t.Errorf("at first the device is busy %g", got)
		}
		time.Sleep(31 * time.Minute)
		if got := busy(); got != 0.5 {
			t.Errorf("after half an hour the device is busy %g, want 0.5", got)
		}
		synctest.Wait()
		if len(told) != 0 {
			t.Errorf("told of %+v before its time", <-told)
		}
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if f := <-told; len(told) != 0 || f.Device != simulated.ID("gpu-1", 1) || f.Code != 79 || !f.Fatal {
			t.Errorf("told of %+v", f)
		}
	})
}

func TestFaultsWaitForAWatcher(t *testing.T) {
	node, err := simulated.Parse([]byte("{devices: [{model: A, memory: 1GiB}], script: [{at: 0s, fault: {code: 48, fatal: true}}]}"))
	if err != nil {
		t.Fatal(err)
	}
	s := simulated.New("h", node)
	if _, err := s.Devices(t.Context()); err != nil { // the fault is there now
		t.Fatal(err)
	}
	told := make(chan bine.DeviceFault, 2)
	go func() { _ = s.Watch(t.Context(), func(f bine.DeviceFault) { told <- f }) }()
	if f := <-told; f.Code != 48 {
		t.Errorf("told of %+v", f)
	}
}

func TestControlFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "node.yml")
	write := func(name, text string) {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	write("node.yml", "control: control.yml\ndevices: [{model: A, count: 2, memory: 1GiB}]\n")
	s, err := simulated.Open(path, "h")
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan bine.DeviceFault, 8)
	go func() { _ = s.Watch(t.Context(), func(f bine.DeviceFault) { told <- f }) }()
	write("control.yml", "- {devices: [1], fault: {code: 79, fatal: true}}\n")
	if f := <-told; f.Device != simulated.ID("h", 1) || f.Code != 79 {
		t.Errorf("told of %+v", f)
	}
	write("control.yml", "- {devices: [0], lost: true}\n")
	if f := <-told; f.Device != simulated.ID("h", 0) || f.Kind != "lost" {
		t.Errorf("after a second event, told of %+v", f)
	}
	again, err := simulated.Open(path, "h")
	if err != nil {
		t.Fatal(err)
	}
	if all, err := again.Devices(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("a source that is opened again has the devices %+v, %v", all, err)
	}
	write("control.yml", "- {losst: true}\n")
	go func() { _ = again.Watch(t.Context(), func(f bine.DeviceFault) { told <- f }) }()
	if f := <-told; f.Fatal { // by either
		t.Errorf("a source that is opened again told of %+v", f)
	}
	if f := <-told; f.Fatal || !strings.Contains(f.Text, `no key "losst"`) {
		t.Errorf("after a mistake in the control file, told of %+v", f)
	}
}

// TestUseSeesProcesses starts a process as an agent would.
func TestUseSeesProcesses(t *testing.T) {
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip("this system does not show the environment of processes")
	}
	node, err := simulated.Parse([]byte("devices: [{model: A, count: 2, memory: 1GiB}]"))
	if err != nil {
		t.Fatal(err)
	}
	s := simulated.New(bine.HostName("h-"+strings.ToLower(t.Name())), node)
	all, err := s.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "1000")
	for name, value := range s.Environment([]bine.DeviceID{all[1].ID}) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	deadline := time.After(10 * time.Second)
	for {
		use, err := s.Use(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if slices.Equal(use[1].Processes, []int{cmd.Process.Pid}) && use[1].Busy == 1 && use[1].MemoryUsed == 1<<29 && len(use[0].Processes) == 0 && use[0].Busy == 0 {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("Use = %+v, with process %d on the second", use, cmd.Process.Pid)
		case <-time.After(time.Millisecond):
		}
	}
}
