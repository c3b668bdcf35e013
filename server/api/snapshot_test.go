package api_test

import (
	"io"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestSnapshotsAreMadeComparedAndRestored(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven := t.Context(), w.as("olga"), w.as("sven")
	_, err := olga.ChangeFile(ctx, "demo", "Resources/data", client.FileChange{Op: "mkdir"})
	w.ok(err)
	for _, name := range []string{"a", "b"} {
		_, err := olga.Upload(ctx, "demo", "Resources/data/"+name, strings.NewReader("old "+name), false)
		w.ok(err)
	}
	_, err = olga.CreateSnapshot(ctx, "demo", client.NewSnapshot{Path: "Resources/data", Name: "one"})
	wants(t, "before it is allowed", err, bine.Conflict)
	wants(t, "a Data Scientist allowing it", sven.AllowSnapshots(ctx, "demo", "Resources/data", true), bine.Forbidden)
	w.ok(olga.AllowSnapshots(ctx, "demo", "Resources/data", true))
	dirs, err := sven.SnapshotDirs(ctx, "demo")
	w.ok(err)
	same(t, "the directories", dirs, []client.SnapshotDir{{Path: "Resources/data"}})
	s, err := olga.CreateSnapshot(ctx, "demo", client.NewSnapshot{Path: "Resources/data", Name: "one"})
	w.ok(err)
	same(t, "the snapshot", []any{s.Name, s.Path, s.By}, []any{"one", "Resources/data/.snapshot/one", "demo__olga"})
	w.ok(olga.RemoveFile(ctx, "demo", "Resources/data/a", false))
	_, err = olga.ChangeFile(ctx, "demo", "Resources/data/b", client.FileChange{Op: "rename", To: "Resources/data/c"})
	w.ok(err)
	diff, err := sven.DiffSnapshots(ctx, "demo", "Resources/data", "one", "")
	w.ok(err)
	same(t, "the diff", diff, []client.SnapshotDifference{{Kind: "modified", Dir: true}, {Kind: "deleted", Path: "a"}, {Kind: "renamed", Path: "b", Target: "c"}})
	_, err = olga.Upload(ctx, "demo", "Resources/data/.snapshot/one/a", strings.NewReader("x"), true)
	wants(t, "writing to it", err, bine.Forbidden)
	_, err = olga.CopyFile(ctx, "demo", client.FileCopy{From: s.Path + "/a", To: "Resources/data/a"})
	w.ok(err)
	content, err := olga.Download(ctx, "demo", "Resources/data/a", 0, 0)
	w.ok(err)
	defer content.Close()
	text, err := io.ReadAll(content)
	w.ok(err)
	same(t, "what was restored", string(text), "old a")
	wants(t, "a Data Scientist renaming it", sven.RenameSnapshot(ctx, "demo", client.RenameSnapshot{Path: "Resources/data", Name: "one", To: "two"}), bine.Forbidden)
	w.ok(olga.RenameSnapshot(ctx, "demo", client.RenameSnapshot{Path: "Resources/data", Name: "one", To: "two"}))
	all, err := sven.Snapshots(ctx, "demo", "Resources/data")
	w.ok(err)
	same(t, "the list", []any{len(all), all[0].Name}, []any{1, "two"})
	wants(t, "removing what has snapshots", olga.RemoveFile(ctx, "demo", "Resources/data", true), bine.Conflict)
	wants(t, "disallowing it", olga.AllowSnapshots(ctx, "demo", "Resources/data", false), bine.Conflict)
	w.ok(olga.DeleteSnapshot(ctx, "demo", "Resources/data", "two"))
	w.ok(olga.AllowSnapshots(ctx, "demo", "Resources/data", false))
	w.ok(olga.RemoveFile(ctx, "demo", "Resources/data", true))
}
