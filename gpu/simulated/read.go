package simulated

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/bine-ml/bine"
)

// Limits of what a node file may declare.
const (
	MaxText    = 1 << 20
	MaxDevices = 1024 // of one host
)

// Read reads a node file; the path of a control file in it is taken from the
// file's directory.
func Read(path string) (Node, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Node{}, bine.Errorf(bine.NotFound, "there is no node file %s", path)
	}
	if err != nil {
		return Node{}, fmt.Errorf("read node file: %w", err)
	}
	node, err := Parse(text)
	if e, ok := errors.AsType[*bine.Error](err); ok {
		return Node{}, &bine.Error{Kind: e.Kind, Message: path + ": " + e.Message, Details: e.Details}
	}
	if node.Control != "" && !filepath.IsAbs(node.Control) {
		node.Control = filepath.Join(filepath.Dir(path), node.Control)
	}
	return node, err
}

// Parse reads the text of a node file. The error is of kind Invalid and holds
// every fault as a Detail with its line and column.
func Parse(text []byte) (Node, error) {
	var n Node
	err := decode(text, func(r *reader, root *yaml.Node) {
		r.mapping(root, "a node file", fields{
			"labels":  func(v *yaml.Node) { n.Labels = r.texts(v) },
			"devices": func(v *yaml.Node) { n.Devices = each(r, v, "a list of devices", r.group) },
			"links":   func(v *yaml.Node) { n.Links = r.links(v) },
			"script":  func(v *yaml.Node) { n.Script = each(r, v, "a list of events", r.event) },
			"control": func(v *yaml.Node) { n.Control = r.text(v) },
		})
		r.check(n)
	})
	slices.SortStableFunc(n.Script, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	if err != nil {
		return Node{}, err
	}
	return n, nil
}

// parseEvents reads a control file.
func parseEvents(text []byte) ([]Event, error) {
	var out []Event
	err := decode(text, func(r *reader, root *yaml.Node) { out = each(r, root, "a list of events", r.event) })
	return out, err
}

// reader collects the faults of a text.
type reader struct {
	faults  []bine.Detail
	indices []*yaml.Node // every index of a device that was named
}

type fields map[string]func(*yaml.Node)

func decode(text []byte, do func(*reader, *yaml.Node)) error {
	if len(text) > MaxText {
		return bine.Errorf(bine.TooLarge, "the text has %d bytes; at most %d are allowed", len(text), MaxText)
	}
	var document yaml.Node
	if err := yaml.Load(text, &document); err != nil {
		return bine.Errorf(bine.Invalid, "the text is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	r := &reader{}
	do(r, document.Content[0])
	if len(r.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(r.faults, func(a, b bine.Detail) int { return cmp.Compare(a.Line, b.Line) })
	lines := make([]string, len(r.faults))
	for i, f := range r.faults {
		lines[i] = fmt.Sprintf("line %d: %s", f.Line, f.Message)
	}
	return &bine.Error{Kind: bine.Invalid, Message: strings.Join(lines, "\n"), Details: r.faults}
}

func (r *reader) fault(n *yaml.Node, format string, args ...any) {
	r.faults = append(r.faults, bine.Detail{Message: fmt.Sprintf(format, args...), Line: n.Line, Column: n.Column})
}

// mapping reads the keys of a mapping; one that is not known is a fault.
func (r *reader) mapping(n *yaml.Node, what string, known fields) {
	if n.Kind != yaml.MappingNode {
		r.fault(n, "here should be %s, a mapping of keys to values", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		read, ok := known[key.Value]
		switch {
		case !ok:
			names := make([]string, 0, len(known))
			for name := range known {
				names = append(names, name)
			}
			slices.Sort(names)
			r.fault(key, "%s has no key %q; it has %s", what, key.Value, strings.Join(names, ", "))
		case seen[key.Value]:
			r.fault(key, "key %q stands here twice", key.Value)
		default:
			read(n.Content[i+1])
		}
		seen[key.Value] = true
	}
}

func each[T any](r *reader, n *yaml.Node, what string, read func(*yaml.Node) T) []T {
	if n.Kind != yaml.SequenceNode {
		r.fault(n, "here should be %s", what)
		return nil
	}
	out := make([]T, 0, len(n.Content))
	for _, item := range n.Content {
		out = append(out, read(item))
	}
	return out
}

func (r *reader) text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		r.fault(n, "here should be a text")
		return ""
	}
	return n.Value
}

func (r *reader) texts(n *yaml.Node) []string { return each(r, n, "a list of words", r.text) }

func (r *reader) number(n *yaml.Node) float64 {
	v, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || err != nil || v != v {
		r.fault(n, "%q is not a number", n.Value)
	}
	return v
}

func (r *reader) whole(n *yaml.Node) int {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		r.fault(n, "%q is not a whole number", n.Value)
	}
	return v
}

func (r *reader) flag(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		r.fault(n, "%q is neither true nor false", n.Value)
	}
	return n.Value == "true"
}

// size reads bytes, written like 80GiB; -1 is a fault.
func (r *reader) size(n *yaml.Node) int64 {
	units := []struct {
		suffix string
		factor float64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}
	for _, u := range units {
		if digits, found := strings.CutSuffix(n.Value, u.suffix); found {
			v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
			if err == nil && v >= 0 && v*u.factor < 1<<62 {
				return int64(v * u.factor)
			}
			break
		}
	}
	r.fault(n, "%q is not a size: write it like 512MiB or 80GiB", n.Value)
	return -1
}

func (r *reader) duration(n *yaml.Node) time.Duration {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v < 0 {
		r.fault(n, "%q is not a time: write it like 90s or 2m", n.Value)
	}
	return v
}

// index reads the index of a device, which check compares with how many there are.
func (r *reader) index(n *yaml.Node) int {
	r.indices = append(r.indices, n)
	return r.whole(n)
}

func (r *reader) indexes(n *yaml.Node) []int { return each(r, n, "a list of indices", r.index) }
