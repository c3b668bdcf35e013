package sample

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// history is what samplers remember that learn.
type history struct {
	Seen    []Observation     `json:"seen"`
	Running map[int][]float64 `json:"running"` // points of trials that have no observation yet
}

func (h *history) Began(trial int, u []float64) {
	if h.Running == nil {
		h.Running = map[int][]float64{}
	}
	h.Running[trial] = u
}

func (h *history) Tell(o Observation) {
	delete(h.Running, o.Trial)
	h.Seen = append(h.Seen, o)
}

func (h *history) Forget(trial int) {
	delete(h.Running, trial)
	h.Seen = slices.DeleteFunc(h.Seen, func(o Observation) bool { return o.Trial == trial })
}

func (h *history) MarshalJSON() ([]byte, error) {
	type plain history
	return json.Marshal((*plain)(h))
}

func (h *history) UnmarshalJSON(text []byte) error {
	type plain history
	return json.Unmarshal(text, (*plain)(h))
}

// fit gives the observations to learn from, the best first: those at the
// greatest resource that at least enough trials used, as in BOHB (Falkner, Klein, Hutter, ICML
// 2018); failed trials count at each resource. Of more than most, the best half and the
// latest of the rest are kept. There are none where too few were seen.
func (h *history) fit(enough, most int) []Observation {
	counts := map[int64]int{}
	failed := 0
	for _, o := range h.Seen {
		if o.Score.Number() {
			counts[o.At]++
		} else {
			failed++
		}
	}
	resources := slices.SortedFunc(maps.Keys(counts), func(a, b int64) int { return cmp.Compare(b, a) })
	i := slices.IndexFunc(resources, func(at int64) bool { return counts[at]+failed >= enough && counts[at] > 1 })
	if i < 0 {
		return nil
	}
	fit := slices.DeleteFunc(slices.Clone(h.Seen), func(o Observation) bool { return o.Score.Number() && o.At != resources[i] })
	slices.SortStableFunc(fit, func(a, b Observation) int {
		return cmp.Or(a.Score.Compare(b.Score), cmp.Compare(a.Trial, b.Trial))
	})
	if len(fit) <= most {
		return fit
	}
	rest := slices.Clone(fit[most/2:])
	slices.SortStableFunc(rest, func(a, b Observation) int { return cmp.Compare(b.Trial, a.Trial) })
	rest = rest[:most-most/2]
	slices.SortStableFunc(rest, func(a, b Observation) int {
		return cmp.Or(a.Score.Compare(b.Score), cmp.Compare(a.Trial, b.Trial))
	})
	return append(fit[:most/2:most/2], rest...)
}

// pending gives the points of running trials, the oldest first.
func (h *history) pending() [][]float64 {
	var out [][]float64
	for _, trial := range slices.Sorted(maps.Keys(h.Running)) {
		out = append(out, h.Running[trial])
	}
	return out
}
