package mount

import (
	"context"
	"fmt"
	"io"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// piece is how much of a growing file is kept until it is sent.
const piece = client.MaxAppend

// Write writes at an offset; with O_APPEND at the end.
func (f *file) Write(_ context.Context, h fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return 0, f.s.errnoOf(f.failed, syscall.EIO)
	}
	following := false
	if h, ok := h.(*handle); ok && h.append {
		following, off = true, f.size()
	}
	if err := f.write(data, off, following); err != nil {
		return 0, f.s.errnoOf(err, syscall.EIO)
	}
	return uint32(len(data)), 0
}

func (f *file) write(data []byte, off int64, following bool) error {
	f.changed = moment()
	defer f.publish()
	if f.spool == nil && off == f.size() && !f.gone {
		return f.add(data, following)
	}
	if err := f.copyHere(); err != nil {
		return err
	}
	if err := f.spool.write(data, off); err != nil {
		return err
	}
	f.mark(off)
	return nil
}

// mark notes that bytes from an offset on differ from the server's.
func (f *file) mark(off int64) {
	if !f.dirty || off < f.from {
		f.dirty, f.from = true, off
	}
}

// add writes at the end, and sends what has become enough.
func (f *file) add(data []byte, following bool) error {
	f.following = following && (len(f.tail) == 0 || f.following)
	if len(f.tail)+len(data) > piece {
		if err := f.sendTail(); err != nil {
			f.failed = err
			return err
		}
	}
	f.tail = append(f.tail, data...)
	return nil
}

// sendTail adds the tail to the file on the server.
func (f *file) sendTail() error {
	if len(f.tail) == 0 {
		return nil
	}
	f.s.changes.Add(1)
	for tries := 0; ; tries++ {
		now, err := f.send(f.base, f.tail)
		if err == nil {
			f.tail = f.tail[:0]
			if cap(f.tail) > piece/4 && f.opens == 0 {
				f.tail = nil
			}
			f.answered(now)
			return nil
		}
		if !bine.IsKind(err, bine.Conflict) || !f.following || tries == 10 {
			return err
		}
		// Somebody else was first: the end is elsewhere now.
		there, missing := f.stat()
		if missing != nil {
			return missing
		}
		f.base = there.Size
		f.cuts++
	}
}

func (f *file) send(at int64, data []byte) (now client.File, err error) {
	err = f.under(func(lease int64) error {
		return f.at(func(ctx context.Context, path string) (err error) {
			now, err = f.s.Client.AppendUnder(ctx, f.s.Project, path, at, data, lease)
			return err
		})
	})
	return now, err
}

// copyHere makes the local copy of the file.
func (f *file) copyHere() error {
	if f.spool != nil {
		return nil
	}
	p, err := f.s.newSpool()
	if err != nil {
		return err
	}
	if f.base > 0 {
		if err = p.cut(f.base); err == nil { // so that what does not fit is not fetched first
			err = f.download(p)
		}
	}
	if err == nil && len(f.tail) > 0 {
		err = p.write(f.tail, p.size)
	}
	if err != nil {
		p.close()
		return err
	}
	if len(f.tail) > 0 {
		f.mark(f.base)
	}
	f.spool, f.tail = p, nil
	f.cuts++
	return nil
}

// download fills a copy with what the server has.
func (f *file) download(p *spool) error {
	return f.at(func(ctx context.Context, path string) error {
		if err := p.cut(0); err != nil {
			return err
		}
		there, err := f.open(ctx, path, 0, 0)
		if err != nil {
			return err
		}
		defer there.Body.Close()
		if err := p.fill(io.LimitReader(there.Body, there.Size)); err != nil {
			return fmt.Errorf("copy %s: %w", path, err)
		}
		f.base, f.etag = p.size, there.ETag
		return nil
	})
}

// detach makes the file independent of its name, for those who have it open.
func (f *file) detach() error {
	if f.opens == 0 || f.gone {
		return nil
	}
	return f.copyHere()
}

// leave notes that the file has no name any more.
func (f *file) leave() {
	f.gone = true
	f.changed = f.view.Load().seen.Modified
	f.publish()
}

// sync makes the file on the server what it is here.
func (f *file) sync() error {
	if f.gone {
		return nil
	}
	if f.failed != nil {
		return f.failed
	}
	wrote := f.dirty || len(f.tail) > 0
	fresh := f.cached == f.etag
	if err := f.sendAll(); err != nil {
		return err
	}
	f.dirty = false
	if wrote && fresh { // all that changed went through the kernel
		f.cached = f.etag
	}
	err := f.settle(wrote)
	f.publish()
	return err
}

func (f *file) sendAll() error {
	switch {
	case f.spool == nil:
		return f.sendTail()
	case !f.dirty:
		return nil
	case f.from >= f.base && f.spool.size >= f.base:
		return f.sendEnd()
	}
	return f.replace()
}

// sendEnd adds what the copy has behind the end of the file on the server.
func (f *file) sendEnd() error {
	f.s.changes.Add(1)
	buffer := make([]byte, min(piece, f.spool.size-f.base))
	for f.base < f.spool.size {
		n, err := f.spool.ReadAt(buffer[:min(int64(len(buffer)), f.spool.size-f.base)], f.base)
		if err != nil && err != io.EOF {
			return err
		}
		now, err := f.send(f.base, buffer[:n])
		if err != nil {
			return err
		}
		f.base += int64(n)
		f.answered(now)
	}
	return nil
}

// replace makes the copy the content of the file.
func (f *file) replace() error {
	f.s.changes.Add(1)
	var now client.File
	err := f.under(func(lease int64) error {
		return f.at(func(ctx context.Context, path string) (err error) {
			now, err = f.s.Client.UploadFile(ctx, f.s.Project, path, io.NewSectionReader(f.spool, 0, f.spool.size), client.UploadOptions{Overwrite: true, Lease: lease})
			return err
		})
	})
	if err == nil {
		f.answered(now)
	}
	return err
}

// settle sets the mode that was asked for when the file was made, and the time
// that was told while what it is the time of was here alone.
func (f *file) settle(wrote bool) error {
	var a client.FileAttributes
	a.Mode = f.mode
	if wrote && f.told.Load() {
		a.Modified = &f.changed
	}
	if a == (client.FileAttributes{}) {
		return nil
	}
	if err := f.change(a); err != nil {
		return err
	}
	f.told.Store(false)
	v := *f.view.Load()
	if a.Modified != nil {
		v.seen.Modified = *a.Modified
	}
	if a.Mode != nil {
		v.seen.Mode = *a.Mode
	}
	f.view.Store(&v)
	f.mode = nil
	return nil
}

// Setattr changes size, mode and time.
func (f *file) Setattr(ctx context.Context, h fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if err := f.set(in); err != nil {
		return f.s.errnoOf(err, syscall.EIO)
	}
	return f.Getattr(ctx, h, out)
}

func (f *file) set(in *fuse.SetAttrIn) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if size, ok := in.GetSize(); ok {
		if err := f.cut(int64(size)); err != nil {
			return err
		}
	}
	if f.gone {
		return nil
	}
	_, mode := in.GetMode()
	_, time := in.GetMTime()
	if mode || time { // what is written before counts as before
		if err := f.sync(); err != nil {
			return err
		}
		f.told.Store(false)
	}
	return f.setAttributes(in)
}

// Allocate makes the file longer; space is not reserved.
func (f *file) Allocate(_ context.Context, _ fs.FileHandle, off, size uint64, mode uint32) syscall.Errno {
	const keepSize = 1
	if mode&^keepSize != 0 {
		return syscall.EOPNOTSUPP
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if end := int64(off + size); mode == 0 && end > f.size() {
		return f.s.errnoOf(f.cut(end), syscall.EIO)
	}
	return 0
}
