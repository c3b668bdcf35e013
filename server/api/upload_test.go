package api_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestUploadInParts(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven := t.Context(), w.as("olga"), w.as("sven")
	data := bytes.Repeat([]byte("0123456789"), 50_000)
	key := client.UploadKey{Path: "Resources/new/a b%#.bin", Size: int64(len(data)), Tag: "17"}
	u, err := sven.BegunUpload(ctx, "demo", key)
	w.ok(err)
	same(t, "before the first part", []any{u.Offset, u.Exists}, []any{0, false})
	u, err = sven.UploadPart(ctx, "demo", key, 0, data[:300_000])
	w.ok(err)
	same(t, "after it", []any{u.Offset, u.Path}, []any{300_000, key.Path})
	begun, err := sven.Uploads(ctx, "demo")
	w.ok(err)
	if len(begun) != 1 || begun[0].Path != key.Path || begun[0].Tag != "17" || begun[0].Offset != 300_000 {
		t.Errorf("uploads: %+v", begun)
	}
	_, err = olga.FinishUpload(ctx, "demo", key, client.FinishUpload{})
	wants(t, "somebody else finishing it", err, bine.Conflict)
	_, err = sven.UploadPart(ctx, "demo", key, 300_001, data[300_001:])
	wants(t, "a gap", err, bine.Conflict)
	_, err = sven.UploadPart(ctx, "demo", key, 300_000, data[300_000:])
	w.ok(err)
	_, err = sven.FinishUpload(ctx, "demo", key, client.FinishUpload{})
	wants(t, "without the directory", err, bine.NotFound)
	for range 2 { // the answer may be lost
		f, err := sven.FinishUpload(ctx, "demo", key, client.FinishUpload{Parents: true})
		w.ok(err)
		same(t, "the file", []any{f.Size, f.Owner}, []any{len(data), "demo__sven"})
	}
	r, err := sven.Download(ctx, "demo", key.Path, 0, 0)
	same(t, "its content", read(t, r, err) == string(data), true)
	u, err = sven.BegunUpload(ctx, "demo", key)
	w.ok(err)
	same(t, "once more", []any{u.Offset, u.Exists}, []any{0, true})
	for path, kind := range map[string]bine.Kind{"Models/x": bine.Forbidden, ".uploads/x": bine.Forbidden, "x": bine.Forbidden, "Resources/../b": bine.Invalid} {
		_, err = sven.UploadPart(ctx, "demo", client.UploadKey{Path: path, Size: 1}, 0, []byte("x"))
		wants(t, path, err, kind)
	}
	got := w.raw("PATCH", "/api/v1/projects/demo/uploads/Resources/x?size=99999999&offset=0", w.key("sven", bine.Key{Scopes: []bine.Scope{bine.ScopeAll}}), bytes.NewReader(make([]byte, 17<<20)))
	same(t, "a part of 17 MiB", got.status, 413)
	w.ok(sven.DropUpload(ctx, "demo", client.UploadKey{Path: "Resources/x", Size: 99999999}))
}

func TestUploadIntoASharedDataset(t *testing.T) {
	w := newWorld(t)
	ctx, olga, mallory := t.Context(), w.as("olga"), w.as("mallory")
	_, err := mallory.ChangeFile(ctx, "other", "data", client.FileChange{Op: "mkdir"})
	w.ok(err)
	_, err = mallory.OfferDataset(ctx, "other", "data", "demo", bine.ShareWrite)
	w.ok(err)
	_, err = olga.WantDataset(ctx, "demo", "other", "data", bine.ShareWrite)
	w.ok(err)
	key := client.UploadKey{Path: "other::data/f", Size: 100_000}
	_, err = olga.UploadPart(ctx, "demo", key, 0, make([]byte, 60_000))
	w.ok(err)
	w.ok(mallory.WithdrawDataset(ctx, "other", "data", "demo"))
	_, err = olga.UploadPart(ctx, "demo", key, 60_000, make([]byte, 40_000))
	wants(t, "a part when the share is gone", err, bine.NotFound)
	_, err = mallory.OfferDataset(ctx, "other", "data", "demo", bine.ShareWrite)
	w.ok(err)
	_, err = olga.UploadPart(ctx, "demo", key, 60_000, make([]byte, 40_000))
	w.ok(err)
	f, err := olga.FinishUpload(ctx, "demo", key, client.FinishUpload{})
	w.ok(err)
	same(t, "the file", []any{f.Path, f.Size, f.Owner}, []any{"other::data/f", 100_000, "demo__olga"})
}

// unpacked gives what is in an archive, by name; a directory ends in a slash.
func unpacked(t *testing.T, format string, r io.ReadCloser, err error) map[string]string {
	t.Helper()
	text := read(t, r, err)
	found := map[string]string{}
	if format == "tar" {
		for in := tar.NewReader(strings.NewReader(text)); ; {
			h, err := in.Next()
			if errors.Is(err, io.EOF) {
				return found
			}
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(in)
			if err != nil {
				t.Fatal(err)
			}
			found[h.Name] = string(content)
		}
	}
	in, err := zip.NewReader(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range in.File {
		content, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		found[f.Name] = string(all)
	}
	return found
}

func TestArchive(t *testing.T) {
	w := newWorld(t)
	ctx, olga := t.Context(), w.as("olga")
	large := strings.Repeat("large ", 100_000)
	for path, content := range map[string]string{"Resources/d/a.txt": "a", "Resources/d/e/b": large, `Resources/d/back\..\slash`: "", "Resources/c.txt": "c", "Jupyter/n": "n"} {
		if strings.Contains(path, `\`) {
			continue // no door takes such a name
		}
		_, err := olga.UploadFile(ctx, "demo", path, strings.NewReader(content), client.UploadOptions{Parents: true})
		w.ok(err)
	}
	_, err := olga.ChangeFile(ctx, "demo", "Resources/d/none", client.FileChange{Op: "mkdir"})
	w.ok(err)
	for _, format := range []string{"zip", "tar"} {
		r, err := olga.Archive(ctx, "demo", format, "Resources/d", "Resources/c.txt")
		got := unpacked(t, format, r, err)
		same(t, format, fmt.Sprint(got), fmt.Sprint(map[string]string{"d/": "", "d/a.txt": "a", "d/e/": "", "d/e/b": large, "d/none/": "", "c.txt": "c"}))
		r, err = olga.Archive(ctx, "demo", format, "Resources/c.txt", "Jupyter/n")
		same(t, "of two directories as "+format, fmt.Sprint(unpacked(t, format, r, err)), fmt.Sprint(map[string]string{"Resources/c.txt": "c", "Jupyter/n": "n"}))
		r, err = olga.Archive(ctx, "demo", format, "/")
		names := []string{}
		for name := range unpacked(t, format, r, err) {
			names = append(names, name)
		}
		if !slices.Contains(names, "demo/README.md") || slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "demo/.") }) {
			t.Errorf("all of the project as %s is %v", format, names)
		}
	}
	_, err = w.as("sven").Archive(ctx, "demo", "zip", "Resources")
	wants(t, "a Data Scientist", err, bine.Forbidden)
	_, err = olga.Archive(ctx, "demo", "zip", "Resources", "gone")
	wants(t, "what is not there", err, bine.NotFound)
	_, err = olga.Archive(ctx, "demo", "zip", "../other")
	wants(t, "a path that climbs", err, bine.Invalid)
	got := w.raw("GET", "/api/v1/projects/demo/archive?path=Resources/d", w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeAll}}), nil)
	same(t, "the headers", []string{got.header.Get("Content-Type"), got.header.Get("Content-Disposition"), got.header.Get("X-Content-Type-Options")}, []string{"application/zip", "attachment; filename=d.zip", "nosniff"})
}

func TestChangesOfAPath(t *testing.T) {
	w := newWorld(t)
	ctx, olga := t.Context(), w.as("olga")
	for range 3 {
		_, err := olga.Upload(ctx, "demo", "Resources/f", strings.NewReader("x"), true)
		w.ok(err)
	}
	_, err := olga.ChangeFile(ctx, "demo", "Resources/f", client.FileChange{Op: "rename", To: "Resources/g"})
	w.ok(err)
	var told []string
	after := ""
	for {
		page, err := w.as("sven").Changes(ctx, "demo", "Resources/g", client.List{After: after, Limit: 2})
		w.ok(err)
		for _, c := range page.Items {
			told = append(told, fmt.Sprintln(c.Op, c.Path, c.From, c.By))
		}
		if after = page.Next; after == "" {
			break
		}
	}
	same(t, "the changes", strings.Join(told, ""), "renamed Resources/g Resources/f demo__olga\nwritten Resources/f  demo__olga\nwritten Resources/f  demo__olga\ncreated Resources/f  demo__olga\n")
	_, err = olga.Changes(ctx, "demo", "Resources/g", client.List{After: "!"})
	wants(t, "a bad cursor", err, bine.Invalid)
	_, err = w.as("mallory").Changes(ctx, "demo", "Resources/g", client.List{})
	wants(t, "somebody of another project", err, bine.NotFound)
}

func TestUsageByEntryAndFilteredLists(t *testing.T) {
	w := newWorld(t)
	ctx, olga := t.Context(), w.as("olga")
	for i, name := range []string{"one", "two", "Twelve"} {
		_, err := olga.Upload(ctx, "demo", "Resources/"+name, strings.NewReader(strings.Repeat("x", i+1)), false)
		w.ok(err)
	}
	u, err := olga.UsageByEntry(ctx, "demo", "Resources", 2)
	w.ok(err)
	same(t, "usage", fmt.Sprint(u.Bytes, u.Files, u.Entries), "6 3 [{Twelve false 3 1 0} {two false 2 1 0}]")
	for filter, want := range map[client.FileFilter]string{{Prefix: "t"}: "[two]", {Contains: "TW"}: "[Twelve two]", {Contains: "x"}: "[]"} {
		page, err := olga.FilesMatching(ctx, "demo", "Resources", filter, client.List{})
		w.ok(err)
		names := []string{}
		for _, f := range page.Items {
			names = append(names, f.Name)
		}
		same(t, fmt.Sprintf("%+v", filter), fmt.Sprint(names), want)
	}
}
