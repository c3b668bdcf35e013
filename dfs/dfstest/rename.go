package dfstest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

var renames = map[string]func(*testing.T, dfs.FS){
	"a file keeps what it is":                         renameFile,
	"a directory goes with all below it":              renameDir,
	"a directory never goes under itself":             renameUnderItself,
	"what is at the target is a Conflict":             renameOver,
	"a file may replace a file if asked":              renameReplace,
	"a directory may replace an empty one if asked":   renameOverEmpty,
	"nothing moves between projects":                  renameAcross,
	"onto itself is nothing":                          renameSame,
	"the target's directory has to be there":          renameNowhere,
	"attributes and size move with the file":          renameKeeps,
	"removing is counted in the usage, moving is not": renameUsage,
}

func rename(t *testing.T, fs dfs.FS, from, to string) dfs.Info {
	t.Helper()
	info, err := fs.Rename(t.Context(), owner, from, to, dfs.RenameOptions{})
	if err != nil {
		t.Fatalf("Rename(%s, %s): %v", from, to, err)
	}
	return info
}

func renameFile(t *testing.T, fs dfs.FS) {
	for _, n := range []int{10, 2 << 20} {
		before := put(t, fs, at("Resources/a"), noise(n))
		after := rename(t, fs, at("Resources/a"), at("Jupyter/b"))
		if after.ID != before.ID || after.Name != "b" || after.Path != at("Jupyter/b") || after != stat(t, fs, at("Jupyter/b")) {
			t.Errorf("got %+v, and Stat %+v", after, stat(t, fs, at("Jupyter/b")))
		}
		wantMissing(t, fs, at("Resources/a"))
		wantContent(t, fs, at("Jupyter/b"), noise(n))
		rename(t, fs, at("Jupyter/b"), at(fmt.Sprintf("Jupyter/c%d", n)))
	}
}

func renameDir(t *testing.T, fs dfs.FS) {
	put(t, fs, at("Resources/a/b/c/file"), []byte("x"))
	put(t, fs, at("Resources/a/top"), []byte("y"))
	rename(t, fs, at("Resources/a"), at("Jupyter/z"))
	wantContent(t, fs, at("Jupyter/z/b/c/file"), []byte("x"))
	wantContent(t, fs, at("Jupyter/z/top"), []byte("y"))
	wantMissing(t, fs, at("Resources/a"))
	rename(t, fs, at("Jupyter/z/b/c"), at("Jupyter/c")) // up
	rename(t, fs, at("Jupyter/z"), at("Jupyter/c/z"))   // down, into what was in it
	wantContent(t, fs, at("Jupyter/c/z/top"), []byte("y"))
}

func renameUnderItself(t *testing.T, fs dfs.FS) {
	path := at("Resources/a")
	mkdir(t, fs, path)
	for depth := range 40 {
		_, err := fs.Rename(t.Context(), owner, at("Resources/a"), path+"/new", dfs.RenameOptions{})
		wantKind(t, fmt.Sprintf("%d deep", depth), err, bine.Invalid, at("Resources/a"))
		path += "/d"
		mkdir(t, fs, path)
	}
	_, err := fs.Rename(t.Context(), owner, path, at("Resources/a"), dfs.RenameOptions{Overwrite: true})
	wantKind(t, "onto a directory above it", err, bine.Conflict, at("Resources/a"))
	rename(t, fs, at("Resources/a"), at("Resources/ab")) // a name that begins alike is not below
	mkdir(t, fs, at("Resources/x"))
	rename(t, fs, at("Resources/x"), at("Resources/ab/x"))
}

func renameOver(t *testing.T, fs dfs.FS) {
	put(t, fs, at("Resources/a"), []byte("a"))
	put(t, fs, at("Resources/b"), []byte("b"))
	mkdir(t, fs, at("Resources/d"))
	mkdir(t, fs, at("Resources/e/full"))
	_, err := fs.Rename(t.Context(), owner, at("Resources/a"), at("Resources/b"), dfs.RenameOptions{})
	wantKind(t, "file over file", err, bine.Conflict, at("Resources/b"))
	for _, pair := range [][2]string{{"a", "d"}, {"d", "a"}, {"d", "e"}} {
		to := at("Resources", pair[1])
		_, err := fs.Rename(t.Context(), owner, at("Resources", pair[0]), to, dfs.RenameOptions{Overwrite: true})
		wantKind(t, pair[0]+" over "+pair[1], err, bine.Conflict, to)
	}
	wantContent(t, fs, at("Resources/a"), []byte("a"))
	wantContent(t, fs, at("Resources/b"), []byte("b"))
}

func renameOverEmpty(t *testing.T, fs dfs.FS) {
	put(t, fs, at("Resources/a/b"), []byte("b"))
	mkdir(t, fs, at("Resources/empty"))
	before, err := fs.Usage(t.Context(), owner, at())
	if err != nil {
		t.Fatal(err)
	}
	_, err = fs.Rename(t.Context(), owner, at("Resources/a"), at("Resources/empty"), dfs.RenameOptions{})
	wantKind(t, "unasked", err, bine.Conflict, at("Resources/empty"))
	for range 2 { // the second time what is there is not empty
		_, err = fs.Rename(t.Context(), owner, at("Resources/a"), at("Resources/empty"), dfs.RenameOptions{Overwrite: true})
		if bine.IsKind(err, bine.Conflict) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		wantContent(t, fs, at("Resources/empty/b"), []byte("b"))
		wantUsage(t, fs, at(), before.Bytes, before.Files, before.Directories-1)
		put(t, fs, at("Resources/a/c"), []byte("c"))
	}
	wantKind(t, "over a full one", err, bine.Conflict, at("Resources/empty"))
	wantContent(t, fs, at("Resources/a/c"), []byte("c"))
}

func renameReplace(t *testing.T, fs dfs.FS) {
	for _, n := range []int{10, 2 << 20} {
		a := put(t, fs, at("Resources/a"), noise(n))
		put(t, fs, at("Resources/b"), noise(n+1))
		info, err := fs.Rename(t.Context(), owner, at("Resources/a"), at("Resources/b"), dfs.RenameOptions{Overwrite: true})
		if err != nil || info.ID != a.ID {
			t.Errorf("got %+v, %v", info, err)
		}
		wantContent(t, fs, at("Resources/b"), noise(n))
		wantUsage(t, fs, at("Resources"), int64(n), 1, 0)
	}
}

func renameAcross(t *testing.T, fs dfs.FS) {
	put(t, fs, at("Resources/a"), []byte("a"))
	other := dfs.ProjectPath(Other, "Resources/a")
	_, err := fs.Rename(t.Context(), dfs.Platform(), at("Resources/a"), other, dfs.RenameOptions{})
	wantKind(t, "by the platform", err, bine.Invalid, other)
	_, err = fs.Rename(t.Context(), owner, at("Resources/a"), other, dfs.RenameOptions{})
	wantKind(t, "by a member", err, bine.NotFound, other)
	_, err = fs.Rename(t.Context(), stranger, at("Resources/a"), other, dfs.RenameOptions{})
	wantKind(t, "by a stranger", err, bine.NotFound, at("Resources/a"))
}

func renameSame(t *testing.T, fs dfs.FS) {
	before := put(t, fs, at("Resources/a"), []byte("a"))
	if after := rename(t, fs, at("Resources/a"), at("Resources/a")+"/"); after != before {
		t.Errorf("got %+v, want %+v", after, before)
	}
}

func renameNowhere(t *testing.T, fs dfs.FS) {
	put(t, fs, at("Resources/a"), []byte("a"))
	_, err := fs.Rename(t.Context(), owner, at("Resources/a"), at("Resources/no/b"), dfs.RenameOptions{})
	wantKind(t, "Rename", err, bine.NotFound, at("Resources/no"))
	_, err = fs.Rename(t.Context(), owner, at("Resources/a"), at("Resources", strings.Repeat("x", 256)), dfs.RenameOptions{})
	wantKind(t, "Rename", err, bine.Invalid, "xxx")
	wantContent(t, fs, at("Resources/a"), []byte("a"))
}

func renameKeeps(t *testing.T, fs dfs.FS) {
	before := put(t, fs, at("Resources/a"), noise(2<<20))
	if err := fs.SetXattr(t.Context(), owner, at("Resources/a"), "tag", []byte("v")); err != nil {
		t.Fatal(err)
	}
	after := rename(t, fs, at("Resources/a"), at("Resources/b"))
	before.Name, before.Path = after.Name, after.Path
	if after != before {
		t.Errorf("got %+v, want %+v", after, before)
	}
	if value, err := fs.Xattr(t.Context(), owner, at("Resources/b"), "tag"); string(value) != "v" || err != nil {
		t.Errorf("the attribute: %q, %v", value, err)
	}
}

func renameUsage(t *testing.T, fs dfs.FS) {
	before, err := fs.Usage(t.Context(), owner, at())
	if err != nil {
		t.Fatal(err)
	}
	put(t, fs, at("Resources/a/b"), noise(5000))
	rename(t, fs, at("Resources/a"), at("Logs/a"))
	wantUsage(t, fs, at(), before.Bytes+5000, before.Files+1, before.Directories+1)
	if err := fs.Remove(t.Context(), owner, at("Logs/a/b"), dfs.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	wantUsage(t, fs, at(), before.Bytes, before.Files, before.Directories+1)
}
