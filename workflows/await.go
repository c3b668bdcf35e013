package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
)

// WakeSignal tells a workflow that waits for something outside, AwaitStep,
// RunBackfill or a RunPipeline whose turn has not come, to look again. A signal
// that is lost does no harm: they look again by themselves. GrantedSignal means
// the same to them.
const WakeSignal = "wake"

// shortestRest keeps a wait whose engine asks for none from spinning.
const shortestRest = 200 * time.Millisecond

// AwaitStep waits for what a step waits for: that its turn comes, or what the
// step itself is for. It holds no worker meanwhile.
func AwaitStep(ctx workflow.Context, in activities.AwaitInput) (activities.Outcome, error) {
	in.Workflow = workflow.GetInfo(ctx).WorkflowExecution.ID
	telling := workflow.NewWaitGroup(ctx)
	for {
		var now activities.Awaited
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, look), awaits.CheckAwait, in).Get(ctx, &now)
		if now.Notify {
			telling.Add(1)
			workflow.Go(ctx, func(ctx workflow.Context) {
				defer telling.Done()
				sendNotices(ctx, in.RunRef)
			})
		}
		switch {
		case ctx.Err() != nil:
			return abandon(ctx, in, activities.Outcome{State: bine.Cancelled, Failure: bine.FailureCancelled, Reason: "cancelled"}), nil
		case err != nil:
			return abandon(ctx, in, ended(ctx, err)), nil
		case now.State != bine.Waiting:
			telling.Wait(ctx)
			return activities.Outcome{State: now.State, Reason: now.Reason}, nil
		case workflow.GetInfo(ctx).GetContinueAsNewSuggested():
			telling.Wait(ctx)
			return activities.Outcome{}, workflow.NewContinueAsNewError(ctx, AwaitStepName, in)
		}
		if rest(ctx, max(shortestRest, activities.Seconds(now.Again))) != nil {
			return abandon(ctx, in, activities.Outcome{State: bine.Cancelled, Failure: bine.FailureCancelled, Reason: "cancelled"}), nil
		}
	}
}

// abandon gives up what a step waits for, also after a cancel.
func abandon(ctx workflow.Context, in activities.AwaitInput, end activities.Outcome) activities.Outcome {
	ctx, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, look), awaits.AbandonAwait, in).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Warn("what a step waits for was not given up", "step", in.Step, "error", err)
	}
	return end
}

// awaitStep runs AwaitStep as a child.
func awaitStep(ctx workflow.Context, id string, in activities.AwaitInput) (out activities.Outcome, err error) {
	err = workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, child(id)), AwaitStepName, in).Get(ctx, &out)
	return out, err
}

// rest waits for some time, or until somebody says that there is something to
// see. Its error is that the workflow was cancelled.
func rest(ctx workflow.Context, most time.Duration) error {
	timer, cancel := workflow.WithCancel(ctx)
	defer cancel()
	sel := workflow.NewSelector(ctx)
	for _, name := range []string{GrantedSignal, WakeSignal} {
		signals := workflow.GetSignalChannel(ctx, name)
		sel.AddReceive(signals, func(c workflow.ReceiveChannel, _ bool) {
			c.Receive(ctx, nil)
			for c.ReceiveAsync(nil) { // one look is enough for all of them
			}
		})
	}
	sel.AddFuture(workflow.NewTimer(timer, most), func(workflow.Future) {})
	sel.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
	sel.Select(ctx)
	return ctx.Err()
}
