package mount

import (
	"context"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// entry is what files and directories have in common. Its number is the one that
// the server gives it, so that a file which was replaced by another is another.
type entry struct {
	fs.Inode
	s   *system
	ino uint64
}

// path is where the entry is in the project.
func (e *entry) path() string {
	return strings.Trim(e.s.Path+"/"+e.Path(e.Root()), "/")
}

func (e *entry) child(name string) string { return strings.Trim(e.path()+"/"+name, "/") }

// nameless is what the library puts into the path of an entry that has none any more.
const nameless = ".go-fuse."

// at calls f with the path of the entry, again where the server was away or the
// entry was renamed meanwhile. An entry that was removed is ESTALE.
func (e *entry) at(f func(ctx context.Context, path string) error) error {
	for {
		path := e.path()
		if strings.Contains(path, nameless) {
			return syscall.ESTALE
		}
		err := e.s.again(func(ctx context.Context, _ bool) error { return f(ctx, path) })
		if !bine.IsKind(err, bine.NotFound) || path == e.path() {
			return err
		}
	}
}

// stat asks the server for the entry. Another file at its path is ESTALE.
func (e *entry) stat() (client.File, error) {
	var file client.File
	err := e.at(func(ctx context.Context, path string) (err error) {
		file, err = e.s.Client.LinkInfo(ctx, e.s.Project, path)
		return err
	})
	if err == nil && uint64(file.ID) != e.ino {
		err = syscall.ESTALE
	}
	return file, err
}

// kindBits says what kind of entry the kernel is to take it for.
func kindBits(f client.File) uint32 {
	switch {
	case f.Dir:
		return syscall.S_IFDIR
	case f.Link != "":
		return syscall.S_IFLNK
	}
	return syscall.S_IFREG
}

// describe writes what the server says of an entry as the kernel has it. Every
// entry belongs to the user who mounted: who that is for the server decides.
func describe(f client.File, out *fuse.Attr) {
	out.Ino, out.Size, out.Mode = uint64(f.ID), uint64(f.Size), f.Mode&0o777|kindBits(f)
	out.Nlink, out.Blksize = 1, largest
	if f.Dir {
		out.Nlink, out.Size = 2, 4096
	}
	if f.Link != "" {
		out.Size, out.Mode = uint64(len(f.Link)), 0o777|syscall.S_IFLNK
	}
	out.Blocks = (out.Size + 511) / 512
	out.Uid, out.Gid = uint32(os.Getuid()), uint32(os.Getgid())
	out.SetTimes(&f.Modified, &f.Modified, &f.Modified)
}

// Access lets the server decide, when something is done.
func (e *entry) Access(context.Context, uint32) syscall.Errno { return 0 }

// Statfs shows the quota of the project as the size of the file system.
func (e *entry) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	u, err := e.s.space.look(e.s)
	if err != nil {
		return e.s.errnoOf(err, syscall.EIO)
	}
	const block, boundless = 4096, 1 << 50
	total := u.Quota
	if total == 0 {
		total = boundless
	}
	free := uint64(max(total-u.Bytes, 0)) / block
	out.Bsize, out.Frsize, out.NameLen = block, block, 255
	out.Blocks, out.Bfree, out.Bavail = uint64(total)/block, free, free
	out.Files, out.Ffree = uint64(u.Files+u.Directories)+boundless, boundless
	return 0
}

// setAttributes changes what in says of mode, owner and times.
func (e *entry) setAttributes(in *fuse.SetAttrIn) error {
	if uid, ok := in.GetUID(); ok && uid != uint32(os.Getuid()) {
		return syscall.EPERM
	}
	if gid, ok := in.GetGID(); ok && gid != uint32(os.Getgid()) {
		return syscall.EPERM
	}
	var a client.FileAttributes
	if mode, ok := in.GetMode(); ok {
		if mode&0o7000 != 0 {
			return syscall.EPERM
		}
		a.Mode = new(mode & 0o777)
	}
	if moment, ok := in.GetMTime(); ok {
		a.Modified = &moment
	}
	if a == (client.FileAttributes{}) {
		return nil
	}
	return e.change(a)
}

func (e *entry) change(a client.FileAttributes) error {
	e.s.changes.Add(1)
	return e.at(func(ctx context.Context, path string) error {
		_, err := e.s.Client.SetFileAttributes(ctx, e.s.Project, path, a)
		return err
	})
}

// moment is now as exactly as the server keeps it.
func moment() time.Time { return time.Now().Truncate(time.Microsecond) }
