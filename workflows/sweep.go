package workflows

import (
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
)

// SegmentSignal tells a RunSweep that a process of it has ended; it carries an
// activities.SegmentEnd. The processes are not its children for good: it goes
// on as a new execution while they run.
const SegmentSignal = "segment_ended"

// RunSweepInput starts the search of a step.
type RunSweepInput struct {
	activities.StepRef
	Retry        plan.Retry    `json:"retry"`
	GraceSeconds float64       `json:"grace_seconds"`
	From         SweepProgress `json:"from,omitzero"`
}

// SweepProgress is how far a RunSweep is: what else there is to know of the
// search is in its log.
type SweepProgress struct {
	After int64                   `json:"after,omitempty"` // the last decision that was acted on
	Open  []string                `json:"open,omitempty"`  // segments whose processes go on
	Ended []activities.SegmentEnd `json:"ended,omitempty"` // that the log does not have yet
}

// sweepRun is the state of a RunSweep in progress.
type sweepRun struct {
	in   RunSweepInput
	at   SweepProgress
	ends workflow.ReceiveChannel // signals of segments
	gone workflow.Channel        // says that a child closed of which nobody had told
}

// RunSweep begins the processes that a search decides for, tells it how they
// ended, and so on until it says that it is over. How the step ended that way is
// in the ledger where it succeeded.
func RunSweep(ctx workflow.Context, in RunSweepInput) (activities.Outcome, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, ledger)
	r := &sweepRun{in: in, at: in.From, ends: workflow.GetSignalChannel(ctx, SegmentSignal), gone: workflow.NewBufferedChannel(ctx, GroupSize)}
	for {
		now, err := r.advance(ctx, false)
		if err != nil {
			return r.cancel(ctx, ended(ctx, err))
		}
		if now.End != nil && len(r.at.Open) == 0 {
			return *now.End, nil
		}
		r.obey(ctx, now.Orders)
		if now.More || len(r.at.Ended) > 0 {
			continue
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			r.drain()
			in.From = r.at
			return activities.Outcome{}, workflow.NewContinueAsNewError(ctx, RunSweepName, in)
		}
		if r.wait(ctx) != nil {
			return r.cancel(ctx, activities.Outcome{State: bine.Cancelled, Failure: bine.FailureCancelled, Reason: "cancelled"})
		}
	}
}

// advance tells the log what ended and asks what to do.
func (r *sweepRun) advance(ctx workflow.Context, cancel bool) (activities.SweepAdvanced, error) {
	in := activities.AdvanceSweepInput{StepRef: r.in.StepRef, After: r.at.After, Ended: r.at.Ended, Cancel: cancel}
	var now activities.SweepAdvanced
	if err := workflow.ExecuteLocalActivity(about(ctx, r.in.StepRef), sweeps.AdvanceSweep, in).Get(ctx, &now); err != nil {
		return now, err
	}
	r.at.Ended = slices.Clip(r.at.Ended[len(in.Ended):])
	r.at.After = now.After
	return now, nil
}

// obey begins and ends processes; it returns when those that it began are there.
func (r *sweepRun) obey(ctx workflow.Context, orders []activities.SweepOrder) {
	var starting []func()
	for _, order := range orders {
		if order.Begin != "" {
			starting = append(starting, r.begin(ctx, order.Begin))
		}
		if order.Stop != "" && slices.Contains(r.at.Open, order.Stop) {
			r.stop(ctx, order.Stop)
		}
	}
	for _, started := range starting {
		started()
	}
}

func (r *sweepRun) owner(key string) bine.Owner {
	return bine.Owner{Project: r.in.Project, Kind: bine.OwnerRun, Name: string(r.in.Run), Step: r.in.Step, Item: key}
}

// begin starts the process of a segment, which goes on without this execution.
// What it gives waits until it is there.
func (r *sweepRun) begin(ctx workflow.Context, key string) (started func()) {
	alone, _ := workflow.NewDisconnectedContext(ctx)
	options := child(OwnerWorkflowID(r.owner(key)))
	options.ParentClosePolicy = enumspb.PARENT_CLOSE_POLICY_ABANDON
	in := RunJobInput{Owner: r.owner(key), Retry: r.in.Retry, GraceSeconds: r.in.GraceSeconds, Report: workflow.GetInfo(ctx).WorkflowExecution.ID}
	r.at.Open = append(r.at.Open, key)
	process := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(alone, options), RunJobName, in)
	return func() {
		err := process.GetChildWorkflowExecution().Get(alone, nil)
		if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			return // it was begun before, and will tell
		}
		workflow.GoNamed(alone, key, func(ctx workflow.Context) {
			var out activities.Outcome
			if err := process.Get(ctx, &out); err != nil { // also one that was ended from outside is told of
				out = ended(ctx, err)
			}
			if r.hear(activities.SegmentEnd{Key: key, End: out}) {
				r.gone.Send(ctx, nil)
			}
		})
	}
}

// stop asks the process of a segment to end. One that has ended will tell.
func (r *sweepRun) stop(ctx workflow.Context, key string) {
	alone, _ := workflow.NewDisconnectedContext(ctx)
	workflow.RequestCancelExternalWorkflow(alone, OwnerWorkflowID(r.owner(key)), "")
}

// hear takes note of the end of a segment, and says whether it is news.
func (r *sweepRun) hear(end activities.SegmentEnd) bool {
	i := slices.Index(r.at.Open, end.Key)
	if i < 0 {
		return false
	}
	r.at.Open = slices.Delete(slices.Clone(r.at.Open), i, i+1)
	r.at.Ended = append(r.at.Ended, end)
	return true
}

// drain hears all that was told.
func (r *sweepRun) drain() {
	for {
		var end activities.SegmentEnd
		if !r.ends.ReceiveAsync(&end) {
			return
		}
		r.hear(end)
	}
}

// wait waits for an end, for somebody who says that there is something to see,
// or for some time. Its error is that the sweep was cancelled.
func (r *sweepRun) wait(ctx workflow.Context) error {
	timer, cancel := workflow.WithCancel(ctx)
	defer cancel()
	enough := false
	stop := func(workflow.ReceiveChannel, bool) { enough = true }
	sel := workflow.NewSelector(ctx)
	sel.AddReceive(r.ends, func(c workflow.ReceiveChannel, _ bool) {
		var end activities.SegmentEnd
		c.Receive(ctx, &end)
		enough = r.hear(end)
	})
	for _, c := range []workflow.ReceiveChannel{r.gone, workflow.GetSignalChannel(ctx, GrantedSignal), workflow.GetSignalChannel(ctx, WakeSignal)} {
		sel.AddReceive(c, func(c workflow.ReceiveChannel, _ bool) {
			c.Receive(ctx, nil)
			for c.ReceiveAsync(nil) { // one look is enough for all of them
			}
			enough = true
		})
	}
	sel.AddFuture(workflow.NewTimer(timer, askAgain), func(workflow.Future) { enough = true })
	sel.AddReceive(ctx.Done(), stop)
	for !enough && len(r.at.Ended) == 0 {
		sel.Select(ctx)
	}
	r.drain()
	return ctx.Err()
}

// cancel ends all processes, lets the log know, and answers how the sweep ended.
func (r *sweepRun) cancel(ctx workflow.Context, end activities.Outcome) (activities.Outcome, error) {
	ctx, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	ctx = workflow.WithLocalActivityOptions(ctx, ledger)
	for _, key := range r.at.Open {
		r.stop(ctx, key)
	}
	late := false
	after(ctx, cancelLongest.Seconds(), func(workflow.Context) { late = true })
	for {
		now, err := r.advance(ctx, true)
		if err != nil {
			workflow.GetLogger(ctx).Warn("the log of a sweep does not have its end", "step", r.in.Step, "error", err)
			return end, nil
		}
		for _, order := range now.Orders {
			if order.Begin != "" { // decided, and never begun
				r.at.Ended = append(r.at.Ended, activities.SegmentEnd{Key: order.Begin, End: end})
			}
		}
		switch {
		case now.More || len(r.at.Ended) > 0:
		case len(r.at.Open) == 0 || late:
			return end, nil
		default:
			if err := r.wait(ctx); err != nil {
				return end, nil
			}
		}
	}
}
