package lease

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/gpu/queue"
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
	had     int64 // cores that it had on average lately, in thousandths
	turn    int64 // when it was last given a host while others waited; 0 is never
	head    *entry
	behind  bool // the first could not be placed: head stands behind it
	tries   int  // of those behind
}

// mostBehind bounds how many behind the first of a project are looked at in
// one change: each fits by its numbers, but may fit on no single host.
const mostBehind = 64

// mostRounds bounds how often the two lines for hosts are gone through in one
// change: what one of them lets go may be of use to the other.
const mostRounds = 3

// walk grants what can be to those that wait for hosts, and writes it down: to
// those that ask for accelerators as a plan says, see plan, and to the others
// as walkHosts does. With only, just that one may be granted, and else is told
// the reason: others have what they can have.
func (t *tx) walk(only *entry) (grants []Grant, reason string, err error) {
	heads, err := t.heads()
	if err != nil || len(heads) == 0 && only == nil {
		if err == nil && only == nil {
			t.reserve(nil)
		}
		return nil, "", err
	}
	p, err := t.picture()
	if err != nil {
		return nil, "", err
	}
	defer p.board.settle()
	p.keep(t.reserved)
	if only != nil {
		return t.walkFor(p, heads, only)
	}
	for range mostRounds {
		more, _, err := t.walkDevices(p, heads, nil)
		if err != nil {
			return nil, "", err
		}
		others, err := t.walkHosts(p, heads, nil)
		p.board.settle()
		if err != nil {
			return nil, "", err
		}
		grants = append(append(grants, more...), others...)
		if len(others) == 0 {
			break
		}
		if heads, err = t.heads(); err != nil {
			return nil, "", err
		}
	}
	return grants, "", nil
}

// walkFor grants what can be to one, or says what it waits for.
func (t *tx) walkFor(p *picture, heads []*entry, only *entry) (grants []Grant, reason string, err error) {
	why := ""
	if only.gpus > 0 {
		grants, why, err = t.walkDevices(p, heads, only)
	} else {
		grants, err = t.walkHosts(p, heads, only)
	}
	if err == nil && only.Host == "" {
		reason = p.reason(only.project, only.want, why, only.Attempt, t.reserved)
	}
	return grants, reason, err
}

// walkDevices grants what can be to those that wait for accelerators. One that
// is alone gets what is free without further thought.
func (t *tx) walkDevices(p *picture, heads []*entry, only *entry) (grants []Grant, why string, err error) {
	someone := only != nil
	alone := only != nil && t.reserved == nil && !p.celled()
	for _, e := range heads {
		someone = someone || e.gpus > 0
		alone = alone && e.Attempt == only.Attempt
	}
	if !someone {
		t.reserve(nil)
		p.keep(nil)
		return nil, "", nil
	}
	if alone && p.quotas[only.project].exceeds(p.held[only.project].plus(only.amount, 1)) == "" {
		if spots := p.board.placeDevices(only.want); spots != nil {
			only.grant(p.board.try(spots))
			t.give(p, only)
			return []Grant{only.Grant}, "", nil
		}
	}
	if only != nil && t.behind(p, only) {
		return nil, queue.Full, nil
	}
	return t.plan(p, heads, only)
}

// behind says whether one who asks has to wait whatever a plan would say: what it
// asks for is free nowhere, a place is kept for another, and nobody would make room.
func (t *tx) behind(p *picture, e *entry) bool {
	if t.reserved == nil || t.reserved.Attempt == e.Attempt || p.runs == nil {
		return false
	}
	q := p.quotas[e.project]
	for _, r := range p.runs {
		if r.Task.Request.Preemptible && (q.guaranteed > 0 || len(q.cells) > 0 || r.Project == string(e.project)) {
			return false
		}
	}
	return p.board.placeDevices(e.want) == nil
}

// celled reports whether a project has cells.
func (p *picture) celled() bool {
	for _, q := range p.quotas {
		if len(q.cells) > 0 {
			return true
		}
	}
	return false
}

// walkHosts puts those that wait for cores and memory alone to the board: of
// each project the first, then those behind where that delays nobody; the
// project that has the least, and had it lately, goes first.
func (t *tx) walkHosts(p *picture, heads []*entry, only *entry) (grants []Grant, err error) {
	lines := linesOf(heads, only)
	if len(lines) == 0 {
		return nil, nil
	}
	if err := t.prepare(p, lines); err != nil {
		return nil, err
	}
	all := p.board.total()
	for l := foremost(lines, all); l != nil && !p.board.full(); l = foremost(lines, all) {
		e := l.head
		if l.quota.exceeds(l.held.plus(e.amount, 1)) != "" {
			l.head = nil // nobody of the project goes before
			continue
		}
		spots, placed := p.board.place(e.want, t.ends(e), !l.behind)
		if placed && (only == nil || e == only) {
			e.grant(spots)
			t.give(p, e)
			grants = append(grants, e.Grant)
			if err := t.had(l, lines); err != nil {
				return nil, err
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
				return nil, err
			}
		}
		if err := t.next(l, p.board, only); err != nil {
			return nil, err
		}
	}
	return grants, nil
}

// ends is when who is granted something now gives back at the latest; 0 is not known.
func (t *tx) ends(e *entry) int64 {
	if e.lasts == 0 {
		return 0
	}
	return t.now + e.lasts
}

// prepare fills in what the order of lines depends on.
func (t *tx) prepare(p *picture, lines []*line) error {
	turns, err := t.turns(lines)
	if err != nil {
		return err
	}
	var used map[bine.ProjectName]usage
	if len(lines) > 1 {
		if used, err = t.used(t.meter, p.amounts(), t.now); err != nil {
			return err
		}
	}
	for _, l := range lines {
		l.held, l.quota, l.turn = p.held[l.project], p.quotas[l.project], turns[l.project]
		l.had = int64(used[l.project].cpu / t.meter.halfLife.Seconds() * 1000)
	}
	return nil
}

// reason says what one waits for that waits for a host, with what a plan said of it.
func (p *picture) reason(project bine.ProjectName, w want, why string, id bine.AttemptID, kept *reservation) string {
	if over := p.quotas[project].exceeds(p.held[project].plus(w.amount, 1)); over != "" {
		return over
	}
	if w.gpus == 0 {
		return p.board.reason(w)
	}
	if kept != nil && kept.Attempt == id {
		why = promisedAt(kept)
	}
	return p.board.reasonForDevices(w, why)
}

// linesOf gives the first of each project who waits for cores alone, with e where
// it is not written down yet. None wait: none are given.
func linesOf(heads []*entry, e *entry) []*line {
	var lines []*line
	for _, head := range heads {
		if head.gpus == 0 {
			lines = append(lines, &line{project: head.project, head: head})
		}
	}
	if e == nil {
		return lines
	}
	for _, l := range lines {
		if l.project == e.project {
			if l.head.Attempt == e.Attempt || e.before(l.head) {
				l.head = e
			}
			return lines
		}
	}
	return append(lines, &line{project: e.project, head: e})
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
	where, args := "l.host = '' AND l.line = '' AND l.kind = 0 AND l.project = ? AND l.priority >= ? AND (l.priority > ? OR l.place > ?)", []any{l.project, was.priority, was.priority, was.place}
	if l.behind {
		bound, some := b.bound()
		if l.tries++; !some || l.tries > mostBehind {
			return nil
		}
		where += " AND l.cpu_milli <= ? AND l.memory <= ?"
		args = append(args, bound.milli, bound.memory)
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

// foremost is the line that goes next: of the project that holds the least for
// its weight, and has had lately; of those the one whose last turn is longest
// ago, then the one that has asked first.
func foremost(lines []*line, all amount) *line {
	waiting := slices.DeleteFunc(slices.Clone(lines), func(l *line) bool { return l.head == nil })
	if len(waiting) == 0 {
		return nil
	}
	return slices.MinFunc(waiting, func(a, b *line) int {
		return cmp.Or(cmp.Compare(a.share(all), b.share(all)), cmp.Compare(a.turn, b.turn), cmp.Compare(a.head.place, b.head.place))
	})
}

// share is the dominant share of what there is that a project holds, and the
// share of all cores that it has had on average lately, for its weight. What it
// has had counts in thousandths of all there is, so that turns decide between
// projects that have had about as much.
func (l *line) share(all amount) float64 {
	weight := l.quota.weight
	if weight <= 0 {
		weight = 1
	}
	return (max(part(l.held.milli, all.milli), part(l.held.memory, all.memory), part(l.held.gpus, all.gpus)) + math.Floor(1000*part(l.had, all.milli))/1000) / weight
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
	cells            []bine.CellQuota
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
		var cells text[[]bine.CellQuota]
		err := row.Scan(&project, &q.steps, &q.milli, &q.memory, &q.gpus, &q.guaranteed, &q.weight, &cells)
		q.cells = cells.V
		all[project] = q
		return err
	}, "SELECT project, steps, cpu_milli, memory, gpu_milli, gpu_guaranteed, weight, cells FROM quotas")
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
