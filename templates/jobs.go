package templates

import (
	"html/template"

	"github.com/bine-ml/bine"
)

// JobsPage lists the jobs of a project.
type JobsPage struct {
	Shell
	Jobs []bine.Pipeline
}

// JobPage shows one job and lets it be run.
type JobPage struct {
	Shell
	Job        bine.Pipeline
	Version    bine.PipelineVersion
	Definition Definition
	Runs       []bine.Run
}

var (
	jobsPage = load("jobs.html")
	jobPage  = load("job.html")
)

func (p JobsPage) page() *template.Template { return jobsPage }
func (p JobPage) page() *template.Template  { return jobPage }

// RunRows are the rows of the executions.
func (p JobPage) RunRows() []RunRow { return rows(p.Runs, p.Now) }
