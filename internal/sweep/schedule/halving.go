package schedule

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/bine-ml/bine/internal/sweep/rank"
)

// halving is synchronous successive halving: all trials of a bracket get
// through a rung before the best of them go on to the next. When no bracket has work
// for a free slot, another one begins.
type halving struct {
	settings Settings
	targets  []int64
	brackets []*cohort
	opened   int
	of       map[int]int // by running trial: number of its bracket
	dropped  []int       // that were not among the best, and are not told of yet
}

// cohort is one bracket.
type cohort struct {
	Number  int          `json:"number"`
	Size    int          `json:"size"` // trials that began or will, n
	Rung    int          `json:"rung"`
	Left    int          `json:"left"`            // still to begin in the lowest rung
	Queue   []int        `json:"queue,omitempty"` // still to go on to this rung
	Running int          `json:"running"`
	Through rank.Ranking `json:"through"` // this rung
}

func (h *halving) Next(fresh int) (Move, bool) {
	promised := 0
	for _, c := range h.brackets {
		if fresh == 0 && c.Left > 0 {
			c.Size -= c.Left
			c.Left = 0
			h.advance(c)
		}
		promised += c.Left
		if m, found := h.move(c); found {
			return m, true
		}
	}
	h.brackets = slices.DeleteFunc(h.brackets, func(c *cohort) bool { return c.Left+len(c.Queue)+c.Running == 0 })
	size := h.settings.Width
	if fresh != Unbounded {
		size = min(size, fresh-promised)
	}
	if size <= 0 {
		return Move{}, false
	}
	c := &cohort{Number: h.opened, Size: size, Left: size}
	h.opened++
	h.brackets = append(h.brackets, c)
	return h.move(c)
}

// move is the next move of a bracket.
func (h *halving) move(c *cohort) (Move, bool) {
	m := Move{Bracket: c.Number, Rung: c.Rung, To: h.targets[c.Rung]}
	switch {
	case len(c.Queue) > 0:
		m.Trial, m.Reason = c.Queue[0], "among the best "+strconv.Itoa(h.best(c, c.Rung))+" of rung "+strconv.Itoa(c.Rung-1)
		return m, true
	case c.Left > 0:
		m.Reason = "a slot is free in bracket " + strconv.Itoa(c.Number)
		return m, true
	}
	return m, false
}

// best is how many trials of a bracket get to a rung: floor(n/eta^k).
func (h *halving) best(c *cohort, rung int) int {
	n := c.Size
	for range rung {
		n /= h.settings.Eta
	}
	return n
}

func (h *halving) Started(trial int, m Move) {
	c := h.bracket(m.Bracket)
	if m.Trial == 0 {
		c.Left--
	} else {
		c.Queue = c.Queue[1:]
	}
	c.Running++
	h.of[trial] = m.Bracket
}

func (h *halving) bracket(number int) *cohort {
	i := slices.IndexFunc(h.brackets, func(c *cohort) bool { return c.Number == number })
	return h.brackets[i]
}

func (*halving) Milestone(int) (int64, bool)               { return 0, false }
func (*halving) Report(int, int64, rank.Score) (v Verdict) { return v }

func (h *halving) Ended(trial int, _ int64, s rank.Score) Verdict {
	c := h.bracket(h.of[trial])
	delete(h.of, trial)
	c.Running--
	c.Through.Insert(rank.Entry{Score: s, Trial: trial})
	v := Verdict{Rung: c.Rung, Waits: s.Number() && c.Rung < len(h.targets)-1,
		Reason: place(c.Through.Position(trial)+1, c.Through.Len(), c.Rung) + " of bracket " + strconv.Itoa(c.Number)}
	h.advance(c)
	return v
}

// advance takes a bracket to the next rung when all are through this one.
func (h *halving) advance(c *cohort) {
	if c.Left+len(c.Queue)+c.Running > 0 {
		return
	}
	most := 0
	if c.Rung < len(h.targets)-1 {
		most = h.best(c, c.Rung+1)
	}
	for i, e := range c.Through.Entries() {
		switch {
		case !e.Number():
		case i < most:
			c.Queue = append(c.Queue, e.Trial)
		case c.Rung < len(h.targets)-1:
			h.dropped = append(h.dropped, e.Trial)
		}
	}
	if len(c.Queue) > 0 {
		c.Rung++
		c.Through = rank.Ranking{}
	}
}

func (h *halving) Forget(trial int) {
	c := h.bracket(h.of[trial])
	delete(h.of, trial)
	c.Running--
	if c.Rung == 0 {
		c.Left++
		return
	}
	h.advance(c)
}

func (h *halving) Dead(int) []int {
	out := h.dropped
	h.dropped = nil
	return out
}

func (*halving) Revive() {}

type halvingState struct {
	Brackets []*cohort   `json:"brackets"`
	Opened   int         `json:"opened"`
	Of       map[int]int `json:"of"`
	Dropped  []int       `json:"dropped,omitempty"`
}

func (h *halving) MarshalJSON() ([]byte, error) {
	return json.Marshal(halvingState{Brackets: h.brackets, Opened: h.opened, Of: h.of, Dropped: h.dropped})
}

func (h *halving) UnmarshalJSON(text []byte) error {
	var s halvingState
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	h.brackets, h.opened, h.of, h.dropped = s.Brackets, s.Opened, map[int]int{}, s.Dropped
	maps.Copy(h.of, s.Of)
	return nil
}
