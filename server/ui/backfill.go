package ui

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

func showBackfills(c *call) error {
	page, err := c.backfillsPage()
	if err != nil {
		return err
	}
	page.Form = templates.BackfillForm{Mode: "missing", Order: "oldest", Cap: 1}
	page.Pipeline = bine.PipelineName(c.query("pipeline"))
	return c.show(page)
}

func (c *call) backfillsPage() (page templates.BackfillsPage, err error) {
	if page.Shell, err = c.shell("Backfills", "backfills"); err != nil {
		return page, err
	}
	if page.Pipelines, err = c.names(false); err != nil {
		return page, err
	}
	found, err := c.api.Backfills(c.ctx(), c.project(), "", client.List{After: c.query("after"), Limit: someRuns})
	page.Backfills, page.Next = found.Items, found.Next
	return page, err
}

// newBackfill reads the form of a backfill.
func newBackfill(f url.Values) (name bine.PipelineName, body client.NewBackfill, form templates.BackfillForm, err error) {
	form = templates.BackfillForm{From: f.Get("from"), To: f.Get("to"), Cron: strings.TrimSpace(f.Get("cron")), Mode: f.Get("mode"), Order: f.Get("order"),
		Partitions: f.Get("partitions"), Param: strings.TrimSpace(f.Get("param"))}
	if form.Cap, err = whole(f, "cap"); err != nil {
		return name, body, form, err
	}
	body = client.NewBackfill{Mode: bine.BackfillMode(form.Mode), Order: form.Order, Cap: form.Cap, Cron: form.Cron, Partitions: lines(form.Partitions), Param: form.Param}
	for field, target := range map[string]**time.Time{"from": &body.From, "to": &body.To} {
		text := f.Get(field)
		if text == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return name, body, form, bine.Errorf(bine.Invalid, "%s: %q is no day: write it like 2026-01-31", field, text)
		}
		*target = &day
	}
	return bine.PipelineName(f.Get("pipeline")), body, form, nil
}

func startBackfill(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	name, body, _, err := newBackfill(f)
	if err != nil {
		return err
	}
	made, err := c.api.StartBackfill(c.ctx(), c.project(), name, body)
	if err != nil {
		return err
	}
	return c.goTo(c.path("backfills", string(made.ID)))
}

// planBackfill shows what a backfill would run.
func planBackfill(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	name, body, form, err := newBackfill(f)
	if err != nil {
		return err
	}
	body.DryRun = true
	plan, err := c.api.StartBackfill(c.ctx(), c.project(), name, body)
	if err != nil {
		return err
	}
	page, err := c.backfillsPage()
	if err != nil {
		return err
	}
	page.Form, page.Pipeline, page.Plan = form, name, &plan
	return c.show(page)
}

func showBackfill(c *call) error {
	s, err := c.shell(c.name(), "backfills")
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Backfills", URL: c.path("backfills")})
	page := templates.BackfillPage{Shell: s}
	id := bine.BackfillID(c.name())
	if page.Backfill, err = c.api.Backfill(c.ctx(), c.project(), id); err != nil {
		return err
	}
	slots, err := c.api.BackfillSlots(c.ctx(), c.project(), id, client.List{After: c.query("after"), Limit: mostSlots})
	if err != nil {
		return err
	}
	page.Slots, page.Next = slots.Items, slots.Next
	return c.show(page)
}

// mostSlots is how many slots one page shows.
const mostSlots = 500

func pauseBackfill(c *call) error  { return c.backfillVerb((*client.Client).PauseBackfill) }
func resumeBackfill(c *call) error { return c.backfillVerb((*client.Client).ResumeBackfill) }
func cancelBackfill(c *call) error { return c.backfillVerb((*client.Client).CancelBackfill) }

func (c *call) backfillVerb(do backfillCall) error {
	if _, err := do(c.api, c.ctx(), c.project(), bine.BackfillID(c.name())); err != nil {
		return err
	}
	return c.goTo(c.path("backfills", c.name()))
}

type backfillCall = func(*client.Client, context.Context, bine.ProjectName, bine.BackfillID) (bine.Backfill, error)
