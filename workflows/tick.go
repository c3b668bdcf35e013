package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
)

// TickWorkflowInput names the schedule that a tick belongs to.
type TickWorkflowInput struct {
	Project      bine.ProjectName  `json:"project"`
	Schedule     bine.ScheduleName `json:"schedule"`
	GraceSeconds float64           `json:"grace_seconds"`
}

// scheduledAt is the search attribute in which Temporal puts the planned time.
var scheduledAt = temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")

// Tick makes and runs the run of one planned time of a schedule. It lasts as
// long as the run, so that the schedule's overlap policy sees it.
func Tick(ctx workflow.Context, in TickWorkflowInput) error {
	ctx = workflow.WithActivityOptions(ctx, quick)
	at, planned := workflow.GetTypedSearchAttributes(ctx).GetTime(scheduledAt)
	if !planned {
		at = workflow.GetInfo(ctx).WorkflowStartTime
	}
	var run activities.Accepted
	tick := activities.TickInput{Project: in.Project, Schedule: in.Schedule, At: at.UnixMicro()}
	if err := workflow.ExecuteActivity(ctx, ticks.AcceptTick, tick).Get(ctx, &run); err != nil {
		return err
	}
	start := RunPipelineInput{RunRef: run.RunRef, Plan: run.Plan, GraceSeconds: in.GraceSeconds}
	id := RunWorkflowID(run.Project, run.Run)
	options := child(id)
	options.Priority = Share(run.Project, run.Priority)
	err := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, options), RunPipelineName, start).Get(ctx, nil)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return nil // after a crash the reconciler was faster
	}
	return err
}
