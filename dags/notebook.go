package dags

// NotebookAction executes a notebook of the code. The step's with become the
// variables of the cell that is tagged parameters (as papermill does). Its
// outputs, beside those declared, are notebook, the executed copy, and html.
type NotebookAction struct {
	File string `json:"file"`
}
