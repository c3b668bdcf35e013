package dags

import (
	"slices"
	"strings"

	"github.com/bine-ml/bine"
)

func (c *checker) stepNames() []bine.StepName {
	names := make([]bine.StepName, len(c.dag.Steps))
	for i, s := range c.dag.Steps {
		names[i] = s.Name
	}
	return names
}

// checkNeeds adds the steps that a step refers to and checks that all are known.
func (c *checker) checkNeeds(s *Step, known map[bine.StepName]bool) {
	var all []bine.StepName
	for i, n := range s.Needs {
		switch {
		case !known[n]:
			c.faultf(s.at("needs", i), "there is no step %q%s", n, didYouMean(n, c.stepNames()))
		case n == s.Name:
			c.faultf(s.at("needs", i), "a step cannot need itself")
		case !slices.Contains(all, n):
			all = append(all, n)
		}
	}
	if s.Action != nil {
		for _, n := range s.References() {
			switch {
			case n == s.Name:
				c.faultf(s.at(), "the step reads its own outputs, which exist only after it")
			case known[n] && !slices.Contains(all, n):
				all = append(all, n)
			}
		}
	}
	s.Needs = all
}

// checkCycles reports each circle of steps that wait for each other, once.
func (c *checker) checkCycles() {
	state := map[bine.StepName]int{} // 1: on the path, 2: done
	needs := map[bine.StepName][]bine.StepName{}
	for _, s := range c.dag.Steps {
		needs[s.Name] = s.Needs
	}
	var path []bine.StepName
	var visit func(n bine.StepName)
	visit = func(n bine.StepName) {
		state[n] = 1
		path = append(path, n)
		for _, next := range needs[n] {
			switch state[next] {
			case 0:
				visit(next)
			case 1:
				circle := append(slices.Clone(path[slices.Index(path, next):]), next)
				c.faultf(place("steps", string(next)), "steps wait for each other in a circle: %s (each needs the next)", strings.Join(texts(circle), " → "))
			}
		}
		path = path[:len(path)-1]
		state[n] = 2
	}
	for _, s := range c.dag.Steps {
		if state[s.Name] == 0 {
			visit(s.Name)
		}
	}
}
