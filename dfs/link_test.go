package dfs_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

func symlink(t *testing.T, tree *dfs.Tree, user dfs.User, path, target string) {
	t.Helper()
	if _, err := tree.Symlink(t.Context(), user, path, target, dfs.SymlinkOptions{}); err != nil {
		t.Fatalf("Symlink(%s, %s): %v", path, target, err)
	}
}

func wantErr(t *testing.T, what string, err error, kind bine.Kind) {
	t.Helper()
	if !bine.IsKind(err, kind) {
		t.Errorf("%s: got %v, want an error of kind %s", what, err, kind)
	}
}

func TestLinksOfASharedDatasetStayInIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		s := newSharing(t, db)
		ctx := t.Context()
		put(t, s.tree, at("other/x"), []byte("also shared"))
		symlink(t, s.tree, owner, at("weather/in"), "2026/may.csv")
		symlink(t, s.tree, owner, at("weather/out"), "../secret/x")
		symlink(t, s.tree, owner, at("weather/dir"), at("secret"))
		symlink(t, s.tree, owner, at("weather/other"), "../other")
		symlink(t, s.tree, owner, at("weather/round"), "../weather/2026")
		symlink(t, s.tree, owner, at("Resources/weather"), "../weather")
		symlink(t, s.tree, owner, at("linked"), "weather")
		s.offer(dfstest.Other, bine.ShareWrite)
		s.want(bine.ShareWrite)
		s.ok(s.tree.OfferShare(ctx, owner, "other", dfstest.Other, bine.ShareWrite))
		s.ok(s.tree.WantShare(ctx, stranger, dfstest.Project, "other", bine.ShareWrite))
		read := func(path string) (string, error) {
			r, _, err := s.tree.Open(ctx, theirs, at(path), 0, 0)
			if err != nil {
				return "", err
			}
			defer r.Close()
			data, err := io.ReadAll(r)
			return string(data), err
		}
		for _, path := range []string{"weather/in", "weather/round/may.csv"} {
			if got, err := read(path); got != "may" || err != nil {
				t.Errorf("%s reads %q, %v", path, got, err)
			}
		}
		for _, path := range []string{"weather/out", "weather/dir/x", "weather/other/x", "Resources/weather/in", "linked/in", "linked"} {
			_, err := read(path)
			wantErr(t, "read "+path, err, bine.NotFound)
			_, err = s.tree.Create(ctx, theirs, at(path), strings.NewReader("x"), dfs.CreateOptions{Overwrite: true})
			wantErr(t, "write "+path, err, bine.NotFound)
		}
		for _, dir := range []string{"weather/dir", "weather/other"} {
			_, err := s.tree.Create(ctx, theirs, at(dir, "new"), strings.NewReader("x"), dfs.CreateOptions{Parents: true})
			wantErr(t, "make a file in "+dir, err, bine.NotFound)
			_, err = s.tree.Rename(ctx, theirs, at("weather/2026"), at(dir, "2026"), dfs.RenameOptions{})
			wantErr(t, "move to "+dir, err, bine.NotFound)
		}
		symlink(t, s.tree, theirs, at("weather/mine"), "2026")
		for _, target := range []string{"../secret/x", "../other/x", at("secret"), "/Projects/other/Resources", ".."} {
			_, err := s.tree.Symlink(ctx, theirs, at("weather/more"), target, dfs.SymlinkOptions{})
			wantErr(t, "a link to "+target, err, bine.Invalid)
		}
		if got, err := s.tree.LinkInfo(ctx, theirs, at("weather/mine")); err != nil || got.Link != "2026" || got.Owner != "other__fay" {
			t.Errorf("LinkInfo: %+v, %v", got, err)
		}
		// No dataset is a link: it would be shared by what it leads to at the moment.
		wantErr(t, "offer a link", s.tree.OfferShare(ctx, owner, "linked", dfstest.Other, bine.ShareRead), bine.NotFound)
		s.ok(s.tree.OfferShare(ctx, owner, "weather", dfstest.Other, ""))
		_, err := read("weather/in")
		wantErr(t, "a link of what is no longer shared", err, bine.NotFound)
		wantSound(t, s.tree)
	})
}

func TestLinksInTheTrash(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		ctx := t.Context()
		put(t, tree, at("Resources/d/file"), []byte("x"))
		symlink(t, tree, owner, at("Resources/l"), "d")
		symlink(t, tree, owner, at("Resources/d/self"), "file")
		if err := tree.Trash(ctx, owner, at("Resources/l")); err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Stat(ctx, owner, at("Resources/d/file")); err != nil {
			t.Errorf("what the link leads to: %v", err)
		}
		all, err := tree.Trashed(ctx, owner, 0, 0)
		if err != nil || len(all) != 1 || all[0].Dir || all[0].Path != at("Resources/l") {
			t.Fatalf("the trash holds %+v, %v", all, err)
		}
		// The place that it is restored to is that which the path leads to by then.
		symlink(t, tree, owner, at("Jupyter/in"), "../.artifacts")
		_, err = tree.Restore(ctx, owner, all[0].ID, at("Jupyter/in/l"))
		wantErr(t, "restore into .artifacts by a link", err, bine.Forbidden)
		_, err = tree.Restore(ctx, owner, all[0].ID, at("Jupyter/in"))
		wantErr(t, "restore onto a link", err, bine.Conflict)
		if info, err := tree.Restore(ctx, owner, all[0].ID, ""); err != nil || info.Path != at("Resources/l") {
			t.Fatalf("Restore: %+v, %v", info, err)
		}
		if _, err := tree.Stat(ctx, owner, at("Resources/l/file")); err != nil {
			t.Errorf("through the link that was restored: %v", err)
		}
		// What was thrown away through a link is known by its own path.
		if err := tree.Trash(ctx, owner, at("Resources/l/file")); err != nil {
			t.Fatal(err)
		}
		all, err = tree.Trashed(ctx, owner, 0, 0)
		if err != nil || len(all) != 1 || all[0].Path != at("Resources/d/file") {
			t.Fatalf("the trash holds %+v, %v", all, err)
		}
		_, err = tree.Stat(ctx, owner, at("Resources/d/self"))
		wantErr(t, "a link to what is in the trash", err, bine.NotFound)
		symlink(t, tree, owner, at("Resources/trash"), "../.trash")
		wantErr(t, "remove from the trash by a link", tree.Remove(ctx, owner, at("Resources/trash", fmt.Sprint(all[0].ID)), dfs.RemoveOptions{}), bine.Forbidden)
		_, err = tree.Rename(ctx, owner, at("Resources/trash", fmt.Sprint(all[0].ID)), at("Resources/back"), dfs.RenameOptions{})
		wantErr(t, "rename out of the trash by a link", err, bine.Forbidden)
		wantErr(t, "trash what lies in the trash", tree.Trash(ctx, owner, at("Resources/trash", fmt.Sprint(all[0].ID))), bine.Forbidden)

		if err := tree.Remove(ctx, owner, at("Resources/d"), dfs.RemoveOptions{Recursive: true}); err != nil {
			t.Fatal(err)
		}
		for n := 1; n > 0; {
			if n, err = tree.Reclaim(ctx, 1000); err != nil {
				t.Fatal(err)
			}
		}
		wantSound(t, tree)
	})
}

// FuzzLinks makes links to whatever: they are refused, or what they lead to lies
// in the project.
func FuzzLinks(f *testing.F) {
	tree := newTree(f, databasetest.SQLite(f), new(mem.Store), small)
	for _, dir := range []string{"Resources/a/b", "Jupyter"} {
		if _, err := tree.Mkdir(f.Context(), owner, at(dir), dfs.MkdirOptions{Parents: true}); err != nil {
			f.Fatal(err)
		}
	}
	for _, target := range []string{"..", "../../..", "/", "/Projects/other/Resources", "../../../../other", "../../Jupyter", "a/../../b", "//./x", "\x00", "/../..", "b\\..\\c"} {
		f.Add(target, "x")
		f.Add(target, "../y")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		ctx := t.Context()
		for _, path := range []string{"Resources/a/l", "Jupyter/l"} {
			target := first
			if path == "Jupyter/l" {
				target = second
			}
			_, err := tree.Symlink(ctx, owner, at(path), target, dfs.SymlinkOptions{})
			if err != nil && !bine.IsKind(err, bine.Invalid) {
				t.Fatalf("%q: %v", target, err)
			}
		}
		// A link that is moved has another place to begin at.
		if _, err := tree.Rename(ctx, owner, at("Resources/a/l"), at("Resources/m"), dfs.RenameOptions{}); err != nil && !bine.IsKind(err, bine.NotFound) {
			t.Fatal(err)
		}
		for _, path := range []string{"Resources/m/made", "Jupyter/l/made"} {
			_, err := tree.Mkdir(ctx, owner, at(path), dfs.MkdirOptions{Parents: true})
			if bine.KindOf(err) == bine.Internal && err != nil {
				t.Fatalf("%q, %q: %v", first, second, err)
			}
		}
		outside, _, err := tree.List(ctx, dfs.Platform(), "/Projects", "", 0)
		theirs, _, err2 := tree.List(ctx, dfs.Platform(), dfs.ProjectPath(dfstest.Other), "", 0)
		if err != nil || err2 != nil || len(outside) != 2 || len(theirs) != 11 {
			t.Fatalf("%q, %q: something was made outside: %v %v, %v %v", first, second, outside, theirs, err, err2)
		}
		for _, path := range []string{"Resources/m", "Jupyter/l"} {
			if err := tree.Remove(ctx, owner, at(path), dfs.RemoveOptions{Recursive: true}); err != nil && !bine.IsKind(err, bine.NotFound) {
				t.Fatal(err)
			}
		}
	})
}
