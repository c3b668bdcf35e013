package queue

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu"
	"github.com/bine-ml/bine/gpu/place"
)

// Cell is a quota of parts of the cluster that belong together: a project that
// has cells finds in them, whatever others do, what it would find in a cluster
// of its own made of them. After "HiveD: Sharing a GPU Cluster for Deep Learning
// with Guarantees", OSDI 2020.
type Cell struct {
	Level   gpu.Level `json:"level,omitempty"`   // LevelHost, LevelRack or LevelBlock; empty: single devices
	Count   int       `json:"count"`             // how many
	Devices int       `json:"devices,omitempty"` // that each has at least; 0: any number. Not of single devices
	Model   string    `json:"model,omitempty"`   // of all its devices; empty: any
}

const mostCells = 100_000

var cellForm = regexp.MustCompile(`(?i)^([0-9]+)\s+(gpu|host|rack|block)s?(?:\s+of\s+([0-9]+))?(?:\s+with\s+([A-Za-z0-9][A-Za-z0-9._+/-]{0,62}))?$`)

// ParseCells reads cells from words: "2 hosts of 8 with A100, 4 GPUs". No words
// are no cells. The error is of kind Invalid and says where the fault is.
func ParseCells(text string) ([]Cell, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var all []Cell
	at := 1
	for part := range strings.SplitSeq(text, ",") {
		column := at + len(part) - len(strings.TrimLeft(part, " \t"))
		at += len(part) + 1
		found := cellForm.FindStringSubmatch(strings.TrimSpace(part))
		if found == nil {
			return nil, bine.Errorf(bine.Invalid, "%q: at column %d, a number of GPUs, hosts, racks or blocks is expected. An example: 2 hosts of 8 with A100, 4 GPUs", text, column)
		}
		c := Cell{Level: gpu.Level(strings.ToLower(found[2])), Model: strings.ToUpper(found[4])}
		if c.Level == "gpu" {
			c.Level = ""
		}
		c.Count, _ = strconv.Atoi(found[1]) // out of range gives a number that is too large too
		c.Devices, _ = strconv.Atoi(found[3])
		if c.Count < 1 || c.Count > mostCells || c.Devices > mostCells || (c.Level == "" && found[3] != "") {
			return nil, bine.Errorf(bine.Invalid, "%q: at column %d, there can be 1 to %d cells, and only hosts, racks and blocks are of so many devices", text, column, mostCells)
		}
		all = append(all, c)
	}
	return all, nil
}

// String gives the canonical words.
func (c Cell) String() string {
	unit := string(c.Level)
	if c.Level == "" {
		unit = "GPU"
	}
	text := fmt.Sprintf("%d %s", c.Count, unit)
	if c.Count != 1 {
		text += "s"
	}
	if c.Devices > 0 {
		text += fmt.Sprintf(" of %d", c.Devices)
	}
	if c.Model != "" {
		text += " with " + c.Model
	}
	return text
}

// FormatCells gives the words of several: ParseCells reads them again.
func FormatCells(all []Cell) string {
	words := make([]string, len(all))
	for i, c := range all {
		words[i] = c.String()
	}
	return strings.Join(words, ", ")
}

// CheckCells says whether a cluster has all these cells at once, if every host
// is up. The error is of kind Invalid and names the first that it does not have.
func CheckCells(s place.Snapshot, quotas map[string][]Cell) error {
	s.Hosts = slices.Clone(s.Hosts)
	for i := range s.Hosts {
		h := &s.Hosts[i]
		h.Up, h.Devices = true, slices.Clone(h.Devices)
		for j := range h.Devices {
			h.Devices[j].Out = false
		}
	}
	missing := Settle(s, quotas, nil, nil).Missing()
	for _, project := range sortedKeys(missing) {
		return bine.Errorf(bine.Invalid, "the cluster has not %s left for project %s beside the cells of the others", FormatCells(missing[project]), project)
	}
	return nil
}

// unit is a part of the cluster that can become a cell.
type unit struct {
	hosts   []int // by number
	devices []int // positions in the only host, of a cell of one device
	size    int   // devices
	up      bool
}

// wish is one cell that a project is to have.
type wish struct {
	Cell
	project string
}

// wishes gives all cells one by one: the largest first, those of a model before
// those of any, as in buddy allocation; so small ones do not break up what
// large ones need.
func wishes(quotas map[string][]Cell) []wish {
	rank := map[gpu.Level]int{gpu.LevelBlock: 0, gpu.LevelRack: 1, gpu.LevelHost: 2, "": 3}
	var all []wish
	for _, project := range sortedKeys(quotas) {
		for _, c := range quotas[project] {
			n := c.Count
			c.Count = 1
			for range n {
				all = append(all, wish{c, project})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b wish) int {
		return cmp.Or(rank[a.Level]-rank[b.Level], b.Devices-a.Devices, len(b.Model)-len(a.Model))
	})
	return all
}
