package api_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func TestPreview(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven := t.Context(), w.as("olga"), w.as("sven")
	table, err := os.ReadFile("../preview/testdata/snappy.parquet")
	w.ok(err)
	_, err = olga.Upload(ctx, "demo", "Resources/t.parquet", bytes.NewReader(table), false)
	w.ok(err)
	p, err := sven.Preview(ctx, "demo", "Resources/t.parquet")
	w.ok(err)
	same(t, "a table", []any{p.Kind, len(p.Header), len(p.Rows), p.Rows[3][0], p.Truncated}, []any{client.PreviewTable, 13, 150, "3", true})
	_, err = olga.Upload(ctx, "demo", "Resources/a.md", strings.NewReader("# x"), false)
	w.ok(err)
	p, err = sven.Preview(ctx, "demo", "Resources/a.md")
	w.ok(err)
	same(t, "markdown", []any{p.Kind, p.Text}, []any{client.PreviewMarkdown, "# x"})
	_, err = olga.Upload(ctx, "demo", "Resources/none", strings.NewReader(""), false)
	w.ok(err)
	p, err = sven.Preview(ctx, "demo", "Resources/none")
	w.ok(err)
	same(t, "an empty file", p.Kind, client.PreviewText)
	_, err = sven.Preview(ctx, "demo", "Resources")
	wants(t, "a directory", err, bine.Conflict)
	mode := uint32(0o600)
	_, err = olga.SetFileAttributes(ctx, "demo", "Resources/a.md", client.FileAttributes{Mode: &mode})
	w.ok(err)
	_, err = sven.Preview(ctx, "demo", "Resources/a.md")
	wants(t, "a file that may not be read", err, bine.Forbidden)
	_, err = w.as("mallory").Preview(ctx, "demo", "Resources/t.parquet")
	wants(t, "somebody of another project", err, bine.NotFound)
}
