package expr

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"

	"github.com/bine-ml/bine"
)

// Checker checks the expressions of one pipeline.
type Checker struct {
	names Names
	steps []bine.StepName // in order
	envs  map[Where]*cel.Env
}

// NewChecker makes a checker for what n says exists; n.Item does not matter.
func NewChecker(n Names) (*Checker, error) {
	env, err := base()
	if err != nil {
		return nil, fmt.Errorf("make the environment of expressions: %w", err)
	}
	typed, err := env.Extend(
		cel.CustomTypeProvider(newProvider(env.CELTypeProvider(), n)),
		cel.Variable("params", cel.ObjectType(paramsType)),
		cel.Variable("steps", cel.ObjectType(stepsType)),
		cel.Variable("run", cel.ObjectType(runType)),
	)
	if err != nil {
		return nil, fmt.Errorf("make the environment of expressions: %w", err)
	}
	c := &Checker{names: n, steps: sortedKeys(n.Steps), envs: map[Where]*cel.Env{InStep: typed}}
	for where, more := range map[Where][]cel.EnvOption{
		InItem:    {cel.Variable("item", cel.DynType), cel.Variable("key", cel.StringType)},
		InMessage: {cel.Variable("event", cel.StringType), cel.Variable("reason", cel.StringType), cel.Variable("link", cel.StringType)},
		InEvent:   {cel.Variable("event", cel.DynType)},
		InSpace:   nil,
	} {
		if c.envs[where], err = typed.Extend(more...); err != nil {
			return nil, fmt.Errorf("make the environment of expressions: %w", err)
		}
	}
	return c, nil
}

// OneByOne gives a checker for a step that follows the items of fan-outs: what
// those give is there a single value and not a map. It is for InItem alone.
func (c *Checker) OneByOne(fanOuts []bine.StepName) (*Checker, error) {
	base := c.envs[InItem]
	over := provider{Provider: base.CELTypeProvider(), structs: make(map[string]map[string]*cel.Type, len(fanOuts))}
	for _, name := range fanOuts {
		over.structs[typeOf(name)] = fieldsOf(StepNames{Outputs: c.names.Steps[name].Outputs})
	}
	env, err := base.Extend(cel.CustomTypeProvider(over))
	if err != nil {
		return nil, fmt.Errorf("make the environment of expressions: %w", err)
	}
	return &Checker{names: c.names, steps: c.steps, envs: map[Where]*cel.Env{InItem: env}}, nil
}

// Check checks a text with expressions against the names that exist; see
// Checker.Check.
func Check(text string, n Names) (Type, error) {
	c, err := NewChecker(n)
	if err != nil {
		return "", err
	}
	where := InStep
	if n.Item {
		where = InItem
	}
	return c.Check(text, where)
}

// Check checks a text with expressions and tells the type of what it yields,
// JSON where that can be anything. The error is a *bine.Error of kind Invalid with one Detail for each fault, whose
// Line and Column are those in the text.
func (c *Checker) Check(text string, where Where) (Type, error) {
	parts, err := split(text)
	if err != nil {
		return "", err
	}
	var faults []bine.Detail
	result := String
	for _, p := range parts {
		if !p.isExpr {
			continue
		}
		t, err := c.checkOne(p.cel, where)
		if err != nil {
			faults = append(faults, shift(err, text, p.offset)...)
		}
		if single(parts) {
			result = t
		}
	}
	if len(faults) > 0 {
		return "", invalid(faults)
	}
	return result, nil
}

// checkOne checks the CEL of one expression.
func (c *Checker) checkOne(src string, where Where) (Type, error) {
	env := c.envs[where]
	tree, issues := env.Parse(src)
	if issues.Err() != nil {
		return "", asError(src, issues, nil)
	}
	if faults := c.checkNames(tree, where); len(faults) > 0 {
		return "", invalid(faults)
	}
	checked, issues := env.Check(tree)
	if issues.Err() != nil {
		return "", asError(src, issues, roots(where))
	}
	return fromCEL(checked.OutputType()), nil
}

// checkNames reports names that do not exist, with what may have been meant.
func (c *Checker) checkNames(tree *cel.Ast, where Where) []bine.Detail {
	var faults []bine.Detail
	info := tree.NativeRep().SourceInfo()
	walk(tree.NativeRep().Expr(), nil, func(at int64, root string, fields []string, tested bool) {
		if message := c.nameFault(root, fields, tested, where); message != "" {
			d := bine.Detail{Message: message}
			d.Line, d.Column = locate(info, at)
			faults = append(faults, d)
		}
	})
	return faults
}

func locate(info *ast.SourceInfo, id int64) (line, column int) {
	l := info.GetStartLocation(id)
	return l.Line(), l.Column() + 1
}

func (c *Checker) nameFault(root string, fields []string, tested bool, where Where) string {
	if !slices.Contains(roots(where), root) {
		if isTypeName(root) {
			return ""
		}
		return c.rootFault(root, where)
	}
	switch root {
	case "params":
		if len(fields) == 0 {
			return "params is not a value: name one of them, as in params." + or(sortedKeys(c.names.Params), "name")
		}
		return unknown("param", fields[0], sortedKeys(c.names.Params))
	case "steps":
		return c.stepFault(fields, tested)
	case "run":
		if len(fields) == 0 {
			return "run is not a value: write run.id, run.number or run.pipeline"
		}
		return unknown("field of run", fields[0], runFields())
	}
	return ""
}

// isTypeName tells the names of types, which CEL's type() is compared with.
func isTypeName(name string) bool {
	return slices.Contains([]string{"int", "uint", "double", "string", "bool", "bytes", "list", "map", "type", "null_type", "google"}, name)
}

func (c *Checker) stepFault(fields []string, tested bool) string {
	if len(fields) == 0 {
		return "steps is not a value: name an output of one of them, as in steps." + string(or(c.steps, "name")) + ".state"
	}
	s, ok := c.names.Steps[bine.StepName(fields[0])]
	if !ok {
		return unknown("step", fields[0], c.steps)
	}
	outputs := append(sortedKeys(s.Outputs), "state")
	if len(fields) == 1 {
		if tested {
			return ""
		}
		return fmt.Sprintf("steps.%s is not a value: name one of its outputs, as in steps.%s.%s", fields[0], fields[0], outputs[0])
	}
	if s.Outputs[fields[1]] == Artifact {
		return fmt.Sprintf("%s.%s is a file or directory, which an expression cannot read: take it as an input, as in inputs: {%s: %s.%s}",
			fields[0], fields[1], fields[1], fields[0], fields[1])
	}
	return unknown("output of step "+fields[0], fields[1], outputs)
}

func (c *Checker) rootFault(root string, where Where) string {
	if where != InItem && (root == "item" || root == "key") {
		return root + " exists only in a step with foreach"
	}
	if _, ok := c.names.Params[root]; ok && where != InEvent {
		return fmt.Sprintf("there is no %s here; did you mean params.%s?", root, root)
	}
	if _, ok := c.names.Steps[bine.StepName(root)]; ok {
		return fmt.Sprintf("there is no %s here; did you mean steps.%s?", root, root)
	}
	known := roots(where)
	message := fmt.Sprintf("there is no %s here", root)
	if near := Nearest(root, known); near != "" {
		return message + "; did you mean " + near + "?"
	}
	return message + "; an expression may read " + strings.Join(known, ", ")
}

// unknown gives the message for a name that is not among those known, or
// nothing if it is.
func unknown[T ~string](what, name string, known []T) string {
	if slices.Contains(known, T(name)) {
		return ""
	}
	message := fmt.Sprintf("there is no %s %q", what, name)
	near := Nearest(name, known)
	if near != "" {
		return message + "; did you mean " + string(near) + "?"
	}
	if len(known) == 0 {
		return message + ": there are none"
	}
	if len(known) > 12 {
		return message
	}
	return message + "; there are " + list(known)
}

func list[T ~string](names []T) string {
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = string(n)
	}
	return strings.Join(texts, ", ")
}

func or[T ~string](list []T, other T) T {
	if len(list) == 0 {
		return other
	}
	return list[0]
}

// shift moves faults of an expression to where it stands in its text.
func shift(err error, text string, offset int) []bine.Detail {
	e, ok := errors.AsType[*bine.Error](err)
	if !ok {
		return []bine.Detail{{Message: err.Error(), Line: 1, Column: 1}}
	}
	line, column := position(text, offset)
	out := slices.Clone(e.Details)
	for i, d := range out {
		if d.Line <= 1 {
			out[i].Column = column + max(d.Column, 1) - 1
		}
		out[i].Line = line + max(d.Line, 1) - 1
	}
	return out
}

func invalid(faults []bine.Detail) error {
	messages := make([]string, len(faults))
	for i, f := range faults {
		messages[i] = f.Message
	}
	return &bine.Error{Kind: bine.Invalid, Message: strings.Join(messages, "; "), Details: faults}
}

func fromCEL(t *cel.Type) Type {
	switch t.Kind() {
	case cel.StringKind, cel.TimestampKind, cel.DurationKind:
		return String
	case cel.IntKind, cel.UintKind:
		return Int
	case cel.DoubleKind:
		return Float
	case cel.BoolKind:
		return Bool
	case cel.ListKind:
		return List
	case cel.MapKind:
		return Map
	default:
		return JSON
	}
}

// References lists the steps that the expressions in a JSON tree read, each
// once; a text is a tree of one string. Faulty expressions are passed over with
// an error.
func References(tree json.RawMessage) ([]bine.StepName, error) {
	names, err := reads(tree, "steps")
	steps := make([]bine.StepName, len(names))
	for i, n := range names {
		steps[i] = bine.StepName(n)
	}
	return steps, err
}

// Params is References for the params that they read.
func Params(tree json.RawMessage) ([]string, error) { return reads(tree, "params") }

// ParamPaths lists what the expressions of a text read of params, each once, with
// all fields that they select: optimizer.name.
func ParamPaths(text string) ([]string, error) {
	parts, err := split(text)
	if err != nil {
		return nil, err
	}
	env, err := base()
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, p := range parts {
		if !p.isExpr {
			continue
		}
		tree, issues := env.Parse(p.cel)
		if issues.Err() != nil {
			return nil, asError(p.cel, issues, nil)
		}
		walk(tree.NativeRep().Expr(), nil, func(_ int64, root string, fields []string, _ bool) {
			if path := strings.Join(fields, "."); root == "params" && !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		})
	}
	return paths, nil
}

// reads lists what the expressions in a JSON tree select from a root, each once.
func reads(tree json.RawMessage, root string) ([]string, error) {
	var names []string
	var fault error
	_, err := mapStrings(tree, func(text string) (json.RawMessage, error) {
		parts, err := split(text)
		fault = errors.Join(fault, err)
		for _, p := range parts {
			if !p.isExpr {
				continue
			}
			found, err := sourceReads(p.cel, root)
			fault = errors.Join(fault, err)
			for _, n := range found {
				if !slices.Contains(names, n) {
					names = append(names, n)
				}
			}
		}
		return nil, nil
	})
	return names, errors.Join(fault, err)
}

func sourceReads(src, root string) ([]string, error) {
	env, err := base()
	if err != nil {
		return nil, err
	}
	tree, issues := env.Parse(src)
	if issues.Err() != nil {
		return nil, asError(src, issues, nil)
	}
	return selected(tree.NativeRep().Expr(), root), nil
}
