package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/shim"
)

// supervise sees an attempt to its end. Whatever it finds in the directory, it
// goes on from there.
func (t *attempt) supervise() {
	ctx := t.agent.ctx
	beating, quiet := context.WithCancel(ctx)
	defer quiet()
	t.agent.work.Go(func() { t.beat(beating) })
	for {
		p, err := t.place(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errReplaced) {
			t.depart()
			t.abandon(ctx, err.Error())
			return
		}
		if err != nil {
			t.writeEnd(causeOf(err), err.Error())
		}
		if p == nil {
			break
		}
		t.follow(ctx, p)
		if ctx.Err() != nil {
			return
		}
	}
	t.depart()
	t.finish(ctx)
}

// depart notes that no process of the attempt is left.
func (t *attempt) depart() {
	t.agent.devices.release(t.id)
	close(t.gone)
}

// causeOf says why an attempt whose process was not started ended: one whose
// device has vanished is tried again elsewhere.
func causeOf(err error) shim.Cause {
	if errors.Is(err, errDeviceGone) {
		return shim.Lost
	}
	return shim.Setup
}

// place gives the process of the attempt, started now where none ever was. No
// process and no error: it has ended, and how is written.
func (t *attempt) place(ctx context.Context) (*process, error) {
	if _, err := shim.ReadEnded(t.dir); err == nil {
		return nil, nil
	}
	p, err := t.attach(ctx)
	if p != nil || err != nil {
		return p, err
	}
	if _, err := shim.ReadEnded(t.dir); err == nil { // it ended while we looked
		return nil, nil
	}
	if shim.HasStarted(t.dir) {
		killMarked(t.id)
		if stop, err := shim.ReadStop(t.dir); err == nil {
			t.writeEnd(stop.Cause, stop.Reason)
		} else {
			t.writeEnd(shim.Lost, "its shim vanished"+t.lastWords())
		}
		return nil, nil
	}
	if text := t.lastWords(); text != "" {
		return nil, fmt.Errorf("its process could not be started%s", text)
	}
	if err := t.prepare(ctx); err != nil {
		if stop, stopped := shim.ReadStop(t.dir); stopped == nil {
			t.writeEnd(stop.Cause, stop.Reason)
			return nil, nil
		}
		return nil, err
	}
	if t.agent.devices.holds(t.id) && t.agent.tenure.at() != good { // this agent may have stood still meanwhile
		t.writeEnd(shim.Lost, "the server was not heard of for so long that its devices are not its own any more")
		return nil, nil
	}
	return t.spawn()
}

// attach gives the process whose shim lives.
func (t *attempt) attach(ctx context.Context) (*process, error) {
	for {
		pid, err := shim.Living(t.dir)
		if err != nil || pid == 0 {
			return nil, err
		}
		if pid > 0 {
			p, err := watchOrphan(pid)
			if err != nil {
				return nil, err
			}
			if again, err := shim.Living(t.dir); err == nil && again == pid {
				return p, nil
			}
			p.close()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// follow stays with a process until it is gone, or the agent ends.
func (t *attempt) follow(ctx context.Context, p *process) {
	running, over := context.WithCancel(ctx)
	defer over()
	var helpers sync.WaitGroup
	helpers.Go(func() { t.reportStart(running, p) })
	helpers.Go(func() { t.shipWhile(running) })
	helpers.Go(func() { t.awaitReady(running) })
	p.wait(ctx)
	over()
	helpers.Wait()
}

// writeEnd writes how an attempt ended that no shim supervises.
func (t *attempt) writeEnd(cause shim.Cause, reason string) {
	end := shim.Ended{Version: shim.Version, Cause: cause, Reason: reason, EndedAt: time.Now()}
	if err := shim.Write(t.dir, shim.EndedFile, end); err != nil {
		t.agent.log.Error("end of an attempt cannot be written", "attempt", t.id, "error", err)
	}
}

// lastWords gives what a shim that broke wrote, in the form ": text".
func (t *attempt) lastWords() string {
	text, err := os.ReadFile(filepath.Join(t.dir, shim.ErrorFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ": " + err.Error()
	}
	words := strings.TrimSpace(string(text[:min(len(text), 2000)]))
	if words == "" {
		return ""
	}
	return ": " + words
}

// abandon ends the work on an attempt that was replaced by a later one.
func (t *attempt) abandon(ctx context.Context, reason string) {
	t.agent.log.Info("attempt is no longer current here", "attempt", t.id, "reason", reason)
	t.settle(ctx, outcome(bine.AttemptResult{State: bine.Lost, Failure: bine.FailureLost, Reason: reason}))
}
