package dags

import (
	"slices"

	"github.com/bine-ml/bine"
)

// index finds steps by name, without looking at all of them each time.
type index struct {
	steps []Step
	at    map[bine.StepName]int
}

func newIndex(steps []Step) index {
	x := index{steps: steps, at: make(map[bine.StepName]int, len(steps))}
	for i := range steps {
		if _, twice := x.at[steps[i].Name]; !twice {
			x.at[steps[i].Name] = i
		}
	}
	return x
}

// step gives the step of a name, or an empty one.
func (x index) step(name bine.StepName) (*Step, bool) {
	if i, found := x.at[name]; found {
		return &x.steps[i], true
	}
	return &Step{}, false
}

// maxChain is the most fan-outs that a step may follow, one behind the other.
const maxChain = 32

// chain is DAG.Chain; of a chain that is too long it gives the beginning.
func (x index) chain(name bine.StepName) []bine.StepName {
	var chain []bine.StepName
	for s, found := x.step(name); found && s.Foreach != nil && s.Foreach.Per != "" && len(chain) <= maxChain; s, found = x.step(s.Foreach.Per) {
		if slices.Contains(chain, s.Foreach.Per) || s.Foreach.Per == name {
			return chain // a circle, which the checks report
		}
		chain = append(chain, s.Foreach.Per)
	}
	return chain
}

// choosers gives the branches that name each step.
func (x index) choosers() map[bine.StepName][]bine.StepName {
	by := map[bine.StepName][]bine.StepName{}
	for i := range x.steps {
		if a, ok := x.steps[i].Action.(BranchAction); ok {
			for _, target := range a.Targets() {
				by[target] = append(by[target], x.steps[i].Name)
			}
		}
	}
	return by
}
