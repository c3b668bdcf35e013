package program

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// Step is what a function sees of the step that it is. It is safe for use by
// several goroutines.
type Step struct {
	Project bine.ProjectName
	Run     bine.RunID
	Name    bine.StepName
	Key     string       // of the item in a fan-out
	Attempt int          // from 1
	Log     *slog.Logger // the step's log

	inputs map[string]string
	mu     sync.Mutex
}

// current reads what the agent says in the environment.
func current(out io.Writer) (*Step, error) {
	if os.Getenv("BINE_OUTPUTS") == "" {
		return nil, bine.Errorf(bine.Invalid, "BINE_OUTPUTS is not set: this is not a step of a run. Start the pipeline with the argument run, or set the BINE_ variables to try a function")
	}
	attempt, _ := strconv.Atoi(os.Getenv("BINE_ATTEMPT")) // absent where a function is tried by hand
	s := &Step{
		Project: bine.ProjectName(os.Getenv("BINE_PROJECT")), Run: bine.RunID(os.Getenv("BINE_RUN")), Name: bine.StepName(os.Getenv("BINE_STEP")),
		Key: os.Getenv("BINE_ITEM"), Attempt: attempt, Log: slog.New(slog.NewTextHandler(out, nil)),
	}
	if err := document("BINE_INPUTS", &s.inputs); err != nil {
		return nil, err
	}
	return s, nil
}

// document decodes the JSON file that a variable names; one that is not set changes nothing.
func document(variable string, into any) error {
	name := os.Getenv(variable)
	if name == "" {
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return bine.Errorf(bine.Invalid, "%s: %w", strings.ToLower(strings.TrimPrefix(variable, "BINE_")), err)
	}
	return nil
}

// With decodes the params of the step, its with after evaluation, into a struct
// or map. A param that a struct does not have is a fault.
func (s *Step) With(into any) error {
	var raw json.RawMessage
	if err := document("BINE_WITH", &raw); err != nil || raw == nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return bine.Errorf(bine.Invalid, "the params of step %s: %w", s.Name, err)
	}
	return nil
}

// Item decodes the element of the list that a fan-out's item is. Outside of a
// fan-out it changes nothing.
func (s *Step) Item(into any) error { return document("BINE_ITEM_VALUE", into) }

// Input gives the path of an input: a file or a directory, read-only. An input
// that gathers a fan-out is a directory with an entry for each item by key.
func (s *Step) Input(name string) (string, error) {
	path, found := s.inputs[name]
	if !found {
		return "", bine.Errorf(bine.NotFound, "step %s has no input %q; it has %s", s.Name, name, strings.Join(slices.Sorted(maps.Keys(s.inputs)), ", "))
	}
	return path, nil
}

// Row is what one item of a fan-out gave.
type Row struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// Rows goes through an input that holds a value output of a fan-out, in the
// order of keys. It reads as it goes, and ends after an error.
func (s *Step) Rows(input string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		path, err := s.Input(input)
		if err != nil {
			yield(Row{}, err)
			return
		}
		f, err := os.Open(path)
		if err != nil {
			yield(Row{}, err)
			return
		}
		defer f.Close()
		for d := json.NewDecoder(bufio.NewReader(f)); ; {
			var row Row
			err := d.Decode(&row)
			if errors.Is(err, io.EOF) || !yield(row, err) || err != nil {
				return
			}
		}
	}
}

var outputName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// Path gives where the artifact of an output goes: make a file or a directory there.
func (s *Step) Path(output string) (string, error) {
	if !outputName.MatchString(output) {
		return "", bine.Errorf(bine.Invalid, "%q is not the name of an output: letters, digits and underscores are expected", output)
	}
	return filepath.Join(os.Getenv("BINE_OUTPUTS"), output), nil
}

// Set sets an output that is a value; v is anything that has a JSON form.
func (s *Step) Set(output string, v any) error {
	if _, err := s.Path(output); err != nil {
		return err
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return bine.Errorf(bine.Invalid, "output %s: %w", output, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := filepath.Join(os.Getenv("BINE_OUTPUTS"), "values.json")
	values := map[string]json.RawMessage{}
	text, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, &values)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	values[output] = raw
	if text, err = json.Marshal(values); err != nil {
		return err
	}
	if err := os.WriteFile(name+".partial", text, 0o644); err != nil {
		return err
	}
	return os.Rename(name+".partial", name)
}

// Metric reports a number of the step; step counts epochs, iterations and the like.
func (s *Step) Metric(name string, value float64, step int) error {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return bine.Errorf(bine.Invalid, "metric %s is %v: only finite numbers can be reported", name, value)
	}
	line, err := json.Marshal(bine.Metric{Name: name, Value: bine.Number(value), Step: int64(step), At: time.Now().UTC()})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(os.Getenv("BINE_OUTPUTS"), "metrics.jsonl"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n')) // one write of one line: lines of several goroutines never mix
	return errors.Join(err, f.Close())
}

// Client gives a client of the platform with the step's own token, which is
// good for its project and ends with the attempt.
func (s *Step) Client() (*client.Client, error) {
	return client.New(client.Options{URL: os.Getenv("BINE_API"), Key: os.Getenv("BINE_TOKEN"), Patience: patience})
}
