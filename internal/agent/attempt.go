package agent

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/shim"
)

// What the agent keeps in the directory of an attempt, beside the shim's files.
const (
	ownerFile  = "owner.json"
	taskFile   = "task"        // token of the activity that waits for the end
	planFile   = "plan.json"   // what is to be run
	resultFile = "result.json" // what it gave, once its outputs are stored
	inputsDir  = "inputs"
)

// stopSeconds is what a process has between SIGTERM and SIGKILL.
const stopSeconds = 10

// preemptSeconds is the same where a process makes room for another: it may
// have much to write down.
const preemptSeconds = 30

func interrupted() shim.Stop {
	return shim.Stop{Cause: shim.Interrupted, Reason: "the agent of the host was stopped", Seconds: interruptSeconds - 1}
}

// attempt is an attempt that this host has, from its being taken to its result
// being reported.
type attempt struct {
	agent *Agent
	id    bine.AttemptID
	dir   string
	owner bine.Owner

	gone     chan struct{} // closed when no process of it is left
	reported chan struct{} // closed when all is told and the directory removed
	stopped  chan struct{} // closed when it was asked to stop
	shipped  int64         // bytes of log that the server has

	mu       sync.Mutex
	task     []byte
	stopping bool
}

func (a *Agent) newAttempt(id bine.AttemptID, owner bine.Owner, task []byte) *attempt {
	return &attempt{agent: a, id: id, dir: filepath.Join(a.o.Dir, attemptsDir, string(id)), owner: owner, task: task,
		gone: make(chan struct{}), reported: make(chan struct{}), stopped: make(chan struct{})}
}

func (a *Agent) find(id bine.AttemptID) *attempt {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.attempts[id]
}

// Take takes an attempt over, see activities.Supervisor.
func (a *Agent) Take(ctx context.Context, task []byte, in activities.RunProcessInput) error {
	if _, err := hex.DecodeString(string(in.Attempt)); err != nil || in.Attempt == "" {
		return bine.Errorf(bine.Invalid, "%q is not the id of an attempt", in.Attempt)
	}
	select {
	case <-a.adopted:
	case <-ctx.Done():
		return ctx.Err()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closing {
		return bine.Errorf(bine.Unavailable, "the agent of host %s is about to end", a.o.Host)
	}
	if t := a.attempts[in.Attempt]; t != nil {
		return t.renew(task)
	}
	if end, ok := a.ended(in.Attempt); ok {
		a.work.Go(func() { _ = a.complete(a.ctx, task, end) })
		return nil
	}
	t := a.newAttempt(in.Attempt, in.Owner, task)
	if err := t.create(); err != nil {
		return err
	}
	a.attempts[t.id] = t
	a.work.Go(t.supervise)
	return nil
}

// create makes the directory, complete or not at all.
func (t *attempt) create() error {
	partial := filepath.Join(filepath.Dir(t.dir), ".partial-"+string(t.id))
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.Mkdir(partial, 0o700); err != nil {
		return err
	}
	err := shim.Write(partial, ownerFile, t.owner)
	if err == nil {
		err = shim.WriteBytes(partial, taskFile, t.task)
	}
	if err == nil {
		err = os.Rename(partial, t.dir)
	}
	return err
}

// renew replaces the token: the activity of an earlier one timed out.
func (t *attempt) renew(task []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := shim.WriteBytes(t.dir, taskFile, task); err != nil {
		return err
	}
	t.task = task
	return nil
}

// token gives the token of the activity that waits; nil: none does.
func (t *attempt) token() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.task
}

// drop forgets a token that Temporal no longer knows.
func (t *attempt) drop(task []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if bytes.Equal(t.task, task) {
		t.task = nil
		_ = os.Remove(filepath.Join(t.dir, taskFile))
	}
}

// stop asks for the process to end. Only the first call counts.
func (t *attempt) stop(how shim.Stop) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopping {
		return
	}
	t.stopping = true
	if _, err := shim.ReadStop(t.dir); errors.Is(err, fs.ErrNotExist) {
		if err := shim.Write(t.dir, shim.StopFile, how); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.agent.log.Error("process cannot be told to stop", "attempt", t.id, "error", err)
		}
	}
	close(t.stopped)
	if pid, err := shim.Living(t.dir); err == nil && pid > 0 {
		terminate(pid)
	}
	t.agent.work.Go(func() { t.insist(time.Duration(how.Seconds*float64(time.Second)) + insistAfter) })
}

// insistAfter is how much longer than its shim an agent waits until it kills a
// process itself.
const insistAfter = 5 * time.Second

// insist kills the process of an attempt whose shim does not: it may be stopped.
func (t *attempt) insist(after time.Duration) {
	select {
	case <-t.gone:
	case <-t.agent.ctx.Done():
	case <-time.After(after):
		t.agent.log.Warn("a shim did not end its process; both are killed", "attempt", t.id)
		t.kill()
	}
}

// Stop ends the process of an attempt, see activities.Supervisor.
func (a *Agent) Stop(ctx context.Context, in activities.StopProcessInput) error {
	select {
	case <-a.adopted:
	case <-ctx.Done():
		return ctx.Err()
	}
	t := a.find(in.Attempt)
	if t == nil {
		return nil
	}
	t.stop(shim.Stop{Cause: shim.Cancelled, Reason: in.Reason, Seconds: stopSeconds})
	select {
	case <-t.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-a.ctx.Done():
		return bine.Errorf(bine.Unavailable, "the agent of host %s ended before the process did", a.o.Host)
	}
}

// adopt takes over the attempts that an earlier agent left.
func (a *Agent) adopt() error {
	base := filepath.Join(a.o.Dir, attemptsDir)
	entries, err := os.ReadDir(base)
	if err != nil {
		return fmt.Errorf("read what an earlier agent left: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, entry := range entries {
		dir := filepath.Join(base, entry.Name())
		if strings.HasPrefix(entry.Name(), ".") { // half made or half removed
			discard(dir)
			continue
		}
		t := a.newAttempt(bine.AttemptID(entry.Name()), bine.Owner{}, nil)
		if err := t.load(); err != nil {
			a.log.Error("attempt of an earlier agent cannot be taken over, a power cut may have cost its files", "attempt", t.id, "error", err)
			t.bury()
			continue
		}
		a.attempts[t.id] = t
		a.work.Go(t.supervise)
		a.log.Info("attempt of an earlier agent is taken over", "attempt", t.id, "owner", t.owner)
	}
	return nil
}

// load reads what create and renew wrote.
func (t *attempt) load() error {
	if err := readJSON(filepath.Join(t.dir, ownerFile), &t.owner); err != nil {
		return err
	}
	task, err := os.ReadFile(filepath.Join(t.dir, taskFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(task) > 0 {
		t.task = task
	}
	var p plan
	if readJSON(filepath.Join(t.dir, planFile), &p) == nil {
		t.agent.devices.hold(t.id, p.Assignment.Devices)
	}
	return nil
}

// bury gives an attempt up whose files cannot be read. One whose process may
// have been started counts as lost and is not started again.
func (t *attempt) bury() {
	if shim.HasStarted(t.dir) {
		killMarked(t.id)
		end := activities.RunProcessResult{State: bine.Lost, Failure: bine.FailureLost, Reason: "its files on the host were lost"}
		if err := shim.Write(filepath.Join(t.agent.o.Dir, doneDir), string(t.id), end); err != nil {
			t.agent.log.Error("attempt stays as it is", "attempt", t.id, "error", err)
			return
		}
	}
	discard(t.dir)
}
