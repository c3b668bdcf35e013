package dags

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/dags/plan"
)

// Step is one node of a pipeline.
type Step struct {
	Name        bine.StepName `json:"name"`
	Description string        `json:"description,omitempty"`
	// Needs names the steps that must have succeeded before: those that were
	// written, then those that the step refers to.
	Needs []bine.StepName `json:"needs,omitempty"`
	When  string          `json:"when,omitempty"` // expression; the step is skipped where it is false
	// With is an object that the process reads; its strings may be expressions.
	With    json.RawMessage `json:"with,omitempty"`
	Inputs  map[string]Ref  `json:"inputs,omitempty"`
	Outputs map[string]Type `json:"outputs,omitempty"` // that are declared; AllOutputs adds those of the kind
	Foreach *Foreach        `json:"foreach,omitempty"`
	// Sweep makes a step run once for each trial of a search: an object, or the
	// name of a YAML file of the code as a text. Its strings may be expressions.
	Sweep       json.RawMessage   `json:"sweep,omitempty"`
	Retry       Retry             `json:"retry,omitzero"`
	Timeout     float64           `json:"timeout_seconds,omitempty"` // of one attempt; 0 is none
	Resources   bine.Resources    `json:"resources,omitzero"`        // zero for a light step
	Environment int               `json:"environment,omitempty"`     // version; 0 is the project's current one when the run starts
	Env         map[string]string `json:"env,omitempty"`             // values may be expressions
	NoCache     bool              `json:"no_cache,omitempty"`        // cache: off
	Cache       Cache             `json:"cache,omitzero"`
	Join        plan.Join         `json:"join,omitempty"`
	Phase       plan.Phase        `json:"phase,omitempty"`
	Total       float64           `json:"total_timeout_seconds,omitempty"` // of the step with all of its attempts; 0 is none
	Concurrency []Concurrency     `json:"concurrency,omitempty"`           // of steps or items
	Pools       map[string]int    `json:"pools,omitempty"`                 // slots by name of the pool
	Action      Action            `json:"action"`                          // what the step does; its type is one of the kinds
}

// Ref points to an output of a step. Of a fan-out it is the directory of that
// output of every item, by key. Its text is step.output.
type Ref struct {
	Step   bine.StepName
	Output string
}

// String gives step.output.
func (r Ref) String() string { return string(r.Step) + "." + r.Output }

// MarshalText gives step.output.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads step.output.
func (r *Ref) UnmarshalText(text []byte) error {
	step, output, ok := strings.Cut(string(text), ".")
	if !ok || step == "" || output == "" || strings.Contains(output, ".") {
		return bine.Errorf(bine.Invalid, "%q does not name an output: write step.output, for example ingest.table", text)
	}
	*r = Ref{Step: bine.StepName(step), Output: output}
	return nil
}

// Foreach makes a step run once for each item of a list.
type Foreach struct {
	Items       json.RawMessage `json:"items,omitempty"` // a list, or a string that is an expression for one
	Key         string          `json:"key,omitempty"`   // text with expressions over item; empty is the item itself
	MaxParallel int             `json:"max_parallel,omitempty"`
	Batch       int             `json:"batch,omitempty"` // items for one process
	// Per names a fan-out whose items this one follows: each item starts when
	// the item of the same key has succeeded there. Items, Key, Batch and Loops are then empty.
	Per bine.StepName `json:"per,omitempty"`
	// Loops are nested loops, outermost first, instead of Items and Key. An item
	// is then an object from each loop's name to its element, and its key that
	// of each, joined by commas.
	Loops []Loop `json:"loops,omitempty"`
}

// Loop is one of several nested loops. Items and Key may read item.<name> of
// the loops around it; Key reads its own, too.
type Loop struct {
	As    string          `json:"as"`
	Items json.RawMessage `json:"items"`
	Key   string          `json:"key,omitempty"`
}

// Cache says how a step uses the cache; the zero value reads and writes.
type Cache struct {
	Mode    string   `json:"mode,omitempty"`            // read or write, for one of the two only; NoCache is neither
	Expires float64  `json:"expires_seconds,omitempty"` // older outputs are not taken; 0 is never
	Ignore  []string `json:"ignore,omitempty"`          // what does not count: with.<name>, env.<name>, inputs.<name>, code
	Salt    string   `json:"salt,omitempty"`            // counts, and means nothing else
}

// Retry says when a failed attempt is followed by another; the zero value is
// never. See plan.Retry.
type Retry struct {
	Attempts int            `json:"attempts,omitempty"`        // tries in all
	Backoff  float64        `json:"backoff_seconds,omitempty"` // before the second try
	Factor   float64        `json:"factor,omitempty"`          // what each further wait grows by
	On       []bine.Failure `json:"on,omitempty"`              // empty is every failure that may be tried again
	Within   float64        `json:"within_seconds,omitempty"`  // after the first attempt began; 0 is no bound
	Or       []Retry        `json:"or,omitempty"`              // further rules, for failures that On does not name
}

// Kind gives the name of what the step does: python, command, model …
func (s Step) Kind() string { return s.Action.Kind() }

// Process reports whether the step runs as a process; else it is a light one.
func (s Step) Process() bool {
	k, _ := kindOf(s.Action)
	return k.Process
}

// AllOutputs gives the declared outputs and those that the kind, or a sweep, adds.
func (s Step) AllOutputs() map[string]Type {
	all := map[string]Type{}
	for name, t := range s.Action.outputs() {
		all[name] = t
	}
	if s.Sweep != nil {
		for name, t := range sweepOutputs() {
			all[name] = t
		}
	}
	for name, t := range s.Outputs {
		all[name] = t
	}
	return all
}

// ProcessOutputs gives the outputs that the process of the step has to give:
// all but those that a sweep adds.
func (s Step) ProcessOutputs() map[string]Type {
	s.Sweep = nil
	return s.AllOutputs()
}

// References lists the steps whose outputs or state the step reads, in the
// order of first mention. All of them are among Needs.
func (s Step) References() []bine.StepName {
	var names []bine.StepName
	add := func(list ...bine.StepName) {
		for _, n := range list {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	for _, name := range sortedKeys(s.Inputs) {
		add(s.Inputs[name].Step)
	}
	for _, r := range s.Action.refs() {
		add(r.Step)
	}
	s.rewrite(func(_ string, _ want, tree json.RawMessage) (json.RawMessage, error) {
		refs, _ := expr.References(tree)
		add(refs...)
		return tree, nil
	})
	return names
}

// UnmarshalJSON reads the canonical form; the action by its kind.
func (s *Step) UnmarshalJSON(b []byte) error {
	type plain Step
	var raw struct {
		*plain
		Kind   string          `json:"kind"`
		Action json.RawMessage `json:"action"`
	}
	raw.plain = (*plain)(s)
	if err := strict(b, &raw); err != nil {
		return err
	}
	k, ok := findKind(raw.Kind)
	if !ok {
		return bine.Errorf(bine.Invalid, "step %s is of the unknown kind %q", s.Name, raw.Kind)
	}
	var err error
	s.Action, err = k.decode(raw.Action)
	return err
}

// MarshalJSON gives the canonical form: kind, then what belongs to it in action.
func (s Step) MarshalJSON() ([]byte, error) {
	type plain Step
	return encode(struct {
		plain
		Kind   string `json:"kind"`
		Action Action `json:"action"`
	}{plain(s), s.Kind(), s.Action})
}

// strict decodes JSON and refuses keys that are not known.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// encode gives JSON without escaping <, > and &.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
