package schedule

import (
	"encoding/json"
	"strconv"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep/rank"
)

// stopping is ASHA for trials that can't be continued later: each runs on until
// it passes a rung where it is not among the best, and is then stopped for
// good. The first eta-1 trials at a rung go on whatever they reached, unless it is strict.
// What a trial reached counts among those that it is compared with.
type stopping struct {
	settings Settings
	targets  []int64
	rungs    []rank.Ranking
	next     []int // by trial: the rung that it comes to next, -1 when it does not run
}

func newStopping(s Settings) *stopping {
	targets := s.rungs(s.Skip)
	return &stopping{settings: s, targets: targets, rungs: make([]rank.Ranking, len(targets))}
}

func (p *stopping) Next(fresh int) (Move, bool) {
	if fresh == 0 {
		return Move{}, false
	}
	return Move{To: p.settings.Max, Reason: "a slot is free"}, true
}

func (p *stopping) Started(trial int, _ Move) {
	for len(p.next) <= trial {
		p.next = append(p.next, -1)
	}
	p.next[trial] = 0
}

func (p *stopping) Milestone(trial int) (int64, bool) {
	if trial >= len(p.next) || p.next[trial] < 0 || p.next[trial] >= len(p.targets) {
		return 0, false
	}
	return p.targets[p.next[trial]], true
}

func (p *stopping) Report(trial int, at int64, s rank.Score) Verdict {
	v := Verdict{Rung: p.next[trial]}
	for {
		target, more := p.Milestone(trial)
		if !more || at < target {
			return v
		}
		if v = p.pass(trial, s); v.Stop {
			p.next[trial] = -1
			return v
		}
	}
}

// pass ranks a trial in the rung that it came to.
func (p *stopping) pass(trial int, s rank.Score) Verdict {
	k := p.next[trial]
	r := &p.rungs[k]
	r.Insert(rank.Entry{Score: s, Trial: trial})
	p.next[trial]++
	better, n := r.Position(trial), r.Len()
	v := Verdict{Rung: k, Reason: place(better+1, n, k)}
	most := n / p.settings.Eta
	switch {
	case !s.Number():
		v.Stop, v.Reason = true, "its metric is no number, which is worse than any: "+v.Reason
	case most == 0 && p.settings.Strict:
		v.Stop = better > 0
		v.Reason += ", where only the best so far goes on"
	case most == 0:
		v.Reason += ", where the first " + strconv.Itoa(p.settings.Eta-1) + " go on"
	default:
		v.Stop = better >= most
		v.Reason += ", of which the best " + strconv.Itoa(most) + " go on"
	}
	return v
}

func (p *stopping) Ended(trial int, at int64, s rank.Score) Verdict {
	for s.Class != rank.Failed {
		if target, more := p.Milestone(trial); !more || at < target {
			break
		}
		p.pass(trial, s)
	}
	k := p.next[trial]
	p.next[trial] = -1
	if s.Class == rank.Failed && k >= 0 && k < len(p.rungs) {
		p.rungs[k].Insert(rank.Entry{Score: s, Trial: trial})
		return Verdict{Rung: k, Reason: "failed, which counts as the worst: " + place(p.rungs[k].Len(), p.rungs[k].Len(), k)}
	}
	return Verdict{Rung: max(k-1, 0), Reason: "ran to its end"}
}

func (p *stopping) Forget(trial int) {
	for k := range p.rungs {
		p.rungs[k].Remove(trial)
	}
	p.next[trial] = -1
}

func (*stopping) Dead(int) []int { return nil }
func (*stopping) Revive()        {}

type stoppingState struct {
	Rungs []rank.Ranking `json:"rungs"`
	Next  []int          `json:"next"`
}

func (p *stopping) MarshalJSON() ([]byte, error) {
	return json.Marshal(stoppingState{Rungs: p.rungs, Next: p.next})
}

func (p *stopping) UnmarshalJSON(text []byte) error {
	var s stoppingState
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	if len(s.Rungs) != len(p.rungs) {
		return bine.Errorf(bine.Invalid, "the state is of a scheduler with other settings")
	}
	p.rungs, p.next = s.Rungs, s.Next
	return nil
}
