package scaffold

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
)

// Kind says what a column holds.
type Kind string

// The kinds of columns.
const (
	Number Kind = "number"
	Whole  Kind = "whole number"
	Bool   Kind = "bool"
	Text   Kind = "text"
	Time   Kind = "time"
	Other  Kind = "other"
)

// Column is one column of a table. Distinct and Missing count in the rows that
// were looked at.
type Column struct {
	Name     string
	Kind     Kind
	Distinct int
	Missing  int
	Why      string // it is of no use to a model, where it is not
}

// Table is what a look at a file tells.
type Table struct {
	Format  string // csv or parquet
	Comma   string // what separates the fields of a CSV
	Columns []Column
	Rows    int // that were looked at; 0 where only the schema was
}

// Inspect looks at the columns of a CSV file (also compressed by gzip) or a
// Parquet file.
func Inspect(file string) (Table, error) {
	lower := strings.ToLower(file)
	switch {
	case strings.HasSuffix(lower, ".parquet") || strings.HasSuffix(lower, ".pq"):
		return inspectParquet(file)
	case strings.HasSuffix(lower, ".csv") || strings.HasSuffix(lower, ".csv.gz") || strings.HasSuffix(lower, ".tsv") || strings.HasSuffix(lower, ".txt"):
		return inspectCSV(file)
	}
	return Table{}, bine.Errorf(bine.Invalid, "%s is neither CSV nor Parquet by its name: .csv, .csv.gz, .tsv, .txt, .parquet and .pq are known", file)
}

// check refuses tables that no pipeline can be made for.
func (t Table) check(file string) error {
	seen := map[string]bool{}
	for _, c := range t.Columns {
		if c.Name == "" {
			return bine.Errorf(bine.Invalid, "%s has a column without a name: its first line must name the columns", file)
		}
		if seen[c.Name] {
			return bine.Errorf(bine.Invalid, "%s has two columns named %q", file, c.Name)
		}
		seen[c.Name] = true
	}
	if len(t.Columns) < 2 {
		return bine.Errorf(bine.Invalid, "%s has %d column: one to predict and at least one to predict it from are needed", file, len(t.Columns))
	}
	return nil
}

// target finds the column to predict.
func (t Table) target(name string) (Column, error) {
	if name == "" {
		return t.Columns[len(t.Columns)-1], nil
	}
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		if c.Name == name {
			return c, nil
		}
		names[i] = c.Name
	}
	for _, n := range names {
		if strings.EqualFold(strings.TrimSpace(n), strings.TrimSpace(name)) {
			return Column{}, bine.Errorf(bine.Invalid, "the table has no column %q; did you mean %q?", name, n)
		}
	}
	return Column{}, bine.Errorf(bine.Invalid, "the table has no column %q; it has %s", name, strings.Join(names[:min(len(names), 30)], ", "))
}

// fewClasses is up to how many different whole numbers are taken for classes.
const fewClasses = 20

// task says what predicting the column is.
func (c Column) task(t Table) string {
	switch {
	case c.Kind == Text || c.Kind == Bool || c.Kind == Other:
		return "classification"
	case c.Kind == Whole && t.Rows == 0:
		return "auto" // the values decide, and the step sees them
	case c.Kind == Whole && c.Distinct <= fewClasses:
		return "classification"
	case c.Kind == Number && t.Rows > 0 && c.Distinct <= 2:
		return "classification"
	}
	return "regression"
}

// ignored says why a column is of no use to a model, if it is not.
func (c Column) ignored(t Table) string {
	switch {
	case c.Kind == Time:
		return "a time: derive what matters from it, such as the hour or the age"
	case c.Kind == Other:
		return "neither numbers nor texts"
	case t.Rows > 0 && c.Missing == t.Rows:
		return "empty"
	case t.Rows > 1 && c.Distinct <= 1 && c.Missing == 0:
		return "always the same"
	case t.Rows >= 50 && c.Kind == Text && c.Distinct > 20 && 2*c.Distinct > t.Rows:
		return fmt.Sprintf("%d different texts in %d rows", c.Distinct, t.Rows)
	case t.Rows >= 50 && c.Kind == Whole && c.Distinct == t.Rows && looksLikeID(c.Name):
		return "a number of its own for each row"
	}
	return ""
}

func looksLikeID(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r < 'a' || r > 'z' })
	return slices.ContainsFunc(words, func(w string) bool {
		return slices.Contains([]string{"id", "index", "key", "no", "nr", "number", "row", "uuid"}, w)
	}) || strings.HasSuffix(name, "Id") || strings.HasSuffix(name, "ID") || len(words) == 0
}
