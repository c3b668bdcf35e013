package sweep

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/bine-ml/bine/internal/sweep/rank"
)

// TrialState says how a trial stands.
type TrialState string

// The states of a trial.
const (
	TrialAdded    TrialState = "added"    // by hand, and has not begun
	TrialRunning  TrialState = "running"  //
	TrialStopping TrialState = "stopping" // was told to stop
	TrialQueued   TrialState = "queued"   // its job was interrupted; it goes on with the next free slot
	TrialWaiting  TrialState = "waiting"  // at a rung
	TrialThrough  TrialState = "through"  // all the way
	TrialStopped  TrialState = "stopped"
	TrialFailed   TrialState = "failed"
	TrialInvalid  TrialState = "invalid" // and replaced
)

// Trial is a configuration and what became of it.
type Trial struct {
	Number    int               `json:"number"`
	State     TrialState        `json:"state"`
	Config    json.RawMessage   `json:"config"`
	Point     []float64         `json:"point"`
	ByHand    bool              `json:"by_hand,omitempty"`
	Job       int               `json:"job"` // the latest; 0 before the first
	Bracket   int               `json:"bracket,omitempty"`
	Rung      int               `json:"rung,omitempty"` // towards which it runs, or at which it waits
	To        int64             `json:"to,omitempty"`
	Reached   int64             `json:"reached,omitempty"` // resource of its latest checkpoint; 0 where it has none
	At        int64             `json:"at,omitempty"`      // resource of Metrics
	Metrics   map[string]Number `json:"metrics,omitempty"` // the latest
	Discarded bool              `json:"discarded,omitempty"`
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// keeps says whether the bounds of a metric are kept; what is missing or no
// number keeps none.
func (m Metric) keeps(metrics map[string]Number) bool {
	if m.AtMost == nil && m.AtLeast == nil {
		return true
	}
	n, found := metrics[m.Name]
	x := float64(n)
	return found && finite(x) && (m.AtMost == nil || x <= *m.AtMost) && (m.AtLeast == nil || x >= *m.AtLeast)
}

// reaches says whether a value of the metric is as good as its target.
func (m Metric) reaches(metrics map[string]Number) bool {
	n, found := metrics[m.Name]
	if m.Target == nil || !found || !finite(float64(n)) {
		return false
	}
	if m.Goal == Maximize {
		return float64(n) >= *m.Target
	}
	return float64(n) <= *m.Target
}

// better says whether a is better than b, by the goal.
func (m Metric) better(a, b Number) bool {
	if m.Goal == Maximize {
		return a > b
	}
	return a < b
}

// Trials gives all trials by number. They belong to the engine.
func (e *Engine) Trials() []*Trial { return e.state.Trials }

// furthest lists the trials that used the greatest resource of all that have
// metrics, and can be compared therefore.
func (e *Engine) furthest() (out []*Trial) {
	most := int64(-1)
	for _, t := range e.state.Trials {
		if t.Metrics == nil || t.State == TrialFailed || t.State == TrialInvalid {
			continue
		}
		if t.At > most {
			most, out = t.At, nil
		}
		if t.At == most {
			out = append(out, t)
		}
	}
	return out
}

// Best gives the best trial of those that used the greatest resource, or none.
// One that breaks a bound is the best only if all do.
func (e *Engine) Best() *Trial {
	if len(e.settings.Metrics) == 0 {
		return nil
	}
	var best *Trial
	var most rank.Score
	for _, t := range e.furthest() {
		s := e.score(t.Metrics)
		if s.Number() && (best == nil || s.Compare(most) < 0) {
			best, most = t, s
		}
	}
	return best
}

// Front gives the Pareto front of those that used the greatest resource, by
// number: the trials than which no other is better in one metric and not worse in any.
// Those that break a bound, or lack a number, are not on it.
func (e *Engine) Front() []*Trial {
	all := slices.DeleteFunc(e.furthest(), func(t *Trial) bool {
		return slices.ContainsFunc(e.settings.Metrics, func(m Metric) bool {
			n, found := t.Metrics[m.Name]
			return !found || !finite(float64(n)) || !m.keeps(t.Metrics)
		})
	})
	return slices.DeleteFunc(slices.Clone(all), func(t *Trial) bool {
		return slices.ContainsFunc(all, func(o *Trial) bool { return e.dominates(o, t) })
	})
}

func (e *Engine) dominates(a, b *Trial) bool {
	better := false
	for _, m := range e.settings.Metrics {
		if m.better(b.Metrics[m.Name], a.Metrics[m.Name]) {
			return false
		}
		better = better || m.better(a.Metrics[m.Name], b.Metrics[m.Name])
	}
	return better
}
