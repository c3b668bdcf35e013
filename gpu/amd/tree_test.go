package amd

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// tree builds what a kernel shows of AMD's devices, below a directory.
type tree struct {
	t     *testing.T
	root  string
	nodes int
}

func newTree(t *testing.T) *tree {
	tr := &tree{t: t, root: t.TempDir()}
	tr.write("6.10.5", "sys/module/amdgpu/version")
	tr.write("", "dev/kfd")
	tr.node("cpu_cores_count 64\nsimd_count 0\ndrm_render_minor 0\n", nil)
	return tr
}

func (tr *tree) write(text string, path ...string) {
	tr.t.Helper()
	full := filepath.Join(append([]string{tr.root}, path...)...)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		tr.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text+"\n"), 0o644); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *tree) remove(path ...string) {
	tr.t.Helper()
	if err := os.RemoveAll(filepath.Join(append([]string{tr.root}, path...)...)); err != nil {
		tr.t.Fatal(err)
	}
}

// node adds a node of KFD with its links, by number of the other node.
func (tr *tree) node(properties string, links map[int]int) int {
	n := tr.nodes
	tr.nodes++
	dir := fmt.Sprintf("sys/class/kfd/kfd/topology/nodes/%d", n)
	tr.write(properties, dir, "properties")
	tr.write(fmt.Sprint(1000+n), dir, "gpu_id")
	i := 0
	for to, kind := range links {
		tr.write(fmt.Sprintf("type %d\nversion_major 0\nnode_from %d\nnode_to %d\nweight 15", kind, n, to), dir, "io_links", fmt.Sprint(i), "properties")
		i++
	}
	return n
}

// card is a device on the bus.
type card struct {
	bus     int // its PCI address is 0000:<bus>:00.0
	port    string
	product string
	numa    int
	parts   string // how it computes: SPX
}

func (c card) address() string { return fmt.Sprintf("0000:%02x:00.0", c.bus) }

func (c card) driver() string { return "sys/module/amdgpu/drivers/pci:amdgpu/" + c.address() }

// card adds a device on the bus; its nodes are added by gpu.
func (tr *tree) card(c card) {
	tr.t.Helper()
	dir := filepath.Join("sys/devices", c.port, c.address())
	for name, text := range map[string]string{"numa_node": fmt.Sprint(c.numa), "product_name": c.product, "current_compute_partition": c.parts,
		"gpu_busy_percent": "0", "mem_info_vram_used": "0", "mem_info_vram_total": fmt.Sprint(192 << 30),
		"ras/umc_err_count": "ue: 0\nce: 0", "ras/gfx_err_count": "ue: 0\nce: 0", "hwmon/hwmon3/power1_average": "140000000", "hwmon/hwmon3/temp2_input": "47000"} {
		tr.write(text, dir, name)
	}
	link := filepath.Join(tr.root, c.driver())
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		tr.t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(tr.root, dir), link); err != nil {
		tr.t.Fatal(err)
	}
}

// gpu adds the node of a device, or of a partition of it.
func (tr *tree) gpu(c card, unique uint64, memory int64, links map[int]int) int {
	minor := 127 + tr.nodes
	n := tr.node(fmt.Sprintf("simd_count 1216\ndrm_render_minor %d\nlocation_id %d\ndomain 0\nunique_id %d\ngfx_target_version 90402\ndevice_id %d\n", minor, c.bus<<8, unique, 0x74a1), links)
	tr.write(fmt.Sprintf("heap_type 1\nsize_in_bytes %d\nflags 0", memory), fmt.Sprintf("sys/class/kfd/kfd/topology/nodes/%d/mem_banks/0/properties", n))
	tr.write("", fmt.Sprintf("dev/dri/renderD%d", minor))
	return n
}
