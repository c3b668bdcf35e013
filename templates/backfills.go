package templates

import (
	"html/template"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// BackfillsPage lists backfills, and holds the form for one.
type BackfillsPage struct {
	Shell
	Backfills []bine.Backfill
	Next      string
	Pipelines []bine.PipelineName
	Pipeline  bine.PipelineName // that the form is for
	Form      BackfillForm
	Plan      *client.BackfillPlan // what a backfill would run, after a dry run
}

// BackfillForm is what the form holds.
type BackfillForm struct {
	From, To, Cron, Mode, Order, Partitions, Param string
	Cap                                            int
}

// BackfillPage shows one backfill.
type BackfillPage struct {
	Shell
	Backfill bine.Backfill
	Slots    []bine.BackfillSlot
	Next     string
}

var (
	backfillsPage = load("backfills.html")
	backfillPage  = load("backfill.html")
)

func (p BackfillsPage) page() *template.Template { return backfillsPage }
func (p BackfillPage) page() *template.Template  { return backfillPage }

// Modes and Orders are what the form may choose.
func (p BackfillsPage) Modes() []string { return []string{"missing", "failed", "all"} }

// Orders are the orders that the form may choose.
func (p BackfillsPage) Orders() []string { return []string{"oldest", "newest"} }

// SlotCell is one slot in the grid.
type SlotCell struct {
	bine.BackfillSlot
	Name string
	URL  string
}

// cells makes the grid of slots.
func cells(project bine.ProjectName, slots []bine.BackfillSlot) []SlotCell {
	all := make([]SlotCell, len(slots))
	for i, s := range slots {
		all[i] = SlotCell{BackfillSlot: s, Name: s.Key}
		if s.Tick != nil {
			all[i].Name = s.Tick.UTC().Format("2006-01-02 15:04")
			if s.Tick.UTC().Truncate(24 * time.Hour).Equal(s.Tick.UTC()) {
				all[i].Name = s.Tick.UTC().Format(time.DateOnly)
			}
		}
		if s.Run != "" {
			all[i].URL = join("projects", project, "runs", s.Run)
		}
	}
	return all
}

// Cells is the grid.
func (p BackfillPage) Cells() []SlotCell { return cells(p.Backfill.Project, p.Slots) }

// PlanCells is the grid of a dry run.
func (p BackfillsPage) PlanCells() []SlotCell {
	if p.Plan == nil || p.Project == nil {
		return nil
	}
	return cells(p.Project.Name, p.Plan.All)
}

// Planned is how many slots a dry run would run.
func (p BackfillsPage) Planned() int {
	n := 0
	if p.Plan != nil {
		for _, s := range p.Plan.All {
			if s.State == bine.Pending {
				n++
			}
		}
	}
	return n
}

// Total is the number of slots, Done of those that have ended.
func (p BackfillPage) Total() (n int) {
	for _, count := range p.Backfill.Slots {
		n += count
	}
	return n
}

// Done is the number of slots that have ended.
func (p BackfillPage) Done() (n int) {
	for state, count := range p.Backfill.Slots {
		if state.Ended() {
			n += count
		}
	}
	return n
}

// Going reports whether it can still change.
func (p BackfillPage) Going() bool { return !p.Backfill.State.Ended() }
