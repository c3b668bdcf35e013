package ui

import (
	"strings"

	"github.com/bine-ml/bine"
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
