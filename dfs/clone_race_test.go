package dfs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// countNamed counts the blocks that files have, each once.
func countNamed(t testing.TB, db *database.DB) int {
	t.Helper()
	return count(t, db, "(SELECT DISTINCT block_id FROM dfs_blocks) b")
}

// numbered is content that says in each line which number it is of.
func numbered(n, size int) []byte {
	line := fmt.Appendf(nil, "%07d\n", n)
	return bytes.Repeat(line, size/len(line)+1)
}

// numberOf gives the number of content, or an error where it is of several.
func numberOf(data []byte) (n int, err error) {
	if _, err := fmt.Sscanf(string(data[:min(7, len(data))]), "%07d", &n); err != nil {
		return 0, err
	}
	if !bytes.Equal(data, numbered(n, len(data)-8)) {
		return 0, errors.New("it is of several numbers")
	}
	return n, nil
}

// racing are a few servers at work on one tree.
type racing struct {
	t     *testing.T
	trees []*dfs.Tree
	until time.Time
	made  atomic.Int64
}

// write writes all files of a directory anew, in order, again and again: at any
// moment each has the number of the one before it, or one less.
func (r *racing) write(dir string, sizes []int) {
	for n := 1; time.Now().Before(r.until); n++ {
		for i, size := range sizes {
			path := fmt.Sprintf("%s/%d", dir, i)
			for {
				_, err := r.trees[i%len(r.trees)].Create(r.t.Context(), owner, path, bytes.NewReader(numbered(n, size)), dfs.CreateOptions{Overwrite: true})
				if err == nil {
					break
				}
				if !bine.IsKind(err, bine.Unavailable) { // that says to try again
					r.t.Error(err)
					return
				}
			}
		}
	}
}

// clone copies the directory, looks whether the copy is of one moment, and
// removes what it copied, some of it through copies of the copy.
func (r *racing) clone(dir string, who int, sizes []int) {
	ctx, tree := r.t.Context(), r.trees[who%len(r.trees)]
	for n := 0; time.Now().Before(r.until); n++ {
		to := at("Jupyter", fmt.Sprintf("%d-%d", who, n))
		if _, err := tree.Clone(ctx, owner, dir, to, dfs.CloneOptions{}); bine.IsKind(err, bine.Unavailable) {
			continue
		} else if err != nil {
			r.t.Error(err)
			return
		}
		r.check(tree, to, sizes)
		from := fmt.Sprintf("%s/%d", to, rand.IntN(len(sizes)))
		over := fmt.Sprintf("%s/%d", at("Jupyter/shared"), rand.IntN(3)) // several at once give up what it has
		if _, err := tree.Clone(ctx, owner, from, over, dfs.CloneOptions{Overwrite: true, Parents: true}); err != nil && !bine.IsKind(err, bine.Conflict) && !bine.IsKind(err, bine.Unavailable) {
			r.t.Error(err)
		}
		if rand.IntN(3) == 0 {
			if err := tree.Remove(ctx, owner, over, dfs.RemoveOptions{}); err != nil && !bine.IsKind(err, bine.NotFound) && !bine.IsKind(err, bine.Unavailable) {
				r.t.Error(err)
			}
		}
		if err := tree.Remove(ctx, owner, to, dfs.RemoveOptions{Recursive: true}); err != nil && !bine.IsKind(err, bine.Unavailable) {
			r.t.Error(err)
		}
		r.made.Add(1)
	}
}

func (r *racing) check(tree *dfs.Tree, dir string, sizes []int) {
	first, before := 0, 0
	for i := range sizes {
		data, err := get(r.t, tree, fmt.Sprintf("%s/%d", dir, i))
		var n int
		if err == nil {
			n, err = numberOf(data)
		}
		if err != nil {
			r.t.Errorf("%s/%d: %v", dir, i, err)
			return
		}
		if i == 0 {
			first, before = n, n
		}
		if n > before || n < first-1 {
			r.t.Errorf("%s is not of one moment: file %d is of number %d, the one before of %d and the first of %d", dir, i, n, before, first)
		}
		before = n
	}
}

// TestCopiesAmongWriters has servers copy a directory whose files are written,
// and give up shared blocks, at once.
func TestCopiesAmongWriters(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		blocks := new(mem.Store)
		here := newTree(t, db, blocks, small)
		there := dfs.New(db, blocks, small)
		t.Cleanup(func() { there.Close() })
		r := &racing{t: t, trees: []*dfs.Tree{here, there}, until: time.Now().Add(5 * time.Second)}
		dir, sizes := at("Resources/src"), []int{100, 9000, 1 << 20, 20_000, 40, 2<<20 + 70, 5000, 300}
		for i, size := range sizes {
			put(t, here, fmt.Sprintf("%s/%d", dir, i), numbered(0, size))
		}
		var all sync.WaitGroup
		all.Go(func() { r.write(dir, sizes) })
		for who := range 4 {
			all.Go(func() { r.clone(dir, who, sizes) })
		}
		all.Go(func() {
			for time.Now().Before(r.until) {
				if _, err := here.Reclaim(t.Context(), 200); err != nil {
					t.Error(err)
				}
			}
		})
		all.Wait()
		t.Logf("%d copies", r.made.Load())
		if r.made.Load() == 0 {
			t.Error("nothing was copied")
		}
		wantSound(t, here)
		o := small
		o.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
		later := dfs.New(db, blocks, o)
		t.Cleanup(func() { later.Close() })
		reclaimAll(t, later)
		wantSound(t, later)
		if stored, named := countBlocks(t, blocks), countNamed(t, db)+count(t, db, "dfs_garbage"); stored != named {
			t.Errorf("%d blocks are stored and %d named", stored, named)
		}
	})
}

// TestCloneVictim is the process that TestAKilledCopyLeavesNothing kills: it
// copies a directory and makes snapshots of it while it is written.
func TestCloneVictim(t *testing.T) {
	ctx := context.Background()
	tree, round := victimTree(t, ctx, small)
	if err := tree.MakeProjectTree(ctx, dfstest.Project); err != nil {
		t.Fatal(err)
	}
	src := at("Resources", "src"+round)
	if _, err := tree.Mkdir(ctx, owner, src, dfs.MkdirOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := tree.AllowSnapshots(ctx, owner, src); err != nil {
		t.Fatal(err)
	}
	for n := range 300 {
		put(t, tree, fmt.Sprintf("%s/%d/%03d", src, n%2, n), crashContent(round, n%3))
	}
	go func() {
		for n := 0; ; n++ {
			put(t, tree, fmt.Sprintf("%s/%d/%03d", src, n%2, n%300), crashContent(round, n))
		}
	}()
	for n := 0; ; n++ {
		told := func(dfs.Usage, dfs.Usage) { fmt.Println("step") }
		if _, err := tree.Clone(ctx, owner, src, at("Jupyter", fmt.Sprintf("%s-%d", round, n)), dfs.CloneOptions{Progress: told}); err != nil {
			t.Fatal(err)
		}
		fmt.Println("done", n)
		if _, err := tree.CreateSnapshot(ctx, owner, src, ""); err != nil {
			t.Fatal(err)
		}
		fmt.Println("kept")
	}
}

func TestAKilledCopyLeavesNothing(t *testing.T) {
	for engine, addressOf := range map[string]func(testing.TB) string{"SQLite": databasetest.SQLiteAddress, "MariaDB": databasetest.MariaDBAddress} {
		t.Run(engine, func(t *testing.T) {
			address, path := addressOf(t), filepath.Join(t.TempDir(), "blocks")
			for round := range 5 {
				done, _ := killTest(t, "TestCloneVictim", address, path, fmt.Sprint(round), 2+round)
				tree, _, _ := reopen(t, address, path, time.Now)
				wantSound(t, tree)
				entries, _, err := tree.List(t.Context(), owner, at("Jupyter"), "", 0)
				if err != nil {
					t.Fatal(err)
				}
				whole := 0
				for _, e := range entries {
					u, err := tree.Usage(t.Context(), owner, e.Path)
					if err != nil || u.Files != 300 || u.Directories != 2 {
						t.Errorf("%s has %+v, %v: a copy is whole or not there", e.Path, u, err)
					}
					var n int
					if _, err := fmt.Sscanf(e.Name, fmt.Sprint(round)+"-%d", &n); err == nil {
						whole = max(whole, n+1)
					}
				}
				if whole <= done {
					t.Errorf("%d copies are there, and %d were said to be done", whole, done+1)
				}
			}
			checkNothingLeaks(t, address, path)
			_, db, _ := reopen(t, address, path, time.Now)
			if n := count(t, db, "dfs_clones"); n != 0 {
				t.Errorf("%d copies that nobody makes are left", n)
			}
		})
	}
}
