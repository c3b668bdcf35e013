package dfs_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// A server remembers where it found directories. What another server does to
// them meanwhile must count as much as if it had looked.
func TestAFileIsMadeByWhatIsSoNow(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		store := new(mem.Store)
		here, there := newTree(t, db, store, small), dfs.New(db, store, small)
		t.Cleanup(func() { there.Close() })
		ctx := t.Context()
		scientist := dfs.User{Project: dfstest.Project, Name: "sue", Role: bine.DataScientist}
		n := 0
		create := func(user dfs.User, dir string) (dfs.Info, error) {
			n++
			return here.Create(ctx, user, at(dir, "file"+strings.Repeat("x", n)), strings.NewReader("data"), dfs.CreateOptions{})
		}
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		want := func(kind bine.Kind, user dfs.User, dir string) {
			t.Helper()
			if _, err := create(user, dir); !bine.IsKind(err, kind) {
				t.Errorf("a file in %s: got %v, want it to be %s", dir, err, kind)
			}
		}
		mkdir := func(path string, mode uint32) {
			t.Helper()
			_, err := there.Mkdir(ctx, owner, at(path), dfs.MkdirOptions{Parents: true, Mode: mode})
			ok(err)
		}
		set := func(path string, mode uint32) {
			t.Helper()
			_, err := there.SetAttributes(ctx, owner, at(path), dfs.Attributes{Mode: &mode})
			ok(err)
		}

		mkdir("Resources/a/b/c", 0o770)
		for _, user := range []dfs.User{owner, scientist} {
			_, err := create(user, "Resources/a/b/c")
			ok(err)
		}
		set("Resources/a", 0o700)
		want(bine.Forbidden, scientist, "Resources/a/b/c")
		set("Resources/a", 0o770)
		_, err := create(scientist, "Resources/a/b/c")
		ok(err)

		_, err = there.Rename(ctx, owner, at("Resources/a"), at("Resources/z"), dfs.RenameOptions{})
		ok(err)
		want(bine.NotFound, owner, "Resources/a/b/c")
		want(bine.NotFound, scientist, "Resources/a/b/c")
		mkdir("Resources/a/b/c", 0o750)
		info, err := create(owner, "Resources/a/b/c")
		ok(err)
		if info.Mode != 0o640 {
			t.Errorf("the file has the mode %o, which is that of the directory that was there before", info.Mode)
		}
		want(bine.Forbidden, scientist, "Resources/a/b/c")

		ok(there.Remove(ctx, owner, at("Resources/a/b"), dfs.RemoveOptions{Recursive: true}))
		want(bine.NotFound, owner, "Resources/a/b/c")
		put(t, there, at("Resources/a/b"), []byte("a file"))
		want(bine.Conflict, owner, "Resources/a/b")

		_, err = create(owner, "Logs")
		ok(err)
		ok(there.SetQuota(ctx, dfs.Platform(), dfs.ProjectPath(dfstest.Project), dfs.Quota{Bytes: 1}))
		want(bine.NoQuota, owner, "Logs")
		ok(there.SetQuota(ctx, dfs.Platform(), dfs.ProjectPath(dfstest.Project), dfs.Quota{}))

		put(t, there, at("Logs/taken"), []byte("theirs"))
		if _, err := here.Create(ctx, owner, at("Logs/taken"), strings.NewReader("ours"), dfs.CreateOptions{}); !bine.IsKind(err, bine.Conflict) {
			t.Errorf("a name that is taken: %v", err)
		}
		if got, err := get(t, here, at("Logs/taken")); err != nil || string(got) != "theirs" {
			t.Errorf("the file holds %q, %v", got, err)
		}
		wantSound(t, here)
	})
}
