package templates

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// Grid shows the last runs of a pipeline, a column each, and how each of its
// steps went in them.
type Grid struct {
	Runs   []bine.Run // oldest first
	Rows   []GridRow
	Folded int // rows that are left out
}

// GridRow is one step over the runs.
type GridRow struct {
	Name  bine.StepName
	Cells []GridCell
}

// GridCell is one step in one run; State is empty where the run has no such step.
type GridCell struct {
	State bine.State
	URL   string
	Title string
}

// The most that a grid shows: more is neither read nor seen.
const (
	GridRuns = 30
	gridRows = 100
)

// NewGrid lines the steps of runs up, which are newest first. Steps stand in
// the order of the newest run that has them; those that failed stay when rows
// are folded.
func NewGrid(project bine.ProjectName, runs []bine.Run, steps map[bine.RunID][]bine.Step) Grid {
	g := Grid{}
	place := map[bine.StepName]int{}
	for _, run := range runs {
		g.Runs = append([]bine.Run{run}, g.Runs...)
		for _, s := range steps[run.ID] {
			if _, known := place[s.Name]; !known {
				place[s.Name] = len(g.Rows)
				g.Rows = append(g.Rows, GridRow{Name: s.Name, Cells: make([]GridCell, len(runs))})
			}
		}
	}
	failed := map[bine.StepName]bool{}
	for i, run := range g.Runs {
		for _, s := range steps[run.ID] {
			title := fmt.Sprintf("%s in %s: %s", s.Name, run.ID, word(s.State))
			if s.Reason != "" {
				title += ". " + s.Reason
			}
			g.Rows[place[s.Name]].Cells[i] = GridCell{State: s.State, Title: title, URL: join("projects", project, "runs", run.ID) + "?step=" + template.URLQueryEscaper(s.Name)}
			failed[s.Name] = failed[s.Name] || s.State == bine.Failed
		}
	}
	g.fold(failed)
	return g
}

// fold leaves rows out beyond those that are shown, of steps without failures first.
func (g *Grid) fold(failed map[bine.StepName]bool) {
	over := len(g.Rows) - gridRows
	if over <= 0 {
		return
	}
	var kept []GridRow
	for _, row := range g.Rows {
		if over > 0 && !failed[row.Name] {
			over--
			g.Folded++
			continue
		}
		kept = append(kept, row)
	}
	g.Folded += max(0, len(kept)-gridRows)
	g.Rows = kept[:min(len(kept), gridRows)]
}

// Trend is how long runs took.
type Trend struct {
	Points  []TrendPoint
	Path    string // of the line, in a box of 600 by 90
	Longest string
	Ok, All int // runs that succeeded, of those that have ended
}

// TrendPoint is one run on the line.
type TrendPoint struct {
	X, Y int
	Run  bine.Run
	Took string
}

// The box of a trend, in pixels.
const (
	trendWidth  = 600
	trendHeight = 90
)

// NewTrend draws the durations of runs that have ended, oldest first.
func NewTrend(runs []bine.Run) Trend {
	var t Trend
	var ended []bine.Run
	var longest time.Duration
	for _, r := range runs {
		if !r.State.Ended() || r.StartedAt == nil || r.EndedAt == nil {
			continue
		}
		ended = append(ended, r)
		longest = max(longest, r.EndedAt.Sub(*r.StartedAt))
		if t.All++; r.State == bine.Succeeded {
			t.Ok++
		}
	}
	t.Longest = duration(longest)
	var path strings.Builder
	for i, r := range ended {
		took := r.EndedAt.Sub(*r.StartedAt)
		p := TrendPoint{X: trendWidth / 2, Y: trendHeight - 6, Run: r, Took: duration(took)}
		if len(ended) > 1 {
			p.X = 6 + i*(trendWidth-12)/(len(ended)-1)
		}
		if longest > 0 {
			p.Y = trendHeight - 6 - int(float64(took)/float64(longest)*(trendHeight-12))
		}
		t.Points = append(t.Points, p)
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%d %d", command, p.X, p.Y)
	}
	t.Path = path.String()
	return t
}

// Rate is the share of runs that succeeded.
func (t Trend) Rate() string {
	if t.All == 0 {
		return "–"
	}
	return fmt.Sprintf("%d %%", 100*t.Ok/t.All)
}
