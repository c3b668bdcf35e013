package ui

import (
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

func showHistory(c *call) error {
	workflow := c.query("workflow")
	if workflow == "" {
		return bine.Errorf(bine.NotFound, "The address names no workflow.")
	}
	s, err := c.shell("History", historySection(workflow))
	if err != nil {
		return err
	}
	page := templates.HistoryPage{Shell: s, Workflow: workflow, View: c.query("view"), Number: c.number("page")}
	if page.View != "timeline" && page.View != "full" {
		page.View = "compact"
	}
	if page.History, err = c.api.ProjectHistory(c.ctx(), c.project(), workflow); err != nil {
		return err
	}
	page.Crumbs = append(page.Crumbs, templates.Crumb{Name: strings.ReplaceAll(workflow, "/", " / "), URL: page.Object()})
	if page.History.Status != "running" {
		page.Live = ""
	}
	return c.show(page)
}

func historySection(workflow string) string {
	for prefix, section := range map[string]string{"run/": "runs", "environment/": "environments", "deployment/": "deployments"} {
		if strings.HasPrefix(workflow, prefix) {
			return section
		}
	}
	return "overview"
}

// showWorkflows lists what has a workflow behind it, from the project's own records.
func showWorkflows(c *call) error {
	s, err := c.shell("Workflows", "workflows")
	if err != nil {
		return err
	}
	runs, err := c.api.Runs(c.ctx(), c.project(), client.RunFilter{}, client.List{Limit: mostWorkflows})
	if err != nil {
		return err
	}
	backfills, err := c.api.Backfills(c.ctx(), c.project(), "", client.List{Limit: mostWorkflows})
	if err != nil {
		return err
	}
	environments, err := c.api.Environments(c.ctx(), c.project())
	if err != nil {
		return err
	}
	deployments, err := c.api.Deployments(c.ctx(), c.project())
	if err != nil {
		return err
	}
	return c.show(templates.WorkflowsPage{Shell: s, Text: strings.TrimSpace(c.query("text")), Kind: c.query("kind"), State: c.query("state"),
		All: templates.Workflows(s.Path, runs.Items, backfills.Items, environments, deployments)})
}

// mostWorkflows is how many of a kind are searched, the newest.
const mostWorkflows = 1000
