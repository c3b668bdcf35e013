package templates

import (
	"html/template"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// HostsPage shows the cluster: its hosts and accelerators, who has them, and how
// they are. Of many hosts it shows sums, which open.
type HostsPage struct {
	Shell
	Picture client.ClusterPicture
	Filter  client.ClusterFilter
	Hosts   []bine.Host // what else is known of them
	Page    int         // of the table, from 1
}

var hostsPage = load("hosts.html", "picture.html")

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

// LooseNames are the names of the hosts that do not confine processes, some of them.
func (p HostsPage) LooseNames() string {
	var names []string
	for i, h := range p.Loose() {
		if i == 8 {
			names = append(names, "…")
			break
		}
		names = append(names, string(h.Name))
	}
	return strings.Join(names, ", ")
}

// HostLine is a row of the table of hosts.
type HostLine struct {
	bine.HostPicture
	Known bine.Host // zero where only the ledger knows it
}

// State is how people see the host.
func (h HostLine) State() string {
	switch {
	case !h.Up:
		return string(bine.HostLost)
	case h.Cordoned:
		return string(bine.DeviceCordoned)
	}
	return string(bine.HostUp)
}

// Table are the hosts that are shown one by one.
func (p HostsPage) Table() []HostLine {
	known := map[bine.HostName]bine.Host{}
	for _, h := range p.Hosts {
		known[h.Name] = h
	}
	var lines []HostLine
	for _, g := range p.Picture.Groups {
		for _, h := range g.Members {
			lines = append(lines, HostLine{h, known[h.Name]})
		}
	}
	return lines
}

// hostsOnPage is how many hosts the table has.
const hostsOnPage = 40

// Rows are the hosts of the page of the table.
func (p HostsPage) Rows() []HostLine {
	all := p.Table()
	from := min(max(0, p.Page-1)*hostsOnPage, len(all))
	return all[from:min(len(all), from+hostsOnPage)]
}

// Pages are the pages that the table has, where there are several.
func (p HostsPage) Pages() []int {
	n := (p.Picture.Hosts + hostsOnPage - 1) / hostsOnPage
	var all []int
	for i := range n {
		all = append(all, i+1)
	}
	if n < 2 {
		return nil
	}
	return all
}

// Standings are what accelerators can be looked for by: what there is, and what
// is granted or free.
func (p HostsPage) Standings() []string {
	all := []string{"granted", "free"}
	for _, s := range p.Picture.States {
		all = append(all, string(s))
	}
	return all
}

// Filtered reports whether not all is shown.
func (p HostsPage) Filtered() bool { return p.Filter != client.ClusterFilter{} }

// Opened names the group that is looked at.
func (p HostsPage) Opened() string {
	var parts []string
	for _, s := range []string{p.Filter.Block, p.Filter.Rack} {
		if s != "" && s != "-" {
			parts = append(parts, s)
		}
	}
	if p.Filter.First != "" {
		parts = append(parts, string(p.Filter.First)+" … "+string(p.Filter.Last))
	}
	return strings.Join(parts, " / ")
}

// OpenURL is the page with the hosts of a group.
func (p HostsPage) OpenURL(g client.ClusterGroup) string {
	return "/hosts?" + g.Filter.Values().Encode()
}

// UpURL is the page with all groups.
func (p HostsPage) UpURL() string {
	return p.With("block", "", "rack", "", "first", "", "last", "")
}

// ownerURL is the page of what a lease is for.
func ownerURL(o bine.Owner) string {
	if o.Kind == bine.OwnerDeployment {
		name, _, _ := strings.Cut(o.Name, "@")
		return join("projects", o.Project, "deployments", name)
	}
	whole, _ := o.Rank()
	u := join("projects", whole.Project, "runs", whole.Name)
	if whole.Step != "" {
		u += "?step=" + template.URLQueryEscaper(string(whole.Step))
	}
	if whole.Item != "" {
		u += "&item=" + template.URLQueryEscaper(whole.Item)
	}
	return u
}

// ownerName is what a lease is for.
func ownerName(o bine.Owner) string {
	parts := []string{string(o.Project), o.Name}
	for _, s := range []string{string(o.Step), o.Item} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " / ")
}

// holder names who has a grant; of other people's projects, nothing is told.
func holder(o bine.Owner) string {
	if o.Project == "" {
		return "another project"
	}
	return ownerName(o)
}
