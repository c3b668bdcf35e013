package ui

import (
	"net/url"
	"strconv"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

// continueBody reads what a continuation is to do from an address or a form.
// Params count only where they differ from those of the run.
func (c *call) continueBody(run bine.Run, f url.Values) (client.Continue, templates.Definition, map[string]string, error) {
	var body client.Continue
	for _, step := range f["from"] {
		body.From = append(body.From, bine.StepName(step))
	}
	body.Version, _ = strconv.Atoi(f.Get("version"))
	shown := body.Version
	if shown == 0 {
		shown = run.Version
	}
	version, err := c.api.PipelineVersion(c.ctx(), c.project(), run.Pipeline, shown)
	if err != nil {
		return body, templates.Definition{}, nil, err
	}
	d := templates.ReadDefinition(version.DAG)
	changed, given := url.Values{}, map[string]string{}
	was := templates.RunPage{Run: run}.Params()
	for _, p := range d.Params {
		name := "param." + p.Name
		if !f.Has(name) {
			continue
		}
		same := false
		for _, pair := range was {
			same = same || pair.Name == p.Name && pair.Value == f.Get(name)
		}
		if !same {
			changed[name], given[p.Name] = f[name], f.Get(name)
		}
	}
	if len(changed) > 0 {
		plain := templates.Definition{Params: append([]templates.Param(nil), d.Params...)}
		for i := range plain.Params {
			plain.Params[i].Default = nil // what equals the default is a change too
		}
		if body.Params, err = params(changed, plain); err != nil {
			return body, d, given, err
		}
	}
	return body, d, given, nil
}

func showContinuation(c *call) error {
	run, err := c.api.Run(c.ctx(), c.project(), c.run())
	if err != nil {
		return err
	}
	s, err := c.shell("Continue "+string(run.ID), "runs")
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Runs", URL: c.path("runs")}, templates.Crumb{Name: string(run.ID), URL: c.path("runs", string(run.ID))})
	page := templates.ContinuePage{Shell: s, Run: run}
	body, d, given, err := c.continueBody(run, c.r.URL.Query())
	if err != nil {
		return err
	}
	page.Chosen, page.Definition, page.Given = body.From, d, given
	if page.Plan, err = c.api.PlanContinuation(c.ctx(), c.project(), run.ID, body); err != nil {
		return err
	}
	if page.Versions, err = c.api.PipelineVersions(c.ctx(), c.project(), run.Pipeline); err != nil {
		return err
	}
	return c.show(page)
}

func continueRun(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	old, err := c.api.Run(c.ctx(), c.project(), c.run())
	if err != nil {
		return err
	}
	body, _, _, err := c.continueBody(old, f)
	if err != nil {
		return err
	}
	run, err := c.api.ContinueRun(c.ctx(), c.project(), old.ID, body)
	if err != nil {
		return err
	}
	return c.goTo(c.path("runs", string(run.ID)))
}

func compareRuns(c *call) error {
	run, err := c.api.Run(c.ctx(), c.project(), c.run())
	if err != nil {
		return err
	}
	others, err := c.api.Runs(c.ctx(), c.project(), client.RunFilter{Pipeline: run.Pipeline}, client.List{Limit: someRuns})
	if err != nil {
		return err
	}
	page := templates.ComparePage{}
	with := bine.RunID(c.query("with"))
	for _, other := range others.Items {
		if other.ID == run.ID {
			continue
		}
		page.Others = append(page.Others, other)
		if with == "" && (run.Continues == other.ID || run.Continues == "" && other.Number < run.Number) {
			with = other.ID
		}
	}
	if with == "" {
		return bine.Errorf(bine.NotFound, "there is no other run of %s to compare %s with", run.Pipeline, run.ID)
	}
	if page.Compared, err = c.api.CompareRuns(c.ctx(), c.project(), with, run.ID); err != nil {
		return err
	}
	if page.Shell, err = c.shell("Compare", "runs"); err != nil {
		return err
	}
	page.Crumbs = append(page.Crumbs, templates.Crumb{Name: "Runs", URL: c.path("runs")}, templates.Crumb{Name: string(run.ID), URL: c.path("runs", string(run.ID))})
	return c.show(page)
}
