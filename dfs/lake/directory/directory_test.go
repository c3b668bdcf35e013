package directory_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/lake"
	"github.com/bine-ml/bine/dfs/lake/directory"
	"github.com/bine-ml/bine/dfs/lake/laketest"
)

func open(t *testing.T, at string, allowed ...string) *directory.Lake {
	t.Helper()
	l, err := directory.Open(at, allowed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestDirectory(t *testing.T) {
	laketest.Run(t, func(t *testing.T) lake.Lake {
		dir := t.TempDir()
		return open(t, dir, "/nowhere", dir)
	})
}

func TestOnlyAllowedDirectoriesAreLakes(t *testing.T) {
	top := t.TempDir()
	for _, dir := range []string{"in/deep", "in-beside", "out"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	in := filepath.Join(top, "in")
	if err := os.Symlink("../out", filepath.Join(in, "away")); err != nil {
		t.Fatal(err)
	}
	open(t, filepath.Join(in, "deep"), in)
	for at, kind := range map[string]bine.Kind{"out": bine.Forbidden, "in-beside": bine.Forbidden, "in/away": bine.Invalid, "in/none": bine.NotFound, ".": bine.Forbidden} {
		if _, err := directory.Open(filepath.Join(top, at), []string{in}); !bine.IsKind(err, kind) {
			t.Errorf("Open(%s) = %v, want the kind %s", at, err, kind)
		}
	}
	if _, err := directory.Open(in, nil); !bine.IsKind(err, bine.Forbidden) {
		t.Errorf("with nothing allowed: %v", err)
	}
}

func TestLinksDoNotLeadOut(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "lake")
	for name, text := range map[string]string{"secret": "no", "lake/real": "yes"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(top, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"out": "../secret", "absolute": filepath.Join(top, "secret"), "up": "..", "inside": "real"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir, dir)
	for _, at := range []string{"out", "absolute", "up", "up/secret"} {
		if _, _, err := l.Open(t.Context(), at, 0, 0); !bine.IsKind(err, bine.NotFound) {
			t.Errorf("Open(%s) = %v, want it not found", at, err)
		}
		if _, err := l.Create(t.Context(), at+"/x", nil, lake.CreateOptions{}); err == nil {
			t.Errorf("a file was made in %s", at)
		}
	}
	if _, _, err := l.Open(t.Context(), "pipe", 0, 0); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a pipe: %v", err)
	}
	page, err := l.List(t.Context(), "", "", 100)
	if err != nil || len(page.Entries) != 2 || page.Entries[0].Name != "inside" || page.Omitted != 4 {
		t.Errorf("listed: %+v %v", page, err)
	}
}
