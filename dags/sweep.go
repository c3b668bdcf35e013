package dags

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/internal/sweep/spec"
)

// sweepOutputs are what a sweep adds to the outputs of its step, whose own are
// those of the best trial.
func sweepOutputs() map[string]Type {
	return map[string]Type{"best_trial": Int, "best_value": Float, "best_config": JSON}
}

func sweepSchema() schema { return schema{"type": []any{"object", "string"}} }

// checkSweep checks what does not depend on the search itself, and that too
// where it is written out.
func (c *checker) checkSweep(s *Step) {
	if s.Sweep == nil {
		return
	}
	at := s.at("sweep")
	k, _ := kindOf(s.Action)
	switch {
	case !k.Process || !slices.Contains(k.Takes, "with"):
		c.faultf(at, "a %s step cannot be searched over: only one that is a process takes a trial's configuration", k.Name)
	case s.Foreach != nil:
		c.faultf(at, "a step has foreach or sweep, not both: search in a pipeline of its own that another step starts for each item")
	}
	for name := range sweepOutputs() {
		if _, taken := s.Outputs[name]; taken {
			c.faultf(s.at("outputs", name), "%s is given by the sweep itself: call this output otherwise", name)
		}
	}
	if file, text := isText(s.Sweep); text {
		if !expr.Has(file) && (!localFile(file) || !strings.HasSuffix(file, ".yaml") && !strings.HasSuffix(file, ".yml")) {
			c.faultf(at, "%q is no YAML file of the code: give a path relative to the pipeline's directory that ends in .yaml, or write the search here", shorten(file))
		}
		return
	}
	if len(s.Sweep) == 0 || s.Sweep[0] != '{' {
		c.faultf(at, "a mapping with the keys of a sweep is expected, or the name of a YAML file of the code")
		return
	}
	c.checkSearch(at, s.Sweep)
}

// checkSearch checks a search that holds no expressions, of which nothing is
// known before the run.
func (c *checker) checkSearch(at string, search json.RawMessage) {
	open := false
	eachText("", search, func(_, text string) { open = open || expr.Has(text) })
	if open {
		return
	}
	_, err := spec.Parse(search)
	e, ok := errors.AsType[*bine.Error](err)
	if !ok || len(e.Details) == 0 {
		c.wrong(at, err)
		return
	}
	for _, d := range e.Details {
		c.fault(bine.Detail{Location: place(at, d.Location), Message: d.Message})
	}
}

// SweepFile gives the name of the file of the code that holds the search; it is
// empty where the search stands in the step.
func (s Step) SweepFile() string {
	file, text := isText(s.Sweep)
	if !text {
		return ""
	}
	return file
}

// EvaluateSweep evaluates the expressions of the search of a step: as written,
// or as read from its file.
func (s Step) EvaluateSweep(ctx context.Context, scope expr.Scope) (json.RawMessage, error) {
	raw, err := expr.EvalTree(ctx, s.Sweep, scope)
	if err != nil {
		return nil, wrongAt(s.at("sweep"), err)
	}
	return raw, nil
}

// ReadSweep reads the text of a YAML file that holds a search.
func ReadSweep(text []byte) (json.RawMessage, error) {
	if len(text) > MaxText {
		return nil, bine.Errorf(bine.TooLarge, "a search is at most %d bytes long", MaxText)
	}
	var document yaml.Node
	if err := yaml.Load(text, &document); err != nil {
		return nil, faultsError([]bine.Detail{syntaxFault(text, err)})
	}
	r := &reader{places: map[string]*yaml.Node{}}
	v, _ := r.at(document.Content[0], "", 0)
	tree := v.tree()
	switch {
	case r.overflow != nil:
		return nil, faultsError([]bine.Detail{*r.overflow})
	case len(r.faults) > 0:
		return nil, faultsError(r.faults)
	case len(tree) == 0 || tree[0] != '{':
		return nil, bine.Errorf(bine.Invalid, "a mapping with the keys of a sweep is expected")
	}
	return tree, nil
}
