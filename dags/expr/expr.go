// Package expr evaluates the expressions ${{ … }} of pipelines. They are CEL
// (https://cel.dev): they always end, and they have no effects.
//
// A text that is one expression and nothing else yields the expression's typed
// value; with other text around it, or several, it yields a string. $${{ stands
// for a literal ${{.
//
// What an expression may read:
//
//	params.horizon            a param of the pipeline
//	steps.split.rows          an output of an earlier step that is a value
//	steps.train.roc_auc       of a fan-out: a map from the item's key to the value
//	steps.split.state         succeeded, cached, or how else it ended
//	item, key                 in a fan-out: the item at hand and its key
//	run.id, run.number, run.pipeline
//	run.state, run.reason     so far: in on_failure and finally, and in messages
//	project                   name of the project
//	tick                      planned time of a scheduled run, else null
//	event                     in params of a trigger: what happened
//	event, reason, link       in messages: what they tell of, why, and the page
//
// Beside CEL's own functions (size, map, filter, exists, has, int, double,
// string, timestamp, duration, matches, startsWith …) there are those of
// functions.go. Whole numbers and decimals do not mix in arithmetic: convert
// with float() or int().
//
// Reading a step makes it needed; References tells which steps that are. Check
// runs when a pipeline is stored, Eval when a step is about to start. Eval is
// bounded in cost, memory, size and time, and is never called from workflow
// code, because a newer CEL might give another answer.
package expr

import (
	"strings"
	"time"

	"encoding/json"

	"github.com/bine-ml/bine"
)

// Type is the type of a param, an output or what an expression must come to.
type Type string

// The types. Float is a decimal number; JSON is anything; Artifact is a file
// or directory, which no expression can read.
const (
	String   Type = "string"
	Int      Type = "int"
	Float    Type = "float"
	Bool     Type = "bool"
	List     Type = "list"
	Map      Type = "map"
	JSON     Type = "json"
	Artifact Type = "artifact"
)

// The limits. MaxSource is of one text with expressions, MaxResult of the JSON
// that it yields, both in bytes; MaxCost counts elementary operations;
// MaxElements counts the elements of the values held at one time.
const (
	MaxSource   = 16 << 10
	MaxResult   = 4 << 20
	MaxCost     = 5_000_000
	MaxElements = 16 << 20
)

// Names is what exists for the expressions of one step, with types.
type Names struct {
	Params map[string]Type
	Steps  map[bine.StepName]StepNames // all steps of the pipeline
	Item   bool                        // whether the step is a fan-out, so that item and key exist
}

// StepNames is what exists of one step.
type StepNames struct {
	Outputs map[string]Type
	Foreach bool // then each output is a map from the item's key to the value
}

// Scope is what the expressions of one step see when it starts.
type Scope struct {
	Params  map[string]json.RawMessage
	Steps   map[bine.StepName]StepValues
	Item    json.RawMessage // nil outside of a fan-out
	Key     string
	Run     RunValues
	Project bine.ProjectName
	Tick    *time.Time
	Event   json.RawMessage // of a message its name, of a trigger what happened; else nil
	Link    string          // of a message: the page that it is about
}

// StepValues is what an earlier step gave. Of a fan-out each value is an
// object from the item's key to the item's value.
type StepValues struct {
	State  bine.State
	Values map[string]json.RawMessage
}

// RunValues is what an expression sees of its run.
type RunValues struct {
	ID       bine.RunID
	Number   int
	Pipeline bine.PipelineName
	State    bine.State // so far; of use in on_failure and finally, and in messages
	Reason   string
}

// WithItem gives the scope for one item of a fan-out.
func (s Scope) WithItem(key string, item json.RawMessage) Scope {
	s.Key, s.Item = key, item
	return s
}

// Wrap makes an expression of CEL: Wrap("params.n + 1") is "${{ params.n + 1 }}".
func Wrap(cel string) string { return "${{ " + strings.TrimSpace(cel) + " }}" }
