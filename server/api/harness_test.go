package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/block/tier"
	"github.com/bine-ml/bine/dfs/lake/front"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/internal/trial"
	"github.com/bine-ml/bine/server"
	"github.com/bine-ml/bine/server/api"
	"github.com/bine-ml/bine/server/serving"
)

const password = "correct horse battery"

// launches is a Launcher that records what it was asked for.
type launches struct {
	mu    sync.Mutex
	calls []string
	fail  error
}

func (l *launches) note(format string, args ...any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, fmt.Sprintf(format, args...))
	return l.fail
}

func (l *launches) made(call string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.calls, call)
}

func (l *launches) StartRun(_ context.Context, r bine.Run) error { return l.note("run %s", r.ID) }
func (l *launches) CancelRun(_ context.Context, _ bine.ProjectName, r bine.RunID) error {
	return l.note("cancel %s", r)
}
func (l *launches) StartBackfill(_ context.Context, _ bine.ProjectName, id bine.BackfillID) error {
	return l.note("backfill %s", id)
}
func (l *launches) StartTransfer(_ context.Context, _ bine.ProjectName, id bine.TransferID) error {
	return l.note("transfer %s", id)
}
func (l *launches) Wake(_ context.Context, workflow string) error { return l.note("wake %s", workflow) }
func (l *launches) Granted(_ context.Context, g []lease.Grant) error {
	return l.note("granted %d", len(g))
}
func (l *launches) Provision(_ context.Context, p bine.ProjectName) error {
	return l.note("provision %s", p)
}
func (l *launches) DeleteProject(_ context.Context, p bine.ProjectName) error {
	return l.note("delete %s", p)
}
func (l *launches) BuildEnvironment(_ context.Context, _ bine.ProjectName, v int) error {
	return l.note("environment %d", v)
}
func (l *launches) Deploy(_ context.Context, _ bine.ProjectName, n bine.DeploymentName, v int) error {
	return l.note("deploy %s %d", n, v)
}
func (l *launches) StopDeployment(_ context.Context, _ bine.ProjectName, n bine.DeploymentName, forget bool) error {
	return l.note("stop %s %v", n, forget)
}
func (l *launches) Ready(_ context.Context, o bine.Owner) error { return l.note("ready %s", o.Name) }
func (l *launches) SetSchedule(_ context.Context, _ bine.ProjectName, s bine.Schedule) error {
	return l.note("schedule %s %s", s.Name, s.Cron)
}
func (l *launches) DeleteSchedule(_ context.Context, _ bine.ProjectName, n bine.ScheduleName) error {
	return l.note("unschedule %s", n)
}
func (l *launches) TriggerSchedule(_ context.Context, _ bine.ProjectName, n bine.ScheduleName) error {
	return l.note("trigger %s", n)
}
func (l *launches) ScheduleNext(context.Context, bine.ProjectName, bine.ScheduleName) ([]time.Time, error) {
	return []time.Time{time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}, nil
}
func (l *launches) History(_ context.Context, id string) (client.History, error) {
	return client.History{WorkflowID: id, Status: "running", Events: []client.HistoryEvent{}}, l.note("history %s", id)
}

// world is a server on real stores, and people who use it.
type world struct {
	t        testing.TB
	store    *store.Store
	files    *dfs.Tree
	launched *launches
	ledger   *lease.Ledger
	auth     *auth.Auth
	server   *server.Server
	url      string
	log      *strings.Builder
	dir      string // of the host, where connectors may lead to
}

// newWorld gives a server with the projects demo (owned by olga, with the Data
// Scientist sven) and other (owned by mallory); root is the administrator.
func newWorld(t testing.TB, change ...func(*server.Config)) *world {
	t.Helper()
	db := databasetest.SQLite(t)
	s := store.New(db)
	sealer, err := auth.NewSealer(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := tier.New(new(mem.Store), map[string]block.Store{"cold": new(mem.Store)})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: s, files: dfs.New(db, blocks, dfs.Options{Keys: sealer}), launched: &launches{}, ledger: lease.New(db), log: &strings.Builder{}}
	log := slog.New(slog.NewTextHandler(&locked{w: w.log}, nil))
	w.dir = t.TempDir()
	if w.auth, err = auth.New(api.Accounts(s), log, time.Now); err != nil {
		t.Fatal(err)
	}
	lakes := front.NewLakes(s, sealer, front.Options{Dirs: []string{w.dir}})
	c := server.Config{
		API: api.Config{Store: s, Files: front.New(w.files, lakes), Lakes: lakes, Artifacts: newArtifacts(t, w.files), Ledger: w.ledger, Launcher: w.launched, Auth: w.auth, Sealer: sealer,
			Log: log, Version: "test", Grace: time.Minute, LogPoll: 5 * time.Millisecond, Beat: 50 * time.Millisecond, Sweeps: trial.New(s)},
		Serving:  serving.Config{Routes: s, Sealer: sealer, Place: api.RoutePlace, Log: log},
		Registry: prometheus.NewRegistry(), Log: log,
	}
	for _, f := range change {
		f(&c)
	}
	if w.server, err = server.New(c); err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(w.server)
	t.Cleanup(listening.Close)
	t.Cleanup(w.server.API().Close)
	w.url = listening.URL
	w.people()
	return w
}

// locked is a writer that many may use.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (w *world) people() {
	w.t.Helper()
	ctx := w.t.Context()
	hash, err := w.auth.HashPassword(ctx, password)
	w.ok(err)
	for _, name := range []bine.UserName{"root", "olga", "sven", "mallory"} {
		w.ok(w.store.CreateUser(ctx, bine.User{Name: name, Admin: name == "root", CreatedAt: time.Now()}, hash))
	}
	for name, owner := range map[bine.ProjectName]bine.UserName{"demo": "olga", "other": "mallory"} {
		w.ok(w.store.CreateProject(ctx, bine.Project{Name: name, CreatedBy: owner, CreatedAt: time.Now()}))
		w.ok(w.files.MakeProjectTree(ctx, name))
		w.ok(w.store.MoveProject(ctx, name, []bine.ProjectState{bine.ProjectProvisioning}, bine.ProjectReady, ""))
	}
	w.ok(w.store.SetMember(ctx, "demo", bine.Member{User: "sven", Role: bine.DataScientist, AddedBy: "olga", AddedAt: time.Now()}))
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

// as gives a client that acts for somebody with a key for everything.
func (w *world) as(user bine.UserName) *client.Client {
	w.t.Helper()
	scopes := []bine.Scope{bine.ScopeAll}
	if user == "root" {
		scopes = append(scopes, bine.ScopeAgent)
	}
	return w.with(w.key(user, bine.Key{Name: "test", Scopes: scopes}))
}

// with gives a client that presents a key.
func (w *world) with(key string) *client.Client {
	w.t.Helper()
	c, err := client.New(client.Options{URL: w.url, Key: key})
	w.ok(err)
	return c
}

// answered is an answer as it came.
type answered struct {
	status int
	header http.Header
	body   string
}

func (a answered) problem(t *testing.T) client.Problem {
	t.Helper()
	var p client.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("the answer is no problem: %d %s %q", a.status, a.header.Get("Content-Type"), a.body)
	}
	return p
}

// raw sends a request as it is given: path is not cleaned or escaped again.
func (w *world) raw(method, path, key string, body io.Reader, headers ...string) answered {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url, body)
	w.ok(err)
	target, query, _ := strings.Cut(path, "?")
	decoded, err := url.PathUnescape(target)
	w.ok(err)
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = decoded, target, query
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	w.ok(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	w.ok(err)
	return answered{res.StatusCode, res.Header, string(text)}
}

func hashOf(s string) bine.Hash { return bine.Hash(fmt.Sprintf("%x", sha256.Sum256([]byte(s)))) }

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not happen within 10 s", what)
		case <-tick.C:
		}
	}
}
