package recording_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
)

// compare checks that a workflow asks the server for the same, and as often, as
// when it was recorded. The order is for the replay to check: what goes on side
// by side may come in any.
func compare(t *testing.T, file string, recorded []byte, is *historypb.History) {
	t.Helper()
	var was historypb.History
	must(t, temporalproto.CustomJSONUnmarshalOptions{Metadata: readable}.Unmarshal(recorded, &was))
	got, want := commands(is), commands(&was)
	for _, command := range slices.Sorted(maps.Keys(merged(got, want))) {
		if got[command] != want[command] {
			t.Errorf("%s: %s %d times, recorded are %d. The workflow has changed: keep what is recorded, record the new way under another name, and see that both replay",
				file, command, got[command], want[command])
		}
	}
}

func merged(a, b map[string]int) map[string]int {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// commands counts what a workflow asked the server for.
func commands(history *historypb.History) map[string]int {
	counts := map[string]int{}
	for _, e := range history.GetEvents() {
		if c := command(e); c != "" {
			counts[c]++
		}
	}
	return counts
}

// command says what a workflow asked for by an event, empty where that was not
// the workflow.
func command(e *historypb.HistoryEvent) string {
	switch e.GetEventType() {
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
		a := e.GetActivityTaskScheduledEventAttributes()
		return "activity " + a.GetActivityType().GetName() + " on " + a.GetTaskQueue().GetName()
	case enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
		return "child " + e.GetStartChildWorkflowExecutionInitiatedEventAttributes().GetWorkflowType().GetName()
	case enumspb.EVENT_TYPE_MARKER_RECORDED:
		return marker(e.GetMarkerRecordedEventAttributes())
	case enumspb.EVENT_TYPE_TIMER_STARTED, enumspb.EVENT_TYPE_TIMER_CANCELED, enumspb.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED,
		enumspb.EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED, enumspb.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
		enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
		enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
		return e.GetEventType().String()
	}
	return ""
}

// marker names a local activity, or a change that a workflow asked about.
func marker(a *historypb.MarkerRecordedEventAttributes) string {
	for _, name := range []string{"data", "change-id"} {
		for _, p := range a.GetDetails()[name].GetPayloads() {
			var local struct{ ActivityType string }
			if json.Unmarshal(p.GetData(), &local) == nil && local.ActivityType != "" {
				return "local activity " + local.ActivityType
			}
			if name == "change-id" {
				return "version of " + string(p.GetData())
			}
		}
	}
	return "marker " + a.GetMarkerName()
}
