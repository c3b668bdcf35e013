package api_test

import (
	"io"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestFilesGrowAndAreCut(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven := t.Context(), w.as("olga"), w.as("sven")
	const path = "Resources/grown"
	made, err := olga.AppendFile(ctx, "demo", path, 0, []byte("hello "))
	w.ok(err)
	for range 2 { // sending it again is harmless
		f, err := olga.AppendFile(ctx, "demo", path, 6, []byte("world"))
		w.ok(err)
		same(t, "the file", []any{f.ID, f.Size, f.ETag == made.ETag}, []any{made.ID, int64(11), false})
	}
	_, err = olga.AppendFile(ctx, "demo", path, 6, []byte("earth"))
	wants(t, "other bytes at the same place", err, bine.Conflict)
	_, err = olga.AppendFile(ctx, "demo", path, 12, []byte("x"))
	wants(t, "a gap", err, bine.Conflict)
	_, err = olga.AppendFile(ctx, "demo", path, 11, make([]byte, client.MaxAppend+1))
	wants(t, "more than one call takes", err, bine.TooLarge)
	_, err = sven.AppendFile(ctx, "demo", "Models/m", 0, []byte("x"))
	wants(t, "a Data Scientist adding to what is no program", err, bine.Forbidden)
	f, err := olga.ChangeFile(ctx, "demo", path, client.FileChange{Op: "truncate", Size: 5})
	w.ok(err)
	same(t, "the size", f.Size, int64(5))
	_, err = olga.ChangeFile(ctx, "demo", path, client.FileChange{Op: "truncate", Size: 6})
	wants(t, "cutting to more than there is", err, bine.Invalid)

	there, err := olga.OpenFile(ctx, "demo", path, 1, 3)
	w.ok(err)
	defer there.Body.Close()
	text, err := io.ReadAll(there.Body)
	w.ok(err)
	same(t, "a part", []any{string(text), there.Size, there.ETag, there.Modified.IsZero()}, []any{"ell", int64(5), f.ETag, false})
	_, err = olga.OpenFile(ctx, "demo", path, 5, 1)
	wants(t, "a part behind the end", err, bine.Invalid)
}

func TestModesOfNewFiles(t *testing.T) {
	w := newWorld(t)
	ctx, olga := t.Context(), w.as("olga")
	f, err := olga.UploadFile(ctx, "demo", "Resources/run.sh", strings.NewReader("x"), client.UploadOptions{Mode: 0o750})
	w.ok(err)
	same(t, "the mode of a file", f.Mode, 0o750)
	f, err = olga.ChangeFile(ctx, "demo", "Resources/d", client.FileChange{Op: "mkdir", Exclusive: true, Mode: 0o711})
	w.ok(err)
	same(t, "the mode of a directory", f.Mode, 0o711)
	_, err = olga.ChangeFile(ctx, "demo", "Resources/d", client.FileChange{Op: "mkdir", Exclusive: true})
	wants(t, "a directory that is there", err, bine.Conflict)
	_, err = olga.ChangeFile(ctx, "demo", "Resources/no/d", client.FileChange{Op: "mkdir", Exclusive: true})
	wants(t, "a directory above that is not there", err, bine.NotFound)
}
