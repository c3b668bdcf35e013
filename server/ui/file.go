package ui

import (
	"cmp"
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

// How much of a directory is shown at once, and how much is sorted by anything but names.
const (
	filesPage   = 200
	filesSorted = 1000
	changesPage = 50
	mapEntries  = 30
)

func (c *call) filesURL(dir string) string {
	address := c.path("files")
	for part := range strings.SplitSeq(dir, "/") {
		if part != "" {
			address += "/" + url.PathEscape(part)
		}
	}
	return address
}

// showFiles shows a directory or a file.
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
	p := templates.PathPage{Shell: s, File: client.File{Dir: true}}
	if at != "" {
		if p.File, err = c.api.Stat(c.ctx(), c.project(), at); err != nil {
			return err
		}
		p.Crumbs = append(p.Crumbs, s.FileCrumbs(path.Dir("/"+at))...)
	}
	if p.Tab = c.query("tab"); p.Tab == "changes" {
		if err := c.changes(&p); err != nil {
			return err
		}
	}
	if !p.File.Dir {
		return c.showFile(p)
	}
	return c.showDirectory(p)
}

// changes adds what has become of a path. In a busy project a page may hold
// nothing of it and not be the last: a few are looked at before that is shown.
func (c *call) changes(p *templates.PathPage) error {
	l := client.List{After: c.query("after"), Limit: changesPage}
	for range 5 {
		found, err := c.api.Changes(c.ctx(), c.project(), p.File.Path, l)
		if err != nil {
			return err
		}
		p.Changes, p.More = found.Items, found.Next
		if len(p.Changes) > 0 || p.More == "" {
			break
		}
		l.After = p.More
	}
	return nil
}

func (c *call) showFile(p templates.PathPage) error {
	page := templates.FilePage{PathPage: p}
	switch p.Tab {
	case "details":
		c.limits(&page.PathPage)
		return c.show(page)
	case "changes":
		return c.show(page)
	}
	page.Tab = "preview"
	var err error
	page.Preview, err = c.preview(p.File)
	if err != nil {
		return err
	}
	return c.show(page)
}

func (c *call) showDirectory(p templates.PathPage) error {
	page := templates.FilesPage{PathPage: p, Dir: p.File.Path, Filter: strings.TrimSpace(c.query("q"))}
	if usage, err := c.api.Usage(c.ctx(), c.project(), page.Dir); err == nil && c.part() == "" {
		page.Usage = &usage
	}
	if c.part() == "" {
		c.limits(&page.PathPage)
	}
	switch p.Tab {
	case "changes", "details":
		return c.show(page)
	case "usage":
		found, err := c.api.UsageByEntry(c.ctx(), c.project(), page.Dir, mapEntries)
		page.Map = &templates.UsageMap{Shell: p.Shell, Dir: page.Dir, Usage: found}
		if err != nil {
			return err
		}
		return c.show(page)
	}
	page.Tab = "files"
	if err := c.list(&page); err != nil {
		return err
	}
	if c.part() == "" {
		page.Readme = c.directoryReadme(page.Files)
		page.Begun = c.begun(page.Dir)
	}
	return c.show(page)
}

// list adds the entries that are asked for, in the order that is asked for. A list
// that is longer than what can be sorted at once stays in the order of names.
func (c *call) list(page *templates.FilesPage) error {
	filter := client.FileFilter{Contains: page.Filter}
	if begins, ok := strings.CutSuffix(page.Filter, "*"); ok {
		filter = client.FileFilter{Prefix: begins}
	}
	by := orders[c.query("sort")]
	l := client.List{After: c.query("after"), Limit: filesPage}
	if by != nil {
		l = client.List{Limit: filesSorted}
	}
	found, err := c.api.FilesMatching(c.ctx(), c.project(), page.Dir, filter, l)
	if err != nil {
		return err
	}
	page.Files, page.Next = found.Items, found.Next
	switch {
	case by != nil && found.Next == "":
		page.Sort = c.query("sort")
		slices.SortStableFunc(page.Files, by)
	case by != nil:
		page.Note = "These are more than 1,000: they are listed by name. Filter them, and the rest can be sorted."
	}
	return nil
}

// orders are the ways to sort that are not by name, the largest or latest first.
var orders = map[string]func(a, b client.File) int{
	"size":     func(a, b client.File) int { return cmp.Compare(b.Size, a.Size) },
	"modified": func(a, b client.File) int { return b.Modified.Compare(a.Modified) },
}

// begun are the uploads into a directory that broke off.
func (c *call) begun(dir string) (list []client.PartialUpload) {
	all, err := c.api.Uploads(c.ctx(), c.project())
	if err != nil {
		return nil // who may not upload has none
	}
	for _, u := range all {
		if len(list) < 10 && (parent(u.Path) == dir || strings.HasPrefix(u.Path, dir+"/")) && u.Modified != nil && c.now().Sub(*u.Modified) > time.Minute {
			list = append(list, u)
		}
	}
	return list
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
		if err == nil && (p.Kind == client.PreviewText || p.Kind == client.PreviewMarkdown) {
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

// rename takes a new path, or a new name in the same directory.
func rename(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	to := strings.Trim(f.Get("to"), "/ ")
	if name := f.Get("name"); name != "" {
		if to = strings.Trim(parent(c.target())+"/"+name, "/"); strings.Contains(name, "/") {
			return bine.Errorf(bine.Invalid, "a name has no slash: move the file to put it elsewhere")
		}
	}
	if _, err := c.api.ChangeFile(c.ctx(), c.project(), c.target(), client.FileChange{Op: "rename", To: to}); err != nil {
		return err
	}
	return c.back(c.filesURL(parent(to)), "renamed")
}

func parent(p string) string { return strings.Trim(path.Dir("/"+p), "/") }

func removeFile(c *call) error {
	at := c.target()
	notice, err := c.discard(at)
	if err != nil {
		return err
	}
	return c.back(c.filesURL(parent(at)), notice)
}

// discard puts a file into the trash. Where a connector leads there is none, and
// it is removed for good. It gives the notice of what was done.
func (c *call) discard(at string) (notice string, err error) {
	if strings.HasPrefix(at, bine.LakeDir+"/") {
		return "deleted", c.api.RemoveFile(c.ctx(), c.project(), at, false)
	}
	return "trashed", c.api.TrashFile(c.ctx(), c.project(), at)
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
