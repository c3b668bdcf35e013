package ui

import (
	"net/url"
	"path"
	"strings"

	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

// snapshotsURL is the page of the snapshots of a directory.
func (c *call) snapshotsURL(dir string) string {
	return c.path("snapshots") + "?path=" + url.QueryEscape(dir)
}

// backToSnapshots goes to the page of the snapshots of the directory that the form is about.
func (c *call) backToSnapshots(notice string) error {
	return c.goTo(c.snapshotsURL(c.target()) + "&notice=" + url.QueryEscape(notice))
}

// showSnapshots shows the snapshots of a directory, and what one is different in
// from another or from now.
func showSnapshots(c *call) error {
	s, err := c.shell("Snapshots", "files")
	if err != nil {
		return err
	}
	page := templates.SnapshotsPage{Shell: s, Dir: c.target(), From: c.query("from"), To: c.query("to")}
	page.Crumbs = append(page.Crumbs, s.FileCrumbs(path.Dir("/"+page.Dir))...)
	page.Crumbs = append(page.Crumbs, templates.Crumb{Name: path.Base(page.Dir), URL: c.filesURL(page.Dir)})
	dirs, err := c.api.SnapshotDirs(c.ctx(), c.project())
	if err != nil {
		return err
	}
	for _, d := range dirs {
		page.Allowed = page.Allowed || d.Path == page.Dir
	}
	if page.Allowed {
		if page.Snapshots, err = c.api.Snapshots(c.ctx(), c.project(), page.Dir); err != nil {
			return err
		}
	}
	if page.From != "" {
		if page.Differences, err = c.api.DiffSnapshots(c.ctx(), c.project(), page.Dir, page.From, page.To); err != nil {
			return err
		}
	}
	return c.show(page)
}

func createSnapshot(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	if _, err := c.api.CreateSnapshot(c.ctx(), c.project(), client.NewSnapshot{Path: c.target(), Name: strings.TrimSpace(f.Get("name"))}); err != nil {
		return err
	}
	return c.backToSnapshots("saved")
}

func deleteSnapshot(c *call) error {
	if err := c.api.DeleteSnapshot(c.ctx(), c.project(), c.target(), c.query("name")); err != nil {
		return err
	}
	return c.backToSnapshots("deleted")
}

func allowSnapshots(c *call) error    { return c.sayAllowed(true) }
func disallowSnapshots(c *call) error { return c.sayAllowed(false) }

func (c *call) sayAllowed(may bool) error {
	if err := c.api.AllowSnapshots(c.ctx(), c.project(), c.target(), may); err != nil {
		return err
	}
	return c.backToSnapshots("saved")
}
