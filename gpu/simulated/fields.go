package simulated

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bine-ml/bine"
)

func (r *reader) group(n *yaml.Node) Group {
	g := Group{Count: 1}
	r.mapping(n, "a device", fields{
		"model":   func(v *yaml.Node) { g.Model = r.model(v) },
		"count":   func(v *yaml.Node) { g.Count = r.count(v) },
		"memory":  func(v *yaml.Node) { g.Memory = r.size(v) },
		"compute": func(v *yaml.Node) { g.Compute = r.text(v) },
		"driver":  func(v *yaml.Node) { g.Driver = r.text(v) },
		"fabric":  func(v *yaml.Node) { g.Fabric = r.text(v) },
		"numa":    func(v *yaml.Node) { g.NUMA = r.nodes(v) },
		"files":   func(v *yaml.Node) { g.Files = each(r, v, "a list of paths", r.path) },
		"mig":     func(v *yaml.Node) { g.MIG = each(r, v, "a list of MIG profiles", r.profile) },
	})
	if n.Kind != yaml.MappingNode {
		return g
	}
	if g.Model == "" {
		r.fault(n, "a device needs a model: write it like A100-SXM4-80GB")
	}
	if g.Memory == 0 {
		r.fault(n, "a device needs its memory: write it like 80GiB")
	}
	if len(g.NUMA) > 1 && len(g.NUMA) != g.Count {
		r.fault(n, "numa lists %d nodes for %d devices: give one for each, or one for all", len(g.NUMA), g.Count)
	}
	var parts int64
	for _, profile := range g.MIG {
		size, _ := profileMemory(profile)
		parts += size
	}
	if g.Memory > 0 && parts > g.Memory {
		r.fault(n, "the MIG profiles want %d GiB of a device that has %d", parts>>30, g.Memory>>30)
	}
	return g
}

func (r *reader) model(n *yaml.Node) string {
	text := r.text(n)
	if strings.ContainsAny(text, " \t,=") {
		r.fault(n, "a model is one word without blanks, commas and =, as people ask for it: A100-SXM4-80GB")
	}
	return text
}

func (r *reader) count(n *yaml.Node) int {
	v := r.whole(n)
	if v < 1 || v > MaxDevices {
		r.fault(n, "a host has 1 to %d devices, not %s", MaxDevices, n.Value)
		return 1
	}
	return v
}

func (r *reader) nodes(n *yaml.Node) []int {
	if n.Kind == yaml.SequenceNode {
		return each(r, n, "a list of NUMA nodes", r.whole)
	}
	return []int{r.whole(n)}
}

func (r *reader) path(n *yaml.Node) string {
	text := r.text(n)
	if !strings.HasPrefix(text, "/") {
		r.fault(n, "%q is not an absolute path", text)
	}
	return text
}

func (r *reader) profile(n *yaml.Node) string {
	text := r.text(n)
	if _, err := profileMemory(text); err != nil {
		r.fault(n, "%s", err)
	}
	return text
}

// linkKinds are the ways between devices, the fastest first.
func linkKinds() []bine.LinkKind {
	return []bine.LinkKind{bine.LinkNVLink, bine.LinkXGMI, bine.LinkSwitch, bine.LinkBridge, bine.LinkNode, bine.LinkSystem}
}

// links reads kinds with what they join: all, groups, or both with a count.
func (r *reader) links(n *yaml.Node) []Link {
	var out []Link
	known := fields{}
	for _, kind := range linkKinds() {
		known[string(kind)] = func(v *yaml.Node) { out = append(out, r.link(kind, v)) }
	}
	r.mapping(n, "links", known)
	slices.SortStableFunc(out, func(a, b Link) int {
		return slices.Index(linkKinds(), a.Kind) - slices.Index(linkKinds(), b.Kind)
	})
	return out
}

func (r *reader) link(kind bine.LinkKind, n *yaml.Node) Link {
	l := Link{Kind: kind}
	if n.Kind != yaml.MappingNode {
		l.Among = r.among(n)
		return l
	}
	r.mapping(n, "a link", fields{
		"count": func(v *yaml.Node) { l.Count = r.whole(v) },
		"among": func(v *yaml.Node) { l.Among = r.among(v) },
	})
	return l
}

func (r *reader) among(n *yaml.Node) [][]int {
	if n.Kind == yaml.ScalarNode && n.Value == "all" {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.fault(n, "write all, or groups of indices: [[0, 1], [2, 3]]")
		return [][]int{}
	}
	return each(r, n, "a list of groups", r.indexes)
}

func (r *reader) event(n *yaml.Node) Event {
	var e Event
	r.mapping(n, "an event", fields{
		"at":          func(v *yaml.Node) { e.At = r.duration(v) },
		"devices":     func(v *yaml.Node) { e.Devices = r.indexes(v) },
		"busy":        func(v *yaml.Node) { e.Busy = r.busy(v) },
		"memory":      func(v *yaml.Node) { e.Memory = r.used(v) },
		"power":       func(v *yaml.Node) { e.Power = ptr(r.number(v)) },
		"temperature": func(v *yaml.Node) { e.Temperature = ptr(r.number(v)) },
		"fault":       func(v *yaml.Node) { e.Fault = ptr(r.told(v)) },
		"lost":        func(v *yaml.Node) { e.Lost = ptr(r.flag(v)) },
		"broken":      func(v *yaml.Node) { e.Broken = ptr(r.text(v)) },
		"reset":       func(v *yaml.Node) { e.Reset = ptr(r.text(v)) },
		"fail":        func(v *yaml.Node) { e.Fail = each(r, v, "a list of calls", r.call) },
		"error":       func(v *yaml.Node) { e.Error = r.text(v) },
	})
	return e
}

func ptr[T any](v T) *T { return &v }

// auto says that a value follows from the processes on a device.
const auto = "auto"

func (r *reader) busy(n *yaml.Node) *float64 {
	if n.Value == auto {
		return ptr(-1.0)
	}
	v := r.number(n)
	if v < 0 || v > 1 {
		r.fault(n, "busy is a share from 0 to 1, or auto")
	}
	return &v
}

func (r *reader) used(n *yaml.Node) *int64 {
	if n.Value == auto {
		return ptr(int64(-1))
	}
	return ptr(r.size(n))
}

func (r *reader) told(n *yaml.Node) Fault {
	f := Fault{Kind: "xid", Text: "a fault of the script"}
	r.mapping(n, "a fault", fields{
		"kind":  func(v *yaml.Node) { f.Kind = r.text(v) },
		"code":  func(v *yaml.Node) { f.Code = r.whole(v) },
		"text":  func(v *yaml.Node) { f.Text = r.text(v) },
		"fatal": func(v *yaml.Node) { f.Fatal = r.flag(v) },
	})
	if !slices.Contains([]string{"xid", "ecc", "ras", "lost", "driver"}, f.Kind) {
		r.fault(n, "%q is not a kind of fault: write xid, ecc, ras, lost or driver", f.Kind)
	}
	return f
}

func (r *reader) call(n *yaml.Node) string {
	if !slices.Contains(calls(), n.Value) {
		r.fault(n, "%q is not a call: write %s", n.Value, strings.Join(calls(), ", "))
	}
	return n.Value
}

// check looks at what only the whole shows.
func (r *reader) check(n Node) {
	all := n.count()
	if all > MaxDevices {
		r.faults = append(r.faults, bine.Detail{Line: 1, Column: 1, Message: "a host has at most " + strconv.Itoa(MaxDevices) + " devices, and these are " + strconv.Itoa(all)})
	}
	for _, at := range r.indices {
		if i, err := strconv.Atoi(at.Value); err == nil && (i < 0 || i >= all) {
			r.fault(at, "there is no device %d: the file declares %d, counted from 0", i, all)
		}
	}
}
