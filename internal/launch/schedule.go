package launch

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/activities"
	"github.com/bine-ml/bine/internal/tick"
	"github.com/bine-ml/bine/workflows"
)

// overlaps maps the words of a pipeline to Temporal's policies.
var overlaps = map[string]enumspb.ScheduleOverlapPolicy{
	"":             enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
	"skip":         enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
	"buffer_one":   enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
	"buffer_all":   enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
	"cancel_other": enumspb.SCHEDULE_OVERLAP_POLICY_CANCEL_OTHER,
	"allow_all":    enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL,
}

// catchUp is how late a missed tick may still run where the schedule does not say.
const catchUp = time.Hour

// SetSchedule makes a schedule, or makes it what s says.
func (l *Launcher) SetSchedule(ctx context.Context, project bine.ProjectName, s bine.Schedule) error {
	options, err := l.scheduleOptions(project, s)
	if err != nil {
		return err
	}
	_, err = l.temporal.ScheduleClient().Create(ctx, options)
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return unavailable(err, "make schedule %s", s.Name)
	}
	err = l.handle(ctx, project, s.Name).Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		return &client.ScheduleUpdate{Schedule: &client.Schedule{
			Action: options.Action, Spec: &options.Spec,
			Policy: &client.SchedulePolicies{Overlap: options.Overlap, CatchupWindow: options.CatchupWindow},
			State:  &client.ScheduleState{Paused: options.Paused},
		}}, nil
	}})
	return unavailable(err, "change schedule %s", s.Name)
}

func (l *Launcher) scheduleOptions(project bine.ProjectName, s bine.Schedule) (client.ScheduleOptions, error) {
	overlap, known := overlaps[s.Overlap]
	if !known {
		return client.ScheduleOptions{}, bine.Errorf(bine.Invalid, "overlap %q is not known: use skip, buffer_one, buffer_all, cancel_other or allow_all", s.Overlap)
	}
	window := catchUp
	if s.CatchUp > 0 {
		window = time.Duration(s.CatchUp * float64(time.Second))
	}
	spec, err := tick.Parse(s.Cron, s.TimeZone)
	if err != nil {
		return client.ScheduleOptions{}, err
	}
	planned := client.ScheduleSpec{CronExpressions: spec.Expressions(), TimeZoneName: spec.Zone(), Jitter: activities.Seconds(s.Jitter)}
	if spec.Every() > 0 {
		planned.Intervals = []client.ScheduleIntervalSpec{{Every: spec.Every()}}
	}
	id := workflows.ScheduleID(project, s.Name)
	return client.ScheduleOptions{
		ID:   id,
		Spec: planned,
		Action: &client.ScheduleWorkflowAction{
			ID: id + "/tick", Workflow: workflows.TickName, TaskQueue: activities.ControlQueue, Priority: workflows.Share(project, ""),
			Args: []any{workflows.TickWorkflowInput{Project: project, Schedule: s.Name, GraceSeconds: l.grace.Seconds()}},
		},
		Overlap: overlap, CatchupWindow: window, Paused: s.Paused,
	}, nil
}

func (l *Launcher) handle(ctx context.Context, project bine.ProjectName, name bine.ScheduleName) client.ScheduleHandle {
	return l.temporal.ScheduleClient().GetHandle(ctx, workflows.ScheduleID(project, name))
}

// DeleteSchedule removes a schedule; one that is not there is no error.
func (l *Launcher) DeleteSchedule(ctx context.Context, project bine.ProjectName, name bine.ScheduleName) error {
	err := l.handle(ctx, project, name).Delete(ctx)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return nil
	}
	return unavailable(err, "delete schedule %s", name)
}

// TriggerSchedule runs a schedule's pipeline now, whatever else of it runs:
// whoever asks for a run gets one. Temporal's own trigger names ticks by the
// second, and drops the second of two within one.
func (l *Launcher) TriggerSchedule(ctx context.Context, project bine.ProjectName, name bine.ScheduleName) error {
	_, err := l.handle(ctx, project, name).Describe(ctx)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return bine.Errorf(bine.NotFound, "schedule %s is not there", name)
	}
	if err != nil {
		return unavailable(err, "trigger schedule %s", name)
	}
	id := fmt.Sprintf("%s/tick-by-hand-%d", workflows.ScheduleID(project, name), time.Now().UnixNano())
	in := workflows.TickWorkflowInput{Project: project, Schedule: name, GraceSeconds: l.grace.Seconds()}
	return l.start(ctx, project, id, workflows.TickName, true, in)
}

// ScheduleNext gives the next ticks of a schedule, none while it is paused.
func (l *Launcher) ScheduleNext(ctx context.Context, project bine.ProjectName, name bine.ScheduleName) ([]time.Time, error) {
	about, err := l.handle(ctx, project, name).Describe(ctx)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(fmt.Errorf("describe: %w", err), "describe schedule %s", name)
	}
	if about.Schedule.State != nil && about.Schedule.State.Paused {
		return nil, nil
	}
	return about.Info.NextActionTimes, nil
}
