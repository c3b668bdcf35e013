package dags

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// MaxItems is the most items that a fan-out may have.
const MaxItems = 100_000

// Item is one item of a fan-out. Its key, not its position, is what it is known by.
type Item struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// Scope gives what the expressions of a step see: the params of run, and of
// rows, which are the rows of the steps that Step.References names, their
// values. Of a fan-out both the row without an item and those of its items are needed.
func (d DAG) Scope(project bine.ProjectName, run bine.Run, rows []bine.Step) (expr.Scope, error) {
	s := expr.Scope{
		Project: project, Tick: run.Tick, Steps: map[bine.StepName]expr.StepValues{},
		Run: expr.RunValues{ID: run.ID, Number: run.Number, Pipeline: run.Pipeline, State: run.State, Reason: run.Reason},
	}
	if len(run.Params) > 0 {
		if err := json.Unmarshal(run.Params, &s.Params); err != nil {
			return s, fmt.Errorf("read the params of run %s: %w", run.ID, err)
		}
	}
	for name, raw := range s.Params {
		if p, ok := d.Param(name); ok {
			v, err := CheckValue(p.Type, raw)
			if err != nil {
				return s, fmt.Errorf("read param %s of run %s: %w", name, run.ID, err)
			}
			s.Params[name] = v
		}
	}
	byItem := map[bine.StepName]map[string]map[string]json.RawMessage{} // step, output, key
	for _, row := range rows {
		step, ok := d.Step(row.Name)
		if !ok {
			continue
		}
		if err := addRow(s.Steps, byItem, step, row); err != nil {
			return s, fmt.Errorf("read step %s of run %s: %w", row.Name, run.ID, err)
		}
	}
	for name, outputs := range byItem {
		for output, values := range outputs {
			raw, err := canonical(values)
			if err != nil {
				return s, err
			}
			s.Steps[name].Values[output] = raw
		}
	}
	return s, nil
}

func addRow(steps map[bine.StepName]expr.StepValues, byItem map[bine.StepName]map[string]map[string]json.RawMessage, step Step, row bine.Step) error {
	values, ok := steps[step.Name]
	if !ok {
		values.Values = map[string]json.RawMessage{}
		if step.Foreach != nil {
			byItem[step.Name] = map[string]map[string]json.RawMessage{}
			for output, t := range step.AllOutputs() {
				if t != Artifact {
					byItem[step.Name][output] = map[string]json.RawMessage{}
				}
			}
		}
	}
	if row.Item == "" {
		values.State = row.State
	}
	steps[step.Name] = values
	types := step.AllOutputs()
	for output, raw := range row.Values {
		v, err := CheckValue(types[output], raw)
		switch {
		case types[output] == "" || types[output] == Artifact:
		case err != nil:
			return fmt.Errorf("output %s: %w", output, err)
		case step.Foreach == nil:
			values.Values[output] = v
		case row.Item != "":
			byItem[step.Name][output][row.Item] = v
		}
	}
	return nil
}

// ItemScope gives the scope of one item of a fan-out: of the fan-outs that it
// follows, the values are those of the item with the same key. upstream holds
// the rows of those items.
func (d DAG) ItemScope(scope expr.Scope, item bine.Step, upstream []bine.Step) (expr.Scope, error) {
	scope = scope.WithItem(item.Item, item.With)
	if len(upstream) == 0 {
		return scope, nil
	}
	steps := maps.Clone(scope.Steps)
	for _, row := range upstream {
		step, found := d.Step(row.Name)
		if !found {
			continue
		}
		values := expr.StepValues{State: row.State, Values: map[string]json.RawMessage{}}
		types := step.AllOutputs()
		for output, raw := range row.Values {
			if types[output] == "" || types[output] == Artifact {
				continue
			}
			v, err := CheckValue(types[output], raw)
			if err != nil {
				return scope, fmt.Errorf("read output %s of %s/%s: %w", output, row.Name, row.Item, err)
			}
			values.Values[output] = v
		}
		steps[row.Name] = values
	}
	scope.Steps = steps
	return scope, nil
}

// OutputReferences lists the steps that the outputs of the run read.
func (d DAG) OutputReferences() []bine.StepName {
	var all []bine.StepName
	for _, name := range sortedKeys(d.Outputs) {
		steps, _ := expr.References(d.Outputs[name])
		all = append(all, steps...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// EvaluateOutputs evaluates the outputs of a run that has ended. One that reads
// what a step did not give is null.
func (d DAG) EvaluateOutputs(ctx context.Context, scope expr.Scope) (map[string]json.RawMessage, error) {
	out := map[string]json.RawMessage{}
	size := 0
	for _, name := range sortedKeys(d.Outputs) {
		raw, err := expr.EvalTree(ctx, d.Outputs[name], scope)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			if d.allGave(name, scope) {
				return nil, wrongAt(place("outputs", name), err)
			}
			raw = json.RawMessage("null")
		}
		if size += len(raw); size > MaxOutputs {
			return nil, bine.Errorf(bine.TooLarge, "outputs: the values have more than %d bytes together; larger ones belong into artifacts", MaxOutputs)
		}
		out[name] = raw
	}
	return out, nil
}

// MaxOutputs bounds the values of a run together, in bytes, as it bounds those of a step.
const MaxOutputs = 16 << 10

// allGave reports whether every step that an output reads has succeeded.
func (d DAG) allGave(output string, scope expr.Scope) bool {
	steps, _ := expr.References(d.Outputs[output])
	for _, s := range steps {
		if !scope.Steps[s].State.OK() {
			return false
		}
	}
	return true
}

// Runs evaluates when: it reports whether the step runs or is skipped.
func (s Step) Runs(ctx context.Context, scope expr.Scope) (bool, error) {
	if s.When == "" {
		return true, nil
	}
	raw, err := expr.Eval(ctx, s.When, scope)
	if err != nil {
		return false, wrongAt(s.at("when"), err)
	}
	var runs bool
	if err := json.Unmarshal(raw, &runs); err != nil || string(raw) == "null" {
		return false, bine.Errorf(bine.Invalid, "%s: %s gives %s, but true or false is expected", s.at("when"), s.When, shorten(string(raw)))
	}
	return runs, nil
}

// Items evaluates foreach: it gives the items in their order, with keys that
// are all different. A step without foreach has none.
func (s Step) Items(ctx context.Context, scope expr.Scope) ([]Item, error) {
	if s.Foreach == nil {
		return nil, nil
	}
	if len(s.Foreach.Loops) > 0 {
		return s.nested(ctx, scope)
	}
	at := s.at("foreach", "items")
	raw, err := expr.EvalTree(ctx, s.Foreach.Items, scope)
	if err != nil {
		return nil, wrongAt(at, err)
	}
	var values []json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return nil, bine.Errorf(bine.Invalid, "%s: a list is expected, not %s", at, shorten(string(raw)))
	}
	if len(values) > MaxItems {
		return nil, bine.Errorf(bine.TooLarge, "%s: %d items are too many; at most %d are allowed", at, len(values), MaxItems)
	}
	items := make([]Item, len(values))
	seen := make(map[string]int, len(values))
	for i, v := range values {
		key, err := s.itemKey(ctx, scope, v)
		if err == nil {
			err = bine.CheckItemKey(key)
		}
		if err != nil {
			return nil, wrongAt(s.at("foreach", "items", i), err)
		}
		if first, twice := seen[key]; twice {
			return nil, bine.Errorf(bine.Invalid, "%s: items %d and %d both have the key %s: give a key that tells them apart, as key: ${{ item.name }}", s.at("foreach"), first, i, key)
		}
		seen[key] = i
		items[i] = Item{Key: key, Value: v}
	}
	return items, nil
}

func (s Step) itemKey(ctx context.Context, scope expr.Scope, item json.RawMessage) (string, error) {
	if s.Foreach.Key == "" {
		return plainKey(item)
	}
	return expr.EvalText(ctx, s.Foreach.Key, scope.WithItem("", item))
}

// plainKey gives the key of an item that names itself.
func plainKey(item json.RawMessage) (string, error) {
	key := string(item)
	if text, ok := isText(item); ok {
		key = text
	}
	if len(item) == 0 || item[0] == '{' || item[0] == '[' || key == "null" {
		return "", bine.Errorf(bine.Invalid, "an item that is a mapping, a list or nothing needs a key, as key: ${{ item.name }}")
	}
	if err := bine.CheckItemKey(key); err != nil {
		return "", bine.Errorf(bine.Invalid, "%w; give foreach a key that makes one of the item", err)
	}
	return key, nil
}

// Evaluate gives the step with every expression of with, env and its action
// replaced by what it yields. For an item of a fan-out the scope is that with
// the item.
func (s Step) Evaluate(ctx context.Context, scope expr.Scope) (Step, error) {
	return s.rewriteBody(func(at string, w want, tree json.RawMessage) (json.RawMessage, error) {
		if w == wantText {
			text, _ := isText(tree)
			out, err := expr.EvalText(ctx, text, scope)
			if err != nil {
				return nil, wrongAt(s.at(at), err)
			}
			return encode(out)
		}
		out, err := expr.EvalTree(ctx, tree, scope)
		if err != nil {
			return nil, wrongAt(s.at(at), err)
		}
		return out, nil
	})
}

// wrongAt says where in the pipeline an expression failed, and keeps its kind.
func wrongAt(at string, err error) error { return bine.Errorf(bine.KindOf(err), "%s: %w", at, err) }
