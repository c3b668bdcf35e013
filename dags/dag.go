// Package dags is the pipeline language: the one checked value DAG and the
// three ways to get it. Parse reads YAML, New builds it in Go, Decode reads the
// canonical JSON that is stored. All three check everything and report every
// fault at once, so whoever holds a DAG that one of them gave can rely on it.
//
// The language is a set of tables. Kinds lists the kinds of step, each in a
// file of its own; the keys of the YAML form are tables too (fields.go), from
// which the reader, the JSON schema and the documentation are made.
//
// The package knows no engine: it does not run steps, open files or ask a
// clock. Expressions (${{ … }}) are those of package expr; workflow code gets
// the compact form of package plan instead of a DAG.
package dags

import (
	"encoding/json"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// DAG is a checked pipeline. It is a value: nothing changes one once made.
type DAG struct {
	Name        bine.PipelineName `json:"name"`
	Description string            `json:"description,omitempty"`
	Params      []Param           `json:"params,omitempty"`
	Steps       []Step            `json:"steps"` // in the order written
	Schedule    *Schedule         `json:"schedule,omitempty"`
	Notify      []Notify          `json:"notify,omitempty"`
	Triggers    []Trigger         `json:"triggers,omitempty"`
	// Timeout bounds a run, in seconds; what it has not done then is cancelled and the run fails.
	Timeout float64 `json:"timeout_seconds,omitempty"`
	// Deadline is how long after its planned time, or its start, a run is late, in seconds.
	Deadline    float64                    `json:"deadline_seconds,omitempty"`
	Priority    bine.Priority              `json:"priority,omitempty"`
	Concurrency []Concurrency              `json:"concurrency,omitempty"` // of runs
	Outputs     map[string]json.RawMessage `json:"outputs,omitempty"`     // values of the run, with expressions
}

// Concurrency lets at most Limit runs, steps or items go on at once that have
// the same key. Key is a text with expressions; keys of a pipeline are shared
// by all of its runs, and those that begin with / by all pipelines of the project.
type Concurrency struct {
	Key   string `json:"key"`
	Limit int    `json:"limit"`
}

// Trigger starts a run when something happens: exactly one of Dataset, Pipeline
// and Topic is set.
type Trigger struct {
	Dataset  string            `json:"dataset,omitempty"`  // path in the project's files; anything at or below it
	Pipeline bine.PipelineName `json:"pipeline,omitempty"` // whose run ended
	Topic    string            `json:"topic,omitempty"`
	On       bine.State        `json:"on,omitempty"`             // of a pipeline: succeeded if empty, failed, or cancelled
	Settle   float64           `json:"settle_seconds,omitempty"` // of a dataset: how long it must be quiet
	Params   json.RawMessage   `json:"params,omitempty"`         // an object whose texts may be expressions over event
}

// Type is the type of a param or an output.
type Type = expr.Type

// The types. Params are String, Int, Float, Bool, List or Map; outputs are
// Artifact (a file or directory), String, Int, Float, Bool or JSON.
const (
	String   = expr.String
	Int      = expr.Int
	Float    = expr.Float
	Bool     = expr.Bool
	List     = expr.List
	Map      = expr.Map
	JSON     = expr.JSON
	Artifact = expr.Artifact
)

// Step gives the step of a name.
func (d DAG) Step(name bine.StepName) (Step, bool) {
	for i := range d.Steps { // a Step is large: it is not copied to be looked at
		if d.Steps[i].Name == name {
			return d.Steps[i], true
		}
	}
	return Step{}, false
}

// Param gives the param of a name.
func (d DAG) Param(name string) (Param, bool) {
	i := slices.IndexFunc(d.Params, func(p Param) bool { return p.Name == name })
	if i < 0 {
		return Param{}, false
	}
	return d.Params[i], true
}

// Files lists the files of the code that steps name, each once, in order.
func (d DAG) Files() []string {
	var files []string
	for _, s := range d.Steps {
		switch a := s.Action.(type) {
		case PythonAction:
			files = append(files, a.File())
		case SQLAction:
			files = append(files, a.File())
		case NotebookAction:
			files = append(files, a.File)
		case GoAction:
			files = append(files, a.Program)
		}
		files = append(files, s.SweepFile())
	}
	slices.Sort(files)
	return slices.DeleteFunc(slices.Compact(files), func(f string) bool { return f == "" })
}
