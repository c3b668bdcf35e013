package bench

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bine-ml/bine/dfs"
)

// What operations on what is large may cost.
const (
	mostRename = 2.0 // times that on an empty directory
	mostRemove = 5.0
	leastLarge = 0.7 // of the rate of copying a file
)

const largeFile = 512 << 20

// directories compares renaming and removing directories of many files with the
// same on empty ones.
func (s *space) directories(ctx context.Context, rounds int) ([]Row, error) {
	var rows []Row
	var ids int64 = 1000 // the file system gives none so low
	for _, files := range []int{1_000, 100_000, 1_000_000} {
		full, renamed, removed, err := s.emptyDirectories(ctx, files, rounds)
		if err != nil {
			return rows, err
		}
		if err := s.crowd(ctx, full, files, &ids); err != nil {
			return rows, fmt.Errorf("make a directory of %d files: %w", files, err)
		}
		var took sample
		for n := range rounds {
			to := full + fmt.Sprint("-", n)
			began := time.Now()
			if _, err := s.tree.Rename(ctx, s.user, full, to, dfs.RenameOptions{}); err != nil {
				return rows, err
			}
			took, full = append(took, time.Since(began)), to
		}
		began := time.Now()
		if err := s.tree.Remove(ctx, s.user, full, dfs.RemoveOptions{Recursive: true}); err != nil {
			return rows, err
		}
		once := time.Since(began)
		rows = append(rows,
			Row{Name: s.engine + ": rename of a directory, beside an empty one; files", Size: files, Value: ms(took.median()), Unit: "ms"}.Against(ms(renamed.median())).HeldTo(RatioAtMost(mostRename)),
			Row{Name: s.engine + ": remove of a directory, beside an empty one; files", Size: files, Value: ms(once), Unit: "ms"}.Against(ms(removed.median())).HeldTo(RatioAtMost(mostRemove)))
	}
	return append(rows, s.depths(ctx, rounds)...), nil
}

// emptyDirectories times renames and removals of empty directories, and gives one.
func (s *space) emptyDirectories(ctx context.Context, size, rounds int) (dir string, renamed, removed sample, err error) {
	make := func(name string) (string, error) {
		dir := dfs.ProjectPath(s.user.Project, "Resources", fmt.Sprintf("%s-%d", name, size))
		_, err := s.tree.Mkdir(ctx, s.user, dir, dfs.MkdirOptions{})
		return dir, err
	}
	for n := range rounds {
		from, err := make(fmt.Sprint("empty", n))
		if err != nil {
			return "", nil, nil, err
		}
		began := time.Now()
		if _, err := s.tree.Rename(ctx, s.user, from, from+"-to", dfs.RenameOptions{}); err != nil {
			return "", nil, nil, err
		}
		renamed = append(renamed, time.Since(began))
		began = time.Now()
		if err := s.tree.Remove(ctx, s.user, from+"-to", dfs.RemoveOptions{Recursive: true}); err != nil {
			return "", nil, nil, err
		}
		removed = append(removed, time.Since(began))
	}
	dir, err = make("full")
	return dir, renamed, removed, err
}

// crowd puts empty files into a directory by their bare rows, as the file
// system would do one by one.
func (s *space) crowd(ctx context.Context, dir string, files int, ids *int64) error {
	at, err := s.tree.Stat(ctx, s.user, dir)
	if err != nil {
		return err
	}
	project, err := s.tree.Stat(ctx, s.user, dfs.ProjectPath(s.user.Project))
	if err != nil {
		return err
	}
	row := "(?, ?, ?, 33188, ?, ?, 0, 0, 1, 0, 0, 0, 0, 0)"
	for n := 0; n < files; {
		from, to := n, min(files, n+filled)
		err := s.db.Write(ctx, func(tx *sql.Tx) error {
			var args []any
			for n := from; n < to; n++ {
				args = append(args, at.ID, refName("f", n), *ids+int64(n), at.Owner, at.Group)
			}
			_, err := tx.ExecContext(ctx, "INSERT INTO dfs_inodes (parent_id, name, id, mode, owner, grp, size, tail, version, mtime, atime, btime, quota, flags) VALUES "+strings.Repeat(row+", ", to-from-1)+row, args...)
			if err == nil {
				_, err = tx.ExecContext(ctx, "UPDATE dfs_usage SET files = files + ? WHERE project_id = ? AND slot = 0", to-from, project.ID)
			}
			return err
		})
		if err != nil {
			return err
		}
		n = to
	}
	*ids += int64(files)
	return nil
}

// depths shows what a path costs by its depth.
func (s *space) depths(ctx context.Context, rounds int) []Row {
	var rows []Row
	for _, depth := range []int{7, 20, 60} {
		path := dfs.ProjectPath(s.user.Project, "Resources") + strings.Repeat("/deep", depth-4) + "/file"
		if _, err := s.tree.Create(ctx, s.user, path, strings.NewReader(""), dfs.CreateOptions{Parents: true, Overwrite: true}); err != nil {
			continue
		}
		var took sample
		for range rounds * together {
			began := time.Now()
			if _, err := s.tree.Stat(ctx, s.user, path); err == nil {
				took = append(took, time.Since(began))
			}
		}
		rows = append(rows, Row{Name: s.engine + ": stat, by depth", Size: depth, Value: micros(took.median()), Unit: "µs"})
	}
	return rows
}

// large compares writing and reading a large file, one byte after the other,
// with copying a file to and from the disk that the blocks are on.
func (s *space) large(ctx context.Context, dir string, rounds int) ([]Row, error) {
	source := filepath.Join(dir, "large")
	defer os.Remove(source)
	if err := writeFile(source, io.LimitReader(rand.Reader, largeFile)); err != nil {
		return nil, err
	}
	path := dfs.ProjectPath(s.user.Project, "Resources", "large")
	var wrote, read, copied, back sample
	for range max(3, rounds/5) {
		for _, one := range []struct {
			to *sample
			do func() error
		}{
			{&wrote, func() error {
				return withFile(source, func(f *os.File) error {
					_, err := s.tree.Create(ctx, s.user, path, f, dfs.CreateOptions{Overwrite: true})
					return err
				})
			}},
			{&copied, func() error {
				return withFile(source, func(f *os.File) error { return writeFile(source+"-copy", struct{ io.Reader }{f}) })
			}},
			{&read, func() error {
				body, _, err := s.tree.Open(ctx, s.user, path, 0, 0)
				if err != nil {
					return err
				}
				return errors.Join(writeFile(source+"-read", body), body.Close())
			}},
			{&back, func() error {
				return withFile(source+"-copy", func(f *os.File) error { return writeFile(source+"-read", struct{ io.Reader }{f}) })
			}},
		} {
			began := time.Now()
			if err := one.do(); err != nil {
				return nil, err
			}
			*one.to = append(*one.to, time.Since(began))
		}
	}
	defer os.Remove(source + "-copy")
	defer os.Remove(source + "-read")
	mib := func(d time.Duration) float64 { return round(largeFile / (1 << 20) / d.Seconds()) }
	row := func(name string, took, bare sample) Row {
		return Row{Name: name, Size: largeFile, Value: mib(took.median()), Unit: "MiB/s"}.Against(mib(bare.median())).HeldTo(RatioAtLeast(leastLarge))
	}
	return []Row{row("write of a large file, beside cp; bytes", wrote, copied), row("read of a large file, beside cp; bytes", read, back)}, nil
}

func withFile(name string, do func(*os.File) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(do(f), f.Close())
}

// writeFile writes a file and has it on disk when it returns.
func writeFile(name string, r io.Reader) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}
