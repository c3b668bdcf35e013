package run_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/database"
	"github.com/bine-ml/bine/internal/database/databasetest"
	"github.com/bine-ml/bine/internal/run"
	"github.com/bine-ml/bine/internal/store"
)

// sink keeps nothing of what it is given, and notes how full the heap was meanwhile.
type sink struct {
	*fakeFiles
	bytes int64
	heap  uint64
}

func (s *sink) Keep(_ context.Context, _ bine.ProjectName, r io.Reader) (bine.ArtifactRef, error) {
	buffer := make([]byte, 64<<10)
	for n := 0; ; n++ {
		read, err := r.Read(buffer)
		s.bytes += int64(read)
		if n%200 == 0 {
			runtime.GC()
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			s.heap = max(s.heap, now.HeapAlloc)
		}
		if err == io.EOF {
			return bine.ArtifactRef{Hash: bine.HashOf(nil), Kind: bine.ArtifactFile, Size: s.bytes}, nil
		}
		if err != nil {
			return bine.ArtifactRef{}, err
		}
	}
}

// gather makes the file of a value of n items, and gives its size, how much the
// heap grew, and how long it took.
func gather(t *testing.T, n int) (bytes, grown int64, took time.Duration) {
	db := databasetest.SQLite(t)
	w := newWorldOn(t, db)
	kept := &sink{fakeFiles: w.files}
	engine := run.New(run.Config{Store: w.store, Ledger: w.ledger, Launcher: w.launcher, Artifacts: kept, Together: db.Together, Log: slog.New(slog.DiscardHandler)})
	ref := w.begin(w.pipeline("name: many\nsteps:\n  each: {foreach: {items: [a]}, values: {v: \"${{ item }}\"}}\n  sum: {command: [sum], inputs: {all: each.v}}\n"))
	fill(w, db, ref.Run, n)
	_, err := w.engine.Gather(w.ctx(), at(ref, "each"))
	w.ok(err)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	from := time.Now()
	_, err = engine.Resolve(w.ctx(), at(ref, "sum"))
	w.ok(err)
	return kept.bytes, int64(kept.heap) - int64(before.HeapAlloc), time.Since(from)
}

// fill gives the step each n items that succeeded, with a value of 100 bytes.
func fill(w *world, db *database.DB, id bine.RunID, n int) {
	w.t.Helper()
	items := make([]store.Item, n)
	for i := range items {
		items[i] = store.Item{Key: fmt.Sprintf("i%06d", i)}
	}
	w.ok(w.store.PutStep(w.ctx(), "p", bine.Step{Run: id, Name: "each", Kind: "values", State: bine.Running}, 0))
	w.ok(w.store.PutItems(w.ctx(), "p", id, "each", items))
	values := map[string]json.RawMessage{"v": json.RawMessage(`"` + strings.Repeat("x", 98) + `"`)}
	for from := 0; from < n; from += 1000 {
		w.ok(db.Together(w.ctx(), func(ctx context.Context) error {
			for _, item := range items[from:min(n, from+1000)] {
				if err := w.store.PutStep(ctx, "p", bine.Step{Run: id, Name: "each", Item: item.Key, Kind: "values", State: bine.Succeeded, Values: values}, 0); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

func TestTheValuesOfManyItemsAreNotHeldInMemory(t *testing.T) {
	n := 20_000
	if os.Getenv("BINE_E2E_LONG") != "" {
		n = 100_000
	}
	bytes, grown, took := gather(t, n)
	t.Logf("%d items: %d bytes in %s, %d bytes of heap", n, bytes, took, grown)
	if bytes < int64(n)*100 {
		t.Errorf("the file has %d bytes, want a line of more than 100 for each of %d items", bytes, n)
	}
	if grown > 8<<20 {
		t.Errorf("the heap grew by %d bytes, want less than 8 MiB", grown)
	}
}
