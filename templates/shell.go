package templates

import (
	"net/url"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/templates/assets"
)

// Shell is what every page has around it.
type Shell struct {
	Title   string
	Crumbs  []Crumb
	User    bine.UserName // empty: nobody is signed in
	Admin   bool
	Project *bine.Project // nil outside of projects
	Section string        // entry of the navigation that the page belongs to
	Cluster *bine.Cluster // nil where it is not known
	Live    string        // address of the page's stream of events; empty: none
	Self    string        // path and query of the page
	Address string        // of the installation, for what is to be copied
	Version string
	Notice  string // what has just been done
	Now     time.Time
	Assets  assets.Set
}

// Crumb is one link of the way to a page.
type Crumb struct{ Name, URL string }

func (s Shell) section() string { return s.Section }

// Owner reports whether the reader may do what takes a Data Owner in the project.
func (s Shell) Owner() bool { return s.Project != nil && s.Project.Role.Includes(bine.DataOwner) }

// Member reports whether the reader has a role in the project at all.
func (s Shell) Member() bool { return s.Project != nil && s.Project.Role != "" }

// Path gives the address of something in the project; segments are escaped.
func (s Shell) Path(segments ...any) string {
	if s.Project == nil {
		return join(segments...)
	}
	return join(append([]any{"projects", s.Project.Name}, segments...)...)
}

// API gives the address of something in the project in the REST API.
func (s Shell) API(segments ...any) string { return "/api/v1" + s.Path(segments...) }

// With gives the address of this page with other values in its query, given as
// name and value in turn; an empty value removes the name.
func (s Shell) With(pairs ...any) string {
	u, err := url.Parse(s.Self)
	if err != nil {
		return s.Self
	}
	q := u.Query()
	q.Del("notice")
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := text(pairs[i]), text(pairs[i+1])
		if value == "" {
			q.Del(name)
			continue
		}
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// Links are the entries of the navigation inside a project.
func (s Shell) Links() []Link {
	if s.Project == nil {
		return nil
	}
	var links []Link
	for _, l := range [][3]string{
		{"overview", "Overview", "home"}, {"runs", "Runs", "runs"}, {"pipelines", "Pipelines", "pipeline"}, {"jobs", "Jobs", "job"},
		{"schedules", "Schedules", "clock"}, {"backfills", "Backfills", "pipeline"}, {"approvals", "Approvals", "check"}, {"files", "Files", "folder"}, {"environments", "Environment", "package"},
		{"experiments", "Experiments", "runs"}, {"models", "Models", "model"}, {"deployments", "Deployments", "deploy"}, {"workflows", "Workflows", "history"}, {"pools", "Pools", "package"}, {"members", "Members", "members"},
	} {
		path := s.Path(l[0])
		if l[0] == "overview" {
			path = s.Path()
		}
		links = append(links, Link{Name: l[1], URL: path, Icon: l[2], Here: l[0] == s.Section})
	}
	return links
}

// Link is an entry of the navigation.
type Link struct {
	Name, URL, Icon string
	Here            bool
}

// Initial is what the reader's mark shows.
func (s Shell) Initial() string {
	if s.User == "" {
		return "?"
	}
	return strings.ToUpper(string(s.User[:1]))
}

// join makes a path of segments, each escaped.
func join(segments ...any) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(text(s)))
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}
