package templates

import (
	"cmp"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bine-ml/bine"
)

// QueuePage shows who waits for resources and why, and who has them.
type QueuePage struct {
	Shell
	Leases  []bine.Lease
	Roles   map[bine.ProjectName]bine.Role // of the reader, by project
	Show    string                         // waiting, back, granted
	Of      bine.ProjectName               // only of this project
	For     string                         // gpus: only requests for accelerators
	Page    int                            // from 1
	Cluster bine.Cluster                   // of all, also what the reader may not know
}

var queuePage = load("queue.html")

func (p QueuePage) page() *template.Template { return queuePage }

// QueueTab is a side of the queue.
type QueueTab struct {
	Name, URL string
	Count     int
	Here      bool
}

// Tabs are the sides of the queue, with how many are on each.
func (p QueuePage) Tabs() []QueueTab {
	var tabs []QueueTab
	for _, t := range [][2]string{{"waiting", "Waiting"}, {"back", "Giving back"}, {"granted", "Granted"}} {
		show := t[0]
		if show == "waiting" {
			show = ""
		}
		tabs = append(tabs, QueueTab{t[1], p.With("show", show, "page", ""), len(p.of(t[0])), t[0] == p.show()})
	}
	return tabs
}

func (p QueuePage) show() string { return cmp.Or(p.Show, "waiting") }

// Granted reports whether those are shown that have something.
func (p QueuePage) Granted() bool { return p.show() != "waiting" }

// Projects are those that have anything in the queue.
func (p QueuePage) Projects() []bine.ProjectName {
	var all []bine.ProjectName
	for _, l := range p.Leases {
		if !slices.Contains(all, l.Owner.Project) {
			all = append(all, l.Owner.Project)
		}
	}
	slices.Sort(all)
	return all
}

// of gives one side of the queue: who waits by their place in line, who has
// something by when it was granted.
func (p QueuePage) of(show string) []bine.Lease {
	var all []bine.Lease
	for _, l := range p.Leases {
		side := "waiting"
		switch {
		case l.GrantedAt != nil && l.AskedBack != nil:
			side = "back"
		case l.GrantedAt != nil:
			side = "granted"
		}
		if side != show || p.Of != "" && l.Owner.Project != p.Of || p.For == "gpus" && l.Resources.GPUs == 0 {
			continue
		}
		all = append(all, l)
	}
	last := func(l bine.Lease) int { // who waits for accelerators stands in line, the others behind
		if l.Place == 0 {
			return 1 << 30
		}
		return l.Place
	}
	if show == "waiting" {
		slices.SortStableFunc(all, func(a, b bine.Lease) int { return cmp.Compare(last(a), last(b)) })
	} else {
		slices.SortStableFunc(all, func(a, b bine.Lease) int { return b.GrantedAt.Compare(*a.GrantedAt) })
	}
	return all
}

// queueOnPage is how many requests a page has.
const queueOnPage = 50

// Rows are the requests that are shown.
func (p QueuePage) Rows() []bine.Lease {
	all := p.of(p.show())
	from := min(max(0, p.Page-1)*queueOnPage, len(all))
	return all[from:min(len(all), from+queueOnPage)]
}

// Next and Before are the addresses of the pages beside; empty where there are none.
func (p QueuePage) Next() string {
	if max(1, p.Page)*queueOnPage >= len(p.of(p.show())) {
		return ""
	}
	return p.With("page", max(1, p.Page)+1)
}

// Before is the address of the page before.
func (p QueuePage) Before() string {
	if p.Page < 2 {
		return ""
	}
	return p.With("page", p.Page-1)
}

// May reports whether the reader may change the priority of a request.
func (p QueuePage) May(l bine.Lease) bool {
	return p.Admin || p.Roles[l.Owner.Project].Includes(bine.DataOwner)
}

// Priorities are those that a request can have.
func (p QueuePage) Priorities() []bine.Priority {
	return []bine.Priority{bine.PriorityHigh, bine.PriorityNormal, bine.PriorityLow}
}

// PriorityOf is the priority of a request in words.
func (p QueuePage) PriorityOf(l bine.Lease) bine.Priority {
	return cmp.Or(l.Priority, bine.PriorityNormal)
}

// CancelURL is where the run of a request is cancelled; empty where it has none,
// or the reader may not.
func (p QueuePage) CancelURL(l bine.Lease) string {
	if l.Owner.Kind != bine.OwnerRun || p.Roles[l.Owner.Project] == "" {
		return ""
	}
	return join("projects", l.Owner.Project, "runs", l.Owner.Name, "cancel")
}

// PriorityURL is where the priority of a request is changed.
func (p QueuePage) PriorityURL(l bine.Lease) string {
	return join("queue", l.Owner.Project, l.Attempt, "priority")
}

// starts shows when something is likely to begin.
func starts(now time.Time, at *time.Time) string {
	switch {
	case at == nil:
		return ""
	case at.Sub(now) < time.Minute:
		return "in less than a minute"
	}
	return "in about " + strings.TrimSuffix(duration(at.Sub(now).Round(time.Minute)), " 0s")
}

// askedURL is the form that asks for what resources say.
func askedURL(l bine.Lease) string {
	words := l.Resources.GPU
	if words == "" && l.Resources.GPUs > 0 {
		words = cores(l.Resources.GPUs)
	}
	return "/ask?" + url.Values{"project": {string(l.Owner.Project)}, "gpus": {words}, "cpu": {cores(l.Resources.CPU)}, "memory": {cores(float64(l.Resources.Memory) / (1 << 30))}}.Encode()
}
