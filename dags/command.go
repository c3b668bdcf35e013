package dags

import (
	"slices"
	"strings"

	"github.com/bine-ml/bine/dags/expr"
)

// CommandAction runs a program.
type CommandAction struct {
	Args  []string `json:"args,omitempty"`  // program and arguments; each may hold expressions
	Shell string   `json:"shell,omitempty"` // or a text for sh -c, which may not
}

// Kind gives command.
func (CommandAction) Kind() string { return "command" }

// Argv gives the program and its arguments.
func (a CommandAction) Argv() []string {
	if a.Shell != "" {
		return []string{"sh", "-c", a.Shell}
	}
	return slices.Clone(a.Args)
}

func (CommandAction) outputs() map[string]Type { return nil }
func (CommandAction) refs() []Ref              { return nil }

func (a CommandAction) check(c *checker, s *Step) {
	place := s.at("command")
	switch {
	case len(a.Args) == 0 && strings.TrimSpace(a.Shell) == "":
		c.faultf(place, "command is empty: give a list of a program and its arguments, or a text for sh -c")
	case a.Shell != "" && expr.Has(a.Shell):
		c.faultf(place, "an expression inside a shell text would be run as part of it: put its value into env: and use \"$NAME\", or write command as a list")
	case a.Shell == "" && strings.TrimSpace(a.Args[0]) == "":
		c.faultf(place, "the program to run is empty")
	}
	for _, arg := range a.Args {
		if strings.Contains(arg, "\x00") {
			c.faultf(place, "an argument contains a NUL byte, which no program can be given")
		}
	}
}

func (a CommandAction) rewrite(f rewriter) (Action, error) {
	out := CommandAction{Shell: a.Shell}
	for i, arg := range a.Args {
		text, err := f.text(place("command", i), arg)
		if err != nil {
			return nil, err
		}
		out.Args = append(out.Args, text)
	}
	return out, nil
}

func commandKind() Kind {
	return Kind{
		Name:    "command",
		Doc:     "Runs a program: a list of it and its arguments, or a text for sh -c.",
		Process: true,
		Takes:   processKeys(),
		Form:    "a list of a program and its arguments, or a text for sh -c",
		schema:  schema{"oneOf": []any{schema{"type": "string"}, schema{"type": "array", "items": schema{"type": "string"}, "minItems": 1}}},
		read:    readCommand,
		decode:  decodeAs[CommandAction],
	}
}

func readCommand(v value) Action {
	if v.isList() {
		return CommandAction{Args: v.texts()}
	}
	return CommandAction{Shell: v.text()}
}
