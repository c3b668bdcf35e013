package ui

import (
	"encoding/csv"
	"net/url"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/templates"
)

func showShares(c *call) error {
	s, err := c.shell("Shares", "shares")
	if err != nil {
		return err
	}
	page := templates.SharesPage{Shell: s, Hours: c.number("hours")}
	if page.Hours == 0 {
		page.Hours = 24
	}
	if page.GPUShares, err = c.api.GPUShares(c.ctx(), page.Hours); err != nil {
		return err
	}
	if c.query("format") != "csv" {
		return c.show(page)
	}
	c.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	rows := page.Rows()
	for i := range rows[0] {
		rows[0][i] = cell(rows[0][i])
	}
	return csv.NewWriter(c.w).WriteAll(rows)
}

// changeQuota changes what was filled in of a project's quota.
func changeQuota(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	if err := meant(f); err != nil {
		return err
	}
	project := bine.ProjectName(f.Get("project"))
	q, err := c.api.Quota(c.ctx(), project)
	if err != nil {
		return err
	}
	for field, value := range map[string]*float64{"guaranteed": &q.Guaranteed, "gpus": &q.GPUs, "weight": &q.Weight} {
		text := strings.TrimSpace(f.Get(field))
		if text == "" {
			continue
		}
		if *value, err = strconv.ParseFloat(text, 64); err != nil {
			return bine.Errorf(bine.Invalid, "%s: %q is no number", field, text)
		}
	}
	if _, err := c.api.SetQuotaBecause(c.ctx(), project, q, f.Get("reason")); err != nil {
		return err
	}
	return c.back("/shares", "saved")
}

// meant says no to a form of an administrator that has no reason, or was not confirmed.
func meant(f url.Values) error {
	if strings.TrimSpace(f.Get("reason")) == "" {
		return bine.Errorf(bine.Invalid, "say why: the reason is kept in the audit log")
	}
	if f.Get("sure") != "true" {
		return bine.Errorf(bine.Invalid, "tick the box to confirm")
	}
	return nil
}
