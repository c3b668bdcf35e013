// Package spec reads the settings of a sweep from a file: a sweep configuration
// of W&B as it is, with what Bine adds. What is not known is a fault, with its line and
// column; what is known but means nothing here is noted.
package spec

import (
	"math"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/sweep/field"
	"github.com/bine-ml/bine/internal/sweep/sample"
	"github.com/bine-ml/bine/internal/sweep/schedule"
	"github.com/bine-ml/bine/internal/sweep/space"
)

// File is what a file says.
type File struct {
	Name        string         `json:"name,omitempty"`
	Description string         `json:"description,omitempty"`
	Program     string         `json:"program,omitempty"`
	Command     []string       `json:"command,omitempty" doc:"with W&B's ${env}, ${interpreter}, ${program} and ${args}"`
	Settings    sweep.Settings `json:"settings"`
	Notes       []bine.Detail  `json:"notes,omitempty" doc:"what is read, but means nothing here"`
}

const anyCount = math.MaxInt32

// Parse reads a file. The error is of kind Invalid and has one Detail for each
// fault.
func Parse(text []byte) (File, error) {
	v, doc, err := field.Parse(text, "a sweep")
	if err != nil {
		return File{}, err
	}
	f := v.Fields("a sweep")
	r := &reader{fields: f}
	r.file.Name, r.file.Description, r.file.Program = f.Text("name"), f.Text("description"), f.Text("program")
	r.command()
	for _, key := range []string{"project", "entity", "controller", "job", "image_uri", "scheduler"} {
		if v, found := f.Get(key); found {
			r.note(v, key+" says where W&B runs a sweep; it means nothing here")
		}
	}
	r.method()
	r.metrics()
	r.terminate()
	r.limits()
	if p, found := f.Get("parameters"); found {
		r.file.Settings.Space = space.Read(p)
	} else {
		v.Fault("a sweep needs parameters: what is searched")
	}
	if c, found := f.Some("constraint"); found && r.file.Settings.Space != nil {
		r.file.Settings.Space.Conditions(c)
	}
	f.Close()
	if r.file.Settings.Space == nil {
		return File{}, doc.Err()
	}
	if err := r.file.Settings.Space.Finish(doc); err != nil {
		return File{}, err
	}
	if err := r.file.Settings.Check(); err != nil {
		return File{}, err
	}
	return r.file, nil
}

type reader struct {
	fields *field.Fields
	file   File
}

func (r *reader) note(v field.Value, message string) {
	line, column := v.Line()
	r.file.Notes = append(r.file.Notes, bine.Detail{Message: message, Location: v.Place, Line: line, Column: column})
}

func (r *reader) command() {
	v, found := r.fields.Some("command")
	if !found {
		return
	}
	if !v.IsList() {
		if text, ok := v.Text(); ok {
			r.file.Command = []string{text}
		}
		return
	}
	for _, item := range v.Items("a list of words") {
		if word, ok := item.Text(); ok {
			r.file.Command = append(r.file.Command, word)
		}
	}
}

func (r *reader) method() {
	s := &r.file.Settings
	s.Sampler = sample.Random
	if v, found := r.fields.Some("method"); found {
		s.Sampler, _ = field.OneOf(v, sample.Kinds())
	}
	if seed, found := r.fields.Int("seed", 0, math.MaxInt64); found {
		s.Seed = uint64(seed)
	}
}

// metrics reads metric, the one that trials are ranked by, and metrics, a list.
func (r *reader) metrics() {
	s := &r.file.Settings
	if v, found := r.fields.Some("metric"); found {
		s.Metrics = append(s.Metrics, r.metric(v))
	}
	v, found := r.fields.Some("metrics")
	if !found {
		return
	}
	for _, item := range v.Items("a list of metrics") {
		m := r.metric(item)
		for _, other := range s.Metrics {
			if other.Name == m.Name {
				item.Fault("there are two metrics called %q", m.Name)
			}
		}
		s.Metrics = append(s.Metrics, m)
	}
}

func (r *reader) metric(v field.Value) sweep.Metric {
	f := v.Fields("a metric")
	m := sweep.Metric{Name: f.Text("name"), Goal: sweep.Minimize}
	if m.Name == "" && v.IsMapping() {
		v.Fault("a metric needs a name, that under which trials report it")
	}
	if goal, found := f.Some("goal"); found {
		m.Goal, _ = field.OneOf(goal, []sweep.Goal{sweep.Minimize, sweep.Maximize})
	}
	for key, into := range map[string]**float64{"target": &m.Target, "at_most": &m.AtMost, "at_least": &m.AtLeast} {
		if n, found := f.Number(key); found {
			*into = &n.Value
		}
	}
	if impute, found := f.Get("impute"); found {
		if how, _ := field.OneOf(impute, []string{"worst", "best", "latest"}); how != "worst" && how != "" {
			r.note(impute, "failed trials always count as the worst here")
		}
	}
	if impute, found := f.Get("impute_while_running"); found {
		r.note(impute, "samplers here know which trials run, and need no value for them")
	}
	f.Close()
	return m
}

func (r *reader) limits() {
	s := &r.file.Settings
	s.Parallel = 1
	if n, found := r.fields.Int("parallel", 1, anyCount); found {
		s.Parallel = int(n)
	}
	if n, found := r.fields.Int("run_cap", 1, anyCount); found {
		s.Trials = int(n)
	}
	if n, found := r.fields.Int("max_failed", 0, anyCount); found {
		few := int(n)
		s.MaxFailed = &few
	}
	if n, found := r.fields.Int("budget", 1, math.MaxInt64); found {
		s.Budget = n
	}
	if v, found := r.fields.Some("checkpoints"); found {
		keeps, ok := v.Bool()
		s.Restart = ok && !keeps
	}
	if s.Schedule.Kind == schedule.Rounds && s.Schedule.Width == 0 {
		s.Schedule.Width = s.Parallel
	}
}
