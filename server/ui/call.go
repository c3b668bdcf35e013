package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

// call is one request for a page, with the API as its reader may use it.
type call struct {
	*UI
	w     http.ResponseWriter
	r     *http.Request
	api   *client.Client
	inner *inProcess
}

func (c *call) ctx() context.Context           { return c.r.Context() }
func (c *call) project() bine.ProjectName      { return bine.ProjectName(c.r.PathValue("project")) }
func (c *call) name() string                   { return c.r.PathValue("name") }
func (c *call) run() bine.RunID                { return bine.RunID(c.r.PathValue("run")) }
func (c *call) query(name string) string       { return c.r.URL.Query().Get(name) }
func (c *call) now() time.Time                 { return c.config.Now() }
func (c *call) htmx() bool                     { return c.r.Header.Get("HX-Request") == "true" }
func (c *call) path(segments ...string) string { return projectPath(c.project(), segments...) }

// number reads a number of the query; 0 where there is none.
func (c *call) number(name string) int {
	n, _ := strconv.Atoi(c.query(name))
	return max(n, 0)
}

func projectPath(p bine.ProjectName, segments ...string) string {
	path := "/projects/" + url.PathEscape(string(p))
	for _, s := range segments {
		path += "/" + url.PathEscape(s)
	}
	return path
}

// shell gathers what is around a page. Outside of a project section names the
// entry of the navigation, inside too.
func (c *call) shell(title, section string) (templates.Shell, error) {
	s := c.bare(title)
	me, err := c.api.Me(c.ctx())
	if err != nil {
		return s, err
	}
	s.User, s.Admin, s.Section = me.User, me.Admin, section
	if c.project() != "" {
		p, err := c.api.Project(c.ctx(), c.project())
		if err != nil {
			return s, err
		}
		s.Project = &p
		s.Live = s.API("events")
		s.Crumbs = []templates.Crumb{{Name: string(p.Name), URL: s.Path()}}
	}
	if c.part() == "" {
		s.Cluster = c.cluster()
	}
	return s, nil
}

// bare is the shell of a page for nobody in particular.
func (c *call) bare(title string) templates.Shell {
	return templates.Shell{
		Title: title, Self: c.r.URL.RequestURI(), Now: c.now(), Version: c.config.Version, Assets: c.assets,
		Address: c.address(), Notice: notices[c.query("notice")],
	}
}

// notices are what a page may say has just been done; the address carries the
// name only, so that no link can put words into the page.
var notices = map[string]string{
	"saved": "Saved.", "works": "The connector works.", "copying": "Started; what is copied shows in the list.", "stored": "Stored.", "deleted": "Deleted.", "triggered": "Started; the run appears in a moment.",
	"password": "The password is changed. All other sessions have ended.", "uploaded": "Uploaded.", "renamed": "Renamed.", "moved": "Moved.", "copied": "Copied.", "trashed": "Deleted. It can be restored from the trash for a week.", "restored": "Restored.", "asked": "Asked. The dataset is listed here as soon as it is offered.",
}

func (c *call) cluster() *bine.Cluster {
	sums, err := c.api.Cluster(c.ctx())
	if err != nil {
		return nil // the page is shown all the same
	}
	return &sums
}

func (c *call) address() string {
	if c.config.Address != "" {
		return strings.TrimRight(c.config.Address, "/")
	}
	if c.r.TLS != nil {
		return "https://" + c.r.Host
	}
	return "http://" + c.r.Host
}

// part is the id of the element that htmx asks for; empty where it is a page.
func (c *call) part() string {
	if !c.htmx() || c.r.Header.Get("HX-Request-Type") == "full" {
		return ""
	}
	_, id, _ := strings.Cut(c.r.Header.Get("HX-Target"), "#")
	return id
}

// show answers a page, or the part of it that was asked for. It is rendered
// before anything is sent, so a fault of a template is no half page.
func (c *call) show(p templates.Page) error { return c.showStatus(http.StatusOK, p) }

func (c *call) showStatus(status int, p templates.Page) error {
	var buf bytes.Buffer
	part := c.part()
	var err error
	if part != "" && templates.HasPart(p, part) {
		err = templates.RenderPart(&buf, p, part)
	} else {
		err = templates.Render(&buf, p)
	}
	if err != nil {
		return err
	}
	c.send(status, buf.Bytes())
	return nil
}

// fragment answers one block, whatever was asked for.
func (c *call) fragment(status int, p templates.Page, part string) error {
	var buf bytes.Buffer
	if err := templates.RenderPart(&buf, p, part); err != nil {
		return err
	}
	c.send(status, buf.Bytes())
	return nil
}

func (c *call) send(status int, body []byte) {
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "HX-Request, HX-Target, Cookie")
	c.takeCookies()
	c.w.WriteHeader(status)
	if _, err := c.w.Write(body); err != nil {
		c.config.Log.DebugContext(c.ctx(), "reader went away", "path", c.r.URL.Path, "error", err)
	}
}

// stream sends text to a reader who waits for more.
func (c *call) stream(text string) error {
	h := c.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	if _, err := io.WriteString(c.w, text); err != nil {
		return err
	}
	return http.NewResponseController(c.w).Flush()
}

// takeCookies hands the cookies that the API set to the reader.
func (c *call) takeCookies() {
	c.inner.mu.Lock()
	defer c.inner.mu.Unlock()
	for _, cookie := range c.inner.cookies {
		c.w.Header().Add("Set-Cookie", cookie)
	}
	c.inner.cookies = nil
}

// goTo sends the reader to another page after something was done.
func (c *call) goTo(path string) error {
	c.takeCookies()
	if c.htmx() {
		c.w.Header().Set("HX-Redirect", path)
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(c.w, c.r, path, http.StatusSeeOther)
	return nil
}

// back sends the reader to a page with a notice.
func (c *call) back(path, notice string) error {
	if notice == "" {
		return c.goTo(path)
	}
	return c.goTo(path + "?notice=" + url.QueryEscape(notice))
}

const maxForm = 4 << 20

// form reads the fields of a form that carries no files.
func (c *call) form() (url.Values, error) {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxForm)
	if err := c.r.ParseMultipartForm(maxForm); err != nil && err != http.ErrNotMultipart {
		return nil, bine.Errorf(bine.Invalid, "the form could not be read: %w", err)
	}
	return c.r.PostForm, nil
}

// confirmed reads the form of a removal and says no unless name was typed out.
func (c *call) confirmed(name string) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	if f.Get("confirm") != name {
		return bine.Errorf(bine.Invalid, "type %s to confirm", name)
	}
	return nil
}

// lines splits a field into its lines, without empty ones.
func lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// whole reads a number of a form; an empty field is 0.
func whole(f url.Values, field string) (int, error) {
	text := strings.TrimSpace(f.Get(field))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, bine.Errorf(bine.Invalid, "%s: %q is no number", field, text)
	}
	return n, nil
}

// decimal reads a number of a form; an empty field is 0.
func decimal(f url.Values, field string) (float64, error) {
	text := strings.TrimSpace(f.Get(field))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, bine.Errorf(bine.Invalid, "%s: %q is no number", field, text)
	}
	return n, nil
}

// params reads the fields param.<name> as the values of params of a definition.
// What is empty keeps its default.
func params(f url.Values, d templates.Definition) (map[string]json.RawMessage, error) {
	values := map[string]json.RawMessage{}
	for _, p := range d.Params {
		text, given := f.Get("param."+p.Name), f.Has("param."+p.Name)
		if !given || (text == "" && (p.Type != "string" || p.Required())) || (given && !p.Required() && text == p.Value()) {
			continue
		}
		if p.Type == "string" {
			values[p.Name], _ = json.Marshal(text)
			continue
		}
		if !json.Valid([]byte(text)) {
			return nil, bine.Errorf(bine.Invalid, "%s: %q is no %s", p.Name, text, p.Type)
		}
		values[p.Name] = json.RawMessage(text)
	}
	return values, nil
}
