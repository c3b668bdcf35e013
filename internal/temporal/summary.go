package temporal

import (
	"fmt"
	"strings"
	"time"

	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
)

// summarise says in one line what happened. names holds what earlier events
// began, by their ids, and gets what this one begins; group is the event that
// this one belongs to.
func summarise(e *historypb.HistoryEvent, names map[int64]string, group int64) string {
	switch a := e.GetAttributes().(type) {
	case *historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes:
		s := a.WorkflowExecutionStartedEventAttributes
		return fmt.Sprintf("workflow %s started on queue %s", s.GetWorkflowType().GetName(), s.GetTaskQueue().GetName())
	case *historypb.HistoryEvent_ActivityTaskScheduledEventAttributes:
		s := a.ActivityTaskScheduledEventAttributes
		names[e.EventId] = activityName(s.GetActivityType().GetName(), s.GetInput(), e)
		return fmt.Sprintf("%s scheduled on queue %s", names[e.EventId], s.GetTaskQueue().GetName())
	case *historypb.HistoryEvent_ActivityTaskStartedEventAttributes:
		s := a.ActivityTaskStartedEventAttributes
		return fmt.Sprintf("%s started, attempt %d, by %s", names[group], s.GetAttempt(), s.GetIdentity())
	case *historypb.HistoryEvent_StartChildWorkflowExecutionInitiatedEventAttributes:
		s := a.StartChildWorkflowExecutionInitiatedEventAttributes
		names[e.EventId] = childName(s.GetWorkflowType().GetName(), s.GetInput())
		return names[e.EventId]
	case *historypb.HistoryEvent_TimerStartedEventAttributes:
		names[e.EventId] = "timer of " + a.TimerStartedEventAttributes.GetStartToFireTimeout().AsDuration().Round(time.Millisecond).String()
		return names[e.EventId] + " started"
	case *historypb.HistoryEvent_MarkerRecordedEventAttributes:
		return markerSummary(e)
	case *historypb.HistoryEvent_WorkflowExecutionSignaledEventAttributes:
		return "signal " + a.WorkflowExecutionSignaledEventAttributes.GetSignalName()
	case *historypb.HistoryEvent_SignalExternalWorkflowExecutionInitiatedEventAttributes:
		s := a.SignalExternalWorkflowExecutionInitiatedEventAttributes
		return fmt.Sprintf("signal %s to %s", s.GetSignalName(), s.GetWorkflowExecution().GetWorkflowId())
	case *historypb.HistoryEvent_WorkflowExecutionTerminatedEventAttributes:
		return "workflow terminated: " + a.WorkflowExecutionTerminatedEventAttributes.GetReason()
	case *historypb.HistoryEvent_WorkflowExecutionContinuedAsNewEventAttributes:
		return "workflow went on as " + a.WorkflowExecutionContinuedAsNewEventAttributes.GetNewExecutionRunId()
	default:
		return outcomeSummary(e, names[group])
	}
}

// outcomeSummary is for events whose type says it all, but for what it happened
// to and why.
func outcomeSummary(e *historypb.HistoryEvent, name string) string {
	words := words(e.GetEventType().String())
	if name != "" {
		for _, before := range []string{"activity task ", "start child workflow ", "child workflow ", "timer "} {
			if rest, found := strings.CutPrefix(words, before); found {
				words = name + " " + rest
				break
			}
		}
	}
	if why := reason(e); why != "" {
		words += ": " + why
	}
	return words
}

// words makes "timer fired" of TimerFired.
func words(camel string) string {
	var out strings.Builder
	for i, r := range camel {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				out.WriteByte(' ')
			}
			r += 'a' - 'A'
		}
		out.WriteRune(r)
	}
	return strings.Replace(out.String(), "workflow execution ", "workflow ", 1)
}

// reason gives the message of the failure in e, the innermost one, as the outer
// ones say only that something inside failed.
func reason(e *historypb.HistoryEvent) string {
	attributes := attributesOf(e)
	if attributes == nil {
		return ""
	}
	holder, ok := attributes.Interface().(interface{ GetFailure() *failurepb.Failure })
	if !ok || holder.GetFailure() == nil {
		return ""
	}
	failure := holder.GetFailure()
	for failure.GetCause() != nil {
		failure = failure.GetCause()
	}
	if timeout := failure.GetTimeoutFailureInfo(); timeout != nil {
		return words(timeout.GetTimeoutType().String())
	}
	return failure.GetMessage()
}
