package sim

import (
	"fmt"
	"html"
	"io"
	"math"
	"strconv"
	"strings"
)

// Panel is one measure of a drawing, with a bar for each of what is compared.
type Panel struct {
	Title string
	Axis  bool // whether it begins at a number that leaves differences to be seen; else at 0
	Bars  []Bar
}

// Bar is one of what is compared.
type Bar struct {
	Label string
	Value float64
	Runs  []float64 // that it is the mean of, drawn as ticks
	Text  string    // of the value
}

// The measures of a drawing, in pixels.
const (
	panelWidth = 460
	barHeight  = 14
	barGap     = 5
	labelWidth = 150
	valueWidth = 64
)

// drawing says what it looks like: on paper that is light or dark.
const drawing = `<style>
text{font:12px system-ui,sans-serif;fill:#22303c}.t{font-weight:600}.bar{fill:#3f73c8}.run{stroke:#11243f;stroke-opacity:.55}.axis{stroke:#8a96a3;stroke-opacity:.6}.paper{fill:#fff}
@media (prefers-color-scheme:dark){text{fill:#dde4ea}.bar{fill:#6f9ce8}.run{stroke:#e8f0ff;stroke-opacity:.7}.paper{fill:#15191e}}
</style>
`

// Draw writes panels as an SVG, two beside each other.
func Draw(w io.Writer, title string, panels []Panel) error {
	var s strings.Builder
	top, side := 34, 0
	var body strings.Builder
	tall := 0
	for i, p := range panels {
		if i%2 == 0 && i > 0 {
			top, tall, side = top+tall, 0, 0
		}
		tall = max(tall, p.draw(&body, side, top))
		side += panelWidth
	}
	width, height := 2*panelWidth, top+tall
	if len(panels) == 1 {
		width = panelWidth
	}
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+"\n", width, height, width, height, html.EscapeString(title))
	s.WriteString(drawing)
	fmt.Fprintf(&s, `<rect class="paper" width="100%%" height="100%%"/><text class="t" x="16" y="22">%s</text>`+"\n", html.EscapeString(title))
	s.WriteString(body.String())
	s.WriteString("</svg>\n")
	_, err := io.WriteString(w, s.String())
	return err
}

// draw writes a panel and gives its height.
func (p Panel) draw(s *strings.Builder, left, top int) int {
	least, most := p.bounds()
	from, wide := left+16+labelWidth, float64(panelWidth-32-labelWidth-valueWidth)
	x := func(v float64) float64 { return float64(from) + wide*(v-least)/(most-least) }
	fmt.Fprintf(s, `<text class="t" x="%d" y="%d">%s</text>`+"\n", left+16, top+14, html.EscapeString(p.Title))
	y := top + 24
	for _, b := range p.Bars {
		fmt.Fprintf(s, `<text x="%d" y="%d" text-anchor="end">%s</text><rect class="bar" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`,
			from-8, y+barHeight-3, html.EscapeString(b.Label), from, y, max(x(b.Value)-float64(from), 0), barHeight)
		for _, r := range b.Runs {
			fmt.Fprintf(s, `<line class="run" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, x(r), x(r), y+3, y+barHeight-3)
		}
		far := x(b.Value)
		for _, r := range b.Runs {
			far = max(far, x(r))
		}
		fmt.Fprintf(s, `<text x="%.1f" y="%d">%s</text>`+"\n", far+6, y+barHeight-3, html.EscapeString(b.Text))
		y += barHeight + barGap
	}
	fmt.Fprintf(s, `<line class="axis" x1="%d" x2="%d" y1="%d" y2="%d"/>`+"\n", from, from, top+22, y)
	if least > 0 {
		fmt.Fprintf(s, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", from, y+12, strconv.FormatFloat(least, 'g', 4, 64))
		y += 14
	}
	return y - top + 20
}

// bounds gives what the axis begins and ends with.
func (p Panel) bounds() (least, most float64) {
	least = math.Inf(1)
	for _, b := range p.Bars {
		most, least = max(most, b.Value), min(least, b.Value)
		for _, r := range b.Runs {
			most, least = max(most, r), min(least, r)
		}
	}
	if !p.Axis || least < 0 || math.IsInf(least, 1) {
		least = 0
	} else {
		least = math.Floor(least/5) * 5
	}
	if most <= least {
		most = least + 1
	}
	return least, most
}
