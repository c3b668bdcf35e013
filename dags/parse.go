package dags

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/dags/plan"
)

// Parse reads a pipeline written in YAML and checks it. A key that it does not
// know is a fault. The error is a *bine.Error of kind Invalid that holds every
// fault as a Detail, with its line and column, in the order of the text.
func Parse(text []byte) (DAG, error) {
	if len(text) > MaxText {
		return DAG{}, bine.Errorf(bine.TooLarge, "the pipeline has %d bytes; at most %d are allowed", len(text), MaxText)
	}
	var document yaml.Node
	if err := yaml.Load(text, &document); err != nil {
		return DAG{}, faultsError([]bine.Detail{syntaxFault(text, err)})
	}
	r := &reader{places: map[string]*yaml.Node{}}
	var d DAG
	v, _ := r.at(document.Content[0], "", 0)
	readFields(v, "a pipeline", dagFields(), &d)
	switch {
	case r.overflow != nil:
		return DAG{}, faultsError([]bine.Detail{*r.overflow})
	case !v.isMapping():
		return DAG{}, faultsError(r.faults)
	}
	d, faults := finish(d, r.faults)
	for i := len(r.faults); i < len(faults); i++ {
		r.locate(&faults[i])
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b bine.Detail) int {
			if a.Line != b.Line {
				return a.Line - b.Line
			}
			return a.Column - b.Column
		})
		return DAG{}, faultsError(faults)
	}
	return d, nil
}

// Read reads a pipeline as it is stored or sent: the canonical JSON of a
// builder, which begins with {, or YAML.
func Read(text []byte) (DAG, error) {
	if strings.HasPrefix(strings.TrimLeft(string(text[:min(len(text), 1024)]), " \t\r\n"), "{") {
		return Decode(text)
	}
	return Parse(text)
}

// syntaxFault says where a text is no YAML.
func syntaxFault(text []byte, err error) bine.Detail {
	var load *yaml.LoadError
	if all, ok := errors.AsType[*yaml.LoadErrors](err); ok && len(all.Errors) > 0 {
		load = all.Errors[0]
	} else if one, ok := errors.AsType[*yaml.LoadError](err); ok {
		load = one
	}
	if load == nil {
		return bine.Detail{Message: "the text is not YAML: " + err.Error(), Line: 1, Column: 1}
	}
	message := strings.TrimPrefix(load.Message, "yaml: ")
	d := bine.Detail{Line: max(load.Mark.Line, 1), Column: max(load.Mark.Column, 1)}
	switch {
	case strings.Contains(message, "no documents"):
		d.Message = "the text is empty: a pipeline begins with its name and its steps"
	case strings.Contains(message, "found multiple"):
		d.Message = "the text holds several documents: a pipeline is one, without --- in between"
	case strings.Contains(message, "cannot start any token"):
		d.Message = "the text is not YAML: " + message + " (YAML is indented with spaces, not with tabs)"
	default:
		d.Message = "the text is not YAML: " + message
	}
	lines := strings.Split(string(text), "\n")
	if d.Line <= len(lines) && strings.Contains(lines[d.Line-1], "${{") {
		d.Message += "; an expression inside { } or [ ], or with a colon in it, needs quotes: \"${{ … }}\""
	}
	return d
}

// locate gives a fault of the checks the line and column of its place. Such a
// fault may hold a line and column within the text at that place.
func (r *reader) locate(d *bine.Detail) {
	at := d.Location
	node := r.places[at]
	exact := node != nil
	for node == nil && at != "" {
		at = at[:max(strings.LastIndexByte(at, '.'), strings.LastIndexByte(at, '['), 0)]
		node = r.places[at]
	}
	if node == nil {
		d.Line, d.Column = 1, 1
		return
	}
	line, column := d.Line, d.Column
	d.Line, d.Column = node.Line, node.Column
	if key := r.places[at+"\x00key"]; key != nil && (node.Kind == yaml.MappingNode || !exact) {
		d.Line, d.Column = key.Line, key.Column
	}
	if line == 0 || !exact || node.Kind != yaml.ScalarNode {
		return
	}
	switch {
	case node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		d.Line += line
		d.Column = column
	case line > 1:
		d.Line += line - 1
	case node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		d.Column += column
	default:
		d.Column += column - 1
	}
}

// faultsError makes the error of one or more faults.
func faultsError(faults []bine.Detail) error {
	first := faults[0]
	message := first.Message
	if first.Location != "" {
		message = first.Location + ": " + message
	}
	if first.Line > 0 {
		message = fmt.Sprintf("line %d: %s", first.Line, message)
	}
	if len(faults) > 1 {
		message = fmt.Sprintf("the pipeline has %d faults; the first, %s", len(faults), message)
	}
	return &bine.Error{Kind: bine.Invalid, Message: message, Details: faults}
}

func readParams(v value) []Param {
	var list []Param
	for _, e := range v.entries("a mapping of names to params") {
		p := Param{Name: e.key}
		readFields(e.value, "a param", paramFields(), &p)
		list = append(list, p)
	}
	return list
}

func readSteps(v value) []Step {
	var list []Step
	fields := allStepFields()
	for _, e := range v.entries("a mapping of names to steps") {
		s := Step{Name: bine.StepName(e.key)}
		readFields(e.value, "a step", fields, &s)
		list = append(list, s)
	}
	return list
}

// allStepFields are those of every step and the keys of the kinds.
func allStepFields() []field[Step] {
	fields := stepFields()
	for _, k := range Kinds() {
		fields = append(fields, field[Step]{name: k.Name, doc: k.Doc, schema: k.schema, read: func(v value, s *Step) {
			if s.Action != nil {
				v.fault("a step does one thing, and this one has %s already", s.Action.Kind())
				return
			}
			s.Action = k.read(v)
		}})
	}
	return fields
}

func readNames(v value) []bine.StepName {
	names := []bine.StepName{}
	for _, item := range v.items("a list of steps") {
		names = append(names, bine.StepName(item.text()))
	}
	return names
}

func readWith(v value) json.RawMessage {
	if !v.isMapping() {
		v.expected("a mapping of names to values")
		return nil
	}
	return v.tree()
}

func readInputs(v value) map[string]Ref {
	inputs := map[string]Ref{}
	for _, e := range v.entries("a mapping of names to outputs of steps") {
		inputs[e.key] = e.value.ref()
	}
	return inputs
}

func readOutputs(v value) map[string]Type {
	outputs := map[string]Type{}
	for _, e := range v.entries("a mapping of names to types") {
		outputs[e.key] = Type(e.value.choice(texts(outputTypes())))
	}
	return outputs
}

func readForeach(v value) *Foreach {
	var f Foreach
	if v.isList() {
		readLoops(v, &f)
		return &f
	}
	readFields(v, "foreach", foreachFields(), &f)
	return &f
}

// loopRow is one loop as it is written: the outermost has what counts for all.
type loopRow struct {
	Loop
	maxParallel, batch int
}

func loopFields() []field[loopRow] {
	return []field[loopRow]{
		{name: "as", required: true, doc: "Name of the loop's element, which is item.<name>.", schema: textSchema,
			read: func(v value, l *loopRow) { l.As = v.text() }},
		{name: "items", required: true, doc: "A list, or an expression for one, which may read item.<name> of the loops around it.", schema: schema{"type": []any{"array", "string"}},
			read: func(v value, l *loopRow) { l.Items = v.listOrExpression() }},
		{name: "key", doc: "What names an element; the element itself if absent.", schema: textSchema,
			read: func(v value, l *loopRow) { l.Key = v.text() }},
		{name: "max_parallel", doc: "Items at a time, of all loops together; in the first loop.", schema: countSchema,
			read: func(v value, l *loopRow) { l.maxParallel = v.positive() }},
		{name: "batch", doc: "Items for one process; in the first loop.", schema: countSchema,
			read: func(v value, l *loopRow) { l.batch = v.positive() }},
	}
}

func readLoops(v value, f *Foreach) {
	for i, item := range v.items("a list of loops") {
		var l loopRow
		readFields(item, "a loop", loopFields(), &l)
		if i > 0 && (l.maxParallel > 0 || l.batch > 0) {
			item.fault("max_parallel and batch count for all loops together: write them in the first one")
		}
		if i == 0 {
			f.MaxParallel, f.Batch = l.maxParallel, l.batch
		}
		f.Loops = append(f.Loops, l.Loop)
	}
}

func foreachSchema() schema {
	return schema{"oneOf": []any{object(foreachFields()), listOf(object(loopFields()))}}
}

func readRetry(v value) Retry {
	r := defaultRetry()
	switch {
	case v.isScalar():
		r.Attempts = v.positive()
	case v.isList():
		for i, item := range v.items("a list of rules") {
			rule := defaultRetry()
			readFields(item, "a rule of retry", retryFields(), &rule)
			if i == 0 {
				r = rule
				continue
			}
			r.Or = append(r.Or, rule)
		}
	default:
		readFields(v, "retry", retryFields(), &r)
	}
	return r
}

func retrySchema() schema {
	return schema{"oneOf": []any{countSchema, object(retryFields()), listOf(object(retryFields()))}}
}

func readFailures(v value) []bine.Failure {
	var list []bine.Failure
	for _, item := range v.items("a list of failures") {
		f := item.text()
		if f == string(bine.FailureLost) || f == string(bine.FailureInterrupted) || f == string(bine.FailurePreempted) {
			item.fault("%s is always tried again, without being counted: leave it out", f)
			continue
		}
		list = append(list, bine.Failure(item.choice(texts(plan.Retryable()))))
	}
	return list
}

func readSchedule(v value) *Schedule {
	s := defaultSchedule()
	readFields(v, "schedule", scheduleFields(), &s)
	return &s
}

// readSwitch reads on or off.
func readSwitch(v value) bool {
	switch {
	case v.isScalar() && slices.Contains([]string{"on", "true"}, v.node.Value):
		return true
	case v.isScalar() && slices.Contains([]string{"off", "false"}, v.node.Value):
		return false
	}
	v.expected("on or off")
	return true
}

// isExpression reports whether a JSON value is a text that is one expression.
func isExpression(raw json.RawMessage) (string, bool) {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return "", false
	}
	return text, expr.Only(text)
}
