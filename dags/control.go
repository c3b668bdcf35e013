package dags

import (
	"context"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/dags/plan"
)

// What decides when a step may go on: joins, phases, timeouts, keys and pools.

func inPhase(steps []Step, phase plan.Phase) []Step {
	for i := range steps {
		steps[i].Phase = phase
	}
	return steps
}

// phaseRank tells the order of the phases.
func phaseRank(p plan.Phase) int {
	return slices.Index([]plan.Phase{plan.Main, plan.OnFailure, plan.Finally}, p)
}

// allSucceeded is how the join rule is written that is the empty one.
const allSucceeded = "all_succeeded"

func joins() []string {
	return []string{allSucceeded, string(plan.AllDone), string(plan.AnySucceeded), string(plan.NoneFailed)}
}

func readJoin(v value) plan.Join {
	if join := v.choice(joins()); join != allSucceeded {
		return plan.Join(join)
	}
	return plan.AllSucceeded
}

func priorities() []bine.Priority {
	return []bine.Priority{bine.PriorityLow, bine.PriorityNormal, bine.PriorityHigh}
}

func readPriority(v value) bine.Priority {
	if p := bine.Priority(v.choice(texts(priorities()))); p != bine.PriorityNormal {
		return p
	}
	return ""
}

// readTimeout reads a duration, or the limits of an attempt and of the step.
func readTimeout(v value, s *Step) {
	if !v.isMapping() {
		s.Timeout = v.duration()
		return
	}
	readFields(v, "timeout", timeoutFields(), s)
}

func timeoutFields() []field[Step] {
	return []field[Step]{
		{name: "attempt", doc: "The longest that one attempt may take.", schema: durationSchema, read: func(v value, s *Step) { s.Timeout = v.duration() }},
		{name: "step", doc: "The longest that the step may take, with all of its attempts.", schema: durationSchema, read: func(v value, s *Step) { s.Total = v.duration() }},
	}
}

func timeoutSchema() schema { return schema{"oneOf": []any{durationSchema, object(timeoutFields())}} }

func concurrencyFields() []field[Concurrency] {
	return []field[Concurrency]{
		{name: "key", doc: "What shares the limit, as a text with expressions; all of them if absent.", schema: textSchema,
			read: func(v value, c *Concurrency) { c.Key = v.text() }},
		{name: "limit", required: true, doc: "How many at once.", schema: countSchema,
			read: func(v value, c *Concurrency) { c.Limit = v.positive() }},
	}
}

func concurrencySchema() schema {
	return schema{"oneOf": []any{countSchema, object(concurrencyFields()), listOf(object(concurrencyFields()))}}
}

func readConcurrency(v value) []Concurrency {
	one := func(v value) Concurrency {
		var c Concurrency
		readFields(v, "concurrency", concurrencyFields(), &c)
		return c
	}
	switch {
	case v.isScalar():
		return []Concurrency{{Limit: v.positive()}}
	case v.isList():
		var list []Concurrency
		for _, item := range v.items("a list of keys with limits") {
			list = append(list, one(item))
		}
		return list
	}
	return []Concurrency{one(v)}
}

func poolsSchema() schema {
	return schema{"oneOf": []any{textSchema, listOf(textSchema), mapOf(countSchema)}}
}

func readPools(v value) map[string]int {
	pools := map[string]int{}
	switch {
	case v.isScalar():
		pools[v.text()] = 1
	case v.isList():
		for _, name := range v.texts() {
			pools[name] = 1
		}
	default:
		for _, e := range v.entries("names of pools with numbers of slots") {
			pools[e.key] = e.value.positive()
		}
	}
	return pools
}

// maxLimits bounds the keys and pools of one step, or of a pipeline's runs.
const maxLimits = 16

func (c *checker) checkConcurrency(at string, list []Concurrency, where expr.Where) {
	if len(list) > maxLimits {
		c.faultf(at, "%d keys are too many: at most %d are allowed", len(list), maxLimits)
	}
	for i, one := range list {
		if one.Limit < 1 {
			c.faultf(place(at, i, "limit"), "a limit is a number from 1")
		}
		if c.exprs != nil && where == expr.InStep {
			c.expression(place(at, i, "key"), one.Key, c.exprs, where)
		}
	}
}

func (c *checker) checkPools(s *Step) {
	if len(s.Pools) > maxLimits {
		c.faultf(s.at("pools"), "%d pools are too many: at most %d are allowed", len(s.Pools), maxLimits)
	}
	for _, name := range sortedKeys(s.Pools) {
		c.wrong(s.at("pools", name), bine.PoolName(name).Check())
		if s.Pools[name] < 1 {
			c.faultf(s.at("pools", name), "the number of slots is a number from 1")
		}
	}
}

// checkPhase checks what a step of a phase may need.
func (c *checker) checkPhase(s *Step) {
	if phaseRank(s.Phase) < 0 {
		c.faultf(s.at(), "%q is no part of a pipeline", s.Phase)
	}
	if s.Join != "" && !slices.Contains(joins(), string(s.Join)) {
		c.faultf(s.at("join"), "%q is not one of %s", s.Join, strings.Join(joins(), ", "))
	}
}

// longestKey bounds an evaluated concurrency key, in bytes.
const longestKey = 100

// RunKeys evaluates the concurrency keys of a run. The scope needs no steps.
func (d DAG) RunKeys(ctx context.Context, scope expr.Scope) ([]Concurrency, error) {
	return evaluateKeys(ctx, "concurrency", d.Concurrency, scope)
}

// Keys evaluates the concurrency keys of a step or, with the scope of an item, of that.
func (s Step) Keys(ctx context.Context, scope expr.Scope) ([]Concurrency, error) {
	return evaluateKeys(ctx, s.at("concurrency"), s.Concurrency, scope)
}

func evaluateKeys(ctx context.Context, at string, list []Concurrency, scope expr.Scope) ([]Concurrency, error) {
	out := slices.Clone(list)
	for i := range out {
		key, err := expr.EvalText(ctx, out[i].Key, scope)
		if err != nil {
			return nil, wrongAt(place(at, i, "key"), err)
		}
		if len(key) > longestKey {
			return nil, bine.Errorf(bine.Invalid, "%s: the key has %d bytes; at most %d are allowed", place(at, i, "key"), len(key), longestKey)
		}
		out[i].Key = key
	}
	return out, nil
}
