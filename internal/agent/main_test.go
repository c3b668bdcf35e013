package agent_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/agent"
)

// The test program is also an agent in a process of its own, to be killed:
// these variables say so.
const (
	envAgentDir  = "TEST_AGENT_DIR"
	envAgentURL  = "TEST_AGENT_URL"
	envAgentTake = "TEST_AGENT_TAKE"
	envShim      = "TEST_AGENT_SHIM"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(agent.EnvLedger); address != "" {
		if err := agent.ServeLedger(address); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(envAgentDir); dir != "" {
		if err := runAgent(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(envShim) != "" { // built before, for a user who cannot build
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "bine-shim-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shim := filepath.Join(dir, "bine-shim")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", shim, "github.com/bine-ml/bine/cmd/bine-shim")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the shim: %v\n%s", err, text)
		os.Exit(1)
	}
	_ = os.Setenv(envShim, shim)
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// runAgent is the agent in a process of its own.
func runAgent(dir string) error {
	a, err := agent.New(options(dir, os.Getenv(envAgentURL)))
	if err != nil {
		return err
	}
	if id := os.Getenv(envAgentTake); id != "" {
		go func() {
			if err := a.Take(context.Background(), []byte("task-"+id), input(bine.AttemptID(id))); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
	}
	return a.Run(context.Background())
}

func options(dir, url string) agent.Options {
	api, err := client.New(client.Options{URL: url, Key: "agent-key"})
	if err != nil {
		panic(err) // the address is a test server's
	}
	o := agent.Options{Dir: dir, Host: "h1", Version: "test", API: api, Temporal: completer{url}, Shim: os.Getenv(envShim),
		Capacity: bine.Resources{CPU: 2, Memory: 1 << 30}}
	if os.Getenv("TEST_AGENT_LOG") != "" {
		o.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return o
}

func owner(id bine.AttemptID) bine.Owner {
	return bine.Owner{Project: "demo", Kind: bine.OwnerRun, Name: "r-1", Step: "step", Item: string(id)}
}

func input(id bine.AttemptID) activities.RunProcessInput {
	return activities.RunProcessInput{Attempt: id, Owner: owner(id)}
}

// agentDir gives a directory that a confined process may not see; it is
// removed after everything else.
func agentDir(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "agent")
}

// startAgent runs an agent in this process.
func startAgent(t testing.TB, s *server, change ...func(*agent.Options)) (*agent.Agent, string) {
	t.Helper()
	dir := agentDir(t)
	return startAgentIn(t, s, dir, change...), dir
}

func startAgentIn(t testing.TB, s *server, dir string, change ...func(*agent.Options)) *agent.Agent {
	t.Helper()
	o := options(dir, s.URL)
	for _, do := range change {
		do(&o)
	}
	a, err := agent.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- a.Run(context.Background()) }()
	t.Cleanup(func() {
		_ = a.Close(context.Background(), agent.EndProcesses)
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return a
}

// id gives the id of an attempt, from a word.
func id(word string) bine.AttemptID {
	return bine.NewAttemptID(bine.Owner{Project: "demo", Name: word}, 1)
}

// begin makes the attempt known to the server and has the agent take it.
func begin(t testing.TB, s *server, a *agent.Agent, word string, p bine.Process) bine.AttemptID {
	t.Helper()
	attempt := id(word)
	p.Owner = owner(attempt)
	if p.LogLimit == 0 {
		p.LogLimit = 1 << 20
	}
	s.set(func() { s.processes[attempt] = p })
	if a != nil {
		if err := a.Take(t.Context(), []byte("task-"+string(attempt)), input(attempt)); err != nil {
			t.Fatalf("Take: %v", err)
		}
	}
	return attempt
}

// end waits for the attempt to be reported, completed and gone from the host.
func end(t testing.TB, s *server, attempt bine.AttemptID) bine.AttemptResult {
	t.Helper()
	var result bine.AttemptResult
	eventually(t, "the attempt's activity is completed", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		result = s.results[attempt]
		_, ok := s.completed["task-"+string(attempt)]
		return ok
	})
	return result
}

// run runs a process to its end.
func run(t testing.TB, s *server, a *agent.Agent, word string, p bine.Process) (bine.AttemptID, bine.AttemptResult) {
	t.Helper()
	attempt := begin(t, s, a, word, p)
	return attempt, end(t, s, attempt)
}

func (s *server) log(attempt bine.AttemptID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.logs[attempt])
}

func shell(script string) bine.Process { return bine.Process{Command: []string{"sh", "-c", script}} }

func python(lines ...string) bine.Process {
	return bine.Process{Python: strings.Join(lines, "\n") + "\n"}
}

// starts counts the process starts of an attempt that the shims' ledger has.
func starts(t testing.TB, dir string, attempt bine.AttemptID) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), string(attempt)+" ")
}
