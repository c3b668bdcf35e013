package ui

import (
	"encoding/csv"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

func showRuns(c *call) error {
	s, err := c.shell("Runs", "runs")
	if err != nil {
		return err
	}
	page := templates.RunsPage{Shell: s, Pipeline: bine.PipelineName(c.query("pipeline")), State: bine.State(c.query("state")), Kind: bine.PipelineKind(c.query("kind"))}
	runs, err := c.api.Runs(c.ctx(), c.project(), client.RunFilter{Pipeline: page.Pipeline, State: page.State, Kind: page.Kind}, client.List{After: c.query("after"), Limit: someRuns})
	if err != nil {
		return err
	}
	page.Runs, page.Next = runs.Items, runs.Next
	if page.Pipelines, err = c.names(true); err != nil {
		return err
	}
	return c.show(page)
}

// names lists the pipelines of the project by name, with its jobs or without.
func (c *call) names(jobs bool) ([]bine.PipelineName, error) {
	all, err := c.api.Pipelines(c.ctx(), c.project())
	if err != nil {
		return nil, err
	}
	if jobs {
		more, err := c.api.Jobs(c.ctx(), c.project())
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	names := make([]bine.PipelineName, len(all))
	for i, p := range all {
		names[i] = p.Name
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func showRun(c *call) error {
	run, err := c.api.Run(c.ctx(), c.project(), c.run())
	if err != nil {
		return err
	}
	section := "runs"
	s, err := c.shell(string(run.ID), section)
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Runs", URL: c.path("runs")})
	s.Live = ""
	if !run.State.Ended() {
		s.Live = s.API("runs", run.ID, "events")
	}
	page := templates.RunPage{Shell: s, Run: run, View: c.query("view"), Filter: templates.StepFilter{State: bine.State(c.query("state")), Kind: c.query("kind"), Text: c.query("text"), Page: c.number("page")}}
	if page.Steps, err = c.api.Steps(c.ctx(), c.project(), run.ID); err != nil {
		return err
	}
	version, err := c.api.PipelineVersion(c.ctx(), c.project(), run.Pipeline, run.Version)
	if err == nil {
		page.Definition = templates.ReadDefinition(version.DAG)
	} else if !bine.IsKind(err, bine.NotFound) {
		return err
	}
	if err := c.lookAtStep(&page); err != nil {
		return err
	}
	if c.query("format") == "csv" && page.Step != nil {
		return c.metricsCSV(page.Step.Metrics)
	}
	return c.show(page)
}

// lookAtStep fills in the step that the address names, or the one that matters
// most: one that failed, else one that runs, else the last that did.
func (c *call) lookAtStep(page *templates.RunPage) error {
	name := bine.StepName(c.query("step"))
	i := slices.IndexFunc(page.Steps, func(s bine.Step) bool { return s.Name == name })
	for _, state := range []bine.State{bine.Failed, bine.Running, bine.Waiting} {
		if i < 0 && name == "" {
			i = slices.IndexFunc(page.Steps, func(s bine.Step) bool { return s.State == state })
		}
	}
	if name == "" && i < 0 {
		i = lastBegun(page.Steps)
	}
	if i < 0 {
		if name != "" && len(page.Steps) > 0 {
			return bine.Errorf(bine.NotFound, "run %s has no step %q", page.Run.ID, name)
		}
		return nil
	}
	page.Chosen = name != ""
	view := &templates.StepView{Step: page.Steps[i], Tab: c.query("tab"), Attempt: c.number("attempt")}
	if view.Items > 0 {
		if err := c.lookAtItems(page, view); err != nil {
			return err
		}
	}
	page.Step = view
	return c.details(page.Run, view)
}

// lastBegun gives the last step that ran a process, else the first; -1 of none.
func lastBegun(steps []bine.Step) int {
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].Attempts > 0 && steps[i].StartedAt != nil {
			return i
		}
	}
	return min(len(steps), 1) - 1
}

const mostItems = 200

// lookAtItems lists the items of a fan-out, and puts the one that the address
// names in the place of the step.
func (c *call) lookAtItems(page *templates.RunPage, view *templates.StepView) error {
	items, err := c.api.Items(c.ctx(), c.project(), page.Run.ID, view.Name, client.List{After: c.query("after"), Limit: mostItems})
	if err != nil {
		return err
	}
	page.Items = items.Items
	if items.Next != "" {
		page.MoreItems = page.With("after", items.Next, "tab", "items")
	}
	key := c.query("item")
	if key == "" {
		return nil
	}
	if i := slices.IndexFunc(items.Items, func(s bine.Step) bool { return s.Item == key }); i >= 0 {
		view.Step = items.Items[i]
		return nil
	}
	view.Step, err = c.api.Item(c.ctx(), c.project(), page.Run.ID, view.Name, key)
	return err
}

// details adds what the side of the step needs that is looked at.
func (c *call) details(run bine.Run, view *templates.StepView) error {
	ref := client.StepRef{Step: view.Name, Item: view.Item}
	fanOut := view.Items > 0 && view.Item == ""
	if !fanOut {
		attempts, err := c.api.Attempts(c.ctx(), c.project(), run.ID, ref)
		if err != nil && !bine.IsKind(err, bine.NotFound) {
			return err
		}
		view.Attempts = attempts
	}
	if tabs := view.Tabs(); !slices.Contains(tabs, view.Tab) {
		view.Tab = tabs[0]
	}
	switch view.Tab {
	case "log":
		return c.readLog(run, view, ref)
	case "metrics":
		metrics, err := c.api.Metrics(c.ctx(), c.project(), run.ID, ref)
		if err != nil {
			return err
		}
		view.Metrics = metrics
	case "inputs":
		view.Previews = c.previews(view.Inputs)
	case "outputs":
		view.Previews = c.previews(view.Artifacts)
	}
	return nil
}

// tailBytes is how much of the end of a log is read for a page.
const tailBytes = 768 << 10

// readLog reads the end of the log of the attempt that is looked at.
func (c *call) readLog(run bine.Run, view *templates.StepView, ref client.StepRef) error {
	kept := view.Kept()
	if kept == nil {
		return nil
	}
	ref.Attempt = kept.Number
	from := max(kept.LogSize-tailBytes, 0)
	body, err := c.api.Logs(c.ctx(), c.project(), run.ID, ref, from, false)
	if bine.IsKind(err, bine.NotFound) {
		view.Problem = "The log of this attempt is not kept any more."
		return nil
	}
	if err != nil {
		return err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, 2*tailBytes))
	if err != nil {
		return err
	}
	view.Log = templates.ReadLog(text, from > 0)
	q := url.Values{"step": {string(ref.Step)}, "attempt": {strconv.Itoa(ref.Attempt)}}
	if ref.Item != "" {
		q.Set("item", ref.Item)
	}
	address := "/api/v1" + c.path("runs", string(run.ID), "logs") + "?"
	view.Log.Download, view.Log.File = address+q.Encode(), string(run.ID)+"-"+string(ref.Step)+".log"
	if !kept.State.Ended() {
		q.Set("follow", "true")
		q.Set("offset", strconv.FormatInt(from+int64(len(text)), 10))
		view.Log.Follow = address + q.Encode()
	}
	return nil
}

// metricsCSV is the table behind the curves of a step.
func (c *call) metricsCSV(metrics []bine.Metric) error {
	c.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w := csv.NewWriter(c.w)
	rows := [][]string{{"name", "step", "value", "at"}}
	for _, m := range metrics {
		rows = append(rows, []string{cell(m.Name), strconv.FormatInt(m.Step, 10), strconv.FormatFloat(float64(m.Value), 'g', -1, 64), m.At.UTC().Format(http.TimeFormat)})
	}
	return w.WriteAll(rows)
}

// cell keeps a text from being a formula where the file is opened as a sheet.
func cell(s string) string {
	if s != "" && slices.Contains([]byte("=+-@\t\r"), s[0]) {
		return "'" + s
	}
	return s
}

func cancelRun(c *call) error {
	if _, err := c.api.CancelRun(c.ctx(), c.project(), c.run()); err != nil {
		return err
	}
	return c.goTo(c.path("runs", string(c.run())))
}

func retryRun(c *call) error {
	run, err := c.api.RetryRun(c.ctx(), c.project(), c.run())
	if err != nil {
		return err
	}
	return c.goTo(c.path("runs", string(run.ID)))
}

func deleteRun(c *call) error {
	if err := c.api.DeleteRun(c.ctx(), c.project(), c.run()); err != nil {
		return err
	}
	return c.back(c.path("runs"), "deleted")
}
