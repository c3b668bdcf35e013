// Package gantt places the steps of a run on an axis of time. Stretches in
// which nothing ran are compressed, and the critical path is marked: the chain
// of steps that the end of the run waited for. It draws nothing: it gives
// positions in percent of the axis, and the pages make SVG of them.
package gantt

import (
	"slices"
	"time"
)

// Span is one step. Asked is when it was ready to begin; a zero Start means
// that it has not begun, a zero End that it still goes on.
type Span struct {
	ID                string
	Needs             []string
	Asked, Start, End time.Time
}

// Row is a placed span. X and Width are its running time, WaitX and WaitWidth
// the time before, all in percent. Idle is true where it never began.
type Row struct {
	ID               string
	X, Width         float64
	WaitX, WaitWidth float64
	Critical         bool
	Idle             bool
	Running          bool
}

// Tick is a mark on the axis: so long after the beginning.
type Tick struct {
	X     float64
	After time.Duration
}

// Gap is a compressed stretch.
type Gap struct {
	X, Width float64
	Length   time.Duration
}

// Chart is what Lay gives, its rows in the order of the spans.
type Chart struct {
	Rows   []Row
	Ticks  []Tick
	Gaps   []Gap
	Length time.Duration
}

// piece is a stretch of time and the part of the axis that it takes.
type piece struct {
	from, to time.Time
	x, width float64
	gap      bool
}

// Lay places spans. now ends those that still go on.
func Lay(spans []Span, now time.Time) Chart {
	spans = slices.Clone(spans)
	running := make([]bool, len(spans))
	for i, s := range spans {
		if !s.Start.IsZero() && s.End.IsZero() {
			spans[i].End, running[i] = later(now, s.Start), true
		}
	}
	axis := layAxis(spans)
	critical := criticalPath(spans)
	c := Chart{Rows: make([]Row, len(spans))}
	for i, s := range spans {
		r := Row{ID: s.ID, Idle: s.Start.IsZero(), Critical: critical[s.ID], Running: running[i]}
		if !r.Idle {
			r.X = axis.at(s.Start)
			r.Width = max(axis.at(s.End)-r.X, minWidth)
			if !s.Asked.IsZero() && s.Asked.Before(s.Start) {
				r.WaitX = axis.at(s.Asked)
				r.WaitWidth = r.X - r.WaitX
			}
		}
		c.Rows[i] = r
	}
	if len(axis) > 0 {
		c.Length = axis[len(axis)-1].to.Sub(axis[0].from)
		c.Ticks = axis.ticks()
	}
	for _, p := range axis {
		if p.gap {
			c.Gaps = append(c.Gaps, Gap{X: p.x, Width: p.width, Length: p.to.Sub(p.from)})
		}
	}
	return c
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

const (
	minWidth  = 0.4 // percent, so that a short step can still be seen
	gapWidth  = 3.0 // percent, of a compressed stretch
	gapRoom   = 45  // percent, of all of them together
	gapShare  = 0.1 // of the time in which something ran: longer stretches without are compressed
	gapLeast  = time.Second
	mostTicks = 6
	tickApart = 11.0 // percent
)

type axis []piece

// layAxis finds when something ran and gives those stretches the room that the
// compressed ones between them leave.
func layAxis(spans []Span) axis {
	busy := busyTimes(spans)
	if len(busy) == 0 {
		return nil
	}
	var total time.Duration
	for _, b := range busy {
		total += b.to.Sub(b.from)
	}
	least := max(time.Duration(float64(total)*gapShare), gapLeast)
	var pieces axis
	for _, b := range busy {
		if len(pieces) > 0 {
			last := pieces[len(pieces)-1].to
			pieces = append(pieces, piece{from: last, to: b.from, gap: b.from.Sub(last) > least})
		}
		pieces = append(pieces, b)
	}
	gaps, length := 0, time.Duration(0)
	for _, p := range pieces {
		if p.gap {
			gaps++
		} else {
			length += p.to.Sub(p.from)
		}
	}
	gap := min(gapWidth, gapRoom/float64(max(gaps, 1)))
	x, room := 0.0, 100-gap*float64(gaps)
	for i := range pieces {
		p := &pieces[i]
		p.x, p.width = x, gap
		if !p.gap {
			p.width = room * float64(p.to.Sub(p.from)) / float64(max(length, 1))
		}
		x += p.width
	}
	return pieces
}

// busyTimes merges the spans that touch.
func busyTimes(spans []Span) []piece {
	var all []piece
	for _, s := range spans {
		if !s.Start.IsZero() {
			all = append(all, piece{from: s.Start, to: later(s.End, s.Start)})
		}
	}
	slices.SortFunc(all, func(a, b piece) int { return a.from.Compare(b.from) })
	var busy []piece
	for _, p := range all {
		if n := len(busy); n > 0 && !p.from.After(busy[n-1].to) {
			busy[n-1].to = later(busy[n-1].to, p.to)
			continue
		}
		busy = append(busy, p)
	}
	return busy
}

// at gives the place of a moment, at the ends of the axis for one outside it.
func (a axis) at(t time.Time) float64 {
	i, _ := slices.BinarySearchFunc(a, t, func(p piece, t time.Time) int { return p.to.Compare(t) })
	switch {
	case len(a) == 0:
		return 0
	case i == len(a):
		return a[i-1].x + a[i-1].width
	}
	p := a[i]
	length := p.to.Sub(p.from)
	if length <= 0 || t.Before(p.from) {
		return p.x
	}
	return p.x + p.width*float64(t.Sub(p.from))/float64(length)
}

func (a axis) ticks() []Tick {
	var shown time.Duration
	for _, p := range a {
		if !p.gap {
			shown += p.to.Sub(p.from)
		}
	}
	step := niceStep(shown)
	start, end := a[0].from, a[len(a)-1].to
	ticks := []Tick{{}}
	for _, p := range a {
		if p.gap {
			continue
		}
		first := p.from.Sub(start).Truncate(step)
		for after := first; !start.Add(after).After(p.to) && !start.Add(after).After(end); after += step {
			if start.Add(after).Before(p.from) {
				continue
			}
			if x := a.at(start.Add(after)); x-ticks[len(ticks)-1].X >= tickApart && x < 100-tickApart {
				ticks = append(ticks, Tick{X: x, After: after})
			}
		}
	}
	return ticks
}

// niceStep gives a round step of which at most mostTicks fit.
func niceStep(length time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond} {
		for _, n := range []time.Duration{1, 2, 5} {
			if length <= mostTicks*n*unit {
				return n * unit
			}
		}
	}
	for _, s := range []int64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400} {
		if length <= mostTicks*time.Duration(s)*time.Second {
			return time.Duration(s) * time.Second
		}
	}
	day := 24 * time.Hour
	return (length/mostTicks + day).Truncate(day)
}

// criticalPath walks back from the span that ended last, each time to what it
// needs that ended last.
func criticalPath(spans []Span) map[string]bool {
	byID := make(map[string]*Span, len(spans))
	var at *Span
	for i := range spans {
		s := &spans[i]
		byID[s.ID] = s
		if !s.Start.IsZero() && (at == nil || s.End.After(at.End)) {
			at = s
		}
	}
	path := map[string]bool{}
	for at != nil && !path[at.ID] {
		path[at.ID] = true
		var before *Span
		for _, need := range at.Needs {
			if n := byID[need]; n != nil && !n.Start.IsZero() && (before == nil || n.End.After(before.End)) {
				before = n
			}
		}
		at = before
	}
	return path
}
