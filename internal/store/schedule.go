package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
)

type scheduleRow struct {
	Project   bine.ProjectName  `gorm:"primaryKey"`
	Name      bine.ScheduleName `gorm:"primaryKey"`
	Pipeline  bine.PipelineName
	Version   int
	Cron      string
	TimeZone  string
	Overlap   string
	CatchUp   float64
	Jitter    float64
	Params    raw
	Paused    bool
	Note      string
	CreatedBy bine.UserName
	Created   int64  `gorm:"column:created_at"`
	Since     *int64 // NULL: since it was made
	PausedAt  *int64
	ResumedAt *int64
}

// TableName names the table.
func (scheduleRow) TableName() string { return "schedules" }

func (r scheduleRow) schedule() bine.Schedule {
	since := r.Since
	if since == nil {
		since = &r.Created
	}
	return bine.Schedule{Name: r.Name, Pipeline: r.Pipeline, Version: r.Version, Cron: r.Cron, TimeZone: r.TimeZone, Overlap: r.Overlap, CatchUp: r.CatchUp,
		Jitter: r.Jitter, Since: maybe(since), PausedAt: maybe(r.PausedAt), ResumedAt: maybe(r.ResumedAt),
		Params: r.Params.V, Paused: r.Paused, Note: r.Note, CreatedBy: r.CreatedBy, CreatedAt: database.Time(r.Created)}
}

// pause notes the time where a schedule is paused or resumed now.
func (r *scheduleRow) pause(was bool, now int64) {
	switch {
	case r.Paused && !was:
		r.PausedAt, r.ResumedAt = &now, nil
	case was && !r.Paused:
		r.ResumedAt = &now
	}
}

// PutSchedule makes a schedule or replaces what it says; who made it, and
// when, stays. It notes since when it plans its times, and when it is paused and resumed.
func (s *Store) PutSchedule(ctx context.Context, project bine.ProjectName, v bine.Schedule) error {
	err := s.write(ctx, func(t *tx) error {
		row := scheduleRow{Project: project, Name: v.Name, Pipeline: v.Pipeline, Version: v.Version, Cron: v.Cron, TimeZone: v.TimeZone, Overlap: v.Overlap,
			CatchUp: v.CatchUp, Jitter: v.Jitter, Since: new(t.now), Params: raw{v.Params}, Paused: v.Paused, Note: v.Note, CreatedBy: v.CreatedBy, Created: orNow(v.CreatedAt, t.now)}
		old, err := gorm.G[scheduleRow](t.gorm()).Where("project = ? AND name = ?", project, v.Name).Take(ctx)
		if errors.Is(err, gorm.ErrRecordNotFound) {
			row.pause(false, t.now)
			return gorm.G[scheduleRow](t.gorm()).Create(ctx, &row)
		}
		if err != nil {
			return err
		}
		row.CreatedBy, row.Created, row.PausedAt, row.ResumedAt = old.CreatedBy, old.Created, old.PausedAt, old.ResumedAt
		if row.Pipeline == old.Pipeline && row.Cron == old.Cron && row.TimeZone == old.TimeZone {
			row.Since = old.Since
		}
		row.pause(old.Paused, t.now)
		return t.gorm().Save(&row).Error
	})
	if s.db.IsForeign(err) {
		return missing(named("pipeline", v.Pipeline))
	}
	return forDomain(err, named("schedule", v.Name))
}

// Schedule gives a schedule.
func (s *Store) Schedule(ctx context.Context, project bine.ProjectName, name bine.ScheduleName) (bine.Schedule, error) {
	row, err := gorm.G[scheduleRow](s.read(ctx)).Where("project = ? AND name = ?", project, name).Take(ctx)
	return row.schedule(), forDomain(s.db.Explain(err), named("schedule", name))
}

// Schedules gives the schedules of a project by name.
func (s *Store) Schedules(ctx context.Context, project bine.ProjectName) ([]bine.Schedule, error) {
	found, err := gorm.G[scheduleRow](s.read(ctx)).Where("project = ?", project).Order("name").Find(ctx)
	if err != nil {
		return nil, s.db.Explain(err)
	}
	list := make([]bine.Schedule, len(found))
	for i, r := range found {
		list[i] = r.schedule()
	}
	return list, nil
}

// DeleteSchedule removes a schedule. One that is not there is no error.
func (s *Store) DeleteSchedule(ctx context.Context, project bine.ProjectName, name bine.ScheduleName) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec("DELETE FROM schedules WHERE project = ? AND name = ?", project, name)
		return err
	})
}

// ScheduleRuns gives the runs of a schedule whose ticks are from a time on and
// before another, in order of their ticks.
func (s *Store) ScheduleRuns(ctx context.Context, project bine.ProjectName, v bine.Schedule, from, to time.Time) ([]bine.Run, error) {
	found, err := s.queryRuns(ctx, "project = ? AND pipeline = ? AND schedule = ? AND tick >= ? AND tick < ? ORDER BY tick, seq",
		project, v.Pipeline, v.Name, database.Micros(from), database.Micros(to))
	runs := make([]bine.Run, len(found))
	for i, r := range found {
		runs[i] = r.Run
	}
	return runs, err
}
