package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/blocktest"
	"github.com/bine-ml/bine/dfs/block/s3"
	"github.com/bine-ml/bine/dfs/block/s3/s3test"
)

// large is more than two of the smallest parts.
const large = 12<<20 + 345

func noise(n int) []byte {
	source := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	data := make([]byte, n)
	source.Read(data)
	return data
}

// bench is a store behind a proxy, and the same bucket without one.
type bench struct {
	t      *testing.T
	proxy  *proxy
	store  *s3.Store
	direct *s3.Store
}

func newBench(t *testing.T, server *s3test.Server) *bench {
	t.Helper()
	c := server.Config(t)
	c.PartSize, c.Timeout = 5<<20, time.Second
	b := &bench{t: t, proxy: newProxy(t, server), direct: s3test.Open(t, c)}
	b.store = s3test.Open(t, b.proxy.config(c))
	s3.Hurry(b.store)
	return b
}

func (b *bench) put(data []byte) (block.ID, error) {
	b.t.Helper()
	id := block.NewID()
	err := b.store.Put(b.t.Context(), id, bytes.NewReader(data))
	b.wantNoSecret(err)
	return id, err
}

// wantPutFails puts data and checks that nothing is left of it.
func (b *bench) wantPutFails(data []byte, kind bine.Kind) {
	b.t.Helper()
	id, err := b.put(data)
	if !bine.IsKind(err, kind) {
		b.t.Errorf("Put: got %v, want an error of kind %s", err, kind)
	}
	b.wantMissing(id)
	b.wantNothingUnfinished()
}

func (b *bench) wantMissing(id block.ID) {
	b.t.Helper()
	if _, err := b.direct.Open(b.t.Context(), id, 0, 0); !errors.Is(err, block.ErrNotExist) {
		b.t.Errorf("Open of a block whose Put failed: got %v, want ErrNotExist", err)
	}
	for stat, err := range b.direct.List(b.t.Context()) {
		b.t.Errorf("the list shows %v, %v", stat, err)
	}
}

// wantNothingUnfinished waits, since a Put that failed leaves what the service
// is slow to forget to the background.
func (b *bench) wantNothingUnfinished() {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		n, err := s3.Unfinished(b.t.Context(), b.direct)
		if err == nil && n == 0 {
			return
		}
		if err != nil || time.Now().After(deadline) {
			b.t.Errorf("%d uploads were left unfinished, %v", n, err)
			return
		}
	}
}

func (b *bench) wantNoSecret(err error) {
	b.t.Helper()
	if err != nil && strings.Contains(err.Error(), s3test.SecretKey) {
		b.t.Errorf("the secret key is in %q", err)
	}
}

func TestPutOutlastsFaults(t *testing.T) {
	server := s3test.Start(t)
	small, big := noise(300_000), noise(large)
	for name, c := range map[string]struct {
		data  []byte
		fault func(*http.Request) fault
	}{
		"a connection cut in the middle":           {small, first(2, puts, fault{cutRequest: 100_000})},
		"a connection cut in the middle of a part": {big, first(2, second, fault{cutRequest: 3 << 20})},
		"SlowDown":                           {small, first(2, puts, fault{status: 503, code: "SlowDown"})},
		"SlowDown of a part":                 {big, first(2, second, fault{status: 503, code: "SlowDown"})},
		"errors of the server at the begin":  {big, first(2, begins, fault{status: 500, code: "InternalError"})},
		"errors of the server at the end":    {big, first(2, ends, fault{status: 500, code: "InternalError"})},
		"an error in an answer that is 200":  {big, first(2, ends, fault{body: "<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"})},
		"a gateway without words":            {small, first(2, puts, fault{status: 502, code: ""})},
		"a stalled connection":               {small, first(1, puts, fault{stall: true})},
		"a stalled connection of a part":     {big, first(1, second, fault{stall: true})},
		"the answer to a block is lost":      {small, first(1, puts, fault{loseResponse: true})},
		"the answer to a part is lost":       {big, first(1, second, fault{loseResponse: true})},
		"the answer to the end is lost":      {big, first(1, ends, fault{loseResponse: true})},
		"the answer to the begin is cut":     {big, first(1, begins, fault{cutResponse: 50})},
		"the answer to the begin ends early": {big, first(1, begins, fault{endResponse: 50})},
		"the answer to the end ends early":   {big, first(1, ends, fault{endResponse: 50})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, server)
			b.proxy.set(c.fault)
			id, err := b.put(c.data)
			if err != nil {
				t.Fatalf("Put: %v", err)
			}
			if got := blocktest.Read(t, b.direct, id, 0, 0); !bytes.Equal(got, c.data) {
				t.Errorf("got %d other bytes than the %d put", len(got), len(c.data))
			}
			b.wantNothingUnfinished()
		})
	}
}

func TestPutFailsWithNothingLeft(t *testing.T) {
	server := s3test.Start(t)
	small, big := noise(300_000), noise(large)
	for name, c := range map[string]struct {
		data  []byte
		fault func(*http.Request) fault
		kind  bine.Kind
	}{
		"every connection is cut":             {small, always(puts, fault{cutRequest: 100_000}), bine.Unavailable},
		"every connection of a part is cut":   {big, always(second, fault{cutRequest: 3 << 20}), bine.Unavailable},
		"SlowDown for ever":                   {big, always(second, fault{status: 503, code: "SlowDown"}), bine.Unavailable},
		"errors of the server for ever":       {small, always(puts, fault{status: 500, code: "InternalError"}), bine.Unavailable},
		"the end fails for ever":              {big, always(ends, fault{status: 500, code: "InternalError"}), bine.Unavailable},
		"every connection stalls":             {big, always(second, fault{stall: true}), bine.Unavailable},
		"a full disk":                         {big, always(second, fault{status: 507, code: "InsufficientStorage"}), bine.NoQuota},
		"a quota":                             {small, always(puts, fault{status: 403, code: "QuotaExceeded"}), bine.NoQuota},
		"access denied":                       {big, always(second, fault{status: 403, code: "AccessDenied"}), bine.Internal},
		"a byte changed on the way":           {small, always(puts, fault{flipRequest: true}), bine.Internal},
		"a byte of a part changed on the way": {big, always(second, fault{flipRequest: true}), bine.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, server)
			b.proxy.set(c.fault)
			b.wantPutFails(c.data, c.kind)
		})
	}
}

func TestASourceThatFailsLeavesNoParts(t *testing.T) {
	b := newBench(t, s3test.Start(t))
	for _, broken := range []error{errors.New("the line went dead"), io.ErrUnexpectedEOF} {
		id := block.NewID()
		err := b.store.Put(t.Context(), id, io.MultiReader(bytes.NewReader(noise(large)), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("Put: got %v, want the error of the source", err)
		}
		b.wantMissing(id)
		b.wantNothingUnfinished()
	}
}

func TestPartsAreHiddenUntilTheEnd(t *testing.T) {
	b := newBench(t, s3test.Start(t))
	id, data := block.NewID(), noise(large)
	r, w := io.Pipe()
	done := make(chan error)
	go func() { done <- b.store.Put(t.Context(), id, r) }()
	w.Write(data[:11<<20])
	b.wantMissing(id)
	w.Write(data[11<<20:])
	w.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := blocktest.Read(t, b.direct, id, 0, 0); !bytes.Equal(got, data) {
		t.Error("the block is damaged")
	}
}

func TestOpenOutlastsFaults(t *testing.T) {
	server := s3test.Start(t)
	data := noise(large)
	for name, decide := range map[string]func(*http.Request) fault{
		"every connection is cut after a while": always(gets, fault{cutResponse: 2_000_003}),
		"connections cut at once":               first(3, gets, fault{cutResponse: 1}),
		"SlowDown":                              first(3, gets, fault{status: 503, code: "SlowDown"}),
		"errors of the server":                  first(3, gets, fault{status: 500, code: "InternalError"}),
		"a stall before the answer":             first(1, gets, fault{stall: true}),
		"a stall in the middle":                 first(2, gets, fault{stopResponse: 5_000_000}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, server)
			id, err := b.put(data)
			if err != nil {
				t.Fatal(err)
			}
			b.proxy.set(decide)
			if got := blocktest.Read(t, b.store, id, 0, 0); !bytes.Equal(got, data) {
				t.Errorf("got %d other bytes than the %d put", len(got), len(data))
			}
			b.proxy.set(decide)
			if got := blocktest.Read(t, b.store, id, 777, 7_000_000); !bytes.Equal(got, data[777:777+7_000_000]) {
				t.Errorf("got %d other bytes of a range", len(got))
			}
		})
	}
}

func TestOpenFails(t *testing.T) {
	server := s3test.Start(t)
	data := noise(large)
	for name, c := range map[string]struct {
		fault func(*http.Request) fault
		kind  bine.Kind
	}{
		"no connection ever brings a byte": {always(gets, fault{stall: true}), bine.Unavailable},
		"it stops bringing bytes": {func(r *http.Request) fault {
			if gets(r) && r.Header.Get("Range") == "" {
				return fault{cutResponse: 1 << 20}
			}
			return fault{stall: gets(r)}
		}, bine.Unavailable},
		"SlowDown for ever":         {always(gets, fault{status: 503, code: "SlowDown"}), bine.Unavailable},
		"access denied":             {always(gets, fault{status: 403, code: "AccessDenied"}), bine.Internal},
		"an answer that ends early": {always(gets, fault{endResponse: 1 << 20}), bine.Internal},
		"a byte changed on the way": {always(gets, fault{flipResponse: true}), bine.Internal},
		"the whole instead of a range": {func(r *http.Request) fault {
			if gets(r) && r.Header.Get("Range") != "" {
				r.Header.Del("Range")
				return fault{}
			}
			return fault{cutResponse: 1 << 20}
		}, bine.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, server)
			id, err := b.put(data)
			if err != nil {
				t.Fatal(err)
			}
			b.proxy.set(c.fault)
			got, err := b.read(id)
			if !bine.IsKind(err, c.kind) {
				t.Errorf("got %v, want an error of kind %s", err, c.kind)
			}
			if !bytes.HasPrefix(data, got) && name != "a byte changed on the way" {
				t.Error("other bytes appeared")
			}
		})
	}
}

func (b *bench) read(id block.ID) ([]byte, error) {
	r, err := b.store.Open(b.t.Context(), id, 0, 0)
	if err != nil {
		b.wantNoSecret(err)
		return nil, err
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	b.wantNoSecret(err)
	return got, err
}

func TestABlockThatChangesWhileItIsReadDoesNotMix(t *testing.T) {
	b := newBench(t, s3test.Start(t))
	before, after := noise(large), noise(large + 1)[:large]
	for name, change := range map[string]func(block.ID) error{
		"replaced": func(id block.ID) error { return b.direct.Put(t.Context(), id, bytes.NewReader(after)) },
		"removed":  func(id block.ID) error { return b.direct.Remove(t.Context(), id) },
	} {
		b.proxy.set(nil)
		id, err := b.put(before)
		if err != nil {
			t.Fatal(err)
		}
		b.proxy.set(always(gets, fault{cutResponse: 4 << 20}))
		r, err := b.store.Open(t.Context(), id, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 1<<20)
		if _, err := io.ReadFull(r, got); err != nil {
			t.Fatal(err)
		}
		if err := change(id); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(r)
		r.Close()
		if err == nil || !bytes.HasPrefix(before, append(got, rest...)) {
			t.Errorf("%s: got %d bytes, %v; want the beginning of the old ones and an error", name, len(got)+len(rest), err)
		}
		if missing := errors.Is(err, block.ErrNotExist); missing != (name == "removed") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestListOutlastsFaults(t *testing.T) {
	b := newBench(t, s3test.Start(t))
	for range 30 {
		if _, err := b.put([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for name, decide := range map[string]func(*http.Request) fault{
		"SlowDown":       first(2, lists, fault{status: 503, code: "SlowDown"}),
		"cut":            first(2, lists, fault{cutResponse: 2000}),
		"ends early":     first(2, lists, fault{endResponse: 2000}),
		"stall":          first(1, lists, fault{stall: true}),
		"stall half way": first(1, lists, fault{stopResponse: 2000}),
	} {
		b.proxy.set(decide)
		var last block.ID
		n := 0
		for stat, err := range b.store.List(t.Context()) {
			if err != nil || stat.ID <= last {
				t.Errorf("%s: got %v, %v after %s", name, stat, err, last)
			}
			last = stat.ID
			n++
		}
		if n != 30 {
			t.Errorf("%s: %d blocks, want 30", name, n)
		}
	}
	b.proxy.set(always(lists, fault{status: 503, code: "SlowDown"}))
	for _, err := range b.store.List(t.Context()) {
		if !bine.IsKind(err, bine.Unavailable) {
			t.Errorf("got %v, want an error of kind unavailable", err)
		}
	}
}

func TestCancelEndsAtOnce(t *testing.T) {
	server := s3test.Start(t)
	c := server.Config(t)
	c.PartSize = 5 << 20 // and a minute until a stall is one
	p := newProxy(t, server)
	store := s3test.Open(t, p.config(c))
	id := block.NewID()
	if err := store.Put(t.Context(), id, bytes.NewReader(noise(large))); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(context.Context) error{
		"Put":          func(ctx context.Context) error { return store.Put(ctx, block.NewID(), bytes.NewReader(noise(1000))) },
		"Put of parts": func(ctx context.Context) error { return store.Put(ctx, block.NewID(), bytes.NewReader(noise(large))) },
		"Open":         func(ctx context.Context) error { _, err := store.Open(ctx, id, 0, 0); return err },
		"Remove":       func(ctx context.Context) error { return store.Remove(ctx, id) },
		"List": func(ctx context.Context) (err error) {
			for _, err = range store.List(ctx) {
			}
			return err
		},
	} {
		p.set(func(r *http.Request) fault { return fault{stall: !begins(r) && !aborts(r)} })
		wantCancelled(t, name, do)
	}
	p.set(always(gets, fault{stopResponse: 1 << 20}))
	wantCancelled(t, "Read", func(ctx context.Context) error {
		r, err := store.Open(ctx, id, 0, 0)
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.Copy(io.Discard, r)
		return err
	})
	p.set(always(anything, fault{status: 503, code: "SlowDown"}))
	wantCancelled(t, "a pause between retries", func(ctx context.Context) error { return store.Remove(ctx, id) })
}

func wantCancelled(t *testing.T, name string, do func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	begun := time.Now()
	err := do(ctx)
	if took := time.Since(begun); !errors.Is(err, context.Canceled) || took > time.Second {
		t.Errorf("%s: got %v after %s, want context.Canceled soon after 300ms", name, err, took)
	}
}

func TestTidyRemovesUnfinishedUploads(t *testing.T) {
	server := s3test.Start(t)
	b := newBench(t, server)
	b.proxy.set(always(aborts, fault{status: 403, code: "AccessDenied"}))
	if err := b.store.Put(t.Context(), block.NewID(), io.MultiReader(bytes.NewReader(noise(large)), iotest.ErrReader(io.ErrClosedPipe))); err == nil {
		t.Fatal("a Put from a broken source succeeded")
	}
	if n, err := b.direct.Tidy(t.Context(), time.Hour); err != nil || n != 0 {
		t.Errorf("Tidy of old ones: %d, %v; want none, since the upload may be going on", n, err)
	}
	if n, err := b.direct.Tidy(t.Context(), 0); err != nil || n != 1 {
		t.Errorf("Tidy: %d, %v; want 1", n, err)
	}
	b.wantNothingUnfinished()
}
