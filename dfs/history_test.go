package dfs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/database"
)

// history reads all of the history of a path in pages of n.
func history(t testing.TB, tree *dfs.Tree, user dfs.User, path string, n int) (all []dfs.Change) {
	t.Helper()
	for at := new(dfs.PathHistory); at != nil; {
		list, next, err := tree.History(t.Context(), user, path, *at, n)
		if err != nil {
			t.Fatal(err)
		}
		all, at = append(all, list...), next
	}
	return all
}

func TestTheHistoryOfAPath(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		ctx := t.Context()
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		rename := func(from, to string) {
			t.Helper()
			_, err := tree.Rename(ctx, owner, at(from), at(to), dfs.RenameOptions{})
			check(err)
		}
		put(t, tree, at("Resources/a/f"), []byte("gone"))
		check(tree.Remove(ctx, owner, at("Resources/a/f"), dfs.RemoveOptions{}))
		put(t, tree, at("Resources/a/f"), []byte("1"))
		put(t, tree, at("Resources/a/g"), []byte("1"))
		put(t, tree, at("Resources/a/f"), []byte("22"))
		rename("Resources/a", "Resources/b")
		put(t, tree, at("Resources/a/f"), []byte("another"))
		rename("Resources/b/f", "Resources/b/h")
		check(tree.SetXattr(ctx, owner, at("Resources/b/h"), "k", nil))

		for n := 1; n <= 8; n += 7 {
			wantTold(t, fmt.Sprint("a file, in pages of ", n), history(t, tree, owner, at("Resources/b/h"), n),
				"altered Resources/b/h", "renamed Resources/b/h from Resources/b/f", "renamed Resources/b from Resources/a", "written Resources/a/f", "created Resources/a/f")
			wantTold(t, fmt.Sprint("a directory, in pages of ", n), history(t, tree, owner, at("Resources/b"), n),
				"altered Resources/b/h", "renamed Resources/b/h from Resources/b/f", "renamed Resources/b from Resources/a", "written Resources/a/f",
				"created Resources/a/g", "created Resources/a/f", "removed Resources/a/f", "created Resources/a/f", "created Resources/a")
		}
		wantTold(t, "what is at the old path", history(t, tree, owner, at("Resources/a/f"), 10), "created Resources/a/f")
		_, _, err := tree.History(ctx, owner, at("Resources/gone"), dfs.PathHistory{}, 1)
		wantKind(t, "of nothing", err, bine.NotFound)
		_, _, err = tree.History(ctx, dfs.Platform(), "/", dfs.PathHistory{}, 1)
		wantKind(t, "of no project", err, bine.Invalid)
	})
}

func TestHistoryTellsNothingOfWhatMayNotBeRead(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		put(t, tree, at("Resources/open/f"), []byte("1"))
		put(t, tree, at("Resources/closed/secret"), []byte("1"))
		mode := uint32(0o700)
		if _, err := tree.SetAttributes(t.Context(), owner, at("Resources/closed"), dfs.Attributes{Mode: &mode}); err != nil {
			t.Fatal(err)
		}
		if err := tree.Remove(t.Context(), owner, at("Resources/closed/secret"), dfs.RemoveOptions{}); err != nil {
			t.Fatal(err)
		}
		has := func(user dfs.User, path string) bool {
			return slices.ContainsFunc(told(history(t, tree, user, at("Resources"), 100)), func(s string) bool { return strings.Contains(s, path) })
		}
		if !has(owner, "secret") || !has(scientist, "open/f") || has(scientist, "secret") {
			t.Error("a Data Scientist is told of what is in a directory that they may not read, or not of one that they may")
		}
		_, _, err := tree.History(t.Context(), scientist, at("Resources/closed"), dfs.PathHistory{}, 1)
		wantKind(t, "its own", err, bine.Forbidden)
	})
}

func TestUsageByChild(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		put(t, tree, at("Resources/a/x/1"), dfstestNoise(3000))
		put(t, tree, at("Resources/a/2"), dfstestNoise(2000))
		put(t, tree, at("Resources/b"), dfstestNoise(9000))
		put(t, tree, at("Resources/c"), nil)
		list, total, err := tree.UsageByChild(t.Context(), owner, at("Resources"), 2)
		if err != nil {
			t.Fatal(err)
		}
		want := []dfs.ChildUsage{{Name: "b", Usage: dfs.Usage{Bytes: 9000, Files: 1}}, {Name: "a", Dir: true, Usage: dfs.Usage{Bytes: 5000, Files: 2, Directories: 2}}}
		if !slices.Equal(list, want) || total != (dfs.Usage{Bytes: 14_000, Files: 4, Directories: 2}) {
			t.Errorf("UsageByChild = %+v of %+v", list, total)
		}
		if sum, err := tree.Usage(t.Context(), owner, at("Resources")); err != nil || sum.Bytes != total.Bytes || sum.Files != total.Files || sum.Directories != total.Directories {
			t.Errorf("Usage = %+v, %v, and by child %+v", sum, err, total)
		}
		if list, total, err := tree.UsageByChild(t.Context(), owner, at("Jupyter"), 0); err != nil || len(list) != 0 || total != (dfs.Usage{}) {
			t.Errorf("of an empty directory: %+v %+v %v", list, total, err)
		}
		_, _, err = tree.UsageByChild(t.Context(), owner, at("Resources/b"), 0)
		wantKind(t, "of a file", err, bine.Conflict)
		_, _, err = tree.UsageByChild(t.Context(), owner, "/", 0)
		wantKind(t, "of everybody", err, bine.Forbidden)
	})
}

func TestListMatching(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		for _, name := range []string{"README.md", "day-1", "day-10", "day-2", "dax", "dazz", "x%y", "Über", "100%_of"} {
			put(t, tree, at("Resources/d", name), nil)
		}
		for _, c := range []struct {
			m    dfs.Match
			want string
		}{
			{dfs.Match{}, "[100%_of README.md dax day-1 day-10 day-2 dazz x%y Über]"},
			{dfs.Match{Prefix: "day-1"}, "[day-1 day-10]"},
			{dfs.Match{Prefix: "Ü"}, "[Über]"},
			{dfs.Match{Contains: "readme"}, "[README.md]"},
			{dfs.Match{Contains: "%"}, "[100%_of x%y]"},
			{dfs.Match{Contains: "_"}, "[100%_of]"},
			{dfs.Match{Contains: "DAY", Prefix: "day-2"}, "[day-2]"},
			{dfs.Match{Contains: "none"}, "[]"},
		} {
			names, after := []string{}, ""
			for more := true; more; {
				var list []dfs.Info
				var err error
				if list, more, err = tree.ListMatching(t.Context(), owner, at("Resources/d"), after, 2, c.m); err != nil {
					t.Fatal(err)
				}
				for _, i := range list {
					names, after = append(names, i.Name), i.Name
				}
			}
			if fmt.Sprint(names) != c.want {
				t.Errorf("%+v gives %v, want %s", c.m, names, c.want)
			}
		}
	})
}
