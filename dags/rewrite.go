package dags

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/dags/plan"
)

// at gives the place of something below the step.
func (s *Step) at(parts ...any) string {
	section := "steps"
	if s.Phase != plan.Main {
		section = string(s.Phase)
	}
	return place(place(section, string(s.Name)), parts...)
}

// rewrite gives a copy of the step in which f has replaced each text that may
// hold expressions: those that decide whether and how often it runs, and those
// of its body.
func (s Step) rewrite(f rewriter) (Step, error) {
	var err error
	if s.When != "" {
		if s.When, err = f.as("when", wantCondition, s.When); err != nil {
			return s, err
		}
	}
	if s.Sweep, err = f.tree("sweep", wantAnything, s.Sweep); err != nil {
		return s, err
	}
	if s.Foreach != nil {
		each := *s.Foreach
		if each.Items, err = f.tree(place("foreach", "items"), wantList, each.Items); err != nil {
			return s, err
		}
		if each.Key, err = f.text(place("foreach", "key"), each.Key); err != nil {
			return s, err
		}
		each.Loops = slices.Clone(each.Loops)
		for i := range each.Loops {
			l := &each.Loops[i]
			if l.Items, err = f.tree(place("foreach", i, "items"), wantList, l.Items); err != nil {
				return s, err
			}
			if l.Key, err = f.text(place("foreach", i, "key"), l.Key); err != nil {
				return s, err
			}
		}
		s.Foreach = &each
	}
	s.Concurrency = slices.Clone(s.Concurrency)
	for i := range s.Concurrency {
		if s.Concurrency[i].Key, err = f.text(place("concurrency", i, "key"), s.Concurrency[i].Key); err != nil {
			return s, err
		}
	}
	return s.rewriteBody(f)
}

// rewriteBody is rewrite for what the step does: with, env and its action.
func (s Step) rewriteBody(f rewriter) (Step, error) {
	var err error
	if s.With, err = f.tree("with", wantAnything, s.With); err != nil {
		return s, err
	}
	s.Env = maps.Clone(s.Env)
	for _, name := range sortedKeys(s.Env) {
		if s.Env[name], err = f.text(place("env", name), s.Env[name]); err != nil {
			return s, err
		}
	}
	if s.Action != nil {
		s.Action, err = s.Action.rewrite(f)
	}
	return s, err
}

// Params lists the params that the step's expressions read.
func (s Step) Params() []string {
	var names []string
	_, _ = s.rewrite(func(_ string, _ want, tree json.RawMessage) (json.RawMessage, error) {
		found, _ := expr.Params(tree)
		names = append(names, found...)
		return tree, nil
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// eachText calls f for every string in a JSON tree with its place below at.
func eachText(at string, tree json.RawMessage, f func(at, text string)) {
	var v any
	if json.Unmarshal(tree, &v) == nil {
		eachTextIn(at, v, f)
	}
}

func eachTextIn(at string, v any, f func(at, text string)) {
	switch v := v.(type) {
	case string:
		f(at, v)
	case []any:
		for i, x := range v {
			eachTextIn(place(at, i), x, f)
		}
	case map[string]any:
		for _, k := range sortedKeys(v) {
			eachTextIn(place(at, k), v[k], f)
		}
	}
}
