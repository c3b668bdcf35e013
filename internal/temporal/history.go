package temporal

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/bine-ml/bine"
)

// History reads the whole history of an execution, sealed as it is stored. An
// empty runID means the latest execution of the workflow id. It fails with kind
// NotFound when Temporal has none, or none any more.
func History(ctx context.Context, c client.Client, workflowID, runID string) (*historypb.History, error) {
	history := new(historypb.History)
	events := c.GetWorkflowHistory(ctx, workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return nil, forHistory(err, workflowID)
		}
		history.Events = append(history.Events, event)
	}
	return history, nil
}

func forHistory(err error, workflowID string) error {
	if missing, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return bine.Errorf(bine.NotFound, "Temporal has no history of workflow %q: %w", workflowID, missing)
	}
	return fmt.Errorf("read history of workflow %q: %w", workflowID, err)
}

// Execution says which execution a history is of, and how it stands.
type Execution struct {
	WorkflowID string
	RunID      string // Temporal's id of this execution
	Type       string
	Status     string // running, completed, failed, cancelled, terminated, continued, timed_out
}

// Describe asks Temporal about an execution; an empty runID means the latest
// one. It fails with kind NotFound when Temporal has none.
func Describe(ctx context.Context, c client.Client, workflowID, runID string) (Execution, error) {
	answer, err := c.DescribeWorkflowExecution(ctx, workflowID, runID)
	if err != nil {
		return Execution{}, forHistory(err, workflowID)
	}
	info := answer.GetWorkflowExecutionInfo()
	return Execution{
		WorkflowID: workflowID,
		RunID:      info.GetExecution().GetRunId(),
		Type:       info.GetType().GetName(),
		Status:     statusOf(info.GetStatus()),
	}, nil
}

func statusOf(s enumspb.WorkflowExecutionStatus) string {
	switch s {
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return "completed"
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
		return "failed"
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return "cancelled"
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return "terminated"
	case enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return "continued"
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return "timed_out"
	default:
		return "running"
	}
}

// ExecutionOf reads from a history which execution it is of and how it ended;
// the workflow id is the one that it was read by.
func ExecutionOf(workflowID string, history *historypb.History) Execution {
	e := Execution{WorkflowID: workflowID, Status: "running"}
	if len(history.GetEvents()) == 0 {
		return e
	}
	started := history.Events[0].GetWorkflowExecutionStartedEventAttributes()
	e.RunID, e.Type = started.GetOriginalExecutionRunId(), started.GetWorkflowType().GetName()
	switch history.Events[len(history.Events)-1].GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
		e.Status = "completed"
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
		e.Status = "failed"
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
		e.Status = "cancelled"
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
		e.Status = "terminated"
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
		e.Status = "continued"
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
		e.Status = "timed_out"
	}
	return e
}
