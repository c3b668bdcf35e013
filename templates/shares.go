package templates

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// SharesPage shows who has and had how much of the accelerators.
type SharesPage struct {
	Shell
	client.GPUShares
	Hours int
}

var sharesPage = load("shares.html")

func (p SharesPage) page() *template.Template { return sharesPage }

// Spans are the times that can be looked at, in hours, with their names.
func (p SharesPage) Spans() []Span {
	return []Span{{24, "24 hours"}, {7 * 24, "7 days"}, {30 * 24, "30 days"}, {90 * 24, "90 days"}}
}

// Span is a time to look back.
type Span struct {
	Hours int
	Name  string
}

// Sum is what all projects had together.
func (p SharesPage) Sum() float64 {
	sum := 0.0
	for _, s := range p.Projects {
		sum += s.Total
	}
	return sum
}

// Colour is the place of a project among the colours.
func (p SharesPage) Colour(i int) int { return min(i, seriesColours-1) }

// Of is how much a project had of what there was.
func (p SharesPage) Of(s bine.ProjectShare) string {
	if p.Sum() == 0 {
		return "0%"
	}
	return share(s.Total, p.Sum())
}

// The size of the drawing, in its own units.
const (
	sharesWidth  = 1000.0
	sharesHeight = 240.0
	sharesLeft   = 44.0
	sharesBottom = 22.0
)

// stepHours is how long a step is.
func (p SharesPage) stepHours() float64 { return p.Step / time.Hour.Seconds() }

// lasts is how much of a step is over: the last one goes on.
func (p SharesPage) lasts(i int) float64 {
	begin := p.From.Add(time.Duration(float64(i) * p.Step * float64(time.Second)))
	return max(min(p.To.Sub(begin).Hours(), p.stepHours()), 1.0/60)
}

// steps is how many there are.
func (p SharesPage) steps() int {
	n := 0
	for _, s := range p.Projects {
		n = max(n, len(s.Hours))
	}
	return n
}

// top is the highest that the drawing has to show, in accelerators.
func (p SharesPage) top() float64 {
	top := p.Devices
	for i := range p.steps() {
		sum := 0.0
		for _, s := range p.Projects {
			if i < len(s.Hours) {
				sum += s.Hours[i] / p.lasts(i)
			}
		}
		top = max(top, sum)
	}
	return max(1, top)
}

// Drawn reports whether there is anything to draw.
func (p SharesPage) Drawn() bool { return p.steps() > 0 && p.Sum() > 0 }

// SVG draws how many accelerators projects had on average in each step.
func (p SharesPage) SVG() template.HTML {
	var b strings.Builder
	top, n := p.top(), p.steps()
	y := func(devices float64) float64 {
		return (sharesHeight - sharesBottom) - (sharesHeight-sharesBottom-12)*devices/top
	}
	for _, tick := range ticks(top) {
		fmt.Fprintf(&b, `<path class="grid-line" d="M%.0f %.1fH%.0f"/><text class="axis" text-anchor="end" x="%.0f" y="%.1f">%s</text>`, sharesLeft, y(tick), sharesWidth, sharesLeft-8, y(tick)+4, number(tick))
	}
	width := (sharesWidth - sharesLeft) / float64(max(1, n))
	for i := range n {
		at := p.From.Add(time.Duration(float64(i) * p.Step * float64(time.Second)))
		sum := 0.0
		for j, s := range p.Projects {
			if i >= len(s.Hours) || s.Hours[i] == 0 {
				continue
			}
			devices := s.Hours[i] / p.lasts(i)
			fmt.Fprintf(&b, `<rect class="series-%d" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`,
				p.Colour(j), sharesLeft+width*float64(i)+0.5, y(sum+devices), max(0.5, width-1), max(0, y(sum)-y(sum+devices)),
				html.EscapeString(fmt.Sprintf("%s: %s on average, %s GPU-hours, from %s", projectName(s.Project), number(round(devices)), number(round(s.Hours[i])), at.UTC().Format("Jan 2, 15:04"))))
			sum += devices
		}
		if every := max(1, (n+7)/8); i%every == 0 {
			layout := "15:04"
			if p.stepHours()*float64(n) > 30 {
				layout = "Jan 2"
			}
			fmt.Fprintf(&b, `<text class="axis" x="%.1f" y="%.0f">%s</text>`, sharesLeft+width*float64(i), sharesHeight-6, at.UTC().Format(layout))
		}
	}
	if p.Devices > 0 {
		fmt.Fprintf(&b, `<path class="capacity" d="M%.0f %.1fH%.0f"><title>%s accelerators there are now</title></path>`, sharesLeft, y(p.Devices), sharesWidth, number(p.Devices))
	}
	return template.HTML(b.String())
}

func round(f float64) float64 { return math.Round(f*10) / 10 }

// ticks are round numbers up to the highest.
func ticks(top float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10(top)))
	for _, part := range []float64{0.2, 0.5, 1} {
		if top/(step*part) <= 5 {
			step *= part
			break
		}
	}
	var all []float64
	for v := 0.0; v <= top*1.001; v += step {
		all = append(all, v)
	}
	return all
}

// Rows is the table behind the drawing, as CSV has it.
func (p SharesPage) Rows() [][]string {
	head := []string{"from"}
	for _, s := range p.Projects {
		head = append(head, projectName(s.Project))
	}
	rows := [][]string{head}
	for i := range p.steps() {
		row := []string{p.From.Add(time.Duration(float64(i) * p.Step * float64(time.Second))).UTC().Format(time.RFC3339)}
		for _, s := range p.Projects {
			hours := 0.0
			if i < len(s.Hours) {
				hours = s.Hours[i]
			}
			row = append(row, strconv.FormatFloat(hours, 'f', 4, 64))
		}
		rows = append(rows, row)
	}
	return rows
}
