package dfstest

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

var truncates = map[string]func(*testing.T, dfs.FS){
	"a file can be cut anywhere":             cutAnywhere,
	"what cannot be cut":                     cutRefused,
	"a file that was cut grows again":        cutAndGrow,
	"appenders and cutters in turn":          cutRace,
	"files are added to another":             concat,
	"what cannot be added":                   concatRefused,
	"files that change while they are added": concatRace,
}

func cut(t *testing.T, fs dfs.FS, path string, size int) dfs.Info {
	t.Helper()
	info, err := fs.Truncate(t.Context(), owner, path, int64(size))
	if err != nil {
		t.Fatalf("Truncate(%s, %d): %v", path, size, err)
	}
	if info.Size != int64(size) {
		t.Fatalf("Truncate(%s, %d) answers a size of %d", path, size, info.Size)
	}
	return info
}

// sizes lie around the limits of what is inline and of blocks.
var cutSizes = []int{0, 1, 4095, 4096, 4097, 256 << 10, 1<<20 - 1, 1 << 20, 1<<20 + 1, 1<<20 + 5000, 2<<20 + 4000, 2<<20 + 300_000}

func cutAnywhere(t *testing.T, fs dfs.FS) {
	path := at("Resources/cut")
	for _, from := range cutSizes {
		for _, to := range cutSizes {
			if to > from {
				break
			}
			data := noise(from)
			before := put(t, fs, path, data)
			after := cut(t, fs, path, to)
			wantContent(t, fs, path, data[:to])
			if after.ID != before.ID || (after.Version == before.Version) != (from == to) {
				t.Errorf("cut from %d to %d: %+v, before %+v", from, to, after, before)
			}
		}
	}
	wantUsage(t, fs, at("Resources"), int64(cutSizes[len(cutSizes)-1]), 1, 0)
}

func cutRefused(t *testing.T, fs dfs.FS) {
	path := at("Resources/f")
	put(t, fs, path, noise(100))
	for _, size := range []int64{-1, 101, 1 << 40} {
		_, err := fs.Truncate(t.Context(), owner, path, size)
		wantKind(t, fmt.Sprint("to ", size), err, bine.Invalid, path)
	}
	_, err := fs.Truncate(t.Context(), owner, at("Resources"), 0)
	wantKind(t, "a directory", err, bine.Conflict, at("Resources"))
	_, err = fs.Truncate(t.Context(), owner, at("Resources/none"), 0)
	wantKind(t, "nothing", err, bine.NotFound, at("Resources/none"))
	_, err = fs.Truncate(t.Context(), scientist, at("README.md"), 0)
	wantKind(t, "another's", err, bine.Forbidden, at("README.md"))
	_, err = fs.Truncate(t.Context(), stranger, path, 0)
	wantKind(t, "of another project", err, bine.NotFound, path)
	wantContent(t, fs, path, noise(100))
}

func cutAndGrow(t *testing.T, fs dfs.FS) {
	path, want := at("Logs/log"), []byte(nil)
	for n := range 40 {
		piece := noise(n*7919%70_000 + 1)
		app(t, fs, path, len(want), piece)
		want = append(want, piece...)
		if n%3 == 2 {
			want = want[:len(want)*(n%5)/5]
			cut(t, fs, path, len(want))
		}
	}
	wantContent(t, fs, path, want)
	wantUsage(t, fs, at("Logs"), int64(len(want)), 1, 0)
}

// cutRace has one who appends bytes that follow from their offset and others who
// cut: whatever the order, each byte is that of its offset.
func cutRace(t *testing.T, fs dfs.FS) {
	path := at("Logs/log")
	byteAt := func(offset int) byte { return byte(offset) }
	var wait sync.WaitGroup
	for w := range 3 {
		wait.Go(func() {
			for n := range 30 {
				info, err := fs.Stat(t.Context(), owner, path)
				size := int(info.Size)
				if err != nil {
					size = 0
				}
				if w == 0 || size == 0 {
					data := make([]byte, 3000)
					for i := range data {
						data[i] = byteAt(size + i)
					}
					_, err = fs.Append(t.Context(), owner, path, int64(size), data)
				} else {
					_, err = fs.Truncate(t.Context(), owner, path, int64(size*(n%4+1)/5))
				}
				if err != nil && !bine.IsKind(err, bine.Conflict) && !bine.IsKind(err, bine.Invalid) && !bine.IsKind(err, bine.NotFound) && !bine.IsKind(err, bine.Unavailable) {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	data := get(t, fs, path)
	for i, b := range data {
		if b != byteAt(i) {
			t.Fatalf("byte %d of %d is %d", i, len(data), b)
		}
	}
	wantUsage(t, fs, at("Logs"), int64(len(data)), 1, 0)
}

func concat(t *testing.T, fs dfs.FS) {
	files := int64(0)
	for n, sizes := range [][]int{
		{10, 20}, {0, 0, 0}, {0, 5000}, {5000, 0, 100}, {1<<20 + 100, 5, 2<<20 + 7, 0, 4096, 1 << 20}, {3000, 3000, 3000}, {4000, 96}, {4000, 97}, {1 << 20, 1 << 20},
	} {
		path := at("Resources", fmt.Sprint("target", n))
		var want []byte
		var sources []string
		for i, size := range sizes {
			data := noise(size + n)[:size]
			want = append(want, data...)
			name := path
			if i > 0 {
				name = at("Jupyter/parts", fmt.Sprintf("%d-%d", n, i))
				sources = append(sources, name)
			}
			put(t, fs, name, data)
		}
		before := stat(t, fs, path)
		info, err := fs.Concat(t.Context(), owner, path, sources)
		if err != nil {
			t.Fatalf("Concat of %v: %v", sizes, err)
		}
		if info.ID != before.ID || info.Version <= before.Version || info.Size != int64(len(want)) {
			t.Errorf("Concat of %v answers %+v", sizes, info)
		}
		wantContent(t, fs, path, want)
		for _, source := range sources {
			wantMissing(t, fs, source)
		}
		app(t, fs, path, len(want), []byte("more"))
		wantContent(t, fs, path, append(want, "more"...))
		files++
	}
	wantUsage(t, fs, at("Jupyter/parts"), 0, 0, 0)
	u, err := fs.Usage(t.Context(), owner, at("Resources"))
	if err != nil || u.Files != files {
		t.Errorf("%d files are left (%v), want %d", u.Files, err, files)
	}
}

func concatRefused(t *testing.T, fs dfs.FS) {
	a, b, missing := at("Resources/a"), at("Resources/b"), at("Resources/none")
	put(t, fs, a, noise(5000))
	put(t, fs, b, noise(6000))
	foreign := dfs.ProjectPath(Other, "README.md")
	for _, c := range []struct {
		what    string
		user    dfs.User
		sources []string
		kind    bine.Kind
		path    string
	}{
		{"nothing", owner, nil, bine.Invalid, a},
		{"itself", owner, []string{a}, bine.Invalid, a},
		{"one twice", owner, []string{b, b}, bine.Invalid, b},
		{"none", owner, []string{b, missing}, bine.NotFound, missing},
		{"a directory", owner, []string{b, at("Resources")}, bine.Conflict, at("Resources")},
		{"of another project", owner, []string{foreign}, bine.Invalid, foreign},
		{"what may not be removed", scientist, []string{at("README.md")}, bine.Forbidden, ""},
	} {
		_, err := fs.Concat(t.Context(), c.user, a, c.sources)
		wantKind(t, c.what, err, c.kind, c.path)
	}
	wantContent(t, fs, a, noise(5000))
	wantContent(t, fs, b, noise(6000))
	wantContent(t, fs, at("README.md"), get(t, fs, at("README.md")))
}

// concatRace adds two files to a third in both orders while one is written:
// each of them is in one place at the end, whole.
func concatRace(t *testing.T, fs dfs.FS) {
	for round := range 6 {
		dir := fmt.Sprint("r", round)
		paths := []string{at("Resources", dir, "a"), at("Resources", dir, "b"), at("Resources", dir, "c")}
		parts := [][]byte{bytes.Repeat([]byte("a"), 3000), bytes.Repeat([]byte("b"), 5000), bytes.Repeat([]byte("c"), 1<<20+10)}
		for i, path := range paths {
			put(t, fs, path, parts[i])
		}
		var wait sync.WaitGroup
		for i := range paths {
			wait.Go(func() {
				_, err := fs.Concat(t.Context(), owner, paths[i], []string{paths[(i+1)%3], paths[(i+2)%3]})
				if err != nil && !bine.IsKind(err, bine.NotFound) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		left := 0
		for i, path := range paths {
			if _, err := fs.Stat(t.Context(), owner, path); err != nil {
				continue
			}
			left++
			wantContent(t, fs, path, slices.Concat(parts[i], parts[(i+1)%3], parts[(i+2)%3]))
		}
		if left != 1 {
			t.Errorf("round %d: %d files are left", round, left)
		}
	}
}
