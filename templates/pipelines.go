package templates

import (
	"html/template"

	"github.com/bine-ml/bine"
)

// PipelinesPage lists the pipelines of a project.
type PipelinesPage struct {
	Shell
	Pipelines []PipelineRow
}

// PipelineRow is a pipeline with its last runs, oldest first, and its schedules.
type PipelineRow struct {
	bine.Pipeline
	Last      []bine.Run
	Schedules []bine.Schedule
}

var pipelinesPage = load("pipelines.html")

func (p PipelinesPage) page() *template.Template { return pipelinesPage }
