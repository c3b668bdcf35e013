package workflows

import (
	"errors"
	"time"

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
	// From is where an execution that waited for long left off.
	From JobProgress `json:"from,omitzero"`
	// Report is the id of a RunSweep that hears of the end by SegmentSignal.
	Report string `json:"report,omitempty"`
}

// JobProgress is how far a RunJob is with its attempts.
type JobProgress struct {
	tries
	Number int             `json:"number,omitempty"` // of attempts made
	Lost   int             `json:"lost,omitempty"`
	Avoid  []bine.HostName `json:"avoid,omitempty"`
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
	end, err := runJob(workflow.WithLocalActivityOptions(ctx, ledger), in)
	if in.Report != "" && err == nil {
		report(ctx, in, end)
	}
	return end, err
}

// report tells whoever wants to know how a job ended, if it is there.
func report(ctx workflow.Context, in RunJobInput, end activities.Outcome) {
	ctx, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	told := activities.SegmentEnd{Key: in.Owner.Item, End: end}
	if err := workflow.SignalExternalWorkflow(ctx, in.Report, "", SegmentSignal, told).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Warn("nobody heard of the end of a process", "owner", in.Owner, "error", err)
	}
}

func runJob(ctx workflow.Context, in RunJobInput) (activities.Outcome, error) {
	if in.From.Began.IsZero() {
		in.From.Began = workflow.Now(ctx)
	}
	for at := &in.From; ; {
		end, host, err := attempt(ctx, in, at.Number+1)
		if err != nil {
			return end, err
		}
		at.Number++
		again, wait := at.after(workflow.Now(ctx), end, host, in.Retry)
		if !again {
			return asStep(end), nil
		}
		if err := workflow.Sleep(ctx, wait); err != nil {
			return activities.Outcome{State: bine.Cancelled, Failure: bine.FailureCancelled, Reason: "cancelled"}, nil
		}
	}
}

// after says whether an attempt that ended on a host is followed by another,
// and how long to wait before that one.
func (p *JobProgress) after(now time.Time, end activities.Outcome, host bine.HostName, retry plan.Retry) (bool, time.Duration) {
	if end.State == bine.Succeeded || end.State == bine.Cancelled || end.Failure == bine.FailureRefused {
		return false, 0
	}
	switch end.Failure {
	case bine.FailureLost, bine.FailureInterrupted, bine.FailurePreempted:
		if p.Lost++; p.Lost > mostLost {
			return false, 0
		}
		if end.Failure == bine.FailureLost && host != "" {
			p.Avoid = []bine.HostName{host}
		}
		return true, lostWait
	default:
		return p.again(now, retry, end.Failure)
	}
}

// asStep is how the step of a last attempt ended: being lost is for attempts.
func asStep(end activities.Outcome) activities.Outcome {
	if end.State == bine.Lost {
		end.State = bine.Failed
	}
	return end
}

// attempt makes one attempt: it asks for resources, waits for them and runs the
// process where they are. Its error is only ever that to continue as new.
func attempt(ctx workflow.Context, in RunJobInput, number int) (activities.Outcome, bine.HostName, error) {
	ask := activities.StartAttemptInput{Owner: in.Owner, Number: number, Workflow: workflow.GetInfo(ctx).WorkflowExecution.ID, Avoid: in.From.Avoid}
	id := bine.NewAttemptID(in.Owner, number)
	granted, err := lease(ctx, ask)
	switch {
	case errors.Is(err, errWaitedLong):
		return activities.Outcome{}, "", workflow.NewContinueAsNewError(ctx, RunJobName, in)
	case err != nil:
		return endAttempt(ctx, id, ended(ctx, err)), "", nil
	case granted.Refused != "":
		return endAttempt(ctx, id, activities.Outcome{State: bine.Failed, Failure: bine.FailureRefused, Reason: granted.Refused}), "", nil
	}
	grace := time.Duration(in.GraceSeconds * float64(time.Second))
	if len(granted.Others) > 0 {
		end, host := runGang(ctx, in.Owner, granted, grace)
		return endAttempt(ctx, id, end), host, nil
	}
	end := runProcess(ctx, activities.RunProcessInput{Attempt: id, Owner: in.Owner}, granted.Host, grace)
	if end.State == bine.Cancelled {
		stopProcess(ctx, id, granted.Host, grace)
	}
	if end.State == bine.Succeeded && in.Owner.Kind == bine.OwnerRun {
		return end, granted.Host, nil // the report of its host wrote everything
	}
	return endAttempt(ctx, id, end), granted.Host, nil
}

// errWaitedLong ends a wait whose history has become long.
var errWaitedLong = errors.New("waited long")

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
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return granted, errWaitedLong // a signal that is lost by this is of no use: it asks first
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
		RetryPolicy:         once,
	}, on, grace)
	for {
		var out activities.RunProcessResult
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), host.RunProcess, in).Get(ctx, &out)
		_, late := timeoutOf(err)
		switch {
		case err == nil:
			return activities.Outcome(out)
		case ctx.Err() != nil:
			return ended(ctx, err)
		case unreached(err):
			return activities.Outcome{State: bine.Lost, Failure: bine.FailureLost, Reason: "host " + string(on) + " did not answer for the grace period"}
		case late: // silent: ask again
		case activities.Interrupted(err) || activities.KindOf(err) == bine.Unavailable: // its agent is about to end: ask the next one
			if err := workflow.Sleep(ctx, lostWait); err != nil {
				return ended(ctx, err)
			}
		default:
			end := ended(ctx, err)
			end.Failure = bine.FailureSetup
			return end
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
