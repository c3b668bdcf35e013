package mount

import (
	"context"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/bine-ml/bine/client"
)

// perPage is how many entries of a directory are asked for at once: so many as
// the server gives at most.
const perPage = 1000

// listing goes through a directory page by page.
type listing struct {
	d    *dir
	page []client.File
	next string
	last bool
	err  error
	off  uint64 // how many entries were given
}

// Readdir lists the directory.
func (d *dir) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	l := &listing{d: d}
	l.more()
	if l.err != nil {
		return nil, d.s.errnoOf(l.err, syscall.ENOTDIR)
	}
	return l, 0
}

// more gets the next page, and keeps what it says for the questions that the
// kernel asks next.
func (l *listing) more() {
	since := l.d.s.changes.Load()
	var p client.Page[client.File]
	l.err = l.d.at(func(ctx context.Context, path string) (err error) {
		p, err = l.d.s.Client.Files(ctx, l.d.s.Project, path, client.List{After: l.next, Limit: perPage})
		return err
	})
	l.page, l.next, l.last = p.Items, p.Next, p.Next == ""
	d := l.d
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listed, d.since, d.until = make(map[string]client.File, len(p.Items)), since, time.Now().Add(time.Second)
	for _, f := range p.Items {
		d.listed[f.Name] = f
	}
}

// HasNext reports whether there is another entry, or an error.
func (l *listing) HasNext() bool {
	for len(l.page) == 0 && !l.last && l.err == nil {
		l.more()
	}
	return len(l.page) > 0 || l.err != nil
}

// Next gives the next entry.
func (l *listing) Next() (fuse.DirEntry, syscall.Errno) {
	if l.err != nil {
		err := l.err
		l.err, l.last = nil, true
		return fuse.DirEntry{}, l.d.s.errnoOf(err, syscall.ENOTDIR)
	}
	f := l.page[0]
	l.page, l.off = l.page[1:], l.off+1
	return fuse.DirEntry{Name: f.Name, Ino: uint64(f.ID), Mode: kindBits(f), Off: l.off}, 0
}

// Seekdir goes to where it was after so many entries, from the beginning.
func (l *listing) Seekdir(_ context.Context, off uint64) syscall.Errno {
	*l = listing{d: l.d}
	for l.off < off && l.HasNext() {
		if _, errno := l.Next(); errno != 0 {
			return errno
		}
	}
	return 0
}

// Close has nothing to give back.
func (l *listing) Close() {}
