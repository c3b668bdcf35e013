package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
)

// told is a block of the tutorial that somebody who follows it executes.
type told struct {
	line     int
	language string
	text     string
}

// tutorial gives the blocks that are executed: those of the shell, and those in
// Python that talk to the server.
func tutorial(t *testing.T) []told {
	t.Helper()
	text, err := os.ReadFile("../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []told
	var open *told
	for n, line := range strings.Split(string(text), "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case open == nil && isFence:
			open = &told{line: n + 1, language: fence}
		case open != nil && isFence:
			if open.language == "sh" || (open.language == "python" && strings.Contains(open.text, "bine.login(")) {
				all = append(all, *open)
			}
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	if len(all) < 10 {
		t.Fatalf("the tutorial has only %d blocks to execute", len(all))
	}
	return all
}

// TestTutorial does what the tutorial says, word by word, in a directory that
// looks like the repository, with the project that `make run` makes.
func TestTutorial(t *testing.T) {
	need(t, "curl")
	s := newSystem(t)
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	begun := time.Now()
	s.mustCLI("project", "create", "demo", "--requires", strings.Join(demoRequires(t), ","))
	t.Logf("environment: %.0f s", time.Since(begun).Seconds())
	r := newReader(s)
	for _, b := range tutorial(t) {
		begun := time.Now()
		out := r.follow(b)
		t.Logf("tutorial.md:%d: %.1f s", b.line, time.Since(begun).Seconds())
		// Where the page says that something fails, it has to.
		if want := strings.Count(b.text, `|| echo "exit code $?"`); strings.Count("\n"+out, "\nexit code ") != want {
			t.Errorf("tutorial.md:%d: want %d commands to fail; it printed:\n%s", b.line, want, out)
		}
	}
	checkTold(t, s)
}

// demoRequires are the packages of the demo, as cmd/bine has them.
func demoRequires(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../cmd/bine/demo.go")
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(text), "func demoRequires() []string {\n\treturn []string{")
	list, _, closed := strings.Cut(list, "}")
	if !ok || !closed {
		t.Fatal("cmd/bine/demo.go no longer says what the demo requires")
	}
	var all []string
	for _, word := range strings.Split(list, ",") {
		all = append(all, strings.Trim(word, ` "`))
	}
	return all
}

// reader is somebody who follows the tutorial in a terminal.
type reader struct {
	*system
	dir string
	env []string
}

func newReader(s *system) *reader {
	s.t.Helper()
	dir := filepath.Join(s.dir, "work")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	examples, err := filepath.Abs("../dags")
	if err == nil {
		err = os.Symlink(examples, filepath.Join(dir, "dags"))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	src, _ := filepath.Abs("../python/src")
	env := append(s.env, "HOME="+dir, "BINE_API="+s.url, "PYTHONPATH="+src, "PYTHONDONTWRITEBYTECODE=1",
		"PATH="+filepath.Dir(program(s.t))+string(filepath.ListSeparator)+os.Getenv("PATH"))
	return &reader{system: s, dir: dir, env: env}
}

// follow executes a block, which must not fail, and gives what it printed.
func (r *reader) follow(b told) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Minute)
	defer cancel()
	args := []string{"sh", "-euc", b.text}
	if b.language == "python" {
		args = []string{python(r.t), "-c", strings.ReplaceAll(b.text, "http://127.0.0.1:7070", r.url)}
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("tutorial.md:%d: %v\n%s\nprinted:\n%s", b.line, err, b.text, tail(string(out)))
	}
	return string(out)
}

// checkTold compares what stands at the end with what the tutorial says of it.
func checkTold(t *testing.T, s *system) {
	t.Helper()
	for n, want := range map[int]bine.State{1: bine.Succeeded, 2: bine.Succeeded, 3: bine.Succeeded, 4: bine.Failed, 5: bine.Failed, 6: bine.Succeeded, 7: bine.Succeeded} {
		id := bine.RunID(fmt.Sprintf("my-flights-%d", n))
		run, steps := s.follow("demo", id)
		if run.State != want {
			t.Errorf("%s is %s, want %s: %s", id, run.State, want, run.Reason)
		}
		for _, step := range steps {
			cached := n == 2 || n >= 6
			if cached && step.Kind == "python" && step.State != bine.Cached {
				t.Errorf("step %s of %s is %s, want cached", step.Name, id, step.State)
			}
			if n == 4 && step.Name == "split" && step.State != bine.Failed {
				t.Errorf("step split of %s is %s, want failed", id, step.State)
			}
		}
	}
	run, _ := s.follow("demo", "homes-1")
	if run.State != bine.Succeeded {
		t.Errorf("homes-1 is %s: %s", run.State, run.Reason)
	}
}
