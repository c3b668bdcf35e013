package docs_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/gpu/simulated"
	"github.com/bine-ml/bine/internal/sweep/spec"
)

func TestSweepsInThePagesAreWellFormed(t *testing.T) {
	checked := 0
	for _, b := range blocks(t, "yaml") {
		if !strings.Contains(b.text, "parameters:") || !strings.Contains(b.text, "metric:") || strings.Contains(b.text, "\nsteps:") { // a pipeline's are checked with it
			continue
		}
		checked++
		if f, err := spec.Parse([]byte(b.text)); err != nil || len(f.Notes) > 0 {
			t.Errorf("%s:%d: %v %v", b.page, b.line, err, f.Notes)
		}
	}
	if checked == 0 {
		t.Error("no page has a sweep")
	}
}

func TestPipelinesInThePagesAreWellFormed(t *testing.T) {
	checked := 0
	for _, b := range blocks(t, "yaml") {
		if !strings.HasPrefix(b.text, "name:") {
			continue
		}
		checked++
		_, err := dags.Parse([]byte(b.text))
		if err == nil {
			continue
		}
		t.Errorf("%s:%d: %v", b.page, b.line, err)
		if e, ok := errors.AsType[*bine.Error](err); ok {
			for _, d := range e.Details {
				t.Logf("%s:%d: %s: %s", b.page, b.line+d.Line, d.Location, d.Message)
			}
		}
	}
	if checked == 0 {
		t.Error("no page shows a pipeline")
	}
}

func TestConfigurationsInThePagesHaveSettingsThatExist(t *testing.T) {
	all, err := settings()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, b := range blocks(t, "yaml") {
		if b.page != "operating.md" {
			continue
		}
		checked++
		var tree map[string]any
		if err := yaml.Unmarshal([]byte(b.text), &tree); err != nil {
			t.Errorf("%s:%d: %v", b.page, b.line, err)
		}
		for _, path := range pathsOf("", tree) {
			if !slices.ContainsFunc(all, func(o option) bool { return o.is(path) }) {
				t.Errorf("%s:%d: there is no setting %s", b.page, b.line, path)
			}
		}
	}
	if checked == 0 {
		t.Error("operating.md shows no configuration")
	}
}

func TestNodeFilesInThePagesAreWellFormed(t *testing.T) {
	checked := 0
	for _, b := range blocks(t, "yaml") {
		if b.page != "gpu-hosts.md" {
			continue
		}
		checked++
		if _, err := simulated.Parse([]byte(b.text)); err != nil {
			t.Errorf("%s:%d: %v", b.page, b.line, err)
		}
	}
	if checked == 0 {
		t.Error("gpu-hosts.md shows no node file")
	}
}

func pathsOf(above string, tree map[string]any) []string {
	var out []string
	for key, v := range tree {
		if below, ok := v.(map[string]any); ok {
			out = append(out, pathsOf(above+key+".", below)...)
			continue
		}
		out = append(out, above+key)
	}
	return out
}

// roles are the commands of cmd/bine that run something, which no test can import.
func roles() []string {
	return []string{"up", "server", "worker", "agent", "temporal", "demo", "admin", "reset", "config"}
}

// extra are the flags of those commands that are no settings.
func extra() []string {
	return []string{"config", "port", "exit", "pipeline", "user", "u", "yes", "help", "h", "version", "v"}
}

var (
	inCode  = regexp.MustCompile("`(bine [a-z][^`\n]*)`")
	flagged = regexp.MustCompile(`^--?[A-Za-z]`)
)

func TestCommandsInThePagesExist(t *testing.T) {
	all, err := settings()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	check := func(page, line string) {
		checked++
		if fault := commandFault(strings.Fields(line), all); fault != "" {
			t.Errorf("%s: %s: %s", page, line, fault)
		}
	}
	for _, b := range blocks(t, "sh", "text") {
		text := strings.ReplaceAll(b.text, "\\\n", " ")
		for line := range strings.Lines(text) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
			for _, part := range regexp.MustCompile(`\$\(|&&|\|\||[|;]`).Split(line, -1) {
				part = regexp.MustCompile(`^([A-Z_]+=\S+ )+`).ReplaceAllString(strings.TrimSpace(part), "")
				if strings.HasPrefix(part, "bine ") && !strings.Contains(part, ": ") {
					check(b.page, strings.TrimRight(part, ")\""))
				}
			}
		}
	}
	for _, page := range pages(t) {
		if strings.HasPrefix(page, "reference/") {
			continue
		}
		for _, m := range inCode.FindAllStringSubmatch(read(t, page), -1) {
			check(page, m[1])
		}
	}
	if checked < 20 {
		t.Errorf("only %d commands were found", checked)
	}
}

// commandFault says what is wrong with a command line.
func commandFault(words []string, settings []option) string {
	known := flagsKnown(words, settings)
	if known == nil {
		return "there is no such command"
	}
	for _, w := range words[2:] {
		if w == "--" || w == ">" || w == "<" {
			break
		}
		name, _, _ := strings.Cut(strings.TrimLeft(w, "-"), "=")
		if flagged.MatchString(w) && !known(name) {
			return "it has no flag " + w
		}
	}
	return ""
}

// flagsKnown tells the flags of a command; there is no such command where it is nil.
func flagsKnown(words []string, settings []option) func(flag string) bool {
	switch words[1] {
	case "completion": // cobra adds it when a program starts
		return func(string) bool { return false }
	case "bench":
		return func(string) bool { return true }
	}
	if slices.Contains(roles(), words[1]) {
		return func(flag string) bool {
			return slices.Contains(extra(), flag) || slices.ContainsFunc(settings, func(o option) bool { return o.flag == flag })
		}
	}
	c, _, err := cliCommands().Find(words[1:])
	if err != nil || c.Name() == "bine" || (c.HasSubCommands() && len(words) > 2) {
		return nil
	}
	return func(flag string) bool {
		if len(flag) == 1 {
			return flag == "h" || c.Flags().ShorthandLookup(flag) != nil || c.InheritedFlags().ShorthandLookup(flag) != nil
		}
		return flag == "help" || c.Flags().Lookup(flag) != nil || c.InheritedFlags().Lookup(flag) != nil
	}
}

// compile compiles what it is given and looks up what is taken from bine.
const compile = `
import ast, sys
import bine
for path in sys.argv[1:]:
    tree = compile(open(path).read(), path, "exec", ast.PyCF_ONLY_AST)
    compile(tree, path, "exec")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "bine":
            for name in node.names:
                if name.name not in bine.__all__:
                    sys.exit(f"{path}: bine has no {name.name}")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "bine":
            if node.attr not in bine.__all__:
                sys.exit(f"{path}: bine has no {node.attr}")
`

func TestPythonInThePagesCompiles(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 here")
	}
	dir := t.TempDir()
	args := []string{"-c", compile}
	for i, b := range blocks(t, "python") {
		path := filepath.Join(dir, fmt.Sprintf("%s-%d.py", filepath.Base(b.page), i))
		// Empty lines keep the lines of faults those of the page.
		if err := os.WriteFile(path, []byte(strings.Repeat("\n", b.line)+b.text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	if len(args) == 2 {
		t.Fatal("no page shows Python")
	}
	cmd := exec.Command(python, args...)
	cmd.Env = append(os.Environ(), "PYTHONPATH=../python/src", "PYTHONDONTWRITEBYTECODE=1")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, text)
	}
}
