package space

import (
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags/expr"
)

// prepareConditions checks all expressions, and orders the parameters so that
// each comes behind those that decide whether it exists.
func (s *Space) prepareConditions() error {
	s.reads = make([][]int, len(s.Params))
	checker, err := expr.NewChecker(expr.Names{Params: s.types()})
	if err != nil {
		return err
	}
	var faults []error
	for i := range s.Params {
		p := &s.Params[i]
		if p.When == "" {
			continue
		}
		if p.When, s.reads[i], err = s.condition(checker, p.When); err != nil {
			faults = append(faults, s.misplaced(s.names[i]+": when", s.names[i], err))
		}
	}
	for i, text := range s.Constraints {
		reads := []int(nil)
		if s.Constraints[i], reads, err = s.condition(checker, text); err != nil {
			faults = append(faults, s.misplaced("constraint", text, err))
		}
		s.needs = append(s.needs, reads)
	}
	if len(faults) > 0 {
		return faults[0]
	}
	return s.sort()
}

// misplaced is a fault of an expression, at its place if the space was read.
func (s *Space) misplaced(what, key string, err error) error {
	for at := key; at != ""; at = at[:max(strings.LastIndexByte(at, '.'), 0)] {
		if v, found := s.places[at]; found {
			v.Fault("%v", err)
			break
		}
	}
	return bine.Errorf(bine.Invalid, "%s: %w", what, err)
}

// condition checks an expression, in which ${{ }} may be left out, and says
// which parameters it reads.
func (s *Space) condition(checker *expr.Checker, text string) (wrapped string, reads []int, err error) {
	if wrapped = strings.TrimSpace(text); !strings.HasPrefix(wrapped, "${{") {
		wrapped = expr.Wrap(wrapped)
	}
	paths, err := expr.ParamPaths(wrapped)
	if err != nil {
		return "", nil, err
	}
	for _, path := range paths {
		found := s.readBy(path)
		if len(found) == 0 && path != "" {
			return "", nil, s.unknown(path)
		}
		reads = append(reads, found...)
	}
	t, err := checker.Check(wrapped, expr.InSpace)
	if err != nil {
		return "", nil, err
	}
	if t != expr.Bool && t != expr.JSON {
		return "", nil, bine.Errorf(bine.Invalid, "%s must be true or false, but is of type %s", text, t)
	}
	if len(reads) == 0 {
		return "", nil, bine.Errorf(bine.Invalid, "%s reads no parameter: name one, as in params.%s", text, s.names[0])
	}
	return wrapped, reads, nil
}

// readBy lists the parameters that a path reads: one, a part of its value, or a
// whole group.
func (s *Space) readBy(path string) (found []int) {
	for i, name := range s.names {
		if name == path || strings.HasPrefix(path, name+".") || strings.HasPrefix(name, path+".") {
			found = append(found, i)
		}
	}
	return found
}

func (s *Space) types() map[string]expr.Type {
	types := map[string]expr.Type{}
	for i := range s.Params {
		p := &s.Params[i]
		if types[p.Path[0]] = p.exprType(); len(p.Path) > 1 {
			types[p.Path[0]] = expr.Map
		}
	}
	return types
}

// sort puts each parameter behind those that its condition reads.
func (s *Space) sort() error {
	state := make([]int, len(s.Params)) // 1 is being visited, 2 done
	var visit func(i int) error
	visit = func(i int) error {
		switch state[i] {
		case 1:
			return bine.Errorf(bine.Invalid, "%s: its when depends on itself, by way of others", s.names[i])
		case 2:
			return nil
		}
		state[i] = 1
		for _, j := range s.reads[i] {
			if err := visit(j); err != nil {
				return err
			}
		}
		state[i] = 2
		s.order = append(s.order, i)
		return nil
	}
	for i := range s.Params {
		if err := visit(i); err != nil {
			return err
		}
	}
	return nil
}

// exists says whether a parameter exists beside those that are decided. It does
// not where its condition reads one that does not exist.
func (s *Space) exists(i int, u []float64, c Config) (bool, error) {
	if s.Params[i].When == "" {
		return true, nil
	}
	if slices.ContainsFunc(s.reads[i], func(j int) bool { return u[j] == Absent }) {
		return false, nil
	}
	return s.evalBool(s.Params[i].When, c)
}

// holds says whether all constraints hold. One that reads what does not exist does.
func (s *Space) holds(u []float64, c Config) (bool, error) {
	for i, text := range s.Constraints {
		if slices.ContainsFunc(s.needs[i], func(j int) bool { return u[j] == Absent }) {
			continue
		}
		if ok, err := s.evalBool(text, c); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// Conditional says whether there are parameters that do not always exist, or
// constraints.
func (s *Space) Conditional() bool {
	return len(s.Constraints) > 0 || slices.ContainsFunc(s.Params, func(p Param) bool { return p.When != "" })
}
