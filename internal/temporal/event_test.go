package temporal_test

import (
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bine-ml/bine/internal/temporal"
)

func event(id int64, kind enumspb.EventType) *historypb.HistoryEvent {
	return &historypb.HistoryEvent{EventId: id, EventType: kind, EventTime: timestamppb.New(time.Unix(id, 0))}
}

// family is a history with a timer, a child that fails, and an activity that
// takes too long.
func family() *historypb.History {
	child := &commonpb.WorkflowExecution{WorkflowId: "demo/run/1/train", RunId: "r"}
	started, fired := event(1, enumspb.EVENT_TYPE_TIMER_STARTED), event(2, enumspb.EVENT_TYPE_TIMER_FIRED)
	started.Attributes = &historypb.HistoryEvent_TimerStartedEventAttributes{TimerStartedEventAttributes: &historypb.TimerStartedEventAttributes{StartToFireTimeout: durationpb.New(90 * time.Second)}}
	fired.Attributes = &historypb.HistoryEvent_TimerFiredEventAttributes{TimerFiredEventAttributes: &historypb.TimerFiredEventAttributes{StartedEventId: 1}}
	asked, failed := event(3, enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED), event(4, enumspb.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED)
	asked.Attributes = &historypb.HistoryEvent_StartChildWorkflowExecutionInitiatedEventAttributes{StartChildWorkflowExecutionInitiatedEventAttributes: &historypb.StartChildWorkflowExecutionInitiatedEventAttributes{
		WorkflowId: child.WorkflowId, WorkflowType: &commonpb.WorkflowType{Name: "job"},
	}}
	failed.Attributes = &historypb.HistoryEvent_ChildWorkflowExecutionFailedEventAttributes{ChildWorkflowExecutionFailedEventAttributes: &historypb.ChildWorkflowExecutionFailedEventAttributes{
		InitiatedEventId: 3, StartedEventId: 9, WorkflowExecution: child,
		Failure: &failurepb.Failure{Message: "outer", Cause: &failurepb.Failure{Message: "out of memory"}},
	}}
	scheduled, late := event(5, enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED), event(6, enumspb.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT)
	scheduled.Attributes = &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{
		ActivityType: &commonpb.ActivityType{Name: "RunLight"}, Input: &commonpb.Payloads{Payloads: []*commonpb.Payload{payload(`{"step":"split"}`), payload(`broken`)}},
	}}
	late.Attributes = &historypb.HistoryEvent_ActivityTaskTimedOutEventAttributes{ActivityTaskTimedOutEventAttributes: &historypb.ActivityTaskTimedOutEventAttributes{
		ScheduledEventId: 5, StartedEventId: 8,
		Failure: &failurepb.Failure{Message: "activity error", FailureInfo: &failurepb.Failure_TimeoutFailureInfo{TimeoutFailureInfo: &failurepb.TimeoutFailureInfo{TimeoutType: enumspb.TIMEOUT_TYPE_HEARTBEAT}}},
	}}
	return &historypb.History{Events: []*historypb.HistoryEvent{started, fired, asked, failed, scheduled, late, event(7, enumspb.EVENT_TYPE_UNSPECIFIED)}}
}

func TestAHistoryReadsLikeAStory(t *testing.T) {
	history := family()
	before := proto.CloneOf(history)
	events := temporal.DecodeHistory(history, temporal.NewSealer(loadKey(t)))
	if !proto.Equal(history, before) {
		t.Error("decoding changed the history")
	}
	for i, want := range []temporal.Event{
		{ID: 1, Type: "TimerStarted", Summary: "timer of 1m30s started", Group: 1},
		{ID: 2, Type: "TimerFired", Summary: "timer of 1m30s fired", Group: 1},
		{ID: 3, Type: "StartChildWorkflowExecutionInitiated", Summary: "child job asked for, demo/run/1/train", Group: 3, Link: "demo/run/1/train"},
		{ID: 4, Type: "ChildWorkflowExecutionFailed", Summary: "child job failed: out of memory", Group: 3, Link: "demo/run/1/train"},
		{ID: 5, Type: "ActivityTaskScheduled", Summary: "RunLight scheduled on queue ", Group: 5},
		{ID: 6, Type: "ActivityTaskTimedOut", Summary: "RunLight timed out: heartbeat", Group: 5},
		{ID: 7, Type: "Unspecified", Summary: "unspecified", Group: 7},
	} {
		got := events[i]
		if got.ID != want.ID || got.Type != want.Type || got.Summary != want.Summary || got.Group != want.Group || got.Link != want.Link || !got.At.Equal(time.Unix(want.ID, 0)) {
			t.Errorf("event %d:\n got %+v\nwant %+v", want.ID, got, want)
		}
	}
	// One of the two inputs calls itself JSON and is none: both stay as stored.
	if a := string(events[4].Attributes); !strings.Contains(a, "RunLight") || !strings.Contains(a, "payloads") {
		t.Errorf("attributes with a broken payload: %s", a)
	}
}

func TestWhatCannotBeOpenedIsShownAsItIs(t *testing.T) {
	sealed, err := temporal.NewSealer(loadKey(t)).Encode([]*commonpb.Payload{payload(`"canary"`)})
	if err != nil {
		t.Fatal(err)
	}
	signal := event(1, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
	signal.Attributes = &historypb.HistoryEvent_WorkflowExecutionSignaledEventAttributes{WorkflowExecutionSignaledEventAttributes: &historypb.WorkflowExecutionSignaledEventAttributes{
		SignalName: "granted", Input: &commonpb.Payloads{Payloads: sealed},
	}}
	events := temporal.DecodeHistory(&historypb.History{Events: []*historypb.HistoryEvent{signal}}, temporal.NewSealer(loadKey(t)))
	if len(events) != 1 || events[0].Summary != "signal granted" || !strings.Contains(string(events[0].Attributes), "encryption-key-id") {
		t.Errorf("got %+v %s", events, events[0].Attributes)
	}
}
