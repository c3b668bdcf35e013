package agent_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/agent"
)

func TestAProcessThatSucceedsIsReported(t *testing.T) {
	s := newServer(t)
	a, dir := startAgent(t, s)
	attempt, got := run(t, s, a, "ok", shell("echo hello; echo oops >&2"))
	if got.State != bine.Succeeded || got.ExitCode == nil || *got.ExitCode != 0 || got.Usage == nil || got.StartedAt == nil {
		t.Errorf("result = %+v, want succeeded with code, usage and times", got)
	}
	if log := s.log(attempt); log != "hello\noops\n" {
		t.Errorf("log = %q", log)
	}
	if s.started[attempt] != 1 || starts(t, dir, attempt) != 1 {
		t.Errorf("started reported %d times, ledger has %d, want 1 and 1", s.started[attempt], starts(t, dir, attempt))
	}
	eventually(t, "the attempt's directory is gone", func() bool {
		left, _ := filepath.Glob(filepath.Join(dir, "attempts", "*"))
		return len(left) == 0
	})
}

func TestHowAProcessFailsIsTold(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	for name, c := range map[string]struct {
		process bine.Process
		state   bine.State
		failure bine.Failure
		reason  string
	}{
		"exit code":       {shell("exit 3"), bine.Failed, bine.FailureError, "exit code 3"},
		"signal":          {shell("kill -SEGV $$"), bine.Failed, bine.FailureError, "SIGSEGV"},
		"no such program": {bine.Process{Command: []string{"no-such-program"}}, bine.Failed, bine.FailureSetup, "no program \"no-such-program\""},
		"no such file":    {bine.Process{Python: "train.py"}, bine.Failed, bine.FailureSetup, "not a file in the code"},
		"timeout":         {bine.Process{Command: []string{"sleep", "60"}, Timeout: 0.2}, bine.Failed, bine.FailureTimeout, "timeout of 200ms"},
		"memory": {withMemory(python("held = []", "while True:", "    held.append(bytearray(1 << 20))"), 64<<20),
			bine.Failed, bine.FailureMemory, "64.0 MiB"},
		"memory of children together": {withMemory(python("import os, time", "kids = [os.fork() for _ in range(2)]",
			"held = bytearray(b'x' * (30 << 20))", "time.sleep(60)"), 64<<20), bine.Failed, bine.FailureMemory, "64.0 MiB"},
		"no environments here": {bine.Process{Python: "x\n", Environment: 1}, bine.Failed, bine.FailureSetup, "cannot install"},
	} {
		t.Run(name, func(t *testing.T) {
			attempt, got := run(t, s, a, name, c.process)
			if got.State != c.state || got.Failure != c.failure || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("result = %s %s %q, want %s %s …%s…\nlog: %s", got.State, got.Failure, got.Reason, c.state, c.failure, c.reason, s.log(attempt))
			}
		})
	}
}

func withMemory(p bine.Process, memory int64) bine.Process {
	p.Resources.Memory = memory
	return p
}

func TestAGigabyteOfOutputIsCapped(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	began := time.Now()
	p := shell("head -c 1000000000 /dev/zero | tr '\\0' 'x'; echo; echo done >&2")
	p.LogLimit = 100_000
	attempt, got := run(t, s, a, "loud", p)
	log := s.log(attempt)
	if got.State != bine.Succeeded || len(log) > 101_000 || strings.Count(log, "x") < 90_000 {
		t.Errorf("result = %+v with %d bytes of log, want success with about 100000", got, len(log))
	}
	if !strings.Contains(log, "[bine] the log is full at 100000 bytes") || !strings.Contains(log, "999900006 bytes in all") {
		t.Errorf("log ends with %q, want how much was dropped", log[100_000:])
	}
	t.Logf("1 GB of output took %s", time.Since(began))
}

func TestNoDescendantSurvives(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	attempt, got := run(t, s, a, "daemons", shell("setsid sleep 1000 >/dev/null 2>&1 & (setsid sh -c 'sleep 1000 & sleep 1000' >/dev/null 2>&1 &) ; sleep 0.1"))
	if got.State != bine.Succeeded {
		t.Fatalf("result = %+v", got)
	}
	if left := marked(t, attempt); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

// marked lists the processes that have the attempt's id in their environment.
func marked(t testing.TB, attempt bine.AttemptID) []string {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, path := range found {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), "BINE_ATTEMPT_ID="+string(attempt)) {
			out = append(out, filepath.Base(filepath.Dir(path)))
		}
	}
	return out
}

func TestAnAttemptIsNeverStartedTwice(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"spec.json": `{"version":1,"attempt":"a1","args":["true"],"env":["PATH=/usr/bin:/bin"],"log_limit":1,"alive":"","ledger":"` + dir + `/ledger"}`,
		"started":   "{}",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := exec.Command(os.Getenv(envShim), "run", dir).CombinedOutput()
	if err == nil || !strings.Contains(string(text), "started before") {
		t.Errorf("second run of a shim = %v, %q, want a refusal", err, text)
	}
	if _, err := os.Stat(filepath.Join(dir, "ledger")); err == nil {
		t.Error("a process was started")
	}
}

func TestTakingAgainAttachesAndAnEndedAttemptAnswersTheSame(t *testing.T) {
	s := newServer(t)
	a, dir := startAgent(t, s)
	attempt := begin(t, s, a, "again", shell("while [ ! -e go ]; do sleep 0.01; done; exit 4"))
	work := filepath.Join(dir, "attempts", string(attempt), "work")
	eventually(t, "the process runs", func() bool { return len(marked(t, attempt)) > 0 })
	if err := a.Take(t.Context(), []byte("second"), input(attempt)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	completedBy := func(task string) activities.RunProcessResult {
		var got activities.RunProcessResult
		eventually(t, task+" is completed", func() (ok bool) {
			s.set(func() { got, ok = s.completed[task] })
			return ok
		})
		return got
	}
	first := completedBy("second")
	if err := a.Take(t.Context(), []byte("third"), input(attempt)); err != nil {
		t.Fatal(err)
	}
	if third := completedBy("third"); third != first || first.Failure != bine.FailureError {
		t.Errorf("second = %+v, third = %+v, want the same failure", first, third)
	}
	if starts(t, dir, attempt) != 1 {
		t.Errorf("%d starts, want 1", starts(t, dir, attempt))
	}
}

func TestStopAsksFirst(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	attempt := begin(t, s, a, "stop", shell("trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.01; done"))
	eventually(t, "the process is ready", func() bool { return strings.Contains(s.log(attempt), "ready") })
	began := time.Now()
	if err := a.Stop(t.Context(), activities.StopProcessInput{Attempt: attempt, Reason: "cancelled by ada"}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Stop took %s", took)
	}
	if left := marked(t, attempt); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
	got := end(t, s, attempt)
	if got.State != bine.Cancelled || got.Failure != bine.FailureCancelled || got.Reason != "cancelled by ada" || !strings.Contains(s.log(attempt), "asked") {
		t.Errorf("result = %+v, log %q", got, s.log(attempt))
	}
	if err := a.Stop(t.Context(), activities.StopProcessInput{Attempt: id("unknown")}); err != nil {
		t.Errorf("Stop of an unknown attempt: %v", err)
	}
}

func TestTheServersOrdersAreFollowed(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	attempt := begin(t, s, a, "ordered", shell("exec sleep 100"))
	eventually(t, "the process runs", func() bool { return len(marked(t, attempt)) > 0 })
	s.set(func() { s.stop = []bine.AttemptID{attempt} })
	if got := end(t, s, attempt); got.State != bine.Cancelled {
		t.Errorf("result = %+v, want cancelled", got)
	}
}

func TestAReplacedAttemptIsNotStarted(t *testing.T) {
	s := newServer(t)
	a, dir := startAgent(t, s)
	attempt := id("replaced")
	s.set(func() { s.fenced[attempt] = true })
	begin(t, s, a, "replaced", shell("true"))
	end(t, s, attempt)
	if got := s.completed["task-"+string(attempt)]; got.State != bine.Lost || !strings.Contains(got.Reason, "replaced") {
		t.Errorf("completed with %+v, want lost", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "ledger")); err == nil {
		t.Error("a process was started")
	}
}

func TestAResultWaitsForAServerThatIsAway(t *testing.T) {
	s := newServer(t)
	a, dir := startAgent(t, s)
	attempt := begin(t, s, a, "away", shell("while [ ! -e go ]; do sleep 0.01; done; echo late"))
	eventually(t, "the start is reported", func() (ok bool) { s.set(func() { ok = s.started[attempt] > 0 }); return ok })
	s.set(func() { s.away = true })
	held := filepath.Join(dir, "attempts", string(attempt))
	if err := os.WriteFile(filepath.Join(held, "work", "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process has ended", func() bool { _, err := os.Stat(filepath.Join(held, "result.json")); return err == nil })
	s.set(func() { s.away = false })
	if got := end(t, s, attempt); got.State != bine.Succeeded || s.log(attempt) != "late\n" {
		t.Errorf("result = %+v, log %q", got, s.log(attempt))
	}
}

func TestAModelServerIsReportedWhenItAnswers(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	p := python("import http.server, os",
		"class H(http.server.BaseHTTPRequestHandler):",
		"    def do_GET(self): self.send_response(200); self.end_headers()",
		"assert open(os.environ['BINE_SERVE_MODEL']).read() == 'weights'",
		"assert os.environ['BINE_SERVE_NAME'] == 'delay' and os.environ['BINE_SERVE_TOKEN']",
		"http.server.HTTPServer((os.environ['BINE_SERVE_BIND'], int(os.environ['BINE_SERVE_PORT'])), H).serve_forever()")
	p.Serve = &bine.Serve{Deployment: "delay", Model: "delay", Version: 2, ReadyTimeout: 20}
	p.Inputs = map[string]bine.ArtifactRef{"model": s.putFile("model.bin", "weights")}
	attempt := begin(t, s, a, "server", p)
	var ready client.ReadyAttempt
	eventually(t, "the server is ready", func() bool { s.set(func() { ready = s.ready[attempt] }); return ready.Address != "" })
	if !strings.HasPrefix(ready.Address, "127.0.0.1:") || ready.Secret == "" {
		t.Errorf("ready = %+v", ready)
	}
}

func TestAModelServerThatIsNeverReadyIsEnded(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s)
	p := shell("exec sleep 100")
	p.Serve = &bine.Serve{ReadyTimeout: 0.3}
	if _, got := run(t, s, a, "unready", p); got.Failure != bine.FailureTimeout || !strings.Contains(got.Reason, "not ready within 0.3s") {
		t.Errorf("result = %+v", got)
	}
}

func TestTheHostIsDescribed(t *testing.T) {
	s := newServer(t)
	startAgent(t, s, func(o *agent.Options) { o.Capacity = bine.Resources{} })
	eventually(t, "the host is registered", func() (ok bool) { s.set(func() { ok = len(s.hosts) > 0 }); return ok })
	host := s.hosts[0]
	if host.Capacity.CPU < 1 || host.Capacity.Memory < 100<<20 || host.Confine == "" || host.Address != "127.0.0.1" {
		t.Errorf("host = %+v", host)
	}
}

func TestOneDirectoryServesOneAgent(t *testing.T) {
	s := newServer(t)
	_, dir := startAgent(t, s)
	if _, err := agent.New(options(dir, s.URL)); !bine.IsKind(err, bine.Conflict) {
		t.Errorf("New in a directory that is taken = %v, want a conflict", err)
	}
}

func TestACancelledActivityEndsItsProcess(t *testing.T) {
	s := newServer(t)
	a, _ := startAgent(t, s, func(o *agent.Options) { o.Heartbeat = 20 * time.Millisecond })
	attempt := begin(t, s, a, "cancelled", shell("exec sleep 100"))
	task := "task-" + string(attempt)
	eventually(t, "Temporal hears of the activity", func() (ok bool) { s.set(func() { ok = s.beats[task] > 1 }); return ok })
	s.set(func() { s.cancelled[task] = true })
	if got := end(t, s, attempt); got.State != bine.Cancelled {
		t.Errorf("result = %+v, want cancelled", got)
	}
}

func TestAProcessOutlivesTheActivityThatTemporalGaveUp(t *testing.T) {
	s := newServer(t)
	a, dir := startAgent(t, s, func(o *agent.Options) { o.Heartbeat = 20 * time.Millisecond })
	attempt := id("given-up")
	s.set(func() { s.unknown["task-"+string(attempt)] = true })
	begin(t, s, a, "given-up", shell("while [ ! -e go ]; do sleep 0.01; done"))
	held := filepath.Join(dir, "attempts", string(attempt))
	eventually(t, "the token is dropped", func() bool { _, err := os.Stat(filepath.Join(held, "task")); return err != nil })
	if err := os.WriteFile(filepath.Join(held, "work", "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end is reported", func() (ok bool) { s.set(func() { _, ok = s.results[attempt] }); return ok })
	if err := a.Take(t.Context(), []byte("another"), input(attempt)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the later activity is completed", func() (ok bool) { s.set(func() { _, ok = s.completed["another"] }); return ok })
	if got := s.completed["another"]; got.State != bine.Succeeded || starts(t, dir, attempt) != 1 {
		t.Errorf("completed with %+v after %d starts", got, starts(t, dir, attempt))
	}
}

func TestStopDuringSetUpEndsIt(t *testing.T) {
	s := newServer(t)
	b := &builder{wait: make(chan struct{})}
	a, dir := startAgent(t, s, func(o *agent.Options) { o.Environments = b })
	attempt := begin(t, s, a, "slow", bine.Process{Command: []string{"true"}, Environment: 1})
	<-b.wait
	if err := a.Stop(t.Context(), activities.StopProcessInput{Attempt: attempt, Reason: "enough"}); err != nil {
		t.Fatal(err)
	}
	if got := end(t, s, attempt); got.State != bine.Cancelled || got.Reason != "enough" {
		t.Errorf("result = %+v, want cancelled", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "ledger")); err == nil {
		t.Error("a process was started")
	}
}

func TestAnAttemptWhoseFilesWereLostIsNotStartedAgain(t *testing.T) {
	s := newServer(t)
	dir := agentDir(t)
	attempt := id("torn")
	held := filepath.Join(dir, "attempts", string(attempt))
	if err := os.MkdirAll(held, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"owner.json", "started"} { // as a power cut leaves them
		if err := os.WriteFile(filepath.Join(held, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := startAgentIn(t, s, dir)
	begin(t, s, a, "torn", shell("true"))
	end(t, s, attempt)
	if got := s.completed["task-"+string(attempt)]; got.State != bine.Lost {
		t.Errorf("completed with %+v, want lost", got)
	}
}

func TestTheShimIsExtractedOnce(t *testing.T) {
	dir := t.TempDir()
	first, err := agent.Extract(dir, []byte("program"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := agent.Extract(dir, []byte("program"))
	other, err2 := agent.Extract(dir, []byte("another"))
	if err != nil || err2 != nil || first != second || first == other {
		t.Errorf("Extract = %s, %s, then %s of another (%v, %v)", first, second, other, err, err2)
	}
	if info, err := os.Stat(first); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode = %v, %v", info.Mode(), err)
	}
}

func TestAnAgentWithoutItsShimSaysSo(t *testing.T) {
	s := newServer(t)
	o := options(agentDir(t), s.URL)
	o.Shim = "/nowhere/bine-shim"
	if _, err := agent.New(o); !bine.IsKind(err, bine.Invalid) || !strings.Contains(err.Error(), "/nowhere/bine-shim") {
		t.Errorf("New = %v", err)
	}
}
