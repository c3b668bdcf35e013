package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/shim"
)

// process is a shim that lives, a child of this agent or of an earlier one.
type process struct {
	shim    *os.File // pidfd
	child   *exec.Cmd
	started chan struct{} // closed when the program runs, or never will
}

// spawn starts the shim of the attempt, in a session of its own.
func (t *attempt) spawn() (*process, error) {
	faults, err := os.OpenFile(filepath.Join(t.dir, shim.ErrorFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer faults.Close()
	lock, err := shim.Lock(t.dir) // the shim inherits it: there is no moment in which nobody has it
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	fd := -1
	cmd := exec.Command(t.agent.o.Shim, "run", t.dir)
	cmd.Dir, cmd.Env, cmd.Stderr, cmd.ExtraFiles = t.dir, []string{}, faults, []*os.File{w, lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, PidFD: &fd}
	if err := cmd.Start(); err != nil {
		_ = r.Close()
		return nil, fmt.Errorf("start the supervisor of a process: %w", err)
	}
	if fd < 0 {
		fd, err = unix.PidfdOpen(cmd.Process.Pid, 0)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		_ = r.Close()
		return nil, fmt.Errorf("watch the supervisor of a process: %w", err)
	}
	p := &process{shim: os.NewFile(uintptr(fd), "pidfd"), child: cmd, started: make(chan struct{})}
	go func() {
		defer close(p.started)
		defer r.Close()
		_, _ = io.ReadFull(r, make([]byte, 1)) // a line, or the end
	}()
	return p, nil
}

// watchOrphan gives the process whose shim an earlier agent started.
func watchOrphan(pid int) (*process, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		fd = -1
	} else if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	p := &process{started: make(chan struct{})}
	close(p.started)
	if fd >= 0 {
		p.shim = os.NewFile(uintptr(fd), "pidfd")
	}
	return p, nil
}

// wait returns when the shim has ended, or ctx. It holds no thread.
func (p *process) wait(ctx context.Context) {
	defer p.close()
	if p.shim == nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = p.shim.SetReadDeadline(time.Now()) })
	defer stop()
	raw, err := p.shim.SyscallConn()
	if err != nil {
		return
	}
	err = raw.Read(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0 || (err != nil && !errors.Is(err, unix.EINTR))
	})
	if err == nil && p.child != nil {
		_ = p.child.Wait() // how it ended is in its file
	}
}

func (p *process) close() {
	if p.shim != nil {
		_ = p.shim.Close()
	}
}

// sinceBoot is the time since the machine was started, that in which it slept too.
func sinceBoot() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) // it is always there
	return time.Duration(now.Nano())
}

// destroy kills a shim, and with it its process.
func destroy(pid int) { _ = unix.Kill(pid, unix.SIGKILL) }

// terminate tells a shim to look at its stop file.
func terminate(pid int) { _ = unix.Kill(pid, unix.SIGTERM) }

// marker is the variable by which the processes of an attempt are known.
const marker = "BINE_ATTEMPT_ID"

// killMarked kills what a shim that was killed itself left behind: its process
// died with it, but not what had left the process's group. It reports whether
// nothing is left.
func killMarked(id bine.AttemptID) bool {
	mark := []byte("\x00" + marker + "=" + string(id) + "\x00")
	for range 10 {
		found := false
		environs, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is well-formed
		for _, path := range environs {
			text, err := os.ReadFile(path)
			if err != nil || !bytes.Contains(append([]byte{0}, text...), mark) {
				continue
			}
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				found = true
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		if !found {
			return true
		}
		time.Sleep(time.Millisecond) // what was killed needs a moment to go
	}
	return false
}
