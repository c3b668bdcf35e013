package templates

import (
	"cmp"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates/gantt"
)

// HistoryPage shows the history of a workflow.
type HistoryPage struct {
	Shell
	Workflow string // id without the project
	View     string // compact, timeline or full
	History  client.History
	Number   int // of the page of events or groups, from 1
}

var historyPage = load("history.html")

func (p HistoryPage) page() *template.Template { return historyPage }

// HistoryGroup is what the events of one activity, timer, child or signal come to.
type HistoryGroup struct {
	ID         int64
	Name       string
	Status     string
	Took       string
	Link       string // workflow id of a child
	Work       bool   // something that lasts: an activity or a child, not a message
	Events     []client.HistoryEvent
	start, end time.Time
}

// Groups sums the events up.
func (p HistoryPage) Groups() []HistoryGroup { return groupEvents(p.History.Events, p.Now) }

// groupEvents puts the events that belong together into one group, in the order
// in which they began.
func groupEvents(events []client.HistoryEvent, now time.Time) []HistoryGroup {
	var groups []HistoryGroup
	at := map[int64]int{}
	for _, e := range events {
		if strings.HasPrefix(e.Type, "WorkflowTask") {
			continue
		}
		key := e.Group
		if key == 0 {
			key = e.ID
		}
		i, ok := at[key]
		if !ok {
			i = len(groups)
			at[key] = i
			groups = append(groups, HistoryGroup{ID: e.ID, Name: groupName(e)})
		}
		groups[i].add(e)
	}
	for i := range groups {
		groups[i].finish(now)
	}
	return groups
}

// groupName says what a group is about, by the event that began it: the activity,
// or the kind of the child with the end of its id.
func groupName(e client.HistoryEvent) string {
	if name, _, ok := strings.Cut(e.Summary, " scheduled on queue "); ok {
		return name
	}
	child, id, ok := strings.Cut(e.Summary, " asked for, ")
	if kind, found := strings.CutPrefix(child, "child "); ok && found {
		if parts := strings.SplitN(id, "/", 3); len(parts) == 3 { // <project>/<kind>/<name>
			id = parts[2]
		}
		return kind + " " + id
	}
	if e.Summary == "" {
		return e.Type
	}
	return e.Summary
}

func (g *HistoryGroup) add(e client.HistoryEvent) {
	t, err := time.Parse(time.RFC3339Nano, e.At)
	if err == nil {
		if g.start.IsZero() {
			g.start = t
		}
		g.end = t
	}
	g.Work = g.Work || strings.HasPrefix(e.Type, "Activity") || strings.Contains(e.Type, "ChildWorkflow")
	if e.Link != "" {
		g.Link = e.Link
	}
	g.Status = eventStatus(e.Type, g.Status)
	g.Events = append(g.Events, e)
}

// eventStatus says where a group stands after an event of a type.
func eventStatus(kind, before string) string {
	for _, end := range [][2]string{
		{"Completed", "completed"}, {"Failed", "failed"}, {"TimedOut", "timed_out"}, {"Fired", "completed"}, {"Terminated", "terminated"},
		{"Canceled", "cancelled"}, {"Signaled", "done"}, {"MarkerRecorded", "done"},
	} {
		if strings.HasSuffix(kind, end[0]) {
			return end[1]
		}
	}
	if strings.HasSuffix(kind, "Started") && kind != "WorkflowExecutionStarted" || strings.HasSuffix(kind, "Scheduled") || strings.HasSuffix(kind, "Initiated") {
		return "running"
	}
	if before == "" {
		return "done"
	}
	return before
}

func (g *HistoryGroup) finish(now time.Time) {
	if g.Status == "running" && !g.start.IsZero() {
		g.Took = duration(now.Sub(g.start))
		return
	}
	if d := g.end.Sub(g.start); d > 0 {
		g.Took = duration(d)
	}
}

// Chart places the groups on an axis of time.
func (p HistoryPage) Chart() GanttView {
	var spans []gantt.Span
	v := GanttView{}
	for _, g := range p.Groups() {
		if !g.Work {
			continue
		}
		s := gantt.Span{ID: fmt.Sprint(g.ID), Start: g.start, End: g.end}
		if g.Status == "running" {
			s.End = time.Time{}
		}
		spans = append(spans, s)
		v.Rows = append(v.Rows, GanttRow{Name: g.Name, State: g.Status, Took: g.Took, URL: p.eventURL(g.ID), Weight: weightOf(g.Status)})
	}
	v.place(gantt.Lay(spans, p.Now))
	for i := range v.Rows {
		v.Rows[i].Bar.Critical = false
	}
	v.keep(MostBars)
	return v
}

func weightOf(status string) int {
	switch tone(status) {
	case "bad":
		return 3
	case "busy":
		return 2
	}
	return 0
}

// EventsOnPage is how many events, or groups of them, a page shows.
const EventsOnPage = 200

// eventURL is the full list, where an event stands in it.
func (p HistoryPage) eventURL(id int64) string {
	i, _ := slices.BinarySearchFunc(p.History.Events, id, func(e client.HistoryEvent, id int64) int { return cmp.Compare(e.ID, id) })
	return p.With("view", "full", "page", strconv.Itoa(i/EventsOnPage+1)) + fmt.Sprintf("#event-%d", id)
}

// EventPage is one page of the events, or of their groups.
type EventPage struct {
	Events        []client.HistoryEvent
	Groups        []HistoryGroup
	First, Last   int // of those shown, from 1
	All           int
	Before, After string // addresses of the pages around it
}

// Part is what the list shows of the history: a long one has pages.
func (p HistoryPage) Part() EventPage {
	if p.View == "full" {
		v := p.around(len(p.History.Events))
		v.Events = p.History.Events[v.First-1 : v.Last]
		return v
	}
	groups := p.Groups()
	v := p.around(len(groups))
	v.Groups = groups[v.First-1 : v.Last]
	return v
}

// around says which of so many are on the page, and where the others are.
func (p HistoryPage) around(all int) EventPage {
	pages := max((all+EventsOnPage-1)/EventsOnPage, 1)
	n := min(max(p.Number, 1), pages)
	v := EventPage{First: (n-1)*EventsOnPage + 1, Last: min(n*EventsOnPage, all), All: all}
	if n > 1 {
		v.Before = p.With("page", strconv.Itoa(n-1))
	}
	if n < pages {
		v.After = p.With("page", strconv.Itoa(n+1))
	}
	return v
}

// Raw is where the whole history can be had as JSON.
func (p HistoryPage) Raw() string {
	return p.API("history") + "?workflow=" + url.QueryEscape(p.Workflow)
}

// File is a name for what Raw gives.
func (p HistoryPage) File() string {
	return strings.ReplaceAll(p.Workflow, "/", "-") + "-history.json"
}

// Object is the page of what the workflow is about.
func (p HistoryPage) Object() string {
	parts := strings.Split(p.Workflow, "/")
	switch {
	case parts[0] == "run" && len(parts) == 2:
		return p.Path("runs", parts[1])
	case parts[0] == "run" && len(parts) == 3:
		return p.Path("runs", parts[1]) + "?step=" + url.QueryEscape(parts[2])
	case parts[0] == "run" && len(parts) > 3:
		return p.Path("runs", parts[1]) + "?step=" + url.QueryEscape(parts[2]) + "&item=" + url.QueryEscape(parts[3])
	case parts[0] == "environment" && len(parts) == 2:
		return p.Path("environments", parts[1])
	case parts[0] == "deployment" && len(parts) == 2:
		return p.Path("deployments", parts[1])
	}
	return p.Path()
}

// Child is the page of the history of another workflow of the project.
func (p HistoryPage) Child(id string) string {
	if p.Project != nil {
		id = strings.TrimPrefix(id, string(p.Project.Name)+"/")
	}
	return p.Path("history") + "?workflow=" + url.QueryEscape(id)
}
