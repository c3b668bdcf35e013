package amd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/gputest"
)

func mi300x(bus int) card {
	return card{bus: bus, port: fmt.Sprintf("pci0000:%02x/0000:%02x:01.1", bus, bus), product: "AMD Instinct MI300X OAM", numa: bus / 2, parts: "SPX"}
}

// four devices, joined by XGMI two by two
func four(t *testing.T) (*tree, []card) {
	tr := newTree(t)
	cards := []card{mi300x(1), mi300x(2), mi300x(3), mi300x(4)}
	for i, c := range cards {
		tr.card(c)
		peer := i ^ 1 // nodes count from 1, after the processor
		tr.gpu(c, 0xabcd0000+uint64(i), 192<<30, map[int]int{0: linkPCIe, peer + 1: linkXGMI, (i+2)%4 + 1: linkPCIe})
	}
	return tr, cards
}

// parted has a device in two partitions that share its number, and a whole one.
func parted(t *testing.T) (*tree, []card) {
	tr := newTree(t)
	a, b := mi300x(1), mi300x(2)
	a.parts = "DPX"
	tr.card(a)
	tr.card(b)
	tr.gpu(a, 0xaa, 96<<30, nil)
	tr.gpu(a, 0xaa, 96<<30, nil)
	tr.gpu(b, 0xbb, 192<<30, nil)
	return tr, []card{a, a, b}
}

func open(tr *tree) *Source {
	s := New(tr.root)
	s.look = 20 * time.Millisecond
	return s
}

func bench(t *testing.T, tr *tree, cards []card) gputest.Host {
	s := open(tr)
	all, err := s.Devices(t.Context())
	if err != nil || len(all) != len(cards) {
		t.Fatalf("Devices = %+v, %v", all, err)
	}
	find := func(id bine.DeviceID) (card, string) {
		i := slices.IndexFunc(all, func(d bine.Device) bool { return d.ID == id })
		return cards[i], all[i].Files[i+1]
	}
	errors := func(text string) func(bine.DeviceID) {
		return func(id bine.DeviceID) {
			c, _ := find(id)
			time.Sleep(100 * time.Millisecond) // it has looked once
			tr.write(text, c.driver(), "ras/umc_err_count")
		}
	}
	return gputest.Host{Source: s, Fault: errors("ue: 1\nce: 0"), Harmless: errors("ue: 0\nce: 7"),
		Lose: func(id bine.DeviceID) {
			c, _ := find(id)
			time.Sleep(100 * time.Millisecond)
			tr.remove(c.driver())
		},
		Return: func(id bine.DeviceID) {
			c, _ := find(id)
			tr.card(c)
		},
		Break: func(id bine.DeviceID) { _, f := find(id); tr.remove(f) },
		Mend:  func(id bine.DeviceID) { _, f := find(id); tr.write("", f) },
	}
}

func TestSource(t *testing.T) {
	for name, build := range map[string]func(*testing.T) (*tree, []card){"whole": four, "parted": parted} {
		t.Run(name, func(t *testing.T) {
			gputest.Run(t, func(t *testing.T) gputest.Host {
				tr, cards := build(t)
				return bench(t, tr, cards)
			})
		})
	}
}

func TestDevices(t *testing.T) {
	tr, _ := four(t)
	all, err := open(tr).Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := all[1]
	if d.ID != "GPU-00000000abcd0001" || d.Vendor != bine.VendorAMD || d.Model != "MI300X" || d.Index != 1 || d.Memory != 192<<30 || d.Compute != "gfx942" ||
		d.Driver != "6.10.5" || d.Bus != "0000:02:00.0" || d.NUMA != 1 || d.Parent != "" {
		t.Errorf("device 1 = %+v", d)
	}
	if want := []string{"/dev/kfd", "/dev/dri/renderD128", "/dev/dri/renderD129", "/dev/dri/renderD130", "/dev/dri/renderD131"}; !slices.Equal(d.Files, want) {
		t.Errorf("device 1 has the files %q, want those of all", d.Files)
	}
	want := []bine.DeviceLink{{To: all[0].ID, Kind: bine.LinkXGMI, Count: 1}, {To: all[2].ID, Kind: bine.LinkNode}, {To: all[3].ID, Kind: bine.LinkSystem}}
	if !slices.Equal(d.Links, want) {
		t.Errorf("device 1 reaches the others by %+v, want %+v", d.Links, want)
	}
}

func TestWaysOfPCIe(t *testing.T) {
	tr := newTree(t)
	for bus, port := range map[int]string{
		1: "pci0000:00/0000:00:01.1/0000:10:00.0/0000:11:00.0", 2: "pci0000:00/0000:00:01.1/0000:10:00.0/0000:11:01.0", // one switch
		3: "pci0000:00/0000:00:02.1", // another port of the root
		4: "pci0000:40/0000:40:01.1", // another root
	} {
		tr.card(card{bus: bus, port: port, product: "MI210", numa: -1})
	}
	for bus := 1; bus <= 4; bus++ {
		tr.gpu(card{bus: bus}, uint64(bus), 64<<30, nil)
	}
	all, err := open(tr).Devices(t.Context())
	if err != nil || len(all) != 4 {
		t.Fatalf("Devices = %+v, %v", all, err)
	}
	var kinds []bine.LinkKind
	for _, l := range all[0].Links {
		kinds = append(kinds, l.Kind)
	}
	if want := []bine.LinkKind{bine.LinkSwitch, bine.LinkNode, bine.LinkSystem}; !slices.Equal(kinds, want) {
		t.Errorf("device 0 reaches the others by %v, want %v", kinds, want)
	}
}

func TestPartitions(t *testing.T) {
	tr, cards := parted(t)
	tr.write("1048576", "sys/class/kfd/kfd/proc/4242/vram_1002") // on the second partition
	tr.write("0", "sys/class/kfd/kfd/proc/4242/vram_1001")
	tr.write("35", cards[2].driver(), "gpu_busy_percent")
	tr.write("2147483648", cards[2].driver(), "mem_info_vram_used")
	s := open(tr)
	all, err := s.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bine.DeviceID{"AMD-0000-01-00.0.0", "AMD-0000-01-00.0.1", "GPU-00000000000000bb"} {
		if all[i].ID != want {
			t.Errorf("device %d has the id %s, want %s", i, all[i].ID, want)
		}
	}
	if d := all[1]; d.Parent != "AMD-0000-01-00.0" || d.Profile != "dpx" || d.Memory != 96<<30 {
		t.Errorf("the second partition = %+v", d)
	}
	env := s.Environment([]bine.DeviceID{all[1].ID, all[2].ID})
	if env["ROCR_VISIBLE_DEVICES"] != "1,GPU-00000000000000bb" || env["HIP_VISIBLE_DEVICES"] != "0,1" {
		t.Errorf("Environment = %v", env)
	}
	use, err := s.Use(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a, b := use[0], use[1]; a.Busy != 0 || len(a.Processes) != 0 || b.Busy != 1 || b.MemoryUsed != 1<<20 || !slices.Equal(b.Processes, []int{4242}) || b.Power != 70 {
		t.Errorf("Use of the partitions = %+v, %+v", a, b)
	}
	if u := use[2]; u.Busy != 0.35 || u.MemoryUsed != 2<<30 || u.Power != 140 || u.Temperature != 47 {
		t.Errorf("Use of the whole device = %+v", u)
	}
}

func TestPartitionsWithNumbersOfTheirOwn(t *testing.T) {
	tr := newTree(t)
	c := mi300x(1)
	c.parts = "CPX"
	tr.card(c)
	for i := range 8 {
		tr.gpu(c, 0x10+uint64(i), 24<<30, nil)
	}
	s := open(tr)
	all, err := s.Devices(t.Context())
	if err != nil || len(all) != 8 || all[7].ID != "GPU-0000000000000017" || all[7].Profile != "cpx" || all[7].Parent != "AMD-0000-01-00.0" {
		t.Fatalf("Devices = %+v, %v", all, err)
	}
	if env := s.Environment([]bine.DeviceID{all[7].ID}); env["ROCR_VISIBLE_DEVICES"] != "GPU-0000000000000017" {
		t.Errorf("Environment = %v", env)
	}
}

func TestAHostWithoutDevices(t *testing.T) {
	s := New(t.TempDir())
	if all, err := s.Devices(t.Context()); len(all) != 0 || err != nil {
		t.Errorf("Devices = %v, %v", all, err)
	}
	if all, err := s.Use(t.Context()); len(all) != 0 || err != nil {
		t.Errorf("Use = %v, %v", all, err)
	}
	if env := s.Environment(nil); env["ROCR_VISIBLE_DEVICES"] != "" || len(env) != 2 {
		t.Errorf("Environment = %v", env)
	}
}

func TestBrokenFiles(t *testing.T) {
	tr, cards := four(t)
	tr.write("simd_count many\n\x00\nlocation_id", "sys/class/kfd/kfd/topology/nodes/2/properties")
	tr.write("", "sys/class/kfd/kfd/topology/nodes/x/properties")
	tr.write("ue: lots", cards[0].driver(), "ras/umc_err_count")
	tr.remove("sys/class/kfd/kfd/topology/nodes/3/mem_banks")
	all, err := open(tr).Devices(t.Context())
	if err != nil || len(all) != 3 || all[1].Memory != 192<<30 {
		t.Errorf("Devices = %+v, %v", all, err)
	}
}

func TestTestSaysWhichFile(t *testing.T) {
	tr, _ := four(t)
	s := open(tr)
	tr.remove("dev/kfd")
	if err := s.Test(t.Context(), "GPU-00000000abcd0001"); err == nil || !strings.Contains(err.Error(), "/dev/kfd cannot be opened") {
		t.Errorf("Test = %v", err)
	}
}

func TestModelOf(t *testing.T) {
	for name, want := range map[string]string{"AMD Instinct MI300X OAM": "MI300X", "AMD Instinct MI250X / MI250": "MI250X-MI250", "": ""} {
		if got := modelOf(name); got != want {
			t.Errorf("modelOf(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestADeviceIsResetByItsBusAndAPartByNothing(t *testing.T) {
	tr, cards := parted(t)
	s := open(tr)
	all, err := s.Devices(t.Context())
	if err != nil || len(all) != 3 {
		t.Fatalf("Devices = %+v, %v", all, err)
	}
	whole := all[2].ID
	if err := s.Reset(t.Context(), whole); !errors.Is(err, gpu.ErrNoReset) {
		t.Errorf("Reset where the kernel shows none = %v", err)
	}
	tr.write("", cards[2].driver(), "reset")
	if err := s.Reset(t.Context(), whole); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(filepath.Join(tr.root, cards[2].driver(), "reset")); err != nil || string(got) != "1" {
		t.Errorf("the bus was told %q, %v; want 1", got, err)
	}
	tr.write("", cards[0].driver(), "reset")
	for _, id := range []bine.DeviceID{all[0].ID, all[1].ID, "nowhere"} {
		if err := s.Reset(t.Context(), id); !errors.Is(err, gpu.ErrNoReset) {
			t.Errorf("Reset of %s = %v, want none", id, err)
		}
	}
}
