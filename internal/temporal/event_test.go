package temporal_test

import (
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
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
		ActivityType: &commonpb.ActivityType{Name: "RunLight"}, TaskQueue: &taskqueuepb.TaskQueue{Name: "control"}, Input: &commonpb.Payloads{Payloads: []*commonpb.Payload{payload(`{"step":"split"}`), payload(`broken`)}},
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
		{ID: 3, Type: "StartChildWorkflowExecutionInitiated", Summary: "child job", Group: 3, Link: "demo/run/1/train"},
		{ID: 4, Type: "ChildWorkflowExecutionFailed", Summary: "child job failed: out of memory", Group: 3, Link: "demo/run/1/train"},
		{ID: 5, Type: "ActivityTaskScheduled", Summary: "run light of step split scheduled on queue control", Group: 5},
		{ID: 6, Type: "ActivityTaskTimedOut", Summary: "run light of step split timed out: heartbeat", Group: 5},
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

func payloads(text ...string) *commonpb.Payloads {
	all := new(commonpb.Payloads)
	for _, t := range text {
		all.Payloads = append(all.Payloads, payload(t))
	}
	return all
}

// summaryOf gives the line of a history of one event.
func summaryOf(t *testing.T, e *historypb.HistoryEvent) string {
	t.Helper()
	return temporal.DecodeHistory(&historypb.History{Events: []*historypb.HistoryEvent{e}}, temporal.NewSealer(loadKey(t)))[0].Summary
}

func TestAChildIsNamedByWhatItIsAbout(t *testing.T) {
	for input, want := range map[string]string{
		`{"owner":{"kind":"run","name":"f-1","project":"demo","step":"train"}}`:                "step train",
		`{"owner":{"kind":"run","name":"f-1","project":"demo","step":"train","item":"deep"}}`:  "step train/deep",
		`{"owner":{"kind":"deployment","name":"delay@2","project":"demo","item":"01a1fc3c"}}`:  "server delay@2",
		`{"project":"demo","run":"f-1","step":"train","from":500,"count":100,"plan":{"n":""}}`: "items 501 to 600 of step train",
		`{"project":"demo","version":3}`:                 "environment 3",
		`{"project":"demo","run":"nightly-7","plan":{}}`: "run nightly-7",
		`{"project":"demo"}`:                             "child job", `broken`: "child job",
	} {
		e := event(1, enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED)
		e.Attributes = &historypb.HistoryEvent_StartChildWorkflowExecutionInitiatedEventAttributes{StartChildWorkflowExecutionInitiatedEventAttributes: &historypb.StartChildWorkflowExecutionInitiatedEventAttributes{
			WorkflowId: "demo/any", WorkflowType: &commonpb.WorkflowType{Name: "job"}, Input: payloads(input),
		}}
		if got := summaryOf(t, e); got != want {
			t.Errorf("a child with %s reads %q, want %q", input, got, want)
		}
	}
}

func TestAnActivityIsNamedByWhatItIsAbout(t *testing.T) {
	for _, c := range [][3]string{
		{"PerformStep", `{"project":"demo","run":"f-1","step":"tell"}`, "perform step tell"},
		{"RunProcess", `{"attempt":"a","owner":{"kind":"run","name":"f-1","step":"train","item":"deep"}}`, "run process of step train/deep"},
		{"InstallEnvironment", `{"project":"demo","version":2,"lock":"x"}`, "install environment 2"},
		{"MoveEnvironment", `{"project":"demo","version":2,"to":"building"}`, "move environment 2 to building"},
		{"RecordLock", `{"project":"demo","version":2,"lock":{"lock":"x"}}`, "record lock of environment 2"},
		{"MoveDeployment", `{"project":"demo","name":"delay","to":"starting"}`, "move deployment delay to starting"},
		{"NotifyRun", `{"project":"demo","run":"f-1"}`, "notify run f-1"},
		{"AcceptTick", `{"project":"demo","schedule":"nightly","at":1}`, "accept tick of schedule nightly"},
		{"MakeProjectTree", `{"project":"demo"}`, "make project tree"},
		{"ListHosts", ``, "list hosts"},
	} {
		e := event(1, enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
		e.Attributes = &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{
			ActivityType: &commonpb.ActivityType{Name: c[0]}, TaskQueue: &taskqueuepb.TaskQueue{Name: "q"}, Input: payloads(c[1]),
		}}
		if got := summaryOf(t, e); got != c[2]+" scheduled on queue q" {
			t.Errorf("%s with %s reads %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestALocalActivityIsNamedWithItsAnswer(t *testing.T) {
	for _, c := range [][4]string{
		{"ResolveStep", `"train/deep"`, `{"state":"cached"}`, "resolve step train/deep: cached"},
		{"ResolveStep", ``, `{"state":"skipped","reason":"its condition is false"}`, "resolve step: skipped: its condition is false"},
		{"StartAttempt", ``, `{"attempt":"a","host":"h1"}`, "start attempt: h1"},
		{"StartAttempt", ``, `{"attempt":"a","refused":"no host has 64 cores"}`, "start attempt: no host has 64 cores"},
		{"ListItems", ``, `["a","b"]`, "list items"},
	} {
		e := event(1, enumspb.EVENT_TYPE_MARKER_RECORDED)
		e.Attributes = &historypb.HistoryEvent_MarkerRecordedEventAttributes{MarkerRecordedEventAttributes: &historypb.MarkerRecordedEventAttributes{
			MarkerName: "LocalActivity", Details: map[string]*commonpb.Payloads{"data": payloads(`{"ActivityType":"` + c[0] + `"}`), "result": payloads(c[2])},
		}}
		if c[1] != "" {
			e.UserMetadata = &sdkpb.UserMetadata{Summary: payload(c[1])}
		}
		if got := summaryOf(t, e); got != c[3] {
			t.Errorf("%s that answers %s reads %q, want %q", c[0], c[2], got, c[3])
		}
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
