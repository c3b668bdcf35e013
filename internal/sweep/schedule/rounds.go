package schedule

import (
	"encoding/json"
	"strconv"

	"github.com/bine-ml/bine/internal/sweep/rank"
)

// rounds lets every trial run to the end: one for each free slot, or, with a
// width, as many as that and no other until all of them have ended. The latter is what
// bulk-synchronous frameworks do, and is here to compare with.
type rounds struct {
	settings Settings
	state    roundsState
}

type roundsState struct {
	Round   int `json:"round"`
	Left    int `json:"left"` // still to begin in this round
	Running int `json:"running"`
}

func (r *rounds) Next(fresh int) (Move, bool) {
	s := &r.state
	switch {
	case fresh == 0:
		return Move{}, false
	case r.settings.Kind == None:
		return Move{To: r.settings.Max, Reason: "a slot is free"}, true
	case s.Left == 0 && s.Running > 0:
		return Move{}, false
	case s.Left == 0:
		s.Round++
		s.Left = r.settings.Width
	}
	return Move{To: r.settings.Max, Reason: "begins in round " + strconv.Itoa(s.Round)}, true
}

func (r *rounds) Started(int, Move) {
	r.state.Running++
	r.state.Left = max(r.state.Left-1, 0)
}

func (*rounds) Milestone(int) (int64, bool)               { return 0, false }
func (*rounds) Report(int, int64, rank.Score) (v Verdict) { return v }

func (r *rounds) Ended(_ int, _ int64, s rank.Score) Verdict {
	r.state.Running--
	if s.Class == rank.Failed {
		return Verdict{Reason: "failed"}
	}
	return Verdict{Reason: "ran to its end"}
}

func (r *rounds) Forget(int) {
	r.state.Running--
	if r.settings.Kind == Rounds {
		r.state.Left++
	}
}

func (*rounds) Dead(int) []int { return nil }
func (*rounds) Revive()        {}

func (r *rounds) MarshalJSON() ([]byte, error)    { return json.Marshal(r.state) }
func (r *rounds) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &r.state) }
