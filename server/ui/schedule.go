package ui

import (
	"encoding/json"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

func showSchedules(c *call) error {
	s, err := c.shell("Schedules", "schedules")
	if err != nil {
		return err
	}
	page := templates.SchedulesPage{Shell: s, Edit: bine.Schedule{Pipeline: bine.PipelineName(c.query("pipeline")), Name: bine.ScheduleName(c.query("pipeline")), Overlap: "skip"}}
	if page.Schedules, err = c.api.Schedules(c.ctx(), c.project()); err != nil {
		return err
	}
	if page.Pipelines, err = c.names(false); err != nil {
		return err
	}
	return c.show(page)
}

func showSchedule(c *call) error {
	s, err := c.shell(c.name(), "schedules")
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Schedules", URL: c.path("schedules")})
	page := templates.SchedulePage{Shell: s}
	if page.Schedule, err = c.api.Schedule(c.ctx(), c.project(), bine.ScheduleName(c.name())); err != nil {
		return err
	}
	if page.Pipelines, err = c.names(false); err != nil {
		return err
	}
	runs, err := c.api.Runs(c.ctx(), c.project(), client.RunFilter{Schedule: page.Schedule.Name}, client.List{Limit: someRuns})
	if err != nil {
		return err
	}
	page.Runs = runs.Items
	if page.Ticks, err = c.api.ScheduleTicks(c.ctx(), c.project(), page.Schedule.Name, 20, 10); err != nil {
		return err
	}
	return c.show(page)
}

func setSchedule(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	version, err := whole(f, "version")
	if err != nil {
		return err
	}
	catchUp, err := decimal(f, "catch_up")
	if err != nil {
		return err
	}
	body := client.NewSchedule{Pipeline: bine.PipelineName(f.Get("pipeline")), Version: version, Cron: strings.TrimSpace(f.Get("cron")), TimeZone: strings.TrimSpace(f.Get("time_zone")),
		Overlap: f.Get("overlap"), CatchUp: catchUp * 60, Paused: f.Get("paused") == "true", Note: f.Get("note")}
	if text := strings.TrimSpace(f.Get("params")); text != "" {
		if !json.Valid([]byte(text)) {
			return bine.Errorf(bine.Invalid, "the parameters are no JSON object")
		}
		body.Params = json.RawMessage(text)
	}
	name := bine.ScheduleName(strings.TrimSpace(f.Get("name")))
	if err := name.Check(); err != nil {
		return err
	}
	set, err := c.api.SetSchedule(c.ctx(), c.project(), name, body)
	if err != nil {
		return err
	}
	return c.back(c.path("schedules", string(set.Name)), "saved")
}

// pauseSchedule stops or resumes a schedule and leaves the rest of it alone.
func pauseSchedule(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	s, err := c.api.Schedule(c.ctx(), c.project(), bine.ScheduleName(c.name()))
	if err != nil {
		return err
	}
	body := client.NewSchedule{Pipeline: s.Pipeline, Version: s.Version, Cron: s.Cron, TimeZone: s.TimeZone, Overlap: s.Overlap, CatchUp: s.CatchUp, Jitter: s.Jitter, Params: s.Params, Note: s.Note, Paused: f.Get("paused") == "true"}
	if _, err := c.api.SetSchedule(c.ctx(), c.project(), s.Name, body); err != nil {
		return err
	}
	return c.back(c.path("schedules", c.name()), "saved")
}

func triggerSchedule(c *call) error {
	if err := c.api.TriggerSchedule(c.ctx(), c.project(), bine.ScheduleName(c.name())); err != nil {
		return err
	}
	return c.back(c.path("schedules", c.name()), "triggered")
}

func deleteSchedule(c *call) error {
	if err := c.api.DeleteSchedule(c.ctx(), c.project(), bine.ScheduleName(c.name())); err != nil {
		return err
	}
	return c.back(c.path("schedules"), "deleted")
}
