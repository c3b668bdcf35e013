package mount

import (
	"bytes"
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// dir is a directory.
type dir struct {
	entry
	mu     sync.Mutex
	listed map[string]client.File // by name: what a listing said, until somebody looks it up
	until  time.Time
	since  int64 // system.changes when the listing was asked for
}

var (
	_ fs.NodeLookuper      = (*dir)(nil)
	_ fs.NodeReaddirer     = (*dir)(nil)
	_ fs.NodeMkdirer       = (*dir)(nil)
	_ fs.NodeCreater       = (*dir)(nil)
	_ fs.NodeUnlinker      = (*dir)(nil)
	_ fs.NodeRmdirer       = (*dir)(nil)
	_ fs.NodeRenamer       = (*dir)(nil)
	_ fs.NodeGetattrer     = (*dir)(nil)
	_ fs.NodeSetattrer     = (*dir)(nil)
	_ fs.NodeFsyncer       = (*dir)(nil)
	_ fs.NodeAccesser      = (*dir)(nil)
	_ fs.NodeStatfser      = (*dir)(nil)
	_ fs.NodeGetxattrer    = (*dir)(nil)
	_ fs.NodeSetxattrer    = (*dir)(nil)
	_ fs.NodeListxattrer   = (*dir)(nil)
	_ fs.NodeRemovexattrer = (*dir)(nil)
)

// Lookup finds what has a name in the directory.
func (d *dir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := checkName(name); errno != 0 {
		return nil, errno
	}
	f, known := d.known(name)
	if !known {
		var err error
		if f, err = d.look(name); err != nil {
			return nil, d.s.errnoOf(err, syscall.ENOTDIR)
		}
	}
	return d.enter(ctx, f, out), 0
}

// look asks the server for what has a name in the directory.
func (d *dir) look(name string) (f client.File, err error) {
	err = d.at(func(ctx context.Context, path string) (err error) {
		f, err = d.s.Client.LinkInfo(ctx, d.s.Project, join(path, name))
		return err
	})
	return f, err
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// known gives what a listing said of a name a moment ago, once.
func (d *dir) known(name string) (client.File, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, ok := d.listed[name]
	delete(d.listed, name)
	return f, ok && d.since == d.s.changes.Load() && time.Now().Before(d.until)
}

// enter gives the kernel an entry of the directory.
func (d *dir) enter(ctx context.Context, f client.File, out *fuse.EntryOut) *fs.Inode {
	id := fs.StableAttr{Mode: kindBits(f), Ino: uint64(f.ID)}
	describe(f, &out.Attr)
	if f.Dir {
		return d.NewInode(ctx, &dir{entry: entry{s: d.s, ino: id.Ino}}, id)
	}
	if f.Link != "" {
		return d.NewInode(ctx, &link{entry{s: d.s, ino: id.Ino}, f.Link}, id)
	}
	n := d.NewInode(ctx, newFile(d.s, f), id)
	if known, ok := n.Operations().(*file); ok { // it may be one that is known, and changed here
		known.describe(f, &out.Attr)
	}
	return n
}

// Getattr describes the directory.
func (d *dir) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	f, err := d.stat()
	if err != nil {
		return d.s.errnoOf(err, syscall.ENOENT)
	}
	describe(f, &out.Attr)
	return 0
}

// Setattr changes mode and time.
func (d *dir) Setattr(ctx context.Context, h fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if err := d.setAttributes(in); err != nil {
		return d.s.errnoOf(err, syscall.EIO)
	}
	return d.Getattr(ctx, h, out)
}

// Fsync has nothing to do: names are on the server when a call returns.
func (d *dir) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno { return 0 }

// Mkdir makes a directory.
func (d *dir) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := checkName(name); errno != 0 {
		return nil, errno
	}
	d.s.changes.Add(1)
	var f client.File
	path := d.child(name)
	err := d.s.again(func(ctx context.Context, lost bool) (err error) {
		f, err = d.s.Client.ChangeFile(ctx, d.s.Project, path, client.FileChange{Op: "mkdir", Exclusive: true, Mode: mode & 0o777})
		if lost && bine.IsKind(err, bine.Conflict) {
			f, err = d.s.Client.Stat(ctx, d.s.Project, path)
		}
		return err
	})
	if err == nil && mode&0o777 == 0 {
		f.Mode = 0
		err = d.s.again(func(ctx context.Context, _ bool) error {
			_, err := d.s.Client.SetFileAttributes(ctx, d.s.Project, path, client.FileAttributes{Mode: new(uint32(0))})
			return err
		})
	}
	if err != nil {
		return nil, d.s.errnoOf(err, syscall.EEXIST)
	}
	return d.enter(ctx, f, out), 0
}

// Create makes a file and opens it.
func (d *dir) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if errno := checkName(name); errno != 0 {
		return nil, nil, 0, errno
	}
	d.s.changes.Add(1)
	f, fresh, err := d.make(name, mode&0o777, flags&syscall.O_EXCL != 0)
	if err != nil {
		return nil, nil, 0, d.s.errnoOf(err, syscall.EEXIST)
	}
	n := d.enter(ctx, f, out)
	made, ok := n.Operations().(*file)
	if !ok {
		return nil, nil, 0, syscall.EISDIR
	}
	if fresh {
		h := made.begin(f, flags, mode&0o777)
		made.describe(f, &out.Attr)
		return n, h, 0, 0
	}
	h, keep, errno := made.Open(ctx, flags)
	return n, h, keep, errno
}

// make makes an empty file, or finds the one that is there. Its mode allows the
// owner to write until the file is closed: who makes a file may write it.
func (d *dir) make(name string, mode uint32, exclusive bool) (f client.File, fresh bool, err error) {
	path := d.child(name)
	err = d.s.again(func(ctx context.Context, lost bool) (err error) {
		f, err = d.s.Client.UploadFile(ctx, d.s.Project, path, bytes.NewReader(nil), client.UploadOptions{Mode: mode | 0o200})
		fresh = err == nil
		if !bine.IsKind(err, bine.Conflict) || exclusive && !lost {
			return err
		}
		if f, err = d.s.Client.Stat(ctx, d.s.Project, path); err == nil && f.Dir {
			return syscall.EISDIR
		}
		return err
	})
	return f, fresh, err
}

// Unlink removes a file. Who has it open here goes on with it.
func (d *dir) Unlink(_ context.Context, name string) syscall.Errno {
	d.s.changes.Add(1)
	gone, errno := d.openFile(name)
	if errno != 0 {
		return errno
	}
	if gone != nil {
		gone.mu.Lock()
		defer gone.mu.Unlock()
		if err := gone.detach(); err != nil {
			return d.s.errnoOf(err, syscall.EIO)
		}
	}
	if err := d.remove(name); err != nil {
		return d.s.errnoOf(err, syscall.EISDIR)
	}
	if gone != nil {
		gone.leave()
	}
	return 0
}

// openFile gives the file of that name, if it is one that the kernel knows.
func (d *dir) openFile(name string) (*file, syscall.Errno) {
	n := d.GetChild(name)
	if n == nil {
		return nil, 0
	}
	f, _ := n.Operations().(*file)
	return f, 0
}

func (d *dir) remove(name string) error {
	path := d.child(name)
	return d.s.again(func(ctx context.Context, lost bool) error {
		err := d.s.Client.RemoveFile(ctx, d.s.Project, path, false)
		if lost && bine.IsKind(err, bine.NotFound) {
			return nil
		}
		return err
	})
}

// Rmdir removes an empty directory.
func (d *dir) Rmdir(_ context.Context, name string) syscall.Errno {
	d.s.changes.Add(1)
	return d.s.errnoOf(d.remove(name), syscall.ENOTEMPTY)
}
