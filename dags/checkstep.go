package dags

import (
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/dags/plan"
	"github.com/bine-ml/bine/gpu"
)

func (c *checker) checkSteps() {
	d := c.dag
	switch n := len(d.Steps); {
	case n == 0:
		c.faultf("steps", "the pipeline has no steps")
		return
	case n > MaxSteps:
		c.faultf("steps", "the pipeline has %d steps; at most %d are allowed", n, MaxSteps)
		return
	}
	c.steps = newIndex(d.Steps)
	c.choosers = c.steps.choosers()
	var err error
	if c.exprs, err = expr.NewChecker(d.types()); err != nil {
		c.wrong("steps", err)
		return
	}
	seen := map[bine.StepName]bool{}
	for i := range d.Steps {
		s := &d.Steps[i]
		c.identifier(s.at(), "step", string(s.Name))
		if seen[s.Name] {
			c.faultf(s.at(), "there are two steps %s", s.Name)
		}
		seen[s.Name] = true
		c.checkStep(s)
	}
	before := len(c.faults)
	for i := range d.Steps {
		c.checkNeeds(&d.Steps[i], seen)
	}
	if len(c.faults) == before {
		c.checkCycles()
	}
}

func (c *checker) checkStep(s *Step) {
	if s.Action == nil {
		names := make([]string, 0, 8)
		for _, k := range Kinds() {
			names = append(names, k.Name)
		}
		c.faultf(s.at(), "the step does nothing: give it one of %s", strings.Join(names, ", "))
		return
	}
	c.checkKeys(s)
	s.Action.check(c, s)
	c.checkLimits(s)
	c.checkPhase(s)
	c.checkPools(s)
	c.checkCache(s)
	c.checkConcurrency(s.at("concurrency"), s.Concurrency, expr.InItem)
	for _, name := range sortedKeys(s.Outputs) {
		c.identifier(s.at("outputs", name), "output", name)
		if t := s.Outputs[name]; !slices.Contains(outputTypes(), t) {
			c.faultf(s.at("outputs", name), "%q is not one of %s%s", t, strings.Join(texts(outputTypes()), ", "), didYouMean(t, outputTypes()))
		}
	}
	for _, name := range sortedKeys(s.Inputs) {
		c.identifier(s.at("inputs", name), "input", name)
		c.input(s, s.at("inputs", name), s.Inputs[name])
	}
	c.checkEnv(s)
	c.checkForeach(s)
	c.checkSweep(s)
	c.checkExpressions(s)
}

// checkKeys refuses keys that the kind of the step has no use for.
func (c *checker) checkKeys(s *Step) {
	k, _ := kindOf(s.Action)
	for _, key := range processKeys() {
		given := map[string]bool{
			"with": s.With != nil, "inputs": s.Inputs != nil, "outputs": s.Outputs != nil, "resources": s.Resources != bine.Resources{},
			"environment": s.Environment != 0, "env": s.Env != nil, "cache": s.NoCache || !reflect.DeepEqual(s.Cache, Cache{}),
		}[key]
		if given && !slices.Contains(k.Takes, key) {
			c.faultf(s.at(key), "a %s step takes no %s", k.Name, key)
		}
	}
}

func (c *checker) checkLimits(s *Step) {
	r := s.Resources
	if r.CPU < 0 || r.Memory < 0 || r.GPUs < 0 {
		c.faultf(s.at("resources"), "resources are not negative")
	} else if request, err := gpu.Of(r); err != nil {
		c.faultf(s.at("resources", "gpus"), "%s", err)
	} else if r.GPU != "" && request.On(r) != r {
		c.faultf(s.at("resources", "gpus"), "%s are %g, not %g", r.GPU, request.On(r).GPUs, r.GPUs)
	}
	if s.Environment < 0 {
		c.faultf(s.at("environment"), "a version of an environment is a number from 1")
	}
	if s.Timeout < 0 || s.Timeout > maxDuration.Seconds() {
		c.faultf(s.at("timeout"), "a timeout is between 0 and 366 days")
	}
	if s.Total < 0 || s.Total > maxDuration.Seconds() {
		c.faultf(s.at("timeout", "step"), "a timeout is between 0 and 366 days")
	}
	if k, _ := kindOf(s.Action); k.Waits && (s.Retry.Attempts > 0 || s.Timeout > 0) {
		c.faultf(s.at(), "a %s step makes no attempts: leave out retry, and write its limit as timeout: {step: …}", k.Name)
	}
	c.checkRetry(s.at("retry"), s.Retry)
	for i, rule := range s.Retry.Or {
		c.checkRetry(s.at("retry", i+1), rule)
		if i < len(s.Retry.Or)-1 && len(rule.On) == 0 || len(s.Retry.On) == 0 {
			c.faultf(s.at("retry"), "a rule that names no failures counts for all: no other can follow it")
			break
		}
	}
}

func (c *checker) checkRetry(at string, t Retry) {
	if t.Attempts > 100 {
		c.faultf(at, "%d attempts are too many: at most 100 are allowed", t.Attempts)
	}
	if t.Backoff < 0 || t.Backoff > plan.MaxWait.Seconds() {
		c.faultf(place(at, "backoff"), "a backoff is between 0 and 24 hours")
	}
	if t.Attempts > 1 && (t.Factor < 1 || t.Factor > 100) {
		c.faultf(place(at, "factor"), "a factor is between 1 and 100")
	}
	if t.Within < 0 || t.Within > maxDuration.Seconds() {
		c.faultf(place(at, "within"), "within is between 0 and 366 days")
	}
	for i, f := range t.On {
		if !slices.Contains(plan.Retryable(), f) {
			c.faultf(place(at, "on", i), "%q is not a failure that can be tried again: those are %s", f, strings.Join(texts(plan.Retryable()), ", "))
		}
	}
}

var envForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (c *checker) checkEnv(s *Step) {
	for _, name := range sortedKeys(s.Env) {
		switch {
		case !envForm.MatchString(name):
			c.faultf(s.at("env", name), "%q is not the name of an environment variable: use letters, digits and underscores", shorten(name))
		case strings.HasPrefix(strings.ToUpper(name), "BINE_"):
			c.faultf(s.at("env", name), "names that begin with BINE_ belong to the platform")
		case strings.Contains(s.Env[name], "\x00"):
			c.faultf(s.at("env", name), "the value contains a NUL byte")
		}
	}
}

func (c *checker) checkForeach(s *Step) {
	f := s.Foreach
	if f == nil {
		return
	}
	if f.MaxParallel < 0 || f.Batch < 0 {
		c.faultf(s.at("foreach"), "max_parallel and batch are not negative")
	}
	if f.Per != "" || len(f.Loops) > 0 {
		c.checkForeachForm(s, *f)
		return
	}
	if f.Batch > 1 && s.Kind() != "python" {
		c.faultf(s.at("foreach", "batch"), "only a python step can take several items in one process; this is a %s step", s.Kind())
	}
	if f.Items == nil {
		c.faultf(s.at("foreach"), "items is missing: a list, or an expression for one")
		return
	}
	if f.Key != "" && !expr.Has(f.Key) {
		c.faultf(s.at("foreach", "key"), "the key is the same for every item: write an expression over the item, as ${{ item.name }}")
		return
	}
	var items []json.RawMessage
	if json.Unmarshal(f.Items, &items) == nil && f.Key == "" {
		c.checkPlainItems(s, items)
	}
}

// checkPlainItems checks the keys of items that are written out and name themselves.
func (c *checker) checkPlainItems(s *Step, items []json.RawMessage) {
	seen := map[string]bool{}
	for i, item := range items {
		at := s.at("foreach", "items", i)
		if text, ok := isText(item); ok && expr.Has(text) {
			continue
		}
		key, err := plainKey(item)
		switch {
		case err != nil:
			c.wrong(at, err)
			return
		case seen[key]:
			c.faultf(at, "two items have the key %s: give a key that tells them apart, as key: ${{ item.name }}", key)
		}
		seen[key] = true
	}
}

func (c *checker) checkExpressions(s *Step) {
	_, err := s.rewrite(func(at string, w want, tree json.RawMessage) (json.RawMessage, error) {
		// whether and over what it runs is decided before there is an item
		where := expr.InStep
		if (s.Foreach != nil || s.Sweep != nil) && !slices.Contains([]string{"when", "sweep", place("foreach", "items"), place("foreach", 0, "items")}, at) {
			where = expr.InItem
		}
		t := List
		eachText(s.at(at), tree, func(at, text string) { t = c.expression(at, text, c.checkerOf(s, where), where) })
		c.checkWant(s.at(at), w, tree, t)
		return tree, nil
	})
	c.wrong(s.at(), err)
}

// expression checks one text and gives the type of what it yields.
func (c *checker) expression(at, text string, exprs *expr.Checker, where expr.Where) Type {
	t, err := exprs.Check(text, where)
	if err == nil {
		return t
	}
	e, ok := errors.AsType[*bine.Error](err)
	if !ok || len(e.Details) == 0 {
		c.wrong(at, err)
		return JSON
	}
	for _, d := range e.Details {
		d.Location = at
		c.fault(d)
	}
	return JSON
}

// checkWant checks that an expression comes to what its place takes.
func (c *checker) checkWant(at string, w want, tree json.RawMessage, t Type) {
	text, only := isExpression(tree)
	allowed := map[want]Type{wantCondition: Bool, wantInt: Int, wantList: List}[w]
	switch {
	case allowed == "" || !only && w == wantInt:
	case !only && w == wantList:
		if len(tree) > 0 && tree[0] != '[' {
			c.faultf(at, "a list, or an expression ${{ … }} for one, is expected")
		}
	case !only:
		plain, _ := isText(tree)
		c.faultf(at, "a condition is an expression: write %s", expr.Wrap(plain))
	case t != allowed && t != JSON:
		c.faultf(at, "%s is of type %s, but %s is expected here", shorten(text), t, map[Type]string{Bool: "true or false", Int: "a whole number", List: "a list"}[allowed])
	}
}

func isText(raw json.RawMessage) (string, bool) {
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err == nil && len(raw) > 0 && raw[0] == '"'
}

// input checks a reference of inputs: to an artifact, or to a value of every
// item of a fan-out.
func (c *checker) input(s *Step, at string, r Ref) {
	from, ok := c.steps.step(r.Step)
	if ok && from.Foreach != nil && from.Action != nil && !slices.Contains(c.steps.chain(s.Name), r.Step) {
		if t, ok := from.AllOutputs()[r.Output]; ok && t != Artifact {
			return
		}
	}
	c.artifact(s, at, r)
}

// artifact checks that a reference points to an artifact of another step.
func (c *checker) artifact(s *Step, at string, r Ref) {
	if r == (Ref{}) {
		return
	}
	from, ok := c.steps.step(r.Step)
	if !ok {
		c.faultf(at, "there is no step %q%s", r.Step, didYouMean(r.Step, c.stepNames()))
		return
	}
	if from.Action == nil {
		return
	}
	outputs := from.AllOutputs()
	t, ok := outputs[r.Output]
	switch {
	case !ok:
		c.faultf(at, "step %s has no output %q%s", r.Step, r.Output, orAmong(r.Output, sortedKeys(outputs)))
	case t != Artifact:
		c.faultf(at, "%s is a value of type %s, not an artifact: read it with %s, for example in with", r, t, expr.Wrap("steps."+r.String()))
	case s.Kind() == "model" && from.Foreach != nil && !slices.Contains(c.steps.chain(s.Name), r.Step):
		c.faultf(at, "%s is one artifact for each item of a fan-out: choose one of them in a step between", r)
	}
}
