package templates

import (
	"html/template"
	"net/url"
	"strings"

	"github.com/bine-ml/bine/client"
)

// FilesPage shows a directory of a project.
type FilesPage struct {
	Shell
	Dir   string // relative to the project, without slashes at its ends; empty is the top
	Files []client.File
	Next  string // cursor of the next page
	Usage *client.FileUsage
	// Readme is the beginning of the directory's README; its Kind is empty where there is none.
	Readme Preview
}

// FilePage shows one file.
type FilePage struct {
	Shell
	File    client.File
	Preview Preview
}

// Preview is the beginning of a file, as far as it can be shown.
type Preview struct {
	Kind      string // text, table, image; empty where there is none
	Text      string
	Header    []string
	Rows      [][]string
	Image     string // address
	Truncated bool
}

var (
	filesPage = load("files.html", "files_head.html", "files_list.html", "path.html")
	filePage  = load("file.html", "path.html")
)

func (p FilesPage) page() *template.Template { return filesPage }
func (p FilePage) page() *template.Template  { return filePage }

// filePath gives the address of a path below one of the roots of the project.
func (s Shell) filePath(root, path string) string {
	segments := []any{root}
	for _, part := range strings.Split(strings.Trim(path, "/"), "/") {
		if part != "" {
			segments = append(segments, part)
		}
	}
	return s.Path(segments...)
}

// FileURL is the page of a file or directory.
func (s Shell) FileURL(path string) string { return s.filePath("files", path) }

// FileAction is where forms about a path are sent.
func (s Shell) FileAction(action, path string) string {
	return s.Path("file-actions", action) + "?path=" + url.QueryEscape(path)
}

// Download is where the bytes of a file are.
func (s Shell) Download(path string) string { return "/api/v1" + s.filePath("files", path) }

// FileCrumbs are the directories above a path, the project's own first.
func (s Shell) FileCrumbs(path string) []Crumb {
	crumbs := []Crumb{{"Files", s.FileURL("")}}
	at := ""
	for _, part := range strings.Split(path, "/") {
		if part == "" {
			continue
		}
		at = strings.TrimPrefix(at+"/"+part, "/")
		crumbs = append(crumbs, Crumb{part, s.FileURL(at)})
	}
	return crumbs
}

// Name is the last part of the directory's path.
func (p FilesPage) Name() string { return p.Dir[strings.LastIndexByte(p.Dir, '/')+1:] }

// Child is the path of an entry of the directory.
func (p FilesPage) Child(name string) string { return strings.TrimPrefix(p.Dir+"/"+name, "/") }

// Used is how much of the quota is taken.
func (p FilesPage) Used() string {
	if p.Usage == nil || p.Usage.Quota == 0 {
		return ""
	}
	return share(p.Usage.Bytes, p.Usage.Quota)
}
