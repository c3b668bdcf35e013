// Package space is what a sweep searches: parameters with distributions, when
// they exist, and what must hold between them.
//
// A space maps points of the unit cube, one coordinate for each parameter, to
// configurations: coordinates that are uniform give values with the parameters'
// distributions. So samplers need to know of numbers from 0 to 1 only. The unit
// of a categorical parameter is parted among its values by their probabilities.
package space

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
	"github.com/bine-ml/bine/internal/sweep/field"
)

// Param is one parameter.
type Param struct {
	Path          []string          `json:"path" doc:"its name; several where it is nested"`
	Dist          Dist              `json:"distribution"`
	Min           float64           `json:"min,omitempty"`
	Max           float64           `json:"max,omitempty"`
	Q             float64           `json:"q,omitempty" doc:"step to a multiple of which values are rounded"`
	Mu            float64           `json:"mu,omitempty"`
	Sigma         float64           `json:"sigma,omitempty"`
	A             float64           `json:"a,omitempty"`
	B             float64           `json:"b,omitempty"`
	Whole         bool              `json:"whole,omitempty" doc:"its values are whole numbers"`
	Values        []json.RawMessage `json:"values,omitempty"`
	Probabilities []float64         `json:"probabilities,omitempty"`
	When          string            `json:"when,omitempty" doc:"CEL: it exists only where this holds"`
}

// Name joins the path by dots.
func (p *Param) Name() string { return strings.Join(p.Path, ".") }

// Space is a set of parameters. Make one by reading it, or fill the fields and
// call Prepare.
type Space struct {
	Params      []Param  `json:"params"`
	Constraints []string `json:"constraints,omitempty" doc:"CEL: each must hold"`

	once    sync.Once
	order   []int                  // places of Params, each behind those that its when reads
	reads   [][]int                // by parameter: those that its when reads
	needs   [][]int                // by constraint: those that it reads
	names   []string               // by parameter
	places  map[string]field.Value // of conditions, where the space was read
	sorted  []int                  // by name, where nothing is nested
	prepErr error
}

// Absent is the coordinate of a parameter that does not exist in a
// configuration.
const Absent = -1

// Config is a configuration: values by name, those of nested parameters by
// their path joined by dots.
type Config map[string]json.RawMessage

// Prepare checks a space. The error is of kind Invalid.
func (s *Space) Prepare() error {
	s.once.Do(func() { s.prepErr = s.prepare() })
	return s.prepErr
}

func (s *Space) prepare() error {
	if len(s.Params) == 0 {
		return bine.Errorf(bine.Invalid, "a search space needs at least one parameter")
	}
	nested := false
	for i := range s.Params {
		p := &s.Params[i]
		if err := p.check(); err != nil {
			return err
		}
		if slices.Contains(s.names, p.Name()) {
			return bine.Errorf(bine.Invalid, "%s: there are two parameters of this name", p.Name())
		}
		s.names = append(s.names, p.Name())
		nested = nested || len(p.Path) > 1
	}
	if err := s.prepareConditions(); err != nil {
		return err
	}
	if !nested {
		s.sorted = make([]int, len(s.Params))
		for i := range s.sorted {
			s.sorted[i] = i
		}
		slices.SortFunc(s.sorted, func(a, b int) int { return strings.Compare(s.names[a], s.names[b]) })
	}
	return nil
}

// Point fills in a configuration from coordinates; it changes u, where those
// of parameters that do not exist become Absent. ok is false where a constraint
// does not hold.
func (s *Space) Point(u []float64) (c Config, ok bool, err error) {
	c = make(Config, len(s.Params))
	for _, i := range s.order {
		exists, err := s.exists(i, u, c)
		if err != nil {
			return nil, false, err
		}
		if !exists {
			u[i] = Absent
			continue
		}
		c[s.names[i]] = s.Params[i].Value(u[i])
	}
	ok, err = s.holds(u, c)
	return c, ok, err
}

// Locate gives the coordinates of a configuration, nested or by name, and that
// configuration by name. The error says what of it is not in the space.
func (s *Space) Locate(text json.RawMessage) ([]float64, Config, error) {
	given := Config{}
	if err := s.flatten("", text, given); err != nil {
		return nil, nil, err
	}
	u, c := make([]float64, len(s.Params)), Config{}
	for _, i := range s.order {
		exists, err := s.exists(i, u, c)
		if err != nil {
			return nil, nil, err
		}
		value, found := given[s.names[i]]
		delete(given, s.names[i])
		switch {
		case !exists && found:
			return nil, nil, bine.Errorf(bine.Invalid, "%s does not exist in this configuration: %s does not hold", s.names[i], s.Params[i].When)
		case !exists:
			u[i] = Absent
			continue
		case !found:
			return nil, nil, bine.Errorf(bine.Invalid, "the configuration lacks %s", s.names[i])
		}
		if u[i], c[s.names[i]], err = s.Params[i].Unit(value); err != nil {
			return nil, nil, err
		}
	}
	for name := range given {
		return nil, nil, s.unknown(name)
	}
	ok, err := s.holds(u, c)
	if err == nil && !ok {
		err = bine.Errorf(bine.Invalid, "the configuration breaks a constraint of the space: %s", strings.Join(s.Constraints, "; "))
	}
	return u, c, err
}

func (s *Space) unknown(name string) error {
	message := fmt.Sprintf("there is no parameter %q", name)
	if near := expr.Nearest(name, s.names); near != "" {
		message += "; did you mean " + near + "?"
	}
	return &bine.Error{Kind: bine.Invalid, Message: message}
}

// flatten takes nested objects apart as far as names of parameters go.
func (s *Space) flatten(at string, text json.RawMessage, into Config) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return bine.Errorf(bine.Invalid, "a configuration is expected to be an object: %w", err)
	}
	for key, value := range fields {
		name := key
		if at != "" {
			name = at + "." + key
		}
		isGroup := slices.ContainsFunc(s.names, func(n string) bool { return strings.HasPrefix(n, name+".") })
		if !isGroup || slices.Contains(s.names, name) {
			into[name] = value
			continue
		}
		if err := s.flatten(name, value, into); err != nil {
			return err
		}
	}
	return nil
}

// JSON writes a configuration as the program gets it: an object whose nested
// parameters are objects, keys in order.
func (s *Space) JSON(c Config) json.RawMessage {
	if s.sorted == nil {
		return s.nestedJSON(c)
	}
	out := make([]byte, 0, 32*len(c))
	out = append(out, '{')
	for _, i := range s.sorted {
		value, found := c[s.names[i]]
		if !found {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		key, _ := json.Marshal(s.names[i]) // of a string, which can't fail
		out = append(out, key...)
		out = append(out, ':')
		out = append(out, value...)
	}
	return append(out, '}')
}

func (s *Space) nestedJSON(c Config) json.RawMessage {
	text, err := json.Marshal(s.nested(c))
	if err != nil {
		panic("values of a configuration are JSON: " + err.Error())
	}
	return text
}

// nested puts values into objects by the paths of their parameters.
func (s *Space) nested(c Config) map[string]any {
	root := map[string]any{}
	for i := range s.Params {
		value, found := c[s.names[i]]
		if !found {
			continue
		}
		at, path := root, s.Params[i].Path
		for _, key := range path[:len(path)-1] {
			inner, ok := at[key].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[key] = inner
			}
			at = inner
		}
		at[path[len(path)-1]] = value
	}
	return root
}

// evalBool evaluates a condition for a configuration.
func (s *Space) evalBool(condition string, c Config) (bool, error) {
	scope := expr.Scope{Params: map[string]json.RawMessage{}}
	for key, value := range s.nested(c) {
		text, err := json.Marshal(value)
		if err != nil {
			return false, err
		}
		scope.Params[key] = text
	}
	out, err := expr.Eval(context.Background(), condition, scope)
	if err != nil {
		return false, bine.Errorf(bine.KindOf(err), "%s: %w", condition, err)
	}
	switch string(out) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, bine.Errorf(bine.Invalid, "%s must be true or false, but is %s", condition, out)
}
