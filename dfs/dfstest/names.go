package dfstest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

var names = map[string]func(*testing.T, dfs.FS){
	"the tree of a project is there":                 treeIsThere,
	"bad paths are invalid everywhere":               badPaths,
	"odd names are names":                            oddNames,
	"names differ by every byte":                     namesDiffer,
	"a path may be deep":                             deepPath,
	"Mkdir makes one directory":                      mkdirOne,
	"Mkdir with parents makes all and is repeatable": mkdirParents,
	"nothing goes below a file":                      belowFile,
	"a missing path is NotFound everywhere":          missing,
	"List gives stable pages in order":               listPages,
	"List of a file is a Conflict":                   listFile,
	"the root can be looked at and not changed":      root,
}

func treeIsThere(t *testing.T, fs dfs.FS) {
	entries, more, err := fs.List(t.Context(), scientist, at(), "", 0)
	if err != nil || more {
		t.Fatalf("List: more %v, %v", more, err)
	}
	want := []string{".artifacts", "DataValidation", "Experiments", "Jupyter", "Logs", "Models", "Pipelines", "README.md", "Resources", "Statistics", "Training_Datasets"}
	if got := baseNames(entries); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if text := get(t, fs, at("README.md")); !bytes.Contains(text, []byte(Project)) {
		t.Errorf("the README does not name the project: %s", text)
	}
	for _, e := range entries {
		if e.Path != at(e.Name) || e.Dir != (e.Name != "README.md") || e.Group != "demo__data_scientist" || e.Modified.IsZero() {
			t.Errorf("odd entry %+v", e)
		}
	}
}

func badPaths(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	for _, path := range []string{"", "relative", at() + "//x", at("Resources") + "/../Logs", at() + "/./x", at() + "/a\x00b",
		at() + "/" + strings.Repeat("n", 256), at() + strings.Repeat("/name", 1000), at() + "/\xff", at() + strings.Repeat("/a", 600)} {
		_, statErr := fs.Stat(ctx, owner, path)
		_, _, listErr := fs.List(ctx, owner, path, "", 0)
		_, mkdirErr := fs.Mkdir(ctx, owner, path, dfs.MkdirOptions{Parents: true})
		_, createErr := fs.Create(ctx, owner, path, strings.NewReader("x"), dfs.CreateOptions{Parents: true})
		_, appendErr := fs.Append(ctx, owner, path, 0, []byte("x"))
		_, _, openErr := fs.Open(ctx, owner, path, 0, 0)
		_, fromErr := fs.Rename(ctx, owner, path, at("y"), dfs.RenameOptions{})
		_, toErr := fs.Rename(ctx, owner, at("README.md"), path, dfs.RenameOptions{})
		removeErr := fs.Remove(ctx, owner, path, dfs.RemoveOptions{Recursive: true})
		_, usageErr := fs.Usage(ctx, owner, path)
		xattrErr := fs.SetXattr(ctx, owner, path, "x", nil)
		for i, err := range []error{statErr, listErr, mkdirErr, createErr, appendErr, openErr, fromErr, toErr, removeErr, usageErr, xattrErr} {
			if !bine.IsKind(err, bine.Invalid) {
				t.Errorf("call %d with path %.40q: got %v, want an error of kind invalid", i, path, err)
			}
		}
	}
	wantUsage(t, fs, at("Resources"), 0, 0, 0)
}

func oddNames(t *testing.T, fs dfs.FS) {
	for i, name := range []string{"…", " ", "a b", "%", "_", "a%b_c", "'; DROP TABLE dfs_inodes; --", "\\", "\"", "\n", "-rf", "...", "*", "日本語", "e\u0301", "\U0001f600", strings.Repeat("x", 255), "CON", "a:b"} {
		path, data := at("Resources", "odd")+"/"+name, noise(i+1)
		put(t, fs, path, data)
		wantContent(t, fs, path, data)
		if info := stat(t, fs, path); info.Name != name || info.Path != path {
			t.Errorf("%q became %q at %q", name, info.Name, info.Path)
		}
	}
	entries, _, err := fs.List(t.Context(), owner, at("Resources", "odd"), "", 0)
	if got := baseNames(entries); err != nil || !slices.IsSorted(got) || len(got) != 19 {
		t.Errorf("List: %q, %v", got, err)
	}
}

func namesDiffer(t *testing.T, fs dfs.FS) {
	for i, name := range []string{"readme", "README", "readme ", "réadme", "re\u0301adme", "0", "00", "0.0"} {
		put(t, fs, at("Resources")+"/"+name, noise(i+1))
	}
	wantUsage(t, fs, at("Resources"), 1+2+3+4+5+6+7+8, 8, 0)
}

func deepPath(t *testing.T, fs dfs.FS) {
	path := at("Resources") + strings.Repeat("/d", 100)
	mkdir(t, fs, path)
	put(t, fs, path+"/file", []byte("deep"))
	wantContent(t, fs, path+"/file", []byte("deep"))
	wantUsage(t, fs, at("Resources"), 4, 1, 100)
	wantMissing(t, fs, at("Resources")+strings.Repeat("/d", 45)+"/x/y")
}

func mkdirOne(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	info, err := fs.Mkdir(ctx, owner, at("data"), dfs.MkdirOptions{Mode: 0o700})
	if err != nil || !info.Dir || info.Mode != 0o700 || info.Owner != "demo__ada" || info.Name != "data" || info.Path != at("data") {
		t.Errorf("got %+v, %v", info, err)
	}
	if got := stat(t, fs, at("data")+"/"); got != info {
		t.Errorf("Stat: got %+v, want %+v", got, info)
	}
	_, err = fs.Mkdir(ctx, owner, at("data"), dfs.MkdirOptions{})
	wantKind(t, "Mkdir again", err, bine.Conflict, at("data"))
	_, err = fs.Mkdir(ctx, owner, at("no/such/dir"), dfs.MkdirOptions{})
	wantKind(t, "Mkdir without parents", err, bine.NotFound, at("no"))
	_, err = fs.Mkdir(ctx, owner, at("odd"), dfs.MkdirOptions{Mode: 0o4755})
	wantKind(t, "Mkdir with setuid", err, bine.Invalid, at("odd"))
}

func mkdirParents(t *testing.T, fs dfs.FS) {
	first := mkdir(t, fs, at("Resources/a/b/c"))
	if again := mkdir(t, fs, at("Resources/a/b/c")); again.ID != first.ID {
		t.Errorf("made again: %+v and %+v", first, again)
	}
	if first.Mode != 0o770 || stat(t, fs, at("Resources/a")).Mode != 0o770 {
		t.Errorf("the mode is not that of the directory above: %+v", first)
	}
	wantUsage(t, fs, at("Resources"), 0, 0, 3)
}

func belowFile(t *testing.T, fs dfs.FS) {
	ctx, file := t.Context(), at("Resources/file")
	put(t, fs, file, []byte("x"))
	_, err := fs.Mkdir(ctx, owner, file, dfs.MkdirOptions{Parents: true})
	wantKind(t, "Mkdir over a file", err, bine.Conflict, file)
	for _, path := range []string{file + "/x", file + "/x/y"} {
		_, err := fs.Mkdir(ctx, owner, path, dfs.MkdirOptions{Parents: true})
		wantKind(t, "Mkdir", err, bine.Conflict, file)
		_, err = fs.Create(ctx, owner, path, strings.NewReader("x"), dfs.CreateOptions{Parents: true})
		wantKind(t, "Create", err, bine.Conflict, file)
		_, err = fs.Create(ctx, owner, path, bytes.NewReader(noise(100_000)), dfs.CreateOptions{Parents: true})
		wantKind(t, "Create of a large file", err, bine.Conflict, file)
		_, err = fs.Rename(ctx, owner, at("README.md"), path, dfs.RenameOptions{})
		wantKind(t, "Rename", err, bine.Conflict, file)
		wantMissing(t, fs, path)
	}
}

func missing(t *testing.T, fs dfs.FS) {
	ctx, path := t.Context(), at("Resources/nothing")
	wantMissing(t, fs, path)
	_, _, err := fs.List(ctx, owner, path, "", 0)
	wantKind(t, "List", err, bine.NotFound, path)
	_, _, err = fs.Open(ctx, owner, path, 0, 0)
	wantKind(t, "Open", err, bine.NotFound, path)
	_, err = fs.Append(ctx, owner, path, 5, []byte("x"))
	wantKind(t, "Append", err, bine.NotFound, path)
	_, err = fs.Rename(ctx, owner, path, at("x"), dfs.RenameOptions{})
	wantKind(t, "Rename", err, bine.NotFound, path)
	wantKind(t, "Remove", fs.Remove(ctx, owner, path, dfs.RemoveOptions{}), bine.NotFound, path)
	_, err = fs.SetAttributes(ctx, owner, path, dfs.Attributes{Mode: new(uint32(0o600))})
	wantKind(t, "SetAttributes", err, bine.NotFound, path)
	_, err = fs.Xattrs(ctx, owner, path)
	wantKind(t, "Xattrs", err, bine.NotFound, path)
	wantKind(t, "SetXattr", fs.SetXattr(ctx, owner, path, "x", nil), bine.NotFound, path)
	_, err = fs.Usage(ctx, owner, path)
	wantKind(t, "Usage", err, bine.NotFound, path)
	_, err = fs.Create(ctx, owner, path+"/x", strings.NewReader(""), dfs.CreateOptions{})
	wantKind(t, "Create", err, bine.NotFound, path)
}

func listPages(t *testing.T, fs dfs.FS) {
	dir := at("Resources/many")
	for n := range 25 {
		put(t, fs, fmt.Sprintf("%s/%02d", dir, n), nil)
	}
	var seen []string
	after, more := "", true
	for page := 0; more; page++ {
		var entries []dfs.Info
		var err error
		if entries, more, err = fs.List(t.Context(), owner, dir, after, 10); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, baseNames(entries)...)
		after = seen[len(seen)-1]
		if page == 0 { // what comes and goes meanwhile moves nothing else
			put(t, fs, dir+"/00a", nil)
			if err := fs.Remove(t.Context(), owner, dir+"/03", dfs.RemoveOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(seen) != 25 || !slices.IsSorted(seen) || len(slices.Compact(seen)) != 25 {
		t.Errorf("got %v", seen)
	}
	if entries, more, err := fs.List(t.Context(), owner, mkdir(t, fs, at("empty")).Path, "", 10); len(entries) != 0 || more || err != nil {
		t.Errorf("an empty directory: %v, %v, %v", entries, more, err)
	}
	if entries, more, err := fs.List(t.Context(), owner, dir, "", 25); len(entries) != 25 || more || err != nil {
		t.Errorf("a page that is just full: %d entries, more %v, %v", len(entries), more, err)
	}
}

func listFile(t *testing.T, fs dfs.FS) {
	_, _, err := fs.List(t.Context(), owner, at("README.md"), "", 0)
	wantKind(t, "List", err, bine.Conflict, at("README.md"))
}

func root(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	for _, path := range []string{"/", "/Projects"} {
		if info := stat(t, fs, path); !info.Dir || info.Path != path {
			t.Errorf("Stat(%s): %+v", path, info)
		}
		for _, user := range []dfs.User{owner, dfs.Platform()} {
			wantKind(t, "Remove", fs.Remove(ctx, user, path, dfs.RemoveOptions{Recursive: true}), bine.Forbidden, path)
			_, err := fs.Rename(ctx, user, path, "/x", dfs.RenameOptions{})
			wantKind(t, "Rename", err, bine.Forbidden, path)
			_, err = fs.SetAttributes(ctx, user, path, dfs.Attributes{Mode: new(uint32(0o777))})
			wantKind(t, "SetAttributes", err, bine.Forbidden, path)
		}
	}
	_, err := fs.Create(ctx, owner, "/", strings.NewReader(""), dfs.CreateOptions{Overwrite: true})
	wantKind(t, "Create", err, bine.Conflict, "/")
	_, err = fs.Mkdir(ctx, owner, "/mine", dfs.MkdirOptions{})
	wantKind(t, "Mkdir in the root", err, bine.Forbidden, "/")
	_, err = fs.Mkdir(ctx, owner, "/Projects/mine", dfs.MkdirOptions{})
	wantKind(t, "Mkdir of a project", err, bine.NotFound, "/Projects/mine")
}
