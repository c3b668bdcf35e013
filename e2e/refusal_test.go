package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// commandLines reads the command lines of processes.
func commandLines(pids []int) []string {
	var lines []string
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil {
			lines = append(lines, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return lines
}

// listening gives the TCP ports that a process listens on, as a JSON list.
func listening(t *testing.T, pid int) string {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	mine := map[string]bool{}
	for _, link := range links {
		target, _ := os.Readlink(link)
		if inode, found := strings.CutPrefix(target, "socket:["); found {
			mine[strings.TrimSuffix(inode, "]")] = true
		}
	}
	var ports []int64
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(file)
		for _, line := range strings.Split(string(text), "\n") {
			fields := strings.Fields(line)
			if len(fields) < 10 || fields[3] != "0A" || !mine[fields[9]] {
				continue
			}
			port, err := strconv.ParseInt(fields[1][strings.LastIndex(fields[1], ":")+1:], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			ports = append(ports, port)
		}
	}
	if len(ports) < 5 {
		t.Fatalf("the server listens on %v: the API and four ports of the workflow engine were expected", ports)
	}
	out, err := json.Marshal(ports)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// log reads the log of a run's step.
func (s *system) log(run bine.RunID, step, project string) string {
	s.t.Helper()
	return s.mustCLI("run", "logs", string(run), "--step", step, "-p", project)
}

// TestAStepReachesNothingOfThePlatform: the data directory, the database, the
// blocks, another project's files, the agent's directory, the server's
// environment, and a handler of the workflow engine.
func TestAStepReachesNothingOfThePlatform(t *testing.T) {
	s := newSystem(t)
	up := s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	p := s.project("spy")
	s.project("victim")
	secret := filepath.Join(s.dir, "secret.txt")
	if err := os.WriteFile(secret, []byte("of the victim"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.mustCLI("fs", "put", secret, "Resources/secret.txt", "-p", "victim")
	data := filepath.Join(s.dir, "data")
	spy := fmt.Sprintf(`
import json, os, socket, ssl, urllib.request, urllib.error
data, server = %q, %d
found = []
def refused(what, f):
    try:
        f()
    except Exception as e:
        print("refused:", what, type(e).__name__)
    else:
        found.append(what)
for name in ["bine.db", "bine.db-wal", "temporal", "temporal/temporal.db", "blocks", "keys/payload.key", "keys/agent.key", "agent", "agent/attempts", "certificates/client.key"]:
    path = os.path.join(data, name)
    refused("read " + name, lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1))
refused("write", lambda: open(os.path.join(data, "x"), "w"))
refused("environment of the server", lambda: open(f"/proc/{server}/environ", "rb").read(1))
refused("/etc/shadow", lambda: open("/etc/shadow").read(1))
refused("signal to the server", lambda: os.kill(server, 0))
api, token = os.environ["BINE_API"], os.environ["BINE_TOKEN"]
def ask(path):
    request = urllib.request.Request(api + "/api/v1/" + path, headers={"Authorization": "Bearer " + token})
    return urllib.request.urlopen(request).read()
refused("another project's file", lambda: ask("projects/victim/files/Resources/secret.txt"))
refused("the list of users", lambda: ask("users"))
refused("an agent's route", lambda: ask("agent/hosts"))
ask("projects/spy")
ports = json.loads(%q)
own = int(api.rsplit(":", 1)[1])
for port in ports:
    if port == own:
        continue
    def plain():
        s = socket.create_connection(("127.0.0.1", port), 2); s.settimeout(2)
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        answer = s.recv(64)
        if not answer or answer[:1] in (b"\x15",): raise OSError("closed")
    def tls():
        c = ssl._create_unverified_context(); c.set_alpn_protocols(["h2"])
        s = c.wrap_socket(socket.create_connection(("127.0.0.1", port), 2)); s.settimeout(2)
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        if not s.recv(64): raise OSError("closed")
    refused(f"port {port} plain", plain)
    refused(f"port {port} TLS", tls)
print("FOUND", found)
`, data, up.cmd.Process.Pid, listening(t, up.cmd.Process.Pid))
	s.mustCLI("pipeline", "store", s.pipeline("spy", "name: spy\nsteps:\n  look:\n    python: spy.py\n", map[string]string{"spy.py": spy}), "-p", "spy")
	end, _ := s.run(p, "spy", client.NewRun{})
	text := s.log(end.ID, "look", "spy")
	if end.State != bine.Succeeded || !strings.Contains(text, "FOUND []") {
		t.Errorf("run is %s; the step reported:\n%s", end.State, text)
	}
}

// TestBadInputIsExplainedAndLeavesEverythingUsable goes through what people do wrong.
func TestBadInputIsExplainedAndLeavesEverythingUsable(t *testing.T) {
	s := newSystem(t)
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	p := s.project("bad")
	refused := func(what, text string, files map[string]string, want ...string) {
		t.Helper()
		out, err := s.cli("pipeline", "store", s.pipeline("p", text, files), "-p", "bad")
		if err == nil {
			t.Errorf("%s was stored", what)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: the message lacks %q:\n%s", what, w, out)
			}
		}
	}
	refused("an unknown key", "name: p\nsteps:\n  a:\n    comand: x\n", nil, "4:", "comand", "command")
	refused("a cycle", "name: p\nsteps:\n  a: {command: x, needs: [b]}\n  b: {command: x, needs: [a]}\n", nil, "a → b → a")
	refused("a missing file", "name: p\nsteps:\n  a: {python: gone.py}\n", nil, "gone.py")

	store := func(name, text string, files map[string]string) {
		s.mustCLI("pipeline", "store", s.pipeline(name, text, files), "-p", "bad")
	}
	store("typed", "name: typed\nparams:\n  n: {type: int, default: 1, max: 5}\nsteps:\n  a: {command: 'true'}\n", nil)
	if out, err := s.cli("run", "start", "typed", "-p", "bad", "--param", "n=many"); err == nil || !strings.Contains(out, "n") {
		t.Errorf("a param of the wrong type: %v\n%s", err, out)
	}
	if out, err := s.cli("run", "start", "typed", "-p", "bad", "--param", "n=9"); err == nil || !strings.Contains(out, "5") {
		t.Errorf("a param out of bounds: %v\n%s", err, out)
	}

	fails := func(name, step string, body client.NewRun, failure bine.Failure, want string) {
		t.Helper()
		run, steps := s.run(p, bine.PipelineName(name), body)
		if run.State != bine.Failed || !strings.Contains(run.Reason, want) {
			t.Errorf("%s: run is %s: %q, want failed with %q", name, run.State, run.Reason, want)
		}
		attempts, err := s.client().Attempts(t.Context(), p, run.ID, client.StepRef{Step: steps[0].Name})
		if err != nil || len(attempts) == 0 || attempts[len(attempts)-1].Failure != failure {
			t.Errorf("%s: attempts are %+v (%v), want the failure %s", name, attempts, err, failure)
		}
	}
	store("exits", "name: exits\nsteps:\n  a: {command: 'echo no; exit 1'}\n", nil)
	fails("exits", "a", client.NewRun{}, bine.FailureError, "1")
	store("eats", "name: eats\nsteps:\n  a:\n    python: eat.py\n    resources: {memory: 128MiB}\n", map[string]string{"eat.py": "x = []\nimport time\nfor i in range(64):\n    x.append(bytearray(16 << 20)); time.sleep(0.02)\n"})
	fails("eats", "a", client.NewRun{}, bine.FailureMemory, "memory")
	store("late", "name: late\nsteps:\n  a: {command: 'sleep 60', timeout: 1s}\n", nil)
	fails("late", "a", client.NewRun{}, bine.FailureTimeout, "")
	store("silent", "name: silent\nsteps:\n  a:\n    command: 'true'\n    outputs: {x: int}\n", nil)
	fails("silent", "a", client.NewRun{}, bine.FailureOutput, "x")
	store("greedy", "name: greedy\nsteps:\n  a: {command: 'true', resources: {cpu: 1000}}\n", nil)
	fails("greedy", "a", client.NewRun{}, bine.FailureRefused, "")

	// 1 GB of output: the run goes on, the log says that the rest was left out.
	store("loud", "name: loud\nsteps:\n  a: {command: 'yes 0123456789012345678901234567890123456789 | head -c 1000000000; echo done'}\n", nil)
	run, _ := s.run(p, "loud", client.NewRun{})
	if run.State != bine.Succeeded {
		t.Errorf("loud: run is %s: %s", run.State, run.Reason)
	}
	attempts, err := s.client().Attempts(t.Context(), p, run.ID, client.StepRef{Step: "a"})
	if err != nil || len(attempts) != 1 || attempts[0].LogSize > 70<<20 || attempts[0].LogSize < 1<<20 {
		t.Errorf("loud: attempts are %+v (%v), want one whose log was cut", attempts, err)
	}

	// After all of that a plain run succeeds.
	if run, _ := s.run(p, "typed", client.NewRun{}); run.State != bine.Succeeded {
		t.Errorf("a plain run afterwards is %s: %s", run.State, run.Reason)
	}
}

// TestStartIsRefusedWithAReason: a busy port, a directory in use, a newer schema.
func TestStartIsRefusedWithAReason(t *testing.T) {
	s := newSystem(t)
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)

	second := s.start("up")
	if code := second.wait(t, 20*time.Second); code == 0 || !strings.Contains(second.out.String(), "in use by process") {
		t.Errorf("a second process in the directory ended with %d:\n%s", code, second.out)
	}
	other := s.start("up", "--data", filepath.Join(s.dir, "other"))
	if code := other.wait(t, 20*time.Second); code == 0 || !strings.Contains(other.out.String(), "is in use by another program") {
		t.Errorf("a second process on the port ended with %d:\n%s", code, other.out)
	}
	odd := s.start("up", "--grace", "soon")
	if code := odd.wait(t, 20*time.Second); code != 2 || !strings.Contains(odd.out.String(), "--grace") {
		t.Errorf("a setting that is no duration ended with %d:\n%s", code, odd.out)
	}
}
