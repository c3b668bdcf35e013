package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/shim"
)

// What a process leaves in its outputs, see the Python package.
const (
	valuesFile  = "values.json"
	metricsFile = "metrics.jsonl"
	itemsDir    = "items"
)

const (
	// valuesLimit bounds the values of a step or item together.
	valuesLimit = 16 << 10
	// metricsLimit bounds the file of metrics.
	metricsLimit = 32 << 20
)

// collect checks what the process left against what it declares, stores the
// artifacts and puts all into result. A fault of the process is Invalid.
// Nothing that the process made leads out of its outputs: everything is opened
// below a root that links cannot leave.
func (t *attempt) collect(ctx context.Context, result *bine.AttemptResult) error {
	process, root, store, err := t.left()
	if err != nil {
		return err
	}
	defer root.Close()
	result.Metrics = readMetrics(root)
	if len(process.Batch) == 0 {
		got, err := store.take(ctx, root, process.Outputs)
		result.Values, result.Artifacts = got.Values, got.Artifacts
		if err == nil && process.Segment != nil && !empty(root, bine.CheckpointName) {
			result.Artifacts[bine.CheckpointName], err = store.artifact(ctx, root, bine.CheckpointName)
		}
		return err
	}
	result.Items = map[string]bine.ItemResult{}
	var faulty []string
	for _, item := range process.Batch {
		got, metrics, err := store.item(ctx, root, item.Key, process.Outputs)
		if err != nil && !bine.IsKind(err, bine.Invalid) {
			return err
		}
		if err != nil {
			got, faulty = bine.ItemResult{Reason: err.Error()}, append(faulty, fmt.Sprintf("item %s: %s", item.Key, err))
		}
		result.Items[item.Key] = got
		result.Metrics = append(result.Metrics, metrics...)
	}
	if len(faulty) > 0 {
		return bine.Errorf(bine.Invalid, "%d of %d items did not give their outputs: %s", len(faulty), len(process.Batch), strings.Join(faulty[:min(len(faulty), 5)], "; "))
	}
	return nil
}

// segment says which segment of a trial the process is, if it is one.
func (t *attempt) segment() *bine.TrialSegment {
	var p plan
	if readJSON(filepath.Join(t.dir, planFile), &p) != nil {
		return nil
	}
	return p.Assignment.Process.Segment
}

// left opens what the process left, and gives where it is stored.
func (t *attempt) left() (bine.Process, *os.Root, artifacts, error) {
	var p plan
	if err := readJSON(filepath.Join(t.dir, planFile), &p); err != nil {
		return bine.Process{}, nil, artifacts{}, err
	}
	process := p.Assignment.Process
	token, err := t.jobToken()
	if err != nil {
		return process, nil, artifacts{}, err
	}
	store, err := t.agent.artifacts(process.Owner.Project, token)
	if err != nil {
		return process, nil, artifacts{}, err
	}
	work, err := os.OpenRoot(filepath.Join(t.dir, shim.WorkDir))
	if err != nil {
		return process, nil, artifacts{}, err
	}
	defer work.Close()
	root, err := work.OpenRoot("outputs")
	if err != nil {
		return process, nil, artifacts{}, bine.Errorf(bine.Invalid, "the directory of outputs is gone: %w", err)
	}
	return process, root, store, nil
}

// keep stores what a process that failed left of the artifacts that are kept in
// any case. One that is not there, or is no artifact, is left out.
func (t *attempt) keep(ctx context.Context, result *bine.AttemptResult) error {
	process, root, store, err := t.left()
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range append(slices.Clone(process.Keep), bine.CheckpointName) {
		if name == bine.CheckpointName && empty(root, name) {
			continue
		}
		kept, err := store.artifact(ctx, root, name)
		if bine.IsKind(err, bine.Invalid) {
			continue
		}
		if err != nil {
			return err
		}
		if result.Artifacts == nil {
			result.Artifacts = map[string]bine.ArtifactRef{}
		}
		result.Artifacts[name] = kept
	}
	return nil
}

// empty reports whether a directory has nothing in it, or is not there.
func empty(root *os.Root, name string) bool {
	dir, err := root.Open(name)
	if err != nil {
		return true
	}
	defer dir.Close()
	_, err = dir.Readdirnames(1)
	return err != nil
}

// jobToken reads the token that the process was given. It is good until the
// attempt's end is reported.
func (t *attempt) jobToken() (string, error) {
	spec, err := shim.ReadSpec(t.dir)
	if err != nil {
		return "", err
	}
	for _, pair := range spec.Env {
		if token, ok := strings.CutPrefix(pair, "BINE_TOKEN="); ok {
			return token, nil
		}
	}
	return "", nil
}

// item takes what one item of a batch gave.
func (s artifacts) item(ctx context.Context, root *os.Root, key string, outputs map[string]string) (bine.ItemResult, []bine.Metric, error) {
	below, err := root.OpenRoot(filepath.Join(itemsDir, key))
	if errors.Is(err, fs.ErrNotExist) && len(outputs) == 0 {
		return bine.ItemResult{}, nil, nil
	}
	if err != nil {
		return bine.ItemResult{}, nil, bine.Errorf(bine.Invalid, "it left no outputs")
	}
	defer below.Close()
	got, err := s.take(ctx, below, outputs)
	return got, readMetrics(below), err
}

// take reads the values and stores the artifacts that outputs declares.
func (s artifacts) take(ctx context.Context, root *os.Root, outputs map[string]string) (bine.ItemResult, error) {
	values, err := readValues(root)
	if err != nil {
		return bine.ItemResult{}, err
	}
	got := bine.ItemResult{Values: map[string]json.RawMessage{}, Artifacts: map[string]bine.ArtifactRef{}}
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		kind := outputs[name]
		if kind == "artifact" {
			if got.Artifacts[name], err = s.artifact(ctx, root, name); err != nil {
				return bine.ItemResult{}, err
			}
			continue
		}
		value, ok := values[name]
		if !ok {
			return bine.ItemResult{}, missing(name, kind, slices.Sorted(maps.Keys(values)))
		}
		if !hasType(value, kind) {
			return bine.ItemResult{}, bine.Errorf(bine.Invalid, "output %q is declared as %s, and the program gave %s", name, kind, short(value))
		}
		got.Values[name] = value
	}
	return got, nil
}

func missing(name, kind string, given []string) error {
	have := "it gave no values"
	if len(given) > 0 {
		have = "it gave " + strings.Join(given, ", ")
	}
	return bine.Errorf(bine.Invalid, "output %q (%s) is missing: the program must set it; %s", name, kind, have)
}

func short(value json.RawMessage) string {
	if len(value) > 60 {
		return string(value[:60]) + "…"
	}
	return string(value)
}

// readValues reads the values that a program set.
func readValues(root *os.Root) (map[string]json.RawMessage, error) {
	text, err := readRegular(root, valuesFile, valuesLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	values := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, bine.Errorf(bine.Invalid, "the values that the program gave are not a JSON object: %w", err)
	}
	return values, nil
}

// readRegular reads a file of at most limit bytes. Waiting on a pipe that a
// program left there is not part of it.
func readRegular(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		return nil, bine.Errorf(bine.Invalid, "the values of the step are larger than %d bytes together: make the large ones artifacts", limit)
	}
	return text, err
}

var wholeNumber = regexp.MustCompile(`^-?[0-9]+$`)

// hasType reports whether a value has a declared type.
func hasType(value json.RawMessage, kind string) bool {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return false
	}
	switch kind {
	case "string":
		_, ok := v.(string)
		return ok
	case "int":
		return wholeNumber.Match(value)
	case "float":
		_, ok := v.(float64)
		return ok
	case "bool":
		_, ok := v.(bool)
		return ok
	default:
		return true
	}
}

// readMetrics reads the numbers that a program reported; a line that is none is
// left out, and so is what lies past the limit.
func readMetrics(root *os.Root) []bine.Metric {
	f, err := openRegular(root, metricsFile)
	if err != nil {
		return nil
	}
	defer f.Close()
	var out []bine.Metric
	lines := bufio.NewScanner(io.LimitReader(f, metricsLimit))
	for lines.Scan() {
		var m bine.Metric
		if json.Unmarshal(lines.Bytes(), &m) == nil && m.Name != "" {
			out = append(out, m)
		}
	}
	return out
}
