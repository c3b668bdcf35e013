// Package continuation decides what a run that goes on from another does: which
// steps keep the outputs that they have, and which run. It only looks at what it
// is given, so that what is said beforehand is what happens.
//
// A step keeps its outputs where it succeeded (or was skipped by its own
// condition) and nothing that decides them has changed: what the step does, the
// file that it names, the params that it reads, and the steps that it needs.
// Retries, limits, resources and settings of the cache decide no outputs. A file
// of the code that no step names may be read by every one of them: where it
// changed, and nobody chose from where to go on, all that may read it run.
//
// A fan-out that runs again keeps items, by their key and never by their place:
// those that succeeded and whose element of the list is still the same.
package continuation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dags/plan"
)

// Side is a definition as a run executes it.
type Side struct {
	DAG    dags.DAG
	Code   []bine.ArtifactEntry // the files of its steps
	Params json.RawMessage      // an object with every param
}

// Step says what happens to one step.
type Step struct {
	bine.ContinuationStep
	KeepsItems bool // of a fan-out that runs: items of the same key and value keep their outputs
}

// Plan says what a run of next does that goes on from a run of old, whose steps
// ended as rows say. The steps of from run in any case, and so does what needs
// them. The answer is in the order of next's graph.
func Plan(old, next Side, rows []bine.Step, from []bine.StepName) ([]Step, error) {
	for _, name := range from {
		if _, found := next.DAG.Step(name); !found {
			return nil, bine.Errorf(bine.Invalid, "version to run has no step %s", name)
		}
	}
	p := &planner{old: old, next: next, rows: map[bine.StepName]bine.Step{}, from: from, done: map[bine.StepName]Step{}}
	for _, row := range rows {
		if row.Item == "" {
			p.rows[row.Name] = row
		}
	}
	var err error
	if p.params, err = changedParams(old.Params, next.Params); err != nil {
		return nil, err
	}
	if p.files, p.shared = changedFiles(old, next); len(from) > 0 {
		p.shared = "" // whoever chooses knows what else reads it
	}
	var steps []Step
	for _, node := range next.DAG.Plan().Steps {
		step, _ := next.DAG.Step(node.Name)
		out, err := p.step(step)
		if err != nil {
			return nil, err
		}
		p.done[step.Name] = out
		steps = append(steps, out)
	}
	return steps, nil
}

// Runs reports whether anything runs, beside what does so at the end of every run.
func Runs(steps []Step, dag dags.DAG) bool {
	return slices.ContainsFunc(steps, func(s Step) bool {
		step, _ := dag.Step(s.Step)
		return s.Runs && step.Phase == plan.Main
	})
}

// planner decides one step after the other.
type planner struct {
	old, next Side
	rows      map[bine.StepName]bine.Step
	from      []bine.StepName
	params    []string // that changed
	files     []string // that changed
	shared    string   // a file that changed and that no step names, so that any may read it
	done      map[bine.StepName]Step
}

func (p *planner) step(step dags.Step) (Step, error) {
	out := Step{ContinuationStep: bine.ContinuationStep{Step: step.Name, Runs: true}}
	row, had := p.rows[step.Name]
	if step.Phase != plan.Main {
		out.Why = map[plan.Phase]string{plan.OnFailure: "it runs where this run fails", plan.Finally: "it runs at the end of every run"}[step.Phase]
		return out, nil
	}
	whole, err := p.changed(step, decisive)
	if err != nil {
		return out, err
	}
	items, err := p.changed(step, ofItems)
	if err != nil {
		return out, err
	}
	again := p.again(step)
	switch {
	case slices.Contains(p.from, step.Name):
		out.Why = "it was chosen"
		return out, nil
	case items != "":
		out.Why = whole
		return out, nil
	case whole != "":
		out.Why = whole
	case len(again) > 0:
		out.Why = fmt.Sprintf("it needs %s, which runs again", again[0])
	case !had || row.State == bine.Pending:
		out.Why = "it had not begun"
	case row.State.OK() || row.State == bine.Skipped:
		out.Runs, out.Why = false, fmt.Sprintf("it %s, and nothing of it changed", past(row.State))
		return out, nil
	default:
		out.Why = "it " + past(row.State)
	}
	if out.KeepsItems = p.keepsItems(step, again); out.KeepsItems {
		out.Items = row.ItemStates[bine.Succeeded] + row.ItemStates[bine.Cached]
	}
	return out, nil
}

// past says what became of a step.
func past(state bine.State) string {
	switch state {
	case bine.Skipped, bine.Cancelled, bine.Lost:
		return "was " + string(state)
	case bine.Cached:
		return "succeeded"
	case bine.Running, bine.Waiting:
		return "had not ended"
	}
	return string(state)
}

// again lists the steps that a step needs and that run again.
func (p *planner) again(step dags.Step) []bine.StepName {
	var names []bine.StepName
	for _, name := range step.Needs {
		if p.done[name].Runs {
			names = append(names, name)
		}
	}
	return names
}

// changed says what of a part of a step is another than in the old run; empty
// where nothing is.
func (p *planner) changed(step dags.Step, part func(dags.Step) dags.Step) (string, error) {
	was, found := p.old.DAG.Step(step.Name)
	if !found {
		return "it is new", nil
	}
	was, step = part(was), part(step)
	same, err := sameStep(was, step)
	if err != nil {
		return "", err
	}
	if !same {
		return "its definition changed", nil
	}
	for _, name := range filesOf(step) {
		if slices.Contains(p.files, name) {
			return fmt.Sprintf("its file %s changed", name), nil
		}
	}
	if p.shared != "" && readsCode(step) {
		return fmt.Sprintf("the file %s changed, which any step may read", p.shared), nil
	}
	for _, name := range step.Params() {
		if slices.Contains(p.params, name) {
			return fmt.Sprintf("param %s changed, which it reads", name), nil
		}
	}
	return "", nil
}

// keepsItems reports whether items of a fan-out keep their outputs though it
// runs: all that an item's outputs depend on beside its own element is kept.
func (p *planner) keepsItems(step dags.Step, again []bine.StepName) bool {
	if step.Foreach == nil {
		return false
	}
	list, body := onlyList(step).References(), ofItems(step).References()
	chain := p.next.DAG.Chain(step.Name)
	for _, name := range again {
		if slices.Contains(chain, name) {
			if !p.done[name].KeepsItems {
				return false
			}
			continue
		}
		if slices.Contains(body, name) || !slices.Contains(list, name) {
			return false
		}
	}
	return true
}

// Params gives what a run of dag is started with that goes on from one with old
// params: those that dag still has, and what is given in their place.
func Params(dag dags.DAG, old json.RawMessage, given map[string]json.RawMessage) (json.RawMessage, error) {
	all, err := object(old)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool {
		_, found := dag.Param(name)
		return !found
	})
	maps.Copy(all, given)
	return dag.ResolveParams(all)
}
