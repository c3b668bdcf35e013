package workflows

import (
	"fmt"
	"time"

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
	// GroupSize is the most items of a fan-out that one workflow runs, so that
	// it never has to continue as new with open children.
	GroupSize = 500
	// openGroups is how many groups of one fan-out run side by side.
	openGroups = 4
	// openSteps is how many steps of one run are in progress at once, far below
	// Temporal's 2,000 pending activities or children.
	openSteps = 400
	// finallyLongest bounds what is done at the end of a run that was cancelled.
	finallyLongest = 24 * time.Hour
)

// pipelineRun is the state of a RunPipeline in progress.
type pipelineRun struct {
	in      RunPipelineInput
	ref     activities.StepRef // of the run: project, run, environment
	left    []int              // needs of each step that have not ended
	next    [][]int            // steps that need each step
	chains  [][]int            // of a fan-out: the steps that follow its items, in order
	started []bool
	states  []bine.State // empty until a step has ended
	reason  []string
	open    workflow.Semaphore
	wait    workflow.WaitGroup
	late    bool // the run has taken longer than it may
}

// RunPipeline runs the steps of a plan, each the moment what it needs allows
// it. A step that fails stops what depends on it and nothing else. When all of
// the main steps have ended, those for a failure and those for the end follow.
func RunPipeline(ctx workflow.Context, in RunPipelineInput) (activities.Outcome, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, ledger)
	begun, again, err := begin(ctx, in)
	if again != nil {
		return activities.Outcome{}, again
	}
	if err != nil {
		return finishRun(ctx, in.RunRef, ended(ctx, err))
	}
	if begun.State.Ended() {
		return activities.Outcome{State: begun.State}, nil
	}
	r := newPipelineRun(ctx, in, begun.Environment)
	watching, stopWatching := workflow.WithCancel(ctx)
	r.watchDeadline(watching, begun.DeadlineAt)
	r.main(ctx)
	end := r.outcome(ctx)
	end = r.afterwards(ctx, end)
	stopWatching()
	return finishRun(ctx, in.RunRef, end)
}

// begin waits until the run may begin. again is set where its history has
// become long by that.
func begin(ctx workflow.Context, in RunPipelineInput) (begun activities.Begun, again, err error) {
	for {
		if err := workflow.ExecuteLocalActivity(ctx, runs.BeginRun, in.RunRef).Get(ctx, &begun); err != nil || begun.State != bine.Waiting {
			return begun, nil, err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return begun, workflow.NewContinueAsNewError(ctx, RunPipelineName, in), nil
		}
		if err := rest(ctx, askAgain); err != nil {
			return begun, nil, err
		}
	}
}

func newPipelineRun(ctx workflow.Context, in RunPipelineInput, environment int) *pipelineRun {
	n := len(in.Plan.Steps)
	r := &pipelineRun{
		in: in, ref: activities.StepRef{RunRef: in.RunRef, Environment: environment},
		left: make([]int, n), next: make([][]int, n), chains: make([][]int, n), started: make([]bool, n),
		states: make([]bine.State, n), reason: make([]string, n),
		open: workflow.NewSemaphore(ctx, openSteps), wait: workflow.NewWaitGroup(ctx),
	}
	for i, step := range in.Plan.Steps {
		if step.Per > 0 {
			head := r.head(i)
			r.chains[head] = append(r.chains[head], i)
			continue // its fan-out runs it
		}
		r.left[i] = len(step.Needs)
		for _, need := range step.Needs {
			r.next[need] = append(r.next[need], i)
		}
	}
	return r
}

// head is the fan-out at the beginning of the chain that step i belongs to.
func (r *pipelineRun) head(i int) int {
	for r.in.Plan.Steps[i].Per > 0 {
		i = r.in.Plan.Steps[i].Per - 1
	}
	return i
}

// main runs the main steps, within the time that the run has.
func (r *pipelineRun) main(ctx workflow.Context) {
	if r.in.Plan.Timeout == 0 {
		r.phase(ctx, plan.Main)
		return
	}
	limited, cancel := workflow.WithCancel(ctx)
	defer cancel()
	after(limited, r.in.Plan.Timeout, func(workflow.Context) {
		r.late = true
		cancel()
	})
	r.phase(limited, plan.Main)
}

// after calls f when some seconds have passed, unless ctx is cancelled before.
func after(ctx workflow.Context, seconds float64, f func(workflow.Context)) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		if workflow.Sleep(ctx, activities.Seconds(seconds)) == nil {
			f(ctx)
		}
	})
}

// phase runs the steps of a phase.
func (r *pipelineRun) phase(ctx workflow.Context, phase plan.Phase) {
	for i, step := range r.in.Plan.Steps {
		if step.Phase == phase && step.Per == 0 && r.left[i] == 0 {
			r.launch(ctx, i)
		}
	}
	r.wait.Wait(ctx)
}

// launch runs step i and, when it has ended, what waited for it.
func (r *pipelineRun) launch(ctx workflow.Context, i int) {
	if r.started[i] {
		return
	}
	r.started[i] = true
	r.wait.Add(1)
	workflow.GoNamed(ctx, string(r.in.Plan.Steps[i].Name), func(ctx workflow.Context) {
		defer r.wait.Done()
		ends := r.step(ctx, i)
		for k, j := range append([]int{i}, r.chains[i]...) {
			r.states[j], r.reason[j] = ends[k].State, ends[k].Reason
		}
		for _, j := range append([]int{i}, r.chains[i]...) {
			r.release(ctx, j)
		}
	})
}

// release launches what step i kept from running.
func (r *pipelineRun) release(ctx workflow.Context, i int) {
	for _, j := range r.next[i] {
		r.left[j]--
		early := r.in.Plan.Steps[j].Join == plan.AnySucceeded && r.states[i].OK()
		if r.left[j] == 0 || early {
			r.launch(ctx, j)
		}
	}
}

// blocked says why a step is skipped whose needs have ended as they have.
func (r *pipelineRun) blocked(step plan.Step) string {
	some := false
	for _, need := range step.Needs {
		state := r.states[need]
		some = some || state.OK()
		against := !state.OK()
		switch step.Join {
		case plan.AllDone, plan.AnySucceeded:
			against = false
		case plan.NoneFailed:
			against = !state.OK() && state != bine.Skipped
		}
		if against {
			return fmt.Sprintf("step %s is %s", r.in.Plan.Steps[need].Name, state)
		}
	}
	if step.Join == plan.AnySucceeded && !some && len(step.Needs) > 0 {
		return "none of the steps that it needs has succeeded"
	}
	return ""
}

// step does one step whose needs allow it, and the chain that follows its
// items; it gives how each of them ended.
func (r *pipelineRun) step(ctx workflow.Context, i int) []activities.Outcome {
	step, chain := r.in.Plan.Steps[i], r.chains[i]
	ref := r.ref
	ref.Step = step.Name
	if ctx.Err() != nil {
		return repeat(activities.Outcome{State: bine.Cancelled}, 1+len(chain))
	}
	if reason := r.blocked(step); reason != "" {
		return r.skip(ctx, i, reason)
	}
	if err := r.open.Acquire(ctx, 1); err != nil {
		return repeat(activities.Outcome{State: bine.Cancelled}, 1+len(chain))
	}
	defer r.open.Release(1)
	if step.Foreach {
		return fanOut(ctx, ref, r.chainOf(i), r.in.GraceSeconds)
	}
	return []activities.Outcome{doStep(ctx, ref, step, r.in.GraceSeconds)}
}

func repeat(end activities.Outcome, n int) []activities.Outcome {
	ends := make([]activities.Outcome, n)
	for i := range ends {
		ends[i] = end
	}
	return ends
}

// skip settles a step, and the chain that follows it, as skipped.
func (r *pipelineRun) skip(ctx workflow.Context, i int, reason string) []activities.Outcome {
	var ends []activities.Outcome
	for _, j := range append([]int{i}, r.chains[i]...) {
		ref := r.ref
		ref.Step = r.in.Plan.Steps[j].Name
		ends = append(ends, settle(ctx, ref, activities.Outcome{State: bine.Skipped, Reason: reason}))
	}
	return ends
}

// chainOf gives a fan-out and the steps that follow its items; what each of
// those follows is its place in the list, from 1.
func (r *pipelineRun) chainOf(i int) []plan.Step {
	chain := []plan.Step{r.in.Plan.Steps[i]}
	place := map[int]int{i: 1}
	for k, j := range r.chains[i] {
		step := r.in.Plan.Steps[j]
		step.Per, step.Needs = place[step.Per-1], nil
		place[j] = k + 2
		chain = append(chain, step)
	}
	return chain
}

// outcome sums the steps up that have ended.
func (r *pipelineRun) outcome(ctx workflow.Context) activities.Outcome {
	if ctx.Err() != nil {
		return activities.Outcome{State: bine.Cancelled, Reason: "cancelled"}
	}
	if r.late {
		reason := fmt.Sprintf("it took longer than %s", activities.Seconds(r.in.Plan.Timeout))
		return activities.Outcome{State: bine.Failed, Failure: bine.FailureTimeout, Reason: reason}
	}
	for i, state := range r.states {
		if state != "" && !state.OK() && state != bine.Skipped {
			return activities.Outcome{State: bine.Failed, Reason: fmt.Sprintf("step %s: %s", r.in.Plan.Steps[i].Name, r.reason[i])}
		}
	}
	return activities.Outcome{State: bine.Succeeded}
}

// afterwards runs the steps for a failure and those for the end, which know
// how the run stands, and gives how it ended with them.
func (r *pipelineRun) afterwards(ctx workflow.Context, end activities.Outcome) activities.Outcome {
	r.ref.SoFar = end
	if r.has(plan.OnFailure) {
		if end.State == bine.Failed {
			r.phase(ctx, plan.OnFailure)
		} else {
			r.leaveOut(ctx, plan.OnFailure, "the run did not fail")
		}
	}
	if !r.has(plan.Finally) {
		return r.sum(ctx, end)
	}
	if ctx.Err() == nil {
		end = r.sum(ctx, end)
		r.ref.SoFar = end
	}
	last, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	after(last, finallyLongest.Seconds(), func(workflow.Context) { cancel() })
	r.phase(workflow.WithLocalActivityOptions(last, ledger), plan.Finally)
	return r.sum(ctx, end)
}

// sum adds to how the run ended what its last steps did.
func (r *pipelineRun) sum(ctx workflow.Context, end activities.Outcome) activities.Outcome {
	if now := r.outcome(ctx); end.State == bine.Succeeded || now.State == bine.Cancelled {
		return now
	}
	return end
}

func (r *pipelineRun) has(phase plan.Phase) bool {
	for _, step := range r.in.Plan.Steps {
		if step.Phase == phase {
			return true
		}
	}
	return false
}

// leaveOut settles the steps of a phase that is not to run.
func (r *pipelineRun) leaveOut(ctx workflow.Context, phase plan.Phase, reason string) {
	for i, step := range r.in.Plan.Steps {
		if step.Phase == phase && step.Per == 0 {
			r.skip(ctx, i, reason)
		}
	}
}

// watchDeadline marks the run as late at a time, and tells whoever wants to know.
func (r *pipelineRun) watchDeadline(ctx workflow.Context, at int64) {
	if at == 0 {
		return
	}
	after(ctx, max(0, time.UnixMicro(at).Sub(workflow.Now(ctx)).Seconds()), func(ctx workflow.Context) {
		var out activities.Finished
		if err := workflow.ExecuteLocalActivity(ctx, runs.MarkLate, r.in.RunRef).Get(ctx, &out); err == nil && out.Notify {
			sendNotices(ctx, r.in.RunRef)
		}
	})
}

// sendNotices sends the messages about a run that are due.
func sendNotices(ctx workflow.Context, ref activities.RunRef) {
	if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, notify), runs.NotifyRun, ref).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Warn("not everybody was told", "run", ref.Run, "error", err)
	}
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
		sendNotices(ctx, ref)
	}
	return out.Outcome, err
}
