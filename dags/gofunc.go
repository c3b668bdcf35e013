package dags

// GoAction runs a function of a pipeline that is written in Go: the compiled
// program is part of the code and is run with the name of the function.
type GoAction struct {
	Program string `json:"program"` // file of the code
	Func    string `json:"func"`
}

// Kind gives go.
func (GoAction) Kind() string { return "go" }

func (GoAction) outputs() map[string]Type           { return nil }
func (GoAction) refs() []Ref                        { return nil }
func (a GoAction) rewrite(rewriter) (Action, error) { return a, nil }

func (a GoAction) check(c *checker, s *Step) {
	if a.Program == "" || !localFile(a.Program) {
		c.faultf(s.at("go", "program"), "%q is not inside the code: name the compiled program, relative to the pipeline's directory", shorten(a.Program))
	}
	c.identifier(s.at("go", "func"), "func", a.Func)
}

func goFields() []field[GoAction] {
	return []field[GoAction]{
		{name: "program", required: true, doc: "The compiled program, a file of the code.", schema: textSchema,
			read: func(v value, a *GoAction) { a.Program = v.text() }},
		{name: "func", required: true, doc: "Name of the function, as the program registers it.", schema: textSchema,
			read: func(v value, a *GoAction) { a.Func = v.text() }},
	}
}

func goKind() Kind {
	return mappingKind(Kind{
		Name:    "go",
		Doc:     "Runs a function of a pipeline that is written in Go.",
		Process: true,
		Takes:   processKeys(),
	}, goFields())
}
