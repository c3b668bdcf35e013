package expr

import (
	"slices"

	"cel.dev/cel-go/common/ast"

	"github.com/bine-ml/bine"
)

// walk visits every name that an expression reads from outside: the name it
// begins with, and the fields selected from it. Variables of macros (the x of
// list.map(x, x + 1)) are left out.
func walk(e ast.Expr, bound []string, visit func(at int64, root string, fields []string, tested bool)) {
	if root, fields, at, tested, ok := chain(e); ok {
		if !slices.Contains(bound, root) {
			visit(at, root, fields, tested)
		}
		return
	}
	switch e.Kind() {
	case ast.SelectKind:
		walk(e.AsSelect().Operand(), bound, visit)
	case ast.CallKind:
		c := e.AsCall()
		if c.IsMemberFunction() {
			walk(c.Target(), bound, visit)
		}
		for _, a := range c.Args() {
			walk(a, bound, visit)
		}
	case ast.ListKind:
		for _, x := range e.AsList().Elements() {
			walk(x, bound, visit)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			walk(entry.AsMapEntry().Key(), bound, visit)
			walk(entry.AsMapEntry().Value(), bound, visit)
		}
	case ast.StructKind:
		for _, entry := range e.AsStruct().Fields() {
			walk(entry.AsStructField().Value(), bound, visit)
		}
	case ast.ComprehensionKind:
		walkComprehension(e.AsComprehension(), bound, visit)
	}
}

func walkComprehension(c ast.ComprehensionExpr, bound []string, visit func(int64, string, []string, bool)) {
	walk(c.IterRange(), bound, visit)
	walk(c.AccuInit(), bound, visit)
	inner := append(slices.Clone(bound), c.IterVar(), c.IterVar2(), c.AccuVar())
	for _, e := range []ast.Expr{c.LoopCondition(), c.LoopStep(), c.Result()} {
		walk(e, inner, visit)
	}
}

// chain takes a.b.c apart. tested is set inside has().
func chain(e ast.Expr) (root string, fields []string, at int64, tested, ok bool) {
	for e.Kind() == ast.SelectKind {
		s := e.AsSelect()
		tested = tested || s.IsTestOnly()
		fields = append(fields, s.FieldName())
		e = s.Operand()
	}
	if e.Kind() != ast.IdentKind {
		return "", nil, 0, false, false
	}
	slices.Reverse(fields)
	return e.AsIdent(), fields, e.ID(), tested, true
}

// selected lists what an expression selects from a root, each once.
func selected(e ast.Expr, from string) []string {
	var names []string
	walk(e, nil, func(_ int64, root string, fields []string, _ bool) {
		if root == from && len(fields) > 0 && !slices.Contains(names, fields[0]) {
			names = append(names, fields[0])
		}
	})
	return names
}

// stepsOf lists the steps that an expression reads, each once.
func stepsOf(e ast.Expr) []bine.StepName {
	var names []bine.StepName
	for _, n := range selected(e, "steps") {
		names = append(names, bine.StepName(n))
	}
	return names
}
