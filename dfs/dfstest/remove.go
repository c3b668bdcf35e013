package dfstest

import (
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

var removes = map[string]func(*testing.T, dfs.FS){
	"a removed file is gone and its name free":       removeFile,
	"a directory with entries needs the word":        removeFull,
	"a removed tree is gone at once and can be anew": removeTree,
}

func remove(t *testing.T, fs dfs.FS, path string) {
	t.Helper()
	if err := fs.Remove(t.Context(), owner, path, dfs.RemoveOptions{Recursive: true}); err != nil {
		t.Fatalf("Remove(%s): %v", path, err)
	}
}

func removeFile(t *testing.T, fs dfs.FS) {
	for _, n := range []int{0, 10, 2 << 20} {
		first := put(t, fs, at("Resources/a"), noise(n))
		if err := fs.SetXattr(t.Context(), owner, at("Resources/a"), "tag", []byte("v")); err != nil {
			t.Fatal(err)
		}
		if err := fs.Remove(t.Context(), owner, at("Resources/a"), dfs.RemoveOptions{}); err != nil {
			t.Fatal(err)
		}
		wantMissing(t, fs, at("Resources/a"))
		wantUsage(t, fs, at("Resources"), 0, 0, 0)
		if second := put(t, fs, at("Resources/a"), []byte("new")); second.ID == first.ID {
			t.Error("the new file has the identity of the removed one")
		}
		if all, err := fs.Xattrs(t.Context(), owner, at("Resources/a")); len(all) != 0 || err != nil {
			t.Errorf("the new file has the attributes of the removed one: %v, %v", all, err)
		}
		remove(t, fs, at("Resources/a"))
	}
}

func removeFull(t *testing.T, fs dfs.FS) {
	put(t, fs, at("Resources/d/file"), []byte("x"))
	err := fs.Remove(t.Context(), owner, at("Resources/d"), dfs.RemoveOptions{})
	wantKind(t, "Remove", err, bine.Conflict, at("Resources/d"))
	remove(t, fs, at("Resources/d/file"))
	if err := fs.Remove(t.Context(), owner, at("Resources/d"), dfs.RemoveOptions{}); err != nil {
		t.Errorf("Remove of the empty directory: %v", err)
	}
	wantMissing(t, fs, at("Resources/d"))
}

func removeTree(t *testing.T, fs dfs.FS) {
	for range 3 {
		put(t, fs, at("Resources/d/e/f/file"), noise(5000))
		put(t, fs, at("Resources/d/file"), noise(2<<20))
		wantUsage(t, fs, at("Resources"), 5000+(2<<20), 2, 3)
		remove(t, fs, at("Resources/d"))
		for _, path := range []string{"Resources/d", "Resources/d/file", "Resources/d/e/f/file"} {
			wantMissing(t, fs, at(path))
		}
		wantUsage(t, fs, at("Resources"), 0, 0, 0)
	}
}
