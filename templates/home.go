package templates

import (
	"html/template"
	"time"

	"github.com/bine-ml/bine"
)

// HomePage shows the reader's projects and what goes on in them.
type HomePage struct {
	Shell
	Projects []ProjectCard
	Running  []bine.Run
	Failed   []bine.Run // lately
}

// ProjectCard is one project with its last run.
type ProjectCard struct {
	bine.Project
	Last *bine.Run
}

// RunRow is one run in a list.
type RunRow struct {
	Run bine.Run
	Now time.Time
}

var homePage = load("home.html")

func (p HomePage) page() *template.Template { return homePage }

// RunningRows are the rows of what runs.
func (p HomePage) RunningRows() []RunRow { return rows(p.Running, p.Now) }

// FailedRows are the rows of what failed.
func (p HomePage) FailedRows() []RunRow { return rows(p.Failed, p.Now) }

func rows(runs []bine.Run, now time.Time) []RunRow {
	all := make([]RunRow, len(runs))
	for i, r := range runs {
		all[i] = RunRow{r, now}
	}
	return all
}
