package webhdfs_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/lake"
	"github.com/bine-ml/bine/dfs/lake/laketest"
	"github.com/bine-ml/bine/dfs/lake/webhdfs"
	"github.com/bine-ml/bine/internal/auth"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/lease"
	"github.com/bine-ml/bine/internal/store"
	"github.com/bine-ml/bine/server"
	"github.com/bine-ml/bine/server/api"
	"github.com/bine-ml/bine/server/serving"
)

// service is a server with the project demo, and the key of its Data Owner.
func service(t *testing.T) (url, key string, files *dfs.Tree) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, log := databasetest.SQLite(t), slog.New(slog.DiscardHandler)
	s := store.New(db)
	files = dfs.New(db, new(mem.Store), dfs.Options{})
	a, err := auth.New(api.Accounts(s), log, time.Now)
	ok(err)
	sealer, err := auth.NewSealer(make([]byte, 32))
	ok(err)
	srv, err := server.New(server.Config{
		API:     api.Config{Store: s, Files: files, Ledger: lease.New(db), Auth: a, Sealer: sealer, Log: log, Version: "test", Grace: time.Minute},
		Serving: serving.Config{Routes: s, Sealer: sealer, Place: api.RoutePlace, Log: log},
		Files:   files, Registry: prometheus.NewRegistry(), Log: log,
	})
	ok(err)
	listening := httptest.NewServer(srv)
	t.Cleanup(listening.Close)
	t.Cleanup(srv.API().Close)
	ok(s.CreateUser(t.Context(), bine.User{Name: "olga", CreatedAt: time.Now()}, "no password"))
	ok(s.CreateProject(t.Context(), bine.Project{Name: "demo", CreatedBy: "olga", CreatedAt: time.Now()}))
	ok(files.MakeProjectTree(t.Context(), "demo"))
	ok(s.MoveProject(t.Context(), "demo", []bine.ProjectState{bine.ProjectProvisioning}, bine.ProjectReady, ""))
	key, _, err = a.NewKey(t.Context(), auth.Identity{User: "olga", Admin: true}, bine.Key{Name: "test", Scopes: []bine.Scope{bine.ScopeAll}})
	ok(err)
	return listening.URL, key, files
}

func open(t *testing.T, c bine.Connector, token string) *webhdfs.Lake {
	t.Helper()
	l, err := webhdfs.Open(c, token, lake.NewTransport(true))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWebHDFS(t *testing.T) {
	url, key, files := service(t)
	var n atomic.Int64
	laketest.Run(t, func(t *testing.T) lake.Lake {
		root := fmt.Sprintf("/Projects/demo/lake%d", n.Add(1))
		if _, err := files.Mkdir(t.Context(), dfs.User{Project: "demo", Name: "olga", Role: bine.DataOwner}, root, dfs.MkdirOptions{}); err != nil {
			t.Fatal(err)
		}
		return open(t, bine.Connector{Name: "far", Kind: bine.ConnectorWebHDFS, Endpoint: url + "/webhdfs/v1", Root: root}, key)
	})
}

func TestFaultsSayWhatIsWrong(t *testing.T) {
	url, key, _ := service(t)
	good := bine.Connector{Name: "far", Kind: bine.ConnectorWebHDFS, Endpoint: url + "/webhdfs/v1", Root: "/Projects/demo"}
	with := func(change func(*bine.Connector)) bine.Connector { c := good; change(&c); return c }
	for name, c := range map[string]struct {
		connector bine.Connector
		token     string
		kind      bine.Kind
		says      string
	}{
		"a wrong token":   {good, "bine_wrong_token-value", bine.Forbidden, "not accepted"},
		"nobody":          {with(func(c *bine.Connector) { c.User = "olga" }), "", bine.Forbidden, "not accepted"},
		"another address": {with(func(c *bine.Connector) { c.Endpoint = url + "/elsewhere" }), key, bine.Invalid, "/webhdfs/v1"},
		"no directory":    {with(func(c *bine.Connector) { c.Root = "/Projects/demo/none" }), key, bine.NotFound, "connector's root"},
		"nobody listens":  {with(func(c *bine.Connector) { c.Endpoint = "http://127.0.0.1:1/webhdfs/v1" }), key, bine.Unavailable, "refuses connections"},
	} {
		_, err := open(t, c.connector, c.token).Stat(t.Context(), "")
		if !bine.IsKind(err, c.kind) || !strings.Contains(err.Error(), c.says) || c.token != "" && strings.Contains(err.Error(), c.token) {
			t.Errorf("%s: %v, want the kind %s and %q", name, err, c.kind, c.says)
		}
	}
}

func TestTheTokenIsToldToNobodyElse(t *testing.T) {
	told := "nothing came"
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told = r.Header.Get("Authorization")
		fmt.Fprint(w, "text")
	}))
	defer other.Close()
	name := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("op") == "GETFILESTATUS" {
			fmt.Fprint(w, `{"FileStatus":{"type":"FILE","length":4}}`)
			return
		}
		http.Redirect(w, r, other.URL+"/data", http.StatusTemporaryRedirect)
	}))
	defer name.Close()
	l := open(t, bine.Connector{Endpoint: name.URL, Root: "/"}, "t0ken")
	r, _, err := l.Open(t.Context(), "x", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if told != "" {
		t.Errorf("the other service was told %q", told)
	}
}
