package templates

import (
	"html/template"

	"github.com/bine-ml/bine"
)

// RunsPage lists the runs of a project.
type RunsPage struct {
	Shell
	Runs      []bine.Run
	Pipelines []bine.PipelineName
	Pipeline  bine.PipelineName // filter
	State     bine.State        // filter
	Kind      bine.PipelineKind // filter
	Next      string            // cursor of the next page
}

var runsPage = load("runs.html")

func (p RunsPage) page() *template.Template { return runsPage }

// Rows are the rows of the list.
func (p RunsPage) Rows() []RunRow { return rows(p.Runs, p.Now) }

// States are what can be filtered by; the first is no filter.
func (p RunsPage) States() []bine.State {
	return []bine.State{"", bine.Running, bine.Waiting, bine.Failed, bine.Succeeded, bine.Cancelled}
}

// Filtered reports whether only some runs are asked for.
func (p RunsPage) Filtered() bool { return p.Pipeline != "" || p.State != "" || p.Kind != "" }
