package workflows

import (
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
)

// ended says what an error of an activity or child means for the step.
func ended(ctx workflow.Context, err error) activities.Outcome {
	if ctx.Err() != nil || temporal.IsCanceledError(err) {
		return activities.Outcome{State: bine.Cancelled, Failure: bine.FailureCancelled, Reason: "cancelled"}
	}
	return activities.Outcome{State: bine.Failed, Failure: failureOf(err), Reason: activities.Message(err)}
}

// failureOf tells the failures of an activity apart as far as retries care:
// FailureLost is a worker or host that vanished or stopped in the middle of it.
func failureOf(err error) bine.Failure {
	switch timeout, late := timeoutOf(err); {
	case late && timeout == enumspb.TIMEOUT_TYPE_START_TO_CLOSE:
		return bine.FailureTimeout
	case late, activities.Interrupted(err):
		return bine.FailureLost
	default:
		return bine.FailureError
	}
}

// final reports whether an error says of itself that trying again is of no use.
func final(err error) bool {
	e, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && e.NonRetryable()
}

func timeoutOf(err error) (enumspb.TimeoutType, bool) {
	late, ok := errors.AsType[*temporal.TimeoutError](err)
	if !ok {
		return enumspb.TIMEOUT_TYPE_UNSPECIFIED, false
	}
	return late.TimeoutType(), true
}

// unreached reports whether an activity failed because no agent took it.
func unreached(err error) bool {
	timeout, late := timeoutOf(err)
	return late && timeout == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START
}
