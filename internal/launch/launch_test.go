package launch_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/launch"
	"github.com/bine-ml/bine/internal/temporal"
	"github.com/bine-ml/bine/workflows"
)

func newLauncher(rows *fakeRows) (*launch.Launcher, *fakeTemporal) {
	f := newTemporal()
	return launch.New(f, rows, grace), f
}

func TestEveryCallIsHarmlessWhenMadeAgain(t *testing.T) {
	l, f := newLauncher(&fakeRows{})
	ctx := t.Context()
	for range 2 {
		ok(t, l.StartRun(ctx, run("flights-1")))
		ok(t, l.BuildEnvironment(ctx, "p", 1))
		ok(t, l.Provision(ctx, "p"))
		ok(t, l.DeleteProject(ctx, "p"))
	}
	same(t, "asked", f.calls, "start run_pipeline as p/run/flights-1", "start build_environment as p/environment/1", "start provision_project as p/provision", "start delete_project as p/delete")
	f.calls = nil
	f.is["p/run/flights-1"] = terminated
	ok(t, l.StartRun(ctx, run("flights-1"))) // a run is executed once
	ok(t, l.CancelRun(ctx, "p", "flights-1"))
	ok(t, l.CancelRun(ctx, "p", "none-1"))
	ok(t, l.Ready(ctx, bine.ServerOwner("p", "gone", 1, "g")))
	same(t, "asked then", f.calls)
}

func TestADeploymentIsTalkedToByItsWorkflow(t *testing.T) {
	l, f := newLauncher(&fakeRows{deployments: []bine.Deployment{{Name: "delay", Resources: bine.Resources{CPU: 1}}}})
	f.is["p/deployment/delay"] = going
	ok(t, l.Deploy(t.Context(), "p", "delay", 2))
	ok(t, l.Ready(t.Context(), bine.ServerOwner("p", "delay", 2, "g-1")))
	ok(t, l.StopDeployment(t.Context(), "p", "delay", true))
	same(t, "asked", f.calls, "signal deploy with start of serve_deployment to p/deployment/delay: {Version:2 Resources:{CPU:1 Memory:0 GPUs:0 GPU:}}",
		"signal ready to p/deployment/delay: {Generation:g-1}", "signal stop with start of serve_deployment to p/deployment/delay: {Forget:true}")
	if err := l.Deploy(t.Context(), "p", "none", 1); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("a deployment without a row: %v, want not found", err)
	}
}

func TestABuildIsStoppedAndSaysWhetherItGoesOn(t *testing.T) {
	l, f := newLauncher(&fakeRows{})
	f.is["p/environment/1"], f.is["p/environment/2"] = going, terminated
	for version, want := range map[int]bool{1: true, 2: false, 3: false} {
		on, err := l.StopBuilding(t.Context(), "p", version)
		if err != nil || on != want {
			t.Errorf("version %d goes on: %v, %v; want %v", version, on, err, want)
		}
	}
	same(t, "asked", f.calls, "cancel p/environment/1")
}

func TestAnEngineThatIsAwayIsUnavailable(t *testing.T) {
	l, f := newLauncher(&fakeRows{})
	f.fault = serviceerror.NewUnavailable("no")
	for what, err := range map[string]error{"start": l.StartRun(t.Context(), run("flights-1")), "cancel": l.CancelRun(t.Context(), "p", "flights-1")} {
		if !bine.IsKind(err, bine.Unavailable) {
			t.Errorf("%s: %v, want unavailable", what, err)
		}
	}
	f.fault = serviceerror.NewInvalidArgument("cron has too many fields")
	if err := l.SetSchedule(t.Context(), "p", bine.Schedule{Name: "s", Cron: "x"}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a wrong cron line: %v, want invalid", err)
	}
}

func TestASchedulesWordsBecomeTemporals(t *testing.T) {
	for overlap, want := range map[string]enumspb.ScheduleOverlapPolicy{
		"": enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, "skip": enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, "buffer_one": enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
		"buffer_all": enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL, "cancel_other": enumspb.SCHEDULE_OVERLAP_POLICY_CANCEL_OTHER, "allow_all": enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL,
	} {
		t.Run(overlap, func(t *testing.T) {
			l, f := newLauncher(&fakeRows{})
			s := bine.Schedule{Name: "nightly", Cron: "0 6 * * *", TimeZone: "Europe/Berlin", Overlap: overlap, CatchUp: 90, Paused: true}
			ok(t, l.SetSchedule(t.Context(), "p", s))
			got := f.schedules["p/schedule/nightly"]
			if got.Overlap != want || got.CatchupWindow != 90*time.Second || !got.Paused || got.Spec.TimeZoneName != "Europe/Berlin" || !reflect.DeepEqual(got.Spec.CronExpressions, []string{"0 6 * * *"}) {
				t.Errorf("made %+v", got)
			}
			action, _ := got.Action.(*client.ScheduleWorkflowAction)
			if action == nil || action.Workflow != workflows.TickName || !reflect.DeepEqual(action.Args, []any{workflows.TickWorkflowInput{Project: "p", Schedule: "nightly", GraceSeconds: 60}}) {
				t.Errorf("it starts %+v", action)
			}
			s.Paused, s.CatchUp = false, 0
			ok(t, l.SetSchedule(t.Context(), "p", s))
			if f.changed == nil || f.changed.State.Paused || f.changed.Policy.CatchupWindow != time.Hour || f.changed.Policy.Overlap != want {
				t.Errorf("changed to %+v", f.changed)
			}
		})
	}
	l, _ := newLauncher(&fakeRows{})
	if err := l.SetSchedule(t.Context(), "p", bine.Schedule{Name: "s", Overlap: "sometimes"}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a word that is none: %v, want invalid", err)
	}
}

func TestASchedulesTimesAreToldSoThatBothMeanTheSame(t *testing.T) {
	l, f := newLauncher(&fakeRows{})
	for cron, want := range map[string]client.ScheduleSpec{
		"0 0 13 * FRI": {CronExpressions: []string{"0 0 13 * *", "0 0 * * 5"}, TimeZoneName: "Europe/Vienna", Jitter: 90 * time.Second},
		"@hourly":      {CronExpressions: []string{"0 * * * *"}, TimeZoneName: "UTC", Jitter: 90 * time.Second},
		"@every 10m":   {Intervals: []client.ScheduleIntervalSpec{{Every: 10 * time.Minute}}, TimeZoneName: "Europe/Vienna", Jitter: 90 * time.Second},
	} {
		clear(f.schedules)
		ok(t, l.SetSchedule(t.Context(), "p", bine.Schedule{Name: "s", Cron: cron, TimeZone: "Europe/Vienna", Jitter: 90}))
		if got := f.schedules["p/schedule/s"].Spec; !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", cron, got, want)
		}
	}
	if err := l.SetSchedule(t.Context(), "p", bine.Schedule{Name: "s", Cron: "every day"}); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a cron that is none: %v, want invalid", err)
	}
}

func TestAScheduleIsAskedForItsNextTicks(t *testing.T) {
	l, _ := newLauncher(&fakeRows{})
	ctx := t.Context()
	if next, err := l.ScheduleNext(ctx, "p", "s"); len(next) > 0 || err != nil {
		t.Errorf("one that is not there: %v, %v", next, err)
	}
	if err := l.TriggerSchedule(ctx, "p", "s"); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("triggered without being there: %v", err)
	}
	ok(t, l.SetSchedule(ctx, "p", bine.Schedule{Name: "s", Cron: "@hourly"}))
	ok(t, l.TriggerSchedule(ctx, "p", "s"))
	if next, err := l.ScheduleNext(ctx, "p", "s"); len(next) != 1 || err != nil {
		t.Errorf("next %v, %v; want one", next, err)
	}
	for range 2 {
		ok(t, l.DeleteSchedule(ctx, "p", "s"))
	}
	ok(t, l.SetSchedule(ctx, "p", bine.Schedule{Name: "s", Cron: "@hourly", Paused: true}))
	if next, err := l.ScheduleNext(ctx, "p", "s"); len(next) > 0 || err != nil {
		t.Errorf("a paused one: %v, %v; want none", next, err)
	}
}

// archive holds the exported histories of workflows.
type archive map[string][]byte

func (a archive) Newest(_ context.Context, id string) ([]byte, error) {
	packed, found := a[id]
	if !found {
		return nil, bine.Errorf(bine.NotFound, "there is no history of %s", id)
	}
	return packed, nil
}

func packed(t *testing.T) []byte {
	t.Helper()
	text, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(&historypb.History{Events: []*historypb.HistoryEvent{{
		EventId: 1, EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, EventTime: timestamppb.New(time.Unix(1, 0)),
		Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
			WorkflowType: &common.WorkflowType{Name: "tick"}, OriginalExecutionRunId: "r1",
		}},
	}, {
		EventId: 2, EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, EventTime: timestamppb.New(time.Unix(2, 0)),
		Attributes: &historypb.HistoryEvent_WorkflowExecutionCompletedEventAttributes{WorkflowExecutionCompletedEventAttributes: &historypb.WorkflowExecutionCompletedEventAttributes{}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if _, err := zip.Write(text); err != nil || zip.Close() != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAHistoryThatTemporalHasForgottenComesFromTheArchive(t *testing.T) {
	key, err := temporal.LoadKey(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	l, _ := newLauncher(&fakeRows{})
	h := launch.NewHistories(l, archive{"p/old": packed(t), "p/broken": []byte("x")}, temporal.NewSealer(key))
	got, err := h.History(t.Context(), "p/old")
	if err != nil {
		t.Fatal(err)
	}
	if !got.Exported || got.Type != "tick" || got.Status != "completed" || got.RunID != "r1" || len(got.Events) != 2 || got.Events[0].At != "1970-01-01T00:00:01Z" {
		t.Errorf("history is %+v", got)
	}
	if _, err := h.History(t.Context(), "p/none"); !bine.IsKind(err, bine.NotFound) {
		t.Errorf("one that nobody has: %v, want not found", err)
	}
	if _, err := h.History(t.Context(), "p/broken"); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("one that is broken: %v", err)
	}
}

func TestARunIsQueuedAsItsProjectAndPrioritySay(t *testing.T) {
	l, f := newLauncher(&fakeRows{})
	for id, priority := range map[bine.RunID]bine.Priority{"n-1": "", "h-1": bine.PriorityHigh, "l-1": bine.PriorityLow} {
		r := run(id)
		r.Priority = priority
		ok(t, l.StartRun(t.Context(), r))
		want := workflows.Share("p", priority)
		if got := f.options[workflows.RunWorkflowID("p", id)].Priority; got != want || got.PriorityKey != 0 || !strings.HasPrefix(got.FairnessKey, "p") {
			t.Errorf("a run of priority %q is queued as %+v, want %+v", priority, got, want)
		}
	}
	ok(t, l.BuildEnvironment(t.Context(), "p", 1))
	if got := f.options["p/environment/1"].Priority; got != workflows.Share("p", "") {
		t.Errorf("what is no run is queued as %+v", got)
	}
	if key := workflows.Share(bine.ProjectName(strings.Repeat("a", 63)), bine.PriorityHigh).FairnessKey; len(key) > 64 {
		t.Errorf("the key of the longest name has %d bytes, more than Temporal takes", len(key))
	}
}
