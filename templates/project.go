package templates

import (
	"html/template"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// ProjectPage is the overview of a project.
type ProjectPage struct {
	Shell
	Runs        []bine.Run
	Pipelines   int
	Deployments []bine.Deployment
	Environment *bine.Environment // the current version
	Readme      string
	Usage       *client.FileUsage
	Progress    *client.History // of the provisioning, while the project is not ready
}

var projectPage = load("project.html")

func (p ProjectPage) page() *template.Template { return projectPage }

// RunRows are the rows of the recent runs.
func (p ProjectPage) RunRows() []RunRow { return rows(p.Runs, p.Now) }

// Steps are the steps of the provisioning so far.
func (p ProjectPage) Steps() []HistoryGroup {
	if p.Progress == nil {
		return nil
	}
	var steps []HistoryGroup
	for _, g := range groupEvents(p.Progress.Events, p.Now) {
		if g.Work {
			steps = append(steps, g)
		}
	}
	return steps
}
