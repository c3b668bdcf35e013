package dags

import (
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/dags/plan"
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
	if s.Foreach != nil && known[s.Foreach.Per] && !slices.Contains(all, s.Foreach.Per) {
		all = append(all, s.Foreach.Per)
	}
	for _, n := range c.choosers[s.Name] {
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	if s.Action != nil {
		for _, n := range s.References() {
			switch {
			case n == s.Name:
				c.faultf(s.at(), "the step reads its own outputs, which exist only after it")
			case known[n] && !slices.Contains(all, n) && !c.earlier(s, n):
				all = append(all, n)
			}
		}
	}
	s.Needs = all
	for _, n := range all {
		if other, _ := c.steps.step(n); known[n] && other.Phase != s.Phase {
			c.faultf(s.at("needs"), "%s belongs to another part of the pipeline: needs stay within steps, on_failure or finally", n)
		}
	}
}

func (c *checker) placeOf(name bine.StepName) string {
	s, _ := c.steps.step(name)
	return s.at()
}

// circleHint explains the arrows of a circle.
func (c *checker) circleHint(circle []bine.StepName) string {
	for i := range c.dag.Steps {
		if f := c.dag.Steps[i].Foreach; f != nil && slices.Contains(circle, f.Per) {
			return "each needs the next, and a fan-out needs what the steps need that follow its items"
		}
	}
	return "each needs the next"
}

// earlier reports whether a step belongs to a phase that is over when s runs,
// so that s can read it without needing it.
func (c *checker) earlier(s *Step, name bine.StepName) bool {
	other, _ := c.steps.step(name)
	return phaseRank(other.Phase) < phaseRank(s.Phase)
}

// checkerOf gives the checker of the expressions of a step: for an item of one
// that follows others, what those give is a single value.
func (c *checker) checkerOf(s *Step, where expr.Where) *expr.Checker {
	chain := c.steps.chain(s.Name)
	if len(chain) == 0 || len(chain) > maxChain || where != expr.InItem {
		return c.exprs
	}
	if !slices.Equal(c.chain, chain) { // the last one is kept: steps of a chain often stand together
		exprs, err := c.exprs.OneByOne(chain)
		if err != nil {
			c.wrong(s.at(), err)
			return c.exprs
		}
		c.chain, c.chainExprs = chain, exprs
	}
	return c.chainExprs
}

// maxLoops is the most loops that may stand in each other.
const maxLoops = 8

// checkForeachForm checks the forms of foreach that have no items of their own.
func (c *checker) checkForeachForm(s *Step, f Foreach) {
	at := s.at("foreach")
	if f.Items != nil || f.Key != "" || f.Per != "" && len(f.Loops) > 0 {
		c.faultf(at, "a fan-out has exactly one of items, per and a list of loops")
		return
	}
	if f.Per != "" {
		c.checkPer(s, f)
		return
	}
	if f.Batch > 1 && s.Kind() != "python" {
		c.faultf(at, "only a python step can take several items in one process; this is a %s step", s.Kind())
	}
	if n := len(f.Loops); n > maxLoops {
		c.faultf(at, "%d loops in each other are too many: at most %d are allowed", n, maxLoops)
		return
	}
	seen := map[string]bool{}
	for i, l := range f.Loops {
		c.identifier(place(at, i, "as"), "loop", l.As)
		if seen[l.As] {
			c.faultf(place(at, i, "as"), "there are two loops %s", l.As)
		}
		seen[l.As] = true
		if l.Items == nil {
			c.faultf(place(at, i), "items is missing: a list, or an expression for one")
		}
		if l.Key != "" && !expr.Has(l.Key) {
			c.faultf(place(at, i, "key"), "the key is the same for every element: write an expression, as ${{ item.%s.name }}", l.As)
		}
	}
}

func (c *checker) checkPer(s *Step, f Foreach) {
	at := s.at("foreach", "per")
	other, found := c.steps.step(f.Per)
	switch {
	case !found:
		c.faultf(at, "there is no step %q%s", f.Per, didYouMean(f.Per, c.stepNames()))
	case other.Foreach == nil:
		c.faultf(at, "%s has no items to follow: it has no foreach", f.Per)
	case f.Batch > 1:
		c.faultf(s.at("foreach", "batch"), "a step that follows items takes them one by one")
	case other.Phase != s.Phase:
		c.faultf(at, "%s belongs to another part of the pipeline", f.Per)
	case len(c.steps.chain(s.Name)) > maxChain:
		c.faultf(at, "it follows more than %d fan-outs, one behind the other", maxChain)
	case s.Join != plan.AllSucceeded:
		c.faultf(s.at("join"), "a step that follows items runs for those that have succeeded: leave join out")
	case s.When != "":
		c.faultf(s.at("when"), "a step that follows items runs for each of them: put when on the fan-out, or decide in the step")
	}
	if head, _ := c.steps.step(f.Per); head.Foreach != nil && head.Foreach.Batch > 1 {
		c.faultf(at, "%s works through its items in batches: they cannot be followed one by one", f.Per)
	}
}

// checkCycles reports each circle of steps that wait for each other, once.
func (c *checker) checkCycles() {
	state := map[bine.StepName]int{} // 1: on the path, 2: done
	needs := c.dag.needs()
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
				c.faultf(c.placeOf(next), "steps wait for each other in a circle: %s (%s)", strings.Join(texts(circle), " → "), c.circleHint(circle))
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
