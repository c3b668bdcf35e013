package templates

import (
	"html/template"
	"strings"

	"github.com/bine-ml/bine"
)

// HostsPage shows the machines with an agent, what they give, and who waits.
type HostsPage struct {
	Shell
	Hosts   []bine.Host
	Leases  []bine.Lease
	Devices []bine.DeviceStatus // by host and index
}

var hostsPage = load("hosts.html")

func (p HostsPage) page() *template.Template { return hostsPage }

// Loose are the hosts that do not confine processes.
func (p HostsPage) Loose() []bine.Host {
	var all []bine.Host
	for _, h := range p.Hosts {
		if strings.HasPrefix(h.Confine, "none") {
			all = append(all, h)
		}
	}
	return all
}

// Held are the leases that were granted.
func (p HostsPage) Held() []bine.Lease { return p.leases(true) }

// Queue are the requests that wait, oldest first.
func (p HostsPage) Queue() []bine.Lease { return p.leases(false) }

func (p HostsPage) leases(granted bool) []bine.Lease {
	var all []bine.Lease
	for _, l := range p.Leases {
		if (l.GrantedAt != nil) == granted {
			all = append(all, l)
		}
	}
	return all
}

// OwnerURL is the page of what a lease is for.
func (p HostsPage) OwnerURL(o bine.Owner) string {
	if o.Kind == bine.OwnerDeployment {
		name, _, _ := strings.Cut(o.Name, "@")
		return join("projects", o.Project, "deployments", name)
	}
	u := join("projects", o.Project, "runs", o.Name) + "?step=" + template.URLQueryEscaper(string(o.Step))
	if o.Item != "" {
		u += "&item=" + template.URLQueryEscaper(o.Item)
	}
	return u
}

// OwnerName is what a lease is for.
func (p HostsPage) OwnerName(o bine.Owner) string {
	parts := []string{string(o.Project), o.Name}
	for _, s := range []string{string(o.Step), o.Item} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " / ")
}
