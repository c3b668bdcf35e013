package amd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// node is a device, or a partition of one, as KFD describes it.
type node struct {
	number int    // of the node
	gpu    uint64 // by which the processes' files name it
	minor  int    // of the render file
	bus    string // PCI address of the device
	unique uint64 // that it was made with; 0 where there is none
	target int    // version of its instructions: 90402
	chip   int    // PCI number of the device
	memory int64
	links  map[int]int // number of another node to the type of the link
}

// Types of links.
const (
	linkPCIe = 2
	linkXGMI = 11
)

func (s *Source) path(parts ...string) string {
	return filepath.Join(append([]string{s.root}, parts...)...)
}

// nodes reads the nodes that compute, in KFD's order.
func (s *Source) nodes() ([]node, error) {
	dir := s.path("sys/class/kfd/kfd/topology/nodes")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list AMD's devices: %w", err)
	}
	var out []node
	for _, entry := range entries {
		number, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		n, ok := readNode(filepath.Join(dir, entry.Name()))
		if n.number = number; ok {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b node) int { return a.number - b.number })
	return out, nil
}

// readNode reads a node; false: it is a processor, or not readable.
func readNode(dir string) (node, bool) {
	p := properties(filepath.Join(dir, "properties"))
	if p["simd_count"] == 0 || p["drm_render_minor"] == 0 {
		return node{}, false
	}
	at := p["location_id"]
	n := node{gpu: uint64(number(filepath.Join(dir, "gpu_id"), 0)), minor: int(p["drm_render_minor"]), unique: p["unique_id"],
		bus:    fmt.Sprintf("%04x:%02x:%02x.0", p["domain"], at>>8&0xff, at>>3&0x1f),
		target: int(p["gfx_target_version"]), chip: int(p["device_id"]), links: map[int]int{}}
	banks, _ := filepath.Glob(filepath.Join(dir, "mem_banks", "*", "properties")) // the pattern is well-formed
	for _, path := range banks {
		if bank := properties(path); bank["heap_type"] == 1 || bank["heap_type"] == 2 { // of the device itself
			n.memory += int64(bank["size_in_bytes"])
		}
	}
	for _, kind := range []string{"p2p_links", "io_links"} { // the latter are direct
		links, _ := filepath.Glob(filepath.Join(dir, kind, "*", "properties")) // the pattern is well-formed
		for _, path := range links {
			link := properties(path)
			n.links[int(link["node_to"])] = int(link["type"])
		}
	}
	return n, true
}

// architecture names the instructions: 90402 is gfx942.
func (n node) architecture() string {
	if n.target == 0 {
		return ""
	}
	return fmt.Sprintf("gfx%d%x%x", n.target/10000, n.target/100%100, n.target%100)
}

// properties reads lines of a name and a number.
func properties(path string) map[string]uint64 {
	out := map[string]uint64{}
	for line := range strings.Lines(text(path)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64); err == nil {
			out[name] = n
		}
	}
	return out
}

// text reads a file; "" where it cannot.
func text(path string) string {
	all, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(all))
}

func number(path string, otherwise int64) int64 {
	n, err := strconv.ParseInt(text(path), 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

// modelOf makes one word of a product's name.
func modelOf(name string) string {
	var words []string
	for word := range strings.FieldsSeq(name) {
		switch word {
		case "AMD", "Instinct", "Radeon", "OAM", "(TM)", "/":
		default:
			words = append(words, strings.NewReplacer(",", "-", "=", "-", "/", "-").Replace(word))
		}
	}
	return strings.Join(words, "-")
}

// modelOfChip names the accelerators that some kernels give no name.
func modelOfChip(chip int) string {
	return map[int]string{0x738c: "MI100", 0x7408: "MI250X", 0x740c: "MI250X", 0x740f: "MI210", 0x74a0: "MI300A", 0x74a1: "MI300X",
		0x74a2: "MI308X", 0x74a5: "MI325X", 0x75a0: "MI350X", 0x75a3: "MI355X"}[chip]
}
