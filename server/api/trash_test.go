package api_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestWhatWasRemovedIsRestored(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven := t.Context(), w.as("olga"), w.as("sven")
	upload := func(c *client.Client, path string) {
		t.Helper()
		_, err := c.Upload(ctx, "demo", path, strings.NewReader(path), false)
		w.ok(err)
	}
	upload(olga, "Resources/a")
	upload(olga, "Resources/b")
	upload(sven, "Resources/c")
	w.ok(olga.TrashFile(ctx, "demo", "Resources/a"))
	w.ok(olga.TrashFile(ctx, "demo", "Resources/b"))
	w.ok(sven.TrashFile(ctx, "demo", "Resources/c"))
	_, err := olga.Stat(ctx, "demo", "Resources/a")
	wants(t, "what is in the trash", err, bine.NotFound)
	first, err := olga.Trash(ctx, "demo", client.List{Limit: 2})
	w.ok(err)
	rest, err := olga.Trash(ctx, "demo", client.List{Limit: 2, After: first.Next})
	w.ok(err)
	all := append(first.Items, rest.Items...)
	var paths []string
	for _, v := range all {
		paths = append(paths, v.Path+" by "+v.By)
	}
	same(t, "the trash", paths, []string{"Resources/c by demo__sven", "Resources/b by demo__olga", "Resources/a by demo__olga"})
	same(t, "the pages", []any{first.Next != "", rest.Next}, []any{true, ""})
	own, err := sven.Trash(ctx, "demo", client.List{})
	w.ok(err)
	same(t, "a Data Scientist's", []any{len(own.Items), own.Items[0].Path}, []any{1, "Resources/c"})
	_, err = sven.RestoreFile(ctx, "demo", all[1].Number, client.RestoreFile{})
	wants(t, "a colleague's", err, bine.NotFound)
	f, err := olga.RestoreFile(ctx, "demo", all[1].Number, client.RestoreFile{})
	w.ok(err)
	same(t, "restored", f.Path, "Resources/b")
	f, err = olga.RestoreFile(ctx, "demo", all[2].Number, client.RestoreFile{To: "Resources/old/a"})
	w.ok(err)
	same(t, "restored elsewhere", f.Path, "Resources/old/a")
	_, err = sven.RestoreFile(ctx, "demo", all[0].Number, client.RestoreFile{To: "Models/c"})
	wants(t, "restored to where one may not write", err, bine.Forbidden)
	w.ok(sven.DiscardFile(ctx, "demo", all[0].Number))
	left, err := olga.Trash(ctx, "demo", client.List{})
	w.ok(err)
	same(t, "left", len(left.Items), 0)
	_, err = olga.Trash(ctx, "demo", client.List{After: "x"})
	wants(t, "a cursor of another list", err, bine.Invalid)
	wants(t, "removing what is not there", olga.TrashFile(ctx, "demo", "Resources/a"), bine.NotFound)
}
