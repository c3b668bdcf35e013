package templates

import (
	"fmt"
	"html"
	"html/template"
	"strings"

	"github.com/bine-ml/bine/client"
)

// UsageMap draws what uses the space of a directory.
type UsageMap struct {
	Shell
	Dir   string
	Usage client.UsageByEntry
}

// UsageRow is one entry of a directory, or what is left of them.
type UsageRow struct {
	Label string
	URL   string // empty where there is nothing to look at
	Dir   bool
	Bytes int64
	Files int64
	Share string // of all, for people
	Part  float64
}

// hiddenPlaces are directories at the top of a project that people do not see, by
// what they are to them.
var hiddenPlaces = map[string]string{".trash": "Trash", ".artifacts": "Artifacts of runs", ".uploads": "Unfinished uploads"}

// Rows are the entries, the largest first, and the rest.
func (m UsageMap) Rows() []UsageRow {
	var rows []UsageRow
	rest := UsageRow{Label: "everything else", Bytes: m.Usage.Bytes, Files: m.Usage.Files}
	for _, e := range m.Usage.Entries {
		row := UsageRow{Label: e.Name, Dir: e.Dir, Bytes: e.Bytes, Files: e.Files}
		child := strings.TrimPrefix(m.Dir+"/"+e.Name, "/")
		switch word, hidden := hiddenPlaces[e.Name]; {
		case hidden && m.Dir == "" && e.Name == ".trash":
			row.Label, row.URL = word, m.Path("trash")
		case hidden && m.Dir == "":
			row.Label = word
		case e.Dir:
			row.URL = m.FileURL(child) + "?tab=usage"
		default:
			row.URL = m.FileURL(child)
		}
		rows = append(rows, row)
		rest.Bytes, rest.Files = rest.Bytes-e.Bytes, rest.Files-e.Files
	}
	if rest.Bytes > 0 || rest.Files > 0 {
		rows = append(rows, rest)
	}
	for i := range rows {
		if m.Usage.Bytes > 0 {
			rows[i].Part = float64(rows[i].Bytes) / float64(m.Usage.Bytes)
		}
		rows[i].Share = fmt.Sprintf("%.1f %%", 100*rows[i].Part)
	}
	return rows
}

// The size of the drawing, in its own units.
const (
	mapWidth  = 1000.0
	mapHeight = 420.0
)

// box is a place in the drawing.
type box struct{ x, y, w, h float64 }

// SVG draws a rectangle for each entry, as large as its share: a squarified
// treemap (Bruls, Huizing, van Wijk, 2000).
func (m UsageMap) SVG() template.HTML {
	rows := m.Rows()
	var sizes []float64
	var shown []UsageRow
	for _, r := range rows {
		if r.Part > 0 {
			sizes, shown = append(sizes, r.Part*mapWidth*mapHeight), append(shown, r)
		}
	}
	var b strings.Builder
	for i, at := range squarify(sizes, box{0, 0, mapWidth, mapHeight}) {
		drawUsage(&b, shown[i], at, i)
	}
	return template.HTML(b.String())
}

func drawUsage(b *strings.Builder, r UsageRow, at box, i int) {
	label := html.EscapeString(r.Label)
	said := fmt.Sprintf("%s %s, %s", label, size(r.Bytes), r.Share)
	open, end := fmt.Sprintf(`<g class="map-box map-%d">`, i%6), `</g>`
	if r.URL != "" {
		open, end = fmt.Sprintf(`<a class="map-box map-%d" href="%s" aria-label="%s">`, i%6, html.EscapeString(r.URL), said), `</a>`
	}
	fmt.Fprintf(b, `%s<title>%s</title><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="3"/>`, open, said, at.x+1, at.y+1, max(0, at.w-2), max(0, at.h-2))
	if fit := int((at.w - 16) / 8.4); fit >= 3 && at.h >= 26 {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f">%s</text>`, at.x+9, at.y+20, html.EscapeString(shorten(r.Label, fit)))
		if at.h >= 46 && fit >= 8 {
			fmt.Fprintf(b, ` <text class="map-size" x="%.1f" y="%.1f">%s</text>`, at.x+9, at.y+38, size(r.Bytes))
		}
	}
	b.WriteString(end)
}

func shorten(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}

// squarify lays areas, the largest first, out in a box, in rows along its shorter side.
func squarify(areas []float64, in box) []box {
	var out []box
	for len(areas) > 0 {
		side := min(in.w, in.h)
		n, sum := 1, areas[0]
		for n < len(areas) && worst(areas[:n+1], sum+areas[n], side) <= worst(areas[:n], sum, side) {
			sum += areas[n]
			n++
		}
		thick := 0.0
		if side > 0 {
			thick = sum / side
		}
		at := 0.0
		for _, a := range areas[:n] {
			long := 0.0
			if thick > 0 {
				long = a / thick
			}
			if in.w >= in.h {
				out = append(out, box{in.x, in.y + at, thick, long})
			} else {
				out = append(out, box{in.x + at, in.y, long, thick})
			}
			at += long
		}
		if in.w >= in.h {
			in.x, in.w = in.x+thick, max(0, in.w-thick)
		} else {
			in.y, in.h = in.y+thick, max(0, in.h-thick)
		}
		areas = areas[n:]
	}
	return out
}

// worst is how far the most oblong rectangle of a row is from a square.
func worst(row []float64, sum, side float64) float64 {
	w := 0.0
	for _, a := range row {
		if a > 0 && sum > 0 {
			w = max(w, side*side*a/(sum*sum), sum*sum/(side*side*a))
		}
	}
	return w
}
