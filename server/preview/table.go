package preview

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/bine-ml/bine/client"
)

// separator guesses by what the fields of the first line are parted.
func separator(text []byte) rune {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	best, most := ',', bytes.Count(line, []byte(","))
	for _, r := range []rune{';', '\t', '|'} {
		if n := bytes.Count(line, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

// Table shows the first rows of fields that are parted by commas or the like. cut
// says that the text goes on. A text that is no table after all is shown as text.
func Table(text []byte, comma rune, cut bool) client.FilePreview {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = comma, -1, true, true
	p := client.FilePreview{Kind: client.PreviewTable, Truncated: cut}
	for {
		row, err := r.Read()
		if err != nil {
			if !errors.Is(err, io.EOF) && len(p.Rows) == 0 {
				return plainText(text[:min(len(text), TextBytes)], cut || len(text) > TextBytes)
			}
			break
		}
		if len(row) > mostCells {
			row, p.Truncated = row[:mostCells], true
		}
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = clip(cell)
		}
		if p.Header == nil {
			p.Header = cells
			continue
		}
		if len(p.Rows) == mostRows {
			p.Truncated = true
			break
		}
		p.Rows = append(p.Rows, cells)
	}
	if cut && len(p.Rows) > 1 && len(p.Rows) < mostRows {
		p.Rows = p.Rows[:len(p.Rows)-1] // the last row may be half of one
	}
	return p
}

// deepestIndent is how deep JSON is that is indented: each level is written
// before every line.
const deepestIndent = 50

// jsonText shows JSON indented, where all of it is there.
func jsonText(text []byte, cut bool) client.FilePreview {
	depth, deepest := 0, 0
	for _, b := range text {
		switch b {
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	var pretty bytes.Buffer
	if !cut && deepest <= deepestIndent && json.Indent(&pretty, text, "", "  ") == nil {
		text = pretty.Bytes()
	}
	return plainText(text, cut)
}

// jsonLines shows objects, one in each line, as a table of their fields.
func jsonLines(text []byte, cut bool) client.FilePreview {
	p := client.FilePreview{Kind: client.PreviewTable, Truncated: cut}
	rest := text
	for len(rest) > 0 {
		line, next, whole := bytes.Cut(rest, []byte("\n"))
		if rest = next; !whole && cut {
			break
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if len(p.Rows) == mostRows {
			p.Truncated = true
			break
		}
		if !addObject(&p, line) {
			return plainText(text[:min(len(text), TextBytes)], cut || len(text) > TextBytes)
		}
	}
	for i := range p.Rows {
		p.Rows[i] = append(p.Rows[i], make([]string, len(p.Header)-len(p.Rows[i]))...)
	}
	return p
}

// addObject adds a row of the fields of an object, and columns for new ones.
func addObject(p *client.FilePreview, line []byte) bool {
	d := json.NewDecoder(bytes.NewReader(line))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return false
	}
	row := make([]string, len(p.Header))
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return false
		}
		field, _ := name.(string)
		field = clip(field)
		i := slices.Index(p.Header, field)
		if i < 0 {
			if len(p.Header) == mostCells {
				p.Truncated = true
				continue
			}
			i = len(p.Header)
			p.Header, row = append(p.Header, field), append(row, "")
		}
		row[i] = cellOf(v)
	}
	if _, err := d.Token(); err != nil || d.More() {
		return false
	}
	p.Rows = append(p.Rows, row)
	return true
}

// cellOf shows a text without its quotes, and everything else as it is.
func cellOf(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil && len(v) > 0 && v[0] == '"' {
		return clip(s)
	}
	return clip(string(v))
}
