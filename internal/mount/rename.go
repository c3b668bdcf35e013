package mount

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"golang.org/x/sys/unix"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// Rename moves an entry, over a file that is there or an empty directory.
func (d *dir) Rename(_ context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	target, ok := newParent.(*dir)
	if !ok || flags&^unix.RENAME_NOREPLACE != 0 {
		return syscall.EINVAL
	}
	if errno := checkName(newName); errno != 0 {
		return errno
	}
	d.s.changes.Add(1)
	moved, errno := d.openFile(name)
	if errno != 0 {
		return errno
	}
	over, errno := target.openFile(newName)
	if errno != 0 {
		return errno
	}
	defer hold(moved, over)()
	if over != nil && flags&unix.RENAME_NOREPLACE == 0 {
		if err := over.detach(); err != nil {
			return d.s.errnoOf(err, syscall.EIO)
		}
	}
	err := d.move(name, target, newName, flags&unix.RENAME_NOREPLACE == 0)
	if err != nil {
		return d.s.errnoOf(err, syscall.EEXIST)
	}
	if over != nil && over != moved {
		over.leave()
	}
	return 0
}

// hold locks two files, which may be nil or the same, always in the same order.
func hold(a, b *file) (release func()) {
	if a == b {
		b = nil
	}
	if a != nil && b != nil && a.ino > b.ino {
		a, b = b, a
	}
	for _, f := range []*file{a, b} {
		if f != nil {
			f.mu.Lock()
		}
	}
	return func() {
		for _, f := range []*file{a, b} {
			if f != nil {
				f.mu.Unlock()
			}
		}
	}
}

// move renames on the server. A file replaces a file in one step; a directory
// replaces an empty one in two.
func (d *dir) move(name string, target *dir, newName string, replace bool) error {
	from, to := d.child(name), target.child(newName)
	err := d.s.again(func(ctx context.Context, lost bool) error {
		_, err := d.s.Client.ChangeFile(ctx, d.s.Project, from, client.FileChange{Op: "rename", To: to, Overwrite: replace})
		if lost && bine.IsKind(err, bine.NotFound) && d.isAt(ctx, name, to) {
			return nil // it had been done, and only the answer was lost
		}
		return err
	})
	if !replace || !bine.IsKind(err, bine.Conflict) {
		return err
	}
	switch there, missing := target.look(newName); {
	case missing != nil:
		return missing
	case !there.Dir:
		return syscall.ENOTDIR
	}
	if source, missing := d.look(name); missing != nil || !source.Dir {
		if missing == nil {
			missing = syscall.EISDIR
		}
		return missing
	}
	if err := target.remove(newName); err != nil {
		if bine.IsKind(err, bine.Conflict) {
			return syscall.ENOTEMPTY
		}
		return err
	}
	return d.move(name, target, newName, false)
}

// isAt reports whether what the kernel knows by a name is at another path.
func (d *dir) isAt(ctx context.Context, name, path string) bool {
	n := d.GetChild(name)
	f, err := d.s.Client.Stat(ctx, d.s.Project, path)
	return err == nil && n != nil && n.StableAttr().Ino == uint64(f.ID)
}
