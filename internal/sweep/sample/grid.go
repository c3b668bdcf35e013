package sample

import (
	"encoding/json"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/sweep/space"
)

// grid goes through all combinations of values, the last parameter fastest.
// One that differs from another only in parameters that do not exist, or that
// breaks a constraint, is left out.
type grid struct {
	deaf
	space *space.Space
	parts []int
	total int
	next  int
}

// maxGrid is the most combinations that a grid may have.
const maxGrid = 1 << 30

func newGrid(s *space.Space) (*grid, error) {
	g := &grid{space: s, total: 1}
	for i := range s.Params {
		p := &s.Params[i]
		n := p.Parts()
		if n == 0 {
			return nil, bine.Errorf(bine.Invalid, "a grid can't go through all values of %s, which is %s: give it values, int_uniform or a step q", p.Name(), p.Dist)
		}
		if g.total *= n; g.total > maxGrid {
			return nil, bine.Errorf(bine.Invalid, "the grid has more than %d combinations", maxGrid)
		}
		g.parts = append(g.parts, n)
	}
	return g, nil
}

func (g *grid) Draw(uint64) ([]float64, bool) {
	for g.next < g.total {
		u := g.at(g.next)
		places := g.places(g.next)
		g.next++
		if !g.space.Conditional() {
			return u, true
		}
		_, ok, err := g.space.Point(u)
		if err != nil || !ok {
			continue
		}
		twin := false
		for i := range u {
			twin = twin || (u[i] == space.Absent && places[i] > 0)
		}
		if !twin {
			return u, true
		}
	}
	return nil, false
}

// places takes a number apart into the places of the values.
func (g *grid) places(n int) []int {
	out := make([]int, len(g.parts))
	for i := len(g.parts) - 1; i >= 0; i-- {
		out[i] = n % g.parts[i]
		n /= g.parts[i]
	}
	return out
}

func (g *grid) at(n int) []float64 {
	u := make([]float64, len(g.parts))
	for i, place := range g.places(n) {
		u[i] = g.space.Params[i].Middle(place)
	}
	return u
}

type nextState struct {
	Next int `json:"next"`
}

func (g *grid) MarshalJSON() ([]byte, error) { return json.Marshal(nextState{g.next}) }

func (g *grid) UnmarshalJSON(text []byte) error {
	var s nextState
	err := json.Unmarshal(text, &s)
	g.next = s.Next
	return err
}

// Size counts the combinations of a grid, without those that are left out. It
// takes time that grows with them where there are conditions.
func Size(s *space.Space) (int, error) {
	g, err := newGrid(s)
	if err != nil {
		return 0, err
	}
	if !s.Conditional() {
		return g.total, nil
	}
	n := 0
	for _, ok := g.Draw(0); ok; _, ok = g.Draw(0) {
		n++
	}
	return n, nil
}
