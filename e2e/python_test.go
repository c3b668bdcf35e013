package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bine-ml/bine"
)

// python is the interpreter of the environment that deploy/test-python.sh made.
func python(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../bin/python-test/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("run deploy/test-python.sh first: %v", err)
		}
		t.Skipf("run deploy/test-python.sh first: %v", err)
	}
	return path
}

// python runs a Python program against the installation.
func (s *system) python(args ...string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), python(s.t), args...)
	cmd.Dir, _ = filepath.Abs("../python")
	src, _ := filepath.Abs("../python/src")
	cmd.Env = append(s.env, "PYTHONPATH="+src, "BINE_TEST_API="+s.url, "BINE_TEST_KEY="+s.key(), "BINE_TEST_REQUIRED=1",
		"BINE_API="+s.url, "BINE_API_KEY="+s.key())
	return cmd
}

// pytest runs tests in Python against the installation, and prints how many
// passed and which were left out, with reasons.
func (s *system) pytest(env []string, files ...string) {
	s.t.Helper()
	cmd := s.python(append([]string{"-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"}, files...)...)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("pytest %s: %v\n%s", strings.Join(files, " "), err, tail(string(out)))
	}
	s.t.Logf("%s", tail(string(out)))
}

// TestPythonClientMeetsTheServer runs the client's own tests against a server.
func TestPythonClientMeetsTheServer(t *testing.T) {
	s := newSystem(t)
	if err := os.MkdirAll(s.outside(), 0o700); err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "BINE_CONNECTOR_DIRS="+s.outside(), "BINE_TEST_LAKE="+s.outside())
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	s.pytest(nil, "tests/test_server.py", "tests/test_files_server.py")
}

// TestPythonFileSystemMeetsTheServer runs fsspec's own suites for file systems,
// and pandas, pyarrow and DuckDB where they are installed, against a server.
func TestPythonFileSystemMeetsTheServer(t *testing.T) {
	s := newSystem(t)
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	s.pytest(nil, "tests/test_fs_server.py")
}

// TestWebHDFSByClientsOfOthers runs HdfsCLI, fsspec and OpenDAL against a server,
// and what reads tables by fsspec: pandas, pyarrow, DuckDB and a reader by shards.
func TestWebHDFSByClientsOfOthers(t *testing.T) {
	s := newSystem(t)
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	s.pytest(nil, "tests/test_webhdfs.py", "tests/test_webhdfs_suites.py")
}

// TestS3ByClientsOfOthers runs boto3, s3fs, pyarrow and, where its extension can be had, DuckDB against a server.
func TestS3ByClientsOfOthers(t *testing.T) {
	s := newSystem(t)
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	s.pytest(nil, "tests/test_s3.py")
}

// notebook is a cell as somebody writes it: it starts a run, twice, and follows it.
const notebook = `
import bine
project = bine.login().project("journey")
first = project.pipeline("slow").start(key="monday")
again = project.pipeline("slow").start(key="monday")
assert first.id == again.id, (first.id, again.id)
print("STARTED", first.id, flush=True)
first.wait(timeout=120)
print("ENDED", first.state)
`

// TestNotebookJourney starts a run from Python with an idempotency key, twice,
// and follows it over a kill and restart of the server.
func TestNotebookJourney(t *testing.T) {
	s := newSystem(t)
	up := s.start("up", "--grace", "60s", "--log-level", "warn")
	s.ready(30 * time.Second)
	s.project("journey")
	s.mustCLI("pipeline", "store", s.pipeline("slow", "name: slow\nsteps:\n  wait:\n    command: sleep 5\n", nil), "-p", "journey")
	cell := s.python("-c", notebook)
	out := &buffer{}
	cell.Stdout, cell.Stderr = out, out
	if err := cell.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "the cell started its run", func() bool { return strings.Contains(out.String(), "STARTED") })
	up.signal(syscall.SIGKILL)
	<-up.done
	s.start("up", "--grace", "60s", "--log-level", "warn")
	if err := cell.Wait(); err != nil || !strings.Contains(out.String(), "ENDED succeeded") {
		t.Errorf("the cell: %v\n%s", err, out)
	}
	end, _ := s.follow("journey", "slow-1")
	if end.State != bine.Succeeded || end.Number != 1 {
		t.Errorf("run is %s, number %d, want succeeded, 1", end.State, end.Number)
	}
}
