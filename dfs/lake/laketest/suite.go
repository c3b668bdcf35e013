// Package laketest is what every lake has to keep to.
package laketest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/lake"
)

// Run checks a lake; open gives an empty one for each test.
func Run(t *testing.T, open func(t *testing.T) lake.Lake) {
	for name, check := range map[string]func(t *testing.T, l lake.Lake){
		"files": files, "ranges": ranges, "pages": pages, "walk": walk, "directories": directories, "remove": remove, "broken": broken, "empty": empty, "large": large,
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t)
			t.Cleanup(func() { l.Close() })
			check(t, l)
		})
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, what string, err error, kind bine.Kind) {
	t.Helper()
	if !bine.IsKind(err, kind) {
		t.Errorf("%s: %v, want the kind %s", what, err, kind)
	}
}

func put(t *testing.T, l lake.Lake, path, text string) lake.Entry {
	t.Helper()
	e, err := l.Create(t.Context(), path, strings.NewReader(text), lake.CreateOptions{Overwrite: true, Size: int64(len(text))})
	ok(t, err)
	return e
}

func read(t *testing.T, l lake.Lake, path string, offset, length int64) string {
	t.Helper()
	r, _, err := l.Open(t.Context(), path, offset, length)
	ok(t, err)
	defer r.Close()
	text, err := io.ReadAll(r)
	ok(t, err)
	return string(text)
}

func files(t *testing.T, l lake.Lake) {
	const name = "Größe/a b+c%20&=#?.csv"
	made := put(t, l, name, "one")
	if made.Name != "a b+c%20&=#?.csv" || made.Dir || made.Size != 3 || made.Tag == "" || made.Modified.IsZero() {
		t.Errorf("made %+v", made)
	}
	if got := read(t, l, name, 0, 0); got != "one" {
		t.Errorf("it holds %q", got)
	}
	if e, err := l.Stat(t.Context(), name); err != nil || e != made {
		t.Errorf("Stat = %+v %v, want %+v", e, err, made)
	}
	_, err := l.Create(t.Context(), name, strings.NewReader("two"), lake.CreateOptions{Size: 3})
	wants(t, "made again", err, bine.Conflict)
	if changed := put(t, l, name, "three"); changed.Tag == made.Tag || changed.Size != 5 {
		t.Errorf("overwritten it is %+v, and was %+v", changed, made)
	}
	unsized, err := l.Create(t.Context(), "new/deep/x", strings.NewReader("four"), lake.CreateOptions{Size: -1})
	if err != nil || unsized.Size != 4 {
		t.Errorf("a size that is not known: %+v %v", unsized, err)
	}
	_, err = l.Stat(t.Context(), "none")
	wants(t, "what is not there", err, bine.NotFound)
	_, err = l.Stat(t.Context(), "new/none/x")
	wants(t, "what is not there, deeper", err, bine.NotFound)
	_, _, err = l.Open(t.Context(), "none", 0, 0)
	wants(t, "opening what is not there", err, bine.NotFound)
	_, _, err = l.Open(t.Context(), "new", 0, 0)
	wants(t, "opening a directory", err, bine.Conflict)
	_, err = l.Create(t.Context(), "new", strings.NewReader(""), lake.CreateOptions{Overwrite: true})
	wants(t, "a file over a directory", err, bine.Conflict)
	_, err = l.List(t.Context(), name, "", 10)
	wants(t, "listing a file", err, bine.Conflict)
	_, err = l.List(t.Context(), "none", "", 10)
	wants(t, "listing what is not there", err, bine.NotFound)
}

func ranges(t *testing.T, l lake.Lake) {
	put(t, l, "x", "0123456789")
	for _, c := range []struct {
		offset, length int64
		want           string
	}{{0, 0, "0123456789"}, {3, 0, "3456789"}, {0, 1, "0"}, {3, 4, "3456"}, {8, 10, "89"}, {10, 0, ""}, {10, 5, ""}} {
		if got := read(t, l, "x", c.offset, c.length); got != c.want {
			t.Errorf("from %d, %d bytes: %q, want %q", c.offset, c.length, got, c.want)
		}
	}
	_, _, err := l.Open(t.Context(), "x", 11, 0)
	wants(t, "behind the end", err, bine.Invalid)
	_, e, err := l.Open(t.Context(), "x", 2, 3)
	if err != nil || e.Size != 10 || e.Name != "x" {
		t.Errorf("a part is of %+v %v", e, err)
	}
	put(t, l, "nothing", "")
	if got := read(t, l, "nothing", 0, 0) + read(t, l, "nothing", 0, 5); got != "" {
		t.Errorf("an empty file holds %q", got)
	}
}

// names has names of which some begin as others do, and go on with what comes before a slash.
func names() []string {
	return []string{"a", "a+b", "a-1", "a.csv", "a b", "b", "data", "data-2024", "data.csv", "dataset", "z", "Ä"}
}

func isDir(name string) bool { return name == "a" || name == "data" || name == "b" }

func pages(t *testing.T, l lake.Lake) {
	for _, n := range names() {
		if isDir(n) {
			n += "/inner"
		}
		put(t, l, n, n)
	}
	want := names()
	slices.Sort(want)
	for _, limit := range []int{1, 2, 5, 100} {
		for _, plain := range []bool{false, true} {
			var got []string
			for after, more := "", true; more; {
				page, err := l.List(t.Context(), "", after, limit)
				ok(t, err)
				if len(page.Entries) > limit || page.More && len(page.Entries) == 0 {
					t.Fatalf("a page of %d has %d entries", limit, len(page.Entries))
				}
				for _, e := range page.Entries {
					if got = append(got, e.Name); e.Dir != isDir(e.Name) {
						t.Errorf("%s is a directory: %v", e.Name, e.Dir)
					}
					if after = e.After(); plain {
						after = e.Name
					}
				}
				more = page.More
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("in pages of %d: %q, want %q", limit, got, want)
			}
		}
	}
}

func walk(t *testing.T, l lake.Lake) {
	want := map[string]int64{}
	for i := range 150 {
		name := fmt.Sprintf("in/d%d/f%03d", i%3, i)
		if i%7 == 0 {
			name = fmt.Sprintf("in/f%03d", i)
		}
		put(t, l, name, name)
		want[strings.TrimPrefix(name, "in/")] = int64(len(name))
	}
	enough := errors.New("enough")
	got, position, batches := map[string]int64{}, "", 0
	for end := false; !end; { // begun anew after each batch, as after a crash
		err := lake.Walk(t.Context(), l, "in", position, func(b lake.Batch) error {
			for _, f := range b.Files {
				if _, twice := got[f.Path]; twice {
					t.Errorf("%s was met twice", f.Path)
				}
				got[f.Path] = f.Size
			}
			batches++
			if position, end = b.Position, b.Position == ""; end {
				return nil
			}
			return enough
		})
		if err != nil && !errors.Is(err, enough) {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || batches < 3 {
		t.Errorf("%d files in %d batches, want %d", len(got), batches, len(want))
	}
	err := lake.Walk(t.Context(), l, "none", "", func(lake.Batch) error { return nil })
	wants(t, "a walk over what is not there", err, bine.NotFound)
}

func directories(t *testing.T, l lake.Lake) {
	for range 2 {
		ok(t, l.Mkdir(t.Context(), "a/b"))
	}
	if e, err := l.Stat(t.Context(), "a/b"); err != nil || !e.Dir || e.Name != "b" {
		t.Errorf("Stat = %+v %v", e, err)
	}
	if page, err := l.List(t.Context(), "a/b", "", 10); err != nil || len(page.Entries) != 0 || page.More {
		t.Errorf("an empty directory lists %+v %v", page, err)
	}
	put(t, l, "f", "")
	wants(t, "a directory over a file", l.Mkdir(t.Context(), "f"), bine.Conflict)
	if e, err := l.Stat(t.Context(), ""); err != nil || !e.Dir || e.Name != "" {
		t.Errorf("the root is %+v %v", e, err)
	}
}

func remove(t *testing.T, l lake.Lake) {
	put(t, l, "a/x", "x")
	wants(t, "a directory that holds something", l.Remove(t.Context(), "a"), bine.Conflict)
	ok(t, l.Remove(t.Context(), "a/x"))
	_, err := l.Stat(t.Context(), "a/x")
	wants(t, "what was removed", err, bine.NotFound)
	wants(t, "removed again", l.Remove(t.Context(), "a/x"), bine.NotFound)
	ok(t, l.Mkdir(t.Context(), "e"))
	ok(t, l.Remove(t.Context(), "e"))
	_, err = l.Stat(t.Context(), "e")
	wants(t, "a directory that was removed", err, bine.NotFound)
}

// failing yields some bytes and then fails.
type failing struct {
	left int
	err  error
}

func (f *failing) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, f.err
	}
	n := min(f.left, len(p))
	f.left -= n
	return n, nil
}

func broken(t *testing.T, l lake.Lake) {
	put(t, l, "x", "old")
	fault := errors.New("the source broke off")
	for _, size := range []int64{-1, 20 << 20} {
		_, err := l.Create(t.Context(), "x", &failing{17 << 20, fault}, lake.CreateOptions{Overwrite: true, Size: size})
		if err == nil || !strings.Contains(err.Error(), fault.Error()) {
			t.Errorf("a source that breaks off: %v", err)
		}
	}
	if got := read(t, l, "x", 0, 0); got != "old" {
		t.Errorf("what was there is now %d bytes", len(got))
	}
	page, err := l.List(t.Context(), "", "", 10)
	if err != nil || len(page.Entries) != 1 {
		t.Errorf("left are %+v %v", page, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Create(ctx, "y", strings.NewReader("x"), lake.CreateOptions{Size: 1}); err == nil {
		if _, there := l.Stat(t.Context(), "y"); there != nil {
			t.Errorf("cancelled: no error, and no file")
		}
	}
}

func empty(t *testing.T, l lake.Lake) {
	page, err := l.List(t.Context(), "", "", 10)
	if err != nil || len(page.Entries) != 0 || page.More {
		t.Errorf("an empty lake lists %+v %v", page, err)
	}
}

func large(t *testing.T, l lake.Lake) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 34<<20/16)
	for _, size := range []int64{-1, int64(len(data))} {
		e, err := l.Create(t.Context(), "big", bytes.NewReader(data), lake.CreateOptions{Overwrite: true, Size: size})
		if err != nil || e.Size != int64(len(data)) {
			t.Fatalf("Create = %+v %v", e, err)
		}
		if got := read(t, l, "big", 0, 0); got != string(data) {
			t.Errorf("it holds %d bytes, others than were written", len(got))
		}
	}
	if got := read(t, l, "big", 17<<20, 5); got != "01234" {
		t.Errorf("in the middle is %q", got)
	}
}
