package api_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestQuotasOfDirectories(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven, root := t.Context(), w.as("olga"), w.as("sven"), w.as("root")
	limits, err := olga.SetFileQuota(ctx, "demo", "Resources", client.FileQuota{Bytes: 100, Names: 3})
	w.ok(err)
	same(t, "the limits", limits, []client.FileLimit{{Path: "Resources", Quota: client.FileQuota{Bytes: 100, Names: 3}, Names: 1}})
	_, err = sven.Upload(ctx, "demo", "Resources/a", strings.NewReader(strings.Repeat("x", 101)), false)
	wants(t, "more than the quota", err, bine.NoQuota)
	_, err = sven.Upload(ctx, "demo", "Resources/a", strings.NewReader("12345"), false)
	w.ok(err)
	limits, err = sven.FileQuotas(ctx, "demo", "Resources/a")
	w.ok(err)
	same(t, "what counts", []any{len(limits), limits[0].Bytes, limits[0].Names}, []any{1, 5, 2})
	_, err = sven.SetFileQuota(ctx, "demo", "Resources", client.FileQuota{})
	wants(t, "a Data Scientist", err, bine.Forbidden)
	_, err = olga.SetFileQuota(ctx, "demo", "", client.FileQuota{Bytes: 1})
	wants(t, "a Data Owner, of the project", err, bine.Forbidden)
	_, err = olga.SetFileQuota(ctx, "demo", "Resources", client.FileQuota{Bytes: -1})
	wants(t, "a negative one", err, bine.Invalid)
	_, err = olga.SetSpace(ctx, "demo", client.FileQuota{Bytes: 1 << 40})
	wants(t, "the space of a project by a Data Owner", err, bine.Forbidden)
	limits, err = root.SetSpace(ctx, "demo", client.FileQuota{Bytes: 1 << 40, Names: 1000})
	w.ok(err)
	same(t, "the space", []any{len(limits), limits[0].Path, limits[0].Quota}, []any{1, "", client.FileQuota{Bytes: 1 << 40, Names: 1000}})
	limits, err = olga.SetFileQuota(ctx, "demo", "Resources", client.FileQuota{})
	w.ok(err)
	same(t, "what is left", []any{len(limits), limits[0].Path}, []any{1, ""})
	_, err = root.SetSpace(ctx, "nowhere", client.FileQuota{Bytes: 1})
	wants(t, "a project that is not there", err, bine.NotFound)
}

func TestPoliciesOfDirectories(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven := t.Context(), w.as("olga"), w.as("sven")
	p, err := sven.FilePolicy(ctx, "demo", "Resources")
	w.ok(err)
	same(t, "at first", p, client.FilePolicy{Name: "HOT", Inline: 64 << 10, Installed: true})
	p, err = olga.SetFilePolicy(ctx, "demo", "Resources", client.SetFilePolicy{Name: "db", BlockSize: 4 << 20})
	w.ok(err)
	same(t, "then", p, client.FilePolicy{Name: "DB", Inline: 1 << 20, BlockSize: 4 << 20, Path: "Resources"})
	p, err = olga.SetFilePolicy(ctx, "demo", "Resources", client.SetFilePolicy{Name: "HOT", Inline: new(int64(128 << 10))})
	w.ok(err)
	same(t, "by a number", p, client.FilePolicy{Name: "HOT", Inline: 128 << 10, Path: "Resources"})
	f, err := olga.UploadFile(ctx, "demo", "Resources/f", strings.NewReader("x"), client.UploadOptions{BlockSize: 2 << 20})
	w.ok(err)
	same(t, "the file", f.BlockSize, 2<<20)
	f, err = olga.Stat(ctx, "demo", "Resources/f")
	w.ok(err)
	same(t, "what is told of it", []any{f.BlockSize, f.Policy}, []any{2 << 20, "HOT"})
	p, err = olga.SetFilePolicy(ctx, "demo", "Resources", client.SetFilePolicy{})
	w.ok(err)
	same(t, "taken away", p.Installed, true)
	_, err = sven.SetFilePolicy(ctx, "demo", "Resources", client.SetFilePolicy{Name: "DB"})
	wants(t, "a Data Scientist", err, bine.Forbidden)
	_, err = olga.SetFilePolicy(ctx, "demo", "Resources", client.SetFilePolicy{Name: "COLD"})
	wants(t, "one that there is not", err, bine.Invalid)
	_, err = olga.SetFilePolicy(ctx, "demo", "Resources", client.SetFilePolicy{BlockSize: 1 << 20})
	wants(t, "none with limits", err, bine.Invalid)
	_, err = olga.UploadFile(ctx, "demo", "Resources/g", strings.NewReader("x"), client.UploadOptions{BlockSize: 7})
	wants(t, "blocks of seven bytes", err, bine.Invalid)
}
