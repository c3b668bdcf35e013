package dags

import (
	"encoding/json"
)

// ValuesAction computes values from earlier ones: its outputs are its keys.
type ValuesAction map[string]json.RawMessage

// Kind gives values.
func (ValuesAction) Kind() string { return "values" }

func (a ValuesAction) outputs() map[string]Type {
	out := map[string]Type{}
	for name := range a {
		out[name] = JSON
	}
	return out
}

func (ValuesAction) refs() []Ref { return nil }

func (a ValuesAction) check(c *checker, s *Step) {
	if len(a) == 0 {
		c.faultf(s.at("values"), "values is empty: give names and what each of them is")
	}
	for _, name := range sortedKeys(a) {
		c.identifier(s.at("values", name), "output", name)
	}
}

func (a ValuesAction) rewrite(f rewriter) (Action, error) {
	out := ValuesAction{}
	for _, name := range sortedKeys(a) {
		tree, err := f(place("values", name), wantAnything, a[name])
		if err != nil {
			return nil, err
		}
		out[name] = tree
	}
	return out, nil
}

func valuesKind() Kind {
	return Kind{
		Name:   "values",
		Doc:    "Computes values from params and from values of earlier steps; its outputs are the names.",
		Form:   "names, each with a value or an expression",
		schema: schema{"type": "object", "minProperties": 1},
		read:   func(v value) Action { return ValuesAction(v.trees()) },
		decode: decodeAs[ValuesAction],
	}
}
