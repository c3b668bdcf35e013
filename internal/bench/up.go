package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What a start and an idle installation may take: milliseconds and MB.
const (
	mostToReady  = 2000
	mostResident = 300
)

// settled is how long an installation is left alone before its memory is read.
const settled = 5 * time.Second

// Program is how an installation is started as a process of its own.
type Program struct {
	Args []string // the program and its arguments
	Env  []string
	URL  string // where it answers
	// Host says whether a host has reported since a moment, so that processes
	// can run.
	Host func(ctx context.Context, since time.Time) bool
}

// Up measures the start of an installation that has been started before, to
// the moment when its readiness check passes and to that when its host can run
// processes, and what memory it takes when idle.
func Up(ctx context.Context, p Program, runs int) ([]Row, error) {
	var ready, host sample
	var resident int64
	for n := range runs + 1 {
		s, err := p.once(ctx, n == runs)
		if err != nil {
			return nil, err
		}
		if n > 0 { // the first one made the data
			ready, host = append(ready, s.ready), append(host, s.host)
		}
		resident = s.resident
	}
	rows := []Row{
		Row{Name: "bine up, warm start to ready", Value: ms(ready.median()), Unit: "ms"}.HeldTo(AtMost(mostToReady)),
		Row{Name: "bine up, warm start until its host can run processes", Value: ms(host.median()), Unit: "ms"}.HeldTo(AtMost(mostToReady)),
	}
	if resident > 0 {
		rows = append(rows, Row{Name: "bine up, resident memory when idle", Value: round(float64(resident) / 1e6), Unit: "MB"}.HeldTo(AtMost(mostResident)))
	}
	return rows, nil
}

// startUp is one start.
type startUp struct {
	ready, host time.Duration
	resident    int64 // bytes; 0 where it was not asked for
}

// once starts the program, waits until it is ready, reads its memory where
// asked to, and stops it.
func (p Program) once(ctx context.Context, memory bool) (s startUp, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.Args[0], p.Args[1:]...)
	var said bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = p.Env, io.Discard, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return s, err
	}
	ended := make(chan struct{})
	var end error
	go func() { end = cmd.Wait(); close(ended) }()
	s, err = p.watch(ctx, began, ended)
	if err == nil && memory {
		if err = pause(ctx, settled); err == nil {
			s.resident, err = residentMemory(cmd.Process.Pid)
		}
	}
	stop := cmd.Process.Signal(syscall.SIGTERM)
	<-ended
	if errors.Is(stop, os.ErrProcessDone) {
		return s, fmt.Errorf("the installation ended by itself: %w: %s", errors.Join(end, err), strings.TrimSpace(said.String()))
	}
	return s, err
}

// watch waits until the installation is ready and its host there.
func (p Program) watch(ctx context.Context, began time.Time, ended <-chan struct{}) (s startUp, err error) {
	if err := until(ctx, ended, func() bool {
		res, err := http.Get(p.URL + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}); err != nil {
		return s, fmt.Errorf("wait until it is ready: %w", err)
	}
	s.ready = time.Since(began)
	if err := until(ctx, ended, func() bool { return p.Host(ctx, began) }); err != nil {
		return s, fmt.Errorf("wait for its host: %w", err)
	}
	s.host = time.Since(began)
	return s, nil
}

// until asks again and again whether something is so.
func until(ctx context.Context, ended <-chan struct{}, is func() bool) error {
	for !is() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			return errors.New("it ended")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// residentMemory reads how many bytes of a process are in memory; 0 where the
// system does not tell.
func residentMemory(pid int) (int64, error) {
	if runtime.GOOS != "linux" {
		return 0, nil
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return parseResident(string(text))
}

func parseResident(status string) (int64, error) {
	for line := range strings.Lines(status) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("the system does not say what memory the process takes")
}
