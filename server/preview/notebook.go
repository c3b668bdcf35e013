package preview

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/bine-ml/bine/client"
)

// The limits of what is shown of a notebook.
const (
	mostNotebookCells = 200
	longestSource     = 16 << 10
	longestOutput     = 8 << 10
	mostOutputs       = 20 // of a cell
	longestImage      = 1 << 20
	mostImages        = 3 << 20 // all together
)

// notebookFile is a notebook as Jupyter writes it
// (https://nbformat.readthedocs.io/en/latest/format_description.html), of the
// fourth format.
type notebookFile struct {
	Format int `json:"nbformat"`
	Cells  []struct {
		Type    string           `json:"cell_type"`
		Source  lines            `json:"source"`
		Count   *int             `json:"execution_count"`
		Outputs []notebookOutput `json:"outputs"`
	} `json:"cells"`
}

type notebookOutput struct {
	Type      string                     `json:"output_type"`
	Text      lines                      `json:"text"`
	Data      map[string]json.RawMessage `json:"data"`
	Error     string                     `json:"ename"`
	Value     string                     `json:"evalue"`
	Traceback []string                   `json:"traceback"`
}

// lines are a text, or a list of its lines.
type lines string

// UnmarshalJSON takes both forms; anything else is an empty text.
func (l *lines) UnmarshalJSON(text []byte) error {
	var one string
	var many []string
	switch {
	case json.Unmarshal(text, &one) == nil:
		*l = lines(one)
	case json.Unmarshal(text, &many) == nil:
		*l = lines(strings.Join(many, ""))
	}
	return nil
}

// notebook shows cells and their outputs as text and pictures. HTML is left out:
// what shows it also writes it as text.
func notebook(text []byte) (client.FilePreview, bool) {
	var n notebookFile
	if err := json.Unmarshal(text, &n); err != nil || n.Format < 4 || n.Cells == nil {
		return client.FilePreview{}, false
	}
	p := client.FilePreview{Kind: client.PreviewNotebook}
	pictures := mostImages
	for _, c := range n.Cells {
		if len(p.Cells) == mostNotebookCells {
			p.Truncated = true
			break
		}
		cell := client.NotebookCell{Kind: "raw", Count: c.Count}
		if c.Type == "code" || c.Type == "markdown" {
			cell.Kind = c.Type
		}
		cell.Text = cutText(string(c.Source), longestSource, &p.Truncated)
		for _, o := range c.Outputs {
			if len(cell.Outputs) == mostOutputs {
				p.Truncated = true
				break
			}
			if shown, ok := outputOf(o, &pictures, &p.Truncated); ok {
				cell.Outputs = append(cell.Outputs, shown)
			}
		}
		p.Cells = append(p.Cells, cell)
	}
	return p, true
}

func outputOf(o notebookOutput, pictures *int, cut *bool) (client.NotebookOutput, bool) {
	if o.Type == "error" {
		text := strings.Join(o.Traceback, "\n")
		if text == "" {
			text = o.Error + ": " + o.Value
		}
		return client.NotebookOutput{Kind: "error", Text: cutText(text, longestOutput, cut)}, true
	}
	for _, kind := range []string{"image/png", "image/jpeg", "image/gif", "image/webp"} {
		if image, ok := imageOf(o.Data[kind], kind, pictures); ok {
			return client.NotebookOutput{Kind: "image", Type: kind, Image: image}, true
		}
	}
	text := o.Text
	for _, kind := range []string{"text/plain", "text/markdown", "text/latex", "application/json", "text/html", "image/svg+xml"} {
		if data, ok := o.Data[kind]; ok && text == "" {
			if text.UnmarshalJSON(data); text == "" {
				text = lines(data)
			}
		}
	}
	return client.NotebookOutput{Kind: "text", Text: cutText(string(text), longestOutput, cut)}, text != ""
}

// imageOf takes a picture that is what it is said to be.
func imageOf(data json.RawMessage, kind string, left *int) ([]byte, bool) {
	var text lines
	if len(data) == 0 || text.UnmarshalJSON(data) != nil {
		return nil, false
	}
	image, err := base64.StdEncoding.DecodeString(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == ' ' {
			return -1
		}
		return r
	}, string(text)))
	if err != nil || len(image) > longestImage || len(image) > *left || http.DetectContentType(image) != kind {
		return nil, false
	}
	*left -= len(image)
	return image, true
}

// cutText shortens a text at the end of a character.
func cutText(s string, most int, cut *bool) string {
	if len(s) <= most {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	*cut = true
	return strings.ToValidUTF8(s[:most], "") + "\n…"
}
