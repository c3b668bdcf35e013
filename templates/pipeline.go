package templates

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/bine-ml/bine"
)

// PipelinePage shows one version of a pipeline, and lets it be changed and
// started. With an empty name it is the page of a new pipeline.
type PipelinePage struct {
	Shell
	Pipeline   bine.Pipeline
	Version    bine.PipelineVersion
	Versions   []bine.PipelineVersion
	Definition Definition
	Runs       []bine.Run // newest first
	Schedules  []bine.Schedule
	Source     string
	Tab        string // edit, start, versions, use
	Key        string // an API key that was just made
	Triggers   []bine.Trigger
	Gets       []StepGets // of the tab start
	Grid       Grid       // of the tab grid
	Trend      Trend      // of the tab grid
	Check
}

// Check is what a check of a text found.
type Check struct {
	Checked bool
	Faults  []bine.Detail
	Problem *Problem
	Dag     Definition
}

// Graph draws what was checked.
func (c Check) Graph() GraphView { return definitionGraph(c.Dag) }

var pipelinePage = load("pipeline.html", "gets.html", "ask_form.html")

func (p PipelinePage) page() *template.Template { return pipelinePage }

// CheckPart shows only what a check found, and the graph of what is right.
type CheckPart struct{ Check }

func (p CheckPart) page() *template.Template { return pipelinePage }

// New reports whether the pipeline is not stored yet.
func (p PipelinePage) New() bool { return p.Pipeline.Name == "" }

// Tabs are the sides of the page.
func (p PipelinePage) Tabs() []string { return []string{"start", "grid", "edit", "versions", "use"} }

// Graph draws the version.
func (p PipelinePage) Graph() GraphView {
	if p.New() {
		return p.Check.Graph()
	}
	return definitionGraph(p.Definition)
}

// RunRows are the rows of the last runs.
func (p PipelinePage) RunRows() []RunRow { return rows(p.Runs, p.Now) }

// Strip are the last runs, oldest first.
func (p PipelinePage) Strip() []bine.Run { return oldestFirst(p.Runs) }

func oldestFirst(runs []bine.Run) []bine.Run {
	out := make([]bine.Run, len(runs))
	for i, r := range runs {
		out[len(runs)-1-i] = r
	}
	return out
}

// KeyText is the key that snippets carry: one just made, or where to put one.
func (p PipelinePage) KeyText() string {
	if p.Key != "" {
		return p.Key
	}
	return "bine_…"
}

// Notebook starts the pipeline from Python.
func (p PipelinePage) Notebook() Snippet {
	var params []string
	for _, q := range p.Definition.Params {
		value := "None"
		if !q.Required() {
			value = python(string(q.Default))
		}
		params = append(params, fmt.Sprintf("%q: %s", q.Name, value))
	}
	return Snippet{"snippet-python", fmt.Sprintf(`import bine

client = bine.login(%q, key=%q)
run = client.project(%q).pipeline(%q).start(
    {%s},
    key="my-notebook-1",  # the same key gives the same run
)
run.wait()`, p.Address, p.KeyText(), p.Project.Name, p.Pipeline.Name, strings.Join(params, ", "))}
}

// python turns the constants of JSON into those of Python.
func python(raw string) string {
	switch raw {
	case "true":
		return "True"
	case "false":
		return "False"
	case "null":
		return "None"
	}
	return raw
}

// REST starts the pipeline by HTTP.
func (p PipelinePage) REST() Snippet {
	var params []string
	for _, q := range p.Definition.Params {
		if !q.Required() {
			params = append(params, fmt.Sprintf("%q: %s", q.Name, q.Default))
		}
	}
	return Snippet{"snippet-rest", fmt.Sprintf(`curl -X POST %s%s \
  -H 'Authorization: Bearer %s' \
  -H 'Content-Type: application/json' \
  -H 'Idempotency-Key: my-run-1' \
  -d '%s'`, p.Address, p.API("pipelines", p.Pipeline.Name, "runs"), p.KeyText(), quoted(fmt.Sprintf(`{"params": {%s}}`, strings.Join(params, ", "))))}
}

// quoted makes text safe between single quotes of a shell.
func quoted(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }

// CLI starts the pipeline from a shell.
func (p PipelinePage) CLI() Snippet {
	line := fmt.Sprintf("bine run start %s --project %s --follow", p.Pipeline.Name, p.Project.Name)
	for _, q := range p.Definition.Params {
		if !q.Required() {
			line += fmt.Sprintf(" \\\n  --param '%s=%s'", q.Name, quoted(q.Value()))
		}
	}
	return Snippet{"snippet-cli", line}
}

// NextVersion is the number that a changed text gets.
func (p PipelinePage) NextVersion() int { return p.Pipeline.Latest + 1 }
