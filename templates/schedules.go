package templates

import (
	"html/template"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// SchedulesPage lists the schedules of a project and holds the form for one.
type SchedulesPage struct {
	Shell
	Schedules []bine.Schedule
	Pipelines []bine.PipelineName
	Edit      bine.Schedule // what the form shows
}

// SchedulePage shows one schedule.
type SchedulePage struct {
	Shell
	Schedule  bine.Schedule
	Pipelines []bine.PipelineName
	Runs      []bine.Run // of its pipeline
	Ticks     []client.ScheduleTick
}

var (
	schedulesPage = load("schedules.html")
	schedulePage  = load("schedule.html")
)

func (p SchedulesPage) page() *template.Template { return schedulesPage }
func (p SchedulePage) page() *template.Template  { return schedulePage }

// ScheduleForm is the form of a schedule.
type ScheduleForm struct {
	Path      string
	Schedule  bine.Schedule
	Pipelines []bine.PipelineName
}

// Form is the form of a new schedule.
func (p SchedulesPage) Form() ScheduleForm {
	return ScheduleForm{p.Path("schedules"), p.Edit, p.Pipelines}
}

// Form is the form with what the schedule is now.
func (p SchedulePage) Form() ScheduleForm {
	return ScheduleForm{p.Path("schedules"), p.Schedule, p.Pipelines}
}

// Overlaps are what may happen at a tick while the run before still goes on.
func (f ScheduleForm) Overlaps() []string {
	return []string{"skip", "buffer_one", "buffer_all", "cancel_other", "allow_all"}
}

// Params are the params as text.
func (f ScheduleForm) Params() string {
	if len(f.Schedule.Params) == 0 || string(f.Schedule.Params) == "null" {
		return ""
	}
	return pretty(f.Schedule.Params)
}

// RunRows are the rows of the runs that the schedule started.
func (p SchedulePage) RunRows() []RunRow {
	var mine []bine.Run
	for _, r := range p.Runs {
		if r.Schedule == p.Schedule.Name {
			mine = append(mine, r)
		}
	}
	return rows(mine, p.Now)
}

// Coming are the ticks that are planned.
func (p SchedulePage) Coming() []client.ScheduleTick { return p.ticks(true) }

// Past are the ticks that were, newest first.
func (p SchedulePage) Past() []client.ScheduleTick {
	all := p.ticks(false)
	slices.Reverse(all)
	return all
}

func (p SchedulePage) ticks(planned bool) []client.ScheduleTick {
	var all []client.ScheduleTick
	for _, t := range p.Ticks {
		if planned == (t.State == client.TickPlanned) {
			all = append(all, t)
		}
	}
	return all
}
