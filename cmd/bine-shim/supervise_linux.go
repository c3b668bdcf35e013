package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bine-ml/bine/internal/shim"
)

const (
	// reportPipe is the descriptor on which an agent hears that the process started.
	reportPipe = 3
	// lockDescriptor holds the lock of the attempt, where an agent took it.
	lockDescriptor = 4
	// look is how often the shim looks at memory, its agent and the stop file.
	look = 100 * time.Millisecond
	// patience is what a process has between SIGTERM and SIGKILL.
	patience = 10 * time.Second
	// margin is the part of the grace period that is left when the process of
	// a silent agent is killed.
	margin = 0.25
)

// supervisor is a shim at work.
type supervisor struct {
	dir     string
	spec    shim.Spec
	group   *group
	pid     int
	began   time.Time
	oom     int64 // oomKills before the start
	output  chan struct{}
	capture *capture

	cause   shim.Cause // why the shim ends the process; empty while it does not
	reason  string
	kill    <-chan time.Time
	touched time.Time // modification time of the agent's sign of life
	heard   time.Time // when it last changed, by the monotonic clock
}

// supervise starts the process of dir and stays until nothing is left of it.
func supervise(dir string) error {
	runtime.LockOSThread() // the kernel kills the process when the thread that started it ends
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPIPE)
	closeInherited()
	unix.CloseOnExec(reportPipe)
	report := os.NewFile(reportPipe, "report")
	lock, err := takeLock(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	spec, err := shim.ReadSpec(dir)
	if err != nil {
		return err
	}
	s := &supervisor{dir: dir, spec: spec, oom: oomKills(), output: make(chan struct{})}
	if stop, err := shim.ReadStop(dir); err == nil {
		return s.end(shim.Ended{Cause: stop.Cause, Reason: stop.Reason})
	}
	if err := s.begin(); err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return s.end(shim.Ended{Cause: shim.NotStarted, Reason: err.Error()})
	}
	_, _ = io.WriteString(report, "started\n") // the agent may be gone
	_ = report.Close()
	return s.watch(asked)
}

// closeInherited closes the descriptors that a parent of the agent left open
// for everybody: a shim would hold them for days, and its process see them. The
// runtime's own are closed on exec, and stay.
func closeInherited() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd <= lockDescriptor {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			_ = unix.Close(fd)
		}
	}
}

func takeLock(dir string) (*os.File, error) {
	unix.CloseOnExec(lockDescriptor)
	lock := shim.Inherited(dir, lockDescriptor)
	if lock == nil {
		var err error
		if lock, err = shim.Lock(dir); err != nil {
			return nil, err
		}
	}
	return lock, shim.Sign(lock)
}

// begin writes down that a process is about to start.
func (s *supervisor) begin() error {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	return shim.Begin(s.dir, shim.Started{Version: shim.Version, Shim: os.Getpid(), Boot: strings.TrimSpace(string(boot)), At: time.Now()})
}

// start starts the process and returns when its program was executed.
func (s *supervisor) start() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the reaper of descendants: %w", err)
	}
	var err error
	if s.group, err = newGroup(s.spec); err != nil {
		fmt.Fprintln(os.Stderr, "bine-shim: without a cgroup:", err) // the watch of memory does for it
	}
	log, err := os.OpenFile(filepath.Join(s.dir, shim.LogFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	s.capture = &capture{to: log, limit: s.spec.LogLimit}
	var out, fault [2]int
	if err := unix.Pipe2(out[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("make a pipe for output: %w", err)
	}
	if err := unix.Pipe2(fault[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	err = s.fork(out[1], fault[1])
	_ = unix.Close(out[1])
	_ = unix.Close(fault[1])
	if err != nil {
		return err
	}
	go func() {
		defer close(s.output)
		s.capture.copy(os.NewFile(uintptr(out[0]), "output"))
	}()
	s.enter()
	text, _ := io.ReadAll(os.NewFile(uintptr(fault[0]), "error pipe")) // ends when the program is executed
	if len(text) > 0 {
		var status unix.WaitStatus
		_, _ = unix.Wait4(s.pid, &status, 0, nil)
		return errors.New(string(text))
	}
	return nil
}

func (s *supervisor) fork(output, fault int) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	how := &syscall.ProcAttr{
		Dir: filepath.Join(s.dir, shim.WorkDir), Env: []string{},
		Files: []uintptr{null.Fd(), uintptr(output), uintptr(output), uintptr(fault)},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	s.group.attributes(how.Sys)
	s.began = time.Now()
	s.pid, err = syscall.ForkExec(self, []string{"bine-shim", "exec", s.dir}, how)
	if err != nil && s.group != nil { // a cgroup that cannot be entered after all
		s.group.remove()
		s.group, how.Sys.UseCgroupFD = nil, false
		s.pid, err = syscall.ForkExec(self, []string{"bine-shim", "exec", s.dir}, how)
	}
	if err != nil {
		return fmt.Errorf("start a process: %w", err)
	}
	return nil
}

// enter adds the start to the ledger of the host.
func (s *supervisor) enter() {
	f, err := os.OpenFile(s.spec.Ledger, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bine-shim:", err)
		return
	}
	defer f.Close()
	fmt.Fprintf(f, "%s %d %s\n", s.spec.Attempt, s.pid, s.began.UTC().Format(time.RFC3339Nano))
}

// end writes how the process ended. Nothing of it is left.
func (s *supervisor) end(ended shim.Ended) error {
	s.group.remove()
	ended.Version, ended.EndedAt = shim.Version, time.Now()
	if !s.began.IsZero() {
		ended.StartedAt = &s.began
	}
	return shim.Write(s.dir, shim.EndedFile, ended)
}
