//go:build linux

package dir_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/blocktest"
	"github.com/bine-ml/bine/dfs/block/dir"
)

func open(t *testing.T, path string) *dir.Store {
	t.Helper()
	s, err := dir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	blocktest.Run(t, func(t *testing.T) block.Store { return open(t, t.TempDir()) })
}

func TestBlocksAreThereAfterReopening(t *testing.T) {
	path := t.TempDir()
	id := block.NewID()
	if err := open(t, path).Put(context.Background(), id, bytes.NewReader([]byte("kept"))); err != nil {
		t.Fatal(err)
	}
	if got := blocktest.Read(t, open(t, path), id, 0, 0); string(got) != "kept" {
		t.Errorf("after reopening: %q", got)
	}
}

func TestOpenRemovesWhatWasAbandoned(t *testing.T) {
	path := t.TempDir()
	open(t, path)
	old, young := filepath.Join(path, "incoming", "old"), filepath.Join(path, "incoming", "young")
	for _, name := range []string{old, young} {
		if err := os.WriteFile(name, []byte("part"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(old, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the abandoned part is still there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the part that another process may be writing is gone: %v", err)
	}
}

func TestSymbolicLinksLeadNowhere(t *testing.T) {
	path, outside := t.TempDir(), t.TempDir()
	id := block.NewID()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	if err := os.Symlink(filepath.Join(outside, "secret"), filepath.Join(path, string(id[:2]), string(id))); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Open(context.Background(), id, 0, 0); err == nil {
		r.Close()
		t.Error("a link out of the block directory was followed")
	}
}

func TestAFullDiskIsNoQuotaAndLeavesNoPart(t *testing.T) {
	path := t.TempDir()
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small disk to fill needs the right to mount: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(path, syscall.MNT_DETACH) })
	s := open(t, path)
	err := s.Put(context.Background(), block.NewID(), bytes.NewReader(make([]byte, 4<<20)))
	if !bine.IsKind(err, bine.NoQuota) {
		t.Errorf("got %v, want an error of kind no_quota", err)
	}
	files := 0
	filepath.WalkDir(path, func(_ string, d fs.DirEntry, _ error) error {
		if !d.IsDir() {
			files++
		}
		return nil
	})
	if files != 0 {
		t.Errorf("%d files are left", files)
	}
	if err := s.Put(context.Background(), block.NewID(), bytes.NewReader(make([]byte, 64<<10))); err != nil {
		t.Errorf("a block that fits, afterwards: %v", err)
	}
}

func TestOwnerIsTheFirst(t *testing.T) {
	path := t.TempDir()
	s := open(t, path)
	if owner, err := s.Owner(t.Context()); err != nil || owner != "" {
		t.Errorf("at first: got %q, %v", owner, err)
	}
	for _, name := range []string{"one", "two"} {
		if err := s.SetOwner(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if owner, err := open(t, path).Owner(t.Context()); err != nil || owner != "one" {
		t.Errorf("got %q, %v; want the first", owner, err)
	}
	for stat, err := range s.List(t.Context()) {
		t.Errorf("the list shows %v, %v", stat, err)
	}
	if left, err := os.ReadDir(filepath.Join(path, "incoming")); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}
