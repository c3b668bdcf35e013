package s3

import (
	"context"
	"slices"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/server/actor"
)

// The protocol orders keys by their bytes, as if there were no directories: "a-b"
// comes before "a/c", because '-' comes before '/'. The file system orders the names
// of one directory. So each directory is kept back until no name that is still to
// come belongs before "<name>/".

// item is an object, or a directory as a whole, with its key.
type item struct {
	key  string // ends in a slash for a directory
	info dfs.Info
}

// lister is the part of the file system that listing asks.
type lister struct {
	files dfs.FS
	user  dfs.User
	at    func(string) (string, error) // path of a key
}

// level goes through one directory in the order of keys.
type level struct {
	l      *lister
	dir    string // key of the directory, empty or ending in a slash
	prefix string // of the names
	after  string // only keys behind it
	cursor string // name after which the next page begins
	page   []dfs.Info
	more   bool
	kept   []item // directories whose turn has not come, in order
}

// open begins with a directory: keys that begin with dir+prefix and are behind after.
func (l *lister) open(ctx context.Context, dir, prefix, after string) (*level, error) {
	v := &level{l: l, dir: dir, prefix: prefix, after: after, more: true}
	v.cursor = prefix
	early := []string{prefix}
	if rest, below := strings.CutPrefix(after, dir); below && after > dir+prefix {
		name, _, _ := strings.Cut(rest, "/")
		v.cursor = name
		early = early[:0]
		// Directories whose names are the beginnings of this name may come behind it.
		for i := len(prefix); i < len(name); i++ {
			if i > 0 && name[i] < '/' {
				early = append(early, name[:i])
			}
		}
		early = append(early, name)
	} else if after >= dir && !strings.HasPrefix(after, dir) && after > dir+prefix {
		v.more = false // everything here is before it
		return v, nil
	}
	for _, name := range early {
		if err := v.single(ctx, name); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// single looks at one name, which the pages that follow begin behind.
func (v *level) single(ctx context.Context, name string) error {
	if name == "" || !strings.HasPrefix(name, v.prefix) || !v.shown(name) {
		return nil
	}
	path, err := v.l.at(v.dir + name)
	if err != nil {
		return nil // what is no name of a file is not there
	}
	info, err := v.l.files.Stat(ctx, v.l.user, path)
	if bine.IsKind(err, bine.NotFound) || bine.IsKind(err, bine.Conflict) || bine.IsKind(err, bine.Invalid) || bine.IsKind(err, bine.Forbidden) {
		return nil
	}
	if err == nil {
		v.keep(info, name)
	}
	return err
}

// shown reports whether a name is one of the project's own, at its top.
func (v *level) shown(name string) bool { return actor.Listed(v.dir, name) }

func (v *level) keep(info dfs.Info, name string) {
	i := item{v.dir + name, info}
	if info.Dir {
		i.key += "/"
	}
	at, _ := slices.BinarySearchFunc(v.kept, i.key, func(k item, key string) int { return strings.Compare(k.key, key) })
	v.kept = slices.Insert(v.kept, at, i)
}

// next gives the next item, or false at the end.
func (v *level) next(ctx context.Context) (item, bool, error) {
	for {
		if err := v.fill(ctx); err != nil {
			return item{}, false, err
		}
		if len(v.kept) > 0 && (len(v.page) == 0 || v.kept[0].key < v.dir+v.page[0].Name) {
			first := v.kept[0]
			v.kept = v.kept[1:]
			// What is behind "after" may lie in a directory that is before it.
			if first.key > v.after || first.info.Dir && strings.HasPrefix(v.after, first.key) {
				return first, true, nil
			}
			continue
		}
		if len(v.page) == 0 {
			return item{}, false, nil
		}
		info := v.page[0]
		v.page = v.page[1:]
		if !strings.HasPrefix(info.Name, v.prefix) { // names are in order: none follows
			v.page, v.more = nil, false
			continue
		}
		if v.shown(info.Name) {
			v.keep(info, info.Name)
		}
	}
}

func (v *level) fill(ctx context.Context) error {
	if len(v.page) > 0 || !v.more {
		return nil
	}
	path, err := v.l.at(v.dir)
	if err != nil {
		return err
	}
	v.page, v.more, err = v.l.files.List(ctx, v.l.user, path, v.cursor, mostKeys+1)
	if bine.IsKind(err, bine.NotFound) || bine.IsKind(err, bine.Conflict) || bine.IsKind(err, bine.Forbidden) {
		v.page, v.more, err = nil, false, nil
	}
	if len(v.page) > 0 {
		v.cursor = v.page[len(v.page)-1].Name
	} else {
		v.more = false
	}
	return err
}

// walk calls emit with the items whose keys begin with prefix and are behind after,
// in order, until it says that it is enough. With deep it goes into directories, of
// which only empty ones are items then.
func (l *lister) walk(ctx context.Context, prefix, after string, deep bool, emit func(item) bool) error {
	dir, name := "", prefix
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		dir, name = prefix[:i+1], prefix[i+1:]
	}
	_, err := l.walkLevel(ctx, dir, name, after, deep, emit)
	return err
}

func (l *lister) walkLevel(ctx context.Context, dir, prefix, after string, deep bool, emit func(item) bool) (enough bool, err error) {
	v, err := l.open(ctx, dir, prefix, after)
	if err != nil {
		return false, err
	}
	some := false
	for {
		i, ok, err := v.next(ctx)
		if err != nil {
			return false, err
		}
		if !ok {
			break
		}
		some = true
		switch {
		case deep && i.info.Dir:
			enough, err = l.walkLevel(ctx, i.key, "", after, deep, emit)
		case i.key > after:
			enough = emit(i)
		}
		if enough || err != nil {
			return enough, err
		}
	}
	if some || dir == "" || prefix != "" || after >= dir {
		return false, nil
	}
	return l.emptyDirectory(ctx, dir, emit)
}

// emptyDirectory gives a directory with nothing in it as an object whose key ends in
// a slash, by which some clients know directories.
func (l *lister) emptyDirectory(ctx context.Context, dir string, emit func(item) bool) (bool, error) {
	path, err := l.at(dir)
	if err != nil {
		return false, nil
	}
	info, err := l.files.Stat(ctx, l.user, path)
	if err != nil || !info.Dir {
		if bine.IsKind(err, bine.NotFound) || bine.IsKind(err, bine.Conflict) || bine.IsKind(err, bine.Forbidden) {
			err = nil
		}
		return false, err
	}
	return emit(item{dir, info}), nil
}
