package templates

import (
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// WorkflowsPage lists what has a workflow behind it, of every kind, newest
// first, each with the way to its history.
type WorkflowsPage struct {
	Shell
	All   []Workflow
	Text  string
	Kind  string
	State string
}

// Workflow is something that lasts, and the workflow behind it.
type Workflow struct {
	Kind   string // run, backfill, environment, deployment
	Name   string
	State  string
	Reason string
	By     string
	At     time.Time // when it was made
	Path   string    // of its own page
	ID     string    // of its workflow, without the project
}

var workflowsPage = load("workflows.html")

func (p WorkflowsPage) page() *template.Template { return workflowsPage }

// WorkflowKinds are the kinds that the list may be narrowed to.
func (p WorkflowsPage) WorkflowKinds() []string {
	return []string{"", "run", "backfill", "environment", "deployment"}
}

// Found are those that match, newest first.
func (p WorkflowsPage) Found() []Workflow {
	text := strings.ToLower(p.Text)
	found := slices.DeleteFunc(slices.Clone(p.All), func(w Workflow) bool {
		return p.Kind != "" && w.Kind != p.Kind || p.State != "" && w.State != p.State ||
			text != "" && !strings.Contains(strings.ToLower(w.Name+" "+w.Reason+" "+w.By), text)
	})
	slices.SortStableFunc(found, func(a, b Workflow) int { return b.At.Compare(a.At) })
	return found
}

// WorkflowStates are the states that there are, in order.
func (p WorkflowsPage) WorkflowStates() []string {
	var all []string
	for _, w := range p.All {
		all = append(all, w.State)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Workflows lines up what has a workflow.
func Workflows(path func(...any) string, runs []bine.Run, backfills []bine.Backfill, environments []bine.Environment, deployments []bine.Deployment) []Workflow {
	var all []Workflow
	for _, r := range runs {
		all = append(all, Workflow{"run", string(r.ID), string(r.State), r.Reason, string(r.StartedBy), r.CreatedAt, path("runs", r.ID), "run/" + string(r.ID)})
	}
	for _, b := range backfills {
		all = append(all, Workflow{"backfill", string(b.ID), string(b.State), b.Reason, string(b.CreatedBy), b.CreatedAt, path("backfills", b.ID), "backfill/" + string(b.ID)})
	}
	for _, e := range environments {
		name := strconv.Itoa(e.Version)
		all = append(all, Workflow{"environment", "v" + name, string(e.State), e.Reason, string(e.CreatedBy), e.CreatedAt, path("environments", e.Version), "environment/" + name})
	}
	for _, d := range deployments {
		all = append(all, Workflow{"deployment", string(d.Name), string(d.State), d.Reason, string(d.CreatedBy), d.CreatedAt, path("deployments", d.Name), "deployment/" + string(d.Name)})
	}
	return all
}
