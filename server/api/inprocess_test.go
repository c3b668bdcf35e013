package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// inProcess hands requests to a handler without a connection, as the pages do.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestASessionIsGoodForCallsInProcess(t *testing.T) {
	w := newWorld(t)
	login := w.raw("POST", "/api/v1/auth/login", "", strings.NewReader(`{"user":"sven","password":"`+password+`"}`), "Content-Type", "application/json")
	cookie, _, _ := strings.Cut(login.header.Get("Set-Cookie"), ";")
	c, err := client.New(client.Options{URL: "http://bine.internal", HTTP: &http.Client{Transport: withCookie{inProcess{w.server}, cookie}}})
	w.ok(err)
	me, err := c.Me(t.Context())
	w.ok(err)
	same(t, "Me", me.User, "sven")
	_, err = c.Upload(t.Context(), "demo", "Resources/a.py", strings.NewReader("print()"), false)
	w.ok(err)
	r, err := c.Download(t.Context(), "demo", "Resources/a.py", 0, 0)
	same(t, "Download", read(t, r, err), "print()")
}

// withCookie sends a cookie along.
type withCookie struct {
	next   http.RoundTripper
	cookie string
}

func (c withCookie) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Cookie", c.cookie)
	return c.next.RoundTrip(r)
}

func BenchmarkDescribeRun(b *testing.B) {
	w := newWorld(b)
	run := w.run("sven")
	c := w.as("sven")
	for b.Loop() {
		if _, err := c.Run(b.Context(), "demo", run.ID); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStartRun(b *testing.B) {
	w := newWorld(b)
	w.run("sven")
	key := w.key("sven", bine.Key{Scopes: []bine.Scope{bine.ScopeRun}})
	c := w.with(key)
	for b.Loop() {
		if _, err := c.StartRun(b.Context(), "demo", "flights", client.NewRun{}); err != nil {
			b.Fatal(err)
		}
	}
}
