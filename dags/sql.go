package dags

import (
	"maps"
	"strings"
)

// SQLAction runs a query with DuckDB in a process of its own. Each input is a
// view of its name: CSV, JSON and Parquet files and directories of them. Files
// are views on the project's files. Where the step declares an artifact result,
// the last statement's rows are written there as Parquet; other outputs are
// columns of its first row.
type SQLAction struct {
	Query string            `json:"query"`           // file of the code that ends in .sql, or the statements
	Files map[string]string `json:"files,omitempty"` // view to path of the project's files; paths may hold expressions
}

// Kind gives sql.
func (SQLAction) Kind() string { return "sql" }

// File gives the name of the file in the code; it is empty where the
// statements are written in the pipeline.
func (a SQLAction) File() string {
	if strings.HasSuffix(a.Query, ".sql") && !strings.ContainsAny(a.Query, " \n\t;") {
		return a.Query
	}
	return ""
}

func (SQLAction) outputs() map[string]Type { return nil }
func (SQLAction) refs() []Ref              { return nil }

func (a SQLAction) check(c *checker, s *Step) {
	if strings.TrimSpace(a.Query) == "" {
		c.faultf(s.at("sql", "query"), "the query is empty")
	}
	if file := a.File(); file != "" && !localFile(file) {
		c.faultf(s.at("sql", "query"), "%q is not inside the code: give a path relative to the pipeline's directory, without . or ..", file)
	}
	for _, view := range sortedKeys(a.Files) {
		c.identifier(s.at("sql", "files", view), "view", view)
		if _, twice := s.Inputs[view]; twice {
			c.faultf(s.at("sql", "files", view), "there is an input of this name too")
		}
	}
}

func (a SQLAction) rewrite(f rewriter) (Action, error) {
	a.Files = maps.Clone(a.Files)
	for _, view := range sortedKeys(a.Files) {
		var err error
		if a.Files[view], err = f.text(place("sql", "files", view), a.Files[view]); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func sqlFields() []field[SQLAction] {
	return []field[SQLAction]{
		{name: "query", required: true, doc: "The statements, or a file of the code that ends in .sql.", schema: textSchema,
			read: func(v value, a *SQLAction) { a.Query = v.text() }},
		{name: "files", doc: "Views on files of the project, by name; paths may hold expressions.", schema: mapOf(textSchema),
			read: func(v value, a *SQLAction) { a.Files = v.words("files") }},
	}
}

func sqlKind() Kind {
	return mappingKind(Kind{
		Name:    "sql",
		Doc:     "Runs SQL with DuckDB over inputs and files of the project; the output result gets the rows, others the columns of the first row.",
		Process: true,
		Takes:   processKeys(),
	}, sqlFields())
}
