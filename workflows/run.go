package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/dags/plan"
)

// RunPipelineInput starts a run. The definition itself is in the ledger, under
// the version that the run names; the plan says only what follows what.
type RunPipelineInput struct {
	activities.RunRef
	Plan         plan.Plan `json:"plan"`
	GraceSeconds float64   `json:"grace_seconds"`
}

const (
	// groupSize is the most items of a fan-out that one workflow runs, so that
	// it never has to continue as new with open children.
	groupSize = 500
	// openGroups is how many groups of one fan-out run side by side.
	openGroups = 4
	// openSteps is how many steps of one run are in progress at once, far below
	// Temporal's 2,000 pending activities or children.
	openSteps = 400
)

// pipelineRun is the state of a RunPipeline in progress.
type pipelineRun struct {
	in     RunPipelineInput
	ref    activities.StepRef // of the run: project, run, environment
	left   []int              // needs of each step that have not ended
	next   [][]int            // steps that need each step
	states []bine.State
	reason []string
	open   workflow.Semaphore
	wait   workflow.WaitGroup
}

// RunPipeline runs the steps of a plan, each the moment the last step that it
// needs has succeeded. A step that fails stops what depends on it and nothing else.
func RunPipeline(ctx workflow.Context, in RunPipelineInput) (activities.Outcome, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, ledger)
	var begun activities.Begun
	if err := workflow.ExecuteLocalActivity(ctx, runs.BeginRun, in.RunRef).Get(ctx, &begun); err != nil {
		return finishRun(ctx, in.RunRef, ended(ctx, err))
	}
	if begun.State.Ended() {
		return activities.Outcome{State: begun.State}, nil
	}
	r := newPipelineRun(ctx, in, begun.Environment)
	for i := range in.Plan.Steps {
		if r.left[i] == 0 {
			r.launch(ctx, i)
		}
	}
	r.wait.Wait(ctx)
	return finishRun(ctx, in.RunRef, r.outcome(ctx))
}

func newPipelineRun(ctx workflow.Context, in RunPipelineInput, environment int) *pipelineRun {
	n := len(in.Plan.Steps)
	r := &pipelineRun{
		in: in, ref: activities.StepRef{RunRef: in.RunRef, Environment: environment},
		left: make([]int, n), next: make([][]int, n), states: make([]bine.State, n), reason: make([]string, n),
		open: workflow.NewSemaphore(ctx, openSteps), wait: workflow.NewWaitGroup(ctx),
	}
	for i, step := range in.Plan.Steps {
		r.left[i] = len(step.Needs)
		for _, need := range step.Needs {
			r.next[need] = append(r.next[need], i)
		}
	}
	return r
}

// launch runs step i and, when it has ended, what waited for it.
func (r *pipelineRun) launch(ctx workflow.Context, i int) {
	r.wait.Add(1)
	workflow.GoNamed(ctx, string(r.in.Plan.Steps[i].Name), func(ctx workflow.Context) {
		defer r.wait.Done()
		end := r.step(ctx, i)
		r.states[i], r.reason[i] = end.State, end.Reason
		for _, j := range r.next[i] {
			if r.left[j]--; r.left[j] == 0 {
				r.launch(ctx, j)
			}
		}
	})
}

// step does one step whose needs have all ended.
func (r *pipelineRun) step(ctx workflow.Context, i int) activities.Outcome {
	step := r.in.Plan.Steps[i]
	ref := r.ref
	ref.Step = step.Name
	if ctx.Err() != nil {
		return activities.Outcome{State: bine.Cancelled}
	}
	for _, need := range step.Needs {
		if !r.states[need].OK() {
			reason := fmt.Sprintf("step %s is %s", r.in.Plan.Steps[need].Name, r.states[need])
			return settle(ctx, ref, activities.Outcome{State: bine.Skipped, Reason: reason})
		}
	}
	if err := r.open.Acquire(ctx, 1); err != nil {
		return activities.Outcome{State: bine.Cancelled}
	}
	defer r.open.Release(1)
	if step.Foreach {
		return fanOut(ctx, ref, step, r.in.GraceSeconds)
	}
	return doStep(ctx, ref, step, r.in.GraceSeconds)
}

// outcome sums the steps up.
func (r *pipelineRun) outcome(ctx workflow.Context) activities.Outcome {
	if ctx.Err() != nil {
		return activities.Outcome{State: bine.Cancelled, Reason: "cancelled"}
	}
	for i, state := range r.states {
		if !state.OK() && state != bine.Skipped {
			return activities.Outcome{State: bine.Failed, Reason: fmt.Sprintf("step %s: %s", r.in.Plan.Steps[i].Name, r.reason[i])}
		}
	}
	return activities.Outcome{State: bine.Succeeded}
}

// finishRun writes how a run ended, also after a cancel, and tells whoever
// wants to know.
func finishRun(ctx workflow.Context, ref activities.RunRef, end activities.Outcome) (activities.Outcome, error) {
	ctx, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	ctx = workflow.WithLocalActivityOptions(ctx, ledger)
	var out activities.Finished
	err := workflow.ExecuteLocalActivity(ctx, runs.FinishRun, activities.FinishRunInput{RunRef: ref, End: end}).Get(ctx, &out)
	if err == nil && out.Notify {
		if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, notify), runs.NotifyRun, ref).Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Warn("nobody was told how the run ended", "run", ref.Run, "error", err)
		}
	}
	return out.Outcome, err
}

// doStep does one step, item or batch: it resolves it and, where something is
// left to do, runs its process or performs it here.
func doStep(ctx workflow.Context, ref activities.StepRef, step plan.Step, grace float64) activities.Outcome {
	var todo activities.Resolved
	if err := workflow.ExecuteLocalActivity(about(ctx, ref), runs.ResolveStep, ref).Get(ctx, &todo); err != nil {
		return settle(ctx, ref, ended(ctx, err))
	}
	if todo.State.Ended() {
		return activities.Outcome{State: todo.State, Reason: todo.Reason}
	}
	var out activities.Outcome
	var err error
	if step.Process {
		owner := bine.Owner{Project: ref.Project, Kind: bine.OwnerRun, Name: string(ref.Run), Step: ref.Step, Item: ref.Item}
		in := RunJobInput{Owner: owner, Retry: step.Retry, GraceSeconds: grace}
		id := OwnerWorkflowID(owner)
		err = workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, child(id)), RunJobName, in).Get(ctx, &out)
	} else {
		out, err = performStep(ctx, ref, step)
	}
	if err != nil {
		out = ended(ctx, err)
	}
	if out.State.OK() {
		return out
	}
	return settle(ctx, ref, out)
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
	for counted, lost := 0, 0; ; {
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
			counted++
			again, pause := step.Retry.Again(failure, counted)
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

// fanOut does every item of a step.
func fanOut(ctx workflow.Context, ref activities.StepRef, step plan.Step, grace float64) activities.Outcome {
	var todo activities.Resolved
	if err := workflow.ExecuteLocalActivity(about(ctx, ref), runs.ResolveStep, ref).Get(ctx, &todo); err != nil {
		return settle(ctx, ref, ended(ctx, err))
	}
	if todo.State.Ended() {
		return activities.Outcome{State: todo.State, Reason: todo.Reason}
	}
	groups := openGroups
	if step.MaxParallel > 0 {
		groups = 1 // so that the limit holds over all items
	}
	window, wait := workflow.NewSemaphore(ctx, int64(groups)), workflow.NewWaitGroup(ctx)
	size := groupOf(step)
	for from := 0; from < todo.Items && ctx.Err() == nil; from += size {
		if window.Acquire(ctx, 1) != nil {
			break
		}
		in := RunGroupInput{StepRef: ref, Step: step, From: from, Count: min(size, todo.Items-from), GraceSeconds: grace}
		id := fmt.Sprintf("%s@%d", StepWorkflowID(ref.Project, ref.Run, ref.Step, ""), from)
		future := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, child(id)), RunGroupName, in)
		wait.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wait.Done()
			defer window.Release(1)
			if err := future.Get(ctx, nil); err != nil && !temporal.IsCanceledError(err) {
				workflow.GetLogger(ctx).Error("group ended badly", "step", ref.Step, "error", err)
			}
		})
	}
	wait.Wait(ctx)
	if ctx.Err() != nil {
		return settle(ctx, ref, activities.Outcome{State: bine.Cancelled, Reason: "cancelled"})
	}
	var out activities.Outcome
	if err := workflow.ExecuteLocalActivity(about(ctx, ref), runs.GatherItems, ref).Get(ctx, &out); err != nil {
		return settle(ctx, ref, ended(ctx, err))
	}
	return out
}

// groupOf is how many items of a fan-out one group runs: whole batches only, as
// a batch is known by its first item.
func groupOf(step plan.Step) int {
	batch := max(1, step.Batch)
	return batch * max(1, groupSize/batch)
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
