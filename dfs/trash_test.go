package dfs_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
)

var scientist = dfs.User{Project: dfstest.Project, Name: "bob", Role: bine.DataScientist}

// trashed lists the trash as a user sees it, as paths.
func trashed(t testing.TB, tree *dfs.Tree, user dfs.User) (paths []string, all []dfs.Trashed) {
	t.Helper()
	all, err := tree.Trashed(t.Context(), user, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		paths = append(paths, strings.TrimPrefix(v.Path, at()+"/"))
	}
	return paths, all
}

func wantTrash(t testing.TB, tree *dfs.Tree, user dfs.User, want ...string) []dfs.Trashed {
	t.Helper()
	paths, all := trashed(t, tree, user)
	if fmt.Sprint(paths) != fmt.Sprint(want) {
		t.Errorf("in the trash %s sees %v, want %v", user.Name, paths, want)
	}
	return all
}

func TestWhatWasRemovedCanBeRestored(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree, clock := withClock(t, db, new(mem.Store))
		ctx := t.Context()
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		large := dfstestNoise(3 << 20)
		put(t, tree, at("Resources/data/a.csv"), large)
		put(t, tree, at("Resources/data/b/c.csv"), []byte("c"))
		put(t, tree, at("Jupyter/note"), []byte("note"))
		before, err := tree.Usage(ctx, owner, at())
		ok(err)
		ok(tree.Trash(ctx, owner, at("Resources/data")))
		clock.forward(time.Second)
		ok(tree.Trash(ctx, owner, at("Jupyter/note")))
		if _, err := tree.Stat(ctx, owner, at("Resources/data/a.csv")); !bine.IsKind(err, bine.NotFound) {
			t.Errorf("what is in the trash is still there: %v", err)
		}
		if u, err := tree.Usage(ctx, owner, at()); err != nil || u.Bytes != before.Bytes {
			t.Errorf("it counts %d bytes, want %d (%v)", u.Bytes, before.Bytes, err)
		}
		all := wantTrash(t, tree, owner, "Jupyter/note", "Resources/data")
		if v := all[1]; !v.Dir || v.By != "demo__ada" || v.Expires.Sub(v.Removed) != 7*24*time.Hour {
			t.Errorf("the directory in the trash is %+v", v)
		}
		next, err := tree.Trashed(ctx, owner, all[0].ID, 1)
		if err != nil || len(next) != 1 || next[0].ID != all[1].ID {
			t.Errorf("the next page is %+v, %v", next, err)
		}
		put(t, tree, at("Resources/data/new"), nil)
		if _, err := tree.Restore(ctx, owner, all[1].ID, ""); !bine.IsKind(err, bine.Conflict) {
			t.Errorf("restoring over what is there: %v", err)
		}
		info, err := tree.Restore(ctx, owner, all[1].ID, at("Resources/deep/er/old"))
		ok(err)
		if info.ID != all[1].ID || info.Path != at("Resources/deep/er/old") {
			t.Errorf("restored to %+v", info)
		}
		if got, err := get(t, tree, at("Resources/deep/er/old/a.csv")); err != nil || string(got) != string(large) {
			t.Errorf("it reads %d bytes, %v", len(got), err)
		}
		_, err = tree.Restore(ctx, owner, all[0].ID, "")
		ok(err)
		wantTrash(t, tree, owner)
		if _, err := tree.Restore(ctx, owner, all[0].ID, ""); !bine.IsKind(err, bine.NotFound) {
			t.Errorf("restoring again: %v", err)
		}
		ok(tree.Trash(ctx, owner, at("Resources/deep")))
		ok(tree.Trash(ctx, owner, at("Jupyter/note")))
		ok(tree.Discard(ctx, owner, all[0].ID))
		wantTrash(t, tree, owner, "Resources/deep")
		clock.forward(8 * 24 * time.Hour)
		reclaimAll(t, tree)
		wantTrash(t, tree, owner)
		if u, err := tree.Usage(ctx, owner, at("Resources")); err != nil || u.Files != 1 {
			t.Errorf("after the trash has expired %+v is left, %v", u, err)
		}
		wantSound(t, tree)
	})
}

func TestWhoseTrashItIs(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		ctx := t.Context()
		for _, user := range []dfs.User{owner, scientist} {
			path := at("Resources", string(user.Name))
			if _, err := tree.Create(ctx, user, path, strings.NewReader("x"), dfs.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			if err := tree.Trash(ctx, user, path); err != nil {
				t.Fatal(err)
			}
		}
		wantTrash(t, tree, scientist, "Resources/bob")
		all := wantTrash(t, tree, owner, "Resources/bob", "Resources/ada")
		wantTrash(t, tree, stranger)
		for what, err := range map[string]error{
			"a colleague's":        second(tree.Restore(ctx, scientist, all[1].ID, "")),
			"a colleague's, away":  tree.Discard(ctx, scientist, all[1].ID),
			"of another project":   second(tree.Restore(ctx, stranger, all[0].ID, "")),
			"what is not there":    second(tree.Restore(ctx, owner, 1, "")),
			"what is no longer":    tree.Trash(ctx, owner, at("Resources/bob")),
			"from another project": tree.Trash(ctx, stranger, at("README.md")),
		} {
			if !bine.IsKind(err, bine.NotFound) {
				t.Errorf("%s: %v, want not found", what, err)
			}
		}
		for what, err := range map[string]error{
			"the project":       tree.Trash(ctx, owner, at()),
			"the trash":         tree.Trash(ctx, owner, at(".trash")),
			"the platform's":    tree.Trash(ctx, owner, at(".artifacts")),
			"another's":         tree.Trash(ctx, scientist, at("README.md")),
			"writing into it":   second(tree.Create(ctx, owner, at(".trash/x"), strings.NewReader(""), dfs.CreateOptions{})),
			"removing it":       tree.Remove(ctx, owner, at(".trash"), dfs.RemoveOptions{Recursive: true}),
			"restoring into it": second(tree.Restore(ctx, owner, all[0].ID, at(".trash/x"))),
		} {
			if !bine.IsKind(err, bine.Forbidden) {
				t.Errorf("%s: %v, want forbidden", what, err)
			}
		}
		if _, err := tree.Restore(ctx, owner, all[0].ID, dfs.ProjectPath(dfstest.Other, "x")); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("restoring into another project: %v", err)
		}
		if _, err := tree.Restore(ctx, owner, all[0].ID, ""); err != nil {
			t.Errorf("a Data Owner restores what a Data Scientist removed: %v", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// TestTrashIsUsedByMany removes and restores the same files from many sides:
// each file is in one place at the end, and counted once.
func TestTrashIsUsedByMany(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		const files = 6
		for n := range files {
			put(t, tree, at("Resources", fmt.Sprint("dir", n%2), fmt.Sprint("f", n)), []byte("x"))
		}
		var wait sync.WaitGroup
		for w := range 6 {
			wait.Go(func() {
				for n := range 40 {
					var err error
					switch (w + n) % 4 {
					case 0:
						err = tree.Trash(t.Context(), owner, at("Resources", fmt.Sprint("dir", n%2), fmt.Sprint("f", n%files)))
					case 1:
						err = tree.Trash(t.Context(), owner, at("Resources", fmt.Sprint("dir", n%2)))
					default:
						all, e := tree.Trashed(t.Context(), owner, 0, 3)
						if err = e; len(all) > 0 {
							_, err = tree.Restore(t.Context(), owner, all[n%len(all)].ID, "")
						}
					}
					if err != nil && !bine.IsKind(err, bine.NotFound) && !bine.IsKind(err, bine.Conflict) {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		if u, err := tree.Usage(t.Context(), dfs.Platform(), at()); err != nil || u.Files != files+1 {
			t.Errorf("%d files are counted, want %d (%v)", u.Files, files+1, err)
		}
		wantSound(t, tree)
	})
}
