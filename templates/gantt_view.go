package templates

import (
	"cmp"
	"html/template"
	"slices"
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
	Hidden int // rows that are not shown
}

// GanttRow is one row: a link with a bar.
type GanttRow struct {
	Name, State, URL, Took string
	Step                   string // lights up with the node of the graph
	Target                 string // element that the link replaces; empty for the page
	Selected, Child        bool
	Weight                 int // says which rows stay when not all are shown: the greater
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

// Drawn draws the rows.
func (v GanttView) Drawn() template.HTML {
	grid := &markup{}
	for _, g := range v.Gaps {
		grid.put(`<rect class="gap-mark" x="`, percent(g.X), `" width="`, percent(g.Width), `" height="18"/>`)
	}
	for _, t := range v.Ticks {
		grid.put(`<line class="grid-line" x1="`, percent(t.X), `" x2="`, percent(t.X), `" y1="0" y2="18"/>`)
	}
	m := &markup{}
	for _, r := range v.Rows {
		r.draw(m, grid.String())
	}
	return m.html()
}

func (r GanttRow) draw(m *markup, grid string) {
	m.put(`<a class="gantt-row`)
	if r.Child {
		m.put(` gantt-child`)
	}
	m.put(`"`)
	m.attr("href", r.URL)
	m.attr("data-step", r.Step)
	if r.Selected {
		m.put(` aria-current="true"`)
	}
	m.swap(r.URL, r.Target)
	m.put(`><span class="gantt-name">`, string(mark(r.State)), `<span`)
	m.attr("title", r.Name)
	m.put(`>`)
	m.text(r.Name)
	m.put(`</span></span><svg class="bars" height="18" aria-hidden="true">`, grid)
	r.bar(m)
	m.put(`</svg><span class="gantt-time">`)
	m.text(r.Took)
	if r.Bar.Critical {
		m.put(`<span class="hidden-text">, on the critical path</span>`)
	}
	m.put(`</span></a>`)
}

func (r GanttRow) bar(m *markup) {
	if r.Bar.Idle {
		return
	}
	rect := func(class string, x, width float64, y, height, radius string) {
		m.put(`<rect class="`, class, `" x="`, percent(x), `" y="`, y, `" width="`, percent(width), `" height="`, height, `" rx="`, radius, `"/>`)
	}
	if r.Bar.WaitWidth != 0 {
		rect("bar-wait", r.Bar.WaitX, r.Bar.WaitWidth, "5", "8", "2")
	}
	rect("bar is-"+tone(r.State), r.Bar.X, r.Bar.Width, "3", "12", "3")
	if r.Bar.Critical {
		rect("bar-critical", r.Bar.X, r.Bar.Width, "16", "2", "0")
	}
}

// keep leaves out rows beyond so many: failures and what goes on stay, then the
// critical path, then what took longest.
func (v *GanttView) keep(most int) {
	if len(v.Rows) <= most {
		return
	}
	order := make([]int, len(v.Rows))
	for i := range order {
		order[i] = i
	}
	rank := func(r GanttRow) float64 {
		rank := r.Bar.Width + float64(r.Weight)*1000 // a width is at most 100
		if r.Bar.Critical {
			rank += 500
		}
		if r.Selected || r.Child {
			rank += 1e6
		}
		return rank
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rank(v.Rows[b]), rank(v.Rows[a])) })
	order = order[:most]
	slices.Sort(order)
	rows := make([]GanttRow, most)
	for i, at := range order {
		rows[i] = v.Rows[at]
	}
	v.Hidden, v.Rows = len(v.Rows)-most, rows
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
