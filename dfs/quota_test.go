package dfs_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/database"
)

// limited is a tree whose quotas are tested.
type limited struct {
	*dfs.Tree
	t testing.TB
}

func (l limited) ok(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l limited) quota(path string, q dfs.Quota) {
	l.t.Helper()
	l.ok(l.SetQuota(l.t.Context(), owner, at(path), q))
}

// uses demands what is used of the quota of a directory.
func (l limited) uses(path string, bytes, names int64) {
	l.t.Helper()
	all, err := l.Limits(l.t.Context(), owner, at(path))
	l.ok(err)
	for _, limit := range all {
		if limit.Path != at(path) {
			continue
		}
		if limit.Bytes != bytes || limit.Names != names || limit.Counting {
			l.t.Errorf("%s: %d bytes and %d names count, want %d and %d", path, limit.Bytes, limit.Names, bytes, names)
		}
		return
	}
	l.t.Errorf("%s has no quota: %+v", path, all)
}

func (l limited) refused(what string, err error, words ...string) {
	l.t.Helper()
	if !bine.IsKind(err, bine.NoQuota) {
		l.t.Errorf("%s: %v, want it refused", what, err)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			l.t.Errorf("%s: the message does not name %s: %v", what, word, err)
		}
	}
}

func eachLimited(t *testing.T, test func(l limited, c *clock)) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree, c := withClock(t, db, new(mem.Store))
		test(limited{tree, t}, c)
		wantSound(t, tree)
	})
}

func TestQuotaOfADirectory(t *testing.T) {
	eachLimited(t, func(l limited, _ *clock) {
		ctx := l.t.Context()
		create := func(path string, n int) error {
			_, err := l.Create(ctx, owner, at(path), bytes.NewReader(dfstestNoise(n)), dfs.CreateOptions{Overwrite: true, Parents: true})
			return err
		}
		l.ok(create("Resources/q/before", 1000))
		l.ok(create("Resources/q/d/large", 20_000))
		l.quota("Resources/q", dfs.Quota{Bytes: 50_000, Names: 8})
		l.uses("Resources/q", 21_000, 4)
		l.ok(create("Resources/q/new", 3000))
		l.ok(create("Resources/q/before", 6000))
		l.uses("Resources/q", 29_000, 5)
		_, err := l.Append(ctx, owner, at("Resources/q/new"), 3000, dfstestNoise(500))
		l.ok(err)
		_, err = l.Append(ctx, owner, at("Resources/q/new"), 3500, dfstestNoise(8000))
		l.ok(err)
		_, err = l.Truncate(ctx, owner, at("Resources/q/d/large"), 19_000)
		l.ok(err)
		l.uses("Resources/q", 36_500, 5)

		l.refused("bytes", create("Resources/q/more", 13_501), at("Resources/q"), "50000", "36500")
		l.refused("a large file", create("Resources/q/more", 3<<20), "50000")
		_, err = l.Append(ctx, owner, at("Resources/q/new"), 11_500, dfstestNoise(13_501))
		l.refused("an append", err, "50000")
		l.ok(create("Resources/q/more", 13_500))
		l.uses("Resources/q", 50_000, 6)
		l.refused("a name too many", create("Resources/q/x/y/z", 0), at("Resources/q"), "8 names")
		l.uses("Resources/q", 50_000, 6)

		_, err = l.Concat(ctx, owner, at("Resources/q/new"), []string{at("Resources/q/more")})
		l.ok(err)
		l.uses("Resources/q", 50_000, 5)
		l.ok(create("Resources/outside", 10))
		_, err = l.Concat(ctx, owner, at("Resources/q/new"), []string{at("Resources/outside")})
		l.refused("a concat of what was outside", err, at("Resources/q"))
		_, err = l.Concat(ctx, owner, at("Resources/outside"), []string{at("Resources/q/before")})
		l.ok(err)
		l.uses("Resources/q", 44_000, 4)
		l.ok(l.Remove(ctx, owner, at("Resources/q/new"), dfs.RemoveOptions{}))
		l.uses("Resources/q", 19_000, 3)
		l.quota("Resources/q", dfs.Quota{Bytes: 10})
		l.ok(create("Resources/q/d/large", 10_000)) // less than before
		l.refused("more than too much", create("Resources/q/d/large", 10_001))
		l.quota("Resources/q", dfs.Quota{})
		l.ok(create("Resources/q/d/large", 90_000))
		if all, err := l.Limits(ctx, owner, at("Resources/q")); err != nil || len(all) != 0 {
			l.t.Errorf("after all quotas are gone: %+v, %v", all, err)
		}
	})
}

func TestQuotaAlongAPath(t *testing.T) {
	eachLimited(t, func(l limited, _ *clock) {
		put(t, l, at("Resources/a/b/c/f"), dfstestNoise(100))
		l.quota("Resources/a/b", dfs.Quota{Bytes: 1000})
		l.quota("Resources/a", dfs.Quota{Bytes: 500, Names: 10})
		put(t, l, at("Resources/a/b/c/g"), dfstestNoise(200))
		l.uses("Resources/a/b", 300, 4)
		l.uses("Resources/a", 300, 5)
		_, err := l.Create(l.t.Context(), owner, at("Resources/a/b/h"), bytes.NewReader(dfstestNoise(201)), dfs.CreateOptions{})
		l.refused("what the outer one has no room for", err, at("Resources/a")+" has a quota of 500")
		all, err := l.Limits(l.t.Context(), owner, at("Resources/a/b/c/g"))
		if err != nil || len(all) != 2 || all[0].Path != at("Resources/a") || all[1].Path != at("Resources/a/b") {
			l.t.Errorf("Limits: %+v, %v", all, err)
		}
	})
}

func TestQuotaAndRename(t *testing.T) {
	eachLimited(t, func(l limited, _ *clock) {
		ctx := l.t.Context()
		rename := func(from, to string) error {
			_, err := l.Rename(ctx, owner, at(from), at(to), dfs.RenameOptions{Overwrite: true})
			return err
		}
		put(t, l, at("Resources/from/tree/x/1"), dfstestNoise(9000))
		put(t, l, at("Resources/from/tree/2"), dfstestNoise(10))
		put(t, l, at("Resources/to/file"), dfstestNoise(5))
		l.quota("Resources/from", dfs.Quota{Bytes: 1 << 20})
		l.quota("Resources/to", dfs.Quota{Bytes: 9014})
		l.refused("a tree", rename("Resources/from/tree", "Resources/to/tree"), at("Resources/to"), "9014", "9010")
		l.quota("Resources/to", dfs.Quota{Names: 5})
		l.refused("a tree of many names", rename("Resources/from/tree", "Resources/to/tree"), at("Resources/to"), "5 names")
		l.uses("Resources/from", 9010, 5)
		l.quota("Resources/to", dfs.Quota{Bytes: 9015, Names: 6})
		l.ok(rename("Resources/from/tree", "Resources/to/tree"))
		l.uses("Resources/from", 0, 1)
		l.uses("Resources/to", 9015, 6)
		l.ok(rename("Resources/to/tree/x", "Resources/to/y")) // within
		l.uses("Resources/to", 9015, 6)
		l.ok(rename("Resources/to/tree/2", "Resources/to/file")) // replaced
		l.uses("Resources/to", 9010, 5)
		l.ok(rename("Resources/to/file", "Resources/from/file"))
		l.uses("Resources/to", 9000, 4)
		l.uses("Resources/from", 10, 2)
		l.ok(rename("Resources/to", "Resources/from/to")) // a limited one below another
		l.uses("Resources/from/to", 9000, 4)
		l.uses("Resources/from", 9010, 6)
		l.ok(rename("Resources/from/to/y", "Resources/y"))
		l.uses("Resources/from", 10, 4)
		l.uses("Resources/from/to", 0, 2)
	})
}

func TestQuotaAndRemoval(t *testing.T) {
	eachLimited(t, func(l limited, c *clock) {
		ctx := l.t.Context()
		for _, name := range []string{"gone/x/y", "gone/z", "trashed/x/y", "stays/x"} {
			put(t, l, at("Resources/q", name), dfstestNoise(100))
		}
		l.quota("Resources/q", dfs.Quota{Names: 100})
		l.quota("Resources/q/gone/x", dfs.Quota{Names: 100})
		l.uses("Resources/q", 400, 10)
		l.ok(l.Trash(ctx, owner, at("Resources/q/trashed")))
		l.uses("Resources/q", 300, 7) // at once
		l.ok(l.Remove(ctx, owner, at("Resources/q/gone"), dfs.RemoveOptions{Recursive: true}))
		l.uses("Resources/q", 300, 7) // when it is reclaimed
		wantSound(t, l.Tree)
		_, all := trashed(t, l.Tree, owner)
		_, err := l.Restore(ctx, owner, all[0].ID, "")
		l.ok(err)
		l.uses("Resources/q", 400, 10)
		l.ok(l.Trash(ctx, owner, at("Resources/q/trashed")))
		l.quota("Resources/q", dfs.Quota{})
		l.quota("Resources/q", dfs.Quota{Names: 5})
		l.uses("Resources/q", 100, 3) // what was removed before does not count
		l.ok(l.Remove(ctx, owner, at("Resources/q/stays"), dfs.RemoveOptions{Recursive: true}))
		reclaimAll(t, l.Tree)
		l.uses("Resources/q", 0, 1)
		_, err = l.Mkdir(ctx, owner, at("Resources/q/a/b"), dfs.MkdirOptions{Parents: true})
		l.ok(err)
		_, err = l.Mkdir(ctx, owner, at("Resources/q/a/b/c/d/e"), dfs.MkdirOptions{Parents: true})
		l.refused("directories", err, "5 names")
		_, all = trashed(t, l.Tree, owner)
		_, err = l.Restore(ctx, owner, all[0].ID, "")
		l.refused("a restore", err, "5 names")
		l.ok(l.Remove(ctx, owner, at("Resources/q/a/b"), dfs.RemoveOptions{}))
		l.uses("Resources/q", 0, 2)
		l.ok(l.Remove(ctx, owner, at("Resources/q"), dfs.RemoveOptions{Recursive: true}))
		c.forward(30 * 24 * time.Hour)
		reclaimAll(t, l.Tree)
		if u, err := l.Usage(ctx, owner, at()); err != nil || u.Files != 1 {
			t.Errorf("after all: %+v, %v", u, err)
		}
	})
}

func TestQuotaOfNamesOfAProject(t *testing.T) {
	eachLimited(t, func(l limited, _ *clock) {
		ctx := l.t.Context()
		u, err := l.Usage(ctx, owner, at())
		l.ok(err)
		most := 1 + u.Files + u.Directories + 2
		l.ok(l.SetQuota(ctx, dfs.Platform(), at(), dfs.Quota{Names: most, Bytes: 1 << 40}))
		put(t, l, at("Resources/a"), nil)
		put(t, l, at("Resources/b"), nil)
		_, err = l.Create(ctx, owner, at("Resources/c"), strings.NewReader(""), dfs.CreateOptions{})
		l.refused("a file", err, fmt.Sprint(most), at())
		all, err := l.Limits(ctx, owner, at("Resources"))
		if err != nil || len(all) != 1 || all[0].Quota != (dfs.Quota{Names: most, Bytes: 1 << 40}) || all[0].Names != most {
			t.Errorf("Limits: %+v, %v", all, err)
		}
		l.ok(l.Remove(ctx, owner, at("Resources/b"), dfs.RemoveOptions{}))
		put(t, l, at("Resources/c"), nil)
		l.ok(l.SetQuota(ctx, dfs.Platform(), at(), dfs.Quota{}))
		put(t, l, at("Resources/d"), nil)
	})
}

func TestWhoMaySetQuotas(t *testing.T) {
	eachLimited(t, func(l limited, _ *clock) {
		put(t, l, at("Resources/file"), nil)
		symlink(l.t.(*testing.T), l.Tree, owner, at("Resources/link"), "../Models")
		stranger := dfs.User{Project: "other", Name: "eve", Role: bine.DataOwner}
		for _, c := range []struct {
			what string
			user dfs.User
			path string
			kind bine.Kind
		}{
			{"a Data Scientist", scientist, at("Resources"), bine.Forbidden},
			{"a Data Owner, the project's", owner, at(), bine.Forbidden},
			{"a Data Owner of another project", stranger, at("Resources"), bine.NotFound},
			{"of what is not there", owner, at("Resources/nothing"), bine.NotFound},
			{"of a file", owner, at("Resources/file"), bine.Conflict},
			{"by a link", owner, at("Resources/link"), bine.Invalid},
			{"of what the platform keeps", dfs.Platform(), at(".artifacts"), bine.Invalid},
		} {
			if err := l.SetQuota(l.t.Context(), c.user, c.path, dfs.Quota{Names: 5}); !bine.IsKind(err, c.kind) {
				t.Errorf("%s: %v, want %s", c.what, err, c.kind)
			}
		}
	})
}

// TestQuotaThatACrashLeftUncounted sets the quota as far as its first
// transaction: Reclaim does the rest, and nothing is refused until then.
func TestQuotaThatACrashLeftUncounted(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree, clock := withClock(t, db, new(mem.Store))
		l := limited{tree, t}
		put(t, l, at("Resources/q/f"), dfstestNoise(100))
		l.quota("Resources/q", dfs.Quota{Bytes: 50})
		l.ok(db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec("UPDATE dfs_limits SET counted = 0")
			if err == nil {
				_, err = tx.Exec("UPDATE dfs_limit_usage SET bytes = 0, files = 0, directories = 0")
			}
			return err
		}))
		put(t, l, at("Resources/q/g"), dfstestNoise(100))
		if all, err := l.Limits(t.Context(), owner, at("Resources/q")); err != nil || len(all) != 1 || !all[0].Counting {
			t.Errorf("Limits: %+v, %v", all, err)
		}
		clock.forward(2 * time.Minute)
		reclaimAll(t, tree)
		l.uses("Resources/q", 200, 3)
		wantSound(t, tree)
	})
}

// TestQuotaSetWhileWritersAreAtWork sets and clears quotas along a tree that
// others change in every way, and rename across the limited directories: what
// is counted is exact in the end.
func TestQuotaSetWhileWritersAreAtWork(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree, _ := withClock(t, db, new(mem.Store))
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var changes atomic.Int64
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				for ctx.Err() == nil {
					serverMix(t, context.WithoutCancel(ctx), tree)
					changes.Add(1)
				}
			})
		}
		path := func() string {
			parts := []string{"Resources", "all"}
			for range rand.IntN(3) {
				parts = append(parts, string(rune('a'+rand.IntN(3))))
			}
			return at(parts...)
		}
		set := 0
		for until := time.Now().Add(3 * time.Second); time.Now().Before(until); {
			q := dfs.Quota{Bytes: 1 << 40, Names: int64(rand.IntN(2)) << 40}
			if rand.IntN(3) == 0 {
				q = dfs.Quota{}
			}
			err := tree.SetQuota(ctx, owner, path(), q)
			if err == nil {
				set++
			} else if !bine.IsKind(err, bine.NotFound) && !bine.IsKind(err, bine.Conflict) && !bine.IsKind(err, bine.Unavailable) {
				t.Fatal(err)
			}
		}
		stop()
		all.Wait()
		t.Logf("%d quotas were set among %d rounds of changes", set, changes.Load())
		if set < 5 || changes.Load() < 5 {
			t.Error("that is too little to tell anything")
		}
		wantSound(t, tree)
	})
}

// TestHowFarWritersExceedAQuota has writers fill a directory at the same moment:
// together they exceed the quota by less than all but one of them write at once.
func TestHowFarWritersExceedAQuota(t *testing.T) {
	const writers, size, room = 8, 500, 20_000
	eachLimited(t, func(l limited, _ *clock) {
		ctx := l.t.Context()
		put(t, l, at("Resources/q/first"), nil)
		l.quota("Resources/q", dfs.Quota{Bytes: room})
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := 0; ; i++ {
					_, err := l.Create(ctx, owner, at("Resources/q", fmt.Sprint(w, "-", i)), bytes.NewReader(dfstestNoise(size)), dfs.CreateOptions{})
					if bine.IsKind(err, bine.NoQuota) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		limits, err := l.Limits(ctx, owner, at("Resources/q"))
		l.ok(err)
		if got := limits[0].Bytes; got < room-size || got > room+(writers-1)*size {
			t.Errorf("%d bytes are there with a quota of %d and %d writers of %d bytes", got, room, writers, size)
		}
	})
}
