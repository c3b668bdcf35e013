package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// entry is a file or directory as copying sees it.
type entry struct {
	path     string // below where the walk began, with slashes; empty is that itself
	dir      bool
	size     int64
	mode     uint32
	modified time.Time
}

// side is where files are: those of a project or the local ones.
type side interface {
	// stat describes what is at path, or answers NotFound.
	stat(ctx context.Context, path string) (entry, error)
	// walk lists everything below a directory, each directory before what is in it.
	walk(ctx context.Context, path string) ([]entry, error)
	open(ctx context.Context, path string) (io.ReadCloser, error)
	// create writes a file, whole or not at all, and the directories above it.
	// Without overwrite one that is there is a Conflict.
	create(ctx context.Context, path string, r io.Reader, overwrite bool) error
	// mkdir makes a directory and those above it; one that is there is no error.
	mkdir(ctx context.Context, path string) error
	// remove removes a file or a directory with everything in it. That of a
	// project goes into the trash.
	remove(ctx context.Context, path string) error
	// mark gives a file the time and, where mode is not nil, the permission bits of another.
	mark(ctx context.Context, path string, modified time.Time, mode *uint32) error
	// checksum gives the SHA-256 of a file in hexadecimal digits.
	checksum(ctx context.Context, path string) (string, error)
	join(path, below string) string
	base(path string) string
	// name is how messages name a path.
	name(path string) string
}

// location is a path on a side.
type location struct {
	side
	path string
}

func (p location) String() string { return p.name(p.path) }

// below gives the location of an entry of a walk that began at p.
func (p location) below(rest string) location {
	if rest == "" {
		return p
	}
	return location{p.side, p.join(p.path, rest)}
}

const projectScheme = "bine://"

// remote reads an argument that can only name a file of a project.
func (a *app) remote(arg string) (remote, string, error) {
	api, project, rest, err := a.target(arg)
	if err != nil {
		return remote{}, "", err
	}
	return remote{api: api, project: project, errs: a.Err}, strings.Trim(rest, "/"), nil
}

func (a *app) target(arg string) (*client.Client, bine.ProjectName, string, error) {
	if rest, ok := strings.CutPrefix(arg, projectScheme); ok {
		project, inside, _ := strings.Cut(rest, "/")
		if project == "" {
			return nil, "", "", usagef("%s names no project: write it like %sPROJECT/Resources/a.csv", arg, projectScheme)
		}
		api, err := a.client()
		return api, bine.ProjectName(project), inside, err
	}
	api, project, err := a.inProject()
	return api, project, strings.TrimPrefix(arg, ":"), err
}

// location reads an argument that names a local file or, with a colon or bine://
// in front, one of a project.
func (a *app) location(arg string) (location, error) {
	if arg == "" {
		return location{}, usagef("an empty path names no file")
	}
	if !strings.HasPrefix(arg, ":") && !strings.HasPrefix(arg, projectScheme) {
		return location{local{a.Err}, filepath.Clean(arg)}, nil
	}
	r, at, err := a.remote(arg)
	return location{r, at}, err
}

// remote is the side of the files of a project.
type remote struct {
	api     *client.Client
	project bine.ProjectName
	errs    io.Writer
	// blockSize is of how many bytes the blocks of files are at most that are made; 0 is as their directory has it.
	blockSize int64
}

func entryOf(f client.File) entry {
	return entry{dir: f.Dir, size: f.Size, mode: f.Mode, modified: f.Modified}
}

func (r remote) stat(ctx context.Context, path string) (entry, error) {
	f, err := r.api.Stat(ctx, r.project, path)
	return entryOf(f), err
}

// list gives all entries of a directory.
func (r remote) list(ctx context.Context, dir string) ([]client.File, error) {
	var all []client.File
	for after := ""; ; {
		page, err := r.api.Files(ctx, r.project, dir, client.List{After: after, Limit: 1000})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if after = page.Next; after == "" {
			return all, nil
		}
	}
}

// files calls f for everything below a directory, each directory before what
// is in it; depth 1 is what is in the directory itself, 0 is without bound.
func (r remote) files(ctx context.Context, dir string, depth int, f func(client.File, int) error) error {
	return r.filesAt(ctx, dir, depth, 1, f)
}

func (r remote) filesAt(ctx context.Context, dir string, most, depth int, f func(client.File, int) error) error {
	all, err := r.list(ctx, dir)
	if err != nil {
		return err
	}
	for _, one := range all {
		if err := f(one, depth); err != nil {
			return err
		}
		if !one.Dir || depth == most {
			continue
		}
		if err := r.filesAt(ctx, one.Path, most, depth+1, f); err != nil && !bine.IsKind(err, bine.NotFound) { // gone meanwhile
			return err
		}
	}
	return nil
}

func (r remote) walk(ctx context.Context, at string) ([]entry, error) {
	var all []entry
	err := r.files(ctx, at, 0, func(f client.File, _ int) error {
		if f.Link != "" {
			fmt.Fprintf(r.errs, "bine: %s is left out: it is a symbolic link\n", r.name(f.Path))
			return nil
		}
		e := entryOf(f)
		e.path = strings.TrimPrefix(strings.TrimPrefix(f.Path, at), "/")
		all = append(all, e)
		return nil
	})
	return all, err
}

func (r remote) open(ctx context.Context, path string) (io.ReadCloser, error) {
	return r.api.Download(ctx, r.project, path, 0, 0)
}

func (r remote) create(ctx context.Context, path string, content io.Reader, overwrite bool) error {
	_, err := r.api.UploadFile(ctx, r.project, path, content, client.UploadOptions{Overwrite: overwrite, Parents: true, BlockSize: r.blockSize})
	return err
}

func (r remote) mkdir(ctx context.Context, path string) error {
	if path == "" {
		return nil
	}
	_, err := r.api.ChangeFile(ctx, r.project, path, client.FileChange{Op: "mkdir"})
	return err
}

func (r remote) remove(ctx context.Context, path string) error {
	return r.api.TrashFile(ctx, r.project, path)
}

func (r remote) mark(ctx context.Context, path string, modified time.Time, mode *uint32) error {
	_, err := r.api.SetFileAttributes(ctx, r.project, path, client.FileAttributes{Modified: &modified, Mode: mode})
	return err
}

func (r remote) checksum(ctx context.Context, path string) (string, error) {
	sum, err := r.api.Checksum(ctx, r.project, path)
	return sum.Checksum, err
}

func (r remote) join(at, below string) string { return path.Join(at, below) }

func (r remote) base(at string) string {
	if at == "" {
		return string(r.project)
	}
	return path.Base(at)
}

func (r remote) name(at string) string { return projectScheme + string(r.project) + "/" + at }

// local is the side of the files of this machine.
type local struct{ errs io.Writer }

func (l local) stat(_ context.Context, path string) (entry, error) {
	about, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return entry{}, bine.Errorf(bine.NotFound, "%s: there is no such file or directory", path)
	}
	if err != nil {
		return entry{}, err
	}
	return entryOfLocal(about), nil
}

func entryOfLocal(about fs.FileInfo) entry {
	return entry{dir: about.IsDir(), size: about.Size(), mode: uint32(about.Mode().Perm()), modified: about.ModTime()}
}

func (l local) walk(ctx context.Context, top string) ([]entry, error) {
	var all []entry
	if target, err := filepath.EvalSymlinks(top); err == nil {
		top = target // a link that was named itself is followed
	}
	err := filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		below, err := filepath.Rel(top, name)
		if err != nil || below == "." {
			return err
		}
		if !d.IsDir() && !d.Type().IsRegular() {
			fmt.Fprintf(l.errs, "bine: %s is left out: it is neither a file nor a directory\n", name)
			return nil
		}
		about, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		}
		if err != nil {
			return err
		}
		e := entryOfLocal(about)
		e.path = filepath.ToSlash(below)
		all = append(all, e)
		return nil
	})
	return all, err
}

func (l local) open(_ context.Context, path string) (io.ReadCloser, error) { return os.Open(path) }

// create writes to a file beside the one that is meant, which takes its place
// when all has come; what is no plain file, as /dev/null, is written to as it is.
func (l local) create(ctx context.Context, name string, r io.Reader, overwrite bool) error {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	mode := fs.FileMode(0o666) // as the umask leaves it
	about, err := os.Stat(name)
	switch {
	case err == nil && about.IsDir():
		return bine.Errorf(bine.Conflict, "%s is a directory", name)
	case err == nil && !overwrite:
		return bine.Errorf(bine.Conflict, "%s is there already", name)
	case err == nil && !about.Mode().IsRegular():
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		return errors.Join(err, f.Close())
	case err == nil:
		mode = about.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	part := fmt.Sprintf("%s.%d.part", name, time.Now().UnixNano())
	if err := writeLocal(ctx, part, r, mode, about != nil); err != nil {
		os.Remove(part)
		return err
	}
	if err := os.Rename(part, name); err != nil {
		os.Remove(part)
		return err
	}
	return nil
}

func writeLocal(ctx context.Context, name string, r io.Reader, mode fs.FileMode, exactly bool) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil && exactly {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = ctx.Err()
	}
	return errors.Join(err, f.Close())
}

func (l local) mkdir(_ context.Context, path string) error { return os.MkdirAll(path, 0o777) }

func (l local) remove(_ context.Context, path string) error { return os.RemoveAll(path) }

func (l local) mark(_ context.Context, path string, modified time.Time, mode *uint32) error {
	if mode != nil {
		if err := os.Chmod(path, fs.FileMode(*mode)); err != nil {
			return err
		}
	}
	return os.Chtimes(path, time.Time{}, modified)
}

func (l local) checksum(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, &counted{ctx: ctx, r: f})
	return hex.EncodeToString(sum.Sum(nil)), err
}

func (l local) join(at, below string) string { return filepath.Join(at, filepath.FromSlash(below)) }

func (l local) base(at string) string {
	if full, err := filepath.Abs(at); err == nil {
		at = full // of . and .. too
	}
	return filepath.Base(at)
}

func (l local) name(at string) string { return at }
