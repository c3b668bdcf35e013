package dags

// SQLAction runs a query with DuckDB in a process of its own. Each input is a
// view of its name: CSV, JSON and Parquet files and directories of them. Files
// are views on the project's files. Where the step declares an artifact result,
// the last statement's rows are written there as Parquet; other outputs are
// columns of its first row.
type SQLAction struct {
	Query string            `json:"query"`           // file of the code that ends in .sql, or the statements
	Files map[string]string `json:"files,omitempty"` // view to path of the project's files; paths may hold expressions
}
