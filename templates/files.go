package templates

import (
	"html/template"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// PathPage is what the pages of a directory and of a file have in common: what
// surrounds the content of a path. The parts of path.html are about it.
type PathPage struct {
	Shell
	File    client.File // of the project's own directory, only Dir is set
	Tab     string      // files, usage, preview, changes or details
	Changes []client.PathChange
	More    string             // cursor of older changes
	Limits  []client.FileLimit // the quotas that the path counts towards
	Policy  *client.FilePolicy // how it is kept; nil where that was not asked for or nothing says it
}

// FilesPage shows a directory of a project.
type FilesPage struct {
	PathPage
	Dir    string // relative to the project, without slashes at its ends; empty is the top
	Files  []client.File
	Next   string // cursor of the next page
	Filter string // what names have to have in them, or begin with where it ends in a *
	Sort   string // size or modified; empty is by name
	Note   string // why it is not sorted as was asked
	Usage  *client.FileUsage
	Map    *UsageMap // what uses its space, where that was asked for
	// Readme is the beginning of the directory's README; its Kind is empty where there is none.
	Readme Preview
	Begun  []client.PartialUpload // of the reader, into this directory
}

// FilePage shows one file.
type FilePage struct {
	PathPage
	Preview Preview
}

// PickerPart is a choice of a directory.
type PickerPart struct {
	Shell
	Dir  string
	Dirs []string // names
	More bool     // there are others that are not listed
}

// Preview is the beginning of a file, as far as it can be shown.
type Preview struct {
	client.FilePreview
	Image string // address
}

// Type is the type of a column, empty where it has none.
func (p Preview) Type(column int) string {
	if column < len(p.Types) {
		return p.Types[column]
	}
	return ""
}

var (
	filesPage  = load("files.html", "files_head.html", "files_list.html", "files_select.html", "usage.html", "path.html", "limits.html", "preview.html")
	filePage   = load("file.html", "path.html", "limits.html", "preview.html")
	pickerPart = load("picker.html")
)

func (p FilesPage) page() *template.Template { return filesPage }
func (p FilePage) page() *template.Template  { return filePage }

func (p PickerPart) page() *template.Template { return pickerPart }

// Here is the path, relative to the project.
func (p PathPage) Here() string { return p.File.Path }

// Elsewhere reports whether a connector leads to the path: there is less to say of it.
func (p PathPage) Elsewhere() bool {
	return p.File.Path == bine.LakeDir || strings.HasPrefix(p.File.Path, bine.LakeDir+"/")
}

// Tabs are the views of the path.
func (p PathPage) Tabs() []Link {
	names := []string{"preview", "changes", "details"}
	switch {
	case p.Elsewhere() && p.File.Dir:
		names = []string{"files"}
	case p.Elsewhere():
		names = []string{"preview"}
	case p.File.Dir:
		names = []string{"files", "usage", "changes", "details"}
	}
	words := map[string]string{"files": "Files", "usage": "Space", "preview": "Preview", "changes": "Changes", "details": "Details"}
	var tabs []Link
	for i, name := range names {
		link := Link{Name: words[name], URL: p.FileURL(p.File.Path) + "?tab=" + name, Here: name == p.Tab}
		if i == 0 {
			link.URL = p.FileURL(p.File.Path)
		}
		tabs = append(tabs, link)
	}
	return tabs
}

// tagPrefix is how the extended attributes begin that are shown as tags.
const tagPrefix = "user.tag."

// Attr is an extended attribute.
type Attr struct{ Key, Name, Value string }

func (p PathPage) attrs(tags bool) (list []Attr) {
	for _, key := range slices.Sorted(maps.Keys(p.File.Attrs)) {
		name, tag := strings.CutPrefix(key, tagPrefix)
		if tag == tags && !strings.HasPrefix(key, "bine.") {
			list = append(list, Attr{key, name, p.File.Attrs[key]})
		}
	}
	return list
}

// TagList are the tags of the path.
func (p PathPage) TagList() []Attr { return p.attrs(true) }

// AttrList are the other extended attributes.
func (p PathPage) AttrList() []Attr { return p.attrs(false) }

// Right is one bit of a mode.
type Right struct {
	Name string
	Bit  uint32
	Set  bool
}

// Rights are the bits of the mode for the owner, the group and everybody else.
type Rights struct {
	Who  string
	Bits []Right
}

// RightsList is the mode of the path, as it can be chosen.
func (p PathPage) RightsList() (list []Rights) {
	enter := "run"
	if p.File.Dir {
		enter = "enter"
	}
	for i, who := range []string{"Owner", "Group", "Others"} {
		r := Rights{Who: who}
		for j, name := range []string{"read", "write", enter} {
			bit := uint32(1) << (8 - 3*i - j)
			r.Bits = append(r.Bits, Right{name, bit, p.File.Mode&bit != 0})
		}
		list = append(list, r)
	}
	return list
}

// Groups are the groups that the path may have.
func (p PathPage) Groups() []string {
	if p.Project == nil {
		return nil
	}
	list := []string{string(p.Project.Name) + "__data_scientist", string(p.Project.Name) + "__data_owner"}
	if p.File.Group != "" && !slices.Contains(list, p.File.Group) {
		list = append(list, p.File.Group)
	}
	return list
}

// ChangeRow is a change with where to look at what it was of.
type ChangeRow struct {
	client.PathChange
	URL string // empty where it is gone, as far as the later changes tell
}

// ChangeRows are the changes, the last first.
func (p PathPage) ChangeRows() (rows []ChangeRow) {
	gone := map[string]bool{}
	for _, c := range p.Changes {
		row := ChangeRow{PathChange: c}
		if c.Op == "removed" {
			gone[c.Path] = true
		}
		there := !gone[c.Path]
		for dir := path.Dir(c.Path); there && dir != "." && dir != "/"; dir = path.Dir(dir) {
			there = !gone[dir]
		}
		if there {
			row.URL = p.FileURL(c.Path)
		}
		if c.From != "" {
			gone[c.From] = true
		}
		if c.Op == "created" { // what was there before is another
			gone[c.Path] = true
		}
		rows = append(rows, row)
	}
	return rows
}

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

// Removal says what comes of a file that is deleted here.
func (s Shell) Removal(path string) string {
	if strings.HasPrefix(path, bine.LakeDir+"/") {
		return "It is deleted for good, where the connector leads to."
	}
	return "It goes into the trash and can be restored for a week."
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

// Sorted gives the address of the list in an order.
func (p FilesPage) Sorted(by string) string { return p.With("sort", by, "after", "") }

// ArchiveURL downloads all of the directory.
func (p FilesPage) ArchiveURL(format string) string {
	dir := p.Dir
	if dir == "" {
		dir = "/"
	}
	return p.API("archive") + "?" + url.Values{"format": {format}, "path": {dir}}.Encode()
}

// Order is a way to sort the list: at its head, or a link to it.
type Order struct {
	Name, URL string
	Here      bool
}

// Order gives a way to sort. There is none where only a part is listed: it would
// be sorted as if it were all.
func (p FilesPage) Order(by, name string) Order {
	o := Order{Name: name, Here: p.Sort == by}
	if p.Next == "" {
		o.URL = p.Sorted(by)
	}
	return o
}

// Do is a button that does something to all that is selected.
type Do struct{ Action, URL, Name, Class string }

// Do gives a button.
func (p FilesPage) Do(action, name, class string) Do {
	return Do{action, p.FileAction(action, p.Dir), name, class}
}

// Filtered reports whether only some names are listed.
func (p FilesPage) Filtered() bool { return p.Filter != "" }

// Parent is the directory above.
func (p PickerPart) Parent() string { return strings.Trim(path.Dir("/"+p.Dir), "/") }

// Child is the path of a directory that is listed.
func (p PickerPart) Child(name string) string { return strings.TrimPrefix(p.Dir+"/"+name, "/") }

// At gives the address of the choice in a directory.
func (p PickerPart) At(dir string) string {
	return p.Path("picker") + "?dir=" + url.QueryEscape(dir)
}

// Used is how much of the quota is taken.
func (p FilesPage) Used() string {
	if p.Usage == nil || p.Usage.Quota == 0 {
		return ""
	}
	return share(p.Usage.Bytes, p.Usage.Quota)
}
