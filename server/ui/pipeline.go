package ui

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

// stripRuns is how many runs the strip of a pipeline shows.
const stripRuns = 14

func showPipelines(c *call) error {
	s, err := c.shell("Pipelines", "pipelines")
	if err != nil {
		return err
	}
	page := templates.PipelinesPage{Shell: s}
	pipelines, err := c.api.Pipelines(c.ctx(), c.project())
	if err != nil {
		return err
	}
	runs, err := c.api.Runs(c.ctx(), c.project(), client.RunFilter{Kind: bine.KindPipeline}, client.List{Limit: manyRuns})
	if err != nil {
		return err
	}
	schedules, err := c.api.Schedules(c.ctx(), c.project())
	if err != nil {
		return err
	}
	for _, p := range pipelines {
		row := templates.PipelineRow{Pipeline: p, Schedules: schedulesOf(schedules, p.Name)}
		for _, r := range runs.Items {
			if r.Pipeline == p.Name && len(row.Last) < stripRuns {
				row.Last = append([]bine.Run{r}, row.Last...)
			}
		}
		page.Pipelines = append(page.Pipelines, row)
	}
	return c.show(page)
}

func schedulesOf(all []bine.Schedule, p bine.PipelineName) []bine.Schedule {
	var mine []bine.Schedule
	for _, s := range all {
		if s.Pipeline == p {
			mine = append(mine, s)
		}
	}
	return mine
}

// firstText is what the page of a new pipeline begins with.
const firstText = `name: hello
description: Says hello

params:
  name: {type: string, default: world}

steps:
  greet:
    command: [echo, "hello ${{ params.name }}"]
`

func newPipeline(c *call) error {
	s, err := c.shell("New pipeline", "pipelines")
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Pipelines", URL: c.path("pipelines")})
	page := templates.PipelinePage{Shell: s, Source: firstText}
	page.Check = c.check([]byte(firstText))
	return c.show(page)
}

func showPipeline(c *call) error {
	page, err := c.pipelinePage()
	if err != nil {
		return err
	}
	if c.query("format") == "csv" {
		return c.trendCSV(page.Trend)
	}
	return c.show(page)
}

func (c *call) pipelinePage() (templates.PipelinePage, error) {
	name := bine.PipelineName(c.name())
	page := templates.PipelinePage{Tab: c.query("tab")}
	var err error
	if page.Shell, err = c.shell(string(name), "pipelines"); err != nil {
		return page, err
	}
	page.Crumbs = append(page.Crumbs, templates.Crumb{Name: "Pipelines", URL: c.path("pipelines")})
	if page.Pipeline, err = c.api.Pipeline(c.ctx(), c.project(), name); err != nil {
		return page, err
	}
	if page.Version, err = c.api.PipelineVersion(c.ctx(), c.project(), name, c.number("version")); err != nil {
		return page, err
	}
	page.Source, page.Definition = page.Version.Source, templates.ReadDefinition(page.Version.DAG)
	runs, err := c.api.Runs(c.ctx(), c.project(), client.RunFilter{Pipeline: name}, client.List{Limit: stripRuns})
	if err != nil {
		return page, err
	}
	page.Runs = runs.Items
	schedules, err := c.api.Schedules(c.ctx(), c.project())
	if err != nil {
		return page, err
	}
	page.Schedules = schedulesOf(schedules, name)
	if page.Triggers, err = c.api.Triggers(c.ctx(), c.project(), name); err != nil {
		return page, err
	}
	switch page.Tab {
	case "grid":
		err = c.lookAtRuns(&page)
	case "edit":
	case "versions":
		page.Versions, err = c.api.PipelineVersions(c.ctx(), c.project(), name)
	case "use":
	default:
		page.Tab, page.Gets = "start", c.gets(page.Definition)
	}
	return page, err
}

// check asks what is wrong with a text; that it cannot be asked is a finding too.
func (c *call) check(text []byte) templates.Check {
	checked, err := c.api.CheckPipeline(c.ctx(), c.project(), text)
	if err != nil {
		_, problem := c.describe(err)
		return templates.Check{Checked: true, Problem: &problem}
	}
	return templates.Check{Checked: true, Faults: checked.Faults, Dag: templates.ReadDefinition(checked.DAG)}
}

func checkPipeline(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	part := templates.CheckPart{Check: c.check([]byte(f.Get("text")))}
	if part.Problem != nil {
		if _, err := c.api.Me(c.ctx()); err != nil {
			return err
		}
	}
	return c.fragment(http.StatusOK, part, "check")
}

func storePipeline(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	v, err := c.api.StorePipeline(c.ctx(), c.project(), []byte(f.Get("text")), bine.Hash(f.Get("code")))
	if err != nil {
		return err
	}
	return c.back(c.path("pipelines", string(v.Pipeline)), "stored")
}

func deletePipeline(c *call) error {
	if err := c.confirmed(c.name()); err != nil {
		return err
	}
	if err := c.api.DeletePipeline(c.ctx(), c.project(), bine.PipelineName(c.name())); err != nil {
		return err
	}
	return c.back(c.path("pipelines"), "deleted")
}

// newRun reads the form that starts a pipeline or job.
func (c *call) newRun() (client.NewRun, error) {
	f, err := c.form()
	if err != nil {
		return client.NewRun{}, err
	}
	version, err := whole(f, "version")
	if err != nil {
		return client.NewRun{}, err
	}
	v, err := c.api.PipelineVersion(c.ctx(), c.project(), bine.PipelineName(c.name()), version)
	if err != nil {
		return client.NewRun{}, err
	}
	values, err := params(f, templates.ReadDefinition(v.DAG))
	if err != nil {
		return client.NewRun{}, err
	}
	return client.NewRun{Params: values, Version: version, NoCache: f.Get("no_cache") == "true"}, nil
}

func startRun(c *call) error {
	body, err := c.newRun()
	if err != nil {
		return err
	}
	run, err := c.api.StartRun(c.ctx(), c.project(), bine.PipelineName(c.name()), body)
	if err != nil {
		return err
	}
	return c.goTo(c.path("runs", string(run.ID)))
}

// keyLife is how long a key for a snippet is good.
const keyLife = 30 * 24 * time.Hour

// makeKey makes a key for runs in this project and shows the snippets with it.
func makeKey(c *call) error {
	expires := c.now().Add(keyLife)
	made, err := c.api.CreateKey(c.ctx(), client.NewKey{Name: "notebook for " + c.name(), Scopes: []bine.Scope{bine.ScopeRun}, Project: c.project(), Expires: &expires})
	if err != nil {
		return err
	}
	page, err := c.pipelinePage()
	if err != nil {
		return err
	}
	page.Key, page.Tab = made.Key, "use"
	page.Self = c.path("pipelines", c.name()) + "?tab=use"
	if !c.htmx() {
		return c.show(page)
	}
	c.w.Header().Set("HX-Retarget", "#snippets")
	c.w.Header().Set("HX-Reswap", "outerHTML")
	return c.fragment(http.StatusOK, page, "snippets")
}

// lookAtRuns fills in the last runs of a pipeline, step by step.
func (c *call) lookAtRuns(page *templates.PipelinePage) error {
	found, err := c.api.Runs(c.ctx(), c.project(), client.RunFilter{Pipeline: page.Pipeline.Name}, client.List{Limit: templates.GridRuns})
	if err != nil {
		return err
	}
	steps := map[bine.RunID][]bine.Step{}
	for _, run := range found.Items {
		if steps[run.ID], err = c.api.Steps(c.ctx(), c.project(), run.ID); err != nil {
			return err
		}
	}
	page.Grid = templates.NewGrid(c.project(), found.Items, steps)
	page.Trend = templates.NewTrend(page.Grid.Runs)
	return nil
}

// trendCSV is the table behind the line of durations.
func (c *call) trendCSV(t templates.Trend) error {
	c.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w := csv.NewWriter(c.w)
	rows := [][]string{{"run", "state", "started", "seconds"}}
	for _, p := range t.Points {
		rows = append(rows, []string{cell(string(p.Run.ID)), string(p.Run.State), p.Run.StartedAt.UTC().Format(time.RFC3339),
			strconv.FormatFloat(p.Run.EndedAt.Sub(*p.Run.StartedAt).Seconds(), 'f', 3, 64)})
	}
	return w.WriteAll(rows)
}

// pauseTrigger stops a trigger, or lets it go on from now.
func pauseTrigger(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	number, err := whole(f, "number")
	if err != nil {
		return err
	}
	if _, err := c.api.PauseTrigger(c.ctx(), c.project(), bine.PipelineName(c.name()), number, f.Get("paused") == "true"); err != nil {
		return err
	}
	return c.back(c.path("pipelines", c.name()), "saved")
}
