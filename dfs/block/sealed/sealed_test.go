package sealed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/block"
	"github.com/bine-ml/bine/dfs/block/blocktest"
	"github.com/bine-ml/bine/dfs/block/dir"
	"github.com/bine-ml/bine/dfs/block/mem"
	"github.com/bine-ml/bine/dfs/block/sealed"
)

// keys makes a key of each number but 13.
type keys struct{}

func (keys) BlockKey(_ context.Context, number int64) ([]byte, error) {
	if number == 13 {
		return nil, bine.Errorf(bine.Internal, "the key is gone")
	}
	return bytes.Repeat([]byte{byte(number)}, 32), nil
}

// all seals every block with one key, so that the tests of stores try it.
type all struct{ *sealed.Store }

func (s all) Put(ctx context.Context, id block.ID, r io.Reader) error {
	if err := id.Check(); err != nil {
		return err
	}
	return s.Store.Put(ctx, id.At(7, ""), r)
}

func (s all) Open(ctx context.Context, id block.ID, offset, length int64) (io.ReadCloser, error) {
	return s.Store.Open(ctx, id.At(7, ""), offset, length)
}

func (s all) Remove(ctx context.Context, id block.ID) error {
	return s.Store.Remove(ctx, id.At(7, ""))
}

func (s all) List(ctx context.Context) iter.Seq2[block.Stat, error] {
	return func(yield func(block.Stat, error) bool) {
		for stat, err := range s.Store.List(ctx) {
			if err == nil {
				stat.ID = stat.ID.At(0, "")
			}
			if !yield(stat, err) {
				return
			}
		}
	}
}

func TestStore(t *testing.T) {
	for name, in := range map[string]func(t *testing.T) block.Store{
		"in memory": func(*testing.T) block.Store { return new(mem.Store) },
		"in a directory": func(t *testing.T) block.Store {
			s, err := dir.Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			blocktest.Run(t, func(t *testing.T) block.Store { return all{sealed.New(in(t), keys{})} })
			blocktest.Run(t, func(t *testing.T) block.Store { return sealed.New(in(t), keys{}) })
		})
	}
}

func noise(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	return data
}

// raw gives the bytes that a store really has of a block.
func raw(t *testing.T, s block.Store, id block.ID) []byte { return blocktest.Read(t, s, id, 0, 0) }

func TestEveryRangeIsThatOfThePlainBytes(t *testing.T) {
	const pack = 64 << 10
	for _, size := range []int{1, pack - 1, pack, pack + 1, 3*pack - 1, 3 * pack, 3*pack + 1000} {
		in := new(mem.Store)
		s, id, data := sealed.New(in, keys{}), block.NewID().At(7, ""), noise(size)
		if err := s.Put(t.Context(), id, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		if stored := raw(t, in, id); size > 100 && bytes.Contains(stored, data[:100]) {
			t.Error("the store has plain bytes")
		}
		for stat, err := range s.List(t.Context()) {
			if err != nil || stat.Size != int64(size) {
				t.Errorf("the list says %+v, %v; want %d bytes", stat, err, size)
			}
		}
		for range 200 {
			from := rand.IntN(size + 1)
			length := rand.IntN(size - from + 10)
			want := data[from:min(size, from+length)]
			if length == 0 {
				want = data[from:]
			}
			if got := blocktest.Read(t, s, id, int64(from), int64(length)); !bytes.Equal(got, want) {
				t.Fatalf("%d bytes at %d of %d: got %d others", length, from, size, len(got))
			}
		}
	}
}

// Whatever somebody does to a block in the store is found when it is read.
func TestWhatIsNotWhatWasSealedIsFound(t *testing.T) {
	const pack = 64<<10 + 32
	in := new(mem.Store)
	s := sealed.New(in, keys{})
	put := func(key int64, data []byte) block.ID {
		id := block.NewID().At(key, "")
		if err := s.Put(t.Context(), id, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		return id
	}
	data := noise(5<<16 + 100)
	id, other, otherKey := put(7, data), put(7, data), put(8, data)
	good := raw(t, in, id)
	flipped := func(at int) []byte {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		return bad
	}
	for name, bad := range map[string][]byte{
		"a bit":                  flipped(70_000),
		"a bit of a header":      flipped(5),
		"cut in a package":       good[:len(good)-10],
		"cut between packages":   good[:3*pack],
		"all of it cut":          {},
		"two packages exchanged": append(append(append(bytes.Clone(good[:pack]), good[2*pack:3*pack]...), good[pack:2*pack]...), good[3*pack:]...),
		"another block":          raw(t, in, other),
		"another key":            raw(t, in, otherKey),
		"plain bytes":            data,
	} {
		if err := in.Put(t.Context(), id, bytes.NewReader(bad)); err != nil {
			t.Fatal(err)
		}
		r, err := s.Open(t.Context(), id, 0, int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if !bytes.HasPrefix(data, got) {
			t.Errorf("%s: other bytes were handed out", name)
		}
		if err == nil && len(got) == len(data) {
			t.Errorf("%s was not found", name)
		}
		if len(bad) > 0 && !bine.IsKind(err, bine.Internal) {
			t.Errorf("%s: got %v, want an error of kind internal", name, err)
		}
	}
}

func TestASourceThatBreaksOffIsNoBlock(t *testing.T) {
	in := new(mem.Store)
	s := sealed.New(in, keys{})
	for _, size := range []int{10, 64 << 10, 100_000} {
		broken := io.MultiReader(bytes.NewReader(noise(size)), failing{io.ErrUnexpectedEOF})
		if err := s.Put(t.Context(), block.NewID().At(7, ""), broken); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after %d bytes: got %v, want what the source said", size, err)
		}
	}
	for range in.List(t.Context()) {
		t.Error("something was kept")
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestAKeyThatIsGone(t *testing.T) {
	s, id := sealed.New(new(mem.Store), keys{}), block.NewID().At(13, "")
	if err := s.Put(t.Context(), id, strings.NewReader("x")); err == nil || !strings.Contains(err.Error(), "the key is gone") {
		t.Errorf("Put: got %v", err)
	}
	if _, err := s.Open(t.Context(), id, 0, 0); err == nil || !strings.Contains(err.Error(), "the key is gone") {
		t.Errorf("Open: got %v", err)
	}
}

// BenchmarkStore tells what sealing costs on top of a store in memory.
func BenchmarkStore(b *testing.B) {
	const size = 64 << 20
	data := noise(size)
	for _, key := range []int64{0, 7} {
		s := sealed.New(new(mem.Store), keys{})
		id := block.NewID().At(key, "")
		b.Run(fmt.Sprint("write/key=", key), func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				if err := s.Put(b.Context(), id, bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint("read/key=", key), func(b *testing.B) {
			b.SetBytes(size)
			buffer := make([]byte, 256<<10)
			for b.Loop() {
				r, err := s.Open(b.Context(), id, 0, size)
				if err != nil {
					b.Fatal(err)
				}
				n := int64(0)
				for err == nil {
					var k int
					k, err = io.ReadFull(r, buffer)
					n += int64(k)
				}
				if r.Close(); n != size {
					b.Fatalf("read %d bytes: %v", n, err)
				}
			}
		})
	}
}
