package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/confine"
)

// TestAProcessReachesNothingButItsOwn runs, in one confined process, what a
// hostile step would try; each must be refused, and what a step needs must work.
func TestAProcessReachesNothingButItsOwn(t *testing.T) {
	if abi, reason := confine.ABI(); abi < 6 {
		t.Skipf("this kernel confines by Landlock %d: %v", abi, reason)
	}
	s := newServer(t)
	a, dir := startAgent(t, s)
	other := begin(t, s, a, "other", shell("echo secret > mine; echo up; exec sleep 1000"))
	eventually(t, "the other attempt is up", func() bool { return s.log(other) == "up\n" })
	database := filepath.Join(filepath.Dir(dir), "database")
	if err := os.WriteFile(database, []byte("rows"), 0o666); err != nil {
		t.Fatal(err)
	}
	held := filepath.Join(dir, "attempts", string(other))
	p := python(
		"import os, signal, subprocess, socket, multiprocessing, tempfile, ctypes",
		"def attempt(name, do):",
		"    try: do(); print('DONE', name)",
		"    except (OSError, ValueError) as e: print('REFUSED', name, e.__class__.__name__)",
		"def reads(path): return lambda: open(path, 'rb').read()",
		"def writes(path): return lambda: open(path, 'a').write('x')",
		fmt.Sprintf("other, agent, database, pid = %q, %q, %q, %d", held, dir, database, os.Getpid()),
		"libc = ctypes.CDLL(None, use_errno=True)",
		"def call(name, *args):",
		"    if getattr(libc, name)(*args) != 0: raise OSError(ctypes.get_errno(), name)",
		"attempt('shadow', reads('/etc/shadow'))",
		"attempt('database', reads(database))",
		"attempt('database write', writes(database))",
		"attempt('other spec', reads(other + '/spec.json'))",
		"attempt('other work', reads(other + '/work/mine'))",
		"attempt('own spec', reads('../spec.json'))",
		"attempt('own started', lambda: os.unlink('../started'))",
		"attempt('own end', writes('../ended.json'))",
		"attempt('ledger', reads(agent + '/ledger'))",
		"attempt('alive', writes(agent + '/alive'))",
		"attempt('list attempts', lambda: os.listdir(agent + '/attempts'))",
		"attempt('write /tmp', writes('/tmp/bine-escape'))",
		"attempt('write home', writes(os.path.expanduser('~root') + '/bine-escape'))",
		"attempt('agent environ', reads(f'/proc/{pid}/environ'))",
		"attempt('agent memory', reads(f'/proc/{pid}/mem'))",
		"attempt('agent root', lambda: os.listdir(f'/proc/{pid}/root/etc'))",
		"attempt('agent fd', lambda: os.readlink(f'/proc/{pid}/fd/0'))",
		"attempt('signal agent', lambda: os.kill(pid, 0))",
		"attempt('signal shim', lambda: os.kill(os.getppid(), signal.SIGSTOP))",
		"attempt('ptrace agent', lambda: call('ptrace', 16, pid, 0, 0))",
		"attempt('mount', lambda: call('mount', b'none', b'tmp', b'tmpfs', 0, None))",
		"attempt('chroot', lambda: os.chroot('tmp'))",
		"attempt('chown', lambda: os.chown('with.json', 1, 1))",
		"attempt('raw socket', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))",
		"attempt('hard link', lambda: os.link(database, 'stolen'))",
		"attempt('symlink', lambda: (os.symlink(database, 'alias'), open('alias').read()))",
		"print('-- what a step needs')",
		"attempt('WORK', lambda: open('file', 'w').write('x'))",
		"attempt('TMP', lambda: tempfile.NamedTemporaryFile().write(b'x'))",
		"attempt('MOVE', lambda: (os.mkdir('d'), os.rename('file', 'd/file')))",
		"attempt('POOL', lambda: multiprocessing.Pool(2).map(abs, [1, 2]))",
		"attempt('CHILD', lambda: subprocess.run(['/bin/ls', '/usr/bin'], check=True, stdout=subprocess.DEVNULL))",
		"attempt('SHELL', lambda: subprocess.run('echo x > /dev/null; cat /dev/null', shell=True, check=True))",
		"attempt('NAMES', lambda: (socket.gethostbyname('localhost'), os.path.expanduser('~')))",
		"attempt('LISTEN', lambda: socket.create_server(('127.0.0.1', 0)))",
		"attempt('CPUS', lambda: open('/sys/devices/system/cpu/online').read())",
	)
	attempt, got := run(t, s, a, "hostile", p)
	if got.State != bine.Succeeded {
		t.Fatalf("result = %+v\n%s", got, s.log(attempt))
	}
	hostile, needed, _ := strings.Cut(s.log(attempt), "-- what a step needs")
	if strings.Contains(hostile, "DONE") || strings.Count(hostile, "REFUSED") != 26 {
		t.Errorf("a hostile step was not refused everything:\n%s", hostile)
	}
	if strings.Contains(needed, "REFUSED") || strings.Count(needed, "DONE") != 9 {
		t.Errorf("a step was refused what it needs:\n%s", needed)
	}
	if text, err := os.ReadFile(database); err != nil || string(text) != "rows" {
		t.Errorf("database = %q, %v", text, err)
	}
}

func TestAProcessSeesNothingOfTheAgentsEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_AGENT", "hush")
	s := newServer(t)
	a, dir := startAgent(t, s)
	p := shell("env | sort; echo fds: $(ls /proc/self/fd)")
	p.Env = map[string]string{"MINE": "yes", "BINE_TOKEN": "forged"}
	p.Resources.CPU = 2.5
	attempt, _ := run(t, s, a, "environment", p)
	log := s.log(attempt)
	work := filepath.Join(dir, "attempts", string(attempt), "work")
	for _, want := range []string{"BINE_API=" + s.URL, "BINE_ATTEMPT=1", "BINE_INPUTS=" + work + "/inputs.json", "BINE_OUTPUTS=" + work + "/outputs",
		"BINE_PROJECT=demo", "BINE_TOKEN=job-token", "BINE_WITH=" + work + "/with.json", "HOME=" + work, "LANG=C.UTF-8", "MINE=yes",
		"OMP_NUM_THREADS=2", "PYTHONUNBUFFERED=1", "TMPDIR=" + work + "/tmp", "fds: 0 1 2 3"} {
		if !strings.Contains(log, want+"\n") {
			t.Errorf("%q is not there", want)
		}
	}
	if strings.Contains(log, "hush") || strings.Contains(log, "forged") {
		t.Error("the environment carries what it must not")
	}
	if t.Failed() {
		t.Log(log)
	}
}
