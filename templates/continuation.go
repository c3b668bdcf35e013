package templates

import (
	"encoding/json"
	"html/template"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// ContinuePage says what a run that goes on from another would do, and starts it.
type ContinuePage struct {
	Shell
	Run        bine.Run
	Plan       bine.Continuation
	Definition Definition             // of the version that would run
	Versions   []bine.PipelineVersion // newest first
	Chosen     []bine.StepName        // steps that are to run again
	Given      map[string]string      // params that were changed, as text
}

// ComparePage shows how two runs of a pipeline differ.
type ComparePage struct {
	Shell
	Compared client.Compared
	Others   []bine.Run // of the same pipeline, to compare with instead
}

var (
	continuePage = load("continue.html")
	comparePage  = load("compare.html")
)

func (p ContinuePage) page() *template.Template { return continuePage }
func (p ComparePage) page() *template.Template  { return comparePage }

// IsChosen reports whether a step is to run again in any case.
func (p ContinuePage) IsChosen(s bine.StepName) bool { return slices.Contains(p.Chosen, s) }

// Count is how many steps run, and how many keep what they have.
func (p ContinuePage) Count() (runs, keeps int) {
	for _, s := range p.Plan.Steps {
		if s.Runs {
			runs++
		} else {
			keeps++
		}
	}
	return runs, keeps
}

// Runs is how many steps run.
func (p ContinuePage) Runs() int { n, _ := p.Count(); return n }

// Keeps is how many steps keep what they have.
func (p ContinuePage) Keeps() int { _, n := p.Count(); return n }

// Params are those of the run, for the form.
func (p ContinuePage) Params() []Param {
	now := map[string]string{}
	for _, pair := range pairs(p.Run.Params) {
		now[pair.Name] = pair.Value
	}
	all := slices.Clone(p.Definition.Params)
	for i := range all {
		value, found := p.Given[all[i].Name]
		if !found {
			value, found = now[all[i].Name]
		}
		if found {
			all[i].Default = asDefault(all[i].Type, value)
		}
	}
	return all
}

func asDefault(t, value string) []byte {
	if t != "string" {
		return []byte(value)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return text
}

// DiffLine is one line of a difference.
type DiffLine struct {
	Text string
	Kind string // add, del, at, or nothing
}

// DiffLines takes a difference in unified form apart.
func DiffLines(diff string) []DiffLine {
	var all []DiffLine
	for line := range strings.Lines(diff) {
		line = strings.TrimSuffix(line, "\n")
		kind := ""
		switch {
		case strings.HasPrefix(line, "@@"), strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
			kind = "at"
		case strings.HasPrefix(line, "+"):
			kind = "add"
		case strings.HasPrefix(line, "-"):
			kind = "del"
		}
		all = append(all, DiffLine{line, kind})
	}
	return all
}

// Changed are the steps that went otherwise.
func (p ComparePage) Changed() []client.StepChange {
	return slices.DeleteFunc(slices.Clone(p.Compared.Steps), func(s client.StepChange) bool {
		return s.Left == s.Right && len(s.Values) == 0
	})
}
