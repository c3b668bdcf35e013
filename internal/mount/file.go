package mount

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/bine-ml/bine/client"
)

// file is a regular file. What all who have it open here share is in it; what
// was written and not sent is in the tail or in the spool, never in both.
type file struct {
	entry
	mu    sync.Mutex
	opens int
	// writers are those of them who write, and not with O_APPEND.
	writers int
	claim   *claim // while there are some
	base    int64  // size that the file has on the server
	etag    string
	tail    []byte // bytes behind base
	// following says that the tail was written at the end wherever that is (O_APPEND).
	following bool
	spool     *spool
	dirty     bool  // the spool has what the server has not
	from      int64 // offset of the first byte that differs
	changed   time.Time
	mode      *uint32 // to be set when the content is sent
	gone      bool    // removed here: what is written goes nowhere
	failed    error   // what was written could not be sent; told at the next call
	cached    string  // ETag of the content that the kernel may have
	cuts      int     // counts what makes bytes that were read untrue
	view      atomic.Pointer[view]
	told      atomic.Bool // changed was told to somebody
}

// view is what is told of a file without waiting for those who write it.
type view struct {
	seen    client.File // the last that the server said after a change made here
	local   bool        // size and changed are here alone
	size    int64
	changed time.Time
	mode    *uint32
	gone    bool
}

var (
	_ fs.NodeOpener        = (*file)(nil)
	_ fs.NodeReader        = (*file)(nil)
	_ fs.NodeWriter        = (*file)(nil)
	_ fs.NodeFlusher       = (*file)(nil)
	_ fs.NodeFsyncer       = (*file)(nil)
	_ fs.NodeReleaser      = (*file)(nil)
	_ fs.NodeGetattrer     = (*file)(nil)
	_ fs.NodeSetattrer     = (*file)(nil)
	_ fs.NodeAllocater     = (*file)(nil)
	_ fs.NodeAccesser      = (*file)(nil)
	_ fs.NodeStatfser      = (*file)(nil)
	_ fs.NodeGetxattrer    = (*file)(nil)
	_ fs.NodeSetxattrer    = (*file)(nil)
	_ fs.NodeListxattrer   = (*file)(nil)
	_ fs.NodeRemovexattrer = (*file)(nil)
)

func newFile(s *system, f client.File) *file {
	made := &file{entry: entry{s: s, ino: uint64(f.ID)}, base: f.Size, etag: f.ETag}
	made.view.Store(&view{seen: f})
	return made
}

// size is that of the file as it is here. The caller holds mu, as for all that
// has no lock of its own below.
func (f *file) size() int64 {
	if f.spool != nil {
		return f.spool.size
	}
	return f.base + int64(len(f.tail))
}

// publish tells the state of the file to those who ask without a lock.
func (f *file) publish() {
	v := *f.view.Load()
	v.local, v.size, v.changed = f.dirty || len(f.tail) > 0 || f.gone, f.size(), f.changed
	v.mode, v.gone = f.mode, f.gone
	f.view.Store(&v)
}

// answered notes what the server said after a change of the content.
func (f *file) answered(now client.File) {
	f.base, f.etag = now.Size, now.ETag
	v := *f.view.Load()
	v.seen = now
	f.view.Store(&v)
}

// describe writes what the server says, with what is here alone. An answer may
// be older than what was written since it was asked for.
func (f *file) describe(now client.File, out *fuse.Attr) {
	v := f.view.Load()
	if version(v.seen.ETag) > version(now.ETag) {
		now.Size, now.Modified = v.seen.Size, v.seen.Modified
	}
	if v.mode != nil {
		now.Mode = *v.mode
	}
	if v.local {
		now.Size, now.Modified = v.size, v.changed
		f.told.Store(true)
	}
	describe(now, out)
	if v.gone {
		out.Nlink = 0
	}
}

// version is the part of an ETag that moves with the content.
func version(etag string) int64 {
	_, text, _ := strings.Cut(strings.Trim(etag, `"`), "-")
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// isOf reports whether an ETag is that of a state of the file.
func (f *file) isOf(etag string) bool {
	id, _, _ := strings.Cut(strings.Trim(etag, `"`), "-")
	return id == strconv.FormatUint(f.ino, 10)
}

// Getattr describes the file.
func (f *file) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if v := f.view.Load(); v.gone {
		f.describe(v.seen, &out.Attr)
		return 0
	}
	now, err := f.stat()
	if err != nil {
		return f.s.errnoOf(err, syscall.ENOENT)
	}
	f.describe(now, &out.Attr)
	return 0
}

// Access says whether the file can be executed; all else the server decides, when
// it is done.
func (f *file) Access(_ context.Context, mask uint32) syscall.Errno {
	if mask&unix.X_OK == 0 {
		return 0
	}
	now, err := f.stat()
	if err != nil {
		return f.s.errnoOf(err, syscall.ENOENT)
	}
	if now.Mode&0o111 == 0 {
		return syscall.EACCES
	}
	return 0
}

// handle is a file while it is open.
type handle struct {
	append bool
	writes bool // and where it wants to
	reader reader
}

// begin opens a file that was just made.
func (f *file) begin(now client.File, flags, mode uint32) *handle {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opens++
	f.cached = now.ETag
	if mode != now.Mode&0o777 {
		f.mode = &mode
	}
	f.publish()
	return f.handleOf(flags)
}

// handleOf makes a handle for the flags of an open.
func (f *file) handleOf(flags uint32) *handle {
	h := &handle{append: flags&syscall.O_APPEND != 0}
	if h.writes = !h.append && flags&syscall.O_ACCMODE != syscall.O_RDONLY; h.writes {
		f.writerCame()
	}
	return h
}

// Open opens the file, and looks at what the server has.
func (f *file) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.handleOf(flags)
	if f.opens == 0 || !f.changedHere() {
		if err := f.refresh(h, flags&syscall.O_ACCMODE); err != nil {
			f.done(h)
			return nil, 0, f.s.errnoOf(err, syscall.EISDIR)
		}
	}
	f.opens++
	keep := uint32(0)
	if f.cached == f.etag {
		keep = fuse.FOPEN_KEEP_CACHE
	}
	f.cached = f.etag
	return h, keep, 0
}

func (f *file) changedHere() bool { return f.spool != nil || len(f.tail) > 0 || f.gone }

// refresh asks the server for the state of the file, and whether it may be read
// or written. Reading begins with that question.
func (f *file) refresh(h *handle, access uint32) error {
	if access == syscall.O_RDONLY {
		return h.reader.begin(f)
	}
	// Nothing is added; that it would be allowed is what is asked.
	now, err := f.send(min(f.base, 1), nil)
	if err != nil {
		return err
	}
	if uint64(now.ID) != f.ino {
		return syscall.ESTALE
	}
	f.answered(now)
	return nil
}

// Flush sends what was written, when a descriptor is closed.
func (f *file) Flush(context.Context, fs.FileHandle) syscall.Errno {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.sync()
	if f.opens == 1 && f.claim != nil { // most likely nobody goes on
		f.claim.release()
	}
	return f.s.errnoOf(err, syscall.EIO)
}

// Fsync sends what was written.
func (f *file) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.s.errnoOf(f.sync(), syscall.EIO)
}

// Release forgets what is kept for who has the file open.
func (f *file) Release(_ context.Context, h fs.FileHandle) syscall.Errno {
	if h, ok := h.(*handle); ok {
		h.reader.stop()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if h, ok := h.(*handle); ok {
		defer f.done(h)
	}
	if f.opens--; f.opens > 0 {
		return 0
	}
	// What a mapping wrote after the last close comes only now.
	if err := f.sync(); err != nil {
		f.s.log.Printf("%s: what was written last is lost: %v", f.path(), err)
	}
	f.forget()
	return 0
}

// done forgets a handle as one that writes.
func (f *file) done(h *handle) {
	if h.writes {
		f.writerLeft()
	}
}

// forget drops what is here alone.
func (f *file) forget() {
	if f.spool != nil {
		f.spool.close()
	}
	f.spool, f.dirty, f.tail, f.failed, f.mode = nil, false, nil, nil, nil
	f.publish()
}
