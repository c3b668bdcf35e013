package run_test

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/block/tier"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/run"
)

// cold is a tier that can be told to fail.
type cold struct {
	mem.Store
	puts atomic.Int64
	fail func(n int64) error
}

func (c *cold) Put(ctx context.Context, id block.ID, r io.Reader) error {
	if n := c.puts.Add(1); c.fail != nil {
		if err := c.fail(n); err != nil {
			return err
		}
	}
	return c.Store.Put(ctx, id, r)
}

// hexKeys stands for the key file.
type hexKeys struct{}

func (hexKeys) Seal(secret, place string) (string, error) {
	return hex.EncodeToString([]byte(place + secret)), nil
}

func (hexKeys) Open(sealed, place string) (string, error) {
	text, err := hex.DecodeString(sealed)
	return strings.TrimPrefix(string(text), place), err
}

func stored(t *testing.T, s block.Store) (n int) {
	t.Helper()
	for _, err := range s.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// newMover is a ferry whose files lie in two tiers, and 40 files of a block each.
func newMover(t *testing.T, db *database.DB) (f *ferry, hot *mem.Store, c *cold) {
	t.Helper()
	hot, c = new(mem.Store), new(cold)
	both, err := tier.New(hot, map[string]block.Store{"cold": c})
	if err != nil {
		t.Fatal(err)
	}
	f = newFerry(t, db)
	f.tree = dfs.New(db, both, dfs.Options{Inline: 10, Keys: hexKeys{}, Grace: time.Nanosecond})
	f.moves.Tree = f.tree
	for i := range 40 {
		f.write("Resources/old/"+string(rune('a'+i%5))+"/f"+string(rune('A'+i)), strings.Repeat("content ", 100+i))
	}
	f.write("Resources/old/tiny", "tiny")
	f.ok(f.tree.SetPolicy(t.Context(), f.ann, "/Projects/p/Resources/old", dfs.Policy{Name: "COLD", Inline: -1}))
	return f, hot, c
}

func TestARelocationMovesWhatIsBelowADirectory(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		f, hot, c := newMover(t, db)
		ref := f.start(bine.Relocate, "", "Resources/old")
		if !strings.HasPrefix(string(ref.Transfer), "relocate-") {
			t.Errorf("its id is %s", ref.Transfer)
		}
		done := f.end(ref)
		f.is("moved", counts(done), []any{bine.TransferSucceeded, int64(40), int64(1), int64(0)})
		if stored(t, c) != 40 {
			t.Errorf("%d blocks lie in the cold", stored(t, c))
		}
		f.is("again", counts(f.end(f.start(bine.Relocate, "", "Resources/old"))), []any{bine.TransferSucceeded, int64(0), int64(41), int64(0)})
		_, err := f.tree.Encrypt(t.Context(), f.ann, "p", true, false)
		f.ok(err)
		whole := f.end(f.start(bine.Relocate, "", ""))
		if whole.State != bine.TransferSucceeded || whole.Copied < 41 || whole.Failed != 0 {
			t.Errorf("all of the project: %+v", whole)
		}
		f.is("a file", f.read("Resources/old/a/fA"), strings.Repeat("content ", 100))
		f.is("one in the database", f.read("Resources/old/tiny"), "tiny")
		one := f.end(f.start(bine.Relocate, "", "Resources/old/b/fB"))
		f.is("one file", counts(one), []any{bine.TransferSucceeded, int64(0), int64(1), int64(0)})
		for n := 1; n > 0; {
			n, err = f.tree.Reclaim(t.Context(), 1000)
			f.ok(err)
		}
		for _, s := range []block.Store{hot, c} {
			for stat := range s.List(t.Context()) {
				if stat.ID.Key() == 0 {
					t.Errorf("block %s is not sealed", stat.ID)
				}
			}
		}
	})
}

func TestARelocationThatBreaksOffGoesOn(t *testing.T) {
	f, _, c := newMover(t, databasetest.SQLite(t))
	c.fail = func(n int64) error {
		if n%9 == 0 {
			return errors.New("killed")
		}
		return nil
	}
	ref := f.start(bine.Relocate, "", "Resources")
	f.moves.Slice = time.Nanosecond
	for tries := 0; !f.transfer(ref).State.Ended(); tries++ {
		if _, err := f.moves.Move(t.Context(), ref); err == nil && tries > 200 {
			t.Fatal("it does not end")
		}
		f.moves = run.Transfers{Engine: f.engine, Tree: f.tree, Lakes: f.lakes, Slice: time.Nanosecond} // another worker
	}
	if done := f.transfer(ref); done.State != bine.TransferSucceeded || done.Failed != 0 {
		t.Errorf("it ended as %+v", done)
	}
	if n := stored(t, c); n != 40 {
		t.Errorf("%d blocks lie in the cold", n)
	}
	checked, err := f.tree.Check(t.Context(), dfs.CheckOptions{Content: true})
	if err != nil || len(checked.Problems) > 0 {
		t.Errorf("check: %+v, %v", checked.Problems, err)
	}
}

func TestARelocationPassesOverWhatIsDamaged(t *testing.T) {
	f, hot, _ := newMover(t, databasetest.SQLite(t))
	for stat := range hot.List(t.Context()) {
		if stat.Size == 800 {
			f.ok(hot.Put(t.Context(), stat.ID, strings.NewReader(strings.Repeat("?", 800))))
		}
	}
	ref := f.start(bine.Relocate, "", "Resources")
	f.is("moved", counts(f.end(ref))[:2], []any{bine.TransferFailed, int64(39)})
	faults, err := f.store.TransferFaults(t.Context(), "p", ref.Transfer)
	f.ok(err)
	if len(faults) != 1 || !strings.Contains(faults[0].Reason, "damaged") {
		t.Errorf("faults: %+v", faults)
	}
}
