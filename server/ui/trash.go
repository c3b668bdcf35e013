package ui

import (
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

func showTrash(c *call) error {
	s, err := c.shell("Trash", "files")
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Files", URL: c.filesURL("")})
	found, err := c.api.Trash(c.ctx(), c.project(), client.List{After: c.query("after"), Limit: filesPage})
	if err != nil {
		return err
	}
	return c.show(templates.TrashPage{Shell: s, Files: found.Items, Next: found.Next})
}

// trashed is the number of what a form on the trash's page is about.
func (c *call) trashed() (int64, error) {
	number, err := strconv.ParseInt(c.name(), 10, 64)
	if err != nil {
		return 0, bine.Errorf(bine.NotFound, "%q is nothing in the trash", c.name())
	}
	return number, nil
}

func restoreFile(c *call) error {
	number, err := c.trashed()
	if err != nil {
		return err
	}
	f, err := c.form()
	if err != nil {
		return err
	}
	file, err := c.api.RestoreFile(c.ctx(), c.project(), number, client.RestoreFile{To: strings.Trim(f.Get("to"), "/ ")})
	if err != nil {
		return err
	}
	return c.back(c.filesURL(parent(file.Path)), "restored")
}

func discardFile(c *call) error {
	number, err := c.trashed()
	if err != nil {
		return err
	}
	if err := c.api.DiscardFile(c.ctx(), c.project(), number); err != nil {
		return err
	}
	return c.back(c.path("trash"), "deleted")
}
