package ui

import (
	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

func showQueue(c *call) error {
	s, err := c.shell("Queue", "queue")
	if err != nil {
		return err
	}
	page := templates.QueuePage{Shell: s, Show: c.query("show"), Of: bine.ProjectName(c.query("project")), For: c.query("for"), Page: c.number("page")}
	if page.Show != "back" && page.Show != "granted" {
		page.Show = ""
	}
	if page.Leases, err = c.api.Leases(c.ctx()); err != nil {
		return err
	}
	if page.Cluster, err = c.api.Cluster(c.ctx()); err != nil {
		return err
	}
	page.Roles, err = c.roles()
	if err != nil {
		return err
	}
	return c.show(page)
}

// roles are the reader's, by project.
func (c *call) roles() (map[bine.ProjectName]bine.Role, error) {
	projects, err := c.api.Projects(c.ctx())
	roles := map[bine.ProjectName]bine.Role{}
	for _, p := range projects {
		roles[p.Name] = p.Role
	}
	return roles, err
}

func showLease(c *call) error {
	history, err := c.api.LeaseHistory(c.ctx(), bine.AttemptID(c.name()))
	if err != nil {
		return err
	}
	s, err := c.shell(history.Owner.Name, "queue")
	if err != nil {
		return err
	}
	s.Crumbs = []templates.Crumb{{Name: "Queue", URL: "/queue"}}
	page := templates.LeasePage{Shell: s, History: history, Queue: templates.QueuePage{Shell: s}}
	page.Queue.Roles, err = c.roles()
	if err != nil {
		return err
	}
	return c.show(page)
}

// setPriority changes who of those that wait in a project goes first.
func setPriority(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	if err := meant(f); err != nil {
		return err
	}
	body := client.SetPriority{Priority: bine.Priority(f.Get("priority")), Reason: f.Get("reason")}
	if err := c.api.SetLeasePriority(c.ctx(), c.project(), bine.AttemptID(c.name()), body); err != nil {
		return err
	}
	return c.back("/leases/"+c.name(), "saved")
}
