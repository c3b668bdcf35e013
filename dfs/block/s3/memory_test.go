package s3_test

import (
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/s3/s3test"
)

// endless yields bytes that cost no memory.
type endless struct{ at byte }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		e.at = e.at*17 + 3
		p[i] = e.at
	}
	return len(p), nil
}

// peak samples how much memory is in use until stop is called.
func peak() (stop func() uint64) {
	var most atomic.Uint64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapInuse))
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() uint64 { close(done); <-ended; return most.Load() }
}

func TestMemoryDoesNotGrowWithTheBlock(t *testing.T) {
	store := s3test.Open(t, s3test.Start(t).Config(t))
	const size, bound = 512 << 20, 128 << 20
	id := block.NewID()
	runtime.GC()
	stop := peak()
	if err := store.Put(t.Context(), id, io.LimitReader(new(endless), size)); err != nil {
		t.Fatal(err)
	}
	if most := stop(); most > bound {
		t.Errorf("putting %d MiB took %d MiB of memory, want %d at most", size>>20, most>>20, bound>>20)
	} else {
		t.Logf("putting %d MiB took %d MiB of memory", size>>20, most>>20)
	}
	runtime.GC()
	stop = peak()
	r, err := store.Open(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n, err := io.Copy(io.Discard, r)
	if most := stop(); err != nil || n != size || most > bound {
		t.Errorf("reading it gave %d bytes, %v, and took %d MiB", n, err, most>>20)
	} else {
		t.Logf("reading it took %d MiB", most>>20)
	}
}
