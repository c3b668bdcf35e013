package schedule

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep/rank"
)

// ladder is one bracket of ASHA by promotion. For a free slot it looks for
// a trial to promote from the highest rung down; if there is none, a new one
// begins in the lowest.
type ladder struct {
	targets []int64
	rungs   []rank.Ranking // who got through each
	running []int          // towards each
}

func newLadder(targets []int64) *ladder {
	return &ladder{targets: targets, rungs: make([]rank.Ranking, len(targets)), running: make([]int, len(targets))}
}

// promotable gives the best trial of a rung that may go on.
func (l *ladder) promotable(k, eta int) (Move, bool) {
	r := &l.rungs[k]
	most := r.Len() / eta
	if most == 0 {
		return Move{}, false
	}
	best, better, found := r.Best()
	if !found || better >= most {
		return Move{}, false
	}
	return Move{Trial: best.Trial, Rung: k + 1, To: l.targets[k+1],
		Reason: place(better+1, r.Len(), k) + ", of which the best " + strconv.Itoa(most) + " go on"}, true
}

// bottom is the move of a new trial.
func (l *ladder) bottom() Move {
	return Move{To: l.targets[0], Reason: "a slot is free and no trial can be promoted"}
}

// ended ranks a trial that got through a rung or failed on the way to it.
func (l *ladder) ended(trial, k int, s rank.Score, eta int) Verdict {
	l.running[k]--
	top := k == len(l.rungs)-1
	e := rank.Entry{Score: s, Trial: trial}
	if s.Number() && !top {
		e.State = rank.Waiting
	}
	r := &l.rungs[k]
	r.Insert(e)
	v := Verdict{Rung: k, Waits: e.State == rank.Waiting, Reason: place(r.Position(trial)+1, r.Len(), k)}
	switch {
	case s.Class == rank.Failed:
		v.Reason = "failed, which counts as the worst: " + v.Reason
	case s.Class == rank.NoNumber:
		v.Reason = "its metric is no number, which is worse than any: " + v.Reason
	case top:
		v.Reason = "through the last rung: " + v.Reason
	case r.Len() < eta:
		v.Reason += ", which are too few to compare"
	default:
		v.Reason += ", of which the best " + strconv.Itoa(r.Len()/eta) + " go on"
	}
	return v
}

// dead finds those that wait at a rung and can't be among its best any more,
// however good those are that still come. most is the greatest number of trials
// that can ever get through a rung: those that are, those on the way, and those that
// may be promoted from the rung below.
func (l *ladder) dead(fresh, eta int) (out []int) {
	most := l.rungs[0].Len() + l.running[0] + fresh
	for k := range len(l.rungs) - 1 {
		r := &l.rungs[k]
		onward := most / eta
		for e, better, found := r.Worst(); found && better >= onward; e, better, found = r.Worst() {
			r.Set(e.Trial, rank.Discarded)
			out = append(out, e.Trial)
		}
		promoted := r.WaitingWithin(onward) + most - r.Len()
		most = l.rungs[k+1].Len() + l.running[k+1] + promoted
	}
	return out
}

func (l *ladder) revive() {
	for k := range l.rungs {
		for _, e := range l.rungs[k].Entries() {
			if e.State == rank.Discarded {
				l.rungs[k].Set(e.Trial, rank.Waiting)
			}
		}
	}
}

// place says how a trial stands: "2nd of 7 in rung 0".
func place(at, of, rung int) string {
	b := make([]byte, 0, 48)
	b = strconv.AppendInt(b, int64(at), 10)
	b = append(b, ordinal(at)...)
	b = append(b, " of "...)
	b = strconv.AppendInt(b, int64(of), 10)
	b = append(b, " in rung "...)
	return string(strconv.AppendInt(b, int64(rung), 10))
}

func ordinal(n int) string {
	if n%100/10 == 1 {
		return "th"
	}
	switch n % 10 {
	case 1:
		return "st"
	case 2:
		return "nd"
	case 3:
		return "rd"
	}
	return "th"
}

// brackets is ASHA with one or several ladders. A new trial begins in the
// bracket that has the fewest for its weight, which is the number of trials that
// Hyperband gives it (Li et al., Hyperband, JMLR 2018).
type brackets struct {
	settings Settings
	weights  []int
	ladders  []*ladder
	begun    []int // new trials of each
	of       []int // by trial: its bracket, -1 where it has none
	rung     []int // by trial: towards which it runs, -1 when it does not
}

func newBrackets(s Settings) *brackets {
	b := &brackets{settings: s}
	all := s.steps() + 1
	last := all
	if s.Brackets > 0 {
		last = s.Skip + s.Brackets
	}
	for skip := s.Skip; skip < last; skip++ {
		b.ladders = append(b.ladders, newLadder(s.rungs(skip)))
		weight := 1
		for range all - 1 - skip {
			weight *= s.Eta
		}
		b.weights = append(b.weights, (all*weight+all-skip-1)/(all-skip))
	}
	b.begun = make([]int, len(b.ladders))
	return b
}

func (b *brackets) Next(fresh int) (Move, bool) {
	if m, found := b.promotable(); found {
		return m, true
	}
	if fresh == 0 {
		return Move{}, false
	}
	at := b.lightest()
	m := b.ladders[at].bottom()
	m.Bracket = at
	return m, true
}

// promotable looks at the rungs from the highest resource down.
func (b *brackets) promotable() (Move, bool) {
	highest := len(b.ladders[0].rungs) - 2
	for k := highest; k >= 0; k-- {
		for i, l := range b.ladders { // bracket i lacks the lowest i rungs
			if k-i < 0 {
				break
			}
			if m, found := l.promotable(k-i, b.settings.Eta); found {
				m.Bracket = i
				return m, true
			}
		}
	}
	return Move{}, false
}

// lightest is the bracket with the fewest trials for its weight, the first of equals.
func (b *brackets) lightest() int {
	best := 0
	for i := range b.ladders {
		if b.begun[i]*b.weights[best] < b.begun[best]*b.weights[i] {
			best = i
		}
	}
	return best
}

func (b *brackets) Started(trial int, m Move) {
	for len(b.rung) <= trial {
		b.rung, b.of = append(b.rung, -1), append(b.of, -1)
	}
	l := b.ladders[m.Bracket]
	if m.Trial == 0 {
		b.begun[m.Bracket]++
	} else {
		l.rungs[m.Rung-1].Set(trial, rank.Gone)
	}
	b.of[trial], b.rung[trial] = m.Bracket, m.Rung
	l.running[m.Rung]++
}

func (b *brackets) Milestone(int) (int64, bool) { return 0, false }

func (b *brackets) Report(trial int, _ int64, _ rank.Score) Verdict {
	return Verdict{Rung: b.rung[trial]}
}

func (b *brackets) Ended(trial int, _ int64, s rank.Score) Verdict {
	k := b.rung[trial]
	b.rung[trial] = -1
	return b.ladders[b.of[trial]].ended(trial, k, s, b.settings.Eta)
}

func (b *brackets) Forget(trial int) {
	at, k := b.of[trial], b.rung[trial]
	b.ladders[at].running[k]--
	for i := range k {
		b.ladders[at].rungs[i].Remove(trial)
	}
	b.begun[at]--
	b.of[trial], b.rung[trial] = -1, -1
}

func (b *brackets) Dead(fresh int) (out []int) {
	if fresh == Unbounded {
		return nil
	}
	for _, l := range b.ladders {
		out = append(out, l.dead(fresh, b.settings.Eta)...)
	}
	slices.Sort(out)
	return out
}

func (b *brackets) Revive() {
	for _, l := range b.ladders {
		l.revive()
	}
}

type bracketsState struct {
	Rungs   [][]rank.Ranking `json:"rungs"`
	Running [][]int          `json:"running"`
	Begun   []int            `json:"begun"`
	Of      []int            `json:"of"`
	Rung    []int            `json:"rung"`
}

func (b *brackets) MarshalJSON() ([]byte, error) {
	s := bracketsState{Begun: b.begun, Of: b.of, Rung: b.rung}
	for _, l := range b.ladders {
		s.Rungs, s.Running = append(s.Rungs, l.rungs), append(s.Running, l.running)
	}
	return json.Marshal(s)
}

func (b *brackets) UnmarshalJSON(text []byte) error {
	var s bracketsState
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	if len(s.Rungs) != len(b.ladders) || len(s.Running) != len(b.ladders) || len(s.Of) != len(s.Rung) {
		return bine.Errorf(bine.Invalid, "the state is of a scheduler with other settings")
	}
	for i, l := range b.ladders {
		if len(s.Rungs[i]) != len(l.rungs) || len(s.Running[i]) != len(l.rungs) {
			return bine.Errorf(bine.Invalid, "the state is of a scheduler with other settings")
		}
		l.rungs, l.running = s.Rungs[i], s.Running[i]
	}
	b.begun, b.of, b.rung = s.Begun, s.Of, s.Rung
	return nil
}
