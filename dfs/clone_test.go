package dfs_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/database"
)

func clone(t testing.TB, tree *dfs.Tree, from, to string) dfs.Info {
	t.Helper()
	info, err := tree.Clone(t.Context(), owner, from, to, dfs.CloneOptions{Parents: true})
	if err != nil {
		t.Fatalf("clone %s to %s: %v", from, to, err)
	}
	return info
}

// TestABlockGoesWithItsLastFile removes the holders of blocks one by one.
func TestABlockGoesWithItsLastFile(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		blocks := new(mem.Store)
		tree, clock := withClock(t, db, blocks)
		data := dfstestNoise(3<<20 + 17)
		put(t, tree, at("Resources/f"), data)
		stored := countBlocks(t, blocks)
		clone(t, tree, at("Resources/f"), at("Resources/g"))
		clone(t, tree, at("Resources/g"), at("Resources/h"))
		if _, err := tree.Concat(t.Context(), owner, at("Resources/g"), []string{at("Resources/f")}); err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Truncate(t.Context(), owner, at("Resources/g"), 2<<20+100); err != nil {
			t.Fatal(err)
		}
		clock.forward(2 * time.Hour)
		reclaimAll(t, tree)
		wantSound(t, tree)
		for path, want := range map[string][]byte{"g": data[:2<<20+100], "h": data} {
			if got, err := get(t, tree, at("Resources", path)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s holds %d other bytes: %v", path, len(got), err)
			}
		}
		for i, path := range []string{"g", "h"} {
			if err := tree.Remove(t.Context(), owner, at("Resources", path), dfs.RemoveOptions{}); err != nil {
				t.Fatal(err)
			}
			clock.forward(2 * time.Hour)
			reclaimAll(t, tree)
			wantSound(t, tree)
			if n := countBlocks(t, blocks); i == 0 && n != stored || i == 1 && n != 0 {
				t.Errorf("after %s was removed %d blocks are stored, of %d", path, n, stored)
			}
		}
		if n := count(t, db, "dfs_shared_blocks"); n != 0 {
			t.Errorf("%d blocks are noted to be shared", n)
		}
	})
}

// TestACopyIsOfOneMoment changes and removes files while they are copied, between
// the batches: the copy is as it was when it was begun.
func TestACopyIsOfOneMoment(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		blocks := new(mem.Store)
		tree, clock := withClock(t, db, blocks)
		want := map[string][]byte{}
		for n := range 600 {
			path := fmt.Sprintf("%d/%03d", n%3, n)
			want[path] = dfstestNoise([]int{10, 5000, 1<<20 + 20, 0}[n%4])
			put(t, tree, at("Resources/src", path), want[path])
		}
		ctx, step := t.Context(), 0
		_, err := tree.Clone(ctx, owner, at("Resources/src"), at("Resources/dst"), dfs.CloneOptions{Progress: func(done, all dfs.Usage) {
			if step++; step > 1 {
				return
			}
			if all.Files != 600 || done.Files == 0 || done.Files >= 600 {
				t.Errorf("%+v of %+v are done after the first step", done, all)
			}
			disturb(t, tree, at("Resources/src"))
			clock.forward(5 * time.Minute)
			if _, err := tree.Reclaim(ctx, 10_000); err != nil {
				t.Error(err)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		for path, data := range want {
			if got, err := get(t, tree, at("Resources/dst", path)); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s holds %d other bytes than the %d that it had: %v", path, len(got), len(data), err)
			}
		}
		wantSound(t, tree)
		for _, path := range []string{"src", "dst", "elsewhere"} {
			if err := tree.Remove(ctx, owner, at("Resources", path), dfs.RemoveOptions{Recursive: true}); err != nil {
				t.Fatal(err)
			}
		}
		clock.forward(2 * time.Hour)
		reclaimAll(t, tree)
		clock.forward(2 * time.Hour)
		reclaimAll(t, tree)
		wantSound(t, tree)
		if n := countBlocks(t, blocks); n != 0 {
			t.Errorf("%d blocks are left", n)
		}
	})
}

// disturb changes every file below dir in some way.
func disturb(t *testing.T, tree *dfs.Tree, dir string) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	for n := range 600 {
		path := fmt.Sprintf("%s/%d/%03d", dir, n%3, n)
		info, err := tree.Stat(ctx, owner, path)
		must(err)
		switch (n / 4) % 6 {
		case 0:
			_, err = tree.Create(ctx, owner, path, bytes.NewReader([]byte("other")), dfs.CreateOptions{Overwrite: true})
		case 1:
			err = tree.Remove(ctx, owner, path, dfs.RemoveOptions{})
		case 2:
			_, err = tree.Append(ctx, owner, path, info.Size, make([]byte, 6000))
		case 3:
			_, err = tree.Truncate(ctx, owner, path, info.Size/2)
		case 4:
			_, err = tree.Rename(ctx, owner, path, path+"x", dfs.RenameOptions{})
		case 5:
			_, err = tree.Create(ctx, owner, path+"c", bytes.NewReader([]byte("first")), dfs.CreateOptions{})
			must(err)
			_, err = tree.Concat(ctx, owner, path+"c", []string{path})
		}
		must(err)
	}
	_, err := tree.Rename(ctx, owner, dir+"/1", at("Resources/elsewhere"), dfs.RenameOptions{})
	must(err)
	must(tree.Remove(ctx, owner, dir+"/2", dfs.RemoveOptions{Recursive: true}))
}

func TestACopyThatIsGivenUpIsReclaimed(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree, clock := withClock(t, db, new(mem.Store))
		for n := range 600 {
			put(t, tree, at("Resources/src", fmt.Sprint(n)), []byte("x"))
		}
		before := usage(t, tree)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if _, err := tree.Clone(ctx, owner, at("Resources/src"), at("Resources/dst"), dfs.CloneOptions{Progress: func(dfs.Usage, dfs.Usage) { cancel() }}); err == nil {
			t.Error("a copy whose caller has gone was completed")
		}
		wantSound(t, tree)
		reclaimAll(t, tree)
		if after := usage(t, tree); after != before {
			t.Errorf("usage %+v, before %+v", after, before)
		}
		// One that stands still for so long that it is taken for dead ends with an error.
		_, err := tree.Clone(t.Context(), owner, at("Resources/src"), at("Resources/dst"), dfs.CloneOptions{Progress: func(dfs.Usage, dfs.Usage) {
			clock.forward(time.Hour)
			reclaimAll(t, tree)
		}})
		if !bine.IsKind(err, bine.Unavailable) {
			t.Errorf("a copy that was given up: %v", err)
		}
		wantSound(t, tree)
		if after := usage(t, tree); after != before {
			t.Errorf("usage %+v, before %+v", after, before)
		}
	})
}
