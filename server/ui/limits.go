package ui

import (
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dags"
	"github.com/bine-ml/bine/templates"
)

// limits adds what bounds a path, and how it is kept. Where a connector leads
// nothing does.
func (c *call) limits(p *templates.PathPage) {
	if found, err := c.api.FileQuotas(c.ctx(), c.project(), p.File.Path); err == nil {
		p.Limits = found
	}
	if p.Tab != "details" {
		return
	}
	if found, err := c.api.FilePolicy(c.ctx(), c.project(), p.File.Path); err == nil {
		p.Policy = &found
	}
}

// setQuota limits what is below a directory; what has no value has no limit.
func setQuota(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	var q client.FileQuota
	if q.Bytes, err = sizeOf(f.Get("size")); err != nil {
		return err
	}
	if names := strings.TrimSpace(f.Get("names")); names != "" {
		if q.Names, err = strconv.ParseInt(names, 10, 64); err != nil || q.Names < 0 {
			return bine.Errorf(bine.Invalid, "%q is no number of files", names)
		}
	}
	if _, err := c.api.SetFileQuota(c.ctx(), c.project(), c.target(), q); err != nil {
		return err
	}
	return c.toDetails()
}

// sizeOf reads bytes as the pages write them: 500 MiB. An empty text is 0.
func sizeOf(text string) (int64, error) {
	text = strings.TrimSuffix(strings.ReplaceAll(text, " ", ""), "B")
	switch n, err := strconv.ParseInt(text, 10, 64); {
	case text == "":
		return 0, nil
	case err == nil && n >= 0:
		return n, nil
	}
	n, err := dags.ParseMemory(text + "B")
	if err != nil {
		return 0, bine.Errorf(bine.Invalid, "%q is no size: write it like 500 MiB or 2 TiB", text)
	}
	return n, nil
}

// setPolicy says how what is written below a directory is kept from now on.
func setPolicy(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	if _, err := c.api.SetFilePolicy(c.ctx(), c.project(), c.target(), client.SetFilePolicy{Name: f.Get("policy")}); err != nil {
		return err
	}
	return c.toDetails()
}

// toDetails goes back to what is told of the path of a form.
func (c *call) toDetails() error { return c.goTo(c.filesURL(c.target()) + "?tab=details&notice=saved") }
