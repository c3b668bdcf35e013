package expr

import (
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/bine-ml/bine"
)

// asError rewrites what CEL says about a source in the words of the language.
// known lists the names that an expression may begin with.
func asError(src string, issues *cel.Issues, known []string) error {
	var faults []bine.Detail
	seen := map[string]bool{}
	for _, e := range issues.Errors() {
		d := bine.Detail{Message: plain(e.Message, src, known), Line: max(e.Location.Line(), 1), Column: max(e.Location.Column(), 0) + 1}
		at := fmt.Sprint(d.Line, d.Column)
		if seen[at] || strings.HasPrefix(e.Message, "Syntax error") && len(faults) > 0 {
			continue // the parser's later complaints follow from the first
		}
		seen[at] = true
		faults = append(faults, d)
	}
	if len(faults) == 0 {
		faults = []bine.Detail{{Message: issues.Err().Error(), Line: 1, Column: 1}}
	}
	return invalid(faults)
}

var (
	overload    = regexp.MustCompile(`^found no matching overload for '([^']+)' applied to '(.*)'$`)
	undeclared  = regexp.MustCompile(`^undeclared reference to '([^']+)'`)
	unexpected  = regexp.MustCompile(`^Syntax error: (?:mismatched input|extraneous input|no viable alternative at input) '(.*?)'(?: expecting .*)?$`)
	reserved    = regexp.MustCompile(`^reserved identifier: (.*)$`)
	operator    = regexp.MustCompile(`^_?([^A-Za-z_]+)_$|^([!-])_$`)
	memberOf    = regexp.MustCompile(`^([^.(]+)\.\((.*)\)$`)
	typeReplace = strings.NewReplacer("google.protobuf.Timestamp", "time", "google.protobuf.Duration", "duration",
		"list(dyn)", "list", "map(string, dyn)", "map", "double", "float", "dyn", "any", "bine.", "")
)

func plain(message, src string, known []string) string {
	if m := overload.FindStringSubmatch(message); m != nil {
		return noOverload(m[1], m[2])
	}
	if m := undeclared.FindStringSubmatch(message); m != nil {
		if strings.Contains(src, m[1]+"(") {
			return unknownFunction(m[1])
		}
		return fmt.Sprintf("there is no %s here; an expression may read %s", m[1], strings.Join(known, ", "))
	}
	if m := unexpected.FindStringSubmatch(message); m != nil {
		if m[1] == "<EOF>" {
			return "the expression ends too early"
		}
		return fmt.Sprintf("the expression does not parse at %q", m[1])
	}
	if m := reserved.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("%s is a reserved word of expressions", m[1])
	}
	message = strings.TrimPrefix(message, "Syntax error: ")
	return "the expression is not valid: " + typeReplace.Replace(message)
}

func unknownFunction(name string) string {
	known := []string{"size", "map", "filter", "all", "exists", "exists_one", "has", "int", "double", "string", "bool",
		"timestamp", "duration", "matches", "startsWith", "endsWith", "contains", "getFullYear", "getMonth", "getDayOfMonth", "getHours", "getDayOfWeek"}
	for _, f := range Functions() {
		known = append(known, f.Form[:strings.IndexByte(f.Form, '(')])
	}
	message := fmt.Sprintf("there is no function %s()", name)
	if near := Nearest(name, known); near != "" {
		message += "; did you mean " + near + "()?"
	}
	return message
}

// noOverload explains an operator or function that does not take its operands.
func noOverload(name, operands string) string {
	if m := memberOf.FindStringSubmatch(operands); m != nil {
		operands = m[1] + ", " + m[2]
	}
	operands = strings.TrimSuffix(strings.TrimPrefix(operands, "("), ")")
	operands = strings.TrimSuffix(operands, ", ")
	types := typeReplace.Replace(operands)
	switch name {
	case "_[_]":
		return fmt.Sprintf("[ ] does not take %s", types)
	case "_?_:_":
		return fmt.Sprintf("? : takes a condition and two values of one type, not %s", types)
	case "_&&_", "_||_":
		name = strings.Trim(name, "_")
	}
	if m := operator.FindStringSubmatch(name); m != nil {
		name = m[1] + m[2]
	}
	message := fmt.Sprintf("%s does not take %s", name, types)
	if types == "int, float" || types == "float, int" {
		message += ": whole numbers and decimals do not mix, convert with float() or int()"
	}
	return message
}
