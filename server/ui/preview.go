package ui

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/server/preview"
	"github.com/bine-ml/bine/templates"
)

// How much of a file is read for its preview.
const (
	previewBytes = 256 << 10
	longestImage = 32 << 20
)

// images are the kinds of file that are shown as pictures: those that carry no
// script, by the name's ending. What is sent is looked at again.
var images = map[string]bool{".png": true, ".jpg": true, ".jpeg": true, ".gif": true, ".webp": true}

func isImage(name string) bool { return images[strings.ToLower(path.Ext(name))] }

func (c *call) preview(f client.File) (templates.Preview, error) {
	p, err := c.api.Preview(c.ctx(), c.project(), f.Path)
	if err != nil {
		return templates.Preview{}, err
	}
	if p.Kind == client.PreviewImage {
		address := c.path("images")
		for part := range strings.SplitSeq(f.Path, "/") {
			address += "/" + url.PathEscape(part)
		}
		return templates.Preview{FilePreview: p, Image: address}, nil
	}
	return templates.Preview{FilePreview: p}, nil
}

// readPreview shows the beginning of an artifact as far as it is read.
func (c *call) readPreview(body io.Reader, name string, size int64) (templates.Preview, error) {
	text, err := io.ReadAll(io.LimitReader(body, previewBytes))
	if err != nil {
		return templates.Preview{}, err
	}
	p, err := preview.Of(c.ctx(), name, int64(len(text)), bytes.NewReader(text))
	p.Truncated = p.Truncated || size > int64(len(text))
	return templates.Preview{FilePreview: p}, err
}

func imagePreview(address string) templates.Preview {
	return templates.Preview{FilePreview: client.FilePreview{Kind: client.PreviewImage}, Image: address}
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
		return imagePreview(c.path("artifacts", string(ref.Hash), "image")), ref.Size <= smallImage
	}
	if ref.Size > smallPreview {
		return templates.Preview{}, false
	}
	body, err := c.api.OpenArtifact(c.ctx(), c.project(), ref.Hash)
	if err != nil {
		return templates.Preview{}, false
	}
	defer body.Close()
	p, err := c.readPreview(body, name, ref.Size)
	if len(p.Rows) > smallRows {
		p.Rows, p.Truncated = p.Rows[:smallRows], true
	}
	return p, err == nil && p.Kind != client.PreviewNone
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
		page.Preview = imagePreview(page.ArtifactImage(page.Ref))
		return c.show(page)
	}
	body, err := c.api.OpenArtifact(c.ctx(), c.project(), page.Ref.Hash)
	if err != nil {
		return err
	}
	defer body.Close()
	if page.Preview, err = c.readPreview(body, page.Name, previewBytes); err != nil {
		return err
	}
	return c.show(page)
}
