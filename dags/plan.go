package dags

import (
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/plan"
)

// Plan gives the compact form that a run's workflow gets. Steps that follow a
// fan-out item by item come right after it, and what they need beside it is
// needed by the fan-out.
func (d DAG) Plan() plan.Plan {
	order, needs := d.order()
	index := make(map[bine.StepName]int, len(order))
	p := plan.Plan{Steps: make([]plan.Step, len(order)), Timeout: d.Timeout}
	for i, s := range order {
		index[s.Name] = i
		k, _ := kindOf(s.Action)
		step := plan.Step{
			Name: s.Name, Kind: s.Kind(), Process: k.Process, Waits: k.Waits, Timeout: s.Timeout, Total: s.Total,
			Retry: s.Retry.plan(), Join: s.Join, Phase: s.Phase, Sweep: s.Sweep != nil,
		}
		for _, n := range needs[s.Name] {
			step.Needs = append(step.Needs, index[n])
		}
		if f := s.Foreach; f != nil {
			step.Foreach, step.MaxParallel, step.Batch = true, f.MaxParallel, f.Batch
			if f.Per != "" {
				step.Per = 1 + index[f.Per]
			}
		}
		p.Steps[i] = step
	}
	return p
}

func (r Retry) plan() plan.Retry {
	out := plan.Retry{Attempts: r.Attempts, Backoff: r.Backoff, Factor: r.Factor, On: r.On, Within: r.Within}
	for _, rule := range r.Or {
		out.Or = append(out.Or, rule.plan())
	}
	return out
}

// needs gives what each step waits for in a run: a step that follows items
// waits for its fan-out alone, and the fan-out at the head of such a chain for
// what those that follow it need beside.
func (d DAG) needs() map[bine.StepName][]bine.StepName {
	all := make(map[bine.StepName][]bine.StepName, len(d.Steps))
	for _, s := range d.Steps {
		if s.Foreach == nil || s.Foreach.Per == "" {
			all[s.Name] = slices.Clone(s.Needs)
		}
	}
	steps := newIndex(d.Steps)
	for _, s := range d.Steps {
		chain := steps.chain(s.Name)
		if len(chain) == 0 {
			continue
		}
		all[s.Name] = []bine.StepName{chain[0]}
		head := chain[len(chain)-1]
		for _, n := range s.Needs {
			if !slices.Contains(chain, n) && !slices.Contains(all[head], n) {
				all[head] = append(all[head], n)
			}
		}
	}
	return all
}

// Chain lists the fan-outs that a step follows item by item, nearest first; it
// is empty for a step without foreach.per.
func (d DAG) Chain(name bine.StepName) []bine.StepName { return newIndex(d.Steps).chain(name) }

// Followers lists the steps that follow the items of a fan-out, directly or
// through others, each after the one that it follows.
func (d DAG) Followers(name bine.StepName) []bine.StepName {
	var all []bine.StepName
	for i := 0; i <= len(all); i++ {
		of := name
		if i > 0 {
			of = all[i-1]
		}
		for _, s := range d.Steps {
			if s.Foreach != nil && s.Foreach.Per == of && !slices.Contains(all, s.Name) {
				all = append(all, s.Name)
			}
		}
	}
	return all
}

// order gives the steps so that each comes after those it waits for, otherwise
// in the order written, and what it waits for.
func (d DAG) order() ([]Step, map[bine.StepName][]bine.StepName) {
	needs := d.needs()
	done := make(map[bine.StepName]bool, len(d.Steps))
	byName := make(map[bine.StepName]Step, len(d.Steps))
	for _, s := range d.Steps {
		byName[s.Name] = s
	}
	order := make([]Step, 0, len(d.Steps))
	var visit func(s Step)
	visit = func(s Step) {
		if done[s.Name] {
			return
		}
		done[s.Name] = true // the pipeline is checked: there is no circle
		for _, n := range needs[s.Name] {
			visit(byName[n])
		}
		order = append(order, s)
	}
	for _, s := range d.Steps {
		visit(s)
	}
	return order, needs
}
