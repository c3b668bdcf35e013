package ui

import (
	"net/url"
	"path"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/templates"
)

// showAccess shows who may do what with a file or directory.
func showAccess(c *call) error {
	at := c.target()
	s, err := c.shell("Access", "files")
	if err != nil {
		return err
	}
	f, err := c.api.Stat(c.ctx(), c.project(), at)
	if err != nil {
		return err
	}
	list, err := c.api.ACL(c.ctx(), c.project(), at)
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, s.FileCrumbs(path.Dir("/"+at))...)
	return c.show(templates.AccessPage{Shell: s, File: f, Path: at, ACL: list})
}

// changeAccess replaces the access list of a file or directory by the one of the
// form, and its default list, which goes where the form has none.
func changeAccess(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	at := c.target()
	entries, err := accessEntries(c.project(), f.Get("entries"))
	if err != nil {
		return err
	}
	list, err := c.api.SetACL(c.ctx(), c.project(), at, entries)
	if err != nil {
		return err
	}
	if hasDefaults(list.Entries) && !hasDefaults(entries) {
		if _, err := c.api.RemoveACL(c.ctx(), c.project(), at, true); err != nil {
			return err
		}
	}
	return c.goTo(c.path("access") + "?" + url.Values{"path": {at}, "notice": {"saved"}}.Encode())
}

// accessEntries reads entries, one on each line, as getfacl prints them. Names may
// lack the project.
func accessEntries(p bine.ProjectName, text string) ([]bine.ACLEntry, error) {
	var lines []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		lines = append(lines, strings.TrimSpace(line))
	}
	entries, err := bine.ParseACL(strings.Join(lines, ","), true)
	for i := range entries {
		if prefix := string(p) + "__"; entries[i].Name != "" && !strings.HasPrefix(entries[i].Name, prefix) {
			entries[i].Name = prefix + entries[i].Name
		}
	}
	return entries, err
}

func hasDefaults(list []bine.ACLEntry) bool {
	for _, e := range list {
		if e.Default {
			return true
		}
	}
	return false
}
