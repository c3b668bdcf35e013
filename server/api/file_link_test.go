package api_test

import (
	"io"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestSymbolicLinks(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven := t.Context(), w.as("olga"), w.as("sven")
	link := func(c *client.Client, path, to string) (client.File, error) {
		return c.ChangeFile(ctx, "demo", path, client.FileChange{Op: "link", To: to})
	}
	_, err := olga.UploadFile(ctx, "demo", "Resources/real/a.csv", strings.NewReader("abc"), client.UploadOptions{Parents: true})
	w.ok(err)
	made, err := link(olga, "Resources/l", "/Resources/real")
	w.ok(err)
	same(t, "a link", []any{made.Path, made.Link, made.Dir, made.Size, made.ETag}, []any{"Resources/l", "/Resources/real", false, 0, ""})
	_, err = link(olga, "Resources/real/m", "a.csv")
	w.ok(err)
	for _, path := range []string{"Resources/l/a.csv", "Resources/l/m", "Resources/real/m"} {
		r, err := olga.Download(ctx, "demo", path, 0, 0)
		w.ok(err)
		text, err := io.ReadAll(r)
		w.ok(err)
		w.ok(r.Close())
		same(t, path, string(text), "abc")
	}
	files, err := olga.Files(ctx, "demo", "Resources/l", client.List{})
	w.ok(err)
	same(t, "what is listed through a link", []any{files.Items[0].Path, files.Items[1].Path, files.Items[1].Link}, []any{"Resources/l/a.csv", "Resources/l/m", "a.csv"})
	f, err := olga.Stat(ctx, "demo", "Resources/l")
	w.ok(err)
	same(t, "where it leads", []any{f.Dir, f.Link, f.Path}, []any{true, "", "Resources/l"})
	f, err = olga.LinkInfo(ctx, "demo", "Resources/l")
	w.ok(err)
	same(t, "the link", []any{f.Dir, f.Link}, []any{false, "/Resources/real"})
	f, err = olga.LinkInfo(ctx, "demo", "Resources/real")
	w.ok(err)
	same(t, "a directory", []any{f.Dir, f.Link}, []any{true, ""})

	for _, to := range []string{"", "/", "..", "../../other/Resources", "/../other", "a\\b", "/.."} {
		_, err := link(olga, "Resources/bad", to)
		wants(t, "a link to "+to, err, bine.Invalid)
	}
	_, err = link(sven, "Models/l", "x")
	wants(t, "a Data Scientist in Models", err, bine.Forbidden)
	// Sven may write to Logs by jobs, and here neither by its name nor by a link's.
	_, err = link(sven, "Resources/logs", "/Logs")
	w.ok(err)
	_, err = sven.Upload(ctx, "demo", "Resources/logs/x", strings.NewReader("x"), false)
	wants(t, "an upload through a link", err, bine.Forbidden)
	_, err = sven.CopyFile(ctx, "demo", client.FileCopy{From: "Resources/real/a.csv", To: "Resources/logs/x"})
	wants(t, "a copy through a link", err, bine.Forbidden)
	_, err = sven.ChangeFile(ctx, "demo", "Resources/logs/x", client.FileChange{Op: "mkdir"})
	wants(t, "a directory through a link", err, bine.Forbidden)
	_, err = sven.Upload(ctx, "demo", "Jupyter/x", strings.NewReader("x"), false)
	w.ok(err)
	_, err = sven.ChangeFile(ctx, "demo", "Jupyter/x", client.FileChange{Op: "rename", To: "Resources/logs/x"})
	wants(t, "a rename through a link", err, bine.Forbidden)
	_, err = link(olga, "Resources/in", "../.artifacts")
	w.ok(err)
	_, err = olga.Upload(ctx, "demo", "Resources/in/x", strings.NewReader("x"), false)
	wants(t, "an upload through a link to .artifacts", err, bine.Forbidden)
	w.ok(olga.RemoveFile(ctx, "demo", "Resources/l", true))
	_, err = olga.Stat(ctx, "demo", "Resources/real/a.csv")
	w.ok(err)
}
