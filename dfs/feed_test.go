package dfs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/dfstest"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
)

// eachEngine runs a test on every engine.
func eachEngine(t *testing.T, test func(t *testing.T, db *database.DB)) {
	t.Run("SQLite", func(t *testing.T) { test(t, databasetest.SQLite(t)) })
	t.Run("MariaDB", func(t *testing.T) { test(t, databasetest.MariaDB(t)) })
}

// follow reads the feed of a project from a position to its end.
func follow(t testing.TB, tree *dfs.Tree, q dfs.ChangesQuery) (all []dfs.Change, next int64) {
	t.Helper()
	for {
		list, next, err := tree.Changes(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
		if len(list) == 0 {
			return all, next
		}
		q.After = next
	}
}

// told writes changes short, relative to the project.
func told(list []dfs.Change) []string {
	var out []string
	for _, c := range list {
		short := func(path string) string {
			return strings.TrimPrefix(strings.TrimPrefix(path, dfs.ProjectPath(c.Project)), "/")
		}
		text := fmt.Sprintf("%s %s", c.Op, short(c.Path))
		if c.From != "" {
			text += " from " + short(c.From)
		}
		out = append(out, text)
	}
	return out
}

func wantTold(t *testing.T, what string, list []dfs.Change, want ...string) {
	t.Helper()
	if got := told(list); !slices.Equal(got, want) {
		t.Errorf("%s: the feed tells\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestTheFeedTellsWhatWasChanged(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		ctx := t.Context()
		made, start := follow(t, tree, dfs.ChangesQuery{Project: dfstest.Project, Limit: 3})
		wantTold(t, "its tree", made[:2], "created ", "created Resources")
		if made[0].By != "bine" || !made[0].Dir || made[1].Parent != made[0].Inode {
			t.Errorf("the first changes are %+v", made[:2])
		}
		info := put(t, tree, at("Resources/a/b/f.csv"), []byte("one"))
		put(t, tree, at("Resources/a/b/f.csv"), dfstestNoise(10_000))
		for _, n := range []int{10_000, 10_010} {
			if _, err := tree.Append(ctx, owner, at("Resources/a/b/f.csv"), int64(n), dfstestNoise(4090)[:n-9_990]); err != nil {
				t.Fatal(err)
			}
		}
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		check(tree.SetXattr(ctx, owner, at("Resources/a/b/f.csv"), "k", []byte("v")))
		_, err := tree.Rename(ctx, owner, at("Resources/a"), at("Jupyter/c"), dfs.RenameOptions{})
		check(err)
		put(t, tree, at("Jupyter/over"), nil)
		_, err = tree.Rename(ctx, owner, at("Jupyter/over"), at("Jupyter/c/b/f.csv"), dfs.RenameOptions{Overwrite: true})
		check(err)
		check(tree.Remove(ctx, owner, at("Jupyter/c"), dfs.RemoveOptions{Recursive: true}))
		_, err = tree.Create(ctx, dfs.Platform(), at(".artifacts/x"), strings.NewReader("x"), dfs.CreateOptions{})
		check(err)
		if err := tree.Remove(ctx, owner, at("Jupyter/c"), dfs.RemoveOptions{}); !bine.IsKind(err, bine.NotFound) {
			t.Errorf("removing again: %v", err)
		}
		list, end := follow(t, tree, dfs.ChangesQuery{Project: dfstest.Project, After: start})
		wantTold(t, "changes", list,
			"created Resources/a", "created Resources/a/b", "created Resources/a/b/f.csv", "written Resources/a/b/f.csv",
			"written Resources/a/b/f.csv", "written Resources/a/b/f.csv", "altered Resources/a/b/f.csv", "renamed Jupyter/c from Resources/a",
			"created Jupyter/over", "removed Jupyter/c/b/f.csv", "renamed Jupyter/c/b/f.csv from Jupyter/over", "removed Jupyter/c")
		if c := list[3]; c.Inode != info.ID || c.Size != 10_000 || c.Version != info.Version+1 || c.By != "demo__ada" || time.Since(c.At) > time.Minute {
			t.Errorf("the written file is told as %+v", c)
		}
		again, _ := follow(t, tree, dfs.ChangesQuery{Project: dfstest.Project, After: end})
		wantTold(t, "behind the end", again)
		if others, _ := follow(t, tree, dfs.ChangesQuery{Project: dfstest.Other}); len(others) != 11 {
			t.Errorf("of the other project the feed tells %v", told(others))
		}
		since, err := tree.ChangesSince(ctx, dfstest.Project, list[2].At.Add(-time.Microsecond))
		check(err)
		if rest, _ := follow(t, tree, dfs.ChangesQuery{Project: dfstest.Project, After: since}); !slices.Contains(told(rest), "created Resources/a/b/f.csv") || len(rest) > len(list) {
			t.Errorf("since the file was made the feed tells %v", told(rest))
		}
	})
}

func dfstestNoise(n int) []byte { return []byte(strings.Repeat("noise ", n/6+1)[:n]) }

func TestWhatAChangeTouches(t *testing.T) {
	for _, c := range []struct {
		change dfs.Change
		path   string
		want   bool
	}{
		{dfs.Change{Op: dfs.Created, Path: "/a/b"}, "/a", true},
		{dfs.Change{Op: dfs.Created, Path: "/a/b"}, "/a/b", true},
		{dfs.Change{Op: dfs.Created, Path: "/a/bc"}, "/a/b", false},
		{dfs.Change{Op: dfs.Created, Path: "/a"}, "/a/b", false},
		{dfs.Change{Op: dfs.Altered, Path: "/a/b"}, "/a", false},
		{dfs.Change{Op: dfs.Removed, Path: "/a"}, "/a/b", true},
		{dfs.Change{Op: dfs.Renamed, Path: "/c", From: "/a"}, "/a/b", true},
		{dfs.Change{Op: dfs.Renamed, Path: "/a", From: "/c"}, "/a/b", true},
		{dfs.Change{Op: dfs.Renamed, Path: "/c", From: "/a/b/x"}, "/a/b", true},
		{dfs.Change{Op: dfs.Renamed, Path: "/c", From: "/d"}, "/a/b", false},
	} {
		if got := c.change.Touches(c.path); got != c.want {
			t.Errorf("%+v touches %s: %t", c.change, c.path, got)
		}
	}
}

// TestTheFeedWaitsForWhatIsNotCommitted holds a transaction open whose change
// comes before one that is committed.
func TestTheFeedWaitsForWhatIsNotCommitted(t *testing.T) {
	for _, undone := range []bool{false, true} {
		t.Run(fmt.Sprintf("undone %t", undone), func(t *testing.T) {
			db := databasetest.MariaDB(t)
			tree := newTree(t, db, new(mem.Store), small)
			_, start := follow(t, tree, dfs.ChangesQuery{})
			written, end, ended := make(chan struct{}), make(chan struct{}), make(chan error)
			fault := errors.New("undone")
			go func() {
				ended <- db.Together(t.Context(), func(ctx context.Context) error {
					_, err := tree.Create(ctx, owner, at("Resources/early"), strings.NewReader("1"), dfs.CreateOptions{})
					close(written)
					<-end
					if undone {
						return fault
					}
					return err
				})
			}()
			<-written
			put(t, tree, at("Jupyter/late"), []byte("2"))
			time.AfterFunc(200*time.Millisecond, func() { close(end) })
			began := time.Now()
			list, _, err := tree.Changes(t.Context(), dfs.ChangesQuery{After: start})
			if err != nil || time.Since(began) < 150*time.Millisecond {
				t.Errorf("the feed told %v (%v) while an earlier change was not committed", told(list), err)
			}
			if err := <-ended; undone != errors.Is(err, fault) {
				t.Fatal(err)
			}
			if !undone {
				wantTold(t, "in order", list, "created Resources/early", "created Jupyter/late")
				return
			}
			wantTold(t, "until it is sure that nothing comes", list)
			for deadline := time.Now().Add(10 * time.Second); len(list) == 0 && time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
				list, _ = follow(t, tree, dfs.ChangesQuery{After: start})
			}
			wantTold(t, "then", list, "created Jupyter/late")
		})
	}
}

// TestEveryFollowerSeesEveryChangeOnceAndInOrder has many writers, some of whose
// transactions are undone, and readers in servers of their own.
func TestEveryFollowerSeesEveryChangeOnceAndInOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		_, start := follow(t, tree, dfs.ChangesQuery{})
		const writers, rounds, readers = 8, 40, 3
		var writing, reading sync.WaitGroup
		done := make(chan struct{})
		heard := make([][]dfs.Change, readers)
		for r := range readers {
			mine := dfs.New(db, new(mem.Store), small)
			t.Cleanup(func() { mine.Close() })
			reading.Go(func() {
				for after, last := start, false; ; {
					list, next, err := mine.Changes(t.Context(), dfs.ChangesQuery{After: after, Limit: 7 + r*10})
					if err != nil {
						t.Error(err)
						return
					}
					heard[r], after = append(heard[r], list...), next
					if last && len(heard[r]) >= writers*rounds*2 {
						return
					}
					select {
					case <-done:
						last = true
					default:
					}
				}
			})
		}
		fault := errors.New("undone")
		for w := range writers {
			writing.Go(func() {
				for n := range rounds {
					name := at("Resources", fmt.Sprintf("w%d-%d", w, n))
					err := db.Together(t.Context(), func(ctx context.Context) error {
						if _, err := tree.Create(ctx, owner, name, strings.NewReader("x"), dfs.CreateOptions{}); err != nil {
							return err
						}
						if n%9 == 4 {
							return fault
						}
						return nil
					})
					if n%9 == 4 && errors.Is(err, fault) {
						_, err = tree.Create(t.Context(), owner, name, strings.NewReader("x"), dfs.CreateOptions{})
					}
					if err == nil {
						_, err = tree.Rename(t.Context(), owner, name, name+"-done", dfs.RenameOptions{})
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		writing.Wait()
		close(done)
		reading.Wait()
		for r, list := range heard {
			if len(list) != writers*rounds*2 {
				t.Errorf("reader %d saw %d changes, want %d", r, len(list), writers*rounds*2)
			}
			created := map[int64]bool{}
			for i, c := range list {
				if i > 0 && c.ID <= list[i-1].ID {
					t.Fatalf("reader %d: change %d comes after %d", r, c.ID, list[i-1].ID)
				}
				if c.Op == dfs.Renamed && !created[c.Inode] {
					t.Fatalf("reader %d: %s was renamed before it was made", r, c.Path)
				}
				created[c.Inode] = true
			}
		}
	})
}

func TestOldChangesAreRemovedAndThatIsTold(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree, clock := withClock(t, db, new(mem.Store))
		put(t, tree, at("Resources/old"), nil)
		clock.forward(8 * 24 * time.Hour)
		put(t, tree, at("Resources/new"), nil)
		reclaimAll(t, tree)
		_, _, err := tree.Changes(t.Context(), dfs.ChangesQuery{Project: dfstest.Project})
		if !errors.Is(err, dfs.ErrForgotten) || !bine.IsKind(err, bine.Conflict) {
			t.Fatalf("reading what was removed: %v", err)
		}
		since, err := tree.ChangesSince(t.Context(), dfstest.Project, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		rest, _ := follow(t, tree, dfs.ChangesQuery{Project: dfstest.Project, After: since})
		wantTold(t, "what is left", rest, "created Resources/new")
		state, err := tree.Feed(t.Context())
		if err != nil || state.Removed != since || state.Final != state.Newest || state.Lag != 0 || state.Newest <= since {
			t.Errorf("the feed stands at %+v (%v), removed up to %d", state, err, since)
		}
	})
}
