package sim

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep"
	"github.com/bine-ml/bine/internal/sweep/sample"
	"github.com/bine-ml/bine/internal/sweep/schedule"
)

// Preview is what a sweep will come to, if trials reach what chance gives
// them, are equally fast and none fails. Resources are in the unit of the sweep.
type Preview struct {
	Trials  int               `json:"trials" doc:"configurations that begin"`
	Jobs    int               `json:"jobs" doc:"processes that run"`
	Rungs   []PreviewRung     `json:"rungs"`
	Units   int64             `json:"units" doc:"resource that all of them use"`
	All     int64             `json:"all" doc:"resource if all went to the end"`
	Span    float64           `json:"span" doc:"how long it takes, in units of the resource"`
	First   float64           `json:"first" doc:"when the first trial is through, in units of the resource; 0 if none is"`
	Reason  string            `json:"reason" doc:"why it is over"`
	Configs []json.RawMessage `json:"configs" doc:"the first configurations"`
}

// PreviewRung is how many trials get as far as a resource and pause or end there.
type PreviewRung struct {
	Bracket int   `json:"bracket"`
	To      int64 `json:"to"`
	Trials  int   `json:"trials"`
}

// maxPreview is how many trials are looked ahead at most.
const maxPreview = 100_000

// Look runs the engine of a sweep through simulated time. ends is the resource that a
// trial uses which nobody ends; shown is how many configurations are given.
func Look(s sweep.Settings, ends int64, shown int) (Preview, error) {
	if s.Trials == 0 && s.Budget == 0 && s.Sampler != sample.Grid {
		return Preview{}, bine.Errorf(bine.Invalid, "the sweep may begin any number of trials: give it a run_cap")
	}
	if s.Trials > maxPreview {
		return Preview{}, bine.Errorf(bine.Invalid, "%d trials are looked ahead at most, not %d", maxPreview, s.Trials)
	}
	switch s.Sampler {
	case sample.TPE, sample.CMAES, sample.Bayes:
		s.Sampler = sample.Random // there is nothing to learn from chance
	}
	s.Metrics = slices.Clone(s.Metrics)
	for i := range s.Metrics {
		s.Metrics[i].Target, s.Metrics[i].AtMost, s.Metrics[i].AtLeast = nil, nil, nil
	}
	e, err := sweep.New(s)
	if err != nil {
		return Preview{}, err
	}
	l := looking{Preview: Preview{Rungs: []PreviewRung{}}, engine: e, parted: s.Schedule.Kind == schedule.Brackets, ends: max(ends, s.Schedule.Max, 1), used: map[int]int64{}, jobs: map[int]sweep.Decision{}}
	span, err := Run(e, World{Ends: l.ends, Seen: l.seen,
		Takes:   func(d sweep.Decision) float64 { return float64(d.To - d.From) },
		Reaches: func(t *sweep.Trial, _ int64) map[string]sweep.Number { return chance(s, t) },
	})
	if err != nil {
		return Preview{}, err
	}
	return l.result(span, shown), nil
}

// chance gives metrics that follow from a trial's number alone.
func chance(s sweep.Settings, t *sweep.Trial) map[string]sweep.Number {
	out := make(map[string]sweep.Number, len(s.Metrics))
	for i, m := range s.Metrics {
		x := (uint64(t.Number)*2 + uint64(i) + s.Seed) * 0x9e3779b97f4a7c15
		x = (x ^ x>>32) * 0xd6e8feb86659fd93
		out[m.Name] = sweep.Number(float64((x^x>>32)>>11) / (1 << 53))
	}
	return out
}

// looking adds up what is seen.
type looking struct {
	Preview
	engine *sweep.Engine
	parted bool // brackets are told apart
	ends   int64
	jobs   map[int]sweep.Decision // that run, by trial
	used   map[int]int64
}

func (l *looking) seen(now float64, v sweep.Event, out []sweep.Decision) {
	d, runs := l.jobs[v.Trial]
	switch v.Kind {
	case sweep.Report:
		l.used[v.Trial] = v.At
	case sweep.Done:
		l.Units += v.At - d.From
		if v.At >= l.ends && l.First == 0 {
			l.First = now
		}
		l.pass(d, v.At)
	case sweep.Stopped:
		l.Units += max(l.used[v.Trial]-d.From, 0)
		l.pass(d, l.used[v.Trial])
	}
	if runs && v.Kind != sweep.Report {
		delete(l.jobs, v.Trial)
	}
	for _, d := range out {
		if d.Kind == sweep.Run {
			l.Jobs++
			l.jobs[d.Trial] = d
		}
	}
}

// pass counts a trial at the rung that it got through last.
func (l *looking) pass(d sweep.Decision, to int64) {
	bracket := d.Bracket
	if !l.parted {
		bracket = 0
	}
	for i := range l.Rungs {
		if r := &l.Rungs[i]; r.Bracket == bracket && r.To == to {
			r.Trials++
			return
		}
	}
	l.Rungs = append(l.Rungs, PreviewRung{Bracket: bracket, To: to, Trials: 1})
}

func (l *looking) result(span float64, shown int) Preview {
	p := l.Preview
	trials := l.engine.Trials()
	p.Trials, p.Span = len(trials), span
	p.All = int64(len(trials)) * l.ends
	p.Reason, _ = l.engine.Over()
	slices.SortFunc(p.Rungs, func(a, b PreviewRung) int { return cmp.Or(cmp.Compare(a.Bracket, b.Bracket), cmp.Compare(a.To, b.To)) })
	for _, t := range trials[:min(shown, len(trials))] {
		p.Configs = append(p.Configs, t.Config)
	}
	return p
}
