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

// NewJobPage makes a job.
type NewJobPage struct {
	Shell
	Ask AskForm
}

// JobPage shows one job and lets it be run.
type JobPage struct {
	Shell
	Job        bine.Pipeline
	Version    bine.PipelineVersion
	Definition Definition
	Runs       []bine.Run
	Gets       []StepGets
}

var (
	jobsPage = load("jobs.html")
	jobPage  = load("job.html", "gets.html", "ask_form.html")
	jobNew   = load("job_new.html", "ask_form.html")
)

func (p JobsPage) page() *template.Template   { return jobsPage }
func (p JobPage) page() *template.Template    { return jobPage }
func (p NewJobPage) page() *template.Template { return jobNew }

// RunRows are the rows of the executions.
func (p JobPage) RunRows() []RunRow { return rows(p.Runs, p.Now) }
