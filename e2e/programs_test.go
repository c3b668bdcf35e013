package e2e_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
)

// TestPipelinesThatArePrograms runs the examples whose steps are functions, of
// a Python file and of a Go program, each started as its author would.
func TestPipelinesThatArePrograms(t *testing.T) {
	s := newSystem(t)
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	s.mustCLI("project", "create", "programs")
	s.env = append(s.env, "BINE_PROJECT=programs")

	cmd := s.python("../dags/examples/python/sales.py")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "succeeded") {
		t.Errorf("sales.py: %v\n%s", err, out)
	}

	run := exec.CommandContext(t.Context(), "go", "run", "./dags/examples/go-steps", "run", "-P", "numbers=[12, 97]")
	run.Dir, run.Env, run.Stderr = "..", s.env, os.Stderr
	out, err := run.Output()
	if err != nil {
		t.Fatalf("go-steps: %v", err)
	}
	ended, steps := s.follow("programs", bine.RunID(strings.TrimSpace(string(out))))
	if ended.State != bine.Succeeded || len(steps) != 2 || string(steps[1].Values["total"]) != "4" {
		t.Errorf("%s is %s: %s %+v", ended.ID, ended.State, ended.Reason, steps)
	}
}
