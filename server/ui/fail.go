package ui

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/templates"
)

// statuses say how a kind of error is answered.
var statuses = map[bine.Kind]int{
	bine.Invalid: http.StatusUnprocessableEntity, bine.Unauthenticated: http.StatusUnauthorized, bine.Forbidden: http.StatusForbidden,
	bine.NotFound: http.StatusNotFound, bine.Conflict: http.StatusConflict, bine.NoQuota: http.StatusInsufficientStorage,
	bine.Leased: http.StatusLocked, bine.Unavailable: http.StatusServiceUnavailable, bine.TooLarge: http.StatusRequestEntityTooLarge,
}

// fail answers an error: in place where a form of htmx waits for its answer,
// else as a page. Who is not signed in is asked to.
func (c *call) fail(err error) {
	if c.ctx().Err() != nil {
		return // nobody waits for the answer
	}
	if bine.IsKind(err, bine.Unauthenticated) {
		c.askToSignIn()
		return
	}
	status, problem := c.describe(err)
	if c.htmx() && c.r.Method == http.MethodPost {
		if err := c.fragment(status, templates.ProblemPart{Problem: problem}, "problem"); err != nil {
			c.config.Log.ErrorContext(c.ctx(), "page failed", "path", c.r.URL.Path, "error", err)
		}
		return
	}
	page := templates.ErrorPage{Shell: c.bare("Not possible"), Status: status, Message: problem.Message, Details: problem.Details, Request: c.w.Header().Get("X-Request-Id")}
	if me, err := c.api.Me(c.ctx()); err == nil {
		page.User, page.Admin = me.User, me.Admin
	}
	page.Title = page.Headline()
	if err := c.showStatus(status, page); err != nil {
		http.Error(c.w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
}

// describe gives the status of an error and what is told of it. What is our own
// fault is logged and told in general terms.
func (c *call) describe(err error) (int, templates.Problem) {
	e, ok := errors.AsType[*bine.Error](err)
	if status, known := statuses[bine.KindOf(err)]; ok && known {
		return status, templates.Problem{Message: e.Message, Details: e.Details}
	}
	c.config.Log.ErrorContext(c.ctx(), "page failed", "path", c.r.URL.Path, "error", err)
	return http.StatusInternalServerError, templates.Problem{Message: "The server could not do this. What happened is in its log."}
}

// askToSignIn sends the reader to the page for that, and back afterwards.
func (c *call) askToSignIn() {
	next := c.r.URL.RequestURI()
	if c.r.Method != http.MethodGet || c.htmx() {
		next = "/"
		if u, err := url.Parse(c.r.Header.Get("HX-Current-URL")); err == nil && u.Path != "" {
			next = u.RequestURI()
		}
	}
	_ = c.goTo("/sign-in?next=" + url.QueryEscape(next))
}

func notFound(c *call) error {
	if _, err := c.api.Me(c.ctx()); err != nil {
		return err
	}
	return bine.Errorf(bine.NotFound, "There is no page at %s.", c.r.URL.Path)
}
