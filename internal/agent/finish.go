package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/internal/shim"
)

// beatEvery is how often Temporal hears of an activity that waits for a process,
// a third of what it waits.
const beatEvery = 10 * time.Second

// beat tells Temporal that the attempt is worked on, and does what it answers.
func (t *attempt) beat(ctx context.Context) {
	every(ctx, t.agent.o.Heartbeat, func() {
		task := t.token()
		if task == nil {
			return
		}
		err := brief(func(ctx context.Context) error { return t.agent.o.Temporal.RecordActivityHeartbeat(ctx, task) })(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
		case unknown(err):
			t.drop(task) // a new task of the same attempt may come
		case isCancelled(err):
			t.stop(shim.Stop{Cause: shim.Cancelled, Reason: "cancelled", Seconds: stopSeconds})
		default:
			t.agent.log.Warn("heartbeat of a process got no answer; it goes on", "attempt", t.id, "error", err)
		}
	})
}

func unknown(err error) bool {
	_, ok := errors.AsType[*serviceerror.NotFound](err)
	return ok
}

func isCancelled(err error) bool {
	_, ok := errors.AsType[*temporal.CanceledError](err)
	return ok
}

// reportStart tells the server that the process runs.
func (t *attempt) reportStart(ctx context.Context, p *process) {
	select {
	case <-p.started:
	case <-ctx.Done():
	}
	if !shim.HasStarted(t.dir) {
		return
	}
	calling := t.agent.ctx // a call that is on its way is let finish when the process has ended
	err := t.agent.persist(ctx, "report the start of a process", func(context.Context) error {
		return brief(func(ctx context.Context) error {
			return t.agent.o.API.AttemptStarted(ctx, t.id, client.StartedAttempt{Host: t.agent.o.Host})
		})(calling)
	}, whileAway)
	if bine.IsKind(err, bine.Fenced) {
		t.stop(shim.Stop{Cause: shim.Cancelled, Reason: err.Error(), Seconds: stopSeconds})
	}
}

// finish reports an attempt that has ended. It can be repeated from its
// beginning at any point.
func (t *attempt) finish(ctx context.Context) {
	result, err := t.result(ctx)
	if err != nil {
		return // the agent ends
	}
	if t.shipAll(ctx) != nil {
		return
	}
	report := func() error {
		return t.agent.persist(ctx, "report the end of a process", brief(func(ctx context.Context) error {
			return t.agent.o.API.AttemptEnded(ctx, t.id, result)
		}), whileAway)
	}
	err = report()
	switch {
	case ctx.Err() != nil:
		return
	case bine.IsKind(err, bine.Fenced) || bine.IsKind(err, bine.NotFound):
		t.abandon(ctx, err.Error())
		return
	case err != nil: // the server refuses what the process gave
		result = refused(result, err)
		if err = report(); ctx.Err() != nil {
			return
		}
		if err != nil {
			t.agent.log.Error("end of a process was refused by the server", "attempt", t.id, "error", err)
		}
	}
	t.settle(ctx, outcome(result))
}

// refused is result without its outputs, which the server does not take.
func refused(result bine.AttemptResult, why error) bine.AttemptResult {
	return bine.AttemptResult{State: bine.Failed, Failure: bine.FailureOutput, Reason: "its outputs were refused: " + why.Error(),
		ExitCode: result.ExitCode, Usage: result.Usage, StartedAt: result.StartedAt, EndedAt: result.EndedAt}
}

// result gives what the attempt gave, and stores its outputs the first time.
func (t *attempt) result(ctx context.Context) (bine.AttemptResult, error) {
	var result bine.AttemptResult
	if readJSON(filepath.Join(t.dir, resultFile), &result) == nil {
		return result, nil
	}
	end, err := shim.ReadEnded(t.dir)
	if err != nil {
		end = shim.Ended{Cause: shim.Lost, Reason: "how it ended is not known: " + err.Error(), EndedAt: time.Now()}
	}
	result = judge(end)
	if code := result.ExitCode; result.Failure == bine.FailureError && code != nil && *code == bine.ConfigExit && t.segment() != nil {
		result.Failure, result.Reason = bine.FailureConfig, "it says that its configuration can't be"
	}
	if result.State == bine.Succeeded {
		err := t.agent.persist(ctx, "store outputs", func(ctx context.Context) error { return t.collect(ctx, &result) }, whileSilent)
		if ctx.Err() != nil {
			return result, ctx.Err()
		}
		if bine.IsKind(err, bine.Unauthenticated) || bine.IsKind(err, bine.Fenced) { // the job token ends with its attempt
			result = bine.AttemptResult{State: bine.Lost, Failure: bine.FailureLost, Reason: "the attempt was ended by the server before its outputs were stored"}
		} else if err != nil {
			result = bine.AttemptResult{State: bine.Failed, Failure: bine.FailureOutput, Reason: err.Error(), ExitCode: result.ExitCode,
				Items: result.Items, Metrics: result.Metrics, Usage: result.Usage, StartedAt: result.StartedAt, EndedAt: result.EndedAt}
		}
	}
	if result.State != bine.Succeeded && result.State != bine.Cancelled && result.Failure != bine.FailureOutput {
		// What explains a failure, or lets the next attempt go on from where this one was, is worth a try, not more: the failure stands without it.
		if err := brief(func(ctx context.Context) error { return t.keep(ctx, &result) })(ctx); err != nil {
			t.agent.log.Warn("what a failed process left is not kept", "attempt", t.id, "error", err)
		}
	}
	if err := shim.Write(t.dir, resultFile, result); err != nil {
		t.agent.log.Warn("result is not kept on disk; it is computed again after a crash", "attempt", t.id, "error", err)
	}
	return result, nil
}

// judge says what an end means.
func judge(end shim.Ended) bine.AttemptResult {
	r := bine.AttemptResult{State: bine.Failed, Reason: end.Reason, ExitCode: end.ExitCode, StartedAt: end.StartedAt, EndedAt: &end.EndedAt}
	if end.StartedAt != nil {
		r.Usage = &bine.Usage{CPUSeconds: end.CPUSeconds, PeakMemory: end.PeakMemory}
	}
	switch end.Cause {
	case shim.Exited:
		r.Failure = bine.FailureError
		if end.ExitCode != nil && *end.ExitCode == 0 {
			r.State, r.Failure = bine.Succeeded, ""
		}
	case shim.OutOfMemory:
		r.Failure = bine.FailureMemory
	case shim.TimedOut, shim.Unready:
		r.Failure = bine.FailureTimeout
	case shim.Cancelled:
		r.State, r.Failure = bine.Cancelled, bine.FailureCancelled
	case shim.Interrupted:
		r.State, r.Failure = bine.Lost, bine.FailureInterrupted
	case shim.Preempted:
		r.State, r.Failure = bine.Lost, bine.FailurePreempted
	case shim.NotStarted, shim.Setup:
		r.Failure = bine.FailureSetup
	default:
		r.State, r.Failure = bine.Lost, bine.FailureLost
	}
	return r
}

func outcome(r bine.AttemptResult) activities.RunProcessResult {
	return activities.RunProcessResult{State: r.State, Failure: r.Failure, Reason: r.Reason}
}

// settle completes the activity and forgets the attempt, but for how it ended:
// an activity that comes for it later is completed with the same.
func (t *attempt) settle(ctx context.Context, end activities.RunProcessResult) {
	a := t.agent
	if err := shim.Write(filepath.Join(a.o.Dir, doneDir), string(t.id), end); err != nil {
		a.log.Warn("end of an attempt is not kept", "attempt", t.id, "error", err)
	}
	for {
		task := t.token()
		if task != nil && a.complete(ctx, task, end) != nil {
			return // the agent ends
		}
		if t.leave(task) {
			close(t.reported)
			return
		}
	}
}

// leave removes the attempt, unless another activity came for it meanwhile.
func (t *attempt) leave(task []byte) bool {
	t.agent.mu.Lock()
	defer t.agent.mu.Unlock()
	if now := t.token(); now != nil && !bytes.Equal(now, task) {
		return false
	}
	delete(t.agent.attempts, t.id)
	gone := filepath.Join(filepath.Dir(t.dir), ".gone-"+string(t.id))
	if err := os.Rename(t.dir, gone); err != nil {
		t.agent.log.Warn("directory of an attempt stays", "attempt", t.id, "error", err)
		return true
	}
	t.agent.work.Go(func() { discard(gone) })
	return true
}

// complete completes an activity; one that Temporal no longer knows is none.
func (a *Agent) complete(ctx context.Context, task []byte, end activities.RunProcessResult) error {
	return a.persist(ctx, "complete an activity", brief(func(ctx context.Context) error {
		err := a.o.Temporal.CompleteActivity(ctx, task, end, nil)
		if unknown(err) {
			return nil
		}
		if _, ok := errors.AsType[*serviceerror.InvalidArgument](err); ok {
			a.log.Error("activity cannot be completed", "error", err)
			return nil
		}
		return err
	}), always)
}

// ended gives how an attempt ended whose directory is gone.
func (a *Agent) ended(id bine.AttemptID) (activities.RunProcessResult, bool) {
	var end activities.RunProcessResult
	err := readJSON(filepath.Join(a.o.Dir, doneDir, string(id)), &end)
	return end, err == nil
}

// discard removes a directory, also where a process took rights away from it.
func discard(dir string) {
	if os.RemoveAll(dir) == nil {
		return
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	_ = os.RemoveAll(dir) // what is left goes at the next start
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}
