package nvidia

import (
	"encoding/xml"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// smiLog is what `nvidia-smi -q -x` writes, as far as it is read.
type smiLog struct {
	Driver string   `xml:"driver_version"`
	GPUs   []smiGPU `xml:"gpu"`
}

type smiGPU struct {
	Bus       string    `xml:"id,attr"`
	Name      string    `xml:"product_name"`
	UUID      string    `xml:"uuid"`
	Minor     string    `xml:"minor_number"`
	MIG       string    `xml:"mig_mode>current_mig"`
	Parts     []smiPart `xml:"mig_devices>mig_device"`
	Total     string    `xml:"fb_memory_usage>total"`
	Used      string    `xml:"fb_memory_usage>used"`
	Busy      string    `xml:"utilization>gpu_util"`
	Degrees   string    `xml:"temperature>gpu_temp"`
	Watts     []string  `xml:"gpu_power_readings>power_draw"`
	Instant   []string  `xml:"gpu_power_readings>instant_power_draw"`
	OldWatts  []string  `xml:"power_readings>power_draw"`
	Errors    smiErrors `xml:"ecc_errors>volatile"`
	Pending   string    `xml:"remapped_rows>remapped_row_pending"`
	Failed    string    `xml:"remapped_rows>remapped_row_failure"`
	Recovery  string    `xml:"gpu_recovery_action"`
	Processes []smiUser `xml:"processes>process_info"`
}

type smiPart struct {
	Index    int    `xml:"index"`
	Instance string `xml:"gpu_instance_id"`
	Compute  string `xml:"compute_instance_id"`
	Total    string `xml:"fb_memory_usage>total"`
	Used     string `xml:"fb_memory_usage>used"`
}

type smiErrors struct {
	DRAM    string `xml:"dram_uncorrectable"`
	SRAM    string `xml:"sram_uncorrectable"`
	Parity  string `xml:"sram_uncorrectable_parity"`
	TwoBits string `xml:"sram_uncorrectable_secded"`
}

type smiUser struct {
	Instance string `xml:"gpu_instance_id"`
	Compute  string `xml:"compute_instance_id"`
	PID      int    `xml:"pid"`
	Type     string `xml:"type"`
}

func parseLog(text []byte) (smiLog, error) {
	var log smiLog
	if err := xml.Unmarshal(text, &log); err != nil {
		return log, bine.Errorf(bine.Unavailable, "nvidia-smi -q -x is not understood: %w", err)
	}
	return log, nil
}

func (l smiLog) parted() bool {
	return slices.ContainsFunc(l.GPUs, func(g smiGPU) bool { return g.MIG == "Enabled" })
}

// amount reads the number in front of a unit: 81920 MiB, 12 %, 61.02 W. What is
// not told is 0.
func amount(text string) float64 {
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	n, err := strconv.ParseFloat(word, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func mebibytes(text string) int64 { return int64(amount(text)) << 20 }

// told gives the first number that is told.
func told(all ...[]string) float64 {
	for _, text := range slices.Concat(all...) {
		if n := amount(text); n > 0 {
			return n
		}
	}
	return 0
}

// part is the id and profile of an instance.
type part struct {
	id      bine.DeviceID
	profile string
}

// states puts together what is told of each unit.
func (l smiLog) states(root string, names map[string][]part) ([]state, error) {
	var out []state
	for i, g := range l.GPUs {
		if g.UUID == "" || mebibytes(g.Total) <= 0 {
			continue // it is lost
		}
		bus := strings.ToLower(g.Bus)
		if domain, rest, found := strings.Cut(bus, ":"); found && len(domain) > 4 {
			bus = domain[len(domain)-4:] + ":" + rest
		}
		d := bine.Device{ID: bine.DeviceID(g.UUID), Vendor: bine.VendorNvidia, Model: modelOf(g.Name), Index: i, Memory: mebibytes(g.Total),
			Driver: l.Driver, Bus: bus, NUMA: numaOf(root, bus), Files: files(g.Minor)}
		s := state{device: d, errors: g.Errors.count(), wants: g.wants()}
		s.use = bine.DeviceUse{Device: d.ID, At: time.Now().UTC(), Busy: min(amount(g.Busy)/100, 1), MemoryUsed: min(mebibytes(g.Used), d.Memory),
			Power: told(g.Watts, g.Instant, g.OldWatts), Temperature: amount(g.Degrees), Processes: g.processes("", "")}
		if g.MIG != "Enabled" {
			out = append(out, s)
			continue
		}
		for _, p := range g.Parts {
			known := names[g.UUID]
			if p.Index < 0 || p.Index >= len(known) {
				return nil, bine.Errorf(bine.Unavailable, "nvidia-smi -L does not name instance %d of device %s", p.Index, g.UUID)
			}
			out = append(out, s.part(g, p, known[p.Index], root))
		}
	}
	return out, nil
}

// part makes the state of an instance of the device whose state s is.
func (s state) part(g smiGPU, p smiPart, name part, root string) state {
	minor, _ := strconv.Atoi(g.Minor)
	instance, _ := strconv.Atoi(p.Instance)
	compute, _ := strconv.Atoi(p.Compute)
	d := s.device
	d.Parent, d.ID, d.Profile, d.Memory = d.ID, name.id, name.profile, mebibytes(p.Total)
	d.Files = append(slices.Clone(d.Files), instanceFiles(root, minor, instance, compute)...)
	out := state{device: d, errors: s.errors, wants: s.wants, use: s.use}
	out.use.Device, out.use.MemoryUsed, out.use.Processes = d.ID, min(mebibytes(p.Used), d.Memory), g.processes(p.Instance, p.Compute)
	out.use.Busy, out.use.Power = 0, s.use.Power/float64(len(g.Parts))
	if len(out.use.Processes) > 0 {
		out.use.Busy = 1
	}
	return out
}

func (e smiErrors) count() int {
	return int(amount(e.DRAM) + amount(e.SRAM) + amount(e.Parity) + amount(e.TwoBits))
}

// wants says what must be done with a device.
func (g smiGPU) wants() string {
	switch {
	case g.Failed == "Yes":
		return "to be replaced: it has no spare rows of memory left"
	case g.Recovery != "" && g.Recovery != "None" && g.Recovery != "N/A":
		return strings.ToLower(g.Recovery)
	case g.Pending == "Yes":
		return "a reset, to remap rows of memory"
	default:
		return ""
	}
}

// processes lists those that compute, on an instance where one is named.
func (g smiGPU) processes(instance, compute string) []int {
	var out []int
	for _, p := range g.Processes {
		if strings.Contains(p.Type, "C") && (instance == "" || p.Instance == instance && p.Compute == compute) {
			out = append(out, p.PID)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var (
	gpuLine  = regexp.MustCompile(`^GPU \d+: .*\(UUID: (GPU-[^)]+)\)`)
	partLine = regexp.MustCompile(`^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)`)
)

// parseNames reads the instances of each device out of `nvidia-smi -L`.
func parseNames(text []byte) map[string][]part {
	out := map[string][]part{}
	gpu := ""
	for line := range strings.Lines(string(text)) {
		if m := gpuLine.FindStringSubmatch(line); m != nil {
			gpu = m[1]
		} else if m := partLine.FindStringSubmatch(line); m != nil {
			out[gpu] = append(out[gpu], part{id: bine.DeviceID(m[2]), profile: m[1]})
		}
	}
	return out
}

// parseCompute reads lines of UUID and compute capability.
func parseCompute(text []byte) map[bine.DeviceID]string {
	out := map[bine.DeviceID]string{}
	for line := range strings.Lines(string(text)) {
		id, version, found := strings.Cut(strings.TrimSpace(line), ", ")
		if _, err := strconv.ParseFloat(version, 64); found && err == nil {
			out[bine.DeviceID(id)] = version
		}
	}
	return out
}

// parseTopology reads the matrix of `nvidia-smi topo -m`, by index.
func parseTopology(text []byte) map[[2]int]bine.DeviceLink {
	out := map[[2]int]bine.DeviceLink{}
	var columns []int // of the devices, in the order of the head
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(strings.ReplaceAll(line, "\x1b[4m", ""))
		if len(words) == 0 || !strings.HasPrefix(words[0], "GPU") {
			continue
		}
		if columns == nil {
			for _, word := range words {
				if n, ok := gpuNumber(word); ok {
					columns = append(columns, n)
				}
			}
			continue
		}
		row, ok := gpuNumber(words[0])
		for i, column := range columns {
			if !ok || i+1 >= len(words) {
				break
			}
			if l, known := linkOf(words[i+1]); known && column != row {
				out[[2]int{row, column}] = l
			}
		}
	}
	return out
}

func gpuNumber(word string) (int, bool) {
	digits, found := strings.CutPrefix(word, "GPU")
	n, err := strconv.Atoi(digits)
	return n, found && err == nil
}

func linkOf(word string) (bine.DeviceLink, bool) {
	if digits, found := strings.CutPrefix(word, "NV"); found {
		if n, err := strconv.Atoi(digits); err == nil {
			return bine.DeviceLink{Kind: bine.LinkNVLink, Count: n}, true
		}
	}
	kind, known := map[string]bine.LinkKind{"PIX": bine.LinkSwitch, "PXB": bine.LinkBridge, "PHB": bine.LinkNode, "NODE": bine.LinkNode, "SYS": bine.LinkSystem}[word]
	return bine.DeviceLink{Kind: kind}, known
}
