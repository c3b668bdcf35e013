package templates

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
)

// StepFilter narrows the list of steps of a run; what is empty does not.
type StepFilter struct {
	State bine.State
	Kind  string
	Text  string // a part of the name or of the reason
	Page  int    // from 1
}

// StepsOnPage is how many steps a page of the list has.
const StepsOnPage = 100

// StepTable is the list of steps as it is shown.
type StepTable struct {
	Rows          []bine.Step
	Found, All    int
	First, Last   int // of the rows, among those found, from 1
	Before, After string
	Kinds         []string
	States        []bine.State
	Filter        StepFilter
}

// ViewURL is this page with another view of the steps; the empty one draws them.
func (p RunPage) ViewURL(view string) string {
	return p.With("view", view, "state", "", "kind", "", "text", "", "page", "")
}

// Table lists the steps: those that failed first, else in the order of the graph.
func (p RunPage) Table() StepTable {
	t := StepTable{All: len(p.Steps), Filter: p.Filter}
	states, kinds := map[bine.State]bool{}, map[string]bool{}
	var found []bine.Step
	for _, s := range p.Steps {
		states[s.State], kinds[s.Kind] = true, true
		if p.Filter.takes(s) {
			found = append(found, s)
		}
	}
	t.States, t.Kinds, t.Found = slices.Sorted(maps.Keys(states)), slices.Sorted(maps.Keys(kinds)), len(found)
	slices.SortStableFunc(found, func(a, b bine.Step) int { return weight(b.State) - weight(a.State) })
	pages := max((len(found)+StepsOnPage-1)/StepsOnPage, 1)
	page := min(max(p.Filter.Page, 1), pages)
	first := (page - 1) * StepsOnPage
	t.Rows = found[first:min(first+StepsOnPage, len(found))]
	t.First, t.Last = first+1, first+len(t.Rows)
	if page > 1 {
		t.Before = p.With("page", strconv.Itoa(page-1))
	}
	if page < pages {
		t.After = p.With("page", strconv.Itoa(page+1))
	}
	return t
}

func (f StepFilter) takes(s bine.Step) bool {
	if (f.State != "" && s.State != f.State) || (f.Kind != "" && s.Kind != f.Kind) {
		return false
	}
	text := strings.ToLower(f.Text)
	return text == "" || strings.Contains(strings.ToLower(string(s.Name)), text) || strings.Contains(strings.ToLower(s.Reason), text)
}

// Kept are the values of the address that the form of the filter keeps.
func (p RunPage) Kept() []Pair {
	all := []Pair{{"view", "table"}}
	if u, err := url.Parse(p.Self); err == nil {
		for _, name := range []string{"step", "item", "tab", "attempt"} {
			if value := u.Query().Get(name); value != "" {
				all = append(all, Pair{name, value})
			}
		}
	}
	return all
}

// IsLookedAt reports whether a step is the one that is shown in detail.
func (p RunPage) IsLookedAt(s bine.Step) bool { return p.selected(s.Name) }

// PreviewOf is the beginning of an artifact of the step, where it can be shown.
func (p RunPage) PreviewOf(ref bine.ArtifactRef) *Preview {
	if v, ok := p.Step.Previews[ref.Hash]; ok {
		return &v
	}
	return nil
}

// ArtifactImage is where the picture in an artifact can be had.
func (s Shell) ArtifactImage(ref bine.ArtifactRef) string {
	return s.Path("artifacts", ref.Hash, "image")
}
