package dags

import (
	"encoding/json"
	"maps"
)

// at gives the place of something below the step.
func (s *Step) at(parts ...any) string { return place(place("steps", string(s.Name)), parts...) }

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
	if s.Foreach != nil {
		each := *s.Foreach
		if each.Items, err = f.tree(place("foreach", "items"), wantList, each.Items); err != nil {
			return s, err
		}
		if each.Key, err = f.text(place("foreach", "key"), each.Key); err != nil {
			return s, err
		}
		s.Foreach = &each
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
