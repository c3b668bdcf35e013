package api_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// lake makes a directory of the host with a few files, and a connector to it.
func (w *world) lake(name bine.ConnectorName, access bine.ConnectorAccess) string {
	w.t.Helper()
	dir := filepath.Join(w.dir, string(name))
	for at, text := range map[string]string{"readme.txt": "hello lake", "2026/a.csv": "1,2\n", "2026/b.csv": "3\n"} {
		w.ok(os.MkdirAll(filepath.Dir(filepath.Join(dir, at)), 0o755))
		w.ok(os.WriteFile(filepath.Join(dir, at), []byte(text), 0o644))
	}
	_, err := w.as("olga").SetConnector(w.t.Context(), "demo", name, client.SetConnector{Kind: bine.ConnectorDirectory, Root: dir, Access: access})
	w.ok(err)
	return dir
}

func names(files []client.File) (all []string) {
	for _, f := range files {
		all = append(all, f.Path)
	}
	return all
}

func content(t *testing.T, c *client.Client, p bine.ProjectName, path string, offset, length int64) string {
	t.Helper()
	r, err := c.Download(t.Context(), p, path, offset, length)
	if err != nil {
		t.Errorf("download %s: %v", path, err)
		return ""
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func TestALakeIsReadAsFilesAre(t *testing.T) {
	w := newWorld(t)
	w.lake("sales", "")
	sven, olga, mallory := w.as("sven"), w.as("olga"), w.as("mallory")
	page, err := sven.Files(t.Context(), "demo", ".lake", client.List{})
	w.ok(err)
	same(t, "connectors", names(page.Items), []string{".lake/sales"})
	page, err = sven.Files(t.Context(), "demo", ".lake/sales", client.List{Limit: 1})
	w.ok(err)
	same(t, "first page", names(page.Items), []string{".lake/sales/2026"})
	page, err = sven.Files(t.Context(), "demo", ".lake/sales", client.List{Limit: 1, After: page.Next})
	w.ok(err)
	same(t, "second page", names(page.Items), []string{".lake/sales/readme.txt"})
	same(t, "no third", page.Next, "")
	page, err = sven.FilesMatching(t.Context(), "demo", ".lake/sales/2026", client.FileFilter{Contains: "B."}, client.List{Limit: 1})
	w.ok(err)
	same(t, "filtered", append(names(page.Items), page.Next), []string{".lake/sales/2026/b.csv", ""})
	info, err := sven.Stat(t.Context(), "demo", ".lake/sales/readme.txt")
	w.ok(err)
	same(t, "file", []any{info.Name, info.Dir, info.Size, info.ETag != "", info.Modified.IsZero()}, []any{"readme.txt", false, 10, true, false})
	same(t, "content", content(t, sven, "demo", ".lake/sales/readme.txt", 0, 0), "hello lake")
	same(t, "a range", content(t, sven, "demo", ".lake/sales/readme.txt", 6, 2), "la")
	for _, path := range []string{".lake", ".lake/sales", ".lake/sales/2026"} {
		if info, err := olga.Stat(t.Context(), "demo", path); err != nil || !info.Dir {
			t.Errorf("Stat(%s) = %+v %v", path, info, err)
		}
	}
	_, err = sven.Stat(t.Context(), "demo", ".lake/none/x")
	wants(t, "a connector that is not there", err, bine.NotFound)
	_, err = sven.Stat(t.Context(), "demo", ".lake/sales/../../x")
	wants(t, "a path that leads out", err, bine.Invalid)
	for _, path := range []string{"demo::.lake/sales/readme.txt", ".lake/sales/readme.txt"} {
		_, err = mallory.Stat(t.Context(), "other", path)
		wants(t, "the lake of another project", err, bine.NotFound)
	}
	_, err = mallory.Stat(t.Context(), "demo", ".lake/sales/readme.txt")
	wants(t, "a project of others", err, bine.NotFound)
	files, err := olga.Files(t.Context(), "demo", "", client.List{})
	w.ok(err)
	same(t, "shown among the project's", slices.Contains(names(files.Items), ".lake"), false)
}

func TestWhoWritesToALakeTheConnectorSays(t *testing.T) {
	w := newWorld(t)
	dir := w.lake("none", bine.ConnectorRead)
	w.lake("some", bine.ConnectorOwners)
	w.lake("all", bine.ConnectorMembers)
	put := func(user bine.UserName, path string) error {
		_, err := w.as(user).Upload(t.Context(), "demo", path, strings.NewReader("new"), false)
		return err
	}
	wants(t, "a connector to read", put("olga", ".lake/none/x"), bine.Forbidden)
	wants(t, "a Data Scientist", put("sven", ".lake/some/x"), bine.Forbidden)
	w.ok(put("olga", ".lake/some/new/x"))
	w.ok(put("sven", ".lake/all/x"))
	wants(t, "what is there", put("sven", ".lake/all/x"), bine.Conflict)
	wants(t, "the connector itself", put("olga", ".lake/x"), bine.Invalid)
	same(t, "written", content(t, w.as("sven"), "demo", ".lake/some/new/x", 0, 0), "new")
	olga := w.as("olga")
	copied, err := olga.CopyFile(t.Context(), "demo", client.FileCopy{From: ".lake/none/readme.txt", To: "Resources/readme.txt"})
	w.ok(err)
	same(t, "copied into the project", copied.Size, 10)
	_, err = olga.CopyFile(t.Context(), "demo", client.FileCopy{From: "Resources/readme.txt", To: ".lake/some/back.txt"})
	w.ok(err)
	w.ok(olga.RemoveFile(t.Context(), "demo", ".lake/some/new/x", false))
	wants(t, "removing what is not empty", olga.RemoveFile(t.Context(), "demo", ".lake/some/2026", true), bine.Conflict)
	for what, err := range map[string]error{
		"rename": func() error {
			_, err := olga.ChangeFile(t.Context(), "demo", ".lake/all/x", client.FileChange{Op: "rename", To: ".lake/all/y"})
			return err
		}(),
		"copy of a directory": func() error {
			_, err := olga.CopyFile(t.Context(), "demo", client.FileCopy{From: ".lake/some/2026", To: "Resources/2026"})
			return err
		}(),
		"rename in": func() error {
			_, err := olga.ChangeFile(t.Context(), "demo", "Resources/readme.txt", client.FileChange{Op: "rename", To: ".lake/all/y"})
			return err
		}(),
		"chmod": func() error {
			_, err := olga.SetFileAttributes(t.Context(), "demo", ".lake/all/x", client.FileAttributes{Mode: new(uint32)})
			return err
		}(),
		"attribute": olga.SetXattr(t.Context(), "demo", ".lake/all/x", "a", []byte("b")),
		"usage":     func() error { _, err := olga.Usage(t.Context(), "demo", ".lake/all"); return err }(),
		"trash":     olga.TrashFile(t.Context(), "demo", ".lake/all/x"),
	} {
		wants(t, what, err, bine.Invalid)
	}
	_, err = olga.SetSandboxed(t.Context(), "demo", true)
	w.ok(err)
	wants(t, "writing from a sandbox", put("olga", ".lake/some/y"), bine.Forbidden)
	same(t, "reading into a sandbox", content(t, olga, "demo", ".lake/some/readme.txt", 0, 0), "hello lake")
	if _, err := os.Stat(filepath.Join(dir, "x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lake to read has a new file: %v", err)
	}
}

func TestASecretIsGivenToNobody(t *testing.T) {
	w := newWorld(t)
	olga, secret := w.as("olga"), "s3cr3t-v4lue"
	body := client.SetConnector{Kind: bine.ConnectorS3, Endpoint: "https://S3.example.com/", Bucket: "bucket", AccessKey: "AKIA", Secret: &secret, Root: "/data/"}
	made, err := olga.SetConnector(t.Context(), "demo", "bucket", body)
	w.ok(err)
	same(t, "made", []any{made.Endpoint, made.Root, made.HasSecret, made.Access, made.CreatedBy}, []any{"https://S3.example.com", "data", true, "read", "olga"})
	_, sealed, _, err := w.store.OpenConnector(t.Context(), "demo", "bucket")
	if err != nil || strings.Contains(sealed, secret) || sealed == "" {
		t.Errorf("kept as %q %v", sealed, err)
	}
	for _, user := range []bine.UserName{"olga", "sven"} {
		for _, path := range []string{"connectors", "connectors/bucket"} {
			a := w.raw("GET", "/api/v1/projects/demo/"+path, w.key(user, bine.Key{Scopes: []bine.Scope{bine.ScopeAll}}), nil)
			if a.status != 200 || strings.Contains(a.body, secret) || strings.Contains(a.body, sealed) {
				t.Errorf("%s is answered %d %s", path, a.status, a.body)
			}
		}
	}
	body.Secret = nil
	body.Description = "changed"
	changed, err := olga.SetConnector(t.Context(), "demo", "bucket", body)
	w.ok(err)
	same(t, "changed", []any{changed.HasSecret, changed.Description, changed.CreatedAt == made.CreatedAt}, []any{true, "changed", true})
	body.Endpoint = "https://evil.example.com"
	_, err = olga.SetConnector(t.Context(), "demo", "bucket", body)
	wants(t, "a kept secret for another service", err, bine.Invalid)
	tested, err := olga.TestConnector(t.Context(), "demo", "bucket", &body)
	if err != nil || tested.OK || !strings.Contains(tested.Reason, "anew") {
		t.Errorf("a test with a kept secret for another service: %+v %v", tested, err)
	}
	if text := w.log.String(); strings.Contains(text, secret) {
		t.Errorf("the log has the secret:\n%s", text)
	}
	audits, err := w.store.Audits(t.Context(), 0, 1000)
	w.ok(err)
	if text, _ := json.Marshal(audits); strings.Contains(string(text), secret) {
		t.Errorf("the audit has the secret: %s", text)
	}
	w.ok(olga.DeleteConnector(t.Context(), "demo", "bucket"))
	wants(t, "removed again", olga.DeleteConnector(t.Context(), "demo", "bucket"), bine.NotFound)
}

func TestConnectorsThatAreWrongAreRefused(t *testing.T) {
	w := newWorld(t)
	olga, secret := w.as("olga"), "x"
	for what, c := range map[string]struct {
		name bine.ConnectorName
		body client.SetConnector
		kind bine.Kind
	}{
		"a bad name":           {"Bad Name", client.SetConnector{Kind: bine.ConnectorS3, Bucket: "bucket"}, bine.Invalid},
		"no bucket":            {"c", client.SetConnector{Kind: bine.ConnectorS3}, bine.Invalid},
		"no address":           {"c", client.SetConnector{Kind: bine.ConnectorWebHDFS, Endpoint: "hdfs://x"}, bine.Invalid},
		"keys in the address":  {"c", client.SetConnector{Kind: bine.ConnectorS3, Bucket: "bucket", Endpoint: "https://key:secret@host"}, bine.Invalid},
		"a path of S3":         {"c", client.SetConnector{Kind: bine.ConnectorS3, Bucket: "bucket", Endpoint: "https://host/b"}, bine.Invalid},
		"a root with dots":     {"c", client.SetConnector{Kind: bine.ConnectorS3, Bucket: "bucket", Root: "a/../b"}, bine.Invalid},
		"a setting of another": {"c", client.SetConnector{Kind: bine.ConnectorWebHDFS, Endpoint: "https://host", Bucket: "bucket"}, bine.Invalid},
		"a secret alone":       {"c", client.SetConnector{Kind: bine.ConnectorS3, Bucket: "bucket", Secret: &secret}, bine.Invalid},
		"an access key alone":  {"c", client.SetConnector{Kind: bine.ConnectorS3, Bucket: "bucket", AccessKey: "a"}, bine.Invalid},
		"a directory outside":  {"c", client.SetConnector{Kind: bine.ConnectorDirectory, Root: "/etc"}, bine.Forbidden},
		"the whole host":       {"c", client.SetConnector{Kind: bine.ConnectorDirectory, Root: "/"}, bine.Forbidden},
		"a directory up":       {"c", client.SetConnector{Kind: bine.ConnectorDirectory, Root: w.dir + "/../x"}, bine.Invalid},
	} {
		_, err := olga.SetConnector(t.Context(), "demo", c.name, c.body)
		wants(t, what, err, c.kind)
	}
	list, err := olga.Connectors(t.Context(), "demo")
	w.ok(err)
	same(t, "connectors", len(list), 0)
}

func TestATestSaysWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	dir := w.lake("sales", bine.ConnectorOwners)
	olga := w.as("olga")
	tested, err := olga.TestConnector(t.Context(), "demo", "sales", nil)
	if err != nil || !tested.OK || !tested.Wrote {
		t.Errorf("a good one: %+v %v", tested, err)
	}
	left, err := os.ReadDir(dir)
	w.ok(err)
	same(t, "left", len(left), 2)
	_, err = olga.TestConnector(t.Context(), "demo", "none", nil)
	wants(t, "one that is not there", err, bine.NotFound)
	tested, err = olga.TestConnector(t.Context(), "demo", "new", &client.SetConnector{Kind: bine.ConnectorS3, Endpoint: "http://127.0.0.1:1", Bucket: "bucket"})
	if err != nil || tested.OK || tested.Kind != bine.Forbidden || !strings.Contains(tested.Reason, "allow_private") {
		t.Errorf("a private address: %+v %v", tested, err)
	}
	list, err := olga.Connectors(t.Context(), "demo")
	w.ok(err)
	same(t, "kept by a test", len(list), 1)
}

func TestASandboxSharesNothing(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga")
	_, err := olga.ChangeFile(t.Context(), "demo", "stations", client.FileChange{Op: "mkdir"})
	w.ok(err)
	_, err = olga.OfferDataset(t.Context(), "demo", "stations", "other", bine.ShareRead)
	w.ok(err)
	_, err = olga.SetSandboxed(t.Context(), "demo", true)
	wants(t, "a project that shares", err, bine.Conflict)
	w.ok(olga.WithdrawDataset(t.Context(), "demo", "stations", "other"))
	p, err := olga.SetSandboxed(t.Context(), "demo", true)
	w.ok(err)
	same(t, "marked", p.Sandboxed, true)
	_, err = olga.OfferDataset(t.Context(), "demo", "stations", "other", bine.ShareRead)
	wants(t, "sharing out of a sandbox", err, bine.Forbidden)
	_, err = w.as("sven").SetSandboxed(t.Context(), "demo", false)
	wants(t, "a Data Scientist", err, bine.Forbidden)
	p, err = w.as("root").SetSandboxed(t.Context(), "demo", false)
	w.ok(err)
	same(t, "unmarked", p.Sandboxed, false)
}
