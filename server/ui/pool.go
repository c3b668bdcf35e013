package ui

import (
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

func showPools(c *call) error {
	s, err := c.shell("Pools", "pools")
	if err != nil {
		return err
	}
	page := templates.PoolsPage{Shell: s}
	if page.Pools, err = c.api.Pools(c.ctx(), c.project()); err != nil {
		return err
	}
	if page.Quota, err = c.api.Quota(c.ctx(), c.project()); err != nil {
		return err
	}
	return c.show(page)
}

func setPool(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	slots, err := whole(f, "slots")
	if err != nil {
		return err
	}
	name := bine.PoolName(strings.TrimSpace(f.Get("name")))
	if err := name.Check(); err != nil {
		return err
	}
	if _, err := c.api.SetPool(c.ctx(), c.project(), name, client.SetPool{Slots: slots, Description: f.Get("description")}); err != nil {
		return err
	}
	return c.back(c.path("pools"), "saved")
}

func deletePool(c *call) error {
	if err := c.api.DeletePool(c.ctx(), c.project(), bine.PoolName(c.name())); err != nil {
		return err
	}
	return c.back(c.path("pools"), "deleted")
}
