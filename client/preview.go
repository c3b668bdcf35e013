package client

import (
	"context"
	"net/url"
	"strings"

	"github.com/bine-ml/bine"
)

// PreviewKind says what the beginning of a file is shown as.
type PreviewKind string

// The kinds of previews.
const (
	PreviewText     PreviewKind = "text"
	PreviewMarkdown PreviewKind = "markdown" // as it was written: not rendered
	PreviewTable    PreviewKind = "table"
	PreviewNotebook PreviewKind = "notebook"
	PreviewImage    PreviewKind = "image" // to be downloaded
	PreviewNone     PreviewKind = "none"
)

// FilePreview is the beginning of a file, as far as it can be shown. All of it is
// text that the file's author chose: nothing of it is markup.
type FilePreview struct {
	Kind      PreviewKind    `json:"kind" enum:"text,markdown,table,notebook,image,none"`
	Text      string         `json:"text,omitempty"`
	Header    []string       `json:"header,omitempty" doc:"of a table: names of the columns"`
	Types     []string       `json:"types,omitempty" doc:"of a table that has them: types of the columns"`
	Rows      [][]string     `json:"rows,omitempty" doc:"of a table: its first rows"`
	Cells     []NotebookCell `json:"cells,omitempty" doc:"of a notebook"`
	Facts     []PreviewFact  `json:"facts,omitempty" doc:"what the file says of itself"`
	Note      string         `json:"note,omitempty" doc:"what is left out, and why"`
	Truncated bool           `json:"truncated,omitempty" doc:"the file goes on"`
}

// PreviewFact is something that a file says of itself.
type PreviewFact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// NotebookCell is a cell of a notebook with what it gave.
type NotebookCell struct {
	Kind    string           `json:"kind" enum:"code,markdown,raw"`
	Text    string           `json:"text"`
	Count   *int             `json:"count,omitempty" doc:"of code: as how many-th it was run"`
	Outputs []NotebookOutput `json:"outputs,omitempty"`
}

// NotebookOutput is what a cell gave.
type NotebookOutput struct {
	Kind  string `json:"kind" enum:"text,error,image"`
	Text  string `json:"text,omitempty"`
	Type  string `json:"type,omitempty" doc:"of a picture: its media type"`
	Image []byte `json:"image,omitempty" doc:"in base64"`
}

// Preview shows the beginning of a file.
func (c *Client) Preview(ctx context.Context, p bine.ProjectName, path string) (FilePreview, error) {
	return get[FilePreview](ctx, c, url.Values{"path": {strings.Trim(path, "/")}}, "projects", string(p), "preview")
}
