package ui

import (
	"encoding/csv"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

// shownTracked is how many tracked runs a page shows.
const shownTracked = 500

func showExperiments(c *call) error {
	s, err := c.shell("Experiments", "experiments")
	if err != nil {
		return err
	}
	page := templates.ExperimentsPage{Shell: s, Address: c.address() + "/mlflow/" + url.PathEscape(string(c.project()))}
	if page.Experiments, err = c.api.Experiments(c.ctx(), c.project()); err != nil {
		return err
	}
	page.Experiments = slices.DeleteFunc(page.Experiments, func(e bine.Experiment) bool { return e.Removed })
	return c.show(page)
}

func showExperiment(c *call) error {
	id, err := strconv.Atoi(c.name())
	if err != nil {
		return bine.Errorf(bine.NotFound, "there is no experiment %q", c.name())
	}
	e, err := c.api.Experiment(c.ctx(), c.project(), id)
	if err != nil {
		return err
	}
	s, err := c.shell(e.Name, "experiments")
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Experiments", URL: c.path("experiments")})
	q := c.r.URL.Query()
	page := templates.ExperimentPage{Shell: s, Experiment: e, Filter: q.Get("filter"), Order: q.Get("order"), Wanted: q["column"]}
	for _, id := range q["run"] {
		page.Chosen = append(page.Chosen, bine.TrackedID(id))
	}
	search := client.TrackedSearch{Experiments: []int{id}, Filter: page.Filter, Limit: shownTracked}
	if page.Order != "" {
		search.OrderBy = []string{page.Order}
	}
	found, err := c.api.SearchTracked(c.ctx(), c.project(), search)
	if bine.IsKind(err, bine.Invalid) {
		page.Fault, err = err.Error(), nil
	}
	if err != nil {
		return err
	}
	page.Runs, page.More = found.Runs, found.Next != ""
	if q.Get("format") == "csv" {
		return c.trackedCSV(page)
	}
	if err := c.curves(&page); err != nil {
		return err
	}
	return c.show(page)
}

// curves reads what the charts of a page show.
func (c *call) curves(page *templates.ExperimentPage) error {
	want := client.CurvesWanted{Points: 300}
	names := map[string]bool{}
	for _, r := range page.Drawn() {
		want.Runs = append(want.Runs, r.ID)
		for _, name := range slices.Sorted(maps.Keys(r.Metrics)) {
			if l := r.Metrics[name]; l.Points > 1 && len(want.Metrics) < templates.MostCharts && !names[name] {
				names[name], want.Metrics = true, append(want.Metrics, name)
			}
		}
	}
	if len(want.Metrics) == 0 {
		return nil
	}
	slices.Sort(want.Metrics)
	var err error
	page.Curves, err = c.api.Curves(c.ctx(), c.project(), want)
	return err
}

// trackedCSV answers the table of tracked runs, with all columns.
func (c *call) trackedCSV(page templates.ExperimentPage) error {
	columns := page.Known()
	rows := [][]string{append([]string{"id", "name", "state", "started_at"}, columns...)}
	for _, r := range page.Runs {
		row := []string{string(r.ID), cell(r.Name), string(r.State), r.StartedAt.UTC().Format(http.TimeFormat)}
		for _, column := range columns {
			text := templates.TrackedValue(r, column)
			if strings.HasPrefix(column, "params.") {
				text = cell(text)
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	c.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	return csv.NewWriter(c.w).WriteAll(rows)
}
