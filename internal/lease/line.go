package lease

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bine-ml/bine"
)

// holding is what the processes of a project hold.
type holding struct {
	amount
	steps int
}

func (h holding) plus(a amount, steps int) holding {
	return holding{h.amount.plus(a), h.steps + steps}
}

// line is who of a project waits for a host.
type line struct {
	project bine.ProjectName
	held    holding
	quota   quota
	turn    int64 // when it was last given a host while others waited; 0 is never
	head    *entry
	behind  bool // the first could not be placed: head stands behind it
	tries   int  // of those behind
}

// mostBehind bounds how many behind the first of a project are looked at in
// one change: each fits by its numbers, but may fit on no single host.
const mostBehind = 64

// walk puts those that wait for a host to the board: of each project the first,
// then those behind where that delays nobody; the project that holds the least
// goes first. It writes the grants down. With only, just that one may be
// granted, and else is told the reason: others have what they can have.
func (t *tx) walk(only *entry) (grants []Grant, reason string, err error) {
	lines, err := t.lines(only)
	if err != nil || len(lines) == 0 {
		return nil, "", err
	}
	p, err := t.picture()
	if err != nil {
		return nil, "", err
	}
	defer p.board.settle()
	turns, err := t.turns(lines)
	if err != nil {
		return nil, "", err
	}
	for _, l := range lines {
		l.held, l.quota, l.turn = p.held[l.project], p.quotas[l.project], turns[l.project]
	}
	all := p.board.total()
	for l := foremost(lines, all); l != nil && !p.board.full(); l = foremost(lines, all) {
		e := l.head
		if l.quota.exceeds(l.held.plus(e.amount, 1)) != "" {
			l.head = nil // nobody of the project goes before
			continue
		}
		spots, placed := p.board.place(e.want, !l.behind)
		if !placed && !l.behind && e.gpus > 0 && (only == nil || e == only) {
			if err := t.askBack(p, e); err != nil {
				return nil, "", err
			}
		}
		if placed && (only == nil || e == only) {
			e.grant(spots)
			t.give(p, e)
			grants = append(grants, e.Grant)
			if err := t.had(l, lines); err != nil {
				return nil, "", err
			}
		}
		if e == only {
			break
		}
		if placed {
			l.held = l.held.plus(e.amount, 1)
		} else {
			l.behind = true
		}
		if placed && only == nil {
			if err := t.save(e, Request{}); err != nil {
				return nil, "", err
			}
		}
		if err := t.next(l, p.board, only); err != nil {
			return nil, "", err
		}
	}
	for _, l := range lines { // the firsts that were not come to, since every host is kept
		if l.head != nil && l.head.Host == "" && !l.behind && l.head.gpus > 0 && (only == nil || l.head == only) {
			if err := t.askBack(p, l.head); err != nil {
				return nil, "", err
			}
		}
	}
	if only != nil && only.Host == "" {
		reason = p.reason(only.project, only.want)
	}
	return grants, reason, nil
}

// reason says what one waits for that waits for a host.
func (p *picture) reason(project bine.ProjectName, w want) string {
	if over := p.quotas[project].exceeds(p.held[project].plus(w.amount, 1)); over != "" {
		return over
	}
	return p.board.reason(w)
}

// lines gives the first of each project, with e where it is not written down
// yet. None wait: none are given.
func (t *tx) lines(e *entry) ([]*line, error) {
	heads, err := t.heads()
	if err != nil {
		return nil, err
	}
	var lines []*line
	for _, head := range heads {
		lines = append(lines, &line{project: head.project, head: head})
	}
	if e == nil {
		return lines, nil
	}
	for _, l := range lines {
		if l.project == e.project {
			if l.head.Attempt == e.Attempt || e.before(l.head) {
				l.head = e
			}
			return lines, nil
		}
	}
	return append(lines, &line{project: e.project, head: e}), nil
}

// next gives a line who stands behind its head: where the first could not be
// placed, who could fit on a host that is not kept.
func (t *tx) next(l *line, b *board, only *entry) error {
	was := l.head
	l.head = nil
	mine := only != nil && only.project == l.project && was.before(only)
	if l.behind && only != nil {
		if mine {
			l.head = only
		}
		return nil
	}
	where, args := "l.host = '' AND l.line = '' AND l.project = ? AND l.priority >= ? AND (l.priority > ? OR l.place > ?)", []any{l.project, was.priority, was.priority, was.place}
	if l.behind {
		bound, some := b.bound()
		if l.tries++; !some || l.tries > mostBehind {
			return nil
		}
		where += " AND l.cpu_milli <= ? AND l.memory <= ? AND l.gpu_milli <= ?"
		args = append(args, bound.milli, bound.memory, bound.gpus)
	}
	found, err := t.one(where+" ORDER BY l.priority, l.place LIMIT 1", args...)
	if l.head = found; mine && (found == nil || found.Attempt == only.Attempt || only.before(found)) {
		l.head = only
	}
	return err
}

// turns says when projects were last given a host while others waited.
func (t *tx) turns(lines []*line) (map[bine.ProjectName]int64, error) {
	all := map[bine.ProjectName]int64{}
	if len(lines) < 2 {
		return all, nil
	}
	return all, t.each(func(row scanner) error {
		var project bine.ProjectName
		var turn int64
		err := row.Scan(&project, &turn)
		all[project] = turn
		return err
	}, "SELECT project, turn FROM lease_turns")
}

// had notes that a project was given a host, if others wait for one.
func (t *tx) had(l *line, lines []*line) error {
	if len(lines) < 2 {
		return nil
	}
	t.last++
	l.turn = t.last
	n, err := t.exec("UPDATE lease_turns SET turn = ? WHERE project = ?", l.turn, l.project)
	if err == nil && n == 0 {
		_, err = t.exec("INSERT INTO lease_turns (project, turn) VALUES (?, ?)", l.project, l.turn)
	}
	return err
}

// owed is 0 where the first asks for accelerators within the guarantee of its
// project, and else 1.
func (l *line) owed() int {
	if l.head.gpus > 0 && l.held.gpus+l.head.gpus <= l.quota.guaranteed {
		return 0
	}
	return 1
}

// foremost is the line that goes next: of a project that asks for accelerators
// within its guarantee; then of the one that holds the least for its weight, of those the one whose last turn is longest ago, then the one that
// has asked first.
func foremost(lines []*line, all amount) *line {
	waiting := slices.DeleteFunc(slices.Clone(lines), func(l *line) bool { return l.head == nil })
	if len(waiting) == 0 {
		return nil
	}
	return slices.MinFunc(waiting, func(a, b *line) int {
		return cmp.Or(cmp.Compare(a.owed(), b.owed()), cmp.Compare(a.share(all), b.share(all)), cmp.Compare(a.turn, b.turn), cmp.Compare(a.head.place, b.head.place))
	})
}

// share is the dominant share of what there is that a project holds, for its weight.
func (l *line) share(all amount) float64 {
	weight := l.quota.weight
	if weight <= 0 {
		weight = 1
	}
	return max(part(l.held.milli, all.milli), part(l.held.memory, all.memory), part(l.held.gpus, all.gpus)) / weight
}

func part(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// quota is what the processes of a project may hold together; 0 is no bound.
type quota struct {
	steps            int
	milli, memory    int64
	gpus, guaranteed int64 // thousandths
	weight           float64
}

// exceeds says which part of the quota would be exceeded, if any.
func (q quota) exceeds(h holding) string {
	switch {
	case q.steps > 0 && h.steps > q.steps:
		return fmt.Sprintf("the project's quota of %d processes at once is used up", q.steps)
	case q.milli > 0 && h.milli > q.milli:
		return fmt.Sprintf("the project's quota of %s is used up", cores(q.milli))
	case q.memory > 0 && h.memory > q.memory:
		return fmt.Sprintf("the project's quota of %s of memory is used up", size(q.memory))
	case q.gpus > 0 && h.gpus > q.gpus:
		return fmt.Sprintf("the project's quota of %s is used up", gpus(q.gpus))
	}
	return ""
}

// quotas reads those of all projects that have one.
func (v view) quotas() (map[bine.ProjectName]quota, error) {
	all := map[bine.ProjectName]quota{}
	return all, v.each(func(row scanner) error {
		var project bine.ProjectName
		var q quota
		err := row.Scan(&project, &q.steps, &q.milli, &q.memory, &q.gpus, &q.guaranteed, &q.weight)
		all[project] = q
		return err
	}, "SELECT project, steps, cpu_milli, memory, gpu_milli, gpu_guaranteed, weight FROM quotas")
}

// refuse gives an error of kind NoQuota for what will never be granted as
// things stand: no pool of that name, no host or quota that is large enough.
func (t *tx) refuse(r Request) (refused, err error) {
	for _, s := range r.Slots {
		kind, project, name := slotName(s.Name)
		if kind != "pool" {
			continue
		}
		n := 0
		if err := t.row("SELECT COUNT(*) FROM pools WHERE project = ? AND name = ?", project, name).Scan(&n); err != nil {
			return nil, err
		}
		if n == 0 {
			return bine.Errorf(bine.NoQuota, "it asks for slots of pool %s, which project %s does not have: make it with bine pool set %s --slots N", name, project, name), nil
		}
	}
	w := wantOf(r)
	if w.amount == (amount{}) {
		return nil, nil
	}
	p, err := t.picture()
	if err != nil {
		return nil, err
	}
	if p.quotas[r.Owner.Project].exceeds(holding{w.amount, 1}) != "" {
		return bine.Errorf(bine.NoQuota, "it asks for %s, more than the quota of project %s is in all. Ask for less under resources, or have an administrator raise the quota", w.amount, r.Owner.Project), nil
	}
	return p.board.refuse(r), nil
}
