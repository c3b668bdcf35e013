package ui

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

// How much of a file is read for its preview.
const (
	previewBytes = 256 << 10
	previewRows  = 200
	longestImage = 32 << 20
)

// images are the kinds of file that are shown as pictures: those that carry no
// script, by the name's ending. What is sent is looked at again.
var images = map[string]bool{".png": true, ".jpg": true, ".jpeg": true, ".gif": true, ".webp": true}

func isImage(name string) bool { return images[strings.ToLower(path.Ext(name))] }

func (c *call) preview(f client.File) (templates.Preview, error) {
	if isImage(f.Name) {
		address := c.path("images")
		for part := range strings.SplitSeq(f.Path, "/") {
			address += "/" + url.PathEscape(part)
		}
		return templates.Preview{Kind: "image", Image: address}, nil
	}
	if f.Size == 0 {
		return templates.Preview{Kind: "text"}, nil
	}
	body, err := c.api.Download(c.ctx(), c.project(), f.Path, 0, previewBytes)
	if err != nil {
		return templates.Preview{}, err
	}
	defer body.Close()
	return readPreview(body, f.Name, f.Size)
}

// readPreview shows the beginning of a file as a table or text, if it is either.
func readPreview(body io.Reader, name string, size int64) (templates.Preview, error) {
	text, err := io.ReadAll(io.LimitReader(body, previewBytes))
	if err != nil {
		return templates.Preview{}, err
	}
	cut := size > int64(len(text))
	if bytes.IndexByte(text, 0) >= 0 || !validText(text) {
		return templates.Preview{}, nil
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".json", ".ipynb":
		if pretty := (&bytes.Buffer{}); !cut && json.Indent(pretty, text, "", "  ") == nil {
			text = pretty.Bytes()
		}
	case ".csv":
		return table(text, ',', cut), nil
	case ".tsv":
		return table(text, '\t', cut), nil
	}
	return templates.Preview{Kind: "text", Text: string(text), Truncated: cut}, nil
}

// validText reports whether text is UTF-8 but for a character cut off at its end.
func validText(text []byte) bool {
	for i := 0; i < utf8.UTFMax && len(text) > 0; i++ {
		if utf8.Valid(text) {
			return true
		}
		text = text[:len(text)-1]
	}
	return utf8.Valid(text)
}

// table reads the first rows; a text that is no table after all is shown as text.
func table(text []byte, comma rune, cut bool) templates.Preview {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = comma, -1, true
	p := templates.Preview{Kind: "table", Truncated: cut}
	for {
		row, err := r.Read()
		if err != nil {
			if !errors.Is(err, io.EOF) && len(p.Rows) == 0 {
				return templates.Preview{Kind: "text", Text: string(text), Truncated: cut}
			}
			break
		}
		if p.Header == nil {
			p.Header = row
			continue
		}
		if len(p.Rows) == previewRows {
			p.Truncated = true
			break
		}
		p.Rows = append(p.Rows, row)
	}
	if cut && len(p.Rows) > 1 && len(p.Rows) < previewRows {
		p.Rows = p.Rows[:len(p.Rows)-1] // the last row may be half of one
	}
	return p
}

// How much of the artifacts of a step its panel shows.
const (
	smallPreview = 64 << 10 // bytes of a file
	smallImage   = 4 << 20
	smallRows    = 10
	mostPreviews = 6
)

// previews shows the small files among the artifacts of a step, by their hash.
// One that cannot be read is left out: its own page says why.
func (c *call) previews(refs map[string]bine.ArtifactRef) map[bine.Hash]templates.Preview {
	shown := map[bine.Hash]templates.Preview{}
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		ref := refs[name]
		if len(shown) == mostPreviews {
			break
		}
		if p, ok := c.smallPreview(ref, cmp.Or(ref.Name, name)); ok {
			shown[ref.Hash] = p
		}
	}
	return shown
}

func (c *call) smallPreview(ref bine.ArtifactRef, name string) (templates.Preview, bool) {
	if ref.Kind != bine.ArtifactFile || ref.Size == 0 || ref.Hash == "" {
		return templates.Preview{}, false
	}
	if isImage(name) {
		return templates.Preview{Kind: "image", Image: c.path("artifacts", string(ref.Hash), "image")}, ref.Size <= smallImage
	}
	if ref.Size > smallPreview {
		return templates.Preview{}, false
	}
	body, err := c.api.OpenArtifact(c.ctx(), c.project(), ref.Hash)
	if err != nil {
		return templates.Preview{}, false
	}
	defer body.Close()
	p, err := readPreview(body, name, ref.Size)
	if len(p.Rows) > smallRows {
		p.Rows, p.Truncated = p.Rows[:smallRows], true
	}
	return p, err == nil && p.Kind != ""
}

// showImage sends a picture of the project's files for a preview.
func showImage(c *call) error {
	body, err := c.api.Download(c.ctx(), c.project(), strings.Trim(c.r.PathValue("path"), "/"), 0, 0)
	if err != nil {
		return err
	}
	return c.sendImage(body)
}

// showArtifactImage sends a picture that a step made.
func showArtifactImage(c *call) error {
	body, err := c.api.OpenArtifact(c.ctx(), c.project(), bine.Hash(c.r.PathValue("hash")))
	if err != nil {
		return err
	}
	return c.sendImage(body)
}

// sendImage sends what body holds, and closes it. What is no picture that
// browsers draw without running anything is refused, whatever its name says.
func (c *call) sendImage(body io.ReadCloser) error {
	defer body.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(body, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	kind := http.DetectContentType(head[:n])
	switch kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
	default:
		return bine.Errorf(bine.Invalid, "the file is no picture that can be shown")
	}
	h := c.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "private, no-cache")
	_, err = io.Copy(c.w, io.LimitReader(io.MultiReader(bytes.NewReader(head[:n]), body), longestImage))
	if err != nil {
		c.config.Log.DebugContext(c.ctx(), "picture broke off", "path", c.r.URL.Path, "error", err)
	}
	return nil
}

func showArtifact(c *call) error {
	s, err := c.shell("Artifact", "runs")
	if err != nil {
		return err
	}
	page := templates.ArtifactPage{Shell: s, Name: c.query("name"), Ref: bine.ArtifactRef{Hash: bine.Hash(c.r.PathValue("hash")), Kind: bine.ArtifactKind(c.query("kind"))}}
	if page.Dir() {
		if page.Entries, err = c.api.Manifest(c.ctx(), c.project(), page.Ref.Hash); err != nil {
			return err
		}
		return c.show(page)
	}
	if isImage(page.Name) {
		page.Preview = templates.Preview{Kind: "image", Image: page.ArtifactImage(page.Ref)}
		return c.show(page)
	}
	body, err := c.api.OpenArtifact(c.ctx(), c.project(), page.Ref.Hash)
	if err != nil {
		return err
	}
	defer body.Close()
	if page.Preview, err = readPreview(body, page.Name, previewBytes); err != nil {
		return err
	}
	return c.show(page)
}
