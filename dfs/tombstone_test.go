package dfs_test

import (
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
)

// What was removed is known after the feed has forgotten it, for as long as the
// project exists.
func TestWhatWasRemovedIsKnown(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree, clock := withClock(t, db, new(mem.Store))
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		put(t, tree, at("Resources/d/f"), []byte("12345"))
		check(tree.Remove(t.Context(), owner, at("Resources/d/f"), dfs.RemoveOptions{}))
		put(t, tree, at("Resources/d/g"), []byte("1"))
		check(tree.Remove(t.Context(), owner, at("Resources/d"), dfs.RemoveOptions{Recursive: true}))
		told := func(user dfs.User, path string, want ...string) {
			t.Helper()
			list, _, err := tree.History(t.Context(), user, at(path), dfs.PathHistory{}, 10)
			if len(want) == 0 {
				if !bine.IsKind(err, bine.NotFound) {
					t.Errorf("%s: %v, %v; want NotFound", path, list, err)
				}
				return
			}
			var got []string
			for _, c := range list {
				got = append(got, string(c.Op)+" "+c.Path)
			}
			if err != nil || len(got) != len(want) {
				t.Fatalf("%s: got %v, %v, want %v", path, got, err, want)
			}
			for i := range want {
				if got[i] != "removed "+at(want[i]) {
					t.Errorf("%s: got %v, want %v", path, got, want)
				}
			}
		}
		for _, when := range []string{"at once", "when the feed has forgotten it"} {
			t.Log(when)
			told(owner, "Resources/d/f", "Resources/d", "Resources/d/f")
			told(owner, "Resources/d/g", "Resources/d")
			told(owner, "Resources/never")
			told(scientist, "Resources/d/f")
			clock.forward(30 * 24 * time.Hour)
			for range 5 {
				_, err := tree.Reclaim(t.Context(), 100)
				check(err)
			}
		}
		check(tree.RemoveProject(t.Context(), dfstest.Project))
		for range 5 {
			_, err := tree.Reclaim(t.Context(), 100)
			check(err)
		}
		clock.forward(time.Second)
		check(tree.MakeProjectTree(t.Context(), dfstest.Project))
		told(owner, "Resources/d/f")
		clock.forward(30 * 24 * time.Hour)
		_, err := tree.Reclaim(t.Context(), 100)
		check(err)
		told(owner, "Resources/d/f")
	})
}
