package dfstest

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

var abouts = map[string]func(*testing.T, dfs.FS){
	"attributes are set together":           setAttributes,
	"a change of content moves the time":    modified,
	"extended attributes are kept":          xattrs,
	"extended attributes have limits":       xattrLimits,
	"attributes can come with the content":  xattrsAtCreate,
	"a quota names itself and what is used": quota,
	"usage sums up what is below":           usage,
}

func setAttributes(t *testing.T, fs dfs.FS) {
	then := time.Date(2001, 2, 3, 4, 5, 6, 789000, time.UTC)
	for _, path := range []string{at("Resources/file"), at("Resources/dir")} {
		if strings.HasSuffix(path, "file") {
			put(t, fs, path, []byte("x"))
		} else {
			mkdir(t, fs, path)
		}
		before := stat(t, fs, path)
		got, err := fs.SetAttributes(t.Context(), owner, path, dfs.Attributes{Mode: new(uint32(0o751)), Owner: new("demo__bob"), Modified: &then, Accessed: new(then.Add(time.Hour))})
		if err != nil {
			t.Fatal(err)
		}
		want := before
		want.Mode, want.Owner, want.Modified, want.Accessed = 0o751, "demo__bob", then, then.Add(time.Hour)
		if got != want || stat(t, fs, path) != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if _, err := fs.SetAttributes(t.Context(), owner, path, dfs.Attributes{Mode: new(uint32(0o700)), Group: new("nonsense")}); err == nil || stat(t, fs, path) != want {
			t.Errorf("a change of which a part is wrong: %v, %+v", err, stat(t, fs, path))
		}
	}
}

func modified(t *testing.T, fs dfs.FS) {
	path, then := at("Resources/file"), time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	put(t, fs, path, []byte("x"))
	for what, change := range map[string]func(){
		"Create": func() { put(t, fs, path, []byte("x")) },
		"Append": func() { app(t, fs, path, int(stat(t, fs, path).Size), noise(10_000)) },
	} {
		if _, err := fs.SetAttributes(t.Context(), owner, path, dfs.Attributes{Modified: &then}); err != nil {
			t.Fatal(err)
		}
		change()
		if info := stat(t, fs, path); !info.Modified.After(then) {
			t.Errorf("%s: modified %v", what, info.Modified)
		}
	}
}

func xattrs(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	for _, path := range []string{put(t, fs, at("Resources/file"), nil).Path, at("Resources")} {
		want := map[string][]byte{"user.tag": []byte("a"), "é": {0, 1, 255}, "empty": {}, "Tag": []byte("b"), "tag": noise(16 << 10)}
		for name, value := range want {
			if err := fs.SetXattr(ctx, owner, path, name, value); err != nil {
				t.Fatal(err)
			}
		}
		want["user.tag"] = []byte("changed")
		if err := fs.SetXattr(ctx, owner, path, "user.tag", want["user.tag"]); err != nil {
			t.Fatal(err)
		}
		got, err := fs.Xattrs(ctx, owner, path)
		if err != nil || !maps.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("got %d, %v, want %d", len(got), err, len(want))
		}
		if err := fs.RemoveXattr(ctx, owner, path, "Tag"); err != nil {
			t.Fatal(err)
		}
		_, err = fs.Xattr(ctx, owner, path, "Tag")
		wantKind(t, "Xattr", err, bine.NotFound, path)
		wantKind(t, "RemoveXattr", fs.RemoveXattr(ctx, owner, path, "Tag"), bine.NotFound, path)
		if value, err := fs.Xattr(ctx, owner, path, "tag"); err != nil || !bytes.Equal(value, want["tag"]) {
			t.Errorf("got %d bytes, %v", len(value), err)
		}
	}
}

func xattrLimits(t *testing.T, fs dfs.FS) {
	ctx, path := t.Context(), at("Resources")
	for _, name := range []string{"", strings.Repeat("x", 256), "a\x00b", "\xff"} {
		wantKind(t, "SetXattr", fs.SetXattr(ctx, owner, path, name, nil), bine.Invalid, path)
	}
	wantKind(t, "a long value", fs.SetXattr(ctx, owner, path, "x", noise(16<<10+1)), bine.TooLarge, path)
	for n := range 100 {
		if err := fs.SetXattr(ctx, owner, path, fmt.Sprint(n), nil); err != nil {
			t.Fatal(err)
		}
	}
	wantKind(t, "one too many", fs.SetXattr(ctx, owner, path, "x", nil), bine.TooLarge, path)
	if err := fs.SetXattr(ctx, owner, path, "99", []byte("changed")); err != nil {
		t.Errorf("a change of one that is there: %v", err)
	}
}

func xattrsAtCreate(t *testing.T, fs dfs.FS) {
	ctx, path := t.Context(), at("Resources/file")
	o := dfs.CreateOptions{Xattrs: map[string][]byte{"a": []byte("1"), "b": nil}, Overwrite: true}
	if _, err := fs.Create(ctx, owner, path, strings.NewReader("x"), o); err != nil {
		t.Fatal(err)
	}
	o.Xattrs = map[string][]byte{"a": []byte("2")}
	if _, err := fs.Create(ctx, owner, path, strings.NewReader("x"), o); err != nil {
		t.Fatal(err)
	}
	got, err := fs.Xattrs(ctx, owner, path)
	if err != nil || len(got) != 2 || string(got["a"]) != "2" {
		t.Errorf("got %v, %v", got, err)
	}
	o.Xattrs = map[string][]byte{"bine.own": nil}
	_, err = fs.Create(ctx, owner, path, strings.NewReader("x"), o)
	wantKind(t, "an attribute of the platform", err, bine.Forbidden, path)
	wantMarked(t, fs)
}

// wantMarked expects that what is made above a file gets attributes, and what is there none.
func wantMarked(t *testing.T, fs dfs.FS) {
	t.Helper()
	ctx, mark := t.Context(), map[string][]byte{"mark": []byte("1")}
	if _, err := fs.Create(ctx, owner, at("Resources/up/above/file"), strings.NewReader("x"), dfs.CreateOptions{Parents: true, AboveXattrs: mark}); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Mkdir(ctx, owner, at("Resources/up/beside/dir"), dfs.MkdirOptions{Parents: true, Xattrs: mark}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"Resources": 0, "Resources/up": 1, "Resources/up/above": 1, "Resources/up/above/file": 0, "Resources/up/beside": 1, "Resources/up/beside/dir": 1} {
		if got, err := fs.Xattrs(ctx, owner, at(path)); err != nil || len(got) != want {
			t.Errorf("%s has the attributes %v (%v), want %d", path, got, err, want)
		}
	}
	_, err := fs.Mkdir(ctx, owner, at("Resources/own"), dfs.MkdirOptions{Xattrs: map[string][]byte{"bine.own": nil}})
	wantKind(t, "an attribute of the platform on a directory", err, bine.Forbidden, at("Resources/own"))
}

func quota(t *testing.T, fs dfs.FS) {
	ctx := t.Context()
	wantKind(t, "by a Data Owner", fs.SetQuota(ctx, owner, at(), dfs.Quota{Bytes: 1 << 40}), bine.Forbidden, at())
	wantKind(t, "of no project", fs.SetQuota(ctx, dfs.Platform(), "/Projects", dfs.Quota{Bytes: 1}), bine.Invalid, "/Projects")
	wantKind(t, "a negative one", fs.SetQuota(ctx, dfs.Platform(), at(), dfs.Quota{Names: -1}), bine.Invalid, at())
	before, err := fs.Usage(ctx, owner, at())
	if err != nil {
		t.Fatal(err)
	}
	limit := before.Bytes + 100_000
	if err := fs.SetQuota(ctx, dfs.Platform(), at(), dfs.Quota{Bytes: limit}); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, err error) {
		t.Helper()
		wantKind(t, what, err, bine.NoQuota, at())
		if err != nil && !strings.Contains(err.Error(), fmt.Sprint(limit)) {
			t.Errorf("%s: the message does not name the quota: %v", what, err)
		}
	}
	_, err = fs.Create(ctx, owner, at("Resources/big"), bytes.NewReader(noise(100_001)), dfs.CreateOptions{})
	refused("Create", err)
	put(t, fs, at("Resources/a"), noise(97_000))
	_, err = fs.Create(ctx, owner, at("Resources/b"), bytes.NewReader(noise(3001)), dfs.CreateOptions{})
	refused("Create of a small file", err)
	_, err = fs.Append(ctx, owner, at("Resources/a"), 97_000, noise(3001))
	refused("Append", err)
	_, err = fs.Append(ctx, owner, at("Resources/a"), 97_000, noise(5000))
	refused("Append of more", err)
	put(t, fs, at("Resources/a"), noise(100_000)) // just fits
	put(t, fs, at("Resources/a"), noise(50_000))
	put(t, fs, at("Resources/b"), noise(50_000))
	put(t, fs, at("Resources/empty"), nil)
	if u, err := fs.Usage(ctx, owner, at("Resources")); err != nil || u.Bytes != 100_000 || u.Quota.Bytes != limit {
		t.Errorf("Usage: %+v, %v", u, err)
	}
	if _, err := fs.Create(ctx, stranger, dfs.ProjectPath(Other, "Resources/big"), bytes.NewReader(noise(200_000)), dfs.CreateOptions{}); err != nil {
		t.Errorf("another project: %v", err)
	}
	if err := fs.SetQuota(ctx, dfs.Platform(), at(), dfs.Quota{Bytes: 10}); err != nil {
		t.Fatal(err)
	}
	put(t, fs, at("Resources/b"), noise(40_000)) // less than before is never refused
	if err := fs.SetQuota(ctx, dfs.Platform(), at(), dfs.Quota{}); err != nil {
		t.Fatal(err)
	}
	put(t, fs, at("Resources/big"), noise(200_000))
}

func usage(t *testing.T, fs dfs.FS) {
	start, err := fs.Usage(t.Context(), owner, at())
	if err != nil || start.Files != 1 || start.Directories != 10 {
		t.Errorf("a new project: %+v, %v", start, err)
	}
	put(t, fs, at("Resources/a/b/file"), noise(5000))
	put(t, fs, at("Resources/a/file"), noise(2<<20))
	wantUsage(t, fs, at("Resources"), 5000+(2<<20), 2, 2)
	wantUsage(t, fs, at("Resources/a/b"), 5000, 1, 0)
	wantUsage(t, fs, at("Resources/a/b/file"), 5000, 1, 0)
	wantUsage(t, fs, at(), start.Bytes+5000+(2<<20), 3, 12)
}
