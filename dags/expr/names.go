package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/bine-ml/bine"
)

// Where says where an expression stands, as far as that decides what it may read.
type Where int

// The places. InItem is inside of a fan-out; InMessage is a message about a
// run; InEvent is what a trigger gives a run, which reads nothing but the event;
// InSpace is a condition of a search space, which reads nothing but params.
const (
	InStep Where = iota
	InItem
	InMessage
	InEvent
	InSpace
)

// roots lists the names that an expression may begin with.
func roots(where Where) []string {
	names := []string{"params", "steps", "run", "project", "tick"}
	switch where {
	case InItem:
		return append(names, "item", "key")
	case InMessage:
		return append(names, "event", "reason", "link")
	case InEvent:
		return []string{"event"}
	case InSpace:
		return []string{"params"}
	}
	return names
}

// runFields lists what an expression may read of its run.
func runFields() []string { return []string{"id", "number", "pipeline", "state", "reason"} }

// provider tells CEL's checker the fields of params, steps, each step and run.
type provider struct {
	types.Provider
	structs map[string]map[string]*cel.Type
}

const (
	paramsType = "bine.params"
	stepsType  = "bine.steps"
	runType    = "bine.run"
)

func newProvider(base types.Provider, n Names) provider {
	params := map[string]*cel.Type{}
	for name, t := range n.Params {
		params[name] = celType(t)
	}
	steps := map[string]*cel.Type{}
	p := provider{Provider: base, structs: map[string]map[string]*cel.Type{
		paramsType: params,
		stepsType:  steps,
		runType:    {"id": cel.StringType, "number": cel.IntType, "pipeline": cel.StringType, "state": cel.StringType, "reason": cel.StringType},
	}}
	for name, s := range n.Steps {
		steps[string(name)] = cel.ObjectType(typeOf(name))
		p.structs[typeOf(name)] = fieldsOf(s)
	}
	return p
}

// typeOf names the type of a step, and fieldsOf gives its fields.
func typeOf(step bine.StepName) string { return stepsType + "." + string(step) }

func fieldsOf(s StepNames) map[string]*cel.Type {
	fields := map[string]*cel.Type{"state": cel.StringType}
	for output, t := range s.Outputs {
		fields[output] = celType(t)
		if s.Foreach {
			fields[output] = cel.MapType(cel.StringType, celType(t))
		}
	}
	return fields
}

func celType(t Type) *cel.Type {
	switch t {
	case String:
		return cel.StringType
	case Int:
		return cel.IntType
	case Float:
		return cel.DoubleType
	case Bool:
		return cel.BoolType
	case List:
		return cel.ListType(cel.DynType)
	case Map:
		return cel.MapType(cel.StringType, cel.DynType)
	default:
		return cel.DynType
	}
}

func (p provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.structs[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

func (p provider) FindStructFieldNames(name string) ([]string, bool) {
	if fields, ok := p.structs[name]; ok {
		return sortedKeys(fields), true
	}
	return p.Provider.FindStructFieldNames(name)
}

func (p provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	fields, ok := p.structs[name]
	if !ok {
		return p.Provider.FindStructFieldType(name, field)
	}
	t, ok := fields[field]
	if !ok {
		return nil, false
	}
	return &types.FieldType{Type: t}, true
}

func (p provider) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ok := p.structs[name]; ok {
		return types.NewErr("%s is not made by an expression", name)
	}
	return p.Provider.NewValue(name, fields)
}
