// Package directory is a lake in a directory of the server's host. Only what is
// below a directory that an administrator allows can be one, and no symbolic
// link leads out of it.
package directory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs/lake"
)

// Lake is a directory.
type Lake struct{ root *os.Root }

// Open opens the directory at an absolute path, which lies at or below one of allowed.
func Open(at string, allowed []string) (*Lake, error) {
	if len(allowed) == 0 {
		return nil, bine.Errorf(bine.Forbidden, "directories of the server's host are no lakes here: an administrator allows some (connectors.dirs)")
	}
	for _, top := range allowed {
		rel, err := filepath.Rel(top, at)
		if err != nil || !filepath.IsLocal(rel) {
			continue
		}
		return open(top, rel, at)
	}
	return nil, bine.Errorf(bine.Forbidden, "%s lies in no directory that an administrator allows (connectors.dirs)", at)
}

func open(top, rel, at string) (*Lake, error) {
	outer, err := os.OpenRoot(top)
	if err != nil {
		return nil, bine.Errorf(bine.Unavailable, "%s cannot be opened: %w", top, plain(err))
	}
	defer outer.Close()
	root, err := outer.OpenRoot(rel)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, bine.Errorf(bine.NotFound, "there is no directory %s on the server's host", at)
	case errors.Is(err, fs.ErrPermission):
		return nil, bine.Errorf(bine.Forbidden, "the server may not open %s", at)
	case err != nil:
		return nil, bine.Errorf(bine.Invalid, "%s is no directory that can be opened: %w", at, plain(err))
	}
	return &Lake{root}, nil
}

// plain takes the operation and the path, which the message has, out of an error.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// Close gives the directory back.
func (l *Lake) Close() error { return l.root.Close() }

// local is a path as the root takes it.
func local(p string) string {
	if p == "" {
		return "."
	}
	return p
}

func explain(p string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return lake.NotFound(p)
	case errors.Is(err, fs.ErrPermission):
		return bine.Errorf(bine.Forbidden, "%s: the server's host does not allow it", p)
	case errors.Is(err, syscall.ENOTDIR):
		return lake.NotFound(p)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return bine.Errorf(bine.NoQuota, "%s: there is no room left on the server's host", p)
	case errors.Is(err, syscall.EROFS):
		return bine.Errorf(bine.Forbidden, "%s: the directory is read-only on the server's host", p)
	case errors.Is(err, syscall.ENAMETOOLONG):
		return bine.Errorf(bine.Invalid, "%s: the name is too long for the server's host", p)
	case strings.Contains(err.Error(), "path escapes"): // os.Root names no error for it
		return lake.NotFound(p)
	}
	return fmt.Errorf("%s: %w", p, plain(err))
}

func entry(name string, i fs.FileInfo) lake.Entry {
	e := lake.Entry{Name: name, Dir: i.IsDir(), Modified: i.ModTime().UTC().Truncate(time.Microsecond)}
	if !e.Dir {
		e.Size, e.Tag = i.Size(), fmt.Sprintf("%d-%d", i.ModTime().UnixNano(), i.Size())
	}
	return e
}

func known(i fs.FileInfo) bool { return i.IsDir() || i.Mode().IsRegular() }

// Stat describes what is at path.
func (l *Lake) Stat(_ context.Context, p string) (lake.Entry, error) {
	i, err := l.root.Stat(local(p))
	if err != nil {
		return lake.Entry{}, explain(p, err)
	}
	if !known(i) {
		return lake.Entry{}, bine.Errorf(bine.Invalid, "%s is neither a file nor a directory", p)
	}
	name := ""
	if p != "" {
		name = path.Base(p)
	}
	return entry(name, i), nil
}

// List gives entries of a directory by name.
func (l *Lake) List(ctx context.Context, dir, after string, limit int) (lake.Page, error) {
	limit, after = lake.Limit(limit), strings.TrimSuffix(after, "/")
	e, err := l.Stat(ctx, dir)
	if err != nil {
		return lake.Page{}, err
	}
	if !e.Dir {
		return lake.Page{}, lake.IsFile(dir)
	}
	f, err := l.root.Open(local(dir))
	if err != nil {
		return lake.Page{}, explain(dir, err)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return lake.Page{}, explain(dir, err)
	}
	slices.Sort(names)
	from, found := slices.BinarySearch(names, after)
	if found {
		from++
	}
	var page lake.Page
	for _, name := range names[from:] {
		if page.More = len(page.Entries) == limit; page.More {
			break
		}
		i, err := l.root.Stat(path.Join(local(dir), name))
		if err != nil || !known(i) || !lake.CheckName(name) {
			page.Omitted++
			continue
		}
		page.Entries = append(page.Entries, entry(name, i))
	}
	return page, ctx.Err()
}

// Open reads a part of a file.
func (l *Lake) Open(_ context.Context, p string, offset, length int64) (io.ReadCloser, lake.Entry, error) {
	f, err := l.root.OpenFile(local(p), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would wait for its other end
	if err != nil {
		return nil, lake.Entry{}, explain(p, err)
	}
	i, err := f.Stat()
	switch {
	case err != nil:
		err = explain(p, err)
	case i.IsDir():
		err = lake.IsDirectory(p)
	case !known(i):
		err = bine.Errorf(bine.Invalid, "%s is no file", p)
	case offset < 0 || offset > i.Size():
		err = lake.BehindEnd(p, offset, i.Size())
	default:
		_, err = f.Seek(offset, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, lake.Entry{}, err
	}
	if length == 0 {
		return f, entry(path.Base(p), i), nil
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, length), f}, entry(path.Base(p), i), nil
}

// Create makes a file: beside its place, durably, and then moves it there.
func (l *Lake) Create(ctx context.Context, p string, r io.Reader, o lake.CreateOptions) (lake.Entry, error) {
	if err := l.free(ctx, p, o.Overwrite); err != nil {
		return lake.Entry{}, err
	}
	dir := path.Dir(p)
	if err := l.Mkdir(ctx, strings.TrimPrefix(dir, ".")); err != nil {
		return lake.Entry{}, err
	}
	part := path.Join(dir, lake.PartName())
	err := l.write(part, r)
	if err == nil {
		err = l.move(part, p, o.Overwrite)
	}
	if err != nil {
		_ = l.root.Remove(part) // it may be gone already
		return lake.Entry{}, explain(p, err)
	}
	return l.Stat(ctx, p)
}

// free fails where a file cannot be made.
func (l *Lake) free(ctx context.Context, p string, overwrite bool) error {
	e, err := l.Stat(ctx, p)
	switch {
	case bine.IsKind(err, bine.NotFound):
		return nil
	case err != nil:
		return err
	case e.Dir:
		return lake.IsDirectory(p)
	case !overwrite:
		return lake.Exists(p)
	}
	return nil
}

func (l *Lake) write(part string, r io.Reader) (err error) {
	f, err := l.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Sync()
}

// move puts a whole file in its place; a link is made where none may be replaced.
func (l *Lake) move(part, p string, overwrite bool) error {
	if overwrite {
		return l.root.Rename(part, p)
	}
	if err := l.root.Link(part, p); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return lake.Exists(p)
		}
		return err
	}
	return l.root.Remove(part)
}

// Mkdir makes a directory, and those above it.
func (l *Lake) Mkdir(_ context.Context, p string) error {
	if p == "" {
		return nil
	}
	err := l.root.MkdirAll(p, 0o755)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTDIR) {
		return lake.IsFile(p)
	}
	return explain(p, err)
}

// Remove removes a file or an empty directory.
func (l *Lake) Remove(_ context.Context, p string) error {
	err := l.root.Remove(local(p))
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) {
		return lake.NotEmpty(p)
	}
	return explain(p, err)
}
