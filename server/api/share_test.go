package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestAProjectUsesADatasetOfAnother(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven, mallory := t.Context(), w.as("olga"), w.as("sven"), w.as("mallory")
	for _, name := range []string{"weather/may.csv", "weather/2026/june.csv"} {
		_, err := olga.ChangeFile(ctx, "demo", "weather/2026", client.FileChange{Op: "mkdir"})
		w.ok(err)
		_, err = olga.Upload(ctx, "demo", name, strings.NewReader(name), false)
		w.ok(err)
	}
	_, err := mallory.Stat(ctx, "other", "demo::weather")
	wants(t, "before anything is offered", err, bine.NotFound)
	unknown, err := mallory.WantDataset(ctx, "other", "demo", "weather", bine.ShareRead)
	w.ok(err)
	none, err := mallory.WantDataset(ctx, "other", "demo", "nothing", bine.ShareRead)
	w.ok(err)
	none.At, none.Dataset = unknown.At, unknown.Dataset
	same(t, "asking for what is there and for what is not", fmt.Sprint(unknown), fmt.Sprint(none))
	offered, err := olga.OfferDataset(ctx, "demo", "weather", "other", bine.ShareWrite)
	w.ok(err)
	same(t, "offered", []any{offered.Path(), offered.To, offered.Offered, offered.Wanted, offered.Access}, []any{"demo::weather", "other", "write", "read", "read"})

	page, err := mallory.Files(ctx, "other", "demo::weather", client.List{})
	w.ok(err)
	var names []string
	for _, f := range page.Items {
		names = append(names, f.Path)
	}
	same(t, "listed", names, []string{"demo::weather/2026", "demo::weather/may.csv"})
	body, err := mallory.Download(ctx, "other", "demo::weather/2026/june.csv", 0, 0)
	same(t, "read", read(t, body, err), "weather/2026/june.csv")
	_, err = mallory.Upload(ctx, "other", "demo::weather/new", strings.NewReader("x"), false)
	wants(t, "writing what is wanted to read", err, bine.Forbidden)
	accepted, err := mallory.WantDataset(ctx, "other", "demo", "weather", bine.ShareWrite)
	w.ok(err)
	same(t, "accepted", accepted.Access, bine.ShareWrite)
	f, err := mallory.Upload(ctx, "other", "demo::weather/new", strings.NewReader("x"), false)
	w.ok(err)
	same(t, "written", []any{f.Path, f.Owner}, []any{"demo::weather/new", "other__mallory"})
	wants(t, "removing the dataset", mallory.RemoveFile(ctx, "other", "demo::weather", true), bine.Forbidden)

	shares, err := sven.Shares(ctx, "demo")
	w.ok(err)
	same(t, "shares", []any{len(shares), shares[0].OfferedBy, shares[0].WantedBy}, []any{1, "olga", "mallory"})
	w.ok(olga.WithdrawDataset(ctx, "demo", "weather", "other"))
	_, err = mallory.Stat(ctx, "other", "demo::weather")
	wants(t, "taken back", err, bine.NotFound)

	_, err = olga.OfferDataset(ctx, "demo", "weather", bine.Everyone, bine.ShareRead)
	w.ok(err)
	public, err := mallory.PublicDatasets(ctx)
	w.ok(err)
	same(t, "public", slices.Collect(func(yield func(string) bool) {
		for _, s := range public {
			yield(s.Path())
		}
	}), []string{"demo::weather"})
	_, err = mallory.Stat(ctx, "other", "demo::weather/new")
	w.ok(err)
	w.ok(mallory.LeaveDataset(ctx, "other", "demo", "weather"))
	_, err = mallory.Stat(ctx, "other", "demo::weather/new")
	wants(t, "given up", err, bine.NotFound)

	_, err = sven.OfferDataset(ctx, "demo", "weather", "other", bine.ShareRead)
	wants(t, "offered by a Data Scientist", err, bine.Forbidden)
	_, err = olga.OfferDataset(ctx, "demo", "none", "other", bine.ShareRead)
	wants(t, "what is not there", err, bine.NotFound)
}
