package templates

import (
	"strings"
	"time"

	"github.com/bine-ml/bine/templates/gantt"
)

// GanttView is a chart of time as the pages draw it.
type GanttView struct {
	Rows   []GanttRow
	Ticks  []GanttTick
	Gaps   []gantt.Gap
	Length string
}

// GanttRow is one row: a link with a bar.
type GanttRow struct {
	Name, State, URL, Took string
	Step                   string // lights up with the node of the graph
	Target                 string // element that the link replaces; empty for the page
	Selected, Child        bool
	Bar                    gantt.Row
}

// GanttTick is a mark on the axis.
type GanttTick struct {
	X     float64
	Label string
}

// place takes over the positions; c has the rows of v in their order.
func (v *GanttView) place(c gantt.Chart) {
	for i := range v.Rows {
		v.Rows[i].Bar = c.Rows[i]
	}
	for _, t := range c.Ticks {
		v.Ticks = append(v.Ticks, GanttTick{t.X, tickLabel(t.After)})
	}
	v.Gaps = c.Gaps
	if c.Length > 0 {
		v.Length = duration(c.Length)
	}
}

func tickLabel(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	if d < time.Second {
		return d.String()
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}
