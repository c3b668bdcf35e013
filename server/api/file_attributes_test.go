package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestFileAttributes(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven := t.Context(), w.as("olga"), w.as("sven")
	made, err := olga.UploadFile(ctx, "demo", "Resources/deep/er/a.csv", strings.NewReader("x"), client.UploadOptions{Parents: true})
	w.ok(err)
	if made.ETag == "" || made.Created.IsZero() {
		t.Errorf("an upload answers %+v, want an ETag and when it was made", made)
	}
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f, err := olga.SetFileAttributes(ctx, "demo", "Resources/deep/er/a.csv", client.FileAttributes{Mode: new(uint32(0o640)), Owner: new("demo__sven"), Modified: &day})
	w.ok(err)
	same(t, "the attributes", []any{f.Mode, f.Owner, f.Modified.UTC(), f.ETag}, []any{0o640, "demo__sven", day, made.ETag})
	_, err = olga.SetFileAttributes(ctx, "demo", "Resources/deep/er/a.csv", client.FileAttributes{Mode: new(uint32(0o4755))})
	wants(t, "a mode with the set-user-id bit", err, bine.Invalid)
	_, err = olga.SetFileAttributes(ctx, "demo", "Resources/deep/er/a.csv", client.FileAttributes{})
	wants(t, "no change", err, bine.Invalid)
	_, err = sven.SetFileAttributes(ctx, "demo", "Resources/deep", client.FileAttributes{Mode: new(uint32(0o700))})
	wants(t, "a Data Scientist changing what another owns", err, bine.Forbidden)
	_, err = sven.SetFileAttributes(ctx, "demo", "Models", client.FileAttributes{Modified: &day})
	wants(t, "a Data Scientist changing what is no program", err, bine.Forbidden)
	_, err = olga.SetFileAttributes(ctx, "demo", ".artifacts", client.FileAttributes{Mode: new(uint32(0o777))})
	wants(t, "an owner changing what the platform keeps", err, bine.Forbidden)
}

func TestXattrs(t *testing.T) {
	w := newWorld(t)
	ctx, olga := t.Context(), w.as("olga")
	value := []byte("caf\xe9\x00 bytes")
	w.ok(olga.SetXattr(ctx, "demo", "Resources", "origin", value))
	got, err := olga.Xattr(ctx, "demo", "Resources", "origin")
	w.ok(err)
	same(t, "the value", string(got), string(value))
	w.ok(olga.SetXattr(ctx, "demo", "Resources", "empty", nil))
	got, err = olga.Xattr(ctx, "demo", "Resources", "empty")
	w.ok(err)
	same(t, "an empty value", len(got), 0)
	wants(t, "a value that is too long", olga.SetXattr(ctx, "demo", "Resources", "long", make([]byte, 17<<10)), bine.TooLarge)
	wants(t, "a value that is much too long", olga.SetXattr(ctx, "demo", "Resources", "long", make([]byte, 70<<10)), bine.TooLarge)
	wants(t, "an attribute of the platform", olga.SetXattr(ctx, "demo", "Resources", "bine.x", value), bine.Forbidden)
	wants(t, "a Data Scientist where programs are not", w.as("sven").SetXattr(ctx, "demo", "Models", "x", value), bine.Forbidden)
	w.ok(olga.RemoveXattr(ctx, "demo", "Resources", "origin"))
	wants(t, "removing what is gone", olga.RemoveXattr(ctx, "demo", "Resources", "origin"), bine.NotFound)
	_, err = olga.Xattr(ctx, "demo", "Resources", "origin")
	wants(t, "reading what is gone", err, bine.NotFound)
}

func TestCopiesAndChecksumsAreMadeByTheServer(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven := t.Context(), w.as("olga"), w.as("sven")
	large := strings.Repeat("0123456789abcdef", 1<<16+1)
	_, err := olga.Upload(ctx, "demo", "Training_Datasets/large.csv", strings.NewReader(large), false)
	w.ok(err)
	f, err := olga.CopyFile(ctx, "demo", client.FileCopy{From: "Training_Datasets/large.csv", To: "Resources/new/copy.csv"})
	w.ok(err)
	same(t, "the copy", []any{f.Path, f.Size}, []any{"Resources/new/copy.csv", len(large)})
	sum, err := sven.Checksum(ctx, "demo", "Resources/new/copy.csv")
	w.ok(err)
	same(t, "its checksum", []any{sum.Checksum, sum.Size, sum.Path}, []any{hashOf(large), len(large), "Resources/new/copy.csv"})

	_, err = olga.CopyFile(ctx, "demo", client.FileCopy{From: "README.md", To: "Resources/new/copy.csv"})
	wants(t, "copying over a file", err, bine.Conflict)
	f, err = olga.CopyFile(ctx, "demo", client.FileCopy{From: "README.md", To: "Resources/new/copy.csv", Overwrite: true})
	w.ok(err)
	if f.Size == int64(len(large)) {
		t.Error("a copy with overwrite left the file as it was")
	}
	_, err = olga.CopyFile(ctx, "demo", client.FileCopy{From: "README.md", To: "README.md", Overwrite: true})
	wants(t, "copying a file to itself", err, bine.Invalid)
	f, err = olga.CopyFile(ctx, "demo", client.FileCopy{From: "Resources/new", To: "Resources/b"})
	w.ok(err)
	same(t, "the copy of a directory", []any{f.Path, f.Dir}, []any{"Resources/b", true})
	_, err = olga.Stat(ctx, "demo", "Resources/b/copy.csv")
	w.ok(err)
	_, err = olga.CopyFile(ctx, "demo", client.FileCopy{From: "Resources/new", To: "Resources/b", Overwrite: true})
	wants(t, "copying a directory over another", err, bine.Conflict)
	_, err = sven.CopyFile(ctx, "demo", client.FileCopy{From: "README.md", To: "Models/x"})
	wants(t, "a Data Scientist copying to where programs are not", err, bine.Forbidden)
	_, err = olga.Checksum(ctx, "demo", "Resources")
	wants(t, "the checksum of a directory", err, bine.Conflict)

	_, err = olga.ChangeFile(ctx, "demo", "README.md", client.FileChange{Op: "rename", To: "Resources/new/copy.csv"})
	wants(t, "renaming over a file", err, bine.Conflict)
	_, err = olga.ChangeFile(ctx, "demo", "README.md", client.FileChange{Op: "rename", To: "Resources/new/copy.csv", Overwrite: true})
	w.ok(err)
}
