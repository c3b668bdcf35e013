package api_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/server"
	"github.com/bine-ml/bine/server/api"
)

func read(t *testing.T, r io.ReadCloser, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFiles(t *testing.T) {
	w := newWorld(t)
	ctx, olga := t.Context(), w.as("olga")
	_, err := olga.ChangeFile(ctx, "demo", "sales/2026 data", client.FileChange{Op: "mkdir"})
	w.ok(err)
	f, err := olga.Upload(ctx, "demo", "sales/2026 data/a%b#?.csv", strings.NewReader("x,y\n1,2\n"), false)
	w.ok(err)
	same(t, "Upload", []any{f.Path, f.Name, f.Size, f.Owner, f.Dir}, []any{"sales/2026 data/a%b#?.csv", "a%b#?.csv", 8, "demo__olga", false})
	_, err = olga.Upload(ctx, "demo", "sales/2026 data/a%b#?.csv", strings.NewReader("again"), false)
	wants(t, "uploading over a file", err, bine.Conflict)
	_, err = olga.Upload(ctx, "demo", "sales/2026 data/a%b#?.csv", strings.NewReader("x,y\n3,4\n"), true)
	w.ok(err)
	_, err = olga.Upload(ctx, "demo", "nowhere/a.csv", strings.NewReader("x"), false)
	wants(t, "uploading into what is not there", err, bine.NotFound)

	r, err := olga.Download(ctx, "demo", "sales/2026 data/a%b#?.csv", 0, 0)
	same(t, "Download", read(t, r, err), "x,y\n3,4\n")
	r, err = olga.Download(ctx, "demo", "sales/2026 data/a%b#?.csv", 4, 3)
	same(t, "a range", read(t, r, err), "3,4")
	r, err = olga.Download(ctx, "demo", "sales/2026 data/a%b#?.csv", 4, 0)
	same(t, "from an offset on", read(t, r, err), "3,4\n")

	moved, err := olga.ChangeFile(ctx, "demo", "sales/2026 data/a%b#?.csv", client.FileChange{Op: "rename", To: "sales/b.csv"})
	w.ok(err)
	same(t, "renamed", moved.Path, "sales/b.csv")
	s, err := olga.Stat(ctx, "demo", "sales/b.csv")
	w.ok(err)
	same(t, "Stat", []any{s.Path, s.Size}, []any{"sales/b.csv", 8})
	u, err := olga.Usage(ctx, "demo", "sales")
	w.ok(err)
	same(t, "Usage", []any{u.Files, u.Bytes, u.Directories}, []any{1, 8, 1})
	wants(t, "removing a directory that is not empty", olga.RemoveFile(ctx, "demo", "sales", false), bine.Conflict)
	w.ok(olga.RemoveFile(ctx, "demo", "sales", true))
	_, err = olga.Stat(ctx, "demo", "sales")
	wants(t, "a removed directory", err, bine.NotFound)
}

func TestListingInPages(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga")
	seen, after := []string{}, ""
	for {
		page, err := olga.Files(t.Context(), "demo", "", client.List{After: after, Limit: 3})
		w.ok(err)
		for _, f := range page.Items {
			seen = append(seen, f.Name)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	same(t, "the names", seen, "[DataValidation Experiments Jupyter Logs Models Pipelines README.md Resources Statistics Training_Datasets]")
	_, err := olga.Files(t.Context(), "demo", "README.md", client.List{})
	wants(t, "listing a file", err, bine.Conflict)
}

func TestWhatADataScientistMayDoWithFiles(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven := t.Context(), w.as("olga"), w.as("sven")
	large := strings.Repeat("0123456789abcdef", 1<<16+1)
	_, err := olga.Upload(ctx, "demo", "Training_Datasets/large.csv", strings.NewReader(large), false)
	w.ok(err)
	r, err := sven.Download(ctx, "demo", "Training_Datasets/large.csv", 0, 1<<20)
	same(t, "the preview", len(read(t, r, err)), 1<<20)
	_, err = sven.Download(ctx, "demo", "Training_Datasets/large.csv", 0, 0)
	wants(t, "the whole", err, bine.Forbidden)
	_, err = sven.Download(ctx, "demo", "Training_Datasets/large.csv", 1<<20, 0)
	wants(t, "what is behind the preview", err, bine.Forbidden)
	_, err = sven.Upload(ctx, "demo", "Resources/a.py", strings.NewReader("print()"), false)
	w.ok(err)
	for _, path := range []string{"Training_Datasets/x.csv", "x.csv", "Resources", ".artifacts/x", "Resources/../Models/x"} {
		_, err = sven.Upload(ctx, "demo", path, strings.NewReader("x"), false)
		if !bine.IsKind(err, bine.Forbidden) && !bine.IsKind(err, bine.Invalid) {
			t.Errorf("sven uploading to %s answers %v, want it refused", path, err)
		}
	}
	_, err = sven.ChangeFile(ctx, "demo", "Resources/a.py", client.FileChange{Op: "rename", To: "Models/a.py"})
	wants(t, "renaming out of Resources", err, bine.Forbidden)
	_, err = olga.Upload(ctx, "demo", ".artifacts/x", strings.NewReader("x"), false)
	wants(t, "an owner writing artifacts by hand", err, bine.Forbidden)
}

func TestContentIsNeverRunAsAPage(t *testing.T) {
	w := newWorld(t)
	_, err := w.as("olga").Upload(t.Context(), "demo", "Resources/évil \"x\".html", strings.NewReader("<script>alert(1)</script>"), false)
	w.ok(err)
	key := w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeAll}})
	got := w.raw("GET", "/api/v1/projects/demo/files/Resources/%C3%A9vil%20%22x%22.html", key, nil)
	h := got.header
	if got.status != 200 || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment; filename") || h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("a page among the files answers %d with %v", got.status, h)
	}
	same(t, "Content-Length", h.Get("Content-Length"), "25")
	etag := h.Get("ETag")
	if again := w.raw("GET", "/api/v1/projects/demo/files/Resources/%C3%A9vil%20%22x%22.html", key, nil, "If-None-Match", etag); again.status != 304 || again.body != "" {
		t.Errorf("with its ETag it answers %d %q, want 304", again.status, again.body)
	}
}

func TestRanges(t *testing.T) {
	w := newWorld(t)
	_, err := w.as("olga").Upload(t.Context(), "demo", "Resources/ten", strings.NewReader("0123456789"), false)
	w.ok(err)
	key := w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeAll}})
	for header, want := range map[string]struct {
		status       int
		body, range_ string
	}{
		"bytes=2-4": {206, "234", "bytes 2-4/10"}, "bytes=7-": {206, "789", "bytes 7-9/10"}, "bytes=-3": {206, "789", "bytes 7-9/10"}, "bytes=8-99": {206, "89", "bytes 8-9/10"},
		"bytes=10-": {422, "", "bytes */10"}, "bytes=-0": {422, "", "bytes */10"}, "bytes=4-2": {200, "0123456789", ""}, "bytes=0-1,3-4": {200, "0123456789", ""}, "lines=1-2": {200, "0123456789", ""}, "bytes=x-": {200, "0123456789", ""},
		"bytes=99999999999999999999-": {422, "", "bytes */10"}, "bytes=4-99999999999999999999": {206, "456789", "bytes 4-9/10"}, "bytes=0-9223372036854775807": {206, "0123456789", "bytes 0-9/10"},
	} {
		got := w.raw("GET", "/api/v1/projects/demo/files/Resources/ten", key, nil, "Range", header)
		if got.status != want.status || got.header.Get("Content-Range") != want.range_ || (want.body != "" && got.body != want.body) {
			t.Errorf("Range: %s answers %d %q %q, want %d %q %q", header, got.status, got.header.Get("Content-Range"), got.body, want.status, want.range_, want.body)
		}
	}
	if empty, err := w.as("olga").Upload(t.Context(), "demo", "Resources/empty", strings.NewReader(""), false); err != nil || empty.Size != 0 {
		t.Fatalf("an empty file: %+v, %v", empty, err)
	}
	if got := w.raw("GET", "/api/v1/projects/demo/files/Resources/empty", key, nil); got.status != 200 || got.body != "" {
		t.Errorf("an empty file answers %d %q", got.status, got.body)
	}
}

func TestPathsThatClimb(t *testing.T) {
	w := newWorld(t)
	_, err := w.as("mallory").Upload(t.Context(), "other", "Resources/secret", strings.NewReader("secret of other"), false)
	w.ok(err)
	key := w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeAll}})
	for _, path := range []string{
		"../other/Resources/secret", "../../Projects/other/Resources/secret", "Resources/../../other/Resources/secret",
		"%2e%2e/other/Resources/secret", "%2e%2e%2fother%2fResources%2fsecret", "%252e%252e/other/Resources/secret", "%252e%252e%252fother%252fResources%252fsecret",
		"..%5cother%5cResources%5csecret", "..\\other\\Resources\\secret", "Resources%00/secret", "Resources/%00", "./Resources", "Resources//secret", "/Resources/secret", "/Projects/other/Resources/secret",
		"..;/other/Resources/secret", "%c0%ae%c0%ae/other/Resources/secret", "%ff%fe", "\u2025/other/Resources/secret",
	} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			got := w.raw(method, "/api/v1/projects/demo/files/"+path, key, strings.NewReader("x"))
			literal := got.status < 300 && strings.HasPrefix(path, "%252e") // decoded once: a strange name, but a name
			if (got.status < 300 && !literal) || got.status >= 500 || strings.Contains(got.body, "secret of other") {
				t.Errorf("%s of %q answers %d %s", method, path, got.status, got.body)
			}
		}
		for _, query := range []string{"stat?path=", "usage?path=", "files?dir="} {
			q := strings.ReplaceAll(strings.ReplaceAll(path, "\\", "%5c"), "\u2025", "%E2%80%A5")
			got := w.raw("GET", "/api/v1/projects/demo/"+query+q, key, nil)
			if got.status >= 500 || strings.Contains(got.body, "other/Resources") && got.status < 300 {
				t.Errorf("GET %s%s answers %d %s", query, path, got.status, got.body)
			}
		}
	}
	r, err := w.as("mallory").Download(t.Context(), "other", "Resources/secret", 0, 0)
	same(t, "the file of the other project", read(t, r, err), "secret of other")
}

// asked notes which parts of artifacts are read.
type asked struct {
	api.Artifacts
	parts []string
}

func (a *asked) OpenAt(ctx context.Context, p bine.ProjectName, h bine.Hash, offset, length int64) (io.ReadCloser, error) {
	a.parts = append(a.parts, fmt.Sprintf("%d+%d", offset, length))
	return a.Artifacts.OpenAt(ctx, p, h, offset, length)
}

func TestARangeOfAnArtifactIsAllThatIsRead(t *testing.T) {
	var noted asked
	w := newWorld(t, func(c *server.Config) {
		noted.Artifacts = c.API.Artifacts
		c.API.Artifacts = &noted
	})
	_, err := w.as("olga").PutArtifact(t.Context(), "demo", hashOf("0123456789"), strings.NewReader("0123456789"))
	w.ok(err)
	key := w.key("olga", bine.Key{Scopes: []bine.Scope{bine.ScopeAll}})
	for header, want := range map[string]string{"bytes=7-": "789", "bytes=2-4": "234", "": "0123456789"} {
		if got := w.raw("GET", "/api/v1/projects/demo/artifacts/"+string(hashOf("0123456789")), key, nil, "Range", header); got.body != want {
			t.Errorf("Range: %s answers %d %q, want %q", header, got.status, got.body, want)
		}
	}
	slices.Sort(noted.parts)
	same(t, "what was read", noted.parts, "[0+10 2+3 7+3]")
}

func TestArtifacts(t *testing.T) {
	w := newWorld(t)
	ctx, sven := t.Context(), w.as("sven")
	h := hashOf("content")
	missing, err := sven.MissingArtifacts(ctx, "demo", []bine.Hash{h})
	w.ok(err)
	same(t, "MissingArtifacts", missing, []bine.Hash{h})
	_, err = sven.PutArtifact(ctx, "demo", h, strings.NewReader("something else"))
	wants(t, "content of another hash", err, bine.Invalid)
	ref, err := sven.PutArtifact(ctx, "demo", h, strings.NewReader("content"))
	w.ok(err)
	same(t, "PutArtifact", []any{ref.Hash, ref.Size, ref.Kind}, []any{h, 7, "file"})
	r, err := sven.OpenArtifact(ctx, "demo", h)
	same(t, "OpenArtifact", read(t, r, err), "content")
	dir, err := sven.PutManifest(ctx, "demo", []bine.ArtifactEntry{{Path: "a.txt", Hash: h, Size: 7}})
	w.ok(err)
	entries, err := sven.Manifest(ctx, "demo", dir.Hash)
	w.ok(err)
	same(t, "Manifest", entries[0].Path, "a.txt")
	_, err = w.as("mallory").OpenArtifact(ctx, "other", h)
	wants(t, "the same content in another project", err, bine.NotFound)
	_, err = sven.PutArtifact(ctx, "demo", "../../x", strings.NewReader("x"))
	if err == nil {
		t.Error("a hash that is a path is taken")
	}
}
