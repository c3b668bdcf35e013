// Package blocktest holds the tests that every implementation of block.Store
// must pass.
package blocktest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
)

// Run checks the promises of block.Store against stores made by newStore,
// which must return an empty one each time.
func Run(t *testing.T, newStore func(*testing.T) block.Store) {
	for name, check := range map[string]func(*testing.T, block.Store){
		"what was put can be opened":                putThenOpen,
		"an empty block is a block":                 putEmpty,
		"ranges are those of the bytes":             ranges,
		"a missing block is ErrNotExist":            openMissing,
		"a failed put leaves nothing":               failedPutLeavesNothing,
		"a cancelled put leaves nothing":            cancelledPutLeavesNothing,
		"putting the same again is harmless":        putAgain,
		"a removed block is gone":                   removed,
		"the list is complete and in order":         list,
		"a name that is no id is refused":           badIDs,
		"puts of one id at once leave it whole":     putsAtOnce,
		"nobody sees a block before it is complete": hiddenUntilComplete,
	} {
		t.Run(name, func(t *testing.T) { check(t, newStore(t)) })
	}
}

// Read gives the bytes of a range of a block.
func Read(t *testing.T, s block.Store, id block.ID, offset, length int64) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), id, offset, length)
	if err != nil {
		t.Fatalf("Open(%s, %d, %d): %v", id, offset, length, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read block %s: %v", id, err)
	}
	return data
}

func put(t *testing.T, s block.Store, data []byte) block.ID {
	t.Helper()
	id := block.NewID()
	if err := s.Put(t.Context(), id, bytes.NewReader(data)); err != nil {
		t.Fatalf("Put: %v", err)
	}
	return id
}

// noise gives n bytes that do not repeat, the same for the same n.
func noise(n int) []byte {
	source := rand.New(rand.NewPCG(1, uint64(n)))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(source.Uint32())
	}
	return data
}

func ids(t *testing.T, s block.Store) []block.ID {
	t.Helper()
	var ids []block.ID
	for stat, err := range s.List(t.Context()) {
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		ids = append(ids, stat.ID)
	}
	return ids
}

func putThenOpen(t *testing.T, s block.Store) {
	data := noise(3<<20 + 17)
	id := put(t, s, data)
	if got := Read(t, s, id, 0, 0); !bytes.Equal(got, data) {
		t.Errorf("got %d bytes that differ from the %d put", len(got), len(data))
	}
}

func putEmpty(t *testing.T, s block.Store) {
	if got := Read(t, s, put(t, s, nil), 0, 0); len(got) != 0 {
		t.Errorf("got %d bytes", len(got))
	}
}

func ranges(t *testing.T, s block.Store) {
	data := noise(100_000)
	id := put(t, s, data)
	for _, r := range []struct{ offset, length, from, to int64 }{
		{0, 1, 0, 1}, {0, 100_000, 0, 100_000}, {99_999, 1, 99_999, 100_000}, {99_999, 10, 99_999, 100_000},
		{50_000, 0, 50_000, 100_000}, {12_345, 6_789, 12_345, 19_134}, {100_000, 0, 100_000, 100_000}, {100_000, 5, 100_000, 100_000},
	} {
		if got := Read(t, s, id, r.offset, r.length); !bytes.Equal(got, data[r.from:r.to]) {
			t.Errorf("Open(%d, %d) gave %d other bytes", r.offset, r.length, len(got))
		}
	}
}

func openMissing(t *testing.T, s block.Store) {
	_, err := s.Open(t.Context(), block.NewID(), 0, 0)
	if !errors.Is(err, block.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

func failedPutLeavesNothing(t *testing.T, s block.Store) {
	id, broken := block.NewID(), errors.New("the line went dead")
	err := s.Put(t.Context(), id, io.MultiReader(bytes.NewReader(noise(1<<20)), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("Put: got %v, want the error of the reader", err)
	}
	if _, err := s.Open(t.Context(), id, 0, 0); !errors.Is(err, block.ErrNotExist) {
		t.Errorf("Open: got %v, want ErrNotExist", err)
	}
	if left := ids(t, s); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

func cancelledPutLeavesNothing(t *testing.T, s block.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	id := block.NewID()
	if err := s.Put(ctx, id, bytes.NewReader(noise(1<<20))); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: got %v, want context.Canceled", err)
	}
	if left := ids(t, s); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

func putAgain(t *testing.T, s block.Store) {
	data := noise(1000)
	id := put(t, s, data)
	if err := s.Put(t.Context(), id, bytes.NewReader(data)); err != nil {
		t.Fatalf("Put again: %v", err)
	}
	if got := Read(t, s, id, 0, 0); !bytes.Equal(got, data) {
		t.Error("the block changed")
	}
}

func removed(t *testing.T, s block.Store) {
	id, other := put(t, s, noise(10)), put(t, s, noise(20))
	for range 2 { // the second time it is no longer there
		if err := s.Remove(t.Context(), id); err != nil {
			t.Fatalf("Remove: %v", err)
		}
	}
	if _, err := s.Open(t.Context(), id, 0, 0); !errors.Is(err, block.ErrNotExist) {
		t.Errorf("Open: got %v, want ErrNotExist", err)
	}
	if got := Read(t, s, other, 0, 0); len(got) != 20 {
		t.Error("another block is damaged")
	}
}

func list(t *testing.T, s block.Store) {
	var want []block.ID
	for n := range 50 {
		want = append(want, put(t, s, noise(n)))
	}
	slices.Sort(want)
	if got := ids(t, s); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for stat, err := range s.List(t.Context()) {
		if err != nil || stat.Size != int64(len(Read(t, s, stat.ID, 0, 0))) || stat.Written.IsZero() {
			t.Errorf("got %+v, %v", stat, err)
		}
		break // ending early is allowed
	}
}

func badIDs(t *testing.T, s block.Store) {
	for _, id := range []block.ID{"", "x", "../../../../../../etc/passwd00000", "ABCDEFABCDEFABCDEFABCDEFABCDEFAB"} {
		if err := s.Put(t.Context(), id, bytes.NewReader(nil)); !bine.IsKind(err, bine.Invalid) {
			t.Errorf("Put(%q): got %v, want an error of kind invalid", id, err)
		}
	}
}

func putsAtOnce(t *testing.T, s block.Store) {
	data, id := noise(300_000), block.NewID()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := s.Put(t.Context(), id, bytes.NewReader(data)); err != nil {
				t.Errorf("Put: %v", err)
			}
		})
	}
	group.Wait()
	if got := Read(t, s, id, 0, 0); !bytes.Equal(got, data) {
		t.Error("the block is damaged")
	}
}

func hiddenUntilComplete(t *testing.T, s block.Store) {
	id := block.NewID()
	r, w := io.Pipe()
	done := make(chan error)
	go func() { done <- s.Put(t.Context(), id, r) }()
	w.Write(noise(1 << 20)) // returns when most of it has been taken
	if _, err := s.Open(t.Context(), id, 0, 0); !errors.Is(err, block.ErrNotExist) {
		t.Errorf("half-way: got %v, want ErrNotExist", err)
	}
	if seen := ids(t, s); len(seen) != 0 {
		t.Errorf("half-way the list shows %v", seen)
	}
	w.Close()
	if err := <-done; err != nil {
		t.Fatalf("Put: %v", err)
	}
	if got := Read(t, s, id, 0, 0); len(got) != 1<<20 {
		t.Errorf("afterwards %d bytes", len(got))
	}
}
