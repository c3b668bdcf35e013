package mount

import (
	"context"
	"io"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// How much is asked for at once: the least, and the most that is read ahead of
// who reads from the beginning to the end. A reader holds up to twice the most.
const (
	leastWindow = 128 << 10
	mostWindow  = 8 << 20
)

// Read reads at an offset.
func (f *file) Read(_ context.Context, h fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	got, here, err := f.readHere(dest, off)
	if err != nil {
		return nil, f.s.errnoOf(err, syscall.EIO)
	}
	if here {
		return fuse.ReadResultData(got), 0
	}
	reading, ok := h.(*handle)
	if !ok {
		reading = &handle{}
	}
	n, err := reading.reader.read(f, dest, off)
	if err != nil {
		return nil, f.s.errnoOf(err, syscall.EISDIR)
	}
	return fuse.ReadResultData(dest[:n]), 0
}

// readHere reads what is here alone. Of a file that is half here the rest is sent first.
func (f *file) readHere(dest []byte, off int64) (got []byte, here bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.spool != nil:
		n, err := f.spool.ReadAt(dest, off)
		if err == io.EOF {
			err = nil
		}
		return dest[:n], true, err
	case f.gone:
		return nil, true, syscall.ESTALE
	case len(f.tail) == 0:
		return nil, false, nil
	case off >= f.base:
		n := copy(dest, f.tail[min(off-f.base, int64(len(f.tail))):])
		return dest[:n], true, nil
	}
	err = f.sendTail()
	f.publish()
	return nil, false, err
}

// part is a stretch of a file as the server has it.
type part struct {
	off  int64
	data []byte
	err  error
}

func (p *part) end() int64 { return p.off + int64(len(p.data)) }

// ahead is a part that is on its way.
type ahead struct {
	off  int64
	done chan struct{}
	part part
}

// reader reads for one who has the file open. It remembers the last part, and
// while reading goes on behind it asks for the next, twice as large.
type reader struct {
	mu     sync.Mutex
	part   part
	next   *ahead
	window int64
	cuts   int
}

// begin asks for the first part, which tells the state of the file, too.
func (r *reader) begin(f *file) error {
	data, err := f.fetch(0, leastWindow, true)
	r.part, r.window, r.cuts = part{0, data, nil}, leastWindow, f.cuts
	return err
}

func (r *reader) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.part, r.next = part{}, nil
}

// read fills dest, or as much of it as the file has.
func (r *reader) read(f *file, dest []byte, off int64) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.mu.Lock()
	if f.cuts != r.cuts {
		r.part, r.next, r.cuts = part{}, nil, f.cuts
	}
	f.mu.Unlock()
	for n < len(dest) {
		at := off + int64(n)
		if at < r.part.off || at >= r.part.end() {
			if err := r.move(f, at, int64(len(dest)-n)); err != nil {
				return n, err
			}
			if len(r.part.data) == 0 {
				return n, nil
			}
		}
		n += copy(dest[n:], r.part.data[at-r.part.off:])
	}
	return n, nil
}

// move makes the part one that begins at an offset.
func (r *reader) move(f *file, at, least int64) error {
	onward := at == r.part.end() && at > 0
	if next := r.next; next != nil && next.off == at {
		<-next.done
		r.part, r.next = next.part, nil
	} else {
		r.next = nil
		r.window = leastWindow
		data, err := f.fetch(at, max(r.window, least), false)
		if bine.IsKind(err, bine.Forbidden) && least < r.window { // there may be a limit in between
			data, err = f.fetch(at, least, false)
		}
		r.part = part{at, data, err}
	}
	if err := r.part.err; err != nil {
		r.part = part{}
		return err
	}
	if onward && int64(len(r.part.data)) >= r.window {
		r.window = min(2*r.window, mostWindow)
		r.lookAhead(f)
	}
	return nil
}

// lookAhead asks for the part behind the one that is at hand.
func (r *reader) lookAhead(f *file) {
	next := &ahead{off: r.part.end(), done: make(chan struct{})}
	window := r.window
	r.next = next
	go func() {
		defer close(next.done)
		data, err := f.fetch(next.off, window, false)
		next.part = part{next.off, data, err}
	}()
}

// fetch gets up to length bytes from the server, none behind the end. If note is
// set the caller holds the file, and its state is noted.
func (f *file) fetch(off, length int64, note bool) (data []byte, err error) {
	err = f.at(func(ctx context.Context, path string) error {
		there, err := f.open(ctx, path, off, length)
		if bine.IsKind(err, bine.Invalid) { // no byte is there
			data = nil
			if note {
				return f.noteEmpty()
			}
			return nil
		}
		if err != nil {
			return err
		}
		defer there.Body.Close()
		data = make([]byte, max(min(length, there.Size-off), 0))
		if _, err := io.ReadFull(there.Body, data); err != nil {
			return bine.Errorf(bine.Unavailable, "read %s: %w", path, err)
		}
		if note {
			f.base, f.etag = there.Size, there.ETag
		}
		return nil
	})
	return data, err
}

// open opens a part of the file on the server, again when it was overwritten just
// at that moment.
func (f *file) open(ctx context.Context, path string, off, length int64) (there client.FileContent, err error) {
	for range 5 {
		there, err = f.s.Client.OpenFile(ctx, f.s.Project, path, off, length)
		if !bine.IsKind(err, bine.Conflict) {
			break
		}
	}
	if err == nil && !f.isOf(there.ETag) {
		there.Body.Close()
		err = syscall.ESTALE
	}
	return there, err
}

// noteEmpty asks for the state of a file that has no bytes.
func (f *file) noteEmpty() error {
	now, err := f.stat()
	if err == nil {
		f.base, f.etag = now.Size, now.ETag
	}
	return err
}
