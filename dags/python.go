package dags

import (
	"path"
	"strings"
)

// PythonAction runs Python in the step's environment.
type PythonAction struct {
	// Program is the name of a file in the code, or the text of a program when
	// it contains a line break.
	Program string `json:"program"`
}

// Kind gives python.
func (PythonAction) Kind() string { return "python" }

// File gives the name of the file in the code; it is empty for an inline program.
func (a PythonAction) File() string {
	if strings.Contains(a.Program, "\n") {
		return ""
	}
	return a.Program
}

func (PythonAction) outputs() map[string]Type           { return nil }
func (PythonAction) refs() []Ref                        { return nil }
func (a PythonAction) rewrite(rewriter) (Action, error) { return a, nil }

func (a PythonAction) check(c *checker, s *Step) {
	file := a.File()
	switch {
	case strings.TrimSpace(a.Program) == "":
		c.faultf(s.at("python"), "python is empty: name a file of the code, or write a program over several lines")
	case file == "":
	case !strings.HasSuffix(file, ".py"):
		c.faultf(s.at("python"), "%q is not a Python file: its name must end in .py; a program that is written here needs a line break (start it with |)", file)
	case !localFile(file):
		c.faultf(s.at("python"), "%q is not inside the code: give a path relative to the pipeline's directory, without . or ..", file)
	}
}

// localFile reports whether name is a clean relative path inside a directory.
func localFile(name string) bool {
	return path.Clean(name) == name && !path.IsAbs(name) && name != ".." && !strings.HasPrefix(name, "../") && !strings.Contains(name, `\`)
}

func pythonKind() Kind {
	return Kind{
		Name:    "python",
		Doc:     "Runs a Python file of the code, or a program written here, in the step's environment.",
		Process: true,
		Takes:   processKeys(),
		Form:    "the name of a .py file in the code, or a program over several lines",
		schema:  schema{"type": "string"},
		read:    func(v value) Action { return PythonAction{Program: v.text()} },
		decode:  decodeAs[PythonAction],
	}
}
