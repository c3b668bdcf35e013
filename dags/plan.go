package dags

import (
	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/plan"
)

// Plan gives the compact form that a run's workflow gets.
func (d DAG) Plan() plan.Plan {
	order := d.order()
	index := make(map[bine.StepName]int, len(order))
	p := plan.Plan{Steps: make([]plan.Step, len(order))}
	for i, s := range order {
		index[s.Name] = i
		step := plan.Step{
			Name: s.Name, Kind: s.Kind(), Process: s.Process(), Timeout: s.Timeout,
			Retry: plan.Retry{Attempts: s.Retry.Attempts, Backoff: s.Retry.Backoff, Factor: s.Retry.Factor, On: s.Retry.On},
		}
		for _, n := range s.Needs {
			step.Needs = append(step.Needs, index[n])
		}
		if s.Foreach != nil {
			step.Foreach, step.MaxParallel, step.Batch = true, s.Foreach.MaxParallel, s.Foreach.Batch
		}
		p.Steps[i] = step
	}
	return p
}

// order gives the steps so that each comes after those it needs, otherwise in
// the order written.
func (d DAG) order() []Step {
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
		for _, n := range s.Needs {
			visit(byName[n])
		}
		order = append(order, s)
	}
	for _, s := range d.Steps {
		visit(s)
	}
	return order
}
