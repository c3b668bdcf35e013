package mlflow_test

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/server"
	"github.com/bine-ml/bine/server/api"
	"github.com/bine-ml/bine/server/serving"
)

// world is a whole server on a real file system, and people who use it.
type world struct {
	t     testing.TB
	store *store.Store
	files *dfs.Tree
	auth  *auth.Auth
	url   string
}

// newWorld gives a server with the projects demo (owned by olga, with the Data
// Scientist sven) and other (owned by mallory).
func newWorld(t testing.TB) *world {
	t.Helper()
	db := databasetest.SQLite(t)
	s := store.New(db)
	w := &world{t: t, store: s, files: dfs.New(db, new(mem.Store), dfs.Options{})}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	var err error
	w.auth, err = auth.New(api.Accounts(s), log, time.Now)
	w.ok(err)
	sealer, err := auth.NewSealer(make([]byte, 32))
	w.ok(err)
	made, err := server.New(server.Config{
		API:     api.Config{Store: s, Files: w.files, Ledger: lease.New(db), Auth: w.auth, Sealer: sealer, Log: log, Version: "test", Grace: time.Minute},
		Serving: serving.Config{Routes: s, Sealer: sealer, Place: api.RoutePlace, Log: log},
		Files:   w.files, Registry: prometheus.NewRegistry(), Log: log,
	})
	w.ok(err)
	listening := httptest.NewServer(made)
	t.Cleanup(listening.Close)
	t.Cleanup(made.API().Close)
	w.url = listening.URL
	for _, name := range []bine.UserName{"olga", "sven", "mallory"} {
		w.ok(s.CreateUser(t.Context(), bine.User{Name: name, CreatedAt: time.Now()}, "no password"))
	}
	for name, owner := range map[bine.ProjectName]bine.UserName{"demo": "olga", "other": "mallory"} {
		w.ok(s.CreateProject(t.Context(), bine.Project{Name: name, CreatedBy: owner, CreatedAt: time.Now()}))
		w.ok(w.files.MakeProjectTree(t.Context(), name))
		w.ok(s.MoveProject(t.Context(), name, []bine.ProjectState{bine.ProjectProvisioning}, bine.ProjectReady, ""))
	}
	w.ok(s.SetMember(t.Context(), "demo", bine.Member{User: "sven", Role: bine.DataScientist, AddedBy: "olga", AddedAt: time.Now()}))
	return w
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// key gives an API key of somebody's.
func (w *world) key(user bine.UserName, scopes ...bine.Scope) string {
	w.t.Helper()
	text, _, err := w.auth.NewKey(w.t.Context(), auth.Identity{User: user}, bine.Key{Scopes: scopes})
	w.ok(err)
	return text
}
