package ui

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

func showModels(c *call) error {
	s, err := c.shell("Models", "models")
	if err != nil {
		return err
	}
	models, err := c.api.Models(c.ctx(), c.project())
	if err != nil {
		return err
	}
	return c.show(templates.ModelsPage{Shell: s, Models: models})
}

func showModel(c *call) error {
	name := bine.ModelName(c.name())
	s, err := c.shell(string(name), "models")
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Models", URL: c.path("models")})
	page := templates.ModelPage{Shell: s, Name: name}
	if page.Versions, err = c.api.ModelVersions(c.ctx(), c.project(), name); err != nil {
		return err
	}
	if page.Version, err = c.api.ModelVersion(c.ctx(), c.project(), name, c.number("version")); err != nil {
		return err
	}
	deployments, err := c.api.Deployments(c.ctx(), c.project())
	if err != nil {
		return err
	}
	for _, d := range deployments {
		if d.Model == name {
			page.Deployments = append(page.Deployments, d)
		}
	}
	return c.show(page)
}

func showDeployments(c *call) error {
	s, err := c.shell("Deployments", "deployments")
	if err != nil {
		return err
	}
	page := templates.DeploymentsPage{Shell: s}
	if page.Deployments, err = c.api.Deployments(c.ctx(), c.project()); err != nil {
		return err
	}
	if page.Models, err = c.api.Models(c.ctx(), c.project()); err != nil {
		return err
	}
	return c.show(page)
}

func showDeployment(c *call) error {
	page, err := c.deploymentPage()
	if err != nil {
		return err
	}
	return c.show(page)
}

func (c *call) deploymentPage() (templates.DeploymentPage, error) {
	var page templates.DeploymentPage
	s, err := c.shell(c.name(), "deployments")
	if err != nil {
		return page, err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Deployments", URL: c.path("deployments")})
	page.Shell = s
	if page.Deployment, err = c.api.Deployment(c.ctx(), c.project(), bine.DeploymentName(c.name())); err != nil {
		return page, err
	}
	if page.Deployment.Attempt != "" {
		address := page.API("deployments", page.Deployment.Name, "logs")
		page.Log = templates.Log{Follow: address + "?follow=true", Download: address, File: c.name() + ".log"}
	}
	serving := page.Deployment.Serving
	if serving == 0 {
		serving = page.Deployment.Version
	}
	if page.Model, err = c.api.ModelVersion(c.ctx(), c.project(), page.Deployment.Model, serving); err != nil && !bine.IsKind(err, bine.NotFound) {
		return page, err
	}
	page.Versions, err = c.api.ModelVersions(c.ctx(), c.project(), page.Deployment.Model)
	if bine.IsKind(err, bine.NotFound) {
		err = nil
	}
	return page, err
}

func deploy(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	version, err := whole(f, "version")
	if err != nil {
		return err
	}
	name := bine.DeploymentName(f.Get("name"))
	if err := name.Check(); err != nil {
		return err
	}
	d, err := c.api.Deploy(c.ctx(), c.project(), name, client.NewDeployment{Model: bine.ModelName(f.Get("model")), Version: version})
	if err != nil {
		return err
	}
	return c.goTo(c.path("deployments", string(d.Name)))
}

func stopDeployment(c *call) error {
	if _, err := c.api.StopDeployment(c.ctx(), c.project(), bine.DeploymentName(c.name())); err != nil {
		return err
	}
	return c.goTo(c.path("deployments", c.name()))
}

func deleteDeployment(c *call) error {
	if err := c.confirmed(c.name()); err != nil {
		return err
	}
	if err := c.api.DeleteDeployment(c.ctx(), c.project(), bine.DeploymentName(c.name())); err != nil {
		return err
	}
	return c.back(c.path("deployments"), "deleted")
}

// predict asks the deployment about the row of the form.
func predict(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	page, err := c.deploymentPage()
	if err != nil {
		return err
	}
	row := json.RawMessage(f.Get("row"))
	if fields := page.Fields(); len(fields) > 0 {
		if row, err = rowOf(fields, f.Get); err != nil {
			return err
		}
	} else if !json.Valid(row) {
		return bine.Errorf(bine.Invalid, "the row is no JSON")
	}
	start := time.Now()
	answer, err := c.api.Predict(c.ctx(), c.project(), page.Deployment.Name, client.Rows{Instances: []json.RawMessage{row}})
	result := &templates.TryResult{Answer: answer, Took: time.Since(start).Round(time.Millisecond).String()}
	if err != nil {
		if bine.IsKind(err, bine.Unauthenticated) {
			return err
		}
		_, problem := c.describe(err)
		result.Problem = &problem
	}
	if c.htmx() {
		return c.fragment(http.StatusOK, templates.TryPart{TryResult: *result}, "result")
	}
	page.Result = result
	return c.show(page)
}

// rowOf makes a row of fields: numbers and truth values as such, what is empty
// as null.
func rowOf(fields []templates.TryField, get func(string) string) (json.RawMessage, error) {
	row := map[string]any{}
	for _, f := range fields {
		text := strings.TrimSpace(get("field." + f.Name))
		switch {
		case text == "":
			row[f.Name] = nil
		case f.Numeric:
			if _, err := strconv.ParseFloat(text, 64); err != nil || !json.Valid([]byte(text)) {
				return nil, bine.Errorf(bine.Invalid, "%s: %q is no number", f.Name, text)
			}
			row[f.Name] = json.RawMessage(text)
		case f.Type == "BOOL":
			row[f.Name] = text == "true" || text == "1"
		default:
			row[f.Name] = text
		}
	}
	return json.Marshal(row)
}
