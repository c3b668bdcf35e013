package dags

import "strings"

// NotebookAction executes a notebook of the code. The step's with become the
// variables of the cell that is tagged parameters (as papermill does). Its
// outputs, beside those declared, are notebook, the executed copy, and html.
type NotebookAction struct {
	File string `json:"file"`
}

// Kind gives notebook.
func (NotebookAction) Kind() string { return "notebook" }

func (NotebookAction) outputs() map[string]Type {
	return map[string]Type{"notebook": Artifact, "html": Artifact}
}
func (NotebookAction) refs() []Ref                        { return nil }
func (a NotebookAction) rewrite(rewriter) (Action, error) { return a, nil }

func (a NotebookAction) check(c *checker, s *Step) {
	switch {
	case !strings.HasSuffix(a.File, ".ipynb"):
		c.faultf(s.at("notebook"), "%q is not a notebook: its name must end in .ipynb", shorten(a.File))
	case !localFile(a.File):
		c.faultf(s.at("notebook"), "%q is not inside the code: give a path relative to the pipeline's directory, without . or ..", a.File)
	}
	for _, name := range []string{"notebook", "html"} {
		if _, declared := s.Outputs[name]; declared {
			c.faultf(s.at("outputs", name), "every notebook step has the output %s: do not declare it", name)
		}
	}
}

func notebookKind() Kind {
	return Kind{
		Name:    "notebook",
		Doc:     "Executes a notebook of the code; its outputs, beside those declared, are notebook, the executed copy, and html.",
		Process: true,
		Takes:   processKeys(),
		Form:    "the name of an .ipynb file in the code",
		schema:  schema{"type": "string"},
		read:    func(v value) Action { return NotebookAction{File: v.text()} },
		decode:  decodeAs[NotebookAction],
	}
}
