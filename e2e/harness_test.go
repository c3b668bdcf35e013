// Package e2e tests Bine from outside: the built program, real processes, a
// real browser. See `make test`.
package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// long reports whether the long forms of tests were asked for (make test-all).
func long() bool { return os.Getenv("BINE_E2E_LONG") != "" }

// program is the built bine.
func program(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../bin/bine")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("bin/bine is not there: run `make build` first (%v)", err)
	}
	return path
}

// need skips a test that needs a program which is not installed; under CI that is a failure.
func need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed, and under CI no test is left out: run deploy/test-deps.sh", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// system is an installation in a directory of its own.
type system struct {
	t    *testing.T
	dir  string
	url  string
	env  []string
	mu   sync.Mutex
	live []*process
}

// process is one started program.
type process struct {
	cmd  *exec.Cmd
	out  *buffer
	done chan struct{}
}

// buffer collects output while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// newSystem makes the directory of an installation; nothing runs yet. What is
// left of it when the test ends is killed.
func newSystem(t *testing.T) *system {
	t.Helper()
	// Not t.TempDir: names of tests make paths too long for some sockets.
	dir, err := os.MkdirTemp("", "bine-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s := &system{t: t, dir: dir, url: "http://" + address}
	s.env = append(os.Environ(),
		"BINE_DATA="+filepath.Join(dir, "data"), "BINE_LISTEN="+address, "BINE_CONFIG="+filepath.Join(dir, "config.json"),
		"BINE_HOST=e2e", "BINE_API=", "BINE_API_KEY=", "BINE_PROJECT=", "BINE_URL=")
	t.Cleanup(s.clean)
	return s
}

func (s *system) clean() {
	s.mu.Lock()
	live := s.live
	s.mu.Unlock()
	for _, p := range live {
		if s.t.Failed() {
			s.t.Logf("%s printed:\n%s", strings.Join(p.cmd.Args[1:], " "), tail(p.out.String()))
		}
		p.kill()
	}
	for _, pid := range s.leftovers() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	// Environments are written read-only; what resists stays in the temporary directory.
	_ = exec.Command("chmod", "-R", "u+w", s.dir).Run()
	_ = os.RemoveAll(s.dir)
}

func tail(text string) string {
	const most = 6000
	if len(text) > most {
		return "…" + text[len(text)-most:]
	}
	return text
}

// start starts the program with arguments.
func (s *system) start(args ...string) *process {
	s.t.Helper()
	cmd := exec.Command(program(s.t), args...)
	cmd.Dir, _ = filepath.Abs("..")
	cmd.Env = s.env
	// A group of its own, so that a Ctrl-C of whoever runs the tests does not reach it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := &process{cmd: cmd, out: &buffer{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { _ = cmd.Wait(); close(p.done) }()
	s.mu.Lock()
	s.live = append(s.live, p)
	s.mu.Unlock()
	return p
}

// outside is a directory beside the installation, for connectors.
func (s *system) outside() string { return filepath.Join(s.dir, "outside") }

// signal sends a signal.
func (p *process) signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

// kill is kill -9, and waits until it is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// wait waits until the program has ended and answers its exit code.
func (p *process) wait(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		t.Fatalf("%v did not end within %s; it printed:\n%s", p.cmd.Args, within, tail(p.out.String()))
		return -1
	}
}

// eventually polls until what holds, or fails the test.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("after %s still not: %s", within, what)
}

// ready waits until the installation answers.
func (s *system) ready(within time.Duration) {
	s.t.Helper()
	eventually(s.t, within, "the server is ready", func() bool {
		res, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode == http.StatusOK
	})
	eventually(s.t, within, "the CLI is signed in", func() bool { return s.key() != "" })
}

// key is the key that the first start left for the CLI.
func (s *system) key() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "config.json"))
	if err != nil {
		return ""
	}
	var c struct {
		Contexts map[string]struct{ Key string }
	}
	if json.Unmarshal(text, &c) != nil {
		return ""
	}
	return c.Contexts["local"].Key
}

// client is an API client as the administrator.
func (s *system) client() *client.Client {
	s.t.Helper()
	c, err := client.New(client.Options{URL: s.url, Key: s.key(), Patience: time.Minute})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// cli runs a command to its end and answers what it printed.
func (s *system) cli(args ...string) (string, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(s.t), args...)
	cmd.Dir, _ = filepath.Abs("..")
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// mustCLI runs a command that has to succeed.
func (s *system) mustCLI(args ...string) string {
	s.t.Helper()
	out, err := s.cli(args...)
	if err != nil {
		s.t.Fatalf("bine %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// pipeline writes a pipeline with its files and gives its directory.
func (s *system) pipeline(name, text string, files map[string]string) string {
	s.t.Helper()
	dir := filepath.Join(s.dir, "pipelines", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	files = mapWith(files, "pipeline.yml", text)
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	return dir
}

func mapWith(m map[string]string, key, value string) map[string]string {
	out := map[string]string{key: value}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// project makes a project without an environment.
func (s *system) project(name string) bine.ProjectName {
	s.t.Helper()
	s.mustCLI("project", "create", name)
	return bine.ProjectName(name)
}

// leftovers are the processes whose command line or directory names this installation.
func (s *system) leftovers() []int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var pids []int
	for _, d := range dirs {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(d), "%d", &pid); err != nil || pid == os.Getpid() {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(d, "cmdline"))
		cwd, _ := os.Readlink(filepath.Join(d, "cwd"))
		if bytes.Contains(line, []byte(s.dir)) || strings.HasPrefix(cwd, s.dir) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// run starts a run and waits for its end.
func (s *system) run(p bine.ProjectName, pipeline bine.PipelineName, body client.NewRun) (bine.Run, []bine.Step) {
	s.t.Helper()
	c := s.client()
	run, err := c.StartRun(s.t.Context(), p, pipeline, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.follow(p, run.ID)
}

func (s *system) follow(p bine.ProjectName, id bine.RunID) (bine.Run, []bine.Step) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Minute)
	defer cancel()
	var steps []bine.Step
	run, err := s.client().Follow(ctx, p, id, func(_ bine.Run, now []bine.Step) { steps = now })
	if err != nil {
		s.t.Fatalf("follow %s: %v", id, err)
	}
	return run, steps
}
