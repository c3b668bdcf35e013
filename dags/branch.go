package dags

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// BranchAction chooses which steps go on: those of the first case whose
// condition is true, else those of Else. Steps that it names and does not
// choose are skipped. The steps that it names need it. Its output is chosen,
// a list of their names.
type BranchAction struct {
	Cases []Case          `json:"cases"`
	Else  []bine.StepName `json:"else,omitempty"`
}

// Case is one way that a branch can go.
type Case struct {
	When  string          `json:"when"` // expression
	Steps []bine.StepName `json:"steps"`
}

// Kind gives branch.
func (BranchAction) Kind() string { return "branch" }

// Targets lists the steps that the branch names, each once.
func (a BranchAction) Targets() []bine.StepName {
	var all []bine.StepName
	for _, c := range a.Cases {
		all = append(all, c.Steps...)
	}
	all = append(all, a.Else...)
	slices.Sort(all)
	return slices.Compact(all)
}

// Choose gives the steps that go on.
func (a BranchAction) Choose(ctx context.Context, scope expr.Scope) ([]bine.StepName, error) {
	for i, c := range a.Cases {
		raw, err := expr.Eval(ctx, c.When, scope)
		if err != nil {
			return nil, wrongAt(place("branch", "cases", i, "when"), err)
		}
		var yes bool
		if err := json.Unmarshal(raw, &yes); err != nil || string(raw) == "null" {
			return nil, bine.Errorf(bine.Invalid, "%s gives %s, but true or false is expected", c.When, shorten(string(raw)))
		}
		if yes {
			return c.Steps, nil
		}
	}
	return a.Else, nil
}

// ChosenBy lists the branches that name a step.
func (d DAG) ChosenBy(step bine.StepName) []bine.StepName {
	var names []bine.StepName
	for _, s := range d.Steps {
		if a, ok := s.Action.(BranchAction); ok && slices.Contains(a.Targets(), step) {
			names = append(names, s.Name)
		}
	}
	return names
}

func (BranchAction) outputs() map[string]Type { return map[string]Type{"chosen": JSON} }
func (BranchAction) refs() []Ref              { return nil }

func (a BranchAction) check(c *checker, s *Step) {
	if len(a.Cases) == 0 {
		c.faultf(s.at("branch", "cases"), "a branch needs at least one case")
	}
	if s.Foreach != nil {
		c.faultf(s.at("foreach"), "a branch decides once: put foreach on the steps that it chooses")
	}
	for i, one := range a.Cases {
		at := s.at("branch", "cases", i)
		if one.When == "" {
			c.faultf(place(at, "when"), "a case needs its condition: write when")
		}
		if len(one.Steps) == 0 {
			c.faultf(place(at, "steps"), "a case names the steps that go on")
		}
	}
	for _, name := range a.Targets() {
		target, found := c.steps.step(name)
		switch {
		case !found:
			c.faultf(s.at("branch"), "there is no step %q%s", name, didYouMean(name, c.stepNames()))
		case name == s.Name:
			c.faultf(s.at("branch"), "a branch cannot choose itself")
		case target.Phase != s.Phase:
			c.faultf(s.at("branch"), "%s belongs to another part of the pipeline", name)
		}
	}
}

func (a BranchAction) rewrite(f rewriter) (Action, error) {
	a.Cases = slices.Clone(a.Cases)
	for i := range a.Cases {
		when, err := f.as(place("branch", "cases", i, "when"), wantCondition, a.Cases[i].When)
		if err != nil {
			return nil, err
		}
		a.Cases[i].When = when
	}
	return a, nil
}

func branchFields() []field[BranchAction] {
	return []field[BranchAction]{
		{name: "cases", required: true, doc: "The ways, each with the condition when and the steps that then go on; the first that is true is taken.", schema: listOf(object(caseFields())),
			read: func(v value, a *BranchAction) {
				for _, item := range v.items("a list of cases") {
					var c Case
					readFields(item, "a case", caseFields(), &c)
					a.Cases = append(a.Cases, c)
				}
			}},
		{name: "else", doc: "The steps that go on where no condition is true.", schema: listOf(textSchema),
			read: func(v value, a *BranchAction) { a.Else = readNames(v) }},
	}
}

func caseFields() []field[Case] {
	return []field[Case]{
		{name: "when", required: true, doc: "An expression.", schema: textSchema, read: func(v value, c *Case) { c.When = v.text() }},
		{name: "steps", required: true, doc: "The steps that go on.", schema: listOf(textSchema), read: func(v value, c *Case) { c.Steps = readNames(v) }},
	}
}

func branchKind() Kind {
	return mappingKind(Kind{
		Name: "branch",
		Doc:  "Chooses which steps go on; the others that it names are skipped. Its output chosen lists them.",
	}, branchFields())
}
