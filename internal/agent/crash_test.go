package agent_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/agent"
)

// startElsewhere runs an agent in a process of its own, which takes the attempt
// where one is named.
func startElsewhere(t *testing.T, s *server, dir string, take bine.AttemptID) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envAgentDir+"="+dir, envAgentURL+"="+s.URL, envAgentTake+"="+string(take))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

// shimOf gives the process id of the shim of an attempt, once it lives.
func shimOf(t *testing.T, dir string, attempt bine.AttemptID) int {
	t.Helper()
	var pid int
	eventually(t, "a shim lives", func() bool {
		text, _ := os.ReadFile(filepath.Join(dir, "attempts", string(attempt), "shim.lock"))
		pid, _ = strconv.Atoi(string(text))
		return pid > 0
	})
	return pid
}

func TestAnAgentThatIsKilledAttachesWhenItStartsAgain(t *testing.T) {
	s := newServer(t)
	dir := agentDir(t)
	attempt := begin(t, s, nil, "killed", shell("echo one; while [ ! -e go ]; do sleep 0.01; done; echo two; exit 5"))
	cmd := startElsewhere(t, s, dir, attempt)
	eventually(t, "the log has arrived", func() bool { return s.log(attempt) == "one\n" })
	kill(t, cmd)
	if len(marked(t, attempt)) == 0 {
		t.Fatal("the process died with the agent")
	}
	startAgentIn(t, s, dir)
	if err := os.WriteFile(filepath.Join(dir, "attempts", string(attempt), "work", "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := end(t, s, attempt)
	if got.ExitCode == nil || *got.ExitCode != 5 || s.log(attempt) != "one\ntwo\n" || starts(t, dir, attempt) != 1 {
		t.Errorf("result = %+v, log %q, %d starts", got, s.log(attempt), starts(t, dir, attempt))
	}
}

func TestAnAttemptThatEndedWhileNoAgentLivedIsReported(t *testing.T) {
	s := newServer(t)
	dir := agentDir(t)
	attempt := begin(t, s, nil, "meanwhile", shell("while [ ! -e go ]; do sleep 0.01; done; echo value > $BINE_OUTPUTS/table"))
	s.set(func() {
		p := s.processes[attempt]
		p.Outputs = map[string]string{"table": "artifact"}
		s.processes[attempt] = p
	})
	cmd := startElsewhere(t, s, dir, attempt)
	shimOf(t, dir, attempt)
	kill(t, cmd)
	held := filepath.Join(dir, "attempts", string(attempt))
	if err := os.WriteFile(filepath.Join(held, "work", "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process has ended", func() bool { _, err := os.Stat(filepath.Join(held, "ended.json")); return err == nil })
	startAgentIn(t, s, dir)
	got := end(t, s, attempt)
	if got.State != bine.Succeeded || got.Artifacts["table"].Hash != bine.HashOf([]byte("value\n")) {
		t.Errorf("result = %+v", got)
	}
}

// TestAgentsKilledAtRandomMomentsStartOneProcess kills agents over and over
// while attempts begin, run and end.
func TestAgentsKilledAtRandomMomentsStartOneProcess(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	s := newServer(t)
	dir := agentDir(t)
	random := rand.New(rand.NewPCG(1, 2))
	var attempts []bine.AttemptID
	for i := range rounds {
		attempt := begin(t, s, nil, fmt.Sprintf("random-%d", i), shell("sleep 0.1; echo done"))
		attempts = append(attempts, attempt)
		cmd := startElsewhere(t, s, dir, attempt)
		deadline := time.After(time.Duration(10+random.IntN(200)) * time.Millisecond)
		<-deadline
		kill(t, cmd)
	}
	a := startAgentIn(t, s, dir)
	for _, attempt := range attempts {
		// Temporal hands a task out again whose agent died before it took it.
		if err := a.Take(t.Context(), []byte("task-"+string(attempt)), input(attempt)); err != nil {
			t.Fatal(err)
		}
	}
	for _, attempt := range attempts {
		if got := end(t, s, attempt); got.State != bine.Succeeded || s.log(attempt) != "done\n" {
			t.Errorf("%s: %+v, log %q", attempt, got, s.log(attempt))
		}
		if n := starts(t, dir, attempt); n != 1 {
			t.Errorf("%s: %d process starts, want 1", attempt, n)
		}
	}
}

func TestAShimThatIsKilledTakesItsProcessesAlong(t *testing.T) {
	s := newServer(t)
	a, dir := startAgent(t, s)
	attempt := begin(t, s, a, "shimless", shell("setsid sleep 1000 & echo up; exec sleep 1000"))
	eventually(t, "the process is up", func() bool { return s.log(attempt) == "up\n" })
	if err := syscall.Kill(shimOf(t, dir, attempt), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	got := end(t, s, attempt)
	if got.State != bine.Lost || got.Failure != bine.FailureLost || !strings.Contains(got.Reason, "shim vanished") {
		t.Errorf("result = %+v, want lost", got)
	}
	if left := marked(t, attempt); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

func TestTheProcessOfASilentAgentIsEndedWithinTheGracePeriod(t *testing.T) {
	s := newServer(t)
	s.welcome.GraceSeconds = 2.4 // the agent gives its sign every second
	dir := agentDir(t)
	attempt := begin(t, s, nil, "silent", shell("setsid sleep 1000 & exec sleep 1000"))
	cmd := startElsewhere(t, s, dir, attempt)
	eventually(t, "the start is reported", func() (ok bool) { s.set(func() { ok = s.started[attempt] > 0 }); return ok })
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no process is left", func() bool { return len(marked(t, attempt)) == 0 })
	if took := time.Since(began); took > 2400*time.Millisecond {
		t.Errorf("the process outlived the last sign by %s, more than the grace period of 2.4s", took)
	}
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := end(t, s, attempt); got.State != bine.Lost || got.Failure != bine.FailureLost || !strings.Contains(got.Reason, "no sign of life") {
		t.Errorf("result = %+v, want lost", got)
	}
}

func TestEndProcessesInterruptsAndReports(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	var attempts []bine.AttemptID
	for _, word := range []string{"one", "two", "three"} {
		attempts = append(attempts, begin(t, s, a, word, shell("trap '' TERM; echo up; while :; do sleep 0.05; done")))
	}
	for _, attempt := range attempts {
		eventually(t, "all are up", func() bool { return s.log(attempt) == "up\n" })
	}
	began := time.Now()
	if err := a.Close(t.Context(), agent.EndProcesses); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("Close took %s", took)
	}
	for _, attempt := range attempts {
		if got := s.results[attempt]; got.State != bine.Lost || got.Failure != bine.FailureInterrupted {
			t.Errorf("result = %+v, want interrupted", got)
		}
		if left := marked(t, attempt); len(left) > 0 {
			t.Errorf("processes %v are left", left)
		}
	}
}

func TestAnInterruptionThatNobodyHeardIsReportedAtTheNextStart(t *testing.T) {
	s := newServer(t)
	dir := agentDir(t)
	a := startAgentIn(t, s, dir)
	attempt := begin(t, s, a, "unheard", shell("echo up; exec sleep 1000"))
	eventually(t, "it is up", func() bool { return s.log(attempt) == "up\n" })
	s.set(func() { s.away = true })
	if err := a.Close(t.Context(), agent.EndProcesses); err != nil {
		t.Fatal(err)
	}
	s.set(func() { s.away = false })
	startAgentIn(t, s, dir)
	if got := end(t, s, attempt); got.Failure != bine.FailureInterrupted {
		t.Errorf("result = %+v, want interrupted", got)
	}
}

func TestKeepProcessesLeavesThemToTheNextAgent(t *testing.T) {
	s := newServer(t)
	dir := agentDir(t)
	a := startAgentIn(t, s, dir)
	attempt := begin(t, s, a, "kept", shell("while [ ! -e go ]; do sleep 0.01; done"))
	eventually(t, "it runs", func() bool { return len(marked(t, attempt)) > 0 })
	if err := a.Close(context.Background(), agent.KeepProcesses); err != nil {
		t.Fatal(err)
	}
	if len(marked(t, attempt)) == 0 {
		t.Fatal("the process is gone")
	}
	startAgentIn(t, s, dir)
	if err := os.WriteFile(filepath.Join(dir, "attempts", string(attempt), "work", "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := end(t, s, attempt); got.State != bine.Succeeded || starts(t, dir, attempt) != 1 {
		t.Errorf("result = %+v, %d starts", got, starts(t, dir, attempt))
	}
}
