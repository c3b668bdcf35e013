package webhdfs_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/server"
	"github.com/bine-ml/bine/server/api"
	"github.com/bine-ml/bine/server/serving"
)

// world is a whole server on a real file system, and people who use it.
type world struct {
	t      testing.TB
	store  *store.Store
	files  *dfs.Tree
	auth   *auth.Auth
	server *server.Server
	url    string
	log    *locked
	keys   map[bine.UserName]string
}

// locked is text that many may write.
type locked struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newWorld gives a server with the projects demo (owned by olga, with the Data
// Scientist sven) and other (owned by mallory).
func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOn(t, databasetest.SQLite(t))
}

func newWorldOn(t testing.TB, db *database.DB) *world {
	t.Helper()
	s := store.New(db)
	w := &world{t: t, store: s, files: dfs.New(db, new(mem.Store), dfs.Options{}), log: &locked{}, keys: map[bine.UserName]string{}}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	w.auth, err = auth.New(api.Accounts(s), log, time.Now)
	w.ok(err)
	sealer, err := auth.NewSealer(make([]byte, 32))
	w.ok(err)
	w.server, err = server.New(server.Config{
		API:     api.Config{Store: s, Files: w.files, Ledger: lease.New(db), Launcher: noLauncher{}, Auth: w.auth, Sealer: sealer, Log: log, Version: "test", Grace: time.Minute},
		Serving: serving.Config{Routes: s, Sealer: sealer, Place: api.RoutePlace, Log: log},
		Files:   w.files, Registry: prometheus.NewRegistry(), Log: log,
	})
	w.ok(err)
	listening := httptest.NewServer(w.server)
	t.Cleanup(listening.Close)
	t.Cleanup(w.server.API().Close)
	w.url = listening.URL
	w.people()
	return w
}

// noLauncher starts nothing: the reconciler would.
type noLauncher struct{ api.Launcher }

// StartTransfer does nothing.
func (noLauncher) StartTransfer(context.Context, bine.ProjectName, bine.TransferID) error { return nil }

func (w *world) people() {
	w.t.Helper()
	ctx := w.t.Context()
	for _, name := range []bine.UserName{"olga", "sven", "mallory"} {
		w.ok(w.store.CreateUser(ctx, bine.User{Name: name, CreatedAt: time.Now()}, "no password"))
	}
	for name, owner := range map[bine.ProjectName]bine.UserName{"demo": "olga", "other": "mallory"} {
		w.ok(w.store.CreateProject(ctx, bine.Project{Name: name, CreatedBy: owner, CreatedAt: time.Now()}))
		w.ok(w.files.MakeProjectTree(ctx, name))
		w.ok(w.store.MoveProject(ctx, name, []bine.ProjectState{bine.ProjectProvisioning}, bine.ProjectReady, ""))
	}
	w.ok(w.store.SetMember(ctx, "demo", bine.Member{User: "sven", Role: bine.DataScientist, AddedBy: "olga", AddedAt: time.Now()}))
	for _, name := range []bine.UserName{"olga", "sven", "mallory"} {
		w.keys[name] = w.key(name, bine.Key{Scopes: []bine.Scope{bine.ScopeAll}})
	}
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// key gives an API key of somebody's.
func (w *world) key(user bine.UserName, k bine.Key) string {
	w.t.Helper()
	text, _, err := w.auth.NewKey(w.t.Context(), auth.Identity{User: user, Admin: true}, k)
	w.ok(err)
	return text
}

// job gives the token of a running attempt in demo that acts for somebody.
func (w *world) job(user bine.UserName) string {
	w.t.Helper()
	owner := bine.Owner{Project: "demo", Kind: bine.OwnerDeployment, Name: "d@1"}
	a, err := w.store.StartAttempt(w.t.Context(), owner, 1, bine.Process{Owner: owner, Python: "s.py", Resources: bine.Resources{CPU: 1, Memory: 1 << 20}, LogLimit: 1 << 20})
	w.ok(err)
	token, err := w.auth.JobToken(w.t.Context(), a.ID, user)
	w.ok(err)
	return token
}

// put makes a file as the platform.
func (w *world) put(path, content string) {
	w.t.Helper()
	_, err := w.files.Create(context.Background(), dfs.Platform(), path, strings.NewReader(content), dfs.CreateOptions{Overwrite: true, Parents: true})
	w.ok(err)
}

// got is an answer as it came.
type got struct {
	status int
	header http.Header
	body   string
}

// into reads the JSON of an answer.
func (g got) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(g.body), v); err != nil || g.header.Get("Content-Type") != "application/json" {
		t.Fatalf("the answer is no JSON: %d %s %q", g.status, g.header.Get("Content-Type"), g.body)
	}
}

// exception names the exception of an answer, "" if it is none.
func (g got) exception() string {
	var e struct {
		RemoteException struct{ Exception, JavaClassName, Message string }
	}
	if json.Unmarshal([]byte(g.body), &e) != nil {
		return ""
	}
	if x := e.RemoteException; x.Exception != "" && (x.Message == "" || !strings.HasSuffix(x.JavaClassName, "."+x.Exception)) {
		return "half an exception: " + g.body
	}
	return e.RemoteException.Exception
}

// send sends a request as it is given: the address is not cleaned, and what it
// redirects to is not followed.
func (w *world) send(method, address string, body io.Reader, headers ...string) got {
	w.t.Helper()
	if !strings.Contains(address, "://") {
		address = w.url + "/webhdfs/v1" + address
	}
	base, rest, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	target, query, _ := strings.Cut("/"+rest, "?")
	r, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+base, body)
	w.ok(err)
	decoded, err := url.PathUnescape(target)
	w.ok(err)
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = decoded, target, query
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	w.ok(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	w.ok(err)
	return got{res.StatusCode, res.Header, string(text)}
}

// as sends a request with a key, without a body.
func (w *world) as(key, method, address string) got {
	w.t.Helper()
	return w.send(method, address, nil, "Authorization", "Bearer "+key)
}

// olga, sven and mallory send a request each.
func (w *world) olga(method, address string) got    { return w.as(w.keys["olga"], method, address) }
func (w *world) sven(method, address string) got    { return w.as(w.keys["sven"], method, address) }
func (w *world) mallory(method, address string) got { return w.as(w.keys["mallory"], method, address) }

// upload goes both steps of CREATE or APPEND.
func (w *world) upload(key, method, address, content string) got {
	w.t.Helper()
	first := w.as(key, method, address)
	if first.status != http.StatusTemporaryRedirect {
		return first
	}
	return w.send(method, first.header.Get("Location"), strings.NewReader(content))
}
