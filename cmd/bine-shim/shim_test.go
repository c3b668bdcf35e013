//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bine-ml/bine/internal/shim"
)

// The test program is the shim itself where it is called as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && (os.Args[1] == "run" || os.Args[1] == "exec") {
		main()
		return
	}
	os.Exit(m.Run())
}

// put makes the directory of an attempt.
func put(t testing.TB, change func(*shim.Spec), args ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, shim.WorkDir), 0o700); err != nil {
		t.Fatal(err)
	}
	spec := shim.Spec{Version: shim.Version, Attempt: "test-" + fmt.Sprint(os.Getpid()), Args: args, Env: []string{"PATH=/usr/bin:/bin"},
		LogLimit: 1 << 20, Ledger: filepath.Join(dir, "ledger")}
	if change != nil {
		change(&spec)
	}
	if err := shim.WriteSpec(dir, spec); err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t testing.TB, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "run", dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func supervised(t testing.TB, dir string) shim.Ended {
	t.Helper()
	if err := start(t, dir).Wait(); err != nil {
		t.Fatal(err)
	}
	ended, err := shim.ReadEnded(dir)
	if err != nil {
		t.Fatal(err)
	}
	return ended
}

func await(t testing.TB, what string, so func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(10 * time.Second); !so(); {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("it never came to pass that %s", what)
		}
	}
}

func TestACgroupHoldsEveryDescendant(t *testing.T) {
	cgroup := ""
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.controllers")); err == nil && unix.Access(dir, unix.W_OK) == nil {
			cgroup = dir
		}
	}
	if cgroup == "" {
		t.Skip("no cgroup v2 here can be written to")
	}
	dir := put(t, func(s *shim.Spec) { s.Cgroup = cgroup }, "sh", "-c", "cat /proc/self/cgroup; setsid sleep 1000 & exit 2")
	ended := supervised(t, dir)
	if ended.ExitCode == nil || *ended.ExitCode != 2 {
		t.Errorf("ended = %+v", ended)
	}
	spec, _ := shim.ReadSpec(dir)
	log, err := os.ReadFile(filepath.Join(dir, shim.LogFile))
	if err != nil || !strings.Contains(string(log), "/bine-"+spec.Attempt) {
		t.Errorf("the process ran in %s (%v), want a cgroup of its own", log, err)
	}
	if _, err := os.Stat(filepath.Join(cgroup, "bine-"+spec.Attempt)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the cgroup is still there: %v", err)
	}
}

func TestACgroupThatCannotBeMadeIsDoneWithout(t *testing.T) {
	dir := put(t, func(s *shim.Spec) { s.Cgroup, s.Memory = "/proc", 32<<20 }, "sh", "-c", "x=$(head -c 100000000 /dev/zero | tr '\\0' 'x'); sleep 5")
	if ended := supervised(t, dir); ended.Cause != shim.OutOfMemory {
		t.Errorf("ended = %+v, want out of memory by the watch", ended)
	}
}

func TestAStopFromBeforeTheStartStartsNothing(t *testing.T) {
	dir := put(t, nil, "true")
	if err := shim.Write(dir, shim.StopFile, shim.Stop{Cause: shim.Cancelled, Reason: "no more"}); err != nil {
		t.Fatal(err)
	}
	if ended := supervised(t, dir); ended.Cause != shim.Cancelled || ended.Reason != "no more" || shim.HasStarted(dir) {
		t.Errorf("ended = %+v", ended)
	}
}

func TestASignalAloneInterrupts(t *testing.T) {
	dir := put(t, nil, "sleep", "1000")
	cmd := start(t, dir)
	await(t, "the process was started", func() bool { _, err := os.Stat(filepath.Join(dir, "ledger")); return err == nil })
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if ended, err := shim.ReadEnded(dir); err != nil || ended.Cause != shim.Interrupted {
		t.Errorf("ended = %+v, %v", ended, err)
	}
}

func TestAProcessThatDoesNotListenIsKilled(t *testing.T) {
	dir := put(t, nil, "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done")
	cmd := start(t, dir)
	await(t, "the process is up", func() bool { text, _ := os.ReadFile(filepath.Join(dir, shim.LogFile)); return len(text) > 0 })
	if err := shim.Write(dir, shim.StopFile, shim.Stop{Cause: shim.Cancelled, Seconds: 0.2}); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // without a signal: the shim looks at the file by itself
	if ended, err := shim.ReadEnded(dir); err != nil || ended.Cause != shim.Cancelled {
		t.Errorf("ended = %+v, %v", ended, err)
	}
}

func TestFilesAreHeldToTheirLimit(t *testing.T) {
	dir := put(t, func(s *shim.Spec) { s.FileSize = 1 << 20 }, "sh", "-c", "ulimit -c; head -c 2000000 /dev/zero > big")
	ended := supervised(t, dir)
	info, err := os.Stat(filepath.Join(dir, shim.WorkDir, "big"))
	if err != nil || info.Size() > 1<<20 || (ended.ExitCode != nil && *ended.ExitCode == 0) {
		t.Errorf("file of %d bytes, %v, ended %+v", info.Size(), err, ended)
	}
	if log, _ := os.ReadFile(filepath.Join(dir, shim.LogFile)); !strings.HasPrefix(string(log), "0\n") {
		t.Errorf("limit of core dumps = %q, want 0", log)
	}
}

func TestOutputGoesOnWhereItCannotBeKept(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	c := &capture{to: full, limit: 1000}
	c.copy(strings.NewReader(strings.Repeat("x", 5000)))
	if c.dropped != 5000 {
		t.Errorf("dropped = %d, want all 5000", c.dropped)
	}
}

// BenchmarkSupervise compares a no-op program under the shim with its bare exec.
func BenchmarkSupervise(b *testing.B) {
	var plain, under time.Duration
	for b.Loop() {
		dir := put(b, nil, "true")
		began := time.Now()
		if err := exec.Command("true").Run(); err != nil {
			b.Fatal(err)
		}
		plain += time.Since(began)
		began = time.Now()
		supervised(b, dir)
		under += time.Since(began)
	}
	b.ReportMetric(float64(plain.Microseconds())/1000/float64(b.N), "exec-ms/op")
	b.ReportMetric(float64(under.Microseconds())/1000/float64(b.N), "shim-ms/op")
}
