package uv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/bine-ml/bine"
)

// uv runs uv and streams what it says to log. Where the index does not answer
// it tries once more with what the cache holds. What went wrong comes back as
// an error for people.
func (b *Builder) uv(ctx context.Context, cache string, log io.Writer, args ...string) error {
	err := b.runUV(ctx, cache, log, args...)
	if !bine.IsKind(err, bine.Unavailable) || ctx.Err() != nil {
		return err
	}
	fmt.Fprintln(log, "the package index does not answer: trying with what is in the cache")
	if offline := b.runUV(ctx, cache, log, append(slices.Clone(args), "--offline")...); offline != nil {
		return err
	}
	return nil
}

func (b *Builder) runUV(ctx context.Context, cache string, log io.Writer, args ...string) error {
	set := b.settings()
	if set.noIndex && args[0] == "pip" {
		args = append(slices.Clone(args), "--no-index")
	}
	cmd := exec.CommandContext(ctx, b.config.Program, args...)
	cmd.Env = append(slices.Clone(set.environ), "UV_CACHE_DIR="+cache)
	said, err := b.run(cmd, log, nil)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return explain(said, err)
}

// run starts a command in a process group of its own and waits for it. Its
// standard output goes to out, or nowhere; what it says on standard error goes
// to log without secrets, and the last of it comes back.
func (b *Builder) run(cmd *exec.Cmd, log io.Writer, out io.Writer) (string, error) {
	said := &lines{log: log}
	cmd.Stdout, cmd.Stderr = out, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if b.config.Prepare != nil {
		if err := b.config.Prepare(cmd); err != nil {
			return "", err
		}
	}
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well, and left a child that holds its output open
	}
	return said.end(), err
}

var credentials = regexp.MustCompile(`://[^/\s@]+@`)

// tailSize is how much of what a command says is kept to explain a failure.
const tailSize = 64 << 10

// lines passes whole lines on, with the credentials in addresses made
// unreadable, and keeps the last of them.
type lines struct {
	log  io.Writer
	mu   sync.Mutex
	part []byte
	tail []byte
}

// Write takes any part of the output.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, p...)
	for {
		i := bytes.IndexByte(l.part, '\n')
		if i < 0 && len(l.part) < tailSize {
			return len(p), nil
		}
		if i < 0 {
			i = len(l.part) - 1
		}
		l.pass(l.part[:i+1])
		l.part = l.part[i+1:]
	}
}

func (l *lines) pass(line []byte) {
	line = credentials.ReplaceAll(line, []byte("://***@"))
	_, _ = l.log.Write(line) // the log is for people: the work goes on without it
	l.tail = append(l.tail, line...)
	if len(l.tail) > tailSize {
		l.tail = append([]byte(nil), l.tail[len(l.tail)-tailSize:]...)
	}
}

// end passes on what stands without a line break, and gives the tail.
func (l *lines) end() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.part) > 0 {
		l.pass(append(l.part, '\n'))
		l.part = nil
	}
	return string(l.tail)
}
