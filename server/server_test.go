package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/server"
	"github.com/bine-ml/bine/server/api"
	"github.com/bine-ml/bine/server/serving"
)

// newServer gives a server whose pages are ui.
func newServer(t *testing.T, ui http.HandlerFunc, log io.Writer, checks ...server.Check) *server.Server {
	t.Helper()
	s := store.New(databasetest.SQLite(t))
	logger := slog.New(slog.NewJSONHandler(log, nil))
	a, err := auth.New(api.Accounts(s), logger, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	made, err := server.New(server.Config{
		API:     api.Config{Store: s, Auth: a, Log: logger, Version: "test"},
		Serving: serving.Config{Routes: s, Log: logger}, UI: ui,
		Registry: prometheus.NewRegistry(), Log: logger, Ready: checks,
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func get(s http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func page(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/panic" {
		panic("a page broke\nwith a line")
	}
	io.WriteString(w, "page "+r.URL.Path)
}

func TestWhoAnswersWhat(t *testing.T) {
	s := newServer(t, page, io.Discard)
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/":                      {200, "page /"},
		"/projects/demo":         {200, "page /projects/demo"},
		"/healthz":               {200, "ok"},
		"/readyz":                {200, "ready"},
		"/metrics":               {200, "bine_http_requests_total"},
		"/api/v1/version":        {200, `"version":"test"`},
		"/api/v1/nothing":        {404, "not_found"},
		"/api/openapi.yaml":      {200, "openapi: 3.1"},
		"/serving/a":             {404, "not_found"},
		"/serving/a/b/v2":        {401, "unauthenticated"},
		"/api/v1/projects/x/":    {404, "not_found"},
		"/api/v1//projects":      {404, "not_found"},
		"/API/v1/version":        {200, "page /API/v1/version"},
		"/api/v1/projects/%2fx/": {404, "not_found"},
	} {
		get(s, "GET", "/api/v1/version") // so that there is something to count
		if got := get(s, "GET", path); got.Code != want.status || !strings.Contains(got.Body.String(), want.body) {
			t.Errorf("GET %s = %d %.120q, want %d with %q", path, got.Code, got.Body, want.status, want.body)
		}
	}
}

func TestEveryAnswerIsHardened(t *testing.T) {
	s := newServer(t, page, io.Discard)
	for _, path := range []string{"/", "/api/v1/version", "/api/v1/nothing", "/healthz"} {
		h := get(s, "GET", path).Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Request-Id") == "" || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("GET %s has the headers %v", path, h)
		}
	}
}

func TestRequestsOfOtherSitesAreRefusedEverywhere(t *testing.T) {
	s := newServer(t, page, io.Discard)
	for _, path := range []string{"/login", "/api/v1/auth/login", "/serving/a/b/v2/models/m/infer"} {
		if got := get(s, "POST", path, "Sec-Fetch-Site", "cross-site"); got.Code != 403 {
			t.Errorf("a cross-site POST %s answers %d, want 403", path, got.Code)
		}
	}
	if got := get(s, "POST", "/login", "Sec-Fetch-Site", "same-origin"); got.Code != 200 {
		t.Errorf("a POST of the site itself answers %d, want 200", got.Code)
	}
}

func TestAPanicIsAProblemAndOneLineOfTheLog(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, page, &log)
	got := get(s, "GET", "/panic")
	if got.Code != 500 || strings.Contains(got.Body.String(), "broke") || !strings.Contains(got.Body.String(), got.Header().Get("X-Request-Id")) {
		t.Errorf("a panic answers %d %s, want a problem with the request's id and no more", got.Code, got.Body)
	}
	if !strings.Contains(log.String(), `a page broke\nwith a line`) {
		t.Errorf("the log is %s", &log)
	}
}

func TestNotReadyNamesThePart(t *testing.T) {
	s := newServer(t, page, io.Discard, server.Check{Name: "database", Run: func(context.Context) error { return errors.New("password=x") }})
	if got := get(s, "GET", "/readyz"); got.Code != 503 || got.Body.String() != "not ready: database\n" {
		t.Errorf("readyz = %d %q, want the part and no reason", got.Code, got.Body)
	}
}

func TestRequestsAreCountedByOperationAndNeverByPath(t *testing.T) {
	s := newServer(t, page, io.Discard)
	get(s, "GET", "/api/v1/projects/secret-name/runs")
	get(s, "GET", "/made-up/by-a-caller")
	text := get(s, "GET", "/metrics").Body.String()
	if !strings.Contains(text, `bine_http_requests_total{operation="list-runs",status="401"} 1`) || strings.Contains(text, "secret-name") || strings.Contains(text, "made-up") {
		t.Errorf("the metrics are\n%s", text)
	}
}

func TestShuttingDownWaitsForNoStream(t *testing.T) {
	s := newServer(t, page, io.Discard)
	h := server.HTTP(s)
	if h.ReadHeaderTimeout == 0 || h.IdleTimeout == 0 {
		t.Error("the server has no timeouts for connections")
	}
	if err := server.Shutdown(h, time.Second); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
}

func TestAPageThatWaitsForAStalledFormGivesUp(t *testing.T) {
	failed := make(chan error, 1)
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		failed <- err
	}, io.Discard)
	s.API().Idle = 50 * time.Millisecond
	listening := httptest.NewServer(s)
	defer listening.Close()
	conn, err := net.Dial("tcp", listening.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST /projects/demo/file-actions/upload HTTP/1.1\r\nHost: bine\r\nContent-Length: 10\r\n\r\n01234")
	select {
	case err := <-failed:
		if !bine.IsKind(err, bine.Unavailable) {
			t.Errorf("the page reads %v, want Unavailable", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the page still waits for the rest of the form")
	}
}
