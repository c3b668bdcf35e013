package docs_test

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"github.com/bine-ml/bine/internal/cli"
)

// cliCommands makes the commands that talk to a server.
func cliCommands() *cobra.Command {
	root := &cobra.Command{Use: "bine"}
	cli.New(root, cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}, nil)
	return root
}

// commandTables lists every command that talks to a server, by noun.
func commandTables() (string, error) {
	var out strings.Builder
	root := cliCommands()
	for _, noun := range root.Commands() {
		fmt.Fprintf(&out, "## bine %s\n\n%s.\n\n", noun.Name(), noun.Short)
		t := newTable("command", "what it does", "flags")
		verbs := noun.Commands()
		if len(verbs) == 0 {
			verbs = []*cobra.Command{noun}
		}
		for _, c := range verbs {
			what := c.Short
			if len(c.Aliases) > 0 {
				what += fmt.Sprintf(" (also %s)", code(strings.Join(c.Aliases, ", ")))
			}
			t.row(code(strings.TrimSuffix(c.UseLine(), " [flags]")), what, flagsOf(c))
		}
		out.WriteString(t.text.String() + "\n")
	}
	return out.String(), nil
}

func flagsOf(c *cobra.Command) string {
	var all []string
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || c.Root().PersistentFlags().Lookup(f.Name) != nil {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		all = append(all, code(name)+" "+f.Usage)
	})
	return strings.Join(all, "; ")
}

// operation is one operation in the document of the REST API.
type operation struct {
	Summary string   `yaml:"summary"`
	Tags    []string `yaml:"tags"`
	Access  struct {
		Public bool     `yaml:"public"`
		User   bool     `yaml:"user"`
		Admin  bool     `yaml:"admin"`
		Agent  bool     `yaml:"agent"`
		Role   string   `yaml:"role"`
		Scopes []string `yaml:"scopes"`
		Job    bool     `yaml:"job"`
	} `yaml:"x-bine-access"`
}

// who says who may call it.
func (o operation) who() string {
	a := o.Access
	switch {
	case a.Public:
		return "everybody"
	case a.Agent:
		return "agents"
	case a.Admin:
		return "administrators"
	case a.User:
		return "whoever is signed in"
	}
	return strings.ReplaceAll(a.Role, "_", " ")
}

// by says with which keys, beside those of the scope all.
func (o operation) by() string {
	by := slices.Clone(o.Access.Scopes)
	if o.Access.Job {
		by = append(by, "job token")
	}
	return strings.Join(by, ", ")
}

// operationTables lists the operations of the REST API, by tag.
func operationTables() (string, error) {
	text, err := os.ReadFile("../server/api/testdata/openapi.yaml")
	if err != nil {
		return "", err
	}
	var document struct {
		Paths map[string]map[string]operation `yaml:"paths"`
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		return "", err
	}
	rows := map[string][][]string{}
	for path, methods := range document.Paths {
		for method, o := range methods {
			if len(o.Tags) != 1 || o.Summary == "" {
				return "", fmt.Errorf("%s %s has no summary, or not one tag", method, path)
			}
			rows[o.Tags[0]] = append(rows[o.Tags[0]], []string{code(strings.ToUpper(method) + " " + strings.TrimPrefix(path, "/api/v1")), o.Summary, o.who(), o.by()})
		}
	}
	tags := make([]string, 0, len(rows))
	for tag := range rows {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	var out strings.Builder
	for _, tag := range tags {
		slices.SortFunc(rows[tag], func(a, b []string) int {
			_, x, _ := strings.Cut(a[0], " ")
			_, y, _ := strings.Cut(b[0], " ")
			return strings.Compare(x+a[0], y+b[0])
		})
		fmt.Fprintf(&out, "## %s\n\n", tag)
		t := newTable("operation", "what it does", "who", "keys with the scope")
		for _, r := range rows[tag] {
			t.row(r...)
		}
		out.WriteString(t.text.String() + "\n")
	}
	return out.String(), nil
}
