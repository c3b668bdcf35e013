package queue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/place"
)

// Bars gives the hosts that a job may not have now, and why: cells of others,
// where it cannot be asked back; and what its project has as much of as it may.
func (b *Books) Bars(j Job) (hosts []bine.HostName, why string) {
	if !b.cells {
		return nil, ""
	}
	barred := map[bine.HostName]bool{}
	if !j.Task.Request.Preemptible {
		for project, bonds := range b.bind() {
			if project == j.Project {
				continue
			}
			for _, bond := range bonds {
				for _, h := range bond.hosts {
					barred[h] = true
				}
			}
		}
		if len(barred) > 0 {
			why = "what else there is belongs to other projects, and is lent to what is preemptible"
		}
	}
	for _, c := range b.shares[j.Project].Stakes {
		if c.Most == 0 {
			continue
		}
		more, has := b.beyond(j, c)
		for _, h := range more {
			barred[h] = true
		}
		if len(more) > 0 {
			why = fmt.Sprintf("project %s has %s of the %s that it may have at once", j.Project, has, c)
		}
	}
	for _, h := range b.hosts {
		if barred[h.Name] {
			hosts = append(hosts, h.Name)
		}
	}
	return hosts, why
}

// beyond gives the hosts that would be too much of a kind for a job's project,
// and how much it has.
func (b *Books) beyond(j Job, c Stake) (hosts []bine.HostName, has string) {
	if !c.whole() {
		held := 0
		for model, milli := range b.of[j.Project] {
			if c.fits(model) {
				held += milli
			}
		}
		if held+j.milli() <= c.Most*1000 {
			return nil, ""
		}
		for _, h := range b.hosts {
			if slices.ContainsFunc(h.Devices, func(d place.Device) bool { return c.fits(d.Model) }) {
				hosts = append(hosts, h.Name)
			}
		}
		return hosts, fmt.Sprintf("%.4g", float64(held)/1000)
	}
	type group struct {
		key   string
		hosts []bine.HostName
		free  int
	}
	touched := 0
	var others []group
	for key, hosts := range b.groups(c) {
		if slices.ContainsFunc(hosts, func(h bine.HostName) bool { return b.on[j.Project][h] > 0 }) {
			touched++
			continue
		}
		g := group{key: key, hosts: hosts}
		for _, who := range b.on {
			for _, h := range hosts {
				g.free -= who[h]
			}
		}
		others = append(others, g)
	}
	slices.SortFunc(others, func(x, y group) int { return cmp.Or(cmp.Compare(y.free, x.free), strings.Compare(x.key, y.key)) })
	for _, g := range others[min(len(others), max(c.Most-touched, 0)):] {
		hosts = append(hosts, g.hosts...)
	}
	return hosts, fmt.Sprint(touched)
}

// String says the most of a cell in words.
func (c Stake) String() string {
	words := fmt.Sprintf("%d ", c.Most)
	switch {
	case !c.whole() && c.Model == "":
		return words + "devices"
	case !c.whole():
		return words + c.Model
	}
	words += string(c.Level) + "s"
	if c.Model != "" {
		words += " of " + c.Model
	}
	return words
}

// Stake says how a project stands with one of its stakes, by its number: how many
// it holds parts of (of devices, how many it holds), which hosts are its own, and
// how many of those that it holds are.
func (b *Books) Stake(project string, number int) (held float64, hosts []bine.HostName, own float64) {
	c := b.shares[project].Stakes[number]
	if !c.whole() {
		for model, milli := range b.of[project] {
			if c.fits(model) {
				held += float64(milli) / 1000
			}
		}
		return held, nil, held
	}
	holds := func(hosts []bine.HostName) bool {
		return slices.ContainsFunc(hosts, func(h bine.HostName) bool { return b.on[project][h] > 0 })
	}
	for _, hosts := range b.groups(c) {
		if holds(hosts) {
			held++
		}
	}
	for _, bond := range b.bind()[project] {
		if bond.cell == number {
			hosts = append(hosts, bond.hosts...)
			if holds(bond.hosts) {
				own++
			}
		}
	}
	return held, hosts, own
}
