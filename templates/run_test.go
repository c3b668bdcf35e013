package templates_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/templates"
)

func TestTableOfStepsFiltersAndPages(t *testing.T) {
	page := wideRun(3000)
	for name, c := range map[string]struct {
		filter templates.StepFilter
		found  int
		first  string
		rows   int
	}{
		"everything, failures first": {templates.StepFilter{}, 3000, "step99", 100},
		"the last page":              {templates.StepFilter{Page: 30}, 3000, "step2898", 100},
		"a page after the last":      {templates.StepFilter{Page: 99}, 3000, "step2898", 100},
		"a state":                    {templates.StepFilter{State: bine.Failed}, 30, "step99", 30},
		"a kind that no step has":    {templates.StepFilter{Kind: "sql"}, 0, "", 0},
		"a part of the name":         {templates.StepFilter{Text: "STEP1234"}, 1, "step1234", 1},
		"a part of the reason":       {templates.StepFilter{Text: "exit code"}, 30, "step99", 30},
	} {
		t.Run(name, func(t *testing.T) {
			page.Filter = c.filter
			got := page.Table()
			if got.Found != c.found || len(got.Rows) != c.rows || got.All != 3000 {
				t.Fatalf("found %d of %d, %d rows; want %d and %d rows", got.Found, got.All, len(got.Rows), c.found, c.rows)
			}
			if c.rows > 0 && string(got.Rows[0].Name) != c.first {
				t.Errorf("the first is %s, want %s", got.Rows[0].Name, c.first)
			}
		})
	}
}

func TestTableOfStepsKeepsItsStateInTheAddress(t *testing.T) {
	page := wideRun(300)
	page.Self, page.View = "/projects/demo/runs/wide-1?view=table&kind=python&step=step7&page=2", "table"
	page.Filter = templates.StepFilter{Kind: "python", Page: 2}
	table := page.Table()
	if !strings.Contains(table.After, "page=3") || !strings.Contains(table.After, "kind=python") || !strings.Contains(table.Before, "page=1") {
		t.Errorf("pages lead to %q and %q", table.Before, table.After)
	}
	if html := renderPage(t, page); !strings.Contains(html, `name="step" value="step7"`) || !strings.Contains(html, "101–200 of 300") {
		t.Error("the form forgets the step, or the table does not say where it is")
	}
}

func TestChartOfAWideRunShowsWhatMatters(t *testing.T) {
	page := wideRun(3000)
	c := page.Chart()
	if len(c.Rows) != templates.MostBars || c.Hidden != 3000-templates.MostBars {
		t.Fatalf("%d rows and %d hidden, want %d and %d", len(c.Rows), c.Hidden, templates.MostBars, 3000-templates.MostBars)
	}
	failed, selected := 0, false
	for _, r := range c.Rows {
		if r.State == "failed" {
			failed++
		}
		selected = selected || r.Selected
	}
	if failed != 30 || !selected {
		t.Errorf("%d of 30 failed steps are shown, the selected one: %v", failed, selected)
	}
}

func TestGraphOfAWideRunKeepsFailures(t *testing.T) {
	g := wideRun(3000).Graph()
	failed, folded := 0, 0
	for _, n := range g.Nodes {
		if n.State == "failed" {
			failed++
		}
		if n.Folded > 0 {
			folded++
			if !strings.Contains(n.URL, "view=table") {
				t.Errorf("a box of %d steps leads to %q, want the table", n.Folded, n.URL)
			}
		}
	}
	if len(g.Nodes) > templates.MostNodes || failed != 30 || folded == 0 {
		t.Errorf("%d nodes, %d of 30 failed ones, %d boxes of several", len(g.Nodes), failed, folded)
	}
}

func TestDrawingsEscapeWhatPeopleChose(t *testing.T) {
	page := wideRun(3)
	page.Steps[0].Kind = nasty
	page.Items = []bine.Step{{Name: page.Steps[2].Name, Item: nasty, State: bine.Failed, StartedAt: page.Steps[0].StartedAt, EndedAt: page.Steps[0].EndedAt}}
	for what, html := range map[string]string{"graph": string(page.Graph().SVG()), "chart": string(page.Chart().Drawn())} {
		if strings.Contains(html, "<script") || strings.Contains(html, "<img") || strings.Contains(html, `"'--`) {
			t.Errorf("the %s holds markup of somebody else: %s", what, html)
		}
	}
	if !strings.Contains(fmt.Sprint(page.Chart().Drawn()), "&lt;script&gt;") {
		t.Error("the item's name is not shown")
	}
}
