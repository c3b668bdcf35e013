package dfstest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

var contents = map[string]func(*testing.T, dfs.FS){
	"files of every size come back":                     sizes,
	"ranges are those of the bytes":                     contentRanges,
	"an exclusive create finds what is there":           exclusive,
	"overwriting replaces all and keeps the identity":   overwrite,
	"a failed create leaves what was there":             failedCreate,
	"a reader keeps what it opened":                     readerKeeps,
	"a file is not seen before it is complete":          hidden,
	"a directory is not a file":                         notAFile,
	"the path may follow from the content":              pathFromContent,
	"a slow reader and a slow source are no difference": slow,
}

// Around the borders of what is kept in the database, of checksums and of blocks.
var borders = []int{0, 1, 100, 4095, 4096, 4097, 65536, 256<<10 - 1, 256 << 10, 256<<10 + 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3<<20 + 12345}

func sizes(t *testing.T, fs dfs.FS) {
	for _, n := range borders {
		data := noise(n)
		info := put(t, fs, at("Resources/file"), data)
		if info.Size != int64(n) || info.Dir || info.Owner != "demo__ada" && info.Owner != "" {
			t.Errorf("%d bytes: got %+v", n, info)
		}
		wantContent(t, fs, at("Resources/file"), data)
		wantUsage(t, fs, at("Resources"), int64(n), 1, 0)
	}
}

func contentRanges(t *testing.T, fs dfs.FS) {
	for _, n := range []int{100, 3<<20 + 12345} {
		data, path := noise(n), at("Resources/file")
		put(t, fs, path, data)
		size := int64(n)
		for _, offset := range []int64{0, 1, 50, size / 2, 256 << 10, 256<<10 - 1, 1 << 20, 1<<20 - 7, size - 1, size} {
			for _, length := range []int64{0, 1, 10, 256 << 10, 1<<20 + 3, 1 << 62} {
				if offset > size {
					continue
				}
				end := size
				if length > 0 && length < size-offset {
					end = offset + length
				}
				if got := getRange(t, fs, path, offset, length); !bytes.Equal(got, data[offset:end]) {
					t.Errorf("%d bytes from %d, length %d: got %d other bytes", n, offset, length, len(got))
				}
			}
		}
		for _, r := range [][2]int64{{size + 1, 0}, {-1, 0}, {0, -1}} {
			_, _, err := fs.Open(t.Context(), owner, path, r[0], r[1])
			wantKind(t, "Open of a bad range", err, bine.Invalid, path)
		}
	}
}

func exclusive(t *testing.T, fs dfs.FS) {
	path := at("Resources/file")
	put(t, fs, path, []byte("first"))
	for _, n := range []int{10, 100_000} {
		_, err := fs.Create(t.Context(), owner, path, bytes.NewReader(noise(n)), dfs.CreateOptions{})
		wantKind(t, "Create", err, bine.Conflict, path)
	}
	wantContent(t, fs, path, []byte("first"))
}

func overwrite(t *testing.T, fs dfs.FS) {
	ctx, path := t.Context(), at("Resources/file")
	first := put(t, fs, path, noise(10))
	if err := fs.SetXattr(ctx, owner, path, "tag", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.SetAttributes(ctx, owner, path, dfs.Attributes{Mode: new(uint32(0o604))}); err != nil {
		t.Fatal(err)
	}
	version := first.Version
	for _, n := range []int{2 << 20, 20, 0, 5000, 3<<20 + 1, 3 << 20, 7} {
		info := put(t, fs, path, noise(n))
		if info.ID != first.ID || info.Mode != 0o604 || info.Version <= version || !info.Created.Equal(first.Created) {
			t.Errorf("%d bytes: got %+v after %+v", n, info, first)
		}
		version = info.Version
		wantContent(t, fs, path, noise(n))
		wantUsage(t, fs, at("Resources"), int64(n), 1, 0)
	}
	if value, err := fs.Xattr(ctx, owner, path, "tag"); string(value) != "kept" || err != nil {
		t.Errorf("the attribute: %q, %v", value, err)
	}
}

func failedCreate(t *testing.T, fs dfs.FS) {
	path, broken := at("Resources/file"), errors.New("the line went dead")
	put(t, fs, path, []byte("old"))
	for _, n := range []int{0, 100, 5000, 2 << 20} {
		for _, p := range []string{path, at("Resources/new")} {
			r := io.MultiReader(bytes.NewReader(noise(n)), iotest.ErrReader(broken))
			if _, err := fs.Create(t.Context(), owner, p, r, dfs.CreateOptions{Overwrite: true}); !errors.Is(err, broken) {
				t.Errorf("after %d bytes: got %v, want the error of the source", n, err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fs.Create(ctx, owner, path, bytes.NewReader(noise(2<<20)), dfs.CreateOptions{Overwrite: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	wantContent(t, fs, path, []byte("old"))
	wantMissing(t, fs, at("Resources/new"))
	wantUsage(t, fs, at("Resources"), 3, 1, 0)
}

func readerKeeps(t *testing.T, fs dfs.FS) {
	ctx, path := t.Context(), at("Resources/file")
	for _, n := range []int{100, 3 << 20} {
		put(t, fs, path, noise(n))
		var readers []io.ReadCloser
		for range 2 {
			r, info, err := fs.Open(ctx, owner, path, 0, 0)
			if err != nil || info.Size != int64(n) {
				t.Fatalf("Open: %+v, %v", info, err)
			}
			defer r.Close()
			io.ReadFull(r, make([]byte, 10))
			readers = append(readers, r)
		}
		put(t, fs, path, noise(n+1))
		if err := fs.Remove(ctx, owner, path, dfs.RemoveOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, r := range readers {
			if rest, err := io.ReadAll(r); err != nil || !bytes.Equal(rest, noise(n)[10:]) {
				t.Errorf("%d bytes: the reader got %d others, %v", n, len(rest), err)
			}
		}
	}
}

func hidden(t *testing.T, fs dfs.FS) {
	path := at("Resources/file")
	r, w := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := fs.Create(t.Context(), owner, path, r, dfs.CreateOptions{})
		done <- err
	}()
	data := noise(2 << 20)
	w.Write(data[:1<<20+1000])
	wantMissing(t, fs, path)
	wantUsage(t, fs, at("Resources"), 0, 0, 0)
	w.Write(data[1<<20+1000:])
	w.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantContent(t, fs, path, data)
}

func notAFile(t *testing.T, fs dfs.FS) {
	_, _, err := fs.Open(t.Context(), owner, at("Resources"), 0, 0)
	wantKind(t, "Open", err, bine.Conflict, at("Resources"))
	_, err = fs.Create(t.Context(), owner, at("Resources"), strings.NewReader(""), dfs.CreateOptions{Overwrite: true})
	wantKind(t, "Create", err, bine.Conflict, at("Resources"))
	_, err = fs.Append(t.Context(), owner, at("Resources"), 0, []byte("x"))
	wantKind(t, "Append", err, bine.Conflict, at("Resources"))
}

func pathFromContent(t *testing.T, fs dfs.FS) {
	for _, n := range []int{10, 2 << 20} {
		read := 0
		source := &counting{bytes.NewReader(noise(n)), &read}
		info, err := fs.Create(t.Context(), owner, at("Resources"), source, dfs.CreateOptions{Parents: true, At: func() (string, error) {
			if read != n {
				t.Errorf("asked for the path after %d of %d bytes", read, n)
			}
			return at("Resources/by-size", strconv.Itoa(n)), nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		wantContent(t, fs, info.Path, noise(n))
	}
}

type counting struct {
	io.Reader
	n *int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	*c.n += n
	return n, err
}

func slow(t *testing.T, fs dfs.FS) {
	data, path := noise(300_000), at("Resources/file")
	if _, err := fs.Create(t.Context(), owner, path, iotest.HalfReader(bytes.NewReader(data)), dfs.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	r, _, err := fs.Open(t.Context(), owner, path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := iotest.TestReader(struct{ io.Reader }{r}, data); err != nil {
		t.Error(err)
	}
}
