package ui

import (
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

func showDatasets(c *call) error {
	s, err := c.shell("Shared datasets", "files")
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Files", URL: c.filesURL("")})
	page := templates.DatasetsPage{Shell: s}
	if page.Shares, err = c.api.Shares(c.ctx(), c.project()); err != nil {
		return err
	}
	if page.Offered, err = c.api.PublicDatasets(c.ctx()); err != nil {
		return err
	}
	files, err := c.api.Files(c.ctx(), c.project(), "", client.List{Limit: filesPage})
	if err != nil {
		return err
	}
	for _, f := range files.Items {
		if f.Dir {
			page.Own = append(page.Own, f.Name)
		}
	}
	return c.show(page)
}

// shareForm is what forms about shares have.
type shareForm struct {
	dataset string
	owner   bine.ProjectName
	to      bine.ProjectName
	access  bine.ShareAccess
}

// changeShare makes a handler of one change of a share, which gives the notice
// of what was done.
func changeShare(f func(c *call, form shareForm) (notice string, err error)) handler {
	return func(c *call) error {
		values, err := c.form()
		if err != nil {
			return err
		}
		text := func(name string) string { return strings.Trim(values.Get(name), "/ ") }
		notice, err := f(c, shareForm{text("dataset"), bine.ProjectName(text("owner")), bine.ProjectName(text("to")), bine.ShareAccess(text("access"))})
		if err != nil {
			return err
		}
		return c.back(c.path("datasets"), notice)
	}
}

func offerShare(c *call, f shareForm) (string, error) {
	_, err := c.api.OfferDataset(c.ctx(), c.project(), f.dataset, f.to, f.access)
	return "saved", err
}

func withdrawShare(c *call, f shareForm) (string, error) {
	return "saved", c.api.WithdrawDataset(c.ctx(), c.project(), f.dataset, f.to)
}

func wantShare(c *call, f shareForm) (string, error) {
	share, err := c.api.WantDataset(c.ctx(), c.project(), f.owner, f.dataset, f.access)
	if share.Access == "" {
		return "asked", err
	}
	return "saved", err
}

func leaveShare(c *call, f shareForm) (string, error) {
	return "saved", c.api.LeaveDataset(c.ctx(), c.project(), f.owner, f.dataset)
}
