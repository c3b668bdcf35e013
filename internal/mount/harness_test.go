package mount_test

import (
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/mount"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/server"
	"github.com/bine-ml/bine/server/api"
	"github.com/bine-ml/bine/server/serving"
)

// world is a server on a real file system, with the project demo of olga, in
// which sven is a Data Scientist.
type world struct {
	t         testing.TB
	store     *store.Store
	files     *dfs.Tree
	auth      *auth.Auth
	server    *server.Server
	listening *httptest.Server
	url       string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("CI needs /dev/fuse and root")
		}
		t.Skip("left out: mounting takes /dev/fuse and, here, root")
	}
	db := databasetest.SQLite(t)
	s := store.New(db)
	w := &world{t: t, store: s, files: dfs.New(db, new(mem.Store), dfs.Options{})}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	var err error
	w.auth, err = auth.New(api.Accounts(s), log, time.Now)
	w.ok(err)
	sealer, err := auth.NewSealer(make([]byte, 32))
	w.ok(err)
	w.server, err = server.New(server.Config{
		API:     api.Config{Store: s, Files: w.files, Ledger: lease.New(db), Auth: w.auth, Sealer: sealer, Log: log, Version: "test", Grace: time.Minute},
		Serving: serving.Config{Routes: s, Sealer: sealer, Place: api.RoutePlace, Log: log},
		Files:   w.files, Registry: prometheus.NewRegistry(), Log: log,
	})
	w.ok(err)
	t.Cleanup(w.server.API().Close)
	w.serve("127.0.0.1:0")
	t.Cleanup(func() { w.listening.Close() })
	w.people()
	return w
}

// serve listens, at the same address as before where one is given.
func (w *world) serve(address string) {
	w.t.Helper()
	l, err := net.Listen("tcp", address)
	w.ok(err)
	w.listening = httptest.NewUnstartedServer(w.server)
	w.listening.Listener.Close()
	w.listening.Listener = l
	w.listening.Start()
	w.url = w.listening.URL
}

func (w *world) people() {
	w.t.Helper()
	ctx := w.t.Context()
	for _, name := range []bine.UserName{"olga", "sven"} {
		w.ok(w.store.CreateUser(ctx, bine.User{Name: name, CreatedAt: time.Now()}, "no password"))
	}
	w.ok(w.store.CreateProject(ctx, bine.Project{Name: "demo", CreatedBy: "olga", CreatedAt: time.Now()}))
	w.ok(w.files.MakeProjectTree(ctx, "demo"))
	w.ok(w.store.MoveProject(ctx, "demo", []bine.ProjectState{bine.ProjectProvisioning}, bine.ProjectReady, ""))
	w.ok(w.store.SetMember(ctx, "demo", bine.Member{User: "sven", Role: bine.DataScientist, AddedBy: "olga", AddedAt: time.Now()}))
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// as gives a client of somebody's.
func (w *world) as(user bine.UserName) *client.Client {
	w.t.Helper()
	key, _, err := w.auth.NewKey(w.t.Context(), auth.Identity{User: user, Admin: true}, bine.Key{Scopes: []bine.Scope{bine.ScopeAll}})
	w.ok(err)
	c, err := client.New(client.Options{URL: w.url, Key: key})
	w.ok(err)
	return c
}

// mounted gives the directory where somebody's Resources are mounted.
func (w *world) mounted(user bine.UserName, change ...func(*mount.Options)) string {
	w.t.Helper()
	o := mount.Options{Client: w.as(user), Project: "demo", Path: "Resources", Point: w.t.TempDir(), Timeout: time.Second,
		Patience: 10 * time.Second, SpoolDir: w.t.TempDir(), SpoolLimit: 1 << 30, Log: w.t.Output()}
	for _, f := range change {
		f(&o)
	}
	m, err := mount.New(w.t.Context(), o)
	w.ok(err)
	w.t.Cleanup(func() {
		if err := m.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return o.Point
}

// file gives the content of a file as the server has it.
func (w *world) file(path string) string {
	w.t.Helper()
	r, _, err := w.files.Open(w.t.Context(), dfs.Platform(), dfs.ProjectPath("demo", "Resources", path), 0, 0)
	w.ok(err)
	defer r.Close()
	all, err := io.ReadAll(r)
	w.ok(err)
	return string(all)
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
