package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bine-ml/bine/internal/shim"
)

// exit is how the main process ended, and what it and all others used.
type exit struct {
	status unix.WaitStatus
	cpu    time.Duration
	memory int64
}

// watch waits for the process to end, and ends it where it has to.
func (s *supervisor) watch(asked <-chan os.Signal) error {
	main, all := make(chan struct{}), make(chan exit, 1)
	go s.reap(main, all)
	var late <-chan time.Time
	if s.spec.Timeout > 0 {
		late = time.After(time.Duration(s.spec.Timeout * float64(time.Second)))
	}
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	s.heard = time.Now()
	for {
		select {
		case <-main:
			return s.finish(all)
		case <-asked:
			s.stop(true)
		case <-late:
			s.ask(shim.TimedOut, fmt.Sprintf("it did not end within its timeout of %s", seconds(s.spec.Timeout)), patience)
		case <-s.kill:
			s.killNow()
		case <-ticker.C:
			s.stop(false)
			s.listen()
			s.weigh()
		}
	}
}

// reap waits for every child, those inherited from descendants too. It closes
// main when the process itself has ended and sends to all when nothing is left.
func (s *supervisor) reap(main chan<- struct{}, all chan<- exit) {
	var out exit
	for {
		var status unix.WaitStatus
		var used unix.Rusage
		pid, err := unix.Wait4(-1, &status, 0, &used)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			all <- out
			return
		}
		out.cpu += time.Duration(used.Utime.Nano() + used.Stime.Nano())
		out.memory = max(out.memory, used.Maxrss<<10)
		if pid == s.pid {
			out.status = status
			close(main)
		}
	}
}

// finish kills what is left of the process and writes how it ended.
func (s *supervisor) finish(all <-chan exit) error {
	var out exit
	for done := false; !done; {
		s.group.kill()
		killAll(os.Getpid())
		select {
		case out = <-all:
			done = true
		case <-time.After(5 * time.Millisecond):
		}
	}
	select {
	case <-s.output:
		s.capture.end()
	case <-time.After(time.Second): // somebody outside was handed the pipe
	}
	ended := shim.Ended{Cause: s.cause, Reason: s.reason, CPUSeconds: out.cpu.Seconds(), PeakMemory: out.memory, Dropped: s.capture.dropped}
	if s.cause == "" {
		s.explain(&ended, out.status)
	}
	return s.end(ended)
}

// explain says how a process ended that the shim did not end.
func (s *supervisor) explain(ended *shim.Ended, status unix.WaitStatus) {
	ended.Cause = shim.Exited
	switch {
	case s.group.outOfMemory():
		ended.Cause, ended.Reason = shim.OutOfMemory, s.overMemory()
	case status.Signaled():
		ended.Signal = unix.SignalName(status.Signal())
		ended.Reason = fmt.Sprintf("it was killed by signal %d (%s)", int(status.Signal()), ended.Signal)
		if status.Signal() == unix.SIGKILL && oomKills() > s.oom {
			ended.Cause, ended.Reason = shim.OutOfMemory, "the host ran out of memory, and the kernel killed it"
		}
	default:
		code := status.ExitStatus()
		ended.ExitCode = &code
		if code != 0 {
			ended.Reason = fmt.Sprintf("it ended with exit code %d", code)
		}
	}
}

// stop does what the stop file says. told: a signal came too.
func (s *supervisor) stop(told bool) {
	stop, err := shim.ReadStop(s.dir)
	switch {
	case err == nil:
		s.ask(stop.Cause, stop.Reason, time.Duration(stop.Seconds*float64(time.Second)))
	case told && errors.Is(err, fs.ErrNotExist):
		s.ask(shim.Interrupted, "its shim was told to end by a signal", patience)
	}
}

// ask asks the process to end, and lets it be killed after a while. The first
// cause counts.
func (s *supervisor) ask(cause shim.Cause, reason string, wait time.Duration) {
	if s.cause != "" {
		return
	}
	s.cause, s.reason = cause, reason
	s.kill = time.After(wait)
	_ = unix.Kill(-s.pid, unix.SIGTERM)
	_ = unix.Kill(-s.pid, unix.SIGCONT) // one that is stopped hears nothing
}

// killNow kills the process; what it started dies in finish.
func (s *supervisor) killNow() {
	s.group.kill()
	_ = unix.Kill(-s.pid, unix.SIGKILL)
}

// force ends the process at once.
func (s *supervisor) force(cause shim.Cause, reason string) {
	if s.cause == "" {
		s.cause, s.reason = cause, reason
	}
	s.killNow()
}

// listen looks for the agent's sign of life. Time in which the machine slept
// does not count.
func (s *supervisor) listen() {
	if s.spec.GraceSeconds <= 0 {
		return
	}
	if info, err := os.Stat(s.spec.Alive); err == nil && !info.ModTime().Equal(s.touched) {
		s.touched, s.heard = info.ModTime(), time.Now()
		return
	}
	silent := time.Since(s.heard)
	if silent.Seconds() > s.spec.GraceSeconds*(1-margin) {
		s.force(shim.Abandoned, fmt.Sprintf("the agent of the host gave no sign of life for %s", seconds(silent.Seconds())))
	}
}

// weigh ends a process that, with its descendants, uses more memory than it may.
func (s *supervisor) weigh() {
	if s.spec.Memory <= 0 || s.group != nil || s.cause == shim.OutOfMemory {
		return
	}
	pids := descendants(os.Getpid())
	if resident(pids) > s.spec.Memory && proportional(pids) > s.spec.Memory {
		s.force(shim.OutOfMemory, s.overMemory())
	}
}

func (s *supervisor) overMemory() string {
	return fmt.Sprintf("it used more than the %.1f MiB of memory that it may use; ask for more with resources: memory", float64(s.spec.Memory)/(1<<20))
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond).String()
}
