package dfstest

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

var clones = map[string]func(*testing.T, dfs.FS){
	"neither side sees what is done to the other": cloneApart,
	"a file replaces a file only if asked":        cloneOver,
	"a directory is copied with all below it":     cloneDir,
	"a directory does not go under itself":        cloneUnderItself,
	"attributes go with it and it is the user's":  cloneAttributes,
	"lists of access go with it":                  cloneLists,
	"links are followed where it begins only":     cloneLinks,
	"it counts in full":                           cloneUsage,
	"who may not read or write may not copy":      cloneAccess,
	"platform directories stay as they are":       clonePlaces,
}

func clone(t *testing.T, fs dfs.FS, from, to string) dfs.Info {
	t.Helper()
	info, err := fs.Clone(t.Context(), owner, from, to, dfs.CloneOptions{})
	if err != nil {
		t.Fatalf("Clone(%s, %s): %v", from, to, err)
	}
	return info
}

// cloneApart changes the one and then the other of two files with the same
// content, in each way and for sizes that lie in rows, in blocks and in both.
func cloneApart(t *testing.T, fs dfs.FS) {
	ctx, a, b := t.Context(), at("Resources/a"), at("Resources/b")
	for _, n := range []int{0, 10, 4 << 10, 5 << 10, 1 << 20, 2<<20 + 77} {
		data := noise(n)
		for what, change := range map[string]func(path string) ([]byte, error){
			"append": func(path string) ([]byte, error) {
				_, err := fs.Append(ctx, owner, path, int64(n), []byte("more"))
				return append(noise(n), "more"...), err
			},
			"append much": func(path string) ([]byte, error) {
				_, err := fs.Append(ctx, owner, path, int64(n), noise(1<<20))
				return append(noise(n), noise(1<<20)...), err
			},
			"truncate": func(path string) ([]byte, error) {
				_, err := fs.Truncate(ctx, owner, path, int64(n/2+n/3))
				return data[:n/2+n/3], err
			},
			"overwrite": func(path string) ([]byte, error) {
				_, err := fs.Create(ctx, owner, path, strings.NewReader("x"), dfs.CreateOptions{Overwrite: true})
				return []byte("x"), err
			},
			"concat": func(path string) ([]byte, error) {
				put(t, fs, at("Resources/c"), []byte("end"))
				_, err := fs.Concat(ctx, owner, path, []string{at("Resources/c")})
				return append(noise(n), "end"...), err
			},
		} {
			for _, side := range []string{a, b} {
				put(t, fs, a, data)
				if info := clone(t, fs, a, b); info != stat(t, fs, b) || info.ID == stat(t, fs, a).ID {
					t.Errorf("the copy is %+v and Stat says %+v", info, stat(t, fs, b))
				}
				want, err := change(side)
				if err != nil {
					t.Fatalf("%s of %d bytes: %v", what, n, err)
				}
				wantContent(t, fs, side, want)
				wantContent(t, fs, strings.TrimSuffix(a, "a")+map[string]string{a: "b", b: "a"}[side], data)
				if err := fs.Remove(ctx, owner, b, dfs.RemoveOptions{}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	put(t, fs, a, noise(2<<20))
	clone(t, fs, a, b)
	if _, err := fs.Concat(ctx, owner, a, []string{b}); err != nil { // its own blocks once more
		t.Fatal(err)
	}
	wantContent(t, fs, a, append(noise(2<<20), noise(2<<20)...))
}

func cloneOver(t *testing.T, fs dfs.FS) {
	ctx, a, b := t.Context(), at("Resources/a"), at("Resources/dir/b")
	put(t, fs, a, noise(2<<20))
	_, err := fs.Clone(ctx, owner, a, b, dfs.CloneOptions{})
	wantKind(t, "without the directory", err, bine.NotFound, b)
	if _, err := fs.Clone(ctx, owner, a, b, dfs.CloneOptions{Parents: true}); err != nil {
		t.Fatal(err)
	}
	before := put(t, fs, b, noise(1<<20+3))
	_, err = fs.Clone(ctx, owner, a, b, dfs.CloneOptions{})
	wantKind(t, "over a file", err, bine.Conflict, b)
	after, err := fs.Clone(ctx, owner, a, b, dfs.CloneOptions{Overwrite: true})
	if err != nil || after.ID != before.ID || after.Version <= before.Version {
		t.Errorf("overwritten: %+v, %v; it was %+v", after, err, before)
	}
	wantContent(t, fs, b, noise(2<<20))
	_, err = fs.Clone(ctx, owner, a, a, dfs.CloneOptions{Overwrite: true})
	wantKind(t, "onto itself", err, bine.Invalid, a)
	_, err = fs.Clone(ctx, owner, a, at("Resources/dir"), dfs.CloneOptions{Overwrite: true})
	wantKind(t, "over a directory", err, bine.Conflict, at("Resources/dir"))
	_, err = fs.Clone(ctx, owner, at("Resources/dir"), a, dfs.CloneOptions{Overwrite: true})
	wantKind(t, "a directory over a file", err, bine.Conflict, a)
	_, err = fs.Clone(ctx, owner, at("Resources/none"), b, dfs.CloneOptions{Overwrite: true})
	wantKind(t, "of nothing", err, bine.NotFound, at("Resources/none"))
	_, err = fs.Clone(ctx, owner, a, a+"/b", dfs.CloneOptions{Parents: true})
	wantKind(t, "below a file", err, bine.Conflict, a)
}

func cloneDir(t *testing.T, fs dfs.FS) {
	files := map[string][]byte{"x": noise(10), "d/y": noise(3 << 20), "d/e/z": nil, "ä/f": noise(5000)}
	for name, data := range files {
		put(t, fs, at("Resources/src", name), data)
	}
	mkdir(t, fs, at("Resources/src/empty"))
	info := clone(t, fs, at("Resources/src"), at("Jupyter/dst"))
	if !info.Dir || info != stat(t, fs, at("Jupyter/dst")) {
		t.Errorf("the copy is %+v and Stat says %+v", info, stat(t, fs, at("Jupyter/dst")))
	}
	for name, data := range files {
		wantContent(t, fs, at("Jupyter/dst", name), data)
	}
	if !stat(t, fs, at("Jupyter/dst/empty")).Dir {
		t.Error("the empty directory is none")
	}
	put(t, fs, at("Resources/src/d/y"), []byte("other"))
	if err := fs.Remove(t.Context(), owner, at("Resources/src/ä"), dfs.RemoveOptions{Recursive: true}); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		wantContent(t, fs, at("Jupyter/dst", name), data)
	}
	_, err := fs.Clone(t.Context(), owner, at("Resources/src"), at("Jupyter/dst"), dfs.CloneOptions{Overwrite: true})
	wantKind(t, "over a directory", err, bine.Conflict, at("Jupyter/dst"))
	_, err = fs.Clone(t.Context(), owner, at("Resources/src"), at("Jupyter/a/b"), dfs.CloneOptions{})
	wantKind(t, "without the directory", err, bine.NotFound, at("Jupyter/a"))
	if _, err = fs.Clone(t.Context(), owner, at("Resources/src"), at("Jupyter/a/b"), dfs.CloneOptions{Parents: true}); err != nil {
		t.Error(err)
	}
	wantContent(t, fs, at("Jupyter/a/b/x"), noise(10))
}

func cloneUnderItself(t *testing.T, fs dfs.FS) {
	put(t, fs, at("Resources/a/f"), nil)
	for _, to := range []string{"Resources/a", "Resources/a/b", "Resources/a/b/c"} {
		_, err := fs.Clone(t.Context(), owner, at("Resources/a"), at(to), dfs.CloneOptions{Parents: true})
		wantKind(t, to, err, bine.Invalid, at("Resources/a"))
	}
}

func cloneAttributes(t *testing.T, fs dfs.FS) {
	ctx, mode, then := t.Context(), uint32(0o640), time.UnixMilli(1_600_000_000_000).UTC()
	put(t, fs, at("Resources/a/f"), noise(2<<20))
	for _, path := range []string{at("Resources/a/f"), at("Resources/a")} {
		if _, err := fs.SetAttributes(ctx, owner, path, dfs.Attributes{Mode: &mode, Modified: &then, Accessed: &then}); err != nil {
			t.Fatal(err)
		}
		for name, user := range map[string]dfs.User{"tag": owner, "bine.kind": dfs.Platform()} {
			if err := fs.SetXattr(ctx, user, path, name, []byte(name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	clone(t, fs, at("Resources/a"), at("Resources/b"))
	clone(t, fs, at("Resources/a/f"), at("Resources/g"))
	for _, path := range []string{at("Resources/b"), at("Resources/b/f"), at("Resources/g")} {
		info := stat(t, fs, path)
		if info.Mode != mode || !info.Modified.Equal(then) || !info.Accessed.Equal(then) || info.Owner != "demo__ada" || info.Group != stat(t, fs, at("Resources")).Group || !info.Created.After(then) {
			t.Errorf("%+v", info)
		}
		all, err := fs.Xattrs(ctx, owner, path)
		if err != nil || len(all) != 1 || !bytes.Equal(all["tag"], []byte("tag")) {
			t.Errorf("%s has the attributes %v, %v", path, all, err)
		}
	}
}

func cloneLists(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	put(t, fs, at("Resources/a/f"), noise(10))
	for path, text := range map[string]string{"Resources/a/f": "user::rw-,user:demo__bob:rw-,group::---,mask::rw-,other::---", "Resources/a": "user::rwx,group::r-x,other::---,default:user::rwx,default:group::r-x,default:other::---"} {
		list, err := bine.ParseACL(text, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fs.SetACL(ctx, owner, at(path), list); err != nil {
			t.Fatal(err)
		}
	}
	clone(t, fs, at("Resources/a"), at("Resources/b"))
	clone(t, fs, at("Resources/a/f"), at("Resources/g"))
	for path, from := range map[string]string{"Resources/b": "Resources/a", "Resources/b/f": "Resources/a/f", "Resources/g": "Resources/a/f"} {
		want, err := fs.ACL(ctx, owner, at(from))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := fs.ACL(ctx, owner, at(path)); err != nil || !slices.Equal(got.Entries, want.Entries) {
			t.Errorf("%s has %v, %v; want %v", path, got.Entries, err, want.Entries)
		}
	}
	for _, path := range []string{at("Resources/b/f"), at("Resources/g")} {
		if r, _, err := fs.Open(ctx, scientist, path, 0, 0); err != nil {
			t.Errorf("whom the list lets in: %v", err)
		} else {
			r.Close()
		}
		_, _, err := fs.Open(ctx, colleague, path, 0, 0)
		wantKind(t, "whom it does not", err, bine.Forbidden, path)
	}
	if _, err := fs.Clone(ctx, scientist, at("Resources/a"), at("Resources/c"), dfs.CloneOptions{}); err != nil {
		t.Errorf("whom the lists let in copies all: %v", err)
	}
	_, err := fs.Clone(ctx, colleague, at("Resources/a"), at("Resources/d"), dfs.CloneOptions{})
	wantKind(t, "whom one does not", err, bine.Forbidden, at("Resources/a/f"))
}

func cloneLinks(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	put(t, fs, at("Resources/a/d/f"), noise(10))
	put(t, fs, at("Resources/other/f"), noise(20))
	for path, target := range map[string]string{"Resources/a/near": "d/f", "Resources/a/far": at("Resources/other/f"), "Resources/a/nowhere": "none", "Resources/toa": "a", "Resources/tof": "a/d/f"} {
		if _, err := fs.Symlink(ctx, owner, at(path), target, dfs.SymlinkOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	clone(t, fs, at("Resources/toa"), at("Jupyter/b"))
	clone(t, fs, at("Resources/tof"), at("Jupyter/f"))
	put(t, fs, at("Jupyter/b/d/f"), noise(30)) // where the copy of the link leads to
	wantContent(t, fs, at("Jupyter/b/near"), noise(30))
	wantContent(t, fs, at("Jupyter/b/far"), noise(20))
	wantContent(t, fs, at("Jupyter/f"), noise(10))
	for path, want := range map[string]string{"Jupyter/b/near": "d/f", "Jupyter/b/nowhere": "none", "Jupyter/f": "", "Jupyter/b": ""} {
		if info, err := fs.LinkInfo(ctx, owner, at(path)); err != nil || info.Link != want {
			t.Errorf("%s leads to %q, %v; want %q", path, info.Link, err, want)
		}
	}
	_, err := fs.Clone(ctx, owner, at("Resources/a/nowhere"), at("Jupyter/c"), dfs.CloneOptions{})
	wantKind(t, "what leads nowhere", err, bine.NotFound, at("Resources/a/"))
	_, err = fs.Clone(ctx, owner, at("Resources/a"), at("Resources/toa/d/e"), dfs.CloneOptions{})
	wantKind(t, "under itself by a link", err, bine.Invalid, at("Resources/a"))
	if _, err := fs.Symlink(ctx, owner, at("Resources/new"), "gone", dfs.SymlinkOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = fs.Clone(ctx, owner, at("Resources/a"), at("Resources/new"), dfs.CloneOptions{})
	wantKind(t, "a directory over a link", err, bine.Conflict, at("Resources/new"))
	allow(t, fs, at("Resources/a"))
	snap(t, fs, at("Resources/toa"), "s")
	put(t, fs, at("Resources/a/d/f"), noise(40))
	wantContent(t, fs, at("Resources/toa/.snapshot/s/near"), noise(10))
}

func cloneUsage(t *testing.T, fs dfs.FS) {
	before, err := fs.Usage(t.Context(), owner, at())
	if err != nil {
		t.Fatal(err)
	}
	put(t, fs, at("Resources/a/f"), noise(2<<20))
	put(t, fs, at("Resources/a/d/g"), noise(10))
	clone(t, fs, at("Resources/a"), at("Resources/b"))
	clone(t, fs, at("Resources/a/f"), at("Resources/b/h"))
	wantUsage(t, fs, at(), before.Bytes+3*2<<20+20, before.Files+5, before.Directories+4)
	wantUsage(t, fs, at("Resources/b"), 2*2<<20+10, 3, 1)
	if err := fs.SetQuota(t.Context(), dfs.Platform(), at(), dfs.Quota{Bytes: before.Bytes + 3*2<<20 + 100}); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"Resources/a", "Resources/a/f"} {
		_, err = fs.Clone(t.Context(), owner, at(from), at("Resources/c"), dfs.CloneOptions{})
		wantKind(t, from, err, bine.NoQuota, at("Resources/c"))
		wantMissing(t, fs, at("Resources/c"))
	}
}

func cloneAccess(t *testing.T, fs dfs.FS) {
	ctx, closed := t.Context(), uint32(0o600)
	put(t, fs, at("Resources/a/f"), noise(2<<20))
	put(t, fs, at("Resources/a/g"), nil)
	try := func(user dfs.User, from, to string, kind bine.Kind, names string) {
		t.Helper()
		_, err := fs.Clone(ctx, user, from, to, dfs.CloneOptions{})
		wantKind(t, from+" to "+to, err, kind, names)
	}
	try(stranger, at("Resources/a"), dfs.ProjectPath(Other, "Resources/a"), bine.NotFound, at("Resources/a"))
	try(stranger, at("Resources/a/f"), dfs.ProjectPath(Other, "Resources/f"), bine.NotFound, at("Resources/a/f"))
	try(owner, at("Resources/a"), dfs.ProjectPath(Other, "Resources/a"), bine.NotFound, dfs.ProjectPath(Other, "Resources/a"))
	try(scientist, at("Resources/a"), at("Models/a"), bine.Forbidden, at("Models"))
	try(scientist, at("Resources/a/f"), at("Models/f"), bine.Forbidden, at("Models"))
	if _, err := fs.SetAttributes(ctx, owner, at("Resources/a/f"), dfs.Attributes{Mode: &closed}); err != nil {
		t.Fatal(err)
	}
	try(scientist, at("Resources/a/f"), at("Resources/b"), bine.Forbidden, at("Resources/a/f"))
	try(scientist, at("Resources/a"), at("Resources/b"), bine.Forbidden, at("Resources/a/f"))
	wantMissing(t, fs, at("Resources/b"))
	clone(t, fs, at("Resources/a"), at("Resources/b"))
}

func clonePlaces(t *testing.T, fs dfs.FS) {
	put(t, fs, at("Resources/a"), nil)
	for _, to := range []string{at(".artifacts/x"), at(".trash/x"), at(), "/Projects", "/", "/x"} {
		_, err := fs.Clone(t.Context(), owner, at("Resources/a"), to, dfs.CloneOptions{})
		wantKind(t, to, err, bine.Forbidden, to)
	}
	for _, from := range []string{at(), "/Projects", "/"} {
		_, err := fs.Clone(t.Context(), owner, from, at("Resources/b"), dfs.CloneOptions{})
		wantKind(t, from, err, bine.Invalid, from)
	}
}
