package workflows

import (
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
)

// RunJobInput starts the process of a step, an item or a model server.
type RunJobInput struct {
	Owner        bine.Owner `json:"owner"`
	Retry        plan.Retry `json:"retry"`
	GraceSeconds float64    `json:"grace_seconds"`
}

// GrantedSignal tells a waiting attempt where its resources are.
const GrantedSignal = "granted"

// GrantedInput is what the signal carries.
type GrantedInput struct {
	Attempt bine.AttemptID `json:"attempt"`
	Host    bine.HostName  `json:"host"`
}

const (
	// mostLost bounds the attempts that are tried again without counting,
	// because their host or process vanished: past it the fault is elsewhere.
	mostLost = 100
	lostWait = time.Second
)

// RunJob runs a process to its end, in numbered attempts. An attempt that
// failed is tried again as the retry says; one that was lost or interrupted, in
// any case.
func RunJob(ctx workflow.Context, in RunJobInput) (activities.Outcome, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, ledger)
	var avoid []bine.HostName
	for number, counted, lost := 1, 0, 0; ; number++ {
		end, host := attempt(ctx, in, number, avoid)
		if end.State == bine.Succeeded || end.State == bine.Cancelled || end.Failure == bine.FailureRefused {
			return end, nil
		}
		var wait time.Duration
		switch end.Failure {
		case bine.FailureLost, bine.FailureInterrupted:
			if lost++; lost > mostLost {
				return end, nil
			}
			wait = lostWait
			if end.Failure == bine.FailureLost && host != "" {
				avoid = []bine.HostName{host}
			}
		default:
			counted++
			again, pause := in.Retry.Again(end.Failure, counted)
			if !again {
				return end, nil
			}
			wait = pause
		}
		if err := workflow.Sleep(ctx, wait); err != nil {
			return activities.Outcome{State: bine.Cancelled, Failure: bine.FailureCancelled, Reason: "cancelled"}, nil
		}
	}
}

// attempt makes one attempt: it asks for resources, waits for them and runs the
// process where they are.
func attempt(ctx workflow.Context, in RunJobInput, number int, avoid []bine.HostName) (activities.Outcome, bine.HostName) {
	ask := activities.StartAttemptInput{Owner: in.Owner, Number: number, Workflow: workflow.GetInfo(ctx).WorkflowExecution.ID, Avoid: avoid}
	id := bine.NewAttemptID(in.Owner, number)
	granted, err := lease(ctx, ask)
	if err != nil {
		return endAttempt(ctx, id, ended(ctx, err)), ""
	}
	if granted.Refused != "" {
		return endAttempt(ctx, id, activities.Outcome{State: bine.Failed, Failure: bine.FailureRefused, Reason: granted.Refused}), ""
	}
	grace := time.Duration(in.GraceSeconds * float64(time.Second))
	end := runProcess(ctx, activities.RunProcessInput{Attempt: id, Owner: in.Owner}, granted.Host, grace)
	if end.State == bine.Cancelled {
		stopProcess(ctx, id, granted.Host, grace)
	}
	if end.State == bine.Succeeded {
		return end, granted.Host
	}
	return endAttempt(ctx, id, end), granted.Host
}

// lease waits until an attempt has its resources. Nobody's worker is held.
func lease(ctx workflow.Context, ask activities.StartAttemptInput) (activities.Granted, error) {
	signals := workflow.GetSignalChannel(ctx, GrantedSignal)
	for {
		var granted activities.Granted
		if err := workflow.ExecuteLocalActivity(ctx, attempts.StartAttempt, ask).Get(ctx, &granted); err != nil {
			return granted, err
		}
		if granted.Host != "" || granted.Refused != "" {
			return granted, nil
		}
		timer, cancel := workflow.WithCancel(ctx)
		sel := workflow.NewSelector(ctx)
		sel.AddReceive(signals, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
		sel.AddFuture(workflow.NewTimer(timer, askAgain), func(workflow.Future) {})
		sel.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
		sel.Select(ctx)
		cancel()
		if ctx.Err() != nil {
			return granted, ctx.Err()
		}
	}
}

// runProcess runs a process on a host. A host that falls silent is asked again,
// under the same attempt, which attaches; only when its agent does not come
// back within the grace period, at whose end its shim has killed the process,
// is the attempt lost.
func runProcess(ctx workflow.Context, in activities.RunProcessInput, on bine.HostName, grace time.Duration) activities.Outcome {
	options := onHost(workflow.ActivityOptions{
		StartToCloseTimeout: processLongest,
		HeartbeatTimeout:    processBeat,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
	}, on, grace)
	for {
		var out activities.RunProcessResult
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), host.RunProcess, in).Get(ctx, &out)
		if err == nil {
			return activities.Outcome(out)
		}
		late, isTimeout := errors.AsType[*temporal.TimeoutError](err)
		if ctx.Err() != nil || !isTimeout {
			return ended(ctx, err)
		}
		if late.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START {
			return activities.Outcome{State: bine.Lost, Failure: bine.FailureLost, Reason: "host " + string(on) + " did not answer for the grace period"}
		}
	}
}

// stopProcess ends a process after a cancel, where its host can be reached;
// where it cannot, its shim ends it within the grace period.
func stopProcess(ctx workflow.Context, id bine.AttemptID, on bine.HostName, grace time.Duration) {
	ctx, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	options := onHost(workflow.ActivityOptions{StartToCloseTimeout: stopWithin, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 3}}, on, grace)
	in := activities.StopProcessInput{Attempt: id, Reason: "cancelled"}
	if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), host.StopProcess, in).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Warn("process was not seen to end", "attempt", id, "error", err)
	}
}

// endAttempt writes how an attempt ended, also after a cancel, and gives its
// resources back. What the host reported first stands.
func endAttempt(ctx workflow.Context, id bine.AttemptID, end activities.Outcome) activities.Outcome {
	ctx, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	ctx = workflow.WithLocalActivityOptions(ctx, ledger)
	var out activities.Outcome
	if err := workflow.ExecuteLocalActivity(ctx, attempts.EndAttempt, activities.EndAttemptInput{Attempt: id, End: end}).Get(ctx, &out); err != nil {
		return end
	}
	return out
}
