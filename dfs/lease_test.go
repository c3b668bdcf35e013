package dfs_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/internal/database"
)

func takeLease(t testing.TB, tree *dfs.Tree, path, holder string) (dfs.Lease, dfs.User) {
	t.Helper()
	l, err := tree.Lease(t.Context(), owner, path, holder)
	if err != nil {
		t.Fatal(err)
	}
	user := owner
	user.Lease = l.Epoch
	return l, user
}

func wantLeases(t testing.TB, tree *dfs.Tree, held, recovered int64) {
	t.Helper()
	s, err := tree.Leases(t.Context())
	if err != nil || s.Held != held || s.Recovered != recovered {
		t.Errorf("%d leases are held and %d were recovered (%v), want %d and %d", s.Held, s.Recovered, err, held, recovered)
	}
}

func TestASilentWriterLosesItsLease(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree, clock := withClock(t, db, new(mem.Store))
		ctx, path := t.Context(), at("Resources/f")
		put(t, tree, path, []byte("0"))
		first, writer := takeLease(t, tree, path, "first")

		// Until the soft limit, and what two clocks may differ by, it is respected.
		clock.forward(61 * time.Second)
		_, err := tree.Lease(ctx, owner, path, "second")
		wantKind(t, "a second lease within the limit", err, bine.Leased)
		if _, err := tree.RenewLease(ctx, writer, first); err != nil {
			t.Fatal(err)
		}
		clock.forward(50 * time.Second)
		if _, err := tree.Append(ctx, writer, path, 1, []byte("1")); err != nil { // which says that it is there
			t.Fatal(err)
		}
		clock.forward(50 * time.Second)
		_, err = tree.Append(ctx, owner, path, 2, []byte("x"))
		wantKind(t, "an append of somebody else", err, bine.Leased)

		// Its own it is for as long as nobody wants it.
		clock.forward(time.Hour)
		if _, err := tree.Append(ctx, writer, path, 2, []byte("2")); err != nil {
			t.Fatal(err)
		}
		clock.forward(63 * time.Second)
		second, other := takeLease(t, tree, path, "second")
		_, err = tree.Append(ctx, writer, path, 3, []byte("x"))
		wantKind(t, "an append of the first writer", err, bine.Fenced)
		_, err = tree.RenewLease(ctx, writer, first)
		wantKind(t, "a renewal of the first writer", err, bine.Fenced)
		if _, err := tree.Append(ctx, other, path, 3, []byte("3")); err != nil {
			t.Fatal(err)
		}
		wantLeases(t, tree, 1, 1)

		// Who takes no lease ends the silent one, too.
		clock.forward(63 * time.Second)
		if _, err := tree.Append(ctx, owner, path, 4, []byte("4")); err != nil {
			t.Fatal(err)
		}
		_, err = tree.RenewLease(ctx, other, second)
		wantKind(t, "a renewal of the second writer", err, bine.Fenced)
		wantLeases(t, tree, 0, 2)

		// And where nobody asks, Reclaim ends it.
		third, writer := takeLease(t, tree, path, "third")
		clock.forward(20 * time.Minute)
		reclaimAll(t, tree)
		wantLeases(t, tree, 1, 2)
		clock.forward(3 * time.Second)
		reclaimAll(t, tree)
		wantLeases(t, tree, 0, 3)
		_, err = tree.Append(ctx, writer, path, 5, []byte("x"))
		wantKind(t, "an append of the third writer", err, bine.Fenced)
		_, err = tree.RenewLease(ctx, writer, third)
		wantKind(t, "a renewal of the third writer", err, bine.Fenced)
		if data, err := get(t, tree, path); err != nil || string(data) != "01234" {
			t.Errorf("the file holds %q (%v)", data, err)
		}
		wantSound(t, tree)
	})
}

// A clock that goes back takes no lease away, and moves none back.
func TestALeaseBearsAClockThatGoesBack(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		store := new(mem.Store)
		tree, clock := withClock(t, db, store)
		behind := small
		behind.Now = func() time.Time { return clock.Now().Add(-2 * time.Second) }
		slow := dfs.New(db, store, behind)
		t.Cleanup(func() { slow.Close() })
		path := at("Resources/f")
		put(t, tree, path, []byte("0"))
		l, writer := takeLease(t, tree, path, "w")
		if got, err := slow.RenewLease(t.Context(), writer, l); err != nil || !got.Renewed.Equal(l.Renewed) {
			t.Errorf("renewed by a clock that is behind: %+v (%v), before %+v", got, err, l)
		}
		clock.forward(61 * time.Second)
		if _, err := slow.RenewLease(t.Context(), writer, l); err != nil {
			t.Fatal(err)
		}
		clock.forward(59 * time.Second) // 61 by the other clock
		_, err := tree.Lease(t.Context(), owner, path, "other")
		wantKind(t, "another lease", err, bine.Leased)
	})
}

func TestALeaseIsKeptWhileSomethingLasts(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		o := small
		o.LeaseSoft = 300 * time.Millisecond
		tree := newTree(t, db, new(mem.Store), o)
		path := at("Resources/f")
		put(t, tree, path, []byte("0"))
		l, _ := takeLease(t, tree, path, "w")
		release := dfs.KeepLease(t.Context(), tree, owner, l)
		for began := time.Now(); time.Since(began) < 2800*time.Millisecond; time.Sleep(50 * time.Millisecond) {
			_, err := tree.Lease(t.Context(), owner, path, "other")
			wantKind(t, "another lease", err, bine.Leased)
		}
		release()
		takeLease(t, tree, path, "other")
	})
}

// Writers follow each other, each gone without a word: it is the next one's turn
// after the limit, and no byte that was acknowledged is lost or written over.
func TestWhatASilentWriterWasToldIsThere(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree, clock := withClock(t, db, new(mem.Store))
		path := at("Resources/f")
		put(t, tree, path, nil)
		var whole []byte
		var old []dfs.User
		for round := range 8 {
			_, writer := takeLease(t, tree, path, fmt.Sprint("writer ", round))
			for n := range 3 {
				data := bytes.Repeat([]byte{byte('a' + round)}, []int{10, 5000, 40_000}[n])
				if _, err := tree.Append(t.Context(), writer, path, int64(len(whole)), data); err != nil {
					t.Fatal(err)
				}
				whole = append(whole, data...)
			}
			for _, gone := range old { // it was not dead after all
				_, err := tree.Append(t.Context(), gone, path, int64(len(whole)), []byte("late"))
				wantKind(t, "a writer whose time is over", err, bine.Fenced)
			}
			old = append(old, writer)
			clock.forward(63 * time.Second)
		}
		if data, err := get(t, tree, path); err != nil || !bytes.Equal(data, whole) {
			t.Errorf("%d bytes are there (%v), and %d were acknowledged", len(data), err, len(whole))
		}
		wantSound(t, tree)
	})
}

func TestCheckKnowsLeases(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		put(t, tree, at("Resources/f"), []byte("0"))
		put(t, tree, at("Resources/g"), []byte("0"))
		l, _ := takeLease(t, tree, at("Resources/f"), "w")
		wantSound(t, tree)
		for _, statement := range []string{
			fmt.Sprintf("UPDATE dfs_inodes SET flags = 0 WHERE id = %d", l.Inode),
			"UPDATE dfs_inodes SET flags = 32 WHERE name = 'g'",
		} {
			execute(t, db, statement)
		}
		found, err := tree.Check(t.Context(), dfs.CheckOptions{})
		if err != nil || len(found.Problems) != 2 || !strings.Contains(found.Problems[0].Text, "lease") || !strings.Contains(found.Problems[1].Text, "lease") {
			t.Errorf("Check finds %+v (%v)", found.Problems, err)
		}
	})
}

// What nobody has a lease of asks for none.
func TestLeasesCostOthersNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *database.DB) {
		tree := newTree(t, db, new(mem.Store), small)
		ctx, path := t.Context(), at("Resources/f")
		put(t, tree, path, []byte("0"))
		execute(t, db, "DROP TABLE dfs_leases")
		for what, f := range map[string]func() error{
			"append":            func() error { _, err := tree.Append(ctx, owner, path, 0, []byte("0")); return err },
			"append of nothing": func() error { _, err := tree.Append(ctx, owner, path, 0, nil); return err },
			"overwrite": func() error {
				_, err := tree.Create(ctx, owner, path, strings.NewReader(strings.Repeat("0", 9000)), dfs.CreateOptions{Overwrite: true})
				return err
			},
			"truncate":            func() error { _, err := tree.Truncate(ctx, owner, path, 1); return err },
			"look who writes":     func() error { _, err := tree.LeaseOf(ctx, owner, path); return err },
			"changing attributes": func() error { _, err := tree.SetAttributes(ctx, owner, path, dfs.Attributes{}); return err },
		} {
			if err := f(); err != nil {
				t.Errorf("%s without the table of leases: %v", what, err)
			}
		}
	})
}

func execute(t testing.TB, db *database.DB, statement string) {
	t.Helper()
	if err := db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), statement)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
