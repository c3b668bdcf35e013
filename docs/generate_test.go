package docs_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"

	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/dags/expr"
)

// generators makes the parts of pages, by name.
func generators() map[string]func() (string, error) {
	keys := func(path ...string) func() (string, error) {
		return func() (string, error) { return keyTable(path...) }
	}
	return map[string]func() (string, error){
		"pipeline keys":    keys(),
		"param keys":       keys("params", "*"),
		"step keys":        keys("steps", "*"),
		"foreach keys":     keys("steps", "*", "foreach"),
		"retry keys":       keys("steps", "*", "retry"),
		"resources keys":   keys("steps", "*", "resources"),
		"schedule keys":    keys("schedule"),
		"notify keys":      keys("notify", "*"),
		"trigger keys":     keys("triggers", "*"),
		"cache keys":       keys("steps", "*", "cache"),
		"concurrency keys": keys("concurrency"),
		"kinds":            kindTable,
		"functions":        functionTable,
		"builder":          builderExample,
		"settings":         settingTable,
		"commands":         commandTables,
		"operations":       operationTables,
	}
}

// table writes a table in Markdown.
type table struct{ text strings.Builder }

func newTable(heads ...string) *table {
	t := &table{}
	t.row(heads...)
	t.row(slices.Repeat([]string{"---"}, len(heads))...)
	return t
}

func (t *table) row(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(strings.ReplaceAll(c, "|", `\|`), "\n", " ")
	}
	t.text.WriteString(strings.ReplaceAll("| "+strings.Join(cells, " | ")+" |", "| --- ", "|---"))
	t.text.WriteString("\n")
}

func code(s string) string { return "`" + s + "`" }

// schema is a part of the JSON schema of pipelines.
type schema struct {
	Description string            `json:"description"`
	Type        any               `json:"type"`
	Enum        []any             `json:"enum"`
	OneOf       []schema          `json:"oneOf"`
	Properties  map[string]schema `json:"properties"`
	Required    []string          `json:"required"`
	Items       *schema           `json:"items"`
	Values      json.RawMessage   `json:"additionalProperties"`
}

// at finds the schema of a key; * is any key of a mapping, or item of a list.
func (s schema) at(name string) (schema, error) {
	if name != "*" {
		found, ok := s.Properties[name]
		if !ok {
			return s, fmt.Errorf("the schema has no key %q", name)
		}
		for _, one := range found.OneOf {
			if one.Properties != nil {
				return one, nil
			}
		}
		return found, nil
	}
	if s.Items != nil {
		return *s.Items, nil
	}
	var values schema
	err := json.Unmarshal(s.Values, &values)
	return values, err
}

// keyTable lists the keys of a mapping: those that must be there first.
func keyTable(path ...string) (string, error) {
	var s schema
	if err := json.Unmarshal(dags.JSONSchema(), &s); err != nil {
		return "", err
	}
	for _, name := range path {
		var err error
		if s, err = s.at(name); err != nil {
			return "", err
		}
	}
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		if !isKind(name) || len(path) != 2 || path[0] != "steps" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if x, y := slices.Contains(s.Required, a), slices.Contains(s.Required, b); x != y {
			if x {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	t := newTable("key", "what it means")
	for _, name := range names {
		must := ""
		if slices.Contains(s.Required, name) {
			must = " **required**"
		}
		t.row(code(name)+must, s.Properties[name].Description)
	}
	return t.text.String(), nil
}

func isKind(name string) bool {
	return slices.ContainsFunc(dags.Kinds(), func(k dags.Kind) bool { return k.Name == name })
}

// kindTable lists the kinds of step and what each takes.
func kindTable() (string, error) {
	t := newTable("kind", "what it does", "takes", "keys of a step that it can have too")
	for _, k := range dags.Kinds() {
		takes := k.Form
		for i, f := range k.Fields {
			if i > 0 {
				takes += "; "
			}
			takes += code(f.Name) + ": " + lowerFirst(f.Doc)
			if !f.Required {
				takes += " (optional)"
			}
		}
		also := make([]string, len(k.Takes))
		for i, name := range k.Takes {
			also[i] = code(name)
		}
		t.row(code(k.Name), k.Doc, takes, strings.Join(also, ", "))
	}
	return t.text.String(), nil
}

func lowerFirst(s string) string {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 1 && s[:2] == strings.ToUpper(s[:2]) && s[1] != ' ' {
		return s // an abbreviation
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func functionTable() (string, error) {
	t := newTable("function", "gives")
	for _, f := range expr.Functions() {
		t.row(code(f.Form), f.Doc)
	}
	return t.text.String(), nil
}

// builderExample shows the body of the Example in builder_test.go.
func builderExample() (string, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "builder_test.go", nil, parser.ParseComments)
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile("builder_test.go")
	if err != nil {
		return "", err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != "weekly" {
			continue
		}
		text, err := format.Source(source[files.Position(f.Pos()).Offset:files.Position(f.End()).Offset])
		return "```go\n" + string(text) + "\n```", err
	}
	return "", fmt.Errorf("builder_test.go has no function weekly")
}
