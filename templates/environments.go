package templates

import (
	"html/template"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// EnvironmentsPage lists the versions of a project's environment.
type EnvironmentsPage struct {
	Shell
	Environments []bine.Environment
}

// EnvironmentPage shows one version.
type EnvironmentPage struct {
	Shell
	Environment bine.Environment
	Log         Log
	Against     int // version that it is compared with; 0 is none
	Diff        []client.PackageChange
}

var (
	environmentsPage = load("environments.html")
	environmentPage  = load("environment.html")
)

func (p EnvironmentsPage) page() *template.Template { return environmentsPage }
func (p EnvironmentPage) page() *template.Template  { return environmentPage }

// Current is the version that runs use, if any.
func (p EnvironmentsPage) Current() *bine.Environment {
	i := slices.IndexFunc(p.Environments, func(e bine.Environment) bool { return e.Current })
	if i < 0 {
		return nil
	}
	return &p.Environments[i]
}

// HostState is where a version stands on one host.
type HostState struct {
	Host  bine.HostName
	State string
}

// Hosts are the hosts by name.
func (p EnvironmentPage) Hosts() []HostState {
	var all []HostState
	for h, s := range p.Environment.Hosts {
		all = append(all, HostState{h, s})
	}
	slices.SortFunc(all, func(a, b HostState) int { return compareText(string(a.Host), string(b.Host)) })
	return all
}
