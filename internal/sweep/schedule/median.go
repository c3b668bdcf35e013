package schedule

import (
	"encoding/json"
	"strconv"

	"github.com/bine-ml/bine/internal/sweep/rank"
)

// median is the rule of Vizier (Golovin et al., KDD 2017): a trial is stopped
// when the best that it reached so far is worse than the median of what those that
// ran to their end had on average up to the same resource.
type median struct {
	settings Settings
	ended    int
	averages []rank.Ranking // by interval: of trials that ran to their end
	curves   []*curve       // by trial, while it runs
}

// curve is what a running trial reported.
type curve struct {
	Best     float64   `json:"best"`
	Sum      float64   `json:"sum"`
	Count    int       `json:"count"`
	Averages []float64 `json:"averages"` // up to the end of each interval
}

func newMedian(s Settings) *median { return &median{settings: s} }

func (d *median) Next(fresh int) (Move, bool) {
	if fresh == 0 {
		return Move{}, false
	}
	return Move{To: d.settings.Max, Reason: "a slot is free"}, true
}

func (d *median) Started(trial int, _ Move) {
	for len(d.curves) <= trial {
		d.curves = append(d.curves, nil)
	}
	d.curves[trial] = &curve{}
}

func (d *median) Milestone(trial int) (int64, bool) {
	if trial >= len(d.curves) || d.curves[trial] == nil {
		return 0, false
	}
	return int64(len(d.curves[trial].Averages)+1) * d.settings.Interval, true
}

func (d *median) Report(trial int, at int64, s rank.Score) Verdict {
	c := d.curves[trial]
	if !s.Number() {
		d.curves[trial] = nil
		return Verdict{Stop: true, Reason: "its metric is no number, which is worse than any"}
	}
	c.add(at/d.settings.Interval, s)
	v := d.look(c)
	if v.Stop {
		d.curves[trial] = nil
	}
	return v
}

// add takes a report in, which closes all intervals up to one.
func (c *curve) add(intervals int64, s rank.Score) {
	if c.Count == 0 || s.Value < c.Best {
		c.Best = s.Value
	}
	c.Sum += s.Value
	c.Count++
	for int64(len(c.Averages)) < intervals {
		c.Averages = append(c.Averages, c.Sum/float64(c.Count))
	}
}

// look compares a trial with those that ran to their end.
func (d *median) look(c *curve) Verdict {
	i := len(c.Averages) - 1
	if d.ended <= d.settings.Finished || i < 0 || i >= len(d.averages) || d.averages[i].Len() == 0 {
		return Verdict{Reason: "too few trials have ended to compare with"}
	}
	r := &d.averages[i]
	middle := r.At((r.Len()-1)/2).Value/2 + r.At(r.Len()/2).Value/2
	if c.Best > middle {
		return Verdict{Stop: true, Reason: "its best so far is worse than the median of " + strconv.Itoa(r.Len()) +
			" trials up to " + strconv.FormatInt(int64(i+1)*d.settings.Interval, 10)}
	}
	return Verdict{Reason: "its best so far is not worse than the median of " + strconv.Itoa(r.Len()) + " trials"}
}

func (d *median) Ended(trial int, at int64, s rank.Score) Verdict {
	c := d.curves[trial]
	d.curves[trial] = nil
	switch {
	case s.Class == rank.Failed:
		return Verdict{Reason: "failed: others are not compared with it"}
	case !s.Number():
		return Verdict{Reason: "its metric is no number: others are not compared with it"}
	case at/d.settings.Interval > int64(len(c.Averages)) || c.Count == 0:
		c.add(at/d.settings.Interval, s)
	}
	d.ended++
	for i, average := range c.Averages {
		if i == len(d.averages) {
			d.averages = append(d.averages, rank.Ranking{})
		}
		d.averages[i].Insert(rank.Entry{Score: rank.Score{Value: average}, Trial: trial})
	}
	return Verdict{Reason: "ran to its end"}
}

func (d *median) Forget(trial int) { d.curves[trial] = nil }

func (*median) Dead(int) []int { return nil }
func (*median) Revive()        {}

type medianState struct {
	Ended    int            `json:"ended"`
	Averages []rank.Ranking `json:"averages"`
	Curves   []*curve       `json:"curves"`
}

func (d *median) MarshalJSON() ([]byte, error) {
	return json.Marshal(medianState{Ended: d.ended, Averages: d.averages, Curves: d.curves})
}

func (d *median) UnmarshalJSON(text []byte) error {
	var s medianState
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	d.ended, d.averages, d.curves = s.Ended, s.Averages, s.Curves
	return nil
}
