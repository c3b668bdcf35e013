package workflows

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
)

// The options of every call, by the kind of work it does.
var (
	// ledger is for short transactions on the metadata database.
	ledger = workflow.LocalActivityOptions{
		StartToCloseTimeout:    30 * time.Second,
		ScheduleToCloseTimeout: 24 * time.Hour,
		RetryPolicy:            patiently,
	}
	// quick is for control activities that take seconds at most.
	quick = workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Second,
		RetryPolicy:         patiently,
	}
	// long is for control activities that take as long as they take; they beat.
	long = workflow.ActivityOptions{
		StartToCloseTimeout: 24 * time.Hour,
		HeartbeatTimeout:    20 * time.Second,
		RetryPolicy:         patiently,
	}
	// install is for what a host does for minutes, beating.
	install = workflow.ActivityOptions{
		StartToCloseTimeout: 2 * time.Hour,
		HeartbeatTimeout:    20 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second, MaximumAttempts: 8},
	}
	// notify is for messages to somebody else's server.
	notify = workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 3, MaximumInterval: 5 * time.Minute, MaximumAttempts: 6},
	}

	// moving is for copying from and to somebody else's service, beating. What
	// is in the way there may take hours to pass.
	moving = workflow.ActivityOptions{
		StartToCloseTimeout: 7 * 24 * time.Hour,
		HeartbeatTimeout:    20 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute, MaximumAttempts: 240},
	}

	// look is for a look at something outside.
	look = workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		RetryPolicy:         patiently,
	}

	// once is for what the workflow itself tries again.
	once = &temporal.RetryPolicy{MaximumAttempts: 1}

	patiently = &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second}
)

const (
	// processBeat is how long a host may be silent about a process. Agents beat
	// three times in it.
	processBeat = 30 * time.Second
	// processLongest bounds one attempt; a shorter limit is the shim's to keep.
	processLongest = 365 * 24 * time.Hour
	// askAgain is how often a waiting attempt asks whether its resources were
	// granted, in case the signal was lost.
	askAgain = 2 * time.Minute
	// stopWithin is how long a host has to end a process that it was asked to.
	stopWithin = 2 * time.Minute
	// cancelLongest is how long a sweep that was cancelled waits for its processes.
	cancelLongest = 15 * time.Minute
)

// about gives local activities of a step a line that tells readers of the
// history which step they are about.
func about(ctx workflow.Context, ref activities.StepRef) workflow.Context {
	options := ledger
	options.Summary = string(ref.Step)
	if ref.Item != "" {
		options.Summary += "/" + ref.Item
	}
	return workflow.WithLocalActivityOptions(ctx, options)
}

// onHost gives the options of an activity on a host's queue, which dies with
// the host: reach is how long the call waits for the host's agent.
func onHost(o workflow.ActivityOptions, host bine.HostName, reach time.Duration) workflow.ActivityOptions {
	o.TaskQueue = activities.HostQueue(host)
	o.ScheduleToStartTimeout = reach
	return o
}

// Share gives what a workflow of a project, and all that it asks for, is queued
// as. Between workers that are all busy, projects take turns, and so do the
// priorities within a project, the higher the more often: who has much queued
// delays nobody else's first. Temporal's own priorities would come before that
// turn, so that a project which calls everything urgent held up all others.
//
// A key of a turn is at most 64 bytes long, the name of a project 63.
func Share(project bine.ProjectName, p bine.Priority) temporal.Priority {
	switch p {
	case bine.PriorityHigh:
		return temporal.Priority{FairnessKey: string(project) + "+", FairnessWeight: 2}
	case bine.PriorityLow:
		return temporal.Priority{FairnessKey: string(project) + "-", FairnessWeight: 0.5}
	}
	return temporal.Priority{FairnessKey: string(project), FairnessWeight: 1}
}

// child gives the options of a child that ends with its parent.
func child(id string) workflow.ChildWorkflowOptions {
	return workflow.ChildWorkflowOptions{
		WorkflowID:            id,
		WaitForCancellation:   true,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}
}

// Names of activities: the structs are never called here.
var (
	runs         *activities.Runs
	attempts     *activities.Attempts
	host         *activities.Host
	projects     *activities.Projects
	environments *activities.Environments
	deployments  *activities.Deployments
	ticks        *activities.Ticks
	awaits       *activities.Awaits
	backfills    *activities.Backfills
	transfers    *activities.Transfers
	sweeps       *activities.Sweeps
)
