package bench

import (
	"encoding/csv"
	"fmt"
	"html"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// write writes the files that were asked for.
func (b GPUBench) write(all []packed) error {
	for path, write := range map[string]func(io.Writer, []packed) error{b.CSV: fillingsCSV, b.SVG: fillingsSVG} {
		if path == "" {
			continue
		}
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		if err := write(f, all); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// fillingsCSV writes every filling as a row.
func fillingsCSV(w io.Writer, all []packed) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"list", "policy", "seed", "tasks", "allocated", "fragmented", "refused", "seconds"}}
	for _, f := range all {
		for _, r := range f.runs {
			var refused []string
			for _, n := range slices.Sorted(maps.Keys(r.Refused)) {
				refused = append(refused, fmt.Sprintf("%d:%d", n, r.Refused[n]))
			}
			rows = append(rows, []string{f.list, string(f.policy), strconv.FormatUint(r.Seed, 10), strconv.Itoa(r.Tasks), strconv.FormatFloat(r.Allocated, 'f', 6, 64),
				strconv.FormatFloat(r.Fragmented, 'f', 6, 64), strings.Join(refused, " "), strconv.FormatFloat(r.Took.Seconds(), 'f', 6, 64)})
		}
	}
	return out.WriteAll(rows)
}

// The measures of the drawing.
const (
	barHeight = 18
	barLeft   = 190
	barWidth  = 520
)

// fillingsSVG draws the mean of each policy as a bar, and the runs as ticks; the
// axis begins at a number that leaves differences to be seen.
func fillingsSVG(w io.Writer, all []packed) error {
	least := 100.0
	for _, f := range all {
		for _, r := range f.runs {
			least = min(least, 100*r.Allocated)
		}
	}
	least = float64(int(least)/5) * 5
	x := func(percent float64) float64 { return barLeft + barWidth*(percent-least)/(100-least) }
	var s strings.Builder
	height := 40 + (barHeight+4)*len(all) + 30
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12" role="img" aria-label="Share of devices allocated, by list and policy">`, barLeft+barWidth+80, height)
	fmt.Fprintf(&s, "\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n<text x=\"%d\" y=\"20\">devices allocated when 130 %% are asked for, per cent</text>\n", barLeft)
	y := 34
	for _, f := range all {
		m, _ := f.mean()
		fmt.Fprintf(&s, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s, %s</text>\n", barLeft-8, y+13, html.EscapeString(f.list), f.policy)
		fmt.Fprintf(&s, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"#5b8def\"/>\n", barLeft, y, x(m)-barLeft, barHeight)
		for _, r := range f.runs {
			fmt.Fprintf(&s, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"#123\" stroke-opacity=\"0.5\"/>\n", x(100*r.Allocated), x(100*r.Allocated), y+4, y+barHeight-4)
		}
		fmt.Fprintf(&s, "<text x=\"%.1f\" y=\"%d\">%.2f</text>\n", x(m)+8, y+13, m)
		y += barHeight + 4
	}
	for tick := least; tick <= 100; tick += 5 {
		fmt.Fprintf(&s, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"30\" y2=\"%d\" stroke=\"#999\" stroke-opacity=\"0.4\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", x(tick), x(tick), y, x(tick), y+16, tick)
	}
	s.WriteString("</svg>\n")
	_, err := io.WriteString(w, s.String())
	return err
}
