package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/tick"
)

// scheduleRoutes are those of when pipelines run by themselves.
func (a *API) scheduleRoutes() {
	see := auth.Access{Role: bine.DataScientist, Scopes: follows, Job: true}
	change := auth.Access{Role: bine.DataScientist} // of one's own; those of others take a Data Owner
	const all, one = "projects/{project}/schedules", "projects/{project}/schedules/{schedule}"
	add(a, route{id: "list-schedules", method: http.MethodGet, path: all, tag: "schedules", summary: "The schedules by name, each with its next ticks", access: see}, a.schedules)
	add(a, route{id: "describe-schedule", method: http.MethodGet, path: one, tag: "schedules", summary: "One schedule", access: see}, a.schedule)
	add(a, route{id: "list-ticks", method: http.MethodGet, path: one + "/ticks", tag: "schedules", summary: "The last planned times, each with its run or why it has none, and the next", access: see}, a.scheduleTicks)
	add(a, route{id: "set-schedule", method: http.MethodPut, path: one, tag: "schedules", summary: "Make or change a schedule; that of somebody else takes a Data Owner", access: change}, a.setSchedule)
	add(a, route{id: "trigger-schedule", method: http.MethodPost, path: one + "/trigger", tag: "schedules", summary: "Run a schedule's pipeline now, as one more tick",
		access: auth.Access{Role: bine.DataScientist, Scopes: runs}, status: http.StatusAccepted}, a.triggerSchedule)
	add(a, route{id: "delete-schedule", method: http.MethodDelete, path: one, tag: "schedules", summary: "Remove a schedule; its runs stay", access: change}, a.deleteSchedule)
}

// InSchedule names a schedule in the path.
type InSchedule struct {
	InProject
	Schedule bine.ScheduleName `path:"schedule" doc:"name of the schedule"`
}

// withNext adds the next ticks. That they cannot be had is no reason to hide the schedule.
func (a *API) withNext(ctx context.Context, p bine.ProjectName, s bine.Schedule) bine.Schedule {
	next, err := a.Launcher.ScheduleNext(ctx, p, s.Name)
	if err != nil {
		a.Log.WarnContext(ctx, "next ticks are not known", "project", p, "schedule", s.Name, "error", err)
	}
	s.Next = next
	return s
}

func (a *API) schedules(ctx context.Context, in *InProject) (*body[[]bine.Schedule], error) {
	all, err := a.Store.Schedules(ctx, in.Project)
	for i := range all {
		all[i] = a.withNext(ctx, in.Project, all[i])
	}
	return list(all, err)
}

func (a *API) schedule(ctx context.Context, in *InSchedule) (*body[bine.Schedule], error) {
	s, err := a.Store.Schedule(ctx, in.Project, in.Schedule)
	if err != nil {
		return nil, err
	}
	return answer(a.withNext(ctx, in.Project, s), nil)
}

// mine fails where a schedule is somebody else's and the caller no Data Owner.
func (a *API) mine(ctx context.Context, p bine.ProjectName, name bine.ScheduleName) error {
	s, err := a.Store.Schedule(ctx, p, name)
	if err != nil {
		return err
	}
	c := callOf(ctx)
	if s.CreatedBy != c.User && c.member.Role != bine.DataOwner {
		return auth.NeedRole(p, bine.DataOwner)
	}
	return nil
}

func (a *API) setSchedule(ctx context.Context, in *struct {
	InSchedule
	Body client.NewSchedule
}) (*body[bine.Schedule], error) {
	b := in.Body
	s := bine.Schedule{Name: in.Schedule, Pipeline: b.Pipeline, Version: b.Version, Cron: b.Cron, TimeZone: b.TimeZone, Overlap: b.Overlap,
		CatchUp: b.CatchUp, Jitter: b.Jitter, Params: b.Params, Paused: b.Paused, Note: b.Note}
	if err := a.ready(ctx, in.Project); err != nil {
		return nil, err
	}
	if err := a.putSchedule(ctx, in.Project, s); err != nil {
		return nil, err
	}
	return a.schedule(ctx, &in.InSchedule)
}

// scheduleOf makes the schedule that a pipeline carries, under the pipeline's name.
func (a *API) scheduleOf(ctx context.Context, p bine.ProjectName, dag dags.DAG) error {
	s := bine.Schedule{Name: bine.ScheduleName(dag.Name), Pipeline: dag.Name, Cron: dag.Schedule.Cron, TimeZone: dag.Schedule.TimeZone,
		Overlap: dag.Schedule.Overlap, CatchUp: dag.Schedule.CatchUp, Jitter: dag.Schedule.Jitter, Note: "written in the pipeline"}
	before, err := a.Store.Schedule(ctx, p, s.Name)
	if err != nil && !bine.IsKind(err, bine.NotFound) {
		return err
	}
	s.Paused, s.Params = before.Paused, before.Params // what people set beside the text stays
	return a.putSchedule(ctx, p, s)
}

// putSchedule checks a schedule, writes it down and sets it going.
func (a *API) putSchedule(ctx context.Context, p bine.ProjectName, s bine.Schedule) error {
	if s.TimeZone == "" {
		s.TimeZone = "UTC"
	}
	if s.Overlap == "" {
		s.Overlap = "skip"
	}
	if s.CatchUp == 0 {
		s.CatchUp = dags.DefaultCatchUp
	}
	if err := checkSchedule(s); err != nil {
		return err
	}
	if err := a.mine(ctx, p, s.Name); err != nil && !bine.IsKind(err, bine.NotFound) {
		return err
	}
	version, err := a.Store.PipelineVersion(ctx, p, s.Pipeline, s.Version)
	if err != nil {
		return err
	}
	if err := checkParams(version, s.Params); err != nil {
		return err
	}
	s.CreatedBy, s.CreatedAt = callOf(ctx).User, a.now().UTC()
	if err := a.Store.PutSchedule(ctx, p, s); err != nil {
		return err
	}
	return a.Launcher.SetSchedule(ctx, p, s)
}

func checkSchedule(s bine.Schedule) error {
	if err := s.Name.Check(); err != nil {
		return err
	}
	if _, err := tick.Parse(s.Cron, s.TimeZone); err != nil {
		return err
	}
	if !slices.Contains(dags.Overlaps(), s.Overlap) {
		return bine.Errorf(bine.Invalid, "overlap %q is not one of %v", s.Overlap, dags.Overlaps())
	}
	if s.CatchUp < 0 {
		return bine.Errorf(bine.Invalid, "catch_up_seconds is negative")
	}
	if s.Jitter < 0 {
		return bine.Errorf(bine.Invalid, "jitter_seconds is negative")
	}
	return nil
}

func (a *API) triggerSchedule(ctx context.Context, in *InSchedule) (*none, error) {
	if _, err := a.Store.Schedule(ctx, in.Project, in.Schedule); err != nil {
		return nil, err
	}
	return done(a.Launcher.TriggerSchedule(ctx, in.Project, in.Schedule))
}

func (a *API) deleteSchedule(ctx context.Context, in *InSchedule) (*none, error) {
	if err := a.mine(ctx, in.Project, in.Schedule); err != nil {
		return nil, err
	}
	return done(a.forgetSchedule(ctx, in.Project, in.Schedule))
}

func (a *API) forgetSchedule(ctx context.Context, p bine.ProjectName, name bine.ScheduleName) error {
	if err := a.Launcher.DeleteSchedule(ctx, p, name); err != nil {
		return fmt.Errorf("stop schedule %s: %w", name, err)
	}
	return a.Store.DeleteSchedule(ctx, p, name)
}
