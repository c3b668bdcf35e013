package front

import (
	"context"
	"io"
	"path"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/dfs/lake"
)

// After is what List goes on behind an entry with. Of the tree that is its name;
// in a lake a directory has a slash behind it (lake.Entry.After).
func After(i dfs.Info) string {
	if p, in := placeOf(i.Path); in && p.path != "" && i.Dir {
		return i.Name + "/"
	}
	return i.Name
}

// Stat describes what is at path.
func (f *Files) Stat(ctx context.Context, user dfs.User, at string) (dfs.Info, error) {
	p, in := placeOf(at)
	if !in {
		return f.Tree.Stat(ctx, user, at)
	}
	if p.name == "" {
		return p.top(), p.visible(user)
	}
	l, c, err := f.open(ctx, user, p)
	if err != nil {
		return dfs.Info{}, err
	}
	defer l.Close()
	e, err := l.Stat(ctx, p.path)
	if err != nil {
		return dfs.Info{}, err
	}
	return p.info(c, p.path, e), nil
}

// List gives a page of a directory.
func (f *Files) List(ctx context.Context, user dfs.User, dir, after string, limit int) ([]dfs.Info, bool, error) {
	p, in := placeOf(dir)
	if !in {
		return f.Tree.List(ctx, user, dir, after, limit)
	}
	if p.name == "" {
		return f.connectors(ctx, user, p, after)
	}
	l, c, err := f.open(ctx, user, p)
	if err != nil {
		return nil, false, err
	}
	defer l.Close()
	page, err := l.List(ctx, p.path, after, limit)
	if err != nil {
		return nil, false, err
	}
	list := make([]dfs.Info, 0, len(page.Entries))
	for _, e := range page.Entries {
		list = append(list, p.info(c, path.Join(p.path, e.Name), e))
	}
	return list, page.More, nil
}

// ListMatching is List for the entries that match. Of a lake all entries are
// looked at, as many as it takes to fill the page.
func (f *Files) ListMatching(ctx context.Context, user dfs.User, dir, after string, limit int, m dfs.Match) ([]dfs.Info, bool, error) {
	if _, in := placeOf(dir); !in {
		return f.Tree.ListMatching(ctx, user, dir, after, limit, m)
	}
	if m == (dfs.Match{}) {
		return f.List(ctx, user, dir, after, limit)
	}
	var list []dfs.Info
	for limit = lake.Limit(limit); ; {
		entries, more, err := f.List(ctx, user, dir, after, lake.Most)
		if err != nil {
			return nil, false, err
		}
		for i, e := range entries {
			after = After(e)
			if !strings.HasPrefix(e.Name, m.Prefix) || !strings.Contains(strings.ToLower(e.Name), strings.ToLower(m.Contains)) {
				continue
			}
			if list = append(list, e); len(list) == limit {
				return list, more || i+1 < len(entries), nil
			}
		}
		if !more || len(entries) == 0 {
			return list, false, ctx.Err()
		}
	}
}

// connectors lists the connectors of a project as directories.
func (f *Files) connectors(ctx context.Context, user dfs.User, p place, after string) ([]dfs.Info, bool, error) {
	if err := p.visible(user); err != nil {
		return nil, false, err
	}
	all, err := f.lakes.rows.Connectors(ctx, p.project)
	if err != nil {
		return nil, false, err
	}
	var list []dfs.Info
	for _, c := range all {
		if string(c.Name) > strings.TrimSuffix(after, "/") {
			list = append(list, place{p.project, c.Name, ""}.info(c, "", lake.Entry{Dir: true}))
		}
	}
	return list, false, nil
}

// Open reads a part of a file.
func (f *Files) Open(ctx context.Context, user dfs.User, at string, offset, length int64) (io.ReadCloser, dfs.Info, error) {
	p, in := placeOf(at)
	if !in {
		return f.Tree.Open(ctx, user, at, offset, length)
	}
	if p.name == "" || p.path == "" {
		return nil, dfs.Info{}, unsupported(user, p, "is a directory here")
	}
	l, c, err := f.open(ctx, user, p)
	if err != nil {
		return nil, dfs.Info{}, err
	}
	r, e, err := l.Open(ctx, p.path, offset, length)
	if err != nil {
		l.Close()
		return nil, dfs.Info{}, err
	}
	return &reading{r, l}, p.info(c, p.path, e), nil
}

// reading closes the lake with its file.
type reading struct {
	io.ReadCloser
	lake lake.Lake
}

func (r *reading) Close() error {
	err := r.ReadCloser.Close()
	if e := r.lake.Close(); err == nil {
		err = e
	}
	return err
}

// Create makes a file. Extended attributes have no place in a lake.
func (f *Files) Create(ctx context.Context, user dfs.User, at string, r io.Reader, o dfs.CreateOptions) (dfs.Info, error) {
	p, in := placeOf(at)
	if !in {
		return f.Tree.Create(ctx, user, at, r, o)
	}
	if len(o.Xattrs) > 0 || o.At != nil {
		return dfs.Info{}, unsupported(user, p, "has no extended attributes")
	}
	l, c, err := f.change(ctx, user, p)
	if err != nil {
		return dfs.Info{}, err
	}
	defer l.Close()
	e, err := l.Create(ctx, p.path, r, lake.CreateOptions{Overwrite: o.Overwrite, Size: -1})
	if err != nil {
		return dfs.Info{}, err
	}
	return p.info(c, p.path, e), nil
}

// Mkdir makes a directory.
func (f *Files) Mkdir(ctx context.Context, user dfs.User, at string, o dfs.MkdirOptions) (dfs.Info, error) {
	p, in := placeOf(at)
	if !in {
		return f.Tree.Mkdir(ctx, user, at, o)
	}
	l, c, err := f.change(ctx, user, p)
	if err != nil {
		return dfs.Info{}, err
	}
	defer l.Close()
	if err := l.Mkdir(ctx, p.path); err != nil {
		return dfs.Info{}, err
	}
	return p.info(c, p.path, lake.Entry{Name: path.Base(p.path), Dir: true}), nil
}

// Remove removes a file or an empty directory.
func (f *Files) Remove(ctx context.Context, user dfs.User, at string, o dfs.RemoveOptions) error {
	p, in := placeOf(at)
	if !in {
		return f.Tree.Remove(ctx, user, at, o)
	}
	l, _, err := f.change(ctx, user, p)
	if err != nil {
		return err
	}
	defer l.Close()
	return l.Remove(ctx, p.path)
}

// What follows a lake does not have.

// Append is not there in a lake.
func (f *Files) Append(ctx context.Context, user dfs.User, at string, offset int64, data []byte) (dfs.Info, error) {
	if p, in := placeOf(at); in {
		return dfs.Info{}, unsupported(user, p, "is not appended to: write the file anew")
	}
	return f.Tree.Append(ctx, user, at, offset, data)
}

// Truncate is not there in a lake.
func (f *Files) Truncate(ctx context.Context, user dfs.User, at string, size int64) (dfs.Info, error) {
	if p, in := placeOf(at); in {
		return dfs.Info{}, unsupported(user, p, "is not cut: write the file anew")
	}
	return f.Tree.Truncate(ctx, user, at, size)
}

// Concat is not there in a lake.
func (f *Files) Concat(ctx context.Context, user dfs.User, at string, sources []string) (dfs.Info, error) {
	for _, s := range append([]string{at}, sources...) {
		if p, in := placeOf(s); in {
			return dfs.Info{}, unsupported(user, p, "is not joined: write the file anew")
		}
	}
	return f.Tree.Concat(ctx, user, at, sources)
}

// Rename is not there in a lake, nor into one.
func (f *Files) Rename(ctx context.Context, user dfs.User, from, to string, o dfs.RenameOptions) (dfs.Info, error) {
	for _, s := range []string{from, to} {
		if p, in := placeOf(s); in {
			return dfs.Info{}, unsupported(user, p, "is not renamed: copy the file, and then remove it")
		}
	}
	return f.Tree.Rename(ctx, user, from, to, o)
}

// Clone copies a file into a lake, or out of one, byte by byte.
func (f *Files) Clone(ctx context.Context, user dfs.User, from, to string, o dfs.CloneOptions) (dfs.Info, error) {
	p, out := placeOf(from)
	if _, in := placeOf(to); !in && !out {
		return f.Tree.Clone(ctx, user, from, to, o)
	}
	info, err := f.Stat(ctx, user, from)
	if err != nil {
		return dfs.Info{}, err
	}
	if info.Dir && out {
		return dfs.Info{}, unsupported(user, p, "is not copied as a whole: import it, or copy its files one by one")
	}
	if info.Dir {
		return dfs.Info{}, bine.Errorf(bine.Conflict, "%s is a directory: export it, or copy its files one by one", from)
	}
	content, _, err := f.Open(ctx, user, from, 0, 0)
	if err != nil {
		return dfs.Info{}, err
	}
	defer content.Close()
	return f.Create(ctx, user, to, content, dfs.CreateOptions{Overwrite: o.Overwrite, Parents: o.Parents})
}

// SetAttributes is not there in a lake.
func (f *Files) SetAttributes(ctx context.Context, user dfs.User, at string, a dfs.Attributes) (dfs.Info, error) {
	if p, in := placeOf(at); in {
		return dfs.Info{}, unsupported(user, p, "has no modes, owners and times of its own: who may do what, the connector says")
	}
	return f.Tree.SetAttributes(ctx, user, at, a)
}

const noXattrs = "has no extended attributes"

// Xattrs gives none in a lake.
func (f *Files) Xattrs(ctx context.Context, user dfs.User, at string) (map[string][]byte, error) {
	if p, in := placeOf(at); in {
		return nil, p.visible(user)
	}
	return f.Tree.Xattrs(ctx, user, at)
}

// Xattr finds none in a lake.
func (f *Files) Xattr(ctx context.Context, user dfs.User, at, name string) ([]byte, error) {
	if p, in := placeOf(at); in {
		return nil, bine.Errorf(bine.NotFound, "%s: what a connector leads to %s", p.full(), noXattrs)
	}
	return f.Tree.Xattr(ctx, user, at, name)
}

// SetXattr is not there in a lake.
func (f *Files) SetXattr(ctx context.Context, user dfs.User, at, name string, value []byte) error {
	if p, in := placeOf(at); in {
		return unsupported(user, p, noXattrs)
	}
	return f.Tree.SetXattr(ctx, user, at, name, value)
}

// RemoveXattr is not there in a lake.
func (f *Files) RemoveXattr(ctx context.Context, user dfs.User, at, name string) error {
	if p, in := placeOf(at); in {
		return unsupported(user, p, noXattrs)
	}
	return f.Tree.RemoveXattr(ctx, user, at, name)
}

// Usage is not there in a lake: it would have to be listed as a whole.
func (f *Files) Usage(ctx context.Context, user dfs.User, at string) (dfs.Usage, error) {
	if p, in := placeOf(at); in {
		return dfs.Usage{}, unsupported(user, p, "is not summed up: ask the service that keeps it")
	}
	return f.Tree.Usage(ctx, user, at)
}

// Trash is not there in a lake.
func (f *Files) Trash(ctx context.Context, user dfs.User, at string) error {
	if p, in := placeOf(at); in {
		return unsupported(user, p, "has no trash: remove it for good")
	}
	return f.Tree.Trash(ctx, user, at)
}

// Restore does not lead into a lake.
func (f *Files) Restore(ctx context.Context, user dfs.User, id int64, to string) (dfs.Info, error) {
	if p, in := placeOf(to); in {
		return dfs.Info{}, unsupported(user, p, "is no place to restore to")
	}
	return f.Tree.Restore(ctx, user, id, to)
}
