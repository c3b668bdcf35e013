package s3_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/block/tier"
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
	db     *database.DB
	blocks *mem.Store // the first tier
	cold   *mem.Store
	files  *dfs.Tree
	broken *broken
	auth   *auth.Auth
	server *server.Server
	url    string
	log    *locked
}

// broken is the file system, after a change of which the server may lose its mind.
type broken struct {
	dfs.FS
	after string
}

func (b *broken) lose(name string, err error) error {
	if err == nil && b.after == name {
		return errors.New("lost between two statements")
	}
	return err
}

func (b *broken) Concat(ctx context.Context, user dfs.User, path string, sources []string) (dfs.Info, error) {
	info, err := b.FS.Concat(ctx, user, path, sources)
	return info, b.lose("Concat", err)
}

func (b *broken) Rename(ctx context.Context, user dfs.User, from, to string, o dfs.RenameOptions) (dfs.Info, error) {
	info, err := b.FS.Rename(ctx, user, from, to, o)
	return info, b.lose("Rename", err)
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
	db := databasetest.SQLite(t)
	s := store.New(db)
	blocks := new(mem.Store)
	w := &world{t: t, store: s, db: db, blocks: blocks, cold: new(mem.Store), log: &locked{}}
	both, err := tier.New(blocks, map[string]block.Store{"cold": w.cold})
	w.ok(err)
	w.files = dfs.New(db, both, dfs.Options{})
	w.broken = &broken{FS: w.files}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.auth, err = auth.New(api.Accounts(s), log, time.Now)
	w.ok(err)
	sealer, err := auth.NewSealer(make([]byte, 32))
	w.ok(err)
	w.server, err = server.New(server.Config{
		API:     api.Config{Store: s, Files: w.files, Ledger: lease.New(db), Auth: w.auth, Sealer: sealer, Log: log, Version: "test", Grace: time.Minute},
		Serving: serving.Config{Routes: s, Sealer: sealer, Place: api.RoutePlace, Log: log},
		Files:   w.broken, Registry: prometheus.NewRegistry(), Log: log,
	})
	w.ok(err)
	listening := httptest.NewServer(w.server)
	t.Cleanup(listening.Close)
	t.Cleanup(w.server.API().Close)
	w.url = listening.URL
	w.people()
	return w
}

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
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// key gives a key for S3 of somebody's, as people get it.
func (w *world) key(user bine.UserName, k client.NewKey) client.CreatedKey {
	w.t.Helper()
	text, _, err := w.auth.NewKey(w.t.Context(), auth.Identity{User: user}, bine.Key{Scopes: []bine.Scope{bine.ScopeAll}})
	w.ok(err)
	api, err := client.New(client.Options{URL: w.url, Key: text})
	w.ok(err)
	k.S3 = true
	if len(k.Scopes) == 0 {
		k.Scopes = []bine.Scope{bine.ScopeAll}
	}
	made, err := api.CreateKey(w.t.Context(), k)
	w.ok(err)
	return made
}

func (w *world) identity(user bine.UserName) auth.Identity { return auth.Identity{User: user} }

// as gives a client of S3 that acts for somebody.
func (w *world) as(user bine.UserName) *minio.Client { return w.with(w.key(user, client.NewKey{})) }

func (w *world) with(k client.CreatedKey) *minio.Client {
	w.t.Helper()
	c, err := minio.New(strings.TrimPrefix(w.url, "http://"), &minio.Options{Creds: credentials.NewStaticV4(k.AccessKey, k.SecretKey, ""), MaxRetries: 1, TrailingHeaders: true})
	w.ok(err)
	return c
}

// file gives the content of a file.
func (w *world) file(path string) string {
	w.t.Helper()
	r, _, err := w.files.Open(w.t.Context(), dfs.Platform(), "/Projects/"+path, 0, 0)
	w.ok(err)
	defer r.Close()
	all, err := io.ReadAll(r)
	w.ok(err)
	return string(all)
}

// put makes a file as the platform.
func (w *world) put(path, content string) {
	w.t.Helper()
	_, err := w.files.Create(context.Background(), dfs.Platform(), path, strings.NewReader(content), dfs.CreateOptions{Overwrite: true, Parents: true})
	w.ok(err)
}
