package ui

import (
	"net/url"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

func showHosts(c *call) error {
	s, err := c.shell("Hosts", "hosts")
	if err != nil {
		return err
	}
	page := templates.HostsPage{Shell: s, Page: max(1, c.number("page")), Filter: client.ClusterFilter{
		Block: c.query("block"), Rack: c.query("rack"), Host: c.query("host"), First: bine.HostName(c.query("first")), Last: bine.HostName(c.query("last")),
		Model: c.query("model"), Project: bine.ProjectName(c.query("project")), State: c.query("state")}}
	if page.Picture, err = c.api.ClusterPicture(c.ctx(), page.Filter); err != nil {
		return err
	}
	if page.Picture.By == "host" { // of more, what else is known of each is not shown
		if page.Hosts, err = c.api.Hosts(c.ctx()); err != nil {
			return err
		}
	}
	return c.show(page)
}

func showDevice(c *call) error {
	history, err := c.api.Device(c.ctx(), bine.DeviceID(c.name()))
	if err != nil {
		return err
	}
	s, err := c.shell(history.Device.Model, "hosts")
	if err != nil {
		return err
	}
	s.Crumbs = []templates.Crumb{{Name: "Hosts", URL: "/hosts"}, {Name: string(history.Device.Host), URL: "/hosts/" + url.PathEscape(string(history.Device.Host))}}
	return c.show(templates.DevicePage{Shell: s, DeviceHistory: history})
}

func showHost(c *call) error {
	found, err := c.api.Host(c.ctx(), bine.HostName(c.name()))
	if err != nil {
		return err
	}
	s, err := c.shell(c.name(), "hosts")
	if err != nil {
		return err
	}
	s.Crumbs = []templates.Crumb{{Name: "Hosts", URL: "/hosts"}}
	return c.show(templates.HostPage{Shell: s, HostView: found})
}

func cordonHost(c *call) error {
	body, err := c.cordon()
	if err != nil {
		return err
	}
	if err := c.api.CordonHost(c.ctx(), bine.HostName(c.name()), body); err != nil {
		return err
	}
	return c.back("/hosts/"+url.PathEscape(c.name()), "saved")
}

// cordon reads the form that keeps work away from something.
func (c *call) cordon() (client.Cordon, error) {
	f, err := c.form()
	if err == nil {
		err = meant(f)
	}
	return client.Cordon{Cordoned: f.Get("cordoned") == "true", Drain: f.Get("drain") == "true", Reason: f.Get("reason")}, err
}

func cordonDevice(c *call) error {
	body, err := c.cordon()
	if err != nil {
		return err
	}
	if err := c.api.CordonDevice(c.ctx(), bine.DeviceID(c.name()), body); err != nil {
		return err
	}
	return c.back("/devices/"+url.PathEscape(c.name()), "saved")
}
