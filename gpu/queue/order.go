package queue

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Fairness is what the order of projects depends on.
type Fairness struct {
	Now      time.Time
	HalfLife time.Duration // after which usage counts half
	Usage    map[string]Usage
	Shares   map[string]Share // of projects; one without has weight 1
	Held     map[string]int   // thousandths of devices that projects have now
	Books    *Books           // says what is whose own where projects have cells; nil: Held and Guaranteed do
}

// HeldBy counts what projects have.
func HeldBy(running []Running) map[string]int {
	held := map[string]int{}
	for _, r := range running {
		held[r.Project] += r.milli()
	}
	return held
}

// standing is a project as Order sees it.
type standing struct {
	name  string
	share Share
	used  float64 // devices that it had on average, fading
	held  int
	ahead int // thousandths of those of its jobs that are in the line by now
	jobs  []*Job
	books *Books
}

// load is what a project has had and has, for its weight.
func (s *standing) load() float64 { return (s.used + float64(s.held)/1000) / s.share.weight() }

// Order gives jobs in the order in which they go: the project below its
// guarantee first, then the one that has had and has the least for its weight,
// each time counting what is before in the line; within a project by priority,
// then who asked first.
func Order(waiting []Job, f Fairness) []Job {
	projects := map[string]*standing{}
	for i := range waiting {
		j := &waiting[i]
		s := projects[j.Project]
		if s == nil {
			s = &standing{name: j.Project, share: f.Shares[j.Project], held: f.Held[j.Project], books: f.Books}
			if seconds := f.HalfLife.Seconds(); seconds > 0 {
				s.used = f.Usage[j.Project].Now(f.Now, f.HalfLife) / seconds
			}
			projects[j.Project] = s
		}
		s.jobs = append(s.jobs, j)
	}
	var line []*standing
	for _, s := range projects {
		slices.SortFunc(s.jobs, func(a, b *Job) int {
			return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID))
		})
		line = append(line, s)
	}
	order := make([]Job, 0, len(waiting))
	for len(line) > 0 {
		at := 0
		for i := range line {
			if line[i].before(line[at]) {
				at = i
			}
		}
		s := line[at]
		milli := s.jobs[0].milli()
		order, s.held, s.ahead, s.jobs = append(order, *s.jobs[0]), s.held+milli, s.ahead+milli, s.jobs[1:]
		if len(s.jobs) == 0 {
			line = slices.Delete(line, at, at+1)
		}
	}
	return order
}

// owed says whether the first job of a project is within what is its own.
func (s *standing) owed() bool {
	if s.books != nil && len(s.share.Stakes) > 0 {
		return s.books.Entitled(*s.jobs[0], s.ahead)
	}
	return s.held+s.jobs[0].milli() <= s.share.Guaranteed
}

func (s *standing) before(o *standing) bool {
	below := func(s *standing) int { // 0 goes first
		if s.owed() {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(below(s), below(o)), cmp.Compare(s.load(), o.load()),
		s.jobs[0].Since.Compare(o.jobs[0].Since), strings.Compare(s.name, o.name)) < 0
}
