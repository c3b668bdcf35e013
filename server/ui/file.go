package ui

import (
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"path"
	"strings"

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
	page.Readme = c.directoryReadme(files.Items)
	return c.show(page)
}

// directoryReadme shows what the directory says of itself. It is on the first page, or
// it is not shown.
func (c *call) directoryReadme(files []client.File) templates.Preview {
	for _, f := range files {
		name := strings.ToLower(f.Name)
		if f.Dir || f.Size == 0 || name != "readme" && name != "readme.md" && name != "readme.txt" {
			continue
		}
		p, err := c.preview(f)
		if err == nil && p.Kind == "text" {
			return p
		}
	}
	return templates.Preview{}
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
	at := c.target()
	if err := c.api.TrashFile(c.ctx(), c.project(), at); err != nil {
		return err
	}
	return c.back(c.filesURL(parent(at)), "trashed")
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
