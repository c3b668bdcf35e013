package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
)

// doStep does one step, item or batch to its end, which it gives.
func doStep(ctx workflow.Context, ref activities.StepRef, step plan.Step, grace float64) activities.Outcome {
	limited := within(ctx, step.Total)
	defer limited.cancel()
	end, written := tryStep(limited.ctx, ref, step, grace)
	if written || end.State.OK() {
		return end
	}
	return settle(ctx, ref, limited.verdict(end))
}

// limit is a time within which something has to be done.
type limit struct {
	ctx    workflow.Context // ends when the time is over
	cancel func()
	outer  workflow.Context
	most   float64 // seconds
	over   bool
}

// within gives a limit of some seconds; 0 is none.
func within(ctx workflow.Context, seconds float64) *limit {
	l := &limit{ctx: ctx, cancel: func() {}, outer: ctx, most: seconds}
	if seconds > 0 {
		l.ctx, l.cancel = workflow.WithCancel(ctx)
		after(l.ctx, seconds, func(workflow.Context) { l.over = true; l.cancel() })
	}
	return l
}

// verdict says how something ended that was cancelled because its time was over.
func (l *limit) verdict(end activities.Outcome) activities.Outcome {
	if !l.over || l.outer.Err() != nil {
		return end
	}
	return activities.Outcome{State: bine.Failed, Failure: bine.FailureTimeout, Reason: fmt.Sprintf("it took longer than %s in all", activities.Seconds(l.most))}
}

// tryStep resolves a step, item or batch and, where something is left to do,
// does that: as a process, by waiting, or here. written is set where the ledger
// has the end already.
func tryStep(ctx workflow.Context, ref activities.StepRef, step plan.Step, grace float64) (end activities.Outcome, written bool) {
	todo, err := resolve(ctx, ref)
	if err != nil {
		return ended(ctx, err), false
	}
	if todo.State.Ended() {
		return activities.Outcome{State: todo.State, Reason: todo.Reason}, todo.State != bine.Cancelled
	}
	var out activities.Outcome
	switch {
	case step.Sweep && ref.Item == "":
		in := RunSweepInput{StepRef: ref, Retry: step.Retry, GraceSeconds: grace}
		id := StepWorkflowID(ref.Project, ref.Run, ref.Step, "")
		err = workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, child(id)), RunSweepName, in).Get(ctx, &out)
	case step.Process:
		owner := bine.Owner{Project: ref.Project, Kind: bine.OwnerRun, Name: string(ref.Run), Step: ref.Step, Item: ref.Item}
		in := RunJobInput{Owner: owner, Retry: step.Retry, GraceSeconds: grace}
		id := OwnerWorkflowID(owner)
		err = workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, child(id)), RunJobName, in).Get(ctx, &out)
	case step.Waits:
		out, err = awaitStep(ctx, StepWorkflowID(ref.Project, ref.Run, ref.Step, ref.Item), activities.AwaitInput{StepRef: ref})
	default:
		out, err = performStep(ctx, ref, step)
	}
	if err != nil {
		out = ended(ctx, err)
	}
	return out, false
}

// resolve finds out what is left to do for a step, when its turn has come. Where
// it cannot come, the ledger does not know that yet: it is an error.
func resolve(ctx workflow.Context, ref activities.StepRef) (activities.Resolved, error) {
	for {
		var todo activities.Resolved
		if err := workflow.ExecuteLocalActivity(about(ctx, ref), runs.ResolveStep, ref).Get(ctx, &todo); err != nil || todo.State != bine.Waiting {
			return todo, err
		}
		in := activities.AwaitInput{StepRef: ref, Turn: true}
		out, err := awaitStep(ctx, TurnWorkflowID(ref.Project, ref.Run, ref.Step, ref.Item), in)
		if err != nil {
			return todo, err
		}
		switch out.State {
		case bine.Pending:
		case bine.Cancelled:
			return todo, temporal.NewCanceledError()
		default:
			return todo, errors.New(out.Reason)
		}
	}
}

// performStep does a light step. What the step itself did wrong is tried again
// as its retry says; a worker that vanished or stopped in the middle of it is
// nobody's fault and does not count.
func performStep(ctx workflow.Context, ref activities.StepRef, step plan.Step) (activities.Outcome, error) {
	options := long
	options.RetryPolicy = once
	if step.Timeout > 0 {
		options.StartToCloseTimeout = time.Duration(step.Timeout * float64(time.Second))
	}
	ctx = workflow.WithActivityOptions(ctx, options)
	tries := tries{Began: workflow.Now(ctx)}
	for lost := 0; ; {
		var out activities.Outcome
		err := workflow.ExecuteActivity(ctx, runs.PerformStep, ref).Get(ctx, &out)
		if err == nil || ctx.Err() != nil {
			return out, err
		}
		wait := lostWait
		switch failure := failureOf(err); failure {
		case bine.FailureLost:
			if lost++; lost > mostLost {
				return out, err
			}
		default:
			again, pause := tries.again(workflow.Now(ctx), step.Retry, failure)
			if !again || final(err) {
				return out, err
			}
			wait = pause
		}
		if err := workflow.Sleep(ctx, wait); err != nil {
			return out, err
		}
	}
}

// tries counts attempts that failed, for each rule of a retry.
type tries struct {
	Counted int       `json:"counted,omitempty"` // by the first rule
	More    []int     `json:"more,omitempty"`    // by those that follow
	Began   time.Time `json:"began,omitzero"`    // when the first attempt did
}

// again counts an attempt that ended with f, and says whether another follows
// and how long to wait before that one.
func (t *tries) again(now time.Time, retry plan.Retry, f bine.Failure) (bool, time.Duration) {
	number, rule, found := retry.Rule(f)
	if !found {
		t.Counted++
		return false, 0
	}
	count := &t.Counted
	if number > 0 {
		for len(t.More) < number {
			t.More = append(t.More, 0)
		}
		count = &t.More[number-1]
	}
	*count++
	again, wait := rule.Again(f, *count)
	if again && rule.Within > 0 && now.Add(wait).Sub(t.Began) > activities.Seconds(rule.Within) {
		return false, 0
	}
	return again, wait
}

// settle writes how a step ended that did not succeed, also after a cancel, and
// answers how it stands in the ledger.
func settle(ctx workflow.Context, ref activities.StepRef, end activities.Outcome) activities.Outcome {
	ctx, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	ctx = workflow.WithLocalActivityOptions(ctx, ledger)
	var out activities.Outcome
	in := activities.SettleStepInput{StepRef: ref, End: end}
	if err := workflow.ExecuteLocalActivity(about(ctx, ref), runs.SettleStep, in).Get(ctx, &out); err != nil {
		return end
	}
	return out
}
