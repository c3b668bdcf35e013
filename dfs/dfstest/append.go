package dfstest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

var appends = map[string]func(*testing.T, dfs.FS){
	"a file grows piece by piece":                        grow,
	"the same bytes again are harmless":                  appendAgain,
	"a gap and other bytes are a Conflict":               appendConflict,
	"the first append makes the file":                    appendMakes,
	"every byte value survives":                          appendBinary,
	"pieces of every size can be appended to any":        appendSizes,
	"a reader sees whole pieces only":                    appendWhole,
	"appenders of the same offset: one of them is right": appendRace,
	"an appender follows a file that is renamed":         appendFollows,
}

func app(t *testing.T, fs dfs.FS, path string, offset int, data []byte) dfs.Info {
	t.Helper()
	info, err := fs.Append(t.Context(), owner, path, int64(offset), data)
	if err != nil {
		t.Fatalf("Append(%s, %d, %d bytes): %v", path, offset, len(data), err)
	}
	return info
}

func appendFollows(t *testing.T, fs dfs.FS) {
	for _, size := range []int{10, 100_000} {
		dir := fmt.Sprintf("Resources/%d", size)
		first := put(t, fs, at(dir, "a"), noise(size))
		rename(t, fs, at(dir), at("Jupyter", fmt.Sprint(size)))
		to := at("Jupyter", fmt.Sprint(size), "a")
		more, err := fs.AppendTo(t.Context(), owner, first, first.Size, []byte("more"))
		if err != nil || more.Path != to || more.ID != first.ID || more.Size != int64(size)+4 {
			t.Fatalf("AppendTo answered %+v, %v", more, err)
		}
		wantContent(t, fs, to, append(noise(size), "more"...))
		put(t, fs, at(dir, "a"), []byte("another"))
		if more, err = fs.AppendTo(t.Context(), owner, first, more.Size, noise(100_000)); err != nil || more.Path != to {
			t.Fatalf("with another in its place, AppendTo answered %+v, %v", more, err)
		}
		wantContent(t, fs, at(dir, "a"), []byte("another"))
		_, err = fs.AppendTo(t.Context(), stranger, first, more.Size, []byte("x"))
		wantKind(t, "by a stranger", err, bine.NotFound, first.Path)
		if err := fs.Remove(t.Context(), owner, at("Jupyter", fmt.Sprint(size)), dfs.RemoveOptions{Recursive: true}); err != nil {
			t.Fatal(err)
		}
		_, err = fs.AppendTo(t.Context(), owner, first, 0, []byte("x"))
		wantKind(t, "after it was removed", err, bine.NotFound, first.Path)
	}
}

func grow(t *testing.T, fs dfs.FS) {
	path := at("Logs/log")
	var want []byte
	for n := 0; len(want) < 200_000; n++ {
		line := fmt.Appendf(nil, "line %d %s\n", n, strings.Repeat("x", n%700))
		info := app(t, fs, path, len(want), line)
		want = append(want, line...)
		if info.Size != int64(len(want)) {
			t.Fatalf("after line %d: size %d, want %d", n, info.Size, len(want))
		}
		if n%97 == 0 {
			wantContent(t, fs, path, want)
		}
	}
	wantContent(t, fs, path, want)
	wantUsage(t, fs, at("Logs"), int64(len(want)), 1, 0)
}

func appendAgain(t *testing.T, fs dfs.FS) {
	path, data := at("Logs/log"), noise(20_000)
	for from := 0; from < len(data); from += 1000 {
		app(t, fs, path, from, data[from:from+1000])
		for _, back := range []int{0, 1, 500, 3000, 100_000} { // again, also what lies further back
			begin := max(0, from-back)
			if info := app(t, fs, path, begin, data[begin:from+1000]); info.Size != int64(from+1000) {
				t.Fatalf("size %d after %d", info.Size, from+1000)
			}
		}
	}
	if info := app(t, fs, path, 19_500, append(data[19_500:len(data):len(data)], "more"...)); info.Size != 20_004 {
		t.Errorf("an overlap with more behind it: size %d, want 20004", info.Size)
	}
	wantContent(t, fs, path, append(data, "more"...))
	app(t, fs, path, 20_004, nil)
	app(t, fs, path, 7, nil)
	wantUsage(t, fs, at("Logs"), 20_004, 1, 0)
}

func appendConflict(t *testing.T, fs dfs.FS) {
	path := at("Logs/log")
	for _, n := range []int{100, 10_000} {
		put(t, fs, path, noise(n))
		_, err := fs.Append(t.Context(), owner, path, int64(n+1), []byte("x"))
		wantKind(t, "a gap", err, bine.Conflict, path)
		if err != nil && !strings.Contains(err.Error(), fmt.Sprint(n)) {
			t.Errorf("the message does not name the size: %v", err)
		}
		for _, offset := range []int{0, 50, n - 3} {
			other := bytes.Repeat([]byte{noise(n)[offset] + 1}, 10)
			_, err := fs.Append(t.Context(), owner, path, int64(offset), other)
			wantKind(t, "other bytes", err, bine.Conflict, path)
		}
		_, err = fs.Append(t.Context(), owner, path, -1, []byte("x"))
		wantKind(t, "a negative offset", err, bine.Invalid, path)
		wantContent(t, fs, path, noise(n))
	}
}

func appendMakes(t *testing.T, fs dfs.FS) {
	for _, n := range []int{0, 5, 10_000, 3 << 20} {
		path := at("Logs", fmt.Sprint(n))
		info := app(t, fs, path, 0, noise(n))
		if info.Size != int64(n) || info.Mode != 0o660 {
			t.Errorf("%d bytes: %+v", n, info)
		}
		app(t, fs, path, 0, noise(n))
		wantContent(t, fs, path, noise(n))
	}
	_, err := fs.Append(t.Context(), owner, at("Logs/no/log"), 0, []byte("x"))
	wantKind(t, "without the directory", err, bine.NotFound, at("Logs/no"))
}

func appendBinary(t *testing.T, fs dfs.FS) {
	var want []byte
	for n := range 512 {
		app(t, fs, at("Logs/log"), n, []byte{byte(n)})
		want = append(want, byte(n))
	}
	wantContent(t, fs, at("Logs/log"), want)
}

func appendSizes(t *testing.T, fs dfs.FS) {
	for _, first := range []int{0, 10, 4096, 1 << 20, 1<<20 + 5} {
		for _, second := range []int{1, 4096, 5000, 1 << 20, 2<<20 + 1} {
			path := at("Logs", fmt.Sprintf("%d-%d", first, second))
			put(t, fs, path, noise(first))
			app(t, fs, path, first, noise(second))
			app(t, fs, path, first+second, []byte("end"))
			wantContent(t, fs, path, append(append(noise(first), noise(second)...), "end"...))
		}
	}
}

func appendWhole(t *testing.T, fs dfs.FS) {
	path, piece := at("Logs/log"), noise(1000)
	app(t, fs, path, 0, piece)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; n < 60; n++ {
			if _, err := fs.Append(t.Context(), owner, path, int64(n*1000), piece); err != nil {
				t.Errorf("Append %d: %v", n, err)
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		got := get(t, fs, path)
		if len(got)%1000 != 0 || !bytes.Equal(got, bytes.Repeat(piece, len(got)/1000)) {
			t.Fatalf("a reader saw %d bytes", len(got))
		}
	}
	wantContent(t, fs, path, bytes.Repeat(piece, 60))
}

func appendRace(t *testing.T, fs dfs.FS) {
	path := at("Logs/log")
	put(t, fs, path, noise(4000))
	var group sync.WaitGroup
	won := make([]bool, 8)
	for i := range won {
		group.Go(func() {
			_, err := fs.Append(t.Context(), owner, path, 4000, bytes.Repeat([]byte{byte(i)}, 200))
			if won[i] = err == nil; err != nil {
				wantKind(t, "Append", err, bine.Conflict, path)
			}
		})
	}
	group.Wait()
	winner := -1
	for i, ok := range won {
		if ok && winner >= 0 {
			t.Errorf("both %d and %d were told that theirs stands", winner, i)
		}
		if ok {
			winner = i
		}
	}
	if winner < 0 {
		t.Fatal("nobody was let in")
	}
	wantContent(t, fs, path, append(noise(4000), bytes.Repeat([]byte{byte(winner)}, 200)...))
}
