package dfs_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

var owner = dfs.User{Project: dfstest.Project, Name: "ada", Role: bine.DataOwner}

func at(parts ...string) string { return dfs.ProjectPath(dfstest.Project, parts...) }

func put(t testing.TB, fs dfs.FS, path string, data []byte) dfs.Info {
	t.Helper()
	info, err := fs.Create(t.Context(), owner, path, bytes.NewReader(data), dfs.CreateOptions{Overwrite: true, Parents: true})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func get(t testing.TB, fs dfs.FS, path string) ([]byte, error) {
	t.Helper()
	r, _, err := fs.Open(t.Context(), owner, path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return io.ReadAll(r)
}

// clock is a time that a test moves.
type clock struct{ ahead atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

// withClock gives a tree whose time a test moves.
func withClock(t testing.TB, db *database.DB, blocks block.Store) (*dfs.Tree, *clock) {
	c, o := new(clock), small
	o.Now = c.Now
	return newTree(t, db, blocks, o), c
}

// reclaimAll calls Reclaim until nothing is left to do.
func reclaimAll(t testing.TB, tree *dfs.Tree) (total int) {
	t.Helper()
	for {
		n, err := tree.Reclaim(t.Context(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if total += n; n == 0 {
			return total
		}
	}
}

func countBlocks(t testing.TB, blocks block.Store) (n int) {
	t.Helper()
	for _, err := range blocks.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func count(t testing.TB, db *database.DB, table string) (n int) {
	t.Helper()
	if err := db.Read().QueryRow("SELECT COUNT(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestARemovedTreeIsReclaimed(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		blocks := new(mem.Store)
		tree, clock := withClock(t, db, blocks)
		before, inodes := usage(t, tree), count(t, db, "dfs_inodes")
		const files = 10_000
		for n := range files {
			if n == 0 {
				fill(t, db, tree, files)
			}
			if n%500 == 0 { // some of them with blocks, and attributes
				path := at("Resources/big", fmt.Sprint(n%7), fmt.Sprint("block", n))
				put(t, tree, path, make([]byte, 2<<20))
				if err := tree.SetXattr(t.Context(), owner, path, "tag", nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := countBlocks(t, blocks); n != 40 {
			t.Fatalf("%d blocks, want 40", n)
		}
		if err := tree.Remove(t.Context(), owner, at("Resources/big"), dfs.RemoveOptions{Recursive: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Stat(t.Context(), owner, at("Resources/big/0")); !bine.IsKind(err, bine.NotFound) {
			t.Errorf("still there: %v", err)
		}
		if left := count(t, db, "dfs_inodes"); left < files {
			t.Errorf("Remove itself took %d rows away", files-left)
		}
		if n := reclaimAll(t, tree); n < files {
			t.Errorf("reclaimed %d, want at least %d", n, files)
		}
		if n := countBlocks(t, blocks); n != 40 {
			t.Errorf("%d blocks are left while readers may still be at work, want 40", n)
		}
		clock.forward(2 * time.Hour)
		reclaimAll(t, tree)
		if n := countBlocks(t, blocks); n != 0 {
			t.Errorf("%d blocks are left", n)
		}
		for table, want := range map[string]int{"dfs_inodes": inodes, "dfs_blocks": 0, "dfs_garbage": 0, "dfs_removed": 0, "dfs_xattrs": 0} {
			if got := count(t, db, table); got != want {
				t.Errorf("%s has %d rows, want %d", table, got, want)
			}
		}
		if after := usage(t, tree); after != before {
			t.Errorf("usage is %+v, want %+v", after, before)
		}
	})
}

func usage(t testing.TB, tree *dfs.Tree) dfs.Usage {
	t.Helper()
	u, err := tree.Usage(t.Context(), owner, at())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// fill makes many small files in seven directories of Resources/big, many in one transaction.
func fill(t testing.TB, db *database.DB, tree *dfs.Tree, files int) {
	t.Helper()
	for n := 0; n < files; n += 500 {
		err := db.Together(t.Context(), func(ctx context.Context) error {
			for i := n; i < min(n+500, files); i++ {
				if _, err := tree.Create(ctx, owner, at("Resources/big", fmt.Sprint(i%7), fmt.Sprint(i)), bytes.NewReader([]byte("small")), dfs.CreateOptions{Parents: true}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestARemovedProjectLeavesNothing(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		blocks := new(mem.Store)
		tree, clock := withClock(t, db, blocks)
		put(t, tree, at("Resources/a/b/file"), make([]byte, 2<<20))
		for range 2 {
			if err := tree.RemoveProject(t.Context(), dfstest.Project); err != nil {
				t.Fatal(err)
			}
		}
		if err := tree.MakeProjectTree(t.Context(), dfstest.Project); err != nil { // anew, before the old is reclaimed
			t.Fatal(err)
		}
		reclaimAll(t, tree)
		clock.forward(2 * time.Hour)
		reclaimAll(t, tree)
		if u := usage(t, tree); u.Directories != 10 || u.Files != 1 {
			t.Errorf("the new one: %+v", u)
		}
		for _, project := range []bine.ProjectName{dfstest.Project, dfstest.Other} {
			if err := tree.RemoveProject(t.Context(), project); err != nil {
				t.Fatal(err)
			}
		}
		reclaimAll(t, tree)
		for table, want := range map[string]int{"dfs_inodes": 2, "dfs_small": 0, "dfs_blocks": 0, "dfs_garbage": 0, "dfs_removed": 0, "dfs_usage": 0} {
			if got := count(t, db, table); got != want {
				t.Errorf("%s has %d rows, want %d", table, got, want)
			}
		}
		if n := countBlocks(t, blocks); n != 0 {
			t.Errorf("%d blocks are left", n)
		}
	})
}

func TestAppendingLineByLineLeavesFewBlocks(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		blocks := new(mem.Store)
		tree, clock := withClock(t, db, blocks)
		line, offset := bytes.Repeat([]byte("x"), 999), 0
		for range 1500 {
			if _, err := tree.Append(t.Context(), owner, at("Logs/log"), int64(offset), line); err != nil {
				t.Fatal(err)
			}
			offset += len(line)
		}
		if n := count(t, db, "dfs_blocks"); n > 12 {
			t.Errorf("%d bytes lie in %d blocks", offset, n)
		}
		clock.forward(2 * time.Hour)
		reclaimAll(t, tree)
		if n, rows := countBlocks(t, blocks), count(t, db, "dfs_blocks"); n != rows {
			t.Errorf("%d blocks are stored, %d are named", n, rows)
		}
		if data, err := get(t, tree, at("Logs/log")); err != nil || len(data) != offset {
			t.Errorf("got %d bytes, %v", len(data), err)
		}
	})
}

func TestAnUploadMayTakeLongerThanTheGrace(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		blocks := new(mem.Store)
		tree, clock := withClock(t, db, blocks)
		r, w := io.Pipe()
		done := make(chan error)
		go func() {
			_, err := tree.Create(t.Context(), owner, at("Resources/file"), r, dfs.CreateOptions{})
			done <- err
		}()
		for range 30 { // three hours
			w.Write(make([]byte, 100_000))
			clock.forward(6 * time.Minute)
			w.Write(make([]byte, 10_000))
			reclaimAll(t, tree)
		}
		w.Close()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if data, err := get(t, tree, at("Resources/file")); err != nil || len(data) != 3_300_000 {
			t.Errorf("got %d bytes, %v", len(data), err)
		}
	})
}

func TestAnUploadThatStoodStillForTooLongIsRefused(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		blocks := new(mem.Store)
		tree, clock := withClock(t, db, blocks)
		stalled := readerFunc(func([]byte) (int, error) {
			clock.forward(2 * time.Hour)
			reclaimAll(t, tree)
			return 0, io.EOF
		})
		_, err := tree.Create(t.Context(), owner, at("Resources/file"), io.MultiReader(bytes.NewReader(make([]byte, 3<<20)), stalled), dfs.CreateOptions{})
		if !bine.IsKind(err, bine.Unavailable) {
			t.Errorf("got %v, want an error of kind unavailable", err)
		}
		if _, err := tree.Stat(t.Context(), owner, at("Resources/file")); !bine.IsKind(err, bine.NotFound) {
			t.Errorf("a file whose blocks are gone was made: %v", err)
		}
		if n := countBlocks(t, blocks); n != 0 {
			t.Errorf("%d blocks are left", n)
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestADamagedBlockIsNotHandedOut(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		blocks := new(mem.Store)
		tree := newTree(t, db, blocks, small)
		data := bytes.Repeat([]byte("0123456789"), 100_000)
		put(t, tree, at("Resources/file"), data)
		for stat, err := range blocks.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			damaged := bytes.Clone(data)
			damaged[700_000] ^= 1
			if err := blocks.Put(t.Context(), stat.ID, bytes.NewReader(damaged)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := get(t, tree, at("Resources/file"))
		if !bine.IsKind(err, bine.Internal) || err == nil || !bytes.Equal(got, data[:len(got)]) || len(got) > 700_000 {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
		r, _, err := tree.Open(t.Context(), owner, at("Resources/file"), 100, 1000)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if part, err := io.ReadAll(r); err != nil || !bytes.Equal(part, data[100:1100]) {
			t.Errorf("a range that is not damaged: %d bytes, %v", len(part), err)
		}
	})
}

func TestScrubFindsWhatDoesNotBelongTogether(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		blocks := new(mem.Store)
		tree, clock := withClock(t, db, blocks)
		put(t, tree, at("Resources/file"), make([]byte, 3<<20))
		if got, err := tree.Scrub(t.Context()); err != nil || got.Blocks != 3 || got.Removed != 0 || len(got.Missing) != 0 {
			t.Errorf("before: %+v, %v", got, err)
		}
		if err := blocks.Put(t.Context(), block.NewID(), bytes.NewReader(make([]byte, 10))); err != nil {
			t.Fatal(err)
		}
		if got, err := tree.Scrub(t.Context()); err != nil || got.Removed != 0 {
			t.Errorf("a young block: %+v, %v", got, err)
		}
		var lost string
		if err := db.Read().QueryRow("SELECT block_id FROM dfs_blocks WHERE start > 0 ORDER BY start LIMIT 1").Scan(&lost); err != nil {
			t.Fatal(err)
		}
		if err := blocks.Remove(t.Context(), block.ID(lost)); err != nil {
			t.Fatal(err)
		}
		clock.forward(2 * time.Hour)
		if got, err := tree.Scrub(t.Context()); err != nil || got.Removed != 1 || len(got.Missing) != 1 || string(got.Missing[0]) != lost {
			t.Errorf("got %+v, %v, want one removed and %s missing", got, err, lost)
		}
	})
}

func TestTogetherUndoesFilesToo(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		err := db.Together(t.Context(), func(ctx context.Context) error {
			if _, err := tree.Create(ctx, owner, at("Resources/file"), bytes.NewReader([]byte("x")), dfs.CreateOptions{}); err != nil {
				return err
			}
			if _, err := tree.Stat(ctx, owner, at("Resources/file")); err != nil {
				t.Errorf("not seen within the transaction: %v", err)
			}
			return sql.ErrTxDone
		})
		if err == nil {
			t.Fatal("the transaction stood")
		}
		if _, err := tree.Stat(t.Context(), owner, at("Resources/file")); !bine.IsKind(err, bine.NotFound) {
			t.Errorf("got %v", err)
		}
	})
}
