package ui

import (
	"net/http"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates"
)

func showSignIn(c *call) error {
	if _, err := c.api.Me(c.ctx()); err == nil {
		return c.goTo(local(c.query("next")))
	}
	return c.show(templates.SignInPage{Shell: c.bare("Sign in"), Next: local(c.query("next"))})
}

func signIn(c *call) error {
	f, err := c.form()
	if err != nil {
		return err
	}
	next := local(f.Get("next"))
	_, err = c.api.Login(c.ctx(), client.Login{User: bine.UserName(strings.TrimSpace(f.Get("user"))), Password: f.Get("password")})
	if err != nil {
		status, problem := c.describe(err)
		if bine.IsKind(err, bine.Unauthenticated) {
			status = http.StatusUnauthorized
		}
		return c.showStatus(status, templates.SignInPage{Shell: c.bare("Sign in"), Next: next, Problem: problem.Message})
	}
	return c.goTo(next)
}

func signOut(c *call) error {
	if err := c.api.Logout(c.ctx()); err != nil && !bine.IsKind(err, bine.Unauthenticated) {
		return err
	}
	return c.goTo("/sign-in")
}

// local gives next if it is a path on this server, else the first page: a link
// must not send people elsewhere.
func local(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(next, "/sign-") {
		return "/"
	}
	return next
}
