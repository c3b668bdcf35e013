package templates

import (
	"encoding/json"
	"html/template"
	"slices"

	"github.com/bine-ml/bine"
)

// ModelsPage lists the registered models of a project.
type ModelsPage struct {
	Shell
	Models []bine.Model
}

// ModelPage shows one model with its versions.
type ModelPage struct {
	Shell
	Name        bine.ModelName
	Version     bine.ModelVersion
	Versions    []bine.ModelVersion
	Deployments []bine.Deployment // of this model
}

var (
	modelsPage = load("models.html")
	modelPage  = load("model.html")
)

func (p ModelsPage) page() *template.Template { return modelsPage }
func (p ModelPage) page() *template.Template  { return modelPage }

// Score is a metric by name.
type Score struct {
	Name  string
	Value float64
}

func scores(metrics map[string]float64) []Score {
	var all []Score
	for name, value := range metrics {
		all = append(all, Score{name, value})
	}
	slices.SortFunc(all, func(a, b Score) int { return compareText(a.Name, b.Name) })
	return all
}

// Metrics are the names of the metrics of any version.
func (p ModelPage) Metrics() []string {
	var all []string
	for _, v := range p.Versions {
		for name := range v.Metrics {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Data are the artifacts that the version was made from.
func (p ModelPage) Data() []Named { return RunPage{Shell: p.Shell}.named(p.Version.Data) }

// Files is the artifact that is the model.
func (p ModelPage) Files() Named {
	return Named{"Files of the model", p.Version.Artifact, p.artifactURL(p.Version.Artifact)}
}

// Schema is what a model takes and gives.
type Schema struct {
	Inputs  []Column `json:"inputs"`
	Outputs []Column `json:"outputs"`
}

// Column is one input or output in the types of the Open Inference Protocol.
type Column struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    []int  `json:"shape"` // of the tensor; two numbers where it holds whole rows
}

func readSchema(raw json.RawMessage) Schema {
	var s Schema
	if json.Unmarshal(raw, &s) != nil {
		return Schema{}
	}
	return s
}

// Schema is what the version takes and gives.
func (p ModelPage) Schema() Schema { return readSchema(p.Version.Schema) }
