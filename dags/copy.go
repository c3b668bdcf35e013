package dags

import "strings"

// CopyAction copies a file or directory: from the project's files, or from an
// output of an earlier step, to the project's files. Its output is path.
type CopyAction struct {
	From     string `json:"from,omitempty"`    // path of the project's files; may hold expressions
	Artifact Ref    `json:"artifact,omitzero"` // used where From is empty
	To       string `json:"to"`                // may hold expressions; replaced where it is there
}

// Kind gives copy.
func (CopyAction) Kind() string { return "copy" }

func (CopyAction) outputs() map[string]Type { return map[string]Type{"path": String} }

func (a CopyAction) refs() []Ref {
	if a.Artifact == (Ref{}) {
		return nil
	}
	return []Ref{a.Artifact}
}

func (a CopyAction) check(c *checker, s *Step) {
	if (a.From == "") == (a.Artifact == Ref{}) {
		c.faultf(s.at("copy"), "a copy has exactly one of from and artifact")
	}
	if strings.TrimSpace(a.To) == "" {
		c.faultf(s.at("copy", "to"), "where to? Write a path of the project's files")
	}
	c.artifact(s, s.at("copy", "artifact"), a.Artifact)
}

func (a CopyAction) rewrite(f rewriter) (Action, error) {
	var err error
	if a.From, err = f.text(place("copy", "from"), a.From); err != nil {
		return nil, err
	}
	a.To, err = f.text(place("copy", "to"), a.To)
	return a, err
}

func copyFields() []field[CopyAction] {
	return []field[CopyAction]{
		{name: "from", doc: "Path of a file or directory of the project; it may hold expressions.", schema: textSchema,
			read: func(v value, a *CopyAction) { a.From = v.text() }},
		{name: "artifact", doc: "An output of an earlier step instead, as step.output.", schema: textSchema,
			read: func(v value, a *CopyAction) { a.Artifact = v.ref() }},
		{name: "to", required: true, doc: "Path in the project's files; what is there is replaced.", schema: textSchema,
			read: func(v value, a *CopyAction) { a.To = v.text() }},
	}
}

func copyKind() Kind {
	return mappingKind(Kind{
		Name: "copy",
		Doc:  "Copies a file or directory of the project, or an output of a step, to the project's files; its output is path.",
	}, copyFields())
}
