package ui

import (
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

// transfersShown is how many imports and exports the page has.
const transfersShown = 20

func showConnectors(c *call) error {
	s, err := c.shell("Connectors", "files")
	if err != nil {
		return err
	}
	s.Crumbs = append(s.Crumbs, templates.Crumb{Name: "Files", URL: c.filesURL("")})
	page := templates.ConnectorsPage{Shell: s}
	if page.Connectors, err = c.api.Connectors(c.ctx(), c.project()); err != nil {
		return err
	}
	found, err := c.api.Transfers(c.ctx(), c.project(), client.List{Limit: transfersShown})
	if err != nil {
		return err
	}
	page.Transfers = found.Items
	if page.Encryption, err = c.api.Encryption(c.ctx(), c.project()); err != nil {
		return err
	}
	for _, one := range page.Connectors {
		if string(one.Name) == c.query("edit") {
			page.Edit = one
		}
	}
	return c.show(page)
}

func setConnector(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	text := func(name string) string { return strings.TrimSpace(f.Get(name)) }
	name := bine.ConnectorName(text("name"))
	if err := name.Check(); err != nil {
		return err
	}
	body := client.SetConnector{Kind: bine.ConnectorKind(text("kind")), Access: bine.ConnectorAccess(text("access")), Description: text("description"),
		Endpoint: text("endpoint"), Bucket: text("bucket"), Root: text("root"), Region: text("region"), AccessKey: text("access_key"), User: text("user")}
	if secret := f.Get("secret"); secret != "" {
		body.Secret = &secret
	}
	if _, err := c.api.SetConnector(c.ctx(), c.project(), name, body); err != nil {
		return err
	}
	if err := c.tryConnector(name); err != nil {
		return bine.Errorf(bine.KindOf(err), "It is saved, but does not work: %w", err)
	}
	return c.back(c.path("connectors"), "works")
}

func testConnector(c *call) error {
	if err := c.tryConnector(bine.ConnectorName(c.name())); err != nil {
		return err
	}
	return c.back(c.path("connectors"), "works")
}

// tryConnector fails with what is wrong with a connector.
func (c *call) tryConnector(name bine.ConnectorName) error {
	test, err := c.api.TestConnector(c.ctx(), c.project(), name, nil)
	if err == nil && !test.OK {
		err = bine.Errorf(test.Kind, "%s", test.Reason)
	}
	return err
}

func deleteConnector(c *call) error {
	if err := c.api.DeleteConnector(c.ctx(), c.project(), bine.ConnectorName(c.name())); err != nil {
		return err
	}
	return c.back(c.path("connectors"), "deleted")
}

func startTransfer(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	body := client.NewTransfer{Direction: bine.TransferDirection(f.Get("direction")), Connector: bine.ConnectorName(f.Get("connector")),
		Path: strings.Trim(f.Get("path"), "/ "), Files: strings.Trim(f.Get("files"), "/ ")}
	if _, err := c.api.StartTransfer(c.ctx(), c.project(), body); err != nil {
		return err
	}
	return c.back(c.path("connectors"), "copying")
}

func cancelTransfer(c *call) error {
	if _, err := c.api.CancelTransfer(c.ctx(), c.project(), bine.TransferID(c.name())); err != nil {
		return err
	}
	return c.back(c.path("connectors"), "saved")
}

func retryTransfer(c *call) error {
	if _, err := c.api.RetryTransfer(c.ctx(), c.project(), bine.TransferID(c.name())); err != nil {
		return err
	}
	return c.back(c.path("connectors"), "copying")
}

func setSandboxed(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	if _, err := c.api.SetSandboxed(c.ctx(), c.project(), f.Get("sandboxed") == "true"); err != nil {
		return err
	}
	return c.back(c.path("connectors"), "saved")
}

func setEncryption(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	body := client.SetEncryption{On: f.Get("on") == "true", Rotate: f.Get("rotate") == "true"}
	if _, err := c.api.SetEncryption(c.ctx(), c.project(), body); err != nil {
		return err
	}
	return c.back(c.path("connectors"), "saved")
}
