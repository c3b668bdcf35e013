package dfstest

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

var togethers = map[string]func(*testing.T, dfs.FS){
	"of many who create one name one wins":              createRace,
	"of many who make one directory all find it":        mkdirRace,
	"a reader sees old or new, never a mixture":         overwriteRace,
	"directory renames never make a circle":             circle,
	"creating in a directory that is removed is either": removeRace,
	"many creators in one directory lose nothing":       manyCreators,
}

const racers = 8

// race runs f as many at once and answers their errors.
func race(f func(i int) error) []error {
	errs := make([]error, racers)
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range errs {
		group.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	group.Wait()
	return errs
}

func createRace(t *testing.T, fs dfs.FS) {
	for _, n := range []int{10, 100_000} {
		path := at("Resources", fmt.Sprint(n))
		errs := race(func(i int) error {
			_, err := fs.Create(t.Context(), owner, path, bytes.NewReader(noise(n+i)), dfs.CreateOptions{})
			return err
		})
		winners := 0
		for i, err := range errs {
			if err == nil {
				winners++
				wantContent(t, fs, path, noise(n+i))
				continue
			}
			wantKind(t, "Create", err, bine.Conflict, path)
		}
		if winners != 1 {
			t.Errorf("%d bytes: %d were told that they made it", n, winners)
		}
	}
}

func mkdirRace(t *testing.T, fs dfs.FS) {
	errs := race(func(i int) error {
		_, err := fs.Create(t.Context(), owner, at("Resources/a/b/c", fmt.Sprint(i)), bytes.NewReader(noise(i)), dfs.CreateOptions{Parents: true})
		return err
	})
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	wantUsage(t, fs, at("Resources"), racers*(racers-1)/2, racers, 3)
}

func overwriteRace(t *testing.T, fs dfs.FS) {
	path := at("Resources/file")
	content := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, []int{100, 5000, 300_000}[i%3]) }
	put(t, fs, path, content(0))
	var done atomic.Int32
	errs := race(func(i int) error {
		if i%2 == 0 {
			defer done.Add(1)
			for n := range 15 {
				if _, err := fs.Create(t.Context(), owner, path, bytes.NewReader(content(n)), dfs.CreateOptions{Overwrite: true}); err != nil {
					return err
				}
			}
			return nil
		}
		for done.Load() < racers/2 {
			r, info, err := fs.Open(t.Context(), owner, path, 0, 0)
			if err != nil {
				return err
			}
			got, err := io.ReadAll(r)
			r.Close()
			if err != nil {
				return err
			}
			if len(got) == 0 || int64(len(got)) != info.Size || !bytes.Equal(got, bytes.Repeat(got[:1], len(got))) {
				return fmt.Errorf("a mixture of %d bytes for a size of %d", len(got), info.Size)
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil && !bine.IsKind(err, bine.Unavailable) {
			t.Error(err)
		}
	}
}

func circle(t *testing.T, fs dfs.FS) {
	for round := range 10 {
		base := at("Resources", fmt.Sprint(round))
		mkdir(t, fs, base+"/a/x")
		mkdir(t, fs, base+"/b/y")
		errs := race(func(i int) error {
			from, to := base+"/a", base+"/b/y/a"
			if i%2 == 1 {
				from, to = base+"/b", base+"/a/x/b"
			}
			_, err := fs.Rename(t.Context(), owner, from, to, dfs.RenameOptions{})
			return err
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d renames were let through", won)
		}
		wantUsage(t, fs, base, 0, 0, 4) // all four still hang on the tree
	}
}

func removeRace(t *testing.T, fs dfs.FS) {
	for round := range 10 {
		dir := at("Resources", fmt.Sprint(round))
		mkdir(t, fs, dir)
		errs := race(func(i int) error {
			if i == 0 {
				return fs.Remove(t.Context(), owner, dir, dfs.RemoveOptions{})
			}
			_, err := fs.Create(t.Context(), owner, fmt.Sprintf("%s/%d", dir, i), bytes.NewReader([]byte("x")), dfs.CreateOptions{})
			return err
		})
		removed, made := errs[0] == nil, 0
		for _, err := range errs[1:] {
			if err == nil {
				made++
			} else {
				wantKind(t, "Create", err, bine.NotFound, dir)
			}
		}
		if removed && made > 0 {
			t.Errorf("the directory was removed as empty, and %d files were made in it", made)
		}
		if removed {
			wantMissing(t, fs, dir)
		} else {
			wantKind(t, "Remove", errs[0], bine.Conflict, dir)
			wantUsage(t, fs, dir, int64(made), int64(made), 0)
		}
	}
}

func manyCreators(t *testing.T, fs dfs.FS) {
	before, err := fs.Usage(t.Context(), owner, at())
	if err != nil {
		t.Fatal(err)
	}
	errs := race(func(i int) error {
		for n := range 25 {
			if _, err := fs.Create(t.Context(), owner, at("Resources", fmt.Sprintf("%d-%d", i, n)), bytes.NewReader(noise(n)), dfs.CreateOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	wantUsage(t, fs, at("Resources"), racers*25*24/2, racers*25, 0)
	wantUsage(t, fs, at(), before.Bytes+racers*25*24/2, before.Files+racers*25, before.Directories)
}
