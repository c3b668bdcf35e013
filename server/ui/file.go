package ui

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

const filesPage = 200

func (c *call) filesURL(dir string) string {
	address := c.path("files")
	for part := range strings.SplitSeq(dir, "/") {
		if part != "" {
			address += "/" + url.PathEscape(part)
		}
	}
	return address
}

func showFiles(c *call) error {
	at := strings.Trim(c.r.PathValue("path"), "/")
	title := "Files"
	if at != "" {
		title = path.Base(at)
	}
	s, err := c.shell(title, "files")
	if err != nil {
		return err
	}
	if at != "" {
		f, err := c.api.Stat(c.ctx(), c.project(), at)
		if err != nil {
			return err
		}
		s.Crumbs = append(s.Crumbs, s.FileCrumbs(path.Dir("/"+at))...)
		if !f.Dir {
			preview, err := c.preview(f)
			if err != nil {
				return err
			}
			return c.show(templates.FilePage{Shell: s, File: f, Preview: preview})
		}
	}
	page := templates.FilesPage{Shell: s, Dir: at}
	files, err := c.api.Files(c.ctx(), c.project(), at, client.List{After: c.query("after"), Limit: filesPage})
	if err != nil {
		return err
	}
	page.Files, page.Next = files.Items, files.Next
	if usage, err := c.api.Usage(c.ctx(), c.project(), at); err == nil {
		page.Usage = &usage
	}
	return c.show(page)
}

// How much of a file is read for its preview.
const (
	previewBytes = 256 << 10
	previewRows  = 200
	longestImage = 32 << 20
)

// images are the kinds of file that are shown as pictures: those that carry no
// script, by the name's ending. What is sent is looked at again.
var images = map[string]bool{".png": true, ".jpg": true, ".jpeg": true, ".gif": true, ".webp": true}

func (c *call) preview(f client.File) (templates.Preview, error) {
	if images[strings.ToLower(path.Ext(f.Name))] {
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

// showImage sends a picture for a preview. What is no picture that browsers
// draw without running anything is refused, whatever its name says.
func showImage(c *call) error {
	body, err := c.api.Download(c.ctx(), c.project(), strings.Trim(c.r.PathValue("path"), "/"), 0, 0)
	if err != nil {
		return err
	}
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

// target is the path that a form about a file is about.
func (c *call) target() string { return strings.Trim(c.query("path"), "/") }

func makeDirectory(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	name := strings.Trim(f.Get("name"), "/ ")
	if name == "" {
		return bine.Errorf(bine.Invalid, "a folder needs a name")
	}
	if _, err := c.api.ChangeFile(c.ctx(), c.project(), strings.Trim(c.target()+"/"+name, "/"), client.FileChange{Op: "mkdir"}); err != nil {
		return err
	}
	return c.goTo(c.filesURL(c.target()))
}

func rename(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	to := strings.Trim(f.Get("to"), "/ ")
	if _, err := c.api.ChangeFile(c.ctx(), c.project(), c.target(), client.FileChange{Op: "rename", To: to}); err != nil {
		return err
	}
	return c.back(c.filesURL(parent(to)), "renamed")
}

func parent(p string) string { return strings.Trim(path.Dir("/"+p), "/") }

func removeFile(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	at := c.target()
	info, err := c.api.Stat(c.ctx(), c.project(), at)
	if err != nil {
		return err
	}
	if info.Dir && f.Get("confirm") != info.Name {
		return bine.Errorf(bine.Invalid, "type %s to confirm", info.Name)
	}
	if err := c.api.RemoveFile(c.ctx(), c.project(), at, info.Dir); err != nil {
		return err
	}
	return c.back(c.filesURL(parent(at)), "deleted")
}

// upload passes files on as they arrive: nothing of them is kept here.
func upload(c *call) error {
	parts, err := c.r.MultipartReader()
	if err != nil {
		return bine.Errorf(bine.Invalid, "the form carries no files: %w", err)
	}
	overwrite := false
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return bine.Errorf(bine.Invalid, "the upload broke off: %w", err)
		}
		if err := c.take(part, &overwrite); err != nil {
			return err
		}
	}
	return c.back(c.filesURL(c.target()), "uploaded")
}

// take uploads the file of one part; the field that stands before the files
// says whether they replace others.
func (c *call) take(part *multipart.Part, overwrite *bool) error {
	if part.FormName() == "overwrite" {
		*overwrite = true
		return nil
	}
	name := part.FileName() // without directories
	if part.FormName() != "file" || name == "" {
		return nil
	}
	_, err := c.api.Upload(c.ctx(), c.project(), strings.Trim(c.target()+"/"+name, "/"), part, *overwrite)
	return err
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
